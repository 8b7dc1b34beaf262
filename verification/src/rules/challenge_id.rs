//! What names a challenge, and everything that is derived from its name.

use std::fmt;

use rand::TryCryptoRng;
use uuid::Uuid;

use crate::keys::{Keys, Mac, MacKey};
use crate::rules::code::Code;
use crate::rules::mail_id::{MailId, random_uuid};
use crate::rules::purpose::Purpose;
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

    /// Draws an id for a challenge that the caller did not name.
    pub fn draw<R: TryCryptoRng>(generator: &mut R) -> Result<Self, R::Error> {
        random_uuid(generator).map(Self)
    }
}

/// The hyphenated form in lower case, as in every response.
impl fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

/// A challenge as its caller names it. With another address or purpose the same id names another challenge.
#[derive(Clone, Debug)]
pub struct ChallengeName {
    /// Whose address it proves.
    pub recipient: Recipient,
    /// Its id.
    pub id: ChallengeId,
    /// What its proof is for.
    pub purpose: Purpose,
}

/// A challenge by its name, and the keys that it was opened under.
///
/// During a rotation of the secret two sets of keys are in use, and a name means nothing under the wrong one. So they travel
/// together, and everything that depends on them is derived here.
///
/// A test recipient's challenge never equals an ordinary one, even with the same id and address, and each fixed code makes
/// another. So a fixed code buys only a marked proof, and one that was replaced buys none.
#[derive(Clone, Copy)]
pub struct ChallengeRef<'a> {
    keys: &'a Keys,
    name: &'a ChallengeName,
    test_code: Option<&'a Code>,
}

impl<'a> ChallengeRef<'a> {
    /// The challenge of this name under `keys`.
    pub const fn new(keys: &'a Keys, name: &'a ChallengeName) -> Self {
        Self {
            keys,
            name,
            test_code: None,
        }
    }

    /// The same challenge, with the fixed code if its recipient is a test recipient.
    pub const fn with_test_code(self, test_code: Option<&'a Code>) -> Self {
        Self { test_code, ..self }
    }

    /// The keys that it was opened under.
    pub const fn keys(self) -> &'a Keys {
        self.keys
    }

    /// Whether another challenge is named under the same keys.
    pub(crate) fn has_keys_of(self, other: Self) -> bool {
        std::ptr::eq(self.keys, other.keys)
    }

    /// The name of the challenge's item.
    pub(crate) fn item_name(self) -> ItemName {
        ItemName(self.mac(&self.keys.item_name, &[]).to_string())
    }

    /// The code of a generation: an HMAC of the challenge's name and the generation, cut to `digits` without bias (the keyed part
    /// of HOTP, RFC 4226). So it can be mailed again, although the table does not hold it. A test recipient has its fixed
    /// code instead.
    pub fn code(self, generation: MailId, digits: u8) -> Code {
        match self.test_code {
            Some(code) => code.clone(),
            None => Code::cut(|counter| self.code_word(generation, counter), digits),
        }
    }

    /// One of the endless 64-bit words from which a code is cut.
    fn code_word(self, generation: MailId, counter: u64) -> u64 {
        let fields: [&[u8]; 2] = [generation.as_bytes(), &counter.to_be_bytes()];
        self.mac(&self.keys.code, &fields).first_word()
    }

    /// The digest of a code or of a guess, as the table stores it.
    pub fn digest(self, code: &Code) -> Digest {
        Digest(self.mac(&self.keys.digest, &[code.as_str().as_bytes()]).to_string())
    }

    /// An id for the proof of a generation. No other proof ever has it.
    pub fn proof_id(self, generation: MailId) -> String {
        self.mac(&self.keys.digest, &[generation.as_bytes(), b"proof"])
            .to_string()
    }

    /// Authenticates the challenge's name and more fields.
    fn mac(self, key: &MacKey, more: &[&[u8]]) -> Mac {
        let ChallengeName { recipient, id, purpose } = self.name;
        let mut fields = vec![recipient.as_bytes(), id.0.as_bytes(), purpose.as_str().as_bytes()];
        fields.extend(more);
        if let Some(code) = self.test_code {
            fields.extend([b"test", code.as_str().as_bytes()]);
        }
        key.mac(&fields)
    }
}

/// The name of a challenge's item in the table: a MAC as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemName(String);

