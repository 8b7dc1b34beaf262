//! How many mails a recipient gets, how many requests a source may make, and which repeats need no second mail.

use time::OffsetDateTime;

use crate::challenge::ChallengeId;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The limits on asking for codes. With 5 guesses a challenge, 10 mails a day are at most 50 guesses a day at one
/// address (NIST SP 800-63B, 3.2.2 asks for at most 100 in a row).
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
    /// The newest mail; none if it was refunded.
    pub last_mail: Option<LastMail>,
}

/// The newest mail to a recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastMail {
    /// When it was sent, in epoch seconds.
    pub sent_at: i64,
    /// The id that the request drew for itself: its own name, and that of the challenge it opened unless the one it
    /// asked for was live.
    pub request: ChallengeId,
    /// The challenge that the request asked for.
    pub asked_for: ChallengeId,
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

    /// The challenge whose code has already been mailed to somebody who asks once more inside the pause: a double
    /// tap, or a retry after a lost answer. They need no second mail, only the same answer again.
    ///
    /// `asked_for` is the challenge that this request names, `dead_since` since when that one cannot be resumed. The
    /// newest mail was for the challenge it was asked for, unless that was dead already when it was sent: then it
    /// was for the new one that replaced it.
    #[must_use]
    pub fn already_mailed(
        &self,
        record: &SendRecord,
        asked_for: ChallengeId,
        dead_since: Option<i64>,
        now: OffsetDateTime,
    ) -> Option<ChallengeId> {
        let mail = record
            .last_mail
            .as_ref()
            .filter(|mail| self.pause_left(mail, now) > 0)?;
        match dead_since {
            None if mail.asked_for == asked_for || mail.request == asked_for => Some(asked_for),
            Some(dead_since) if mail.asked_for == asked_for && dead_since < mail.sent_at => Some(mail.request),
            _ => None,
        }
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

    /// A mail that request 1 got at `NOW`, asking for challenge 2.
    fn record(mails_today: u32) -> SendRecord {
        let last_mail = LastMail {
            sent_at: NOW,
            request: id(1),
            asked_for: id(2),
        };
        SendRecord {
            mails_today,
            last_mail: Some(last_mail),
        }
    }

    #[test]
    fn the_next_mail_waits_for_the_pause_or_for_tomorrow() {
        assert_eq!(LIMITS.resend_in(&record(1), at(NOW)), 60);
        assert_eq!(LIMITS.resend_in(&record(1), at(NOW + 59)), 1);
        assert_eq!(LIMITS.resend_in(&record(1), at(NOW + 60)), 0);
        assert_eq!(LIMITS.resend_in(&record(10), at(NOW)), 600);
        assert_eq!(LIMITS.resend_in(&SendRecord::default(), at(NOW)), 0);
    }

    #[test]
    fn a_source_waits_for_the_next_hour() {
        assert_eq!(Limits::source_retry_after(at(NOW)), 600);
        assert_eq!(Limits::source_retry_after(at(NOW + 600)), 3_600);
    }

    #[test]
    fn a_repeat_inside_the_pause_is_answered_with_the_mailed_challenge() {
        let repeat = |asked_for, dead_since, now| LIMITS.already_mailed(&record(1), asked_for, dead_since, at(now));
        assert_eq!(repeat(id(2), None, NOW + 59), Some(id(2)));
        assert_eq!(repeat(id(1), None, NOW + 59), Some(id(1)));
        assert_eq!(
            repeat(id(3), None, NOW + 59),
            None,
            "a live challenge that this mail was not for"
        );
        assert_eq!(repeat(id(2), None, NOW + 60), None, "the pause is over");
    }

    #[test]
    fn a_repeat_that_names_a_dead_challenge_is_answered_with_the_one_that_replaced_it() {
        let repeat =
            |asked_for, dead_since| LIMITS.already_mailed(&record(1), asked_for, Some(dead_since), at(NOW + 9));
        assert_eq!(repeat(id(2), NOW - 1), Some(id(1)));
        assert_eq!(repeat(id(2), NOW), None, "mailed, and dead since then");
        assert_eq!(repeat(id(2), NOW + 5), None, "mailed, and dead since then");
        assert_eq!(repeat(id(1), NOW + 5), None, "mailed, and dead since then");
    }

    #[test]
    fn a_refunded_mail_was_not_mailed() {
        let refunded = SendRecord {
            mails_today: 0,
            last_mail: None,
        };
        assert_eq!(LIMITS.already_mailed(&refunded, id(2), None, at(NOW)), None);
    }
}
