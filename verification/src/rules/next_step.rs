//! What a request for a code does next: which email it sends, if any.

use time::{Duration, UtcDateTime};

use crate::rules::challenge::Challenge;
use crate::rules::challenge_id::{ChallengeRef, Digest};
use crate::rules::code::{Code, CodeRules};
use crate::rules::limits::Limits;
use crate::rules::mail_id::MailId;

/// What a request does next.
pub enum NextStep<'a> {
    /// It sends an email, if the table still is as this step was chosen by, and the limits allow it.
    Mail(Box<Email<'a>>),
    /// It sends none: the code is in an email of the running pause. A double tap, or a retry after a lost response, needs only the
    /// same response again, from whichever source it comes.
    AlreadyMailed {
        /// The time until the code expires.
        expires_in: Duration,
        /// What is left of the pause.
        resend_in: Duration,
    },
}

/// An email that is about to go out.
pub struct Email<'a> {
    /// Its id.
    pub id: MailId,
    /// When it is charged.
    pub now: UtcDateTime,
    /// The challenge whose code it carries.
    pub challenge: ChallengeRef<'a>,
    /// What becomes of the challenge.
    pub change: Change,
    /// The generation of the code.
    pub generation: MailId,
    /// The code.
    pub code: Code,
    /// When the code expires.
    pub ends_at: UtcDateTime,
    /// The guesses that its challenge takes.
    pub max_guesses: usize,
}

/// What an email makes of its challenge.
pub enum Change {
    /// There is none under this id yet.
    Create,
    /// It is alive, and its code is mailed once more.
    Resend(Challenge),
    /// It is dead, and opened anew.
    Reopen(Challenge),
}

/// Chooses the steps of one request.
#[derive(Clone, Copy)]
pub struct Steps<'a> {
    /// The challenge that the request is about, under the active keys.
    pub active: ChallengeRef<'a>,
    /// The id of the email, if one goes out.
    pub mail: MailId,
    /// When the request came.
    pub now: UtcDateTime,
    /// How codes are made.
    pub rules: CodeRules,
    /// The limits; of them only the pause matters.
    pub limits: Limits,
}

impl<'a> Steps<'a> {
    /// The step after the table `found` this challenge, or none. During a rotation it may be under other keys than the active
    /// ones. There it lives on, but it is opened under the active keys only.
    pub fn next(&self, challenge: ChallengeRef<'a>, found: Option<Challenge>) -> NextStep<'a> {
        let Some(found) = found else {
            return self.open(Change::Create);
        };
        let code = challenge.code(found.generation, self.rules.digits);
        if !found.is_alive(&challenge.digest(&code), self.rules, self.now) {
            let is_active = challenge.has_keys_of(self.active);
            return self.open(if is_active {
                Change::Reopen(found)
            } else {
                Change::Create
            });
        }
        match found.sent_at {
            Some(sent_at) if sent_at > self.limits.pause_over(self.now) => NextStep::AlreadyMailed {
                expires_in: self.rules.lifetime.min(found.ends_at - self.now),
                resend_in: self.limits.pause_left(sent_at, self.now),
            },
            _ => self.mail(challenge, found.generation, found.ends_at, Change::Resend(found)),
        }
    }

    /// An email with the code of a new generation, which is named after it.
    fn open(&self, change: Change) -> NextStep<'a> {
        self.mail(self.active, self.mail, self.now + self.rules.lifetime, change)
    }

    fn mail(
        &self,
        challenge: ChallengeRef<'a>,
        generation: MailId,
        ends_at: UtcDateTime,
        change: Change,
    ) -> NextStep<'a> {
        NextStep::Mail(Box::new(Email {
            id: self.mail,
            now: self.now,
            challenge,
            change,
            generation,
            code: challenge.code(generation, self.rules.digits),
            ends_at,
            max_guesses: self.rules.max_guesses,
        }))
    }
}

