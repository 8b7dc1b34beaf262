//! What names a challenge, and everything that is derived from its name.

use std::fmt;

use time::UtcDateTime;
use uuid::Uuid;

use crate::keys::{Keys, Mac, MacKey};
use crate::rules::charge::ChargeId;
use crate::rules::code::Code;
use crate::rules::recipient::Recipient;

/// The id of a challenge: a UUID (RFC 9562), made by the service or by the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChallengeId(Uuid);

/// Not a UUID in its usual form.
#[derive(Debug, thiserror::Error)]
#[error("not a UUID")]
pub struct NotAUuid;

impl ChallengeId {
    /// Reads the hyphenated form, in either case: iOS writes UUIDs in upper case.
    ///
    /// # Errors
    ///
    /// [`NotAUuid`] for anything else, other notations of a UUID included.
    pub fn parse(text: &str) -> Result<Self, NotAUuid> {
        match Uuid::try_parse(text) {
            Ok(uuid) if text.len() == uuid::fmt::Hyphenated::LENGTH => Ok(Self(uuid)),
            _ => Err(NotAUuid),
        }
    }

    /// The id of a challenge that the service names: that of the charge for its first email, which is random.
    #[must_use]
    pub const fn of_charge(charge: ChargeId) -> Self {
        Self(charge.as_uuid())
    }
}

/// The hyphenated form in lower case, as in every response.
impl fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

/// A challenge by its full name: its id, its recipient, and the keys that it was opened under.
///
/// During a rotation of the secret two sets of keys are in use, and an id means nothing under the wrong one. So the three
/// travel together, and everything that depends on them is derived here.
///
/// A challenge of a test recipient is another one than a challenge with the same id and recipient that is none: all that is
/// derived differs, and with another fixed code it differs again. So a fixed code buys no proof that is not marked, whatever is
/// configured when it is submitted, and one that was replaced buys none at all.
#[derive(Clone, Copy)]
pub struct ChallengeRef<'a> {
    keys: &'a Keys,
    recipient: &'a Recipient,
    id: ChallengeId,
    test_code: Option<&'a Code>,
}

impl<'a> ChallengeRef<'a> {
    /// The challenge `id` of `recipient` under `keys`.
    #[must_use]
    pub const fn new(keys: &'a Keys, recipient: &'a Recipient, id: ChallengeId) -> Self {
        Self {
            keys,
            recipient,
            id,
            test_code: None,
        }
    }

    /// The same challenge for a test recipient, which has this code; or for any other recipient.
    #[must_use]
    pub const fn with_test_code(self, test_code: Option<&'a Code>) -> Self {
        Self { test_code, ..self }
    }

    /// The fixed code of a test recipient's challenge.
    pub(crate) const fn test_code(self) -> Option<&'a Code> {
        self.test_code
    }

    /// The id alone.
    #[must_use]
    pub const fn id(self) -> ChallengeId {
        self.id
    }

    /// The keys that it was opened under.
    #[must_use]
    pub const fn keys(self) -> &'a Keys {
        self.keys
    }

    /// The name of the challenge's item. The recipient is part of it, so the same id with another address is another item.
    pub(crate) fn item_name(self) -> String {
        self.mac(&self.keys.item_name, &[]).to_string()
    }

    /// One of the endless 64-bit words from which the challenge's code is cut.
    pub(crate) fn code_word(self, opened_at: i64, counter: u64) -> u64 {
        let fields: [&[u8]; 2] = [&opened_at.to_be_bytes(), &counter.to_be_bytes()];
        self.mac(&self.keys.code, &fields).first_word()
    }

    /// An id for the proof of this challenge, opened at this time. No other proof ever has it: an id that an app uses again is
    /// opened at another time.
    #[must_use]
    pub fn proof_id(self, opened_at: UtcDateTime) -> String {
        let opened_at = opened_at.unix_timestamp().to_be_bytes();
        self.mac(&self.keys.digest, &[&opened_at, b"proof"]).to_string()
    }

    /// The digest of some digits as a code of this challenge.
    pub(crate) fn digest(self, digits: &str) -> Digest {
        Digest(self.mac(&self.keys.digest, &[digits.as_bytes()]).to_string())
    }

    /// Authenticates the challenge's name and more fields.
    fn mac(self, key: &MacKey, more: &[&[u8]]) -> Mac {
        let mut fields: Vec<&[u8]> = vec![self.recipient.as_bytes(), self.id.0.as_bytes()];
        fields.extend(more);
        if let Some(code) = self.test_code {
            fields.extend([b"test", code.as_str().as_bytes()]);
        }
        key.mac(&fields)
    }
}

