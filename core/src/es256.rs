//! ES256 (RFC 7518, 3.4) for the JOSE library: ECDSA on P-256 with SHA-256, by `p256`.
//!
//! Of the library's own two back ends neither fits. That on aws-lc draws a random nonce for each signature, so that no
//! token could be made a second time. That on Rust Crypto brings RSA, P-384 and Ed25519 along, the RSA in a version
//! under an advisory (RUSTSEC-2023-0071). `p256` derives the nonce from key and message (RFC 6979).

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{EllipticCurve, ThumbprintHash};
use jsonwebtoken::signature::{Error as SignatureError, Signer};
use jsonwebtoken::{Algorithm, EncodingKey};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};

/// The first of the candidates that is a private key, which all but one in 2^32 are: rejection sampling (FIPS 186-5,
/// A.2.2).
///
/// # Errors
///
/// When none is.
pub(crate) fn private_key(candidates: impl IntoIterator<Item = [u8; 32]>) -> Result<EncodingKey, Error> {
    // Once in a process; a second time changes nothing.
    let _ = BACK_END.install_default();
    let mut candidates = candidates.into_iter();
    let private = candidates.find(|bytes| SigningKey::from_slice(bytes).is_ok());
    let private = private.ok_or(ErrorKind::InvalidEcdsaKey)?;
    // The library hands these bytes to the functions below and reads them nowhere else: no DER is needed.
    Ok(EncodingKey::from_ec_der(&private))
}

/// What the library calls to sign with a key of [`private_key`] and to describe its public half. What it would call for
/// other keys is left out.
static BACK_END: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| match algorithm {
        Algorithm::ES256 => Ok(Box::new(Es256(signing_key(key.as_bytes())?))),
        _ => Err(ErrorKind::InvalidAlgorithm.into()),
    },
    verifier_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    key_utils: KeyUtils {
        ec_pub_components_from_private_key: |private, _| coordinates(&signing_key(private)?),
        compute_digest: |data, hash| match hash {
            ThumbprintHash::SHA256 => Ok(Sha256::digest(data).to_vec()),
            _ => Err(ErrorKind::InvalidAlgorithm.into()),
        },
        ..KeyUtils::new_unimplemented()
    },
};

fn signing_key(private: &[u8]) -> Result<SigningKey, Error> {
    SigningKey::from_slice(private).map_err(|_| ErrorKind::InvalidEcdsaKey.into())
}

/// The public point: the curve, then x and y.
fn coordinates(private: &SigningKey) -> Result<(EllipticCurve, Vec<u8>, Vec<u8>), Error> {
    let point = private.verifying_key().to_sec1_point(false);
    match (point.x(), point.y()) {
        (Some(x), Some(y)) => Ok((EllipticCurve::P256, x.to_vec(), y.to_vec())),
        _ => Err(ErrorKind::InvalidEcdsaKey.into()),
    }
}

struct Es256(SigningKey);

impl JwtSigner for Es256 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::ES256
    }
}

impl Signer<Vec<u8>> for Es256 {
    /// r and s, 32 bytes each, as JWS wants them.
    fn try_sign(&self, message: &[u8]) -> Result<Vec<u8>, SignatureError> {
        let signature: Signature = self.0.try_sign(message).map_err(|_| SignatureError::new())?;
        Ok(signature.to_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    fn bytes(hex: &str) -> [u8; 32] {
        let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hex");
        bytes.try_into().expect("32 bytes")
    }

    /// RFC 6979, A.2.5: the key of the P-256 examples, and the signature of "sample" with SHA-256.
    #[test]
    fn signatures_are_those_of_rfc_6979() {
        let key = bytes("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
        let signer = Es256(signing_key(&key).expect("a key"));
        let signature = signer.try_sign(b"sample").expect("a signature");
        assert_eq!(
            HEXLOWER.encode(&signature),
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716\
             f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        );
    }

    /// The order of the group of P-256 (FIPS 186-5 and SP 800-186, 3.2.1.3): keys are below it and not 0.
    #[test]
    fn a_candidate_that_is_no_key_is_passed_over() {
        let order = bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
        let largest = bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550");
        let chosen = private_key([[0; 32], [0xff; 32], order, largest, [1; 32]]).expect("a key");
        assert_eq!(chosen.as_bytes(), largest);
        assert!(private_key([[0; 32], order]).is_err());
    }
}
