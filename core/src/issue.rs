//! Which challenge a request is mailed: the one that it asks for, or a new one.

use crate::address::Recipient;
use crate::challenge::{Challenge, ChallengeId};
use crate::code::Code;
use crate::keys::Keys;

/// How challenges and their codes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRules {
    /// Digits of a code.
    pub digits: u8,
    /// Seconds for which a challenge lives.
    pub lifetime: i64,
    /// Guesses that it takes.
    pub max_guesses: usize,
}

/// A challenge whose code is to be mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its id.
    pub id: ChallengeId,
    /// Its code.
    pub code: Code,
    /// The challenge itself.
    pub challenge: Challenge,
    /// Whether it has yet to be opened.
    pub is_new: bool,
}

/// A challenge as it stands in the table.
pub struct Standing<'a> {
    /// The challenge, dead or alive.
    pub challenge: Challenge,
    /// The keys under which it stands: during a rotation those in force, or the others.
    pub keys: &'a Keys,
}

impl Issue {
    /// Chooses at `now` (epoch seconds): the challenge `asked_for`, which is `standing`, while it can be resumed, else
    /// a new one under `keys`. A new one takes the id that was asked for, unless a dead challenge has it; then it is
    /// named `fresh`.
    #[must_use]
    pub fn choose(
        keys: &Keys,
        recipient: &Recipient,
        rules: CodeRules,
        asked_for: Option<ChallengeId>,
        standing: Option<&Standing>,
        fresh: ChallengeId,
        now: i64,
    ) -> Self {
        let derive = |keys, id, opened_at| {
            let code = Code::derive(keys, recipient, id, opened_at, rules.digits);
            let digest = code.digest(keys, recipient, id);
            (code, digest)
        };
        if let (Some(id), Some(Standing { challenge, keys })) = (asked_for, standing) {
            let (code, digest) = derive(keys, id, challenge.opened_at);
            if challenge.is_resumable(now, rules.max_guesses, &digest) {
                let challenge = challenge.clone();
                let is_new = false;
                return Self {
                    id,
                    code,
                    challenge,
                    is_new,
                };
            }
        }
        let id = asked_for.filter(|_| standing.is_none()).unwrap_or(fresh);
        let (code, digest) = derive(keys, id, now);
        let challenge = Challenge::open(now, rules.lifetime, digest);
        let is_new = true;
        Self {
            id,
            code,
            challenge,
            is_new,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::SHORTEST_SECRET;

    const NOW: i64 = 1_800_000_000;
    const RULES: CodeRules = CodeRules {
        digits: 6,
        lifetime: 600,
        max_guesses: 5,
    };

    fn id(text: &str) -> ChallengeId {
        ChallengeId::parse(text).expect("a UUID")
    }

    fn own() -> ChallengeId {
        id("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e")
    }

    fn fresh() -> ChallengeId {
        id("0b9f6f5e-7c1d-4f7e-8a8e-2f4b1c9d0e11")
    }

    fn keys(secret: u8) -> Keys {
        Keys::derive(&[secret; SHORTEST_SECRET]).expect("a secret of the right length")
    }

    fn choose(rules: CodeRules, asked_for: Option<ChallengeId>, standing: Option<&Challenge>, now: i64) -> Issue {
        choose_under(&keys(1), rules, asked_for, standing, now)
    }

    /// A choice with `in_force` in force, while what stands does so under the first keys.
    fn choose_under(
        in_force: &Keys,
        rules: CodeRules,
        asked_for: Option<ChallengeId>,
        standing: Option<&Challenge>,
        now: i64,
    ) -> Issue {
        let recipient = Recipient::parse("kim@example.com").expect("a plain address");
        let first = keys(1);
        let standing = standing.map(|challenge| Standing {
            challenge: challenge.clone(),
            keys: &first,
        });
        Issue::choose(in_force, &recipient, rules, asked_for, standing.as_ref(), fresh(), now)
    }

    #[test]
    fn a_new_challenge_takes_the_id_that_was_brought_along_or_a_fresh_one() {
        let issue = choose(RULES, Some(own()), None, NOW);
        assert_eq!((issue.id, issue.is_new), (own(), true));
        assert_eq!(
            (issue.challenge.opened_at, issue.challenge.expires_at),
            (NOW, NOW + 600)
        );
        assert_eq!(choose(RULES, None, None, NOW).id, fresh());
    }

    #[test]
    fn a_live_challenge_is_resumed_with_the_same_code_and_expiry() {
        let first = choose(RULES, Some(own()), None, NOW);
        let again = choose(RULES, Some(own()), Some(&first.challenge), NOW + 100);
        assert_eq!(again, Issue { is_new: false, ..first });
    }

    #[test]
    fn a_dead_challenge_is_replaced_under_a_fresh_id() {
        let first = choose(RULES, Some(own()), None, NOW);
        let again = choose(RULES, Some(own()), Some(&first.challenge), NOW + 541);
        assert_eq!((again.id, again.is_new), (fresh(), true));
        assert_ne!(again.code, first.code);
    }

    #[test]
    fn a_challenge_is_resumed_under_its_own_keys_and_replaced_under_those_in_force() {
        let first = choose(RULES, Some(own()), None, NOW);
        let resume = |now| choose_under(&keys(2), RULES, Some(own()), Some(&first.challenge), now);
        assert_eq!(resume(NOW + 100).code, first.code);
        let new = choose_under(&keys(2), RULES, None, None, NOW + 541);
        assert_eq!(resume(NOW + 541), new);
    }

    #[test]
    fn a_challenge_is_replaced_when_codes_have_got_another_length() {
        let first = choose(RULES, Some(own()), None, NOW);
        let longer = CodeRules { digits: 8, ..RULES };
        let again = choose(longer, Some(own()), Some(&first.challenge), NOW + 100);
        assert_eq!((again.id, again.code.as_str().len()), (fresh(), 8));
    }
}
