//! One attempt to prove one address.

use std::collections::HashSet;

use time::{Duration, UtcDateTime};

use crate::rules::challenge_id::Digest;
use crate::rules::charge::ChargeId;

/// A challenge with less time left than this is replaced when its code is requested again. Nobody should read an email
/// whose code is about to expire.
const MIN_TIME_LEFT: Duration = Duration::minutes(1);

/// A challenge as its item in the table describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// When it was opened, or reserved for a request that named its id. Its code is derived from this.
    pub opened_at: UtcDateTime,
    /// When it expires, whether or not TTL has deleted its item by then.
    pub expires_at: UtcDateTime,
    /// The digest of its code. None while it is only reserved: then it takes no guesses.
    pub code_digest: Option<Digest>,
    /// The newest email of its code.
    pub last_send: Option<LastSend>,
    /// The digests of all codes that were submitted for it.
    pub guesses: HashSet<Digest>,
    /// The newest of them.
    pub last_guess: Option<Digest>,
    /// When the newest of them arrived. For a challenge that a typed code used that is when it was used.
    pub last_guess_at: Option<UtcDateTime>,
    /// When its link was used.
    pub linked_at: Option<UtcDateTime>,
}

/// The newest email of a challenge's code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastSend {
    /// When it was charged. None if SES did not take it.
    pub at: Option<UtcDateTime>,
    /// The charge for it.
    pub charge: ChargeId,
    /// The count that paid for it.
    pub paid_by: Option<PaidBy>,
}

/// The count of a source that paid for an email: the name of its item, and the UTC hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidBy {
    /// The item's `pk`.
    pub item: String,
    /// The hour, 0 to 23.
    pub hour: u8,
}

impl Challenge {
    /// A challenge that is reserved at `now` and lives for `lifetime`.
    #[must_use]
    pub fn reserve(now: UtcDateTime, lifetime: Duration) -> Self {
        Self {
            opened_at: now,
            expires_at: now + lifetime,
            code_digest: None,
            last_send: None,
            guesses: HashSet::new(),
            last_guess: None,
            last_guess_at: None,
            linked_at: None,
        }
    }

    /// Whether it has guesses left, and neither its code nor its link was used yet. (While it is reserved: whether it will have.)
    #[must_use]
    pub fn takes_guesses(&self, max_guesses: usize) -> bool {
        let is_used = self
            .code_digest
            .as_ref()
            .is_some_and(|code| self.guesses.contains(code));
        self.guesses.len() < max_guesses && !is_used && self.linked_at.is_none()
    }

    /// Whether its code may be mailed again. If not, the challenge is dead, and a new one replaces it.
    ///
    /// It may be while the challenge takes guesses and has a minute left (half of a lifetime that is under two minutes).
    /// `code_digest` is the digest of the code that would be mailed now. It differs from the challenge's own after the
    /// configured number of digits was changed.
    #[must_use]
    pub fn is_resumable(&self, now: UtcDateTime, max_guesses: usize, code_digest: &Digest) -> bool {
        let min_time_left = MIN_TIME_LEFT.min((self.expires_at - self.opened_at) / 2);
        let has_this_code = self.code_digest.as_ref().is_none_or(|own| own == code_digest);
        self.takes_guesses(max_guesses) && self.expires_at - now >= min_time_left && has_this_code
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
            code_digest: Some(digest("right")),
            ..Challenge::reserve(NOW, 600 * SECOND)
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
        let short = Challenge::reserve(NOW, 60 * SECOND);
        assert!(is_resumable(&short, NOW + 30 * SECOND));
        assert!(!is_resumable(&short, NOW + 31 * SECOND));
    }

    #[test]
    fn a_challenge_whose_code_would_be_another_today_is_dead() {
        assert!(!challenge(&[]).is_resumable(NOW, 5, &digest("other")));
    }
}
