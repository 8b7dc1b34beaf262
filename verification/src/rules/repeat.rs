//! What a source has sent to a mailbox, and which repeats of a request need no second email.

use time::UtcDateTime;

use crate::rules::challenge::Challenge;
use crate::rules::challenge_id::{ChallengeId, ChallengeRef};
use crate::rules::challenge_to_mail::{Requested, resumable_code};
use crate::rules::charge::ChargeId;
use crate::rules::code::CodeRules;
use crate::rules::limits::Limits;

/// What a source has sent to a mailbox, as the item of the two describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRecord {
    /// Emails in the UTC day of the request.
    pub mails_today: u32,
    /// The same, with those that SES did not confirm and that may have arrived.
    pub sends_today: u32,
    /// The newest email. None if it was refunded or its pause was ended.
    pub last_mail: Option<LastMail>,
}

/// The newest email from a source to a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMail {
    /// When it was charged.
    pub sent_at: UtcDateTime,
    /// The charge for it. A new challenge that it carries is named after the charge.
    pub charge: ChargeId,
    /// The challenge that the request named, if any.
    pub asked_for: Option<ChallengeId>,
}

/// A challenge whose code is in an email already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlreadyMailed {
    /// Its id.
    pub challenge_id: ChallengeId,
    /// When it expires.
    pub expires_at: UtcDateTime,
    /// When the email was charged.
    pub sent_at: UtcDateTime,
}

impl SendRecord {
    /// Finds the challenge that a request inside the pause was mailed already. None if the request has to wait.
    ///
    /// A double tap, or a retry after a lost response, needs no second email, only the same response again.
    #[must_use]
    pub fn already_mailed(
        &self,
        requested: &Requested,
        limits: &Limits,
        rules: CodeRules,
        now: UtcDateTime,
    ) -> Option<AlreadyMailed> {
        let (mail, Requested::Named(reference, challenge)) = (self.last_mail.as_ref()?, requested) else {
            return None;
        };
        let fresh = ChallengeId::of_charge(mail.charge);
        let mailed = if reference.id() == fresh || mail.carried(*reference, challenge, rules) {
            challenge.takes_guesses(rules.max_guesses).then_some(AlreadyMailed {
                challenge_id: reference.id(),
                expires_at: challenge.expires_at,
                sent_at: mail.sent_at,
            })
        } else if mail.asked_for == Some(reference.id()) {
            // The challenge was dead when the email was asked for, so a new one took its place.
            Some(AlreadyMailed {
                challenge_id: fresh,
                expires_at: mail.sent_at + rules.lifetime,
                sent_at: mail.sent_at,
            })
        } else {
            None
        };
        let is_in_pause = limits.pause_left(mail.sent_at, now).is_positive();
        mailed.filter(|mailed| is_in_pause && now < mailed.expires_at)
    }
}

impl LastMail {
    /// Whether this email, which was asked for the challenge, carried its code and not that of a new one.
    ///
    /// While the email is still being sent, the challenge does not say so yet. It does if it could be resumed then.
    fn carried(&self, reference: ChallengeRef, challenge: &Challenge, rules: CodeRules) -> bool {
        let says_so = challenge
            .last_send
            .as_ref()
            .is_some_and(|send| send.charge == self.charge);
        let could_be_resumed = || {
            challenge.opened_at <= self.sent_at && resumable_code(reference, challenge, rules, self.sent_at).is_some()
        };
        self.asked_for == Some(reference.id()) && (says_so || could_be_resumed())
    }
}

