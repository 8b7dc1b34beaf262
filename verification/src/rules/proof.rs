//! The proof that a right code is worth: a signed JWT (RFC 7519) that any backend verifies without calling the service.

use serde::Serialize;
use time::{Duration, UtcDateTime};

use crate::keys::proof_key::{ProofKey, SigningError};
use crate::rules::challenge_id::ChallengeName;
use crate::rules::test_recipient::TEST_AUDIENCE;

/// For whom proofs are, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofRules {
    /// `aud`: the backend that accepts them.
    pub audience: String,
    /// How long a proof lives.
    pub lifetime: Duration,
}

/// A code that was right: whose, for which challenge, and when.
pub struct Redemption<'a> {
    /// The challenge that it answered.
    pub challenge: &'a ChallengeName,
    /// `jti`: the id of the proof.
    pub proof_id: String,
    /// When it did. A repeat has the time of the first.
    pub verified_at: UtcDateTime,
    /// Whether the recipient is a test recipient. `aud` says so.
    pub is_test: bool,
}

/// A token and its end.
pub struct Proof {
    /// The JWT. Return it; never log it.
    pub token: String,
    /// `exp`: when it ends.
    pub expires_at: UtcDateTime,
}

/// The claims of a proof, in the order in which they are written. `email` and `email_verified` are those of an ID token
/// (OIDC Core 1.0, 5.1), `challenge_id` and `purpose` are the service's own, the others are those of RFC 7519, 4.1. Times are epoch seconds.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    email: &'a str,
    email_verified: bool,
    challenge_id: String,
    purpose: &'a str,
    jti: &'a str,
    iat: i64,
    exp: i64,
}

impl Proof {
    /// Signs the proof of a redemption with `key`, in the name of `issuer`.
    ///
    /// The signature is deterministic, so the same arguments make the same token, byte for byte. The proof can be returned
    /// again although nobody keeps it.
    pub fn sign(
        key: &ProofKey,
        rules: &ProofRules,
        issuer: &str,
        redemption: &Redemption,
    ) -> Result<Self, SigningError> {
        let challenge = redemption.challenge;
        let address = challenge.recipient.as_str();
        let mut audience = rules.audience.clone();
        if redemption.is_test {
            audience.push_str(TEST_AUDIENCE);
        }
        let expires_at = redemption.verified_at + rules.lifetime;
        let token = key.sign(&Claims {
            iss: issuer,
            aud: &audience,
            sub: address,
            email: address,
            email_verified: true,
            challenge_id: challenge.id.to_string(),
            purpose: challenge.purpose.as_str(),
            jti: &redemption.proof_id,
            iat: redemption.verified_at.unix_timestamp(),
            exp: expires_at.unix_timestamp(),
        })?;
        Ok(Self { token, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use serde_json::{Value, json};

    use super::*;
    use crate::rules::challenge_id::ChallengeId;
    use crate::rules::purpose::Purpose;
    use crate::rules::recipient::Recipient;

    const NOW: i64 = 1_800_000_000;
    const ISSUER: &str = "https://verify.example.com";

    fn key(byte: u8) -> ProofKey {
        ProofKey::from_candidates([[byte; 32]]).expect("a key")
    }

    fn at(seconds: i64) -> UtcDateTime {
        UtcDateTime::from_unix_timestamp(seconds).expect("a time")
    }

    fn rules() -> ProofRules {
        ProofRules {
            audience: "api.example.com".to_owned(),
            lifetime: Duration::minutes(10),
        }
    }

    fn sign(key: &ProofKey, verified_at: i64) -> Proof {
        let redemption = Redemption {
            challenge: &ChallengeName {
                recipient: Recipient::parse("kim@example.com").expect("a plain address"),
                id: ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID"),
                purpose: Purpose::ChangeEmail,
            },
            proof_id: "an id".to_owned(),
            verified_at: at(verified_at),
            is_test: false,
        };
        Proof::sign(key, &rules(), ISSUER, &redemption).expect("a proof")
    }

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).expect("a part");
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).expect("base64url")).expect("JSON")
    }

    #[test]
    fn the_claims_are_those_of_the_contract() {
        let proof = sign(&key(1), NOW);
        assert_eq!(proof.expires_at, at(NOW + 600));
        let claims = json!({
            "iss": ISSUER,
            "aud": "api.example.com",
            "sub": "kim@example.com",
            "email": "kim@example.com",
            "email_verified": true,
            "challenge_id": "7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e",
            "purpose": "change-email",
            "jti": "an id",
            "iat": NOW,
            "exp": NOW + 600,
        });
        assert_eq!(part(&proof.token, 1), claims);
    }

    #[test]
    fn the_header_names_algorithm_and_key() {
        let key = key(1);
        let header = json!({ "typ": "JWT", "alg": "ES256", "kid": key.public().kid });
        assert_eq!(part(&sign(&key, NOW).token, 0), header);
    }

    #[test]
    fn the_same_proof_is_the_same_token() {
        assert_eq!(sign(&key(1), NOW).token, sign(&key(1), NOW).token);
        assert_ne!(sign(&key(1), NOW).token, sign(&key(1), NOW + 1).token);
        assert_ne!(sign(&key(1), NOW).token, sign(&key(2), NOW).token);
    }
}
