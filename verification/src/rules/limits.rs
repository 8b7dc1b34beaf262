//! How many emails and requests there may be.

use time::{Duration, UtcDateTime};

use crate::rules::repeat::SendRecord;

/// The limits on requests for codes.
///
/// They count failures, not people: a right code gives its request back to the source that made it. And they bind those who
/// cause emails, not those who are sent them: one source can use up only a part of what a mailbox takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Emails into one mailbox in one UTC day. The first email of a source that has sent it none that day may go up to twice
    /// as many, so that others cannot use up what a person needs.
    pub mails_per_day: u32,
    /// Emails from one source into one mailbox in one UTC day.
    pub mails_per_source: u32,
    /// The pause between two emails from one source into one mailbox, and between two of one challenge.
    pub resend_pause: Duration,
    /// Requests of one source in one UTC hour that no verification followed; 0 turns the limit off.
    pub requests_per_hour: u32,
    /// The same in one UTC day.
    pub requests_per_day: u32,
}

/// What a source has used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SourceCount {
    /// Requests of the UTC day.
    pub today: u32,
    /// Requests of the UTC hour.
    pub this_hour: u32,
}

impl Limits {
    /// Whether requests of a source are counted at all.
    #[must_use]
    pub const fn counts_sources(&self) -> bool {
        self.requests_per_hour > 0 || self.requests_per_day > 0
    }

    /// The requests of an hour, as a bound that is never reached if there is none.
    #[must_use]
    pub const fn max_requests_per_hour(&self) -> u32 {
        bound(self.requests_per_hour)
    }

    /// The requests of a day, as a bound that is never reached if there is none.
    #[must_use]
    pub const fn max_requests_per_day(&self) -> u32 {
        bound(self.requests_per_day)
    }

    /// The time until a source that has used up this much may ask again.
    #[must_use]
    pub fn source_retry_after(&self, count: SourceCount, now: UtcDateTime) -> Duration {
        if count.today >= self.max_requests_per_day() {
            Self::until_tomorrow(now)
        } else {
            time_left_of(Duration::HOUR, now)
        }
    }

    /// The most emails that can reach one mailbox in a UTC day, by any number of sources.
    #[must_use]
    pub const fn max_mails(&self) -> u32 {
        2 * self.mails_per_day
    }

    /// The most emails that can reach a mailbox from one source in a UTC day. Above [`Self::mails_per_source`] are only those that
    /// SES did not confirm.
    #[must_use]
    pub const fn max_mails_of_source(&self) -> u32 {
        2 * self.mails_per_source
    }

    /// The number of emails up to which a mailbox takes one more from a source. `record` is what that source has sent it, with
    /// this one.
    #[must_use]
    pub const fn mailbox_cap(&self, record: &SendRecord) -> u32 {
        if record.mails_today <= 1 {
            self.max_mails()
        } else {
            self.mails_per_day
        }
    }

    /// The time until the source may cause another email into the mailbox, zero if it may at once.
    #[must_use]
    pub fn resend_in(&self, record: &SendRecord, now: UtcDateTime) -> Duration {
        let last_mail = record.last_mail.as_ref();
        let pause_left = last_mail.map_or(Duration::ZERO, |mail| self.pause_left(mail.sent_at, now));
        if record.mails_today >= self.mails_per_source || record.sends_today >= self.max_mails_of_source() {
            pause_left.max(Self::until_tomorrow(now))
        } else {
            pause_left
        }
    }

    /// What is left at `now` of the pause after an email at `sent_at`.
    #[must_use]
    pub fn pause_left(&self, sent_at: UtcDateTime, now: UtcDateTime) -> Duration {
        (sent_at + self.resend_pause - now).max(Duration::ZERO)
    }

    /// The time until the counts of the UTC day start again.
    #[must_use]
    pub fn until_tomorrow(now: UtcDateTime) -> Duration {
        time_left_of(Duration::DAY, now)
    }
}

/// A limit as a bound; 0 turns it off.
const fn bound(limit: u32) -> u32 {
    if limit == 0 { u32::MAX } else { limit }
}

/// What is left of the current window. Windows are `length` long and begin at multiples of it.
fn time_left_of(length: Duration, now: UtcDateTime) -> Duration {
    let elapsed = now.unix_timestamp().rem_euclid(length.whole_seconds());
    length - Duration::seconds(elapsed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::charge::ChargeId;
    use crate::rules::repeat::LastMail;

    const SECOND: Duration = Duration::SECOND;
    const LIMITS: Limits = Limits {
        mails_per_day: 10,
        mails_per_source: 4,
        resend_pause: Duration::minutes(1),
        requests_per_hour: 100,
        requests_per_day: 200,
    };

    /// Ten minutes before midnight UTC.
    fn now() -> UtcDateTime {
        UtcDateTime::UNIX_EPOCH + 20_000 * Duration::DAY - 600 * SECOND
    }

    /// What is known after `mails_today` emails, the last of them at [`now`].
    fn record(mails_today: u32) -> SendRecord {
        let last_mail = LastMail {
            sent_at: now(),
            charge: ChargeId::draw(&mut rand::rngs::SysRng).expect("randomness"),
            asked_for: None,
        };
        SendRecord {
            mails_today,
            sends_today: mails_today,
            last_mail: Some(last_mail),
        }
    }

    #[test]
    fn the_next_mail_waits_for_the_pause_or_for_tomorrow() {
        let resend_in = |record: &SendRecord, now| LIMITS.resend_in(record, now).whole_seconds();
        assert_eq!(resend_in(&record(1), now()), 60);
        assert_eq!(resend_in(&record(1), now() + 59 * SECOND), 1);
        assert_eq!(resend_in(&record(1), now() + 60 * SECOND), 0);
        assert_eq!(resend_in(&record(4), now()), 600);
        assert_eq!(resend_in(&SendRecord::default(), now()), 0);
    }

    #[test]
    fn only_the_first_mail_of_a_source_may_go_beyond_the_cap_of_a_mailbox() {
        assert_eq!(LIMITS.mailbox_cap(&record(1)), 20);
        assert_eq!(LIMITS.mailbox_cap(&record(2)), 10);
    }

    #[test]
    fn a_source_waits_for_the_next_hour_or_for_tomorrow() {
        let retry_after = |today, this_hour, now| {
            let count = SourceCount { today, this_hour };
            LIMITS.source_retry_after(count, now).whole_seconds()
        };
        assert_eq!(retry_after(100, 100, now()), 600);
        assert_eq!(retry_after(100, 100, now() + 600 * SECOND), 3_600);
        assert_eq!(retry_after(200, 0, now() + 600 * SECOND), 24 * 3_600);
    }
}
