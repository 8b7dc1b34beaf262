//! How many emails and requests there may be.

use time::{Duration, UtcDateTime};

use crate::rules::repeat::{LastMail, SendRecord};

/// The limits on requests for codes.
///
/// With 5 guesses for each challenge, the 10 emails of a UTC day allow at most 50 guesses at one address. NIST SP
/// 800-63B-4, 3.2.2, asks for at most 100 in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Emails to one recipient in one UTC day.
    pub mails_per_day: u32,
    /// The pause between two emails to one recipient.
    pub resend_pause: Duration,
    /// Requests from one source in one UTC hour; 0 turns the limit off.
    pub requests_per_hour: u32,
}

impl Limits {
    /// The time until the recipient may get another email, zero if it may at once.
    #[must_use]
    pub fn resend_in(&self, record: &SendRecord, now: UtcDateTime) -> Duration {
        let last_mail = record.last_mail.as_ref();
        let pause_left = last_mail.map_or(Duration::ZERO, |mail| self.pause_left(mail, now));
        if record.mails_today >= self.mails_per_day {
            pause_left.max(time_left_of(Duration::DAY, now))
        } else {
            pause_left
        }
    }

    /// What is left of the pause after an email.
    #[must_use]
    pub fn pause_left(&self, mail: &LastMail, now: UtcDateTime) -> Duration {
        (mail.sent_at + self.resend_pause - now).max(Duration::ZERO)
    }

    /// The time until a source that has reached its hourly limit may ask again.
    #[must_use]
    pub fn source_retry_after(now: UtcDateTime) -> Duration {
        time_left_of(Duration::HOUR, now)
    }
}

/// What is left of the current window. Windows are `length` long and begin at multiples of it.
fn time_left_of(length: Duration, now: UtcDateTime) -> Duration {
    let elapsed = now.unix_timestamp().rem_euclid(length.whole_seconds());
    length - Duration::seconds(elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::challenge_id::ChallengeId;
    use crate::rules::charge::ChargeId;

    const SECOND: Duration = Duration::SECOND;
    const LIMITS: Limits = Limits {
        mails_per_day: 10,
        resend_pause: Duration::minutes(1),
        requests_per_hour: 100,
    };

    /// Ten minutes before midnight UTC.
    fn now() -> UtcDateTime {
        UtcDateTime::UNIX_EPOCH + 20_000 * Duration::DAY - 600 * SECOND
    }

    /// What is known after `mails_today` emails, the last of them at [`now`].
    fn record(mails_today: u32) -> SendRecord {
        let charge = ChargeId::draw(&mut rand::rngs::SysRng).expect("randomness");
        let challenge = ChallengeId::of_charge(charge);
        let last_mail = LastMail {
            sent_at: now(),
            charge,
            asked_for: challenge,
            challenge,
            expires_at: now() + 500 * SECOND,
        };
        SendRecord {
            mails_today,
            last_mail: Some(last_mail),
        }
    }

    #[test]
    fn the_next_mail_waits_for_the_pause_or_for_tomorrow() {
        let resend_in = |record: &SendRecord, now| LIMITS.resend_in(record, now).whole_seconds();
        assert_eq!(resend_in(&record(1), now()), 60);
        assert_eq!(resend_in(&record(1), now() + 59 * SECOND), 1);
        assert_eq!(resend_in(&record(1), now() + 60 * SECOND), 0);
        assert_eq!(resend_in(&record(10), now()), 600);
        assert_eq!(resend_in(&SendRecord::default(), now()), 0);
    }

    #[test]
    fn a_source_waits_for_the_next_hour() {
        assert_eq!(Limits::source_retry_after(now()).whole_seconds(), 600);
        assert_eq!(Limits::source_retry_after(now() + 600 * SECOND).whole_seconds(), 3_600);
    }
}
