//! One attempt to prove one address.

use std::collections::HashSet;

use time::{Duration, UtcDateTime};

use crate::rules::challenge_id::Digest;

/// A challenge with less time left than this is replaced when its code is requested again. Nobody should read an email
/// whose code is about to expire.
const MIN_TIME_LEFT: Duration = Duration::minutes(1);

/// A challenge as its item in the table describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// When it was opened. Its code is derived from this.
    pub opened_at: UtcDateTime,
    /// When it expires, whether or not TTL has deleted its item by then.
    pub expires_at: UtcDateTime,
    /// The digest of its code.
    pub code_digest: Digest,
    /// The digests of all codes that were submitted for it.
    pub guesses: HashSet<Digest>,
    /// The newest of them.
    pub last_guess: Option<Digest>,
    /// When the newest of them arrived. For a used challenge that is when it was used.
    pub last_guess_at: Option<UtcDateTime>,
}

impl Challenge {
    /// A challenge that is opened at `now` and lives for `lifetime`.
    #[must_use]
    pub fn open(now: UtcDateTime, lifetime: Duration, code_digest: Digest) -> Self {
        Self {
            opened_at: now,
            expires_at: now + lifetime,
            code_digest,
            guesses: HashSet::new(),
            last_guess: None,
            last_guess_at: None,
        }
    }

    /// Whether it has guesses left and its right code was not submitted yet.
    #[must_use]
    pub fn takes_guesses(&self, max_guesses: usize) -> bool {
        self.guesses.len() < max_guesses && !self.guesses.contains(&self.code_digest)
    }

    /// Whether its code may be mailed again. If not, the challenge is dead, and a new one replaces it.
    ///
    /// It may be while the challenge takes guesses and has a minute left (half of a lifetime that is under two minutes).
    /// `code_digest` is the digest of the code that would be mailed now. It differs from the challenge's own after the
    /// configured number of digits was changed.
    #[must_use]
    pub fn is_resumable(&self, now: UtcDateTime, max_guesses: usize, code_digest: &Digest) -> bool {
        let min_time_left = MIN_TIME_LEFT.min((self.expires_at - self.opened_at) / 2);
        self.takes_guesses(max_guesses) && self.expires_at - now >= min_time_left && self.code_digest == *code_digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UtcDateTime = UtcDateTime::UNIX_EPOCH;
    const SECOND: Duration = Duration::SECOND;

    fn digest(text: &str) -> Digest {
        Digest::from_item(text.to_owned())
    }

    fn challenge(guesses: &[&str]) -> Challenge {
        Challenge {
            guesses: guesses.iter().map(|text| digest(text)).collect(),
            last_guess: guesses.last().map(|text| digest(text)),
            last_guess_at: (!guesses.is_empty()).then_some(NOW + 30 * SECOND),
            ..Challenge::open(NOW, 600 * SECOND, digest("right"))
        }
    }

    fn is_resumable(challenge: &Challenge, now: UtcDateTime) -> bool {
        challenge.is_resumable(now, 5, &digest("right"))
    }

    #[test]
    fn a_challenge_is_resumed_until_its_last_minute() {
        assert!(is_resumable(&challenge(&[]), NOW));
        assert!(is_resumable(&challenge(&["a", "b", "c", "d"]), NOW + 540 * SECOND));
        assert!(!is_resumable(&challenge(&[]), NOW + 541 * SECOND));
        assert!(!is_resumable(&challenge(&[]), NOW + 100_000 * SECOND));
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
        let short = Challenge::open(NOW, 60 * SECOND, digest("right"));
        assert!(is_resumable(&short, NOW + 30 * SECOND));
        assert!(!is_resumable(&short, NOW + 31 * SECOND));
    }

    #[test]
    fn a_challenge_whose_code_would_be_another_today_is_dead() {
        assert!(!challenge(&[]).is_resumable(NOW, 5, &digest("other")));
    }
}