/// What the table keeps of a code or a guess: a MAC as text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest(String);

impl Digest {
    /// Reads the digest from an item.
    pub(crate) const fn from_item(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hides the digest from logs, as the code itself: whoever has the key could try all codes.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MIN_SECRET_BYTES;

    fn keys(secret: u8) -> Keys {
        Keys::derive(&[secret; MIN_SECRET_BYTES]).expect("a secret of the right length")
    }

    fn recipient(address: &str) -> Recipient {
        Recipient::parse(address).expect("a plain address")
    }

    fn id() -> ChallengeId {
        ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID")
    }

    #[test]
    fn an_id_is_read_in_either_case_and_written_in_lower_case() {
        let id = ChallengeId::parse("7F4DF2A1-6F0B-4C1C-9A51-3A4A0C1B2D3E").expect("a UUID");
        assert_eq!(id.to_string(), "7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e");
    }

    #[test]
    fn other_notations_of_an_id_are_refused() {
        for text in [
            "",
            "7f4df2a16f0b4c1c9a513a4a0c1b2d3e",
            "{7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e}",
            "urn:uuid:7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e",
            "7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3g",
            " 7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e",
        ] {
            assert!(ChallengeId::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_same_challenge_of_another_address_is_another_item() {
        let keys = keys(1);
        let (kim, lee) = (recipient("kim@example.com"), recipient("lee@example.com"));
        let (one, other) = (
            ChallengeRef::new(&keys, &kim, id()),
            ChallengeRef::new(&keys, &lee, id()),
        );
        assert_ne!(one.item_name(), other.item_name());
    }

    #[test]
    fn names_and_digests_depend_on_the_secret() {
        let (first, second, kim) = (keys(1), keys(2), recipient("kim@example.com"));
        let (one, other) = (
            ChallengeRef::new(&first, &kim, id()),
            ChallengeRef::new(&second, &kim, id()),
        );
        assert_ne!(one.item_name(), other.item_name());
        assert_ne!(one.digest("123456"), other.digest("123456"));
        assert_ne!(one.code_word(0, 0), other.code_word(0, 0));
    }

    #[test]
    fn a_challenge_that_is_opened_again_has_another_proof() {
        let (keys, kim) = (keys(1), recipient("kim@example.com"));
        let challenge = ChallengeRef::new(&keys, &kim, id());
        let (first, second) = (
            UtcDateTime::UNIX_EPOCH,
            UtcDateTime::UNIX_EPOCH + time::Duration::SECOND,
        );
        assert_eq!(challenge.proof_id(first), challenge.proof_id(first));
        assert_ne!(challenge.proof_id(first), challenge.proof_id(second));
    }

    /// Pins what is derived. A change here breaks the codes that are live when it is deployed.
    #[test]
    fn what_is_derived_stays_as_it_is() {
        let (keys, kim) = (keys(1), recipient("kim@example.com"));
        let challenge = ChallengeRef::new(&keys, &kim, id());
        assert_eq!(challenge.item_name(), "wipI678N7MG-Ok9L9bVQsuNpAI623oYqSwaZJJOOVkw");
        assert_eq!(
            challenge.digest("123456").as_str(),
            "XbhplUU-suU4GC6iRs4ayo7GUXl6FLN7MvQzteu0_44"
        );
        assert_eq!(challenge.code_word(0, 0), 13_958_945_682_113_151_822);
    }
}
