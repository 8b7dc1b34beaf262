//! One attempt to prove one address.

use std::collections::{BTreeMap, HashSet};

use time::{Duration, UtcDateTime};

use crate::rules::challenge_id::Digest;
use crate::rules::code::CodeRules;
use crate::rules::mail_id::MailId;
use crate::rules::undelivered::Reason;

/// A code with no more time left than this is not mailed again. Nobody should read an email whose code is about to expire.
const MIN_TIME_LEFT: Duration = Duration::minutes(1);

/// A challenge as its item in the table describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The email that opened it, newly or once more. Its code and the id of its proof are derived from this.
    pub generation: MailId,
    /// The newest email of its code.
    pub mail: MailId,
    /// When its code expires, whether or not TTL has deleted the item by then.
    pub ends_at: UtcDateTime,
    /// The digest of its code. None after SES did not take the first email of the code: then it takes no guesses.
    pub code_digest: Option<Digest>,
    /// When its newest email was charged. None if SES did not take that one, or did not say.
    pub sent_at: Option<UtcDateTime>,
    /// The digests of all codes that were submitted for this generation.
    pub guesses: HashSet<Digest>,
    /// The newest of them.
    pub last_guess: Option<Digest>,
    /// When the newest of them arrived. If that was the right code, this is when it was used.
    pub last_guess_at: Option<UtcDateTime>,
    /// When its link was used.
    pub linked_at: Option<UtcDateTime>,
    /// Why its newest email did not arrive, once SES has said so.
    pub undeliverable: Option<Reason>,
    /// The emails that each source's day paid for, by the name of its item. A right code gives them back.
    pub paid_by: BTreeMap<String, u32>,
}

impl Challenge {
    /// Whether its code or its link was used.
    pub fn is_used(&self) -> bool {
        let code = self.code_digest.as_ref();
        self.linked_at.is_some() || code.is_some_and(|code| self.guesses.contains(code))
    }

    /// Whether its code still works: it is unused, has guesses left and has not expired.
    ///
    /// `code` is the digest of the code that would be mailed now. It differs from the challenge's own after the configured
    /// number of digits was changed.
    pub fn is_open(&self, code: &Digest, rules: CodeRules, now: UtcDateTime) -> bool {
        self.code_digest.as_ref() == Some(code)
            && !self.is_used()
            && self.guesses.len() < rules.max_guesses
            && now < self.ends_at
    }

    /// Whether its code may be mailed again. If not, the challenge is dead, and the next email opens it anew.
    ///
    /// It is alive if it is open and has over a minute left (over half of a lifetime that is under two minutes).
    pub fn is_alive(&self, code: &Digest, rules: CodeRules, now: UtcDateTime) -> bool {
        self.is_open(code, rules, now) && self.ends_at - now > MIN_TIME_LEFT.min(rules.lifetime / 2)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::code::tests::RULES;

    const NOW: UtcDateTime = UtcDateTime::UNIX_EPOCH;
    const SECOND: Duration = Duration::SECOND;

    fn digest(text: &str) -> Digest {
        Digest::from_item(text.to_owned())
    }

    /// A challenge whose code has the digest `right`, opened and mailed at `opened_at`, with these guesses 30 s later.
    pub(crate) fn challenge(opened_at: UtcDateTime, guesses: &[&str]) -> Challenge {
        let mail = MailId::parse("00000000000040008000000000000001").expect("an id");
        Challenge {
            generation: mail,
            mail,
            ends_at: opened_at + RULES.lifetime,
            code_digest: Some(digest("right")),
            sent_at: Some(opened_at),
            guesses: guesses.iter().map(|text| digest(text)).collect(),
            last_guess: guesses.last().map(|text| digest(text)),
            last_guess_at: (!guesses.is_empty()).then_some(opened_at + 30 * SECOND),
            linked_at: None,
            undeliverable: None,
            paid_by: BTreeMap::new(),
        }
    }

    fn is_alive(challenge: &Challenge, now: UtcDateTime) -> bool {
        challenge.is_alive(&digest("right"), RULES, now)
    }

    #[test]
    fn a_challenge_lives_until_its_last_minute() {
        assert!(is_alive(&challenge(NOW, &[]), NOW));
        assert!(is_alive(&challenge(NOW, &["a", "b", "c", "d"]), NOW + 539 * SECOND));
        assert!(!is_alive(&challenge(NOW, &[]), NOW + 540 * SECOND));
        assert!(!is_alive(&challenge(NOW, &[]), NOW + 100_000 * SECOND));
    }

    #[test]
    fn a_challenge_of_one_minute_lives_for_half_of_it() {
        let rules = CodeRules {
            lifetime: 60 * SECOND,
            ..RULES
        };
        let short = Challenge {
            ends_at: NOW + 60 * SECOND,
            ..challenge(NOW, &[])
        };
        assert!(short.is_alive(&digest("right"), rules, NOW + 29 * SECOND));
        assert!(!short.is_alive(&digest("right"), rules, NOW + 30 * SECOND));
    }

    #[test]
    fn a_challenge_is_open_until_it_expires() {
        let is_open = |seconds| challenge(NOW, &[]).is_open(&digest("right"), RULES, NOW + seconds * SECOND);
        assert!(is_open(0) && is_open(599));
        assert!(!is_open(600) && !is_open(601));
    }

    #[test]
    fn a_used_challenge_is_dead() {
        assert!(!is_alive(&challenge(NOW, &["a", "right"]), NOW));
        let linked = Challenge {
            linked_at: Some(NOW),
            ..challenge(NOW, &[])
        };
        assert!(!is_alive(&linked, NOW));
    }

    #[test]
    fn a_challenge_without_guesses_left_or_without_a_code_is_dead() {
        assert!(!is_alive(&challenge(NOW, &["a", "b", "c", "d", "e"]), NOW));
        let refused = Challenge {
            code_digest: None,
            ..challenge(NOW, &[])
        };
        assert!(!is_alive(&refused, NOW));
    }

    #[test]
    fn a_challenge_whose_code_would_be_another_today_is_dead() {
        assert!(!challenge(NOW, &[]).is_alive(&digest("other"), RULES, NOW));
    }
}
