//! What a caller gets, and the proof in it as a backend reads it.

use std::collections::HashMap;

use lambda_http::Body;
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;

#[derive(Clone, Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Value,
    pub(crate) text: String,
}

/// A proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token(pub(crate) String);

impl Response {
    pub(crate) fn read(response: &lambda_http::Response<Body>) -> Self {
        let headers = response.headers().iter();
        Self {
            status: response.status().as_u16(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
                .collect(),
            // A page is no JSON, and a redirect has no body.
            body: match response.headers().get("content-type") {
                Some(media_type) if media_type != "text/html; charset=utf-8" => {
                    serde_json::from_slice(response.body()).expect("JSON")
                }
                _ => Value::Null,
            },
            text: String::from_utf8(response.body().to_vec()).expect("UTF-8"),
        }
    }

    /// What is no response of the API.
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status,
            headers: HashMap::new(),
            body: Value::Null,
            text: String::new(),
        }
    }

    pub(crate) fn challenge_id(&self) -> String {
        self.body["challenge_id"].as_str().expect("a challenge_id").to_owned()
    }

    /// The ids of the keys in a key set.
    pub(crate) fn key_ids(&self) -> Vec<String> {
        let keys = self.body["keys"].as_array().expect("keys").iter();
        keys.map(|key| key["kid"].as_str().expect("a kid").to_owned()).collect()
    }

    pub(crate) fn token(&self) -> Token {
        Token(self.body["token"].as_str().expect("a token").to_owned())
    }

    /// Status and title of a page.
    pub(crate) fn page(&self) -> (u16, &str) {
        assert_eq!(
            self.headers["content-type"], "text/html; charset=utf-8",
            "{}",
            self.text
        );
        let title = self.text.split_once("<h1>").expect("a heading").1;
        (self.status, title.split_once("</h1>").expect("its end").0)
    }

    /// Status and last part of the problem's type, such as `401 code-expired`.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{}",
            self.text
        );
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.body["status"], self.status);
        let name = self.body["type"].as_str().expect("a type");
        format!("{} {}", self.status, name.trim_start_matches("urn:email-verification:"))
    }
}

impl Token {
    pub(crate) fn header(&self) -> Value {
        self.part(0)
    }

    pub(crate) fn claims(&self) -> Value {
        self.part(1)
    }

    /// Whether the key set holds the key that the token names, and that key's signature is right (RFC 7515, 5.2).
    pub(crate) fn is_signed_by(&self, key_set: &Response) -> bool {
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
