//! One attempt to prove one address.

use std::collections::HashSet;
use std::fmt;

use rand::TryCryptoRng;
use uuid::{Builder, Uuid};

/// A challenge with less than this many seconds left is replaced when its code is asked for again: nobody should
/// read a mail whose code is about to expire.
const SHORTEST_REST: i64 = 60;

/// Names a challenge: a UUID (RFC 9562), the service's own or one that the app brought along.
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

    /// Draws a random one (UUID version 4, 122 random bits).
    ///
    /// # Errors
    ///
    /// Those of the generator.
    pub fn draw<R: TryCryptoRng>(generator: &mut R) -> Result<Self, R::Error> {
        let mut bytes = [0; 16];
        generator.try_fill_bytes(&mut bytes)?;
        Ok(Self(Builder::from_random_bytes(bytes).into_uuid()))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// The hyphenated form in lower case, as in every answer.
impl fmt::Display for ChallengeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

/// What the table keeps of a code or a guess: a keyed hash as text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Digest(String);

impl Digest {
    pub(crate) const fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A digest stays out of logs as the code does: whoever has the key could try all codes.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

/// A challenge as its item in the table says. Times are epoch seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// When it was opened; its code is derived from this.
    pub opened_at: i64,
    /// From when on it is gone, whether or not TTL has deleted it yet.
    pub expires_at: i64,
    /// The digest of its code.
    pub code_digest: Digest,
    /// The digests of all codes handed in for it.
    pub guesses: HashSet<Digest>,
    /// The newest of them.
    pub last_guess: Option<Digest>,
    /// When the newest of them came; of a used challenge, when it was used.
    pub last_guess_at: Option<i64>,
}

impl Challenge {
    /// A challenge that is opened at `now` and lives for `lifetime` seconds.
    #[must_use]
    pub fn open(now: i64, lifetime: i64, code_digest: Digest) -> Self {
        Self {
            opened_at: now,
            expires_at: now + lifetime,
            code_digest,
            guesses: HashSet::new(),
            last_guess: None,
            last_guess_at: None,
        }
    }

    /// Whether its right code was not handed in yet, and it has guesses left.
    #[must_use]
    pub fn takes_guesses(&self, max_guesses: usize) -> bool {
        self.guesses.len() < max_guesses && !self.guesses.contains(&self.code_digest)
    }

    /// Whether its code may be mailed again; otherwise it is dead, and a new challenge replaces it.
    ///
    /// It may be while it takes guesses and a minute is left (of a lifetime under two minutes, half of it), provided
    /// that `code_digest`, that of the code which would be mailed today, is its own: the number of digits may have
    /// changed meanwhile.
    #[must_use]
    pub fn is_resumable(&self, now: i64, max_guesses: usize, code_digest: &Digest) -> bool {
        let shortest_rest = SHORTEST_REST.min((self.expires_at - self.opened_at) / 2);
        self.takes_guesses(max_guesses) && self.expires_at - now >= shortest_rest && self.code_digest == *code_digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn digest(text: &str) -> Digest {
        Digest::new(text.to_owned())
    }

    fn challenge(guesses: &[&str]) -> Challenge {
        Challenge {
            guesses: guesses.iter().map(|text| digest(text)).collect(),
            last_guess: guesses.last().map(|text| digest(text)),
            last_guess_at: (!guesses.is_empty()).then_some(NOW + 30),
            ..Challenge::open(NOW, 600, digest("right"))
        }
    }

    fn is_resumable(challenge: &Challenge, now: i64) -> bool {
        challenge.is_resumable(now, 5, &digest("right"))
    }

    #[test]
    fn a_challenge_is_resumed_until_its_last_minute() {
        assert!(is_resumable(&challenge(&[]), NOW));
        assert!(is_resumable(&challenge(&["a", "b", "c", "d"]), NOW + 540));
        assert!(!is_resumable(&challenge(&[]), NOW + 541));
        assert!(!is_resumable(&challenge(&[]), NOW + 100_000));
    }

    #[test]
    fn a_used_challenge_is_dead() {
        assert!(!is_resumable(&challenge(&["a", "right"]), NOW));
    }

    #[test]
    fn a_challenge_without_guesses_left_is_dead() {
        assert!(!is_resumable(&challenge(&["a", "b", "c", "d", "e"]), NOW));
    }

    #[test]
    fn a_challenge_of_one_minute_is_resumed_for_half_of_it() {
        let short = Challenge::open(NOW, 60, digest("right"));
        assert!(is_resumable(&short, NOW + 30));
        assert!(!is_resumable(&short, NOW + 31));
    }

    #[test]
    fn a_challenge_whose_code_would_be_another_today_is_dead() {
        assert!(!challenge(&[]).is_resumable(NOW, 5, &digest("other")));
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
    fn a_drawn_id_is_a_random_uuid() {
        let mut generator = rand::rngs::SysRng;
        let one = ChallengeId::draw(&mut generator).expect("randomness");
        let other = ChallengeId::draw(&mut generator).expect("randomness");
        assert_ne!(one, other);
        assert_eq!(one.0.get_version_num(), 4);
    }
}