impl Challenge {
    /// Finds this challenge's code in an email of the running pause, whoever asked for it. None if it may be mailed again.
    ///
    /// A phone that changes its network in between is another source to the service, and still needs no second email.
    #[must_use]
    pub fn already_mailed(
        &self,
        challenge_id: ChallengeId,
        limits: &Limits,
        max_guesses: usize,
        now: UtcDateTime,
    ) -> Option<AlreadyMailed> {
        let sent_at = self.last_send.as_ref()?.at?;
        let is_in_pause = limits.pause_left(sent_at, now).is_positive();
        (is_in_pause && self.takes_guesses(max_guesses) && now < self.expires_at).then_some(AlreadyMailed {
            challenge_id,
            expires_at: self.expires_at,
            sent_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use time::Duration;

    use super::*;
    use crate::keys::{Keys, MIN_SECRET_BYTES};
    use crate::rules::challenge::LastSend;
    use crate::rules::code::Code;
    use crate::rules::recipient::Recipient;

    const SECOND: Duration = Duration::SECOND;
    const RULES: CodeRules = CodeRules {
        digits: 6,
        lifetime: Duration::minutes(10),
        max_guesses: 5,
    };
    const LIMITS: Limits = Limits {
        mails_per_day: 10,
        mails_per_source: 4,
        resend_pause: Duration::minutes(1),
        requests_per_hour: 100,
        requests_per_day: 200,
    };

    static KEYS: LazyLock<Keys> =
        LazyLock::new(|| Keys::derive(&[1; MIN_SECRET_BYTES]).expect("a secret of the right length"));
    static KIM: LazyLock<Recipient> = LazyLock::new(|| Recipient::parse("kim@example.com").expect("a plain address"));

    fn now() -> UtcDateTime {
        UtcDateTime::UNIX_EPOCH + 20_000 * Duration::DAY - 600 * SECOND
    }

    fn charge(last: u8) -> ChargeId {
        ChargeId::parse(&format!("00000000-0000-4000-8000-0000000000{last:02}")).expect("a UUID")
    }

    fn id(last: u8) -> ChallengeId {
        ChallengeId::of_charge(charge(last))
    }

    /// An email at [`now`] by charge 1, for a request that named `asked_for`.
    fn record(asked_for: Option<ChallengeId>) -> SendRecord {
        let last_mail = LastMail {
            sent_at: now(),
            charge: charge(1),
            asked_for,
        };
        SendRecord {
            mails_today: 1,
            sends_today: 1,
            last_mail: Some(last_mail),
        }
    }

    /// The challenge `id`, reserved 100 s before the email.
    fn reserved() -> Challenge {
        Challenge::reserve(now() - 100 * SECOND, RULES.lifetime)
    }

    /// The same, opened. `last_charge` paid for its newest email; `is_used` says whether its right code was submitted.
    fn opened(id: ChallengeId, last_charge: u8, is_used: bool) -> Challenge {
        let (reference, reserved) = (ChallengeRef::new(&KEYS, &KIM, id), reserved());
        let digest = Code::derive(reference, reserved.opened_at, RULES.digits).digest(reference);
        let last_send = LastSend {
            at: Some(now()),
            charge: charge(last_charge),
            paid_by: None,
        };
        Challenge {
            guesses: is_used.then(|| digest.clone()).into_iter().collect(),
            code_digest: Some(digest),
            last_send: Some(last_send),
            ..reserved
        }
    }

    /// The challenge in the response to somebody who names `id` again after `seconds`.
    fn repeat(record: &SendRecord, id: ChallengeId, challenge: Challenge, seconds: i64) -> Option<ChallengeId> {
        let requested = Requested::Named(ChallengeRef::new(&KEYS, &KIM, id), Box::new(challenge));
        let mailed = record.already_mailed(&requested, &LIMITS, RULES, now() + Duration::seconds(seconds));
        mailed.map(|mailed| mailed.challenge_id)
    }

    #[test]
    fn a_request_that_names_no_challenge_is_no_repeat() {
        let mailed = record(None);
        assert_eq!(mailed.already_mailed(&Requested::Any, &LIMITS, RULES, now()), None);
    }

    #[test]
    fn a_repeat_inside_the_pause_is_answered_with_the_mailed_challenge() {
        let mailed = record(Some(id(2)));
        assert_eq!(repeat(&mailed, id(2), opened(id(2), 1, false), 59), Some(id(2)));
        assert_eq!(repeat(&mailed, id(2), reserved(), 0), Some(id(2)), "still being mailed");
        assert_eq!(
            repeat(&mailed, id(3), opened(id(3), 9, false), 59),
            None,
            "another challenge"
        );
        assert_eq!(
            repeat(&mailed, id(2), opened(id(2), 1, false), 60),
            None,
            "the pause is over"
        );
    }

    #[test]
    fn a_challenge_that_the_service_named_is_known_by_its_charge() {
        let mailed = record(None);
        assert_eq!(repeat(&mailed, id(1), opened(id(1), 1, false), 59), Some(id(1)));
        assert_eq!(repeat(&mailed, id(1), opened(id(1), 1, true), 59), None);
        assert_eq!(
            repeat(&mailed, id(2), opened(id(2), 9, false), 59),
            None,
            "another challenge"
        );
    }

    #[test]
    fn an_expired_challenge_is_not_answered() {
        let mut late = opened(id(2), 1, false);
        late.expires_at = now() + 59 * SECOND;
        assert_eq!(repeat(&record(Some(id(2))), id(2), late.clone(), 58), Some(id(2)));
        assert_eq!(repeat(&record(Some(id(2))), id(2), late, 59), None);
    }

    #[test]
    fn a_challenge_that_died_since_it_was_mailed_is_not_answered() {
        assert_eq!(repeat(&record(Some(id(2))), id(2), opened(id(2), 1, true), 5), None);
    }

    #[test]
    fn a_repeat_that_names_a_dead_challenge_is_answered_with_the_one_that_replaced_it() {
        let mailed = record(Some(id(2)));
        assert_eq!(repeat(&mailed, id(2), opened(id(2), 9, true), 9), Some(id(1)));
        let reserved_since = Challenge::reserve(now() + 5 * SECOND, RULES.lifetime);
        assert_eq!(
            repeat(&mailed, id(2), reserved_since, 9),
            Some(id(1)),
            "TTL has deleted it"
        );
        assert_eq!(repeat(&mailed, id(1), opened(id(1), 1, false), 9), Some(id(1)));
        assert_eq!(repeat(&mailed, id(1), opened(id(1), 1, true), 9), None);
    }

    #[test]
    fn a_refunded_mail_was_not_mailed() {
        let refunded = SendRecord::default();
        assert_eq!(repeat(&refunded, id(2), opened(id(2), 1, false), 0), None);
    }

    #[test]
    fn a_repeat_by_another_source_needs_no_second_mail_either() {
        let already_mailed = |challenge: Challenge, seconds| {
            challenge.already_mailed(id(2), &LIMITS, RULES.max_guesses, now() + Duration::seconds(seconds))
        };
        assert!(already_mailed(opened(id(2), 1, false), 59).is_some());
        assert_eq!(already_mailed(opened(id(2), 1, false), 60), None);
        assert_eq!(already_mailed(opened(id(2), 1, true), 5), None);
        assert_eq!(already_mailed(reserved(), 5), None);
    }
}
