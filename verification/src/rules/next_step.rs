//! What a request for a code does next: which email it sends, if any.

use time::{Duration, UtcDateTime};

use crate::rules::challenge::Challenge;
use crate::rules::challenge_id::{ChallengeRef, Digest};
use crate::rules::code::{Code, CodeRules};
use crate::rules::limits::Limits;
use crate::rules::mail_id::MailId;
use crate::rules::undelivered::Reason;

/// What a request does next.
pub enum NextStep<'a> {
    /// It sends an email, unless the table has changed since or a limit refuses.
    Mail(Box<Email<'a>>),
    /// It sends none. The code was mailed in the running pause, and a double tap needs the same response, from any source.
    AlreadyMailed {
        /// The time until the code expires.
        expires_in: Duration,
        /// What is left of the pause.
        resend_in: Duration,
    },
    /// It sends none either. The code was mailed in the running pause, and SES has said since that the email did not arrive.
    Undeliverable {
        /// Why it did not.
        reason: Reason,
        /// What is left of the pause.
        resend_in: Duration,
    },
}

/// An email that is about to go out.
pub struct Email<'a> {
    /// Its id.
    pub id: MailId,
    /// When its request came.
    pub now: UtcDateTime,
    /// The challenge whose code it carries.
    pub challenge: ChallengeRef<'a>,
    /// What becomes of the challenge.
    pub change: Change,
    /// The code.
    pub code: Code,
    /// When the code expires.
    pub ends_at: UtcDateTime,
    /// The guesses that its challenge takes.
    pub max_guesses: usize,
}

/// What an email makes of its challenge.
pub enum Change {
    /// There is none under the active keys yet.
    Create,
    /// It is alive, and its code is mailed once more.
    Resend(Challenge),
    /// It is dead, and opened anew.
    Reopen(Challenge),
}

/// Chooses the steps of one request.
pub struct Chooser<'a> {
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

impl<'a> Chooser<'a> {
    /// What follows if the table has `found` this for the challenge. Under older keys a live challenge goes on. A dead one is
    /// opened anew under the active keys.
    pub fn choose(&self, challenge: ChallengeRef<'a>, found: Option<Challenge>) -> NextStep<'a> {
        let Some(found) = found else {
            return self.open(Change::Create);
        };
        let code = challenge.digest(&challenge.code(found.generation, self.rules.digits));
        let mailed_at = found.sent_at.filter(|at| *at > self.limits.pause_over(self.now));
        match mailed_at {
            Some(mailed_at) if found.is_open(&code, self.rules, self.now) => {
                let resend_in = self.limits.pause_left(mailed_at, self.now);
                match found.undeliverable {
                    Some(reason) => NextStep::Undeliverable { reason, resend_in },
                    None => NextStep::AlreadyMailed {
                        expires_in: found.ends_at - self.now,
                        resend_in,
                    },
                }
            }
            _ if found.is_alive(&code, self.rules, self.now) => {
                self.mail(challenge, found.generation, found.ends_at, Change::Resend(found))
            }
            _ if challenge.has_keys_of(self.active) => self.open(Change::Reopen(found)),
            _ => self.open(Change::Create),
        }
    }

    /// An email that opens a generation. Its id names the generation.
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

    /// Whether it is the first of its generation. If SES does not take that one, the generation takes no guesses.
    pub fn is_first(&self) -> bool {
        !matches!(self.change, Change::Resend(_))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::keys::{Keys, MIN_SECRET_BYTES};
    use crate::rules::challenge::tests::challenge;
    use crate::rules::challenge_id::{ChallengeId, ChallengeName};
    use crate::rules::code::tests::RULES;
    use crate::rules::limits::tests::LIMITS;
    use crate::rules::purpose::Purpose;
    use crate::rules::recipient::Recipient;

    const OPENED_AT: UtcDateTime = UtcDateTime::UNIX_EPOCH;

    static KEYS: LazyLock<Keys> =
        LazyLock::new(|| Keys::derive(&[1; MIN_SECRET_BYTES]).expect("a secret of the right length"));
    static KIM: LazyLock<ChallengeName> = LazyLock::new(|| ChallengeName {
        recipient: Recipient::parse("kim@example.com").expect("a plain address"),
        id: ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID"),
        purpose: Purpose::SignUp,
    });

    fn reference() -> ChallengeRef<'static> {
        ChallengeRef::new(&KEYS, &KIM)
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

    fn choose(seconds: i64, found: Challenge) -> NextStep<'static> {
        let chooser = Chooser {
            active: reference(),
            mail: MailId::parse("00000000000040008000000000000002").expect("an id"),
            now: OPENED_AT + Duration::seconds(seconds),
            rules: RULES,
            limits: LIMITS,
        };
        chooser.choose(reference(), Some(found))
    }

    fn email(seconds: i64, found: Challenge) -> Box<Email<'static>> {
        match choose(seconds, found) {
            NextStep::Mail(email) => email,
            NextStep::AlreadyMailed { .. } | NextStep::Undeliverable { .. } => panic!("no email"),
        }
    }

    #[test]
    fn a_repeat_needs_no_second_email_until_the_pause_is_nearly_over() {
        let times = |seconds| match choose(seconds, mailed()) {
            NextStep::AlreadyMailed { expires_in, resend_in } => {
                Some((expires_in.whole_seconds(), resend_in.whole_seconds()))
            }
            NextStep::Mail(_) | NextStep::Undeliverable { .. } => None,
        };
        assert_eq!(times(0), Some((600, 60)));
        assert_eq!(times(-2), Some((602, 60)), "by a clock that is behind");
        assert_eq!(times(54), Some((546, 6)));
        assert_eq!(times(55), None);
        let mut late = mailed();
        late.sent_at = Some(OPENED_AT + Duration::seconds(540));
        assert!(
            matches!(choose(594, late), NextStep::AlreadyMailed { .. }),
            "in the last minute"
        );
    }

    #[test]
    fn a_repeat_is_told_that_the_email_did_not_arrive_and_after_the_pause_another_goes_out() {
        let bounced = Challenge {
            undeliverable: Some(Reason::Mailbox),
            ..mailed()
        };
        let NextStep::Undeliverable { reason, resend_in } = choose(54, bounced.clone()) else {
            panic!("it is not told");
        };
        assert_eq!((reason, resend_in.whole_seconds()), (Reason::Mailbox, 6));
        assert!(matches!(email(55, bounced).change, Change::Resend(_)));
    }

    #[test]
    fn a_live_challenge_is_mailed_again_with_the_same_code_and_expiry() {
        let email = email(100, mailed());
        assert!(matches!(email.change, Change::Resend(_)) && !email.is_first());
        assert_eq!(Some(email.code_digest()), mailed().code_digest);
        assert_eq!(email.ends_at, mailed().ends_at);
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
