//! A proof as a backend reads it.

use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;

use crate::service::Answer;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl Token {
    pub(crate) fn header(&self) -> Value {
        self.part(0)
    }

    pub(crate) fn claims(&self) -> Value {
        self.part(1)
    }

    /// Whether the key set holds the key that the token names, and that key's signature is right (RFC 7515, 5.2).
    pub(crate) fn is_signed_by(&self, key_set: &Answer) -> bool {
        let keys = key_set.body["keys"].as_array().expect("keys");
        let Some(key) = keys.iter().find(|key| key["kid"] == self.key_id()) else {
            return false;
        };
        let decoded = |text: &str| {
            data_encoding::BASE64URL_NOPAD
                .decode(text.as_bytes())
                .expect("base64url")
        };
        let coordinate = |name| decoded(key[name].as_str().expect("a coordinate"));
        let point = [&[4], &*coordinate("x"), &*coordinate("y")].concat();
        let (message, signature) = self.0.rsplit_once('.').expect("three parts");
        let signature = Signature::from_slice(&decoded(signature)).expect("r and s");
        let key = VerifyingKey::from_sec1_bytes(&point).expect("a point");
        key.verify(message.as_bytes(), &signature).is_ok()
    }

    pub(crate) fn key_id(&self) -> String {
        self.header()["kid"].as_str().expect("a kid").to_owned()
    }

    fn part(&self, index: usize) -> Value {
        let part = self.0.split('.').nth(index).expect("a part");
        let json = data_encoding::BASE64URL_NOPAD
            .decode(part.as_bytes())
            .expect("base64url");
        serde_json::from_slice(&json).expect("JSON")
    }
}
