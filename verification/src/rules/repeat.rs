//! What was mailed to a recipient, and which repeats of a request need no second email.

use time::UtcDateTime;

use crate::rules::challenge_id::ChallengeId;
use crate::rules::challenge_to_mail::Requested;
use crate::rules::charge::ChargeId;
use crate::rules::limits::Limits;

/// What was mailed to a recipient, as its item in the table describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRecord {
    /// Emails in the UTC day of the request.
    pub mails_today: u32,
    /// The newest email. None if it was refunded or its pause was ended.
    pub last_mail: Option<LastMail>,
}

/// The newest email to a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMail {
    /// When it was charged.
    pub sent_at: UtcDateTime,
    /// The charge for it.
    pub charge: ChargeId,
    /// The challenge that the request named. If it named none, the one that was mailed.
    pub asked_for: ChallengeId,
    /// The challenge whose code the email carries: the one that was asked for, or its replacement.
    pub challenge: ChallengeId,
    /// When that challenge expires.
    pub expires_at: UtcDateTime,
}

impl SendRecord {
    /// Finds the email that already answers a request inside the pause. None if the request has to wait.
    ///
    /// A double tap, or a retry after a lost response, needs no second email, only the same response again.
    #[must_use]
    pub fn already_mailed(
        &self,
        requested: &Requested,
        limits: &Limits,
        max_guesses: usize,
        now: UtcDateTime,
    ) -> Option<&LastMail> {
        let mail = self.last_mail.as_ref()?;
        let (id, challenge) = match requested {
            Requested::Any => return None,
            // No such challenge yet: the first request may still be waiting for SES.
            Requested::Unused(reference) => (reference.id(), None),
            Requested::Existing(reference, challenge) => (reference.id(), Some(challenge)),
        };
        let is_answer = if mail.challenge == id {
            challenge.is_none_or(|challenge| challenge.takes_guesses(max_guesses))
        } else {
            // It was dead when the email was asked for, so another one took its place.
            mail.asked_for == id
        };
        let is_in_time = limits.pause_left(mail, now).is_positive() && now < mail.expires_at;
        (is_answer && is_in_time).then_some(mail)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use time::Duration;

    use super::*;
    use crate::keys::{Keys, MIN_SECRET_BYTES};
    use crate::rules::challenge::Challenge;
    use crate::rules::challenge_id::{ChallengeRef, Digest};
    use crate::rules::recipient::Recipient;

    const SECOND: Duration = Duration::SECOND;
    const LIMITS: Limits = Limits {
        mails_per_day: 10,
        resend_pause: Duration::minutes(1),
        requests_per_hour: 100,
    };

    static KEYS: LazyLock<Keys> =
        LazyLock::new(|| Keys::derive(&[1; MIN_SECRET_BYTES]).expect("a secret of the right length"));
    static KIM: LazyLock<Recipient> = LazyLock::new(|| Recipient::parse("kim@example.com").expect("a plain address"));

    /// Ten minutes before midnight UTC.
    fn now() -> UtcDateTime {
        UtcDateTime::UNIX_EPOCH + 20_000 * Duration::DAY - 600 * SECOND
    }

    fn uuid(last: u8) -> String {
        format!("00000000-0000-4000-8000-0000000000{last:02}")
    }

    fn id(last: u8) -> ChallengeId {
        ChallengeId::parse(&uuid(last)).expect("a UUID")
    }

    /// An email at [`now`] by charge 1, for a request that named challenge 2 and was mailed `challenge`.
    fn record(mails_today: u32, challenge: ChallengeId) -> SendRecord {
        let last_mail = LastMail {
            sent_at: now(),
            charge: ChargeId::parse(&uuid(1)).expect("a UUID"),
            asked_for: id(2),
            challenge,
            expires_at: now() + 500 * SECOND,
        };
        SendRecord {
            mails_today,
            last_mail: Some(last_mail),
        }
    }

    fn standing(guesses: &[&str]) -> Challenge {
        let digest = |text: &str| Digest::from_item(text.to_owned());
        Challenge {
            guesses: guesses.iter().map(|text| digest(text)).collect(),
            ..Challenge::open(now() - 100 * SECOND, 600 * SECOND, digest("right"))
        }
    }

    /// The challenge, and its end, in the response to somebody who names `id` again after `seconds`.
    fn repeat(
        record: &SendRecord,
        id: ChallengeId,
        standing: Option<Challenge>,
        seconds: i64,
    ) -> Option<(ChallengeId, UtcDateTime)> {
        let reference = ChallengeRef::new(&KEYS, &KIM, id);
        let requested = match standing {
            Some(challenge) => Requested::Existing(reference, challenge),
            None => Requested::Unused(reference),
        };
        let mail = record.already_mailed(&requested, &LIMITS, 5, now() + Duration::seconds(seconds));
        mail.map(|mail| (mail.challenge, mail.expires_at))
    }

    #[test]
    fn a_request_that_names_no_challenge_is_no_repeat() {
        let mailed = record(1, id(2));
        assert_eq!(mailed.already_mailed(&Requested::Any, &LIMITS, 5, now()), None);
    }

    #[test]
    fn a_repeat_inside_the_pause_is_answered_with_the_mailed_challenge() {
        let mailed = record(1, id(2));
        assert_eq!(
            repeat(&mailed, id(2), Some(standing(&["a"])), 59),
            Some((id(2), now() + 500 * SECOND))
        );
        assert_eq!(
            repeat(&mailed, id(2), None, 0),
            Some((id(2), now() + 500 * SECOND)),
            "still being mailed"
        );
        assert_eq!(repeat(&mailed, id(3), None, 59), None, "another challenge");
        assert_eq!(
            repeat(&mailed, id(3), Some(standing(&[])), 59),
            None,
            "another challenge"
        );
        assert_eq!(
            repeat(&mailed, id(2), Some(standing(&[])), 60),
            None,
            "the pause is over"
        );
    }

    #[test]
    fn a_repeat_in_the_last_minute_of_a_challenge_is_answered_as_the_first() {
        let mut mailed = record(1, id(2));
        if let Some(mail) = &mut mailed.last_mail {
            mail.expires_at = now() + 59 * SECOND;
        }
        assert_eq!(
            repeat(&mailed, id(2), Some(standing(&[])), 58),
            Some((id(2), now() + 59 * SECOND))
        );
        assert_eq!(repeat(&mailed, id(2), Some(standing(&[])), 59), None, "expired");
    }

    #[test]
    fn a_challenge_that_died_since_it_was_mailed_is_not_answered() {
        let mailed = record(1, id(2));
        for guesses in [&["right"][..], &["a", "b", "c", "d", "e"]] {
            assert_eq!(repeat(&mailed, id(2), Some(standing(guesses)), 5), None, "{guesses:?}");
        }
    }

    #[test]
    fn a_repeat_that_names_a_dead_challenge_is_answered_with_the_one_that_replaced_it() {
        let replaced = record(1, id(1));
        assert_eq!(
            repeat(&replaced, id(2), Some(standing(&["right"])), 9),
            Some((id(1), now() + 500 * SECOND))
        );
        assert_eq!(
            repeat(&replaced, id(2), None, 9),
            Some((id(1), now() + 500 * SECOND)),
            "TTL has deleted it"
        );
        assert_eq!(
            repeat(&replaced, id(1), Some(standing(&[])), 9),
            Some((id(1), now() + 500 * SECOND))
        );
        assert_eq!(repeat(&replaced, id(1), Some(standing(&["right"])), 9), None);
    }

    #[test]
    fn a_refunded_mail_was_not_mailed() {
        let refunded = SendRecord {
            mails_today: 0,
            last_mail: None,
        };
        assert_eq!(repeat(&refunded, id(2), None, 0), None);
    }
}
