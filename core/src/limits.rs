//! How many mails a recipient gets, how many requests a source may make, and which repeats need no second mail.

use time::OffsetDateTime;

use crate::challenge::{Challenge, ChallengeId};

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The limits on asking for codes. With 5 guesses a challenge, the 10 mails of a UTC day take at most 50 guesses at one
/// address (NIST SP 800-63B-4, 3.2.2 asks for at most 100 in a row).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Mails to one recipient in one UTC day.
    pub mails_per_day: u32,
    /// Seconds between two mails to one recipient.
    pub resend_pause: i64,
    /// Requests from one source in one UTC hour; 0 turns the limit off.
    pub requests_per_hour: u32,
}

/// What was mailed to a recipient, as its item in the table says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendRecord {
    /// Mails in the UTC day of the request.
    pub mails_today: u32,
    /// The newest mail; none if it was refunded or its pause was ended.
    pub last_mail: Option<LastMail>,
}

/// The newest mail to a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMail {
    /// When it was charged, in epoch seconds.
    pub sent_at: i64,
    /// The id that the request drew for itself.
    pub request: ChallengeId,
    /// The challenge that the request named, or else the one that it was mailed.
    pub asked_for: ChallengeId,
    /// The challenge whose code the mail carries: the one asked for, or the new one in place of a dead one.
    pub challenge: ChallengeId,
    /// When that challenge expires, in epoch seconds.
    pub expires_at: i64,
}

impl Limits {
    /// Seconds until the recipient may get another mail, 0 if it may at once.
    #[must_use]
    pub fn resend_in(&self, record: &SendRecord, now: OffsetDateTime) -> i64 {
        let pause_left = record.last_mail.as_ref().map_or(0, |mail| self.pause_left(mail, now));
        if record.mails_today >= self.mails_per_day {
            pause_left.max(left_of(DAY, now))
        } else {
            pause_left
        }
    }

    /// The challenge whose code has already been mailed to somebody who asks once more inside the pause, and when it
    /// expires: a double tap, or a retry after a lost answer, needs no second mail, only the same answer again.
    ///
    /// `asked_for` is the challenge that this request names and `standing` its state: none yet while the first request
    /// is still waiting for SES.
    #[must_use]
    pub fn already_mailed(
        &self,
        record: &SendRecord,
        asked_for: ChallengeId,
        standing: Option<&Challenge>,
        max_guesses: usize,
        now: OffsetDateTime,
    ) -> Option<(ChallengeId, i64)> {
        let mail = record.last_mail.as_ref()?;
        let is_for_it = if mail.challenge == asked_for {
            standing.is_none_or(|standing| standing.takes_guesses(max_guesses))
        } else {
            // It was dead when the mail was asked for, so that another took its place.
            mail.asked_for == asked_for
        };
        let is_in_time = self.pause_left(mail, now) > 0 && now.unix_timestamp() < mail.expires_at;
        (is_for_it && is_in_time).then_some((mail.challenge, mail.expires_at))
    }

    /// Seconds until a source may ask again that has used up its hour.
    #[must_use]
    pub fn source_retry_after(now: OffsetDateTime) -> i64 {
        left_of(HOUR, now)
    }

    fn pause_left(&self, mail: &LastMail, now: OffsetDateTime) -> i64 {
        (mail.sent_at + self.resend_pause - now.unix_timestamp()).max(0)
    }
}

