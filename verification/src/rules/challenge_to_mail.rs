//! Which challenge a request is about, and whether to resume it or to open a new one.

use time::UtcDateTime;

use crate::rules::challenge::Challenge;
use crate::rules::challenge_id::ChallengeRef;
use crate::rules::code::{Code, CodeRules};

/// What a request named, and what the table knows of it.
pub enum Requested<'a> {
    /// The request named no challenge.
    Any,
    /// It named a challenge, dead or alive. If there was none, it is reserved now. During a rotation its keys may be others
    /// than the active ones.
    Named(ChallengeRef<'a>, Box<Challenge>),
}

/// The challenge whose code is to be mailed.
#[derive(Clone)]
pub struct ChallengeToMail<'a> {
    /// Its id, recipient and keys.
    pub reference: ChallengeRef<'a>,
    /// Its code.
    pub code: Code,
    /// The challenge itself.
    pub challenge: Challenge,
}

impl<'a> ChallengeToMail<'a> {
    /// Chooses the challenge to mail: the named one if it can be resumed, else a new one that is opened at `now`.
    ///
    /// A new one is `fresh`.
    #[must_use]
    pub fn choose(requested: &Requested<'a>, fresh: ChallengeRef<'a>, rules: CodeRules, now: UtcDateTime) -> Self {
        if let Requested::Named(reference, challenge) = requested
            && let Some(code) = resumable_code(*reference, challenge, rules, now)
        {
            return Self {
                reference: *reference,
                code,
                challenge: (**challenge).clone(),
            };
        }
        Self {
            reference: fresh,
            code: Code::derive(fresh, now, rules.digits),
            challenge: Challenge::reserve(now, rules.lifetime),
        }
    }
}

/// The code of a challenge that could be resumed at `now`, else none.
pub(crate) fn resumable_code(
    reference: ChallengeRef,
    challenge: &Challenge,
    rules: CodeRules,
    now: UtcDateTime,
) -> Option<Code> {
    let code = Code::derive(reference, challenge.opened_at, rules.digits);
    let is_resumable = challenge.is_resumable(now, rules.max_guesses, &code.digest(reference));
    is_resumable.then_some(code)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use time::Duration;

    use super::*;
    use crate::keys::{Keys, MIN_SECRET_BYTES};
    use crate::rules::challenge_id::ChallengeId;
    use crate::rules::recipient::Recipient;

    const NOW: UtcDateTime = UtcDateTime::UNIX_EPOCH;
    const SECOND: Duration = Duration::SECOND;
    const RULES: CodeRules = CodeRules {
        digits: 6,
        lifetime: Duration::minutes(10),
        max_guesses: 5,
    };

    static FIRST_KEYS: LazyLock<Keys> = LazyLock::new(|| keys(1));
    static SECOND_KEYS: LazyLock<Keys> = LazyLock::new(|| keys(2));
    static KIM: LazyLock<Recipient> = LazyLock::new(|| Recipient::parse("kim@example.com").expect("a plain address"));

    fn keys(secret: u8) -> Keys {
        Keys::derive(&[secret; MIN_SECRET_BYTES]).expect("a secret of the right length")
    }

    fn id(text: &str) -> ChallengeId {
        ChallengeId::parse(text).expect("a UUID")
    }

    fn own() -> ChallengeId {
        id("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e")
    }

    fn fresh() -> ChallengeId {
        id("0b9f6f5e-7c1d-4f7e-8a8e-2f4b1c9d0e11")
    }

    /// A challenge under the first keys.
    fn named(id: ChallengeId) -> ChallengeRef<'static> {
        ChallengeRef::new(&FIRST_KEYS, &KIM, id)
    }

    fn choose(rules: CodeRules, requested: &Requested<'static>, now: UtcDateTime) -> ChallengeToMail<'static> {
        ChallengeToMail::choose(requested, named(fresh()), rules, now)
    }

    fn first() -> ChallengeToMail<'static> {
        choose(RULES, &reserved(), NOW)
    }

    /// A request that names an id of its own, for the first time.
    fn reserved() -> Requested<'static> {
        Requested::Named(named(own()), Box::new(Challenge::reserve(NOW, RULES.lifetime)))
    }

    /// A request that names the challenge of [`first`], once it was opened.
    fn again() -> Requested<'static> {
        let first = first();
        let code_digest = Some(first.code.digest(first.reference));
        let challenge = Challenge {
            code_digest,
            ..first.challenge
        };
        Requested::Named(named(own()), Box::new(challenge))
    }

    #[test]
    fn a_new_challenge_takes_the_id_that_was_brought_along_or_a_fresh_one() {
        let chosen = first();
        assert_eq!(chosen.reference.id(), own());
        assert_eq!(
            (chosen.challenge.opened_at, chosen.challenge.expires_at),
            (NOW, NOW + 600 * SECOND)
        );
        assert_eq!(choose(RULES, &Requested::Any, NOW).reference.id(), fresh());
    }

    #[test]
    fn a_live_challenge_is_resumed_with_the_same_code_and_expiry() {
        let (first, again) = (first(), choose(RULES, &again(), NOW + 100 * SECOND));
        assert_eq!((again.reference.id(), again.code), (own(), first.code));
        assert_eq!(
            (again.challenge.opened_at, again.challenge.expires_at),
            (first.challenge.opened_at, first.challenge.expires_at)
        );
    }

    #[test]
    fn a_dead_challenge_is_replaced_under_a_fresh_id() {
        let again = choose(RULES, &again(), NOW + 541 * SECOND);
        assert_eq!(again.reference.id(), fresh());
        assert_ne!(again.code, first().code);
    }

    #[test]
    fn a_challenge_is_resumed_under_its_own_keys_and_replaced_under_those_in_force() {
        let fresh = ChallengeRef::new(&SECOND_KEYS, &KIM, fresh());
        let choose = |requested: &Requested<'static>, now| ChallengeToMail::choose(requested, fresh, RULES, now);
        assert_eq!(choose(&again(), NOW + 100 * SECOND).code, first().code);
        let new = choose(&Requested::Any, NOW + 541 * SECOND);
        let replaced = choose(&again(), NOW + 541 * SECOND);
        assert_eq!(replaced.reference.id(), new.reference.id());
        assert_eq!((replaced.code, replaced.challenge), (new.code, new.challenge));
    }

    #[test]
    fn a_challenge_is_replaced_when_codes_have_got_another_length() {
        let longer = CodeRules { digits: 8, ..RULES };
        let again = choose(longer, &again(), NOW + 100 * SECOND);
        assert_eq!((again.reference.id(), again.code.as_str().len()), (fresh(), 8));
    }
}