impl Email<'_> {
    /// The digest of its code.
    pub fn code_digest(&self) -> Digest {
        self.challenge.digest(&self.code)
    }

    /// Whether it is the first of its generation. If SES refuses that one, the generation takes no guesses.
    pub fn is_first(&self) -> bool {
        self.generation == self.id
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::keys::{Keys, MIN_SECRET_BYTES};
    use crate::rules::challenge::tests::challenge;
    use crate::rules::challenge_id::ChallengeId;
    use crate::rules::code::tests::RULES;
    use crate::rules::limits::tests::LIMITS;
    use crate::rules::recipient::Recipient;

    const OPENED_AT: UtcDateTime = UtcDateTime::UNIX_EPOCH;

    static KEYS: LazyLock<Keys> =
        LazyLock::new(|| Keys::derive(&[1; MIN_SECRET_BYTES]).expect("a secret of the right length"));
    static KIM: LazyLock<Recipient> = LazyLock::new(|| Recipient::parse("kim@example.com").expect("a plain address"));

    fn reference() -> ChallengeRef<'static> {
        let id = ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID");
        ChallengeRef::new(&KEYS, &KIM, id)
    }

    /// The challenge, opened and mailed at [`OPENED_AT`].
    fn mailed() -> Challenge {
        let opened = challenge(OPENED_AT, &[]);
        let code = reference().code(opened.generation, RULES.digits);
        Challenge {
            code_digest: Some(reference().digest(&code)),
            ..opened
        }
    }

    fn next(seconds: i64, found: Challenge) -> NextStep<'static> {
        let steps = Steps {
            active: reference(),
            mail: MailId::parse("00000000000040008000000000000002").expect("an id"),
            now: OPENED_AT + Duration::seconds(seconds),
            rules: RULES,
            limits: LIMITS,
        };
        steps.next(reference(), Some(found))
    }

    fn email(seconds: i64, found: Challenge) -> Box<Email<'static>> {
        match next(seconds, found) {
            NextStep::Mail(email) => email,
            NextStep::AlreadyMailed { .. } => panic!("no email"),
        }
    }

    #[test]
    fn a_repeat_needs_no_second_email_until_the_pause_is_nearly_over() {
        let times = |seconds| match next(seconds, mailed()) {
            NextStep::AlreadyMailed { expires_in, resend_in } => {
                Some((expires_in.whole_seconds(), resend_in.whole_seconds()))
            }
            NextStep::Mail(_) => None,
        };
        assert_eq!(times(0), Some((600, 60)));
        assert_eq!(times(-2), Some((600, 60)), "by a clock that is behind");
        assert_eq!(times(54), Some((546, 6)));
        assert_eq!(times(55), None);
    }

    #[test]
    fn a_live_challenge_is_mailed_again_with_the_same_code_and_expiry() {
        let email = email(100, mailed());
        assert!(matches!(email.change, Change::Resend(_)) && !email.is_first());
        assert_eq!(Some(email.code_digest()), mailed().code_digest);
        assert_eq!(
            (email.generation, email.ends_at),
            (mailed().generation, mailed().ends_at)
        );
    }

    #[test]
    fn an_email_that_ses_did_not_confirm_may_be_repeated_at_once() {
        let mut unconfirmed = mailed();
        unconfirmed.sent_at = None;
        assert!(matches!(email(1, unconfirmed).change, Change::Resend(_)));
    }

    #[test]
    fn a_dead_challenge_is_opened_anew_with_another_code_and_its_full_time() {
        let (mut linked, mut refused) = (mailed(), mailed());
        linked.linked_at = Some(OPENED_AT);
        refused.code_digest = None;
        for (found, seconds) in [(mailed(), 541), (linked, 5), (refused, 1)] {
            let email = email(seconds, found);
            assert!(matches!(email.change, Change::Reopen(_)) && email.is_first());
            assert_ne!(Some(email.code_digest()), mailed().code_digest);
            assert_eq!(email.ends_at, OPENED_AT + Duration::seconds(seconds) + RULES.lifetime);
        }
    }
}
