//! Every key of the service, derived from its one secret.
//!
//! * [`proof_key`]: the key that signs proofs, and its public half.
//! * `seal_key`: the key that seals what stands in a link.
//! * [`key_ring`]: which version of the secret counts when, while it is rotated.

pub mod key_ring;
pub mod proof_key;
pub mod seal_key;

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac as _};
use sha2::Sha256;

use self::proof_key::{NoProofKey, ProofKey};
use self::seal_key::SealKey;

/// The fewest bytes of a secret: the strength of the HMACs keyed by it (NIST SP 800-107r1, 5.3.4).
pub const MIN_SECRET_BYTES: usize = 32;

/// The keys of one version of the secret. Each has one purpose, so what one of them signs means nothing under another.
#[derive(Clone)]
pub struct Keys {
    /// Makes the codes.
    pub(crate) code: MacKey,
    /// Makes the digests of codes and guesses.
    pub(crate) digest: MacKey,
    /// Names the items of the table.
    pub(crate) item_name: MacKey,
    /// Seals links.
    pub(crate) link: SealKey,
    proof: ProofKey,
}

/// No keys can be derived from the secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is too short.
    #[error("the secret has {0} bytes; expected at least {MIN_SECRET_BYTES}")]
    ShortSecret(usize),
    /// No key for proofs came of it.
    #[error(transparent)]
    Proof(#[from] NoProofKey),
}

impl Keys {
    /// Derives each key with HKDF-SHA-256 (RFC 5869) under a label of its own.
    ///
    /// # Errors
    ///
    /// [`KeyError`] for a secret below [`MIN_SECRET_BYTES`].
    pub fn derive(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < MIN_SECRET_BYTES {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        let secret = Hkdf::<Sha256>::new(None, secret);
        let candidates = (0..=u8::MAX).map(|number| expand(&secret, &format!("proof/{number}")));
        Ok(Self {
            code: MacKey(expand(&secret, "code")),
            digest: MacKey(expand(&secret, "digest")),
            item_name: MacKey(expand(&secret, "table")),
            link: SealKey::new(&expand(&secret, "link")),
            proof: ProofKey::from_candidates(candidates)?,
        })
    }

    /// The key that signs proofs.
    pub const fn proof(&self) -> &ProofKey {
        &self.proof
    }
}

/// The key material under `label`.
#[expect(
    clippy::expect_used,
    reason = "HKDF refuses only more than 255 blocks; no key has more than two"
)]
fn expand<const LENGTH: usize>(secret: &Hkdf<Sha256>, label: &str) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    secret
        .expand(format!("email-verification/1/{label}").as_bytes(), &mut bytes)
        .expect("at most 255 blocks of SHA-256");
    bytes
}

/// A key for HMAC-SHA-256. It is one block of SHA-256 long, the longest key that HMAC uses as it is (RFC 2104, 3).
#[derive(Clone)]
pub(crate) struct MacKey([u8; 64]);

impl MacKey {
    /// Authenticates a list of fields. Each field follows its length, so two different lists never look alike.
    pub(crate) fn mac(&self, fields: &[&[u8]]) -> Mac {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        for field in fields {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        Mac(mac.finalize().into_bytes().into())
    }
}

/// A message authentication code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mac([u8; 32]);

impl Mac {
    /// The first bytes.
    pub(crate) fn first_chunk<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes.iter_mut().zip(self.0).for_each(|(byte, own)| *byte = own);
        bytes
    }

    /// The first eight bytes as a number.
    pub(crate) fn first_word(&self) -> u64 {
        self.0.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
    }
}

/// The form in which an item holds it: base64url without padding (RFC 4648, 5).
impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_secret_is_refused() {
        assert!(Keys::derive(&[1; MIN_SECRET_BYTES - 1]).is_err());
    }

    #[test]
    fn fields_cannot_be_shifted_into_one_another() {
        let key = MacKey([7; 64]);
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
        assert_ne!(key.mac(&[b"abc"]), key.mac(&[b"abc", b""]));
    }
}