impl ItemName {
    /// 256 bits in base64url.
    const LENGTH: usize = 43;

    /// Reads a name that [`ChallengeRef::item_name`] has made.
    pub(crate) fn parse(text: String) -> Option<Self> {
        let is_name = text.len() == Self::LENGTH
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        is_name.then_some(Self(text))
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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

    fn name(address: &str, purpose: Purpose) -> ChallengeName {
        ChallengeName {
            recipient: Recipient::parse(address).expect("a plain address"),
            id: ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID"),
            purpose,
        }
    }

    fn kim() -> ChallengeName {
        name("kim@example.com", Purpose::SignUp)
    }

    fn mail(number: u8) -> MailId {
        MailId::parse(&format!("0000000000004000800000000000000{number}")).expect("an id")
    }

    fn code(digits: &str) -> Code {
        Code::parse(digits, 6).expect("a code")
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
    fn the_same_id_with_another_address_or_purpose_is_another_challenge() {
        let (keys, kim) = (keys(1), kim());
        let one = ChallengeRef::new(&keys, &kim);
        for other in [
            name("lee@example.com", Purpose::SignUp),
            name("kim@example.com", Purpose::SignIn),
            name("kim@example.com", Purpose::Other("sign".to_owned())),
        ] {
            let other = ChallengeRef::new(&keys, &other);
            assert_ne!(one.item_name(), other.item_name());
            assert_ne!(one.digest(&code("123456")), other.digest(&code("123456")));
            assert_ne!(one.code_word(mail(1), 0), other.code_word(mail(1), 0));
            assert_ne!(one.proof_id(mail(1)), other.proof_id(mail(1)));
        }
    }

    #[test]
    fn names_and_digests_depend_on_the_secret() {
        let (first, second, kim) = (keys(1), keys(2), kim());
        let (one, other) = (ChallengeRef::new(&first, &kim), ChallengeRef::new(&second, &kim));
        assert_ne!(one.item_name(), other.item_name());
        assert_ne!(one.digest(&code("123456")), other.digest(&code("123456")));
        assert_ne!(one.code_word(mail(1), 0), other.code_word(mail(1), 0));
    }

    #[test]
    fn each_generation_has_a_code_and_a_proof_of_its_own() {
        let (keys, kim) = (keys(1), kim());
        let challenge = ChallengeRef::new(&keys, &kim);
        assert_eq!(challenge.code(mail(1), 6), challenge.code(mail(1), 6));
        assert_ne!(challenge.code(mail(1), 6), challenge.code(mail(2), 6));
        assert_eq!(challenge.proof_id(mail(1)), challenge.proof_id(mail(1)));
        assert_ne!(challenge.proof_id(mail(1)), challenge.proof_id(mail(2)));
    }

    #[test]
    fn a_test_recipients_code_is_the_same_in_each_generation_and_its_proof_is_not() {
        let (keys, kim, fixed) = (keys(1), kim(), code("424242"));
        let challenge = ChallengeRef::new(&keys, &kim).with_test_code(Some(&fixed));
        assert_eq!(challenge.code(mail(1), 6), fixed);
        assert_eq!(challenge.code(mail(2), 6), fixed);
        assert_ne!(challenge.proof_id(mail(1)), challenge.proof_id(mail(2)));
    }

    #[test]
    fn a_drawn_id_is_another_each_time() {
        let mut generator = rand::rngs::SysRng;
        assert_ne!(ChallengeId::draw(&mut generator), ChallengeId::draw(&mut generator));
    }

    /// Pins what is derived. A change here breaks the codes that are live when it is deployed.
    #[test]
    fn what_is_derived_stays_as_it_is() {
        let (keys, kim) = (keys(1), kim());
        let challenge = ChallengeRef::new(&keys, &kim);
        let name = challenge.item_name();
        assert_eq!(name.to_string(), "X-Gu4tCwNZg7eV_2smjKSgWGchJ6DvkuKf5PvK6FFxQ");
        assert_eq!(ItemName::parse(name.to_string()), Some(name));
        assert_eq!(
            challenge.digest(&code("123456")).as_str(),
            "cBQbIYeKGTIGKweneKrcqPTUkfRf0PxY8TG1L_-0xTo"
        );
        assert_eq!(challenge.code_word(mail(1), 0), 6_495_789_689_563_359_968);
    }
}
