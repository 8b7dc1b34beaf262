//! Callers that speak for people: an app's own backend, or a proxy in front of the API.

use std::fmt;

use data_encoding::HEXLOWER_PERMISSIVE;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Who bears the token is trusted, to name the person's IP address.
///
/// Only the token's SHA-256 is configured, so that whoever reads the configuration cannot bear it. A token needs 128 random bits: a
/// hash keeps no short one secret.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustedCallers {
    digest: [u8; 32],
    /// Whether nobody else is served.
    pub are_alone: bool,
}

impl TrustedCallers {
    /// Reads the SHA-256 of a token in hexadecimal, and the word `only` behind it if nobody else is served.
    pub fn parse(text: &str) -> Option<Self> {
        let (hex, are_alone) = match text.strip_suffix(" only") {
            Some(hex) => (hex, true),
            None => (text, false),
        };
        let digest = HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?.try_into().ok()?;
        Some(Self { digest, are_alone })
    }

    /// Whether this is the token.
    pub fn bear(&self, token: &str) -> bool {
        Sha256::digest(token).as_slice().ct_eq(&self.digest).into()
    }
}

/// Hides the digest, which has no place in a log either.
impl fmt::Debug for TrustedCallers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TrustedCallers(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `secret`, as `sha256sum` writes it.
    const DIGEST: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

    #[test]
    fn the_token_of_the_digest_is_borne_and_no_other() {
        for text in [DIGEST, &DIGEST.to_uppercase(), &format!("{DIGEST} only")] {
            let callers = TrustedCallers::parse(text).expect("a digest");
            assert_eq!(callers.are_alone, text.ends_with("only"));
            assert!(callers.bear("secret"));
            for token in ["", "Secret", "secret ", DIGEST] {
                assert!(!callers.bear(token), "{token}");
            }
        }
    }

    #[test]
    fn anything_but_a_digest_is_refused() {
        for text in [
            "",
            " only",
            "only",
            &DIGEST[1..],
            &format!("{DIGEST}0"),
            &format!("{DIGEST}  only"),
            &format!("{DIGEST} "),
        ] {
            assert_eq!(TrustedCallers::parse(text), None, "{text:?}");
        }
    }
}
