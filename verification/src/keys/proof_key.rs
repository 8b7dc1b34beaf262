//! The key that signs proofs: ES256 (RFC 7518, 3.4), which is ECDSA on P-256 with SHA-256.
//!
//! Signatures are deterministic (RFC 6979), so the same claims always make the same token, byte for byte. No JOSE library
//! that is kept up offers that without bringing RSA along or replacing half of itself, so the three steps of a compact JWS
//! (RFC 7515, 3.1) are written out here, on `p256`.

use std::sync::OnceLock;

use data_encoding::BASE64URL_NOPAD;
use p256::SecretKey;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// How proofs are signed (RFC 7518, 3.1).
pub const ALGORITHM: &str = "ES256";

/// The key that signs proofs.
#[derive(Clone)]
pub struct ProofKey {
    private: SecretKey,
    /// What follows from it, once it is asked for. request-code never does.
    pair: OnceLock<(SigningKey, Jwk)>,
}

/// Whether both sign alike.
impl PartialEq for ProofKey {
    fn eq(&self, other: &Self) -> bool {
        self.private == other.private
    }
}

/// The public half of a proof key (RFC 7517; its members: RFC 7518, 6.2.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwk {
    alg: &'static str,
    crv: &'static str,
    /// The key's thumbprint, so whoever derives the same key gives it the same name.
    pub kid: String,
    kty: &'static str,
    #[serde(rename = "use")]
    public_key_use: &'static str,
    x: String,
    y: String,
}

/// The header of a token, in the order in which it is written.
#[derive(Serialize)]
struct Header<'a> {
    typ: &'static str,
    alg: &'static str,
    kid: &'a str,
}

/// None of the candidates is a private key.
#[derive(Debug, thiserror::Error)]
#[error("no key for proofs can be derived from the secret")]
pub struct NoProofKey;

/// The claims could not be written as JSON.
#[derive(Debug, thiserror::Error)]
#[error("no proof could be signed: {0}")]
pub struct SigningError(#[from] serde_json::Error);

impl ProofKey {
    /// Takes the first candidate that is a private key, as all but one in 2^32 are: rejection sampling (FIPS 186-5,
    /// A.2.2).
    pub(crate) fn from_candidates(candidates: impl IntoIterator<Item = [u8; 32]>) -> Result<Self, NoProofKey> {
        let mut keys = candidates
            .into_iter()
            .filter_map(|bytes| SecretKey::from_slice(&bytes).ok());
        Ok(Self {
            private: keys.next().ok_or(NoProofKey)?,
            pair: OnceLock::new(),
        })
    }

    /// The public half.
    pub fn public(&self) -> &Jwk {
        &self.pair().1
    }

    fn pair(&self) -> &(SigningKey, Jwk) {
        self.pair.get_or_init(|| {
            let private = SigningKey::from(&self.private);
            let public = Jwk::of(&private);
            (private, public)
        })
    }

    /// Signs claims as a JWT (RFC 7519) in the compact form: header, claims and signature, each in base64url.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, SigningError> {
        let (private, public) = self.pair();
        let header = Header {
            typ: "JWT",
            alg: public.alg,
            kid: &public.kid,
        };
        let part = |json: Vec<u8>| BASE64URL_NOPAD.encode(&json);
        let (header, claims) = (serde_json::to_vec(&header)?, serde_json::to_vec(claims)?);
        let message = format!("{}.{}", part(header), part(claims));
        // r and s, 32 bytes each.
        let signature: Signature = private.sign(message.as_bytes());
        Ok(format!("{message}.{}", part(signature.to_bytes().to_vec())))
    }
}

impl Jwk {
    #[expect(
        clippy::expect_used,
        reason = "only the point at infinity has none, and it is no public key"
    )]
    fn of(private: &SigningKey) -> Self {
        let point = private.verifying_key().to_sec1_point(false);
        let (x, y) = point.x().zip(point.y()).expect("coordinates");
        let (x, y) = (BASE64URL_NOPAD.encode(x), BASE64URL_NOPAD.encode(y));
        let (crv, kty) = ("P-256", "EC");
        // RFC 7638, 3: the required members, in this order and without white space.
        let required = format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}","y":"{y}"}}"#);
        Self {
            alg: ALGORITHM,
            crv,
            kid: BASE64URL_NOPAD.encode(&Sha256::digest(required)),
            kty,
            public_key_use: "sig",
            x,
            y,
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use serde_json::json;

    use super::*;
    use crate::keys::{Keys, MIN_SECRET_BYTES};

    fn bytes(hex: &str) -> [u8; 32] {
        let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hex");
        bytes.try_into().expect("32 bytes")
    }

    /// RFC 6979, A.2.5: the key of the P-256 examples, and the signature of "sample" with SHA-256.
    #[test]
    fn signatures_are_those_of_rfc_6979() {
        let key = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let key = ProofKey::from_candidates([key]).expect("a key");
        let signature: Signature = key.pair().0.sign(b"sample");
        assert_eq!(
            HEXLOWER.encode(&signature.to_bytes()),
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
             f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        );
    }

    /// The order of the group of P-256 (FIPS 186-5 and SP 800-186, 3.2.1.3): keys are below it and not 0.
    #[test]
    fn a_candidate_that_is_no_key_is_passed_over() {
        let order = bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        let largest = bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550");
        let chosen = ProofKey::from_candidates([[0; 32], [0xff; 32], order, largest, [1; 32]]).expect("a key");
        assert_eq!(chosen.private.to_bytes().as_slice(), largest);
        assert!(ProofKey::from_candidates([[0; 32], order]).is_err());
    }

    #[test]
    fn the_public_half_holds_no_private_one() {
        let key = ProofKey::from_candidates([[1; 32]]).expect("a key");
        let public = serde_json::to_value(key.public()).expect("JSON");
        let mut members: Vec<_> = public.as_object().expect("an object").keys().collect();
        members.sort();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!((&public["alg"], &public["use"]), (&json!("ES256"), &json!("sig")));
    }

    #[test]
    fn another_secret_makes_another_key() {
        let key = |secret| Keys::derive(&[secret; MIN_SECRET_BYTES]).expect("a secret of the right length");
        assert_ne!(key(1).proof().public(), key(2).proof().public());
    }

    /// Pins the name of the key. A change here breaks the proofs that are live when it is deployed.
    #[test]
    fn the_key_of_a_secret_stays_as_it_is() {
        let keys = Keys::derive(&[1; MIN_SECRET_BYTES]).expect("a secret of the right length");
        assert_eq!(keys.proof().public().kid, "KJebbJOFxseXM_bgyLDEii8JAa8whtz3sIXjA2iVYhQ");
    }
}
