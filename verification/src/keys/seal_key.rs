//! The key that seals what stands in a link: XChaCha20-Poly1305, an AEAD (RFC 8439, with the longer nonce of
//! draft-irtf-cfrg-xchacha-03).

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use data_encoding::BASE64URL_NOPAD;

/// The length of a nonce.
pub(crate) const NONCE_BYTES: usize = 24;

/// The most characters that are worth opening: eight times what the longest address takes.
const MAX_SEALED_LENGTH: usize = 4_096;

/// The key that seals what stands in a link.
#[derive(Clone)]
pub(crate) struct SealKey(XChaCha20Poly1305);

/// The AEAD refused to encrypt, which it does only above 256 GiB.
#[derive(Debug, thiserror::Error)]
#[error("nothing can be sealed")]
pub struct NotSealed;

impl SealKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts and authenticates `plaintext`. Each needs a nonce of its own. Returns nonce, ciphertext and tag in base64url (RFC 4648, 5).
    pub(crate) fn seal(&self, nonce: [u8; NONCE_BYTES], plaintext: &[u8]) -> Result<String, NotSealed> {
        let ciphertext = self.0.encrypt(&nonce.into(), plaintext).map_err(|_| NotSealed)?;
        Ok(BASE64URL_NOPAD.encode(&[&nonce, &*ciphertext].concat()))
    }

    /// What was sealed under this key. None for anything else.
    pub(crate) fn open(&self, sealed: &str) -> Option<Vec<u8>> {
        if sealed.len() > MAX_SEALED_LENGTH {
            return None;
        }
        // Strict: a character whose spare bits are set is refused, so that no two texts mean the same.
        let bytes = BASE64URL_NOPAD.decode(sealed.as_bytes()).ok()?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>()?;
        self.0.decrypt(nonce.into(), ciphertext).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: [u8; NONCE_BYTES] = [7; NONCE_BYTES];

    fn key(byte: u8) -> SealKey {
        SealKey::new(&[byte; 32])
    }

    #[test]
    fn what_is_sealed_can_be_opened_under_the_same_key_only() {
        let sealed = key(1).seal(NONCE, b"kim").expect("sealed");
        assert_eq!(key(1).open(&sealed).as_deref(), Some(&b"kim"[..]));
        assert_eq!(key(2).open(&sealed), None);
    }

    /// Made by libsodium, through `PyNaCl`: `crypto_aead_xchacha20poly1305_ietf_encrypt` with a key of 32 ones and a nonce of 24
    /// sevens.
    #[test]
    fn the_ciphertext_is_that_of_libsodium() {
        let sealed = key(1).seal(NONCE, b"kim@example.com").expect("sealed");
        assert_eq!(
            sealed,
            "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH9kXlqNiyKRl6hRU3z32EWzjUWEf0VUky4gdT7Bb6jw"
        );
    }

    /// Nonce and tag take 40 bytes, and three bytes make four characters.
    #[test]
    fn no_more_than_4096_characters_are_opened() {
        for (length, opens) in [(3_032, true), (3_033, false)] {
            let plaintext = vec![b'a'; length];
            let sealed = key(1).seal(NONCE, &plaintext).expect("sealed");
            assert_eq!(sealed.len() <= 4_096, opens);
            assert_eq!(key(1).open(&sealed).is_some(), opens, "{length}");
        }
    }

    #[test]
    fn whatever_is_changed_is_refused() {
        let sealed = key(1).seal(NONCE, b"kim@example.com").expect("sealed");
        for (at, old) in sealed.char_indices() {
            let new = if old == 'A' { 'B' } else { 'A' };
            let changed = format!("{}{new}{}", &sealed[..at], &sealed[at + 1..]);
            assert_eq!(key(1).open(&changed), None, "character {at}");
            assert_eq!(key(1).open(&sealed[..at]), None, "the first {at} characters");
        }
        for other in [
            format!("{sealed}A"),
            format!("{sealed}="),
            format!(" {sealed}"),
            "A".repeat(5_000),
        ] {
            assert_eq!(key(1).open(&other), None, "{other}");
        }
    }
}
