//! Every key of the service, derived from its one secret.

use data_encoding::BASE64URL_NOPAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use time::OffsetDateTime;

use crate::address::Recipient;
use crate::challenge::{ChallengeId, Digest};
use crate::es256;
use crate::proof::ProofKey;
use crate::source::Source;

/// The fewest bytes that a secret must have: the strength of the HMACs keyed by it (NIST SP 800-107r1, 5.3.4).
pub const SHORTEST_SECRET: usize = 32;

/// The service's keys, one for each purpose, so that what one of them signs means nothing under another.
#[derive(Clone)]
pub struct Keys {
    code: Key,
    digest: Key,
    table: Key,
    proof: ProofKey,
}

/// No keys can be derived from the secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It is too short.
    #[error("the secret has {0} bytes; expected at least {SHORTEST_SECRET}")]
    ShortSecret(usize),
    /// No key for proofs came of it.
    #[error("no key for proofs: {0}")]
    Proof(#[from] jsonwebtoken::errors::Error),
}

impl Keys {
    /// Derives each key with HKDF-SHA-256 (RFC 5869) under a label of its own.
    ///
    /// # Errors
    ///
    /// [`KeyError`] below [`SHORTEST_SECRET`] bytes.
    pub fn derive(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(KeyError::ShortSecret(secret.len()));
        }
        let secret = Hkdf::<Sha256>::new(None, secret);
        let proofs = (0..=u8::MAX).map(|candidate| expand(&secret, &format!("proof/{candidate}")));
        Ok(Self {
            code: Key(expand(&secret, "code")),
            digest: Key(expand(&secret, "digest")),
            table: Key(expand(&secret, "table")),
            proof: ProofKey::new(es256::private_key(proofs)?)?,
        })
    }

    /// One of the endless 64-bit words that a challenge's code is cut from.
    pub(crate) fn code_word(&self, recipient: &Recipient, id: ChallengeId, opened_at: i64, counter: u64) -> u64 {
        let mac = self.code.mac(&[
            recipient.as_str().as_bytes(),
            id.as_bytes(),
            &opened_at.to_be_bytes(),
            &counter.to_be_bytes(),
        ]);
        mac.iter().take(8).fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// The digest of the digits of a code.
    pub(crate) fn digest(&self, recipient: &Recipient, id: ChallengeId, digits: &str) -> Digest {
        let fields = [recipient.as_str().as_bytes(), id.as_bytes(), digits.as_bytes()];
        Digest::new(BASE64URL_NOPAD.encode(&self.digest.mac(&fields)))
    }

    /// The `pk` of a challenge. It names the recipient as well, so an id brought with another address is another item.
    #[must_use]
    pub fn challenge_pk(&self, recipient: &Recipient, id: ChallengeId) -> String {
        format!(
            "challenge#{}",
            self.name(&[recipient.as_str().as_bytes(), id.as_bytes()])
        )
    }

    /// The `pk` of what was mailed to a recipient.
    #[must_use]
    pub fn recipient_pk(&self, recipient: &Recipient) -> String {
        format!("recipient#{}", self.name(&[recipient.as_str().as_bytes()]))
    }

    /// The `pk` of what a source asked for in the UTC hour of `now`.
    #[must_use]
    pub fn source_pk(&self, source: Source, now: OffsetDateTime) -> String {
        format!(
            "source#{}#{}T{:02}",
            self.name(&[&source.to_bytes()]),
            now.date(),
            now.hour()
        )
    }

    /// The key that signs proofs.
    #[must_use]
    pub const fn proof(&self) -> &ProofKey {
        &self.proof
    }

    fn name(&self, fields: &[&[u8]]) -> String {
        BASE64URL_NOPAD.encode(&self.table.mac(fields))
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

/// As long as a block of SHA-256, the longest key that HMAC uses as it is (RFC 2104, 3).
#[derive(Clone)]
struct Key([u8; 64]);

impl Key {
    /// HMAC-SHA-256 over the fields, each behind its length, so that no two lists of fields look alike.
    fn mac(&self, fields: &[&[u8]]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new(&self.0.into());
        for field in fields {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac.finalize().into_bytes().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: u8) -> Keys {
        Keys::derive(&[secret; SHORTEST_SECRET]).expect("a secret of the right length")
    }

    fn recipient(address: &str) -> Recipient {
        Recipient::parse(address).expect("a plain address")
    }

    #[test]
    fn a_short_secret_is_refused() {
        assert!(Keys::derive(&[1; SHORTEST_SECRET - 1]).is_err());
    }

    #[test]
    fn the_same_challenge_of_another_address_is_another_item() {
        let id = ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID");
        let one = keys(1).challenge_pk(&recipient("kim@example.com"), id);
        let other = keys(1).challenge_pk(&recipient("lee@example.com"), id);
        assert_ne!(one, other);
    }

    #[test]
    fn names_and_digests_depend_on_the_secret() {
        let id = ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID");
        let kim = recipient("kim@example.com");
        assert_ne!(keys(1).recipient_pk(&kim), keys(2).recipient_pk(&kim));
        assert_ne!(keys(1).digest(&kim, id, "123456"), keys(2).digest(&kim, id, "123456"));
        assert_ne!(keys(1).code_word(&kim, id, 0, 0), keys(2).code_word(&kim, id, 0, 0));
        assert_ne!(keys(1).proof().public(), keys(2).proof().public());
    }

    /// Everything that is derived, once. A change here breaks the codes, limits and proofs that are live when it is deployed.
    #[test]
    fn what_is_derived_stays_as_it_is() {
        let keys = keys(1);
        let kim = recipient("kim@example.com");
        let id = ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID");
        let source = Source::parse("203.0.113.7").expect("an address");
        assert_eq!(
            [
                keys.challenge_pk(&kim, id),
                keys.recipient_pk(&kim),
                keys.source_pk(source, OffsetDateTime::UNIX_EPOCH),
                keys.digest(&kim, id, "123456").as_str().to_owned(),
                keys.code_word(&kim, id, 0, 0).to_string(),
                keys.proof().public().common.key_id.clone().unwrap_or_default(),
            ],
            [
                "challenge#wipI678N7MG-Ok9L9bVQsuNpAI623oYqSwaZJJOOVkw",
                "recipient#T-k5c6pFAIEPRXb5aq68Ytj_6d1whbBSYNzTt4V32_E",
                "source#sV4dsdMMOwxyOpA0EwIjQQXcx7d36UTRUcMT6Z_5fN4#1970-01-01T00",
                "XbhplUU-suU4GC6iRs4ayo7GUXl6FLN7MvQzteu0_44",
                "13958945682113151822",
                "KJebbJOFxseXM_bgyLDEii8JAa8whtz3sIXjA2iVYhQ",
            ]
        );
    }

    #[test]
    fn fields_cannot_be_shifted_into_one_another() {
        let key = Key([7; 64]);
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
        assert_ne!(key.mac(&[b"abc"]), key.mac(&[b"abc", b""]));
    }

    #[test]
    fn a_source_has_one_item_an_hour() {
        let source = Source::parse("203.0.113.7").expect("an address");
        let at = |seconds| OffsetDateTime::from_unix_timestamp(seconds).expect("a time");
        assert_eq!(
            keys(1).source_pk(source, at(3_600)),
            keys(1).source_pk(source, at(7_199))
        );
        assert_ne!(
            keys(1).source_pk(source, at(3_600)),
            keys(1).source_pk(source, at(7_200))
        );
        assert!(keys(1).source_pk(source, at(3_600)).ends_with("#1970-01-01T01"));
    }
}