/// The seconds that are left of the current window, which is `length` seconds long and began at a multiple of it.
fn left_of(length: i64, now: OffsetDateTime) -> i64 {
    length - now.unix_timestamp().rem_euclid(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge::Digest;

    /// Ten minutes before midnight UTC.
    const NOW: i64 = 20_000 * DAY - 600;
    const LIMITS: Limits = Limits {
        mails_per_day: 10,
        resend_pause: 60,
        requests_per_hour: 100,
    };

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(seconds).expect("a time")
    }

    fn id(last: u8) -> ChallengeId {
        ChallengeId::parse(&format!("00000000-0000-4000-8000-0000000000{last:02}")).expect("a UUID")
    }

    /// A mail at `NOW` for request 1, which asked for challenge 2 and was mailed `challenge`.
    fn record(mails_today: u32, challenge: ChallengeId) -> SendRecord {
        let last_mail = LastMail {
            sent_at: NOW,
            request: id(1),
            asked_for: id(2),
            challenge,
            expires_at: NOW + 500,
        };
        SendRecord {
            mails_today,
            last_mail: Some(last_mail),
        }
    }

    fn standing(guesses: &[&str]) -> Challenge {
        let digest = |text: &str| Digest::new(text.to_owned());
        Challenge {
            guesses: guesses.iter().map(|text| digest(text)).collect(),
            ..Challenge::open(NOW - 100, 600, digest("right"))
        }
    }

    /// What somebody is answered who asks again after `seconds`.
    fn repeat(
        record: &SendRecord,
        asked_for: ChallengeId,
        standing: Option<&Challenge>,
        seconds: i64,
    ) -> Option<(ChallengeId, i64)> {
        LIMITS.already_mailed(record, asked_for, standing, 5, at(NOW + seconds))
    }

    #[test]
    fn the_next_mail_waits_for_the_pause_or_for_tomorrow() {
        assert_eq!(LIMITS.resend_in(&record(1, id(2)), at(NOW)), 60);
        assert_eq!(LIMITS.resend_in(&record(1, id(2)), at(NOW + 59)), 1);
        assert_eq!(LIMITS.resend_in(&record(1, id(2)), at(NOW + 60)), 0);
        assert_eq!(LIMITS.resend_in(&record(10, id(2)), at(NOW)), 600);
        assert_eq!(LIMITS.resend_in(&SendRecord::default(), at(NOW)), 0);
    }

    #[test]
    fn a_source_waits_for_the_next_hour() {
        assert_eq!(Limits::source_retry_after(at(NOW)), 600);
        assert_eq!(Limits::source_retry_after(at(NOW + 600)), 3_600);
    }

    #[test]
    fn a_repeat_inside_the_pause_is_answered_with_the_mailed_challenge() {
        let mailed = record(1, id(2));
        assert_eq!(
            repeat(&mailed, id(2), Some(&standing(&["a"])), 59),
            Some((id(2), NOW + 500))
        );
        assert_eq!(
            repeat(&mailed, id(2), None, 0),
            Some((id(2), NOW + 500)),
            "still being mailed"
        );
        assert_eq!(repeat(&mailed, id(3), None, 59), None, "another challenge");
        assert_eq!(
            repeat(&mailed, id(3), Some(&standing(&[])), 59),
            None,
            "another challenge"
        );
        assert_eq!(
            repeat(&mailed, id(2), Some(&standing(&[])), 60),
            None,
            "the pause is over"
        );
    }

    #[test]
    fn a_repeat_in_the_last_minute_of_a_challenge_is_answered_as_the_first() {
        let mut mailed = record(1, id(2));
        if let Some(mail) = &mut mailed.last_mail {
            mail.expires_at = NOW + 59;
        }
        assert_eq!(
            repeat(&mailed, id(2), Some(&standing(&[])), 58),
            Some((id(2), NOW + 59))
        );
        assert_eq!(repeat(&mailed, id(2), Some(&standing(&[])), 59), None, "expired");
    }

    #[test]
    fn a_challenge_that_died_since_it_was_mailed_is_not_answered() {
        let mailed = record(1, id(2));
        for guesses in [&["right"][..], &["a", "b", "c", "d", "e"]] {
            assert_eq!(repeat(&mailed, id(2), Some(&standing(guesses)), 5), None, "{guesses:?}");
        }
    }

    #[test]
    fn a_repeat_that_names_a_dead_challenge_is_answered_with_the_one_that_replaced_it() {
        let replaced = record(1, id(1));
        assert_eq!(
            repeat(&replaced, id(2), Some(&standing(&["right"])), 9),
            Some((id(1), NOW + 500))
        );
        assert_eq!(
            repeat(&replaced, id(2), None, 9),
            Some((id(1), NOW + 500)),
            "TTL has deleted it"
        );
        assert_eq!(
            repeat(&replaced, id(1), Some(&standing(&[])), 9),
            Some((id(1), NOW + 500))
        );
        assert_eq!(repeat(&replaced, id(1), Some(&standing(&["right"])), 9), None);
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
