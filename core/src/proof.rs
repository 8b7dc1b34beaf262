//! The proof that a right code buys: a signed JWT (RFC 7519), which any backend checks offline.

pub use jsonwebtoken::errors::Error as ProofError;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Serialize;

use crate::address::Recipient;
use crate::challenge::ChallengeId;

/// For whom proofs are, by whom, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofRules {
    /// `aud`: the backend that is to accept them.
    pub audience: String,
    /// `iss`, where the API has another URL than that of the domain a request came to.
    pub issuer: Option<String>,
    /// Seconds for which a proof lives.
    pub lifetime: i64,
}

/// A token and its end.
pub struct Proof {
    /// The JWT, to be answered, never logged.
    pub token: String,
    /// `exp`, in epoch seconds.
    pub expires_at: i64,
}

/// The claims of a proof: `email` and `email_verified` as an ID token has them (OIDC Core 1.0, 5.1), the others as in
/// RFC 7519, 4.1.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    email: &'a str,
    email_verified: bool,
    jti: String,
    iat: i64,
    exp: i64,
}

impl Proof {
    /// Makes the proof that `recipient` answered the challenge `id` at `verified_at` (epoch seconds).
    ///
    /// Its signature is deterministic, so the same arguments make the same token, byte for byte: it can be answered
    /// again although nobody keeps it.
    ///
    /// # Errors
    ///
    /// When the library cannot sign.
    pub fn issue(
        key: &ProofKey,
        rules: &ProofRules,
        issuer: &str,
        recipient: &Recipient,
        id: ChallengeId,
        verified_at: i64,
    ) -> Result<Self, ProofError> {
        let expires_at = verified_at + rules.lifetime;
        let claims = Claims {
            iss: issuer,
            aud: &rules.audience,
            sub: recipient.as_str(),
            email: recipient.as_str(),
            email_verified: true,
            jti: id.to_string(),
            iat: verified_at,
            exp: expires_at,
        };
        let token = jsonwebtoken::encode(&key.header, &claims, &key.private)?;
        Ok(Self { token, expires_at })
    }
}

/// The key that signs proofs.
#[derive(Clone)]
pub struct ProofKey {
    private: EncodingKey,
    header: Header,
    public: Jwk,
}

impl ProofKey {
    /// The key for ES256 with the private half `private`. Its `kid` is its thumbprint (RFC 7638), so whoever derives
    /// the same key names it alike.
    ///
    /// # Errors
    ///
    /// When the library cannot describe the public half.
    pub(crate) fn new(private: EncodingKey) -> Result<Self, ProofError> {
        let mut public = Jwk::from_encoding_key(&private, Algorithm::ES256)?;
        let kid = public.thumbprint(ThumbprintHash::SHA256)?;
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(kid.clone());
        public.common.key_id = Some(kid);
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self {
            private,
            header,
            public,
        })
    }

    /// The public half (RFC 7517).
    #[must_use]
    pub const fn public(&self) -> &Jwk {
        &self.public
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use serde_json::{Value, json};

    use super::*;
    use crate::es256;

    const NOW: i64 = 1_800_000_000;
    const ISSUER: &str = "https://verify.example.com";

    fn key(byte: u8) -> ProofKey {
        ProofKey::new(es256::private_key([[byte; 32]]).expect("a private key")).expect("a key")
    }

    fn issue(key: &ProofKey, verified_at: i64) -> Proof {
        let rules = ProofRules {
            audience: "api.example.com".to_owned(),
            issuer: None,
            lifetime: 600,
        };
        let recipient = Recipient::parse("kim@example.com").expect("a plain address");
        let id = ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID");
        Proof::issue(key, &rules, ISSUER, &recipient, id, verified_at).expect("a proof")
    }

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).expect("a part");
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url")).expect("JSON")
    }

    #[test]
    fn the_claims_are_those_of_the_contract() {
        let proof = issue(&key(1), NOW);
        assert_eq!(proof.expires_at, NOW + 600);
        let claims = json!({
            "iss": ISSUER,
            "aud": "api.example.com",
            "sub": "kim@example.com",
            "email": "kim@example.com",
            "email_verified": true,
            "jti": "7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e",
            "iat": NOW,
            "exp": NOW + 600,
        });
        assert_eq!(part(&proof.token, 1), claims);
    }

    #[test]
    fn the_header_names_algorithm_and_key() {
        let key = key(1);
        let kid = key.public().common.key_id.clone();
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": kid });
        assert_eq!(part(&issue(&key, NOW).token, 0), header);
    }

    #[test]
    fn the_same_proof_is_the_same_token() {
        assert_eq!(issue(&key(1), NOW).token, issue(&key(1), NOW).token);
        assert_ne!(issue(&key(1), NOW).token, issue(&key(1), NOW + 1).token);
        assert_ne!(issue(&key(1), NOW).token, issue(&key(2), NOW).token);
    }

    #[test]
    fn the_public_half_holds_no_private_one() {
        let public = serde_json::to_value(key(1).public()).expect("JSON");
        let mut members: Vec<_> = public.as_object().expect("an object").keys().collect();
        members.sort();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!((&public["alg"], &public["use"]), (&json!("ES256"), &json!("sig")));
    }
}
