//! How many emails there may be, and when the next one may follow.

use time::{Duration, UtcDateTime};

use crate::rules::code::CodeRules;

/// Two instances' clocks may differ by 2 s. An email may follow 5 s before the pause is over, so whoever waits for `resend_in`
/// is not refused.
pub const CLOCK_SLACK: Duration = Duration::seconds(5);
/// From so many unconfirmed emails on, in a mailbox's UTC day, each email holds the mailbox.
pub const MAX_UNCONFIRMED: u32 = 10;
/// How long it holds it: longer than a request can run.
pub const HOLD: Duration = Duration::seconds(30);
/// How long an unconfirmed email holds it.
pub const UNCONFIRMED_HOLD: Duration = Duration::minutes(15);

/// The limits on emails.
///
/// They bind those who cause emails, not those who are sent them: by default one source can use up 4 of a mailbox's 10.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Emails into one mailbox in one UTC day.
    pub mails_per_day: u32,
    /// The same for a source's first email into it that day. It is higher, so that others cannot use up what a person needs.
    pub first_mails_per_day: u32,
    /// Emails from one source into one mailbox in one UTC day.
    pub mails_per_source: u32,
    /// The pause between two emails from one source into one mailbox, and between two of one challenge.
    pub resend_pause: Duration,
    /// Emails of one source in one UTC day that no verification followed: a right code gives its emails back. None if sources
    /// are not limited.
    pub unverified_per_source: Option<u32>,
    /// Whether emails that SES did not confirm stay charged, because the odds leave no room for emails besides.
    pub unconfirmed_stay_charged: bool,
}

/// What a mailbox was sent on a UTC day, as its item describes it to one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailboxDay {
    /// Emails of everybody.
    pub mails: u32,
    /// Emails of the source.
    pub mails_of_source: u32,
    /// When the newest of these was charged. None if SES failed to take it, or did not say.
    pub last_of_source: Option<UtcDateTime>,
    /// Emails of which SES did not say whether it took them.
    pub unconfirmed: u32,
    /// Until when an email holds the mailbox, once too many are unconfirmed.
    pub hold_until: Option<UtcDateTime>,
}

/// Why a request is refused. A 429 says how long, the log says which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The limit: `pause`, `source-and-mailbox`, `mailbox`, `unconfirmed`, `source` or `collisions`.
    pub limit: &'static str,
    /// The time until a request may succeed.
    pub retry_after: Duration,
}

impl Limits {
    /// The limits as they are configured. `unverified_per_source` is 0 if sources are not limited.
    pub const fn new(
        mails_per_day: u32,
        mails_per_source: u32,
        resend_pause: Duration,
        unverified_per_source: u32,
    ) -> Self {
        Self {
            mails_per_day,
            first_mails_per_day: 2 * mails_per_day,
            mails_per_source,
            resend_pause,
            unverified_per_source: if unverified_per_source == 0 {
                None
            } else {
                Some(unverified_per_source)
            },
            unconfirmed_stay_charged: false,
        }
    }

    /// The same, lowered until no more codes go into a mailbox in a UTC day than [`CodeRules::max_codes_a_day`].
    ///
    /// Unconfirmed emails carry codes too. A sick SES can bring twice the day's emails (those under way when the last free one
    /// is noted, and those that count later), the free ones, and one each quarter of an hour. If that is too many,
    /// unconfirmed emails stay charged.
    pub fn within_odds(self, rules: CodeRules) -> Self {
        let codes = rules.max_codes_a_day();
        let first_mails_per_day = codes.min(self.first_mails_per_day);
        let slots = Duration::DAY.whole_minutes() / UNCONFIRMED_HOLD.whole_minutes();
        let on_a_sick_day = u64::from(2 * first_mails_per_day + MAX_UNCONFIRMED - 1) + slots.unsigned_abs();
        Self {
            // Half of the first ones, but at least two: a first email may not arrive.
            mails_per_day: self
                .mails_per_day
                .min(first_mails_per_day.div_ceil(2).max(2))
                .min(first_mails_per_day),
            first_mails_per_day,
            unconfirmed_stay_charged: on_a_sick_day > u64::from(codes),
            ..self
        }
    }

    /// An email sent up to this time needs no pause any more at `now`.
    pub fn pause_over(&self, now: UtcDateTime) -> UtcDateTime {
        now - self.resend_pause + CLOCK_SLACK
    }

    /// What is left at `now` of the pause after an email at `sent_at`.
    pub fn pause_left(&self, sent_at: UtcDateTime, now: UtcDateTime) -> Duration {
        (sent_at + self.resend_pause - now).clamp(Duration::ZERO, self.resend_pause)
    }

    /// Why a mailbox in this state takes no email of the source at `now`: the limit that lasts longest.
    pub fn mailbox_refusal(&self, day: MailboxDay, now: UtcDateTime) -> Refusal {
        let cap = if day.mails_of_source == 0 {
            self.first_mails_per_day
        } else {
            self.mails_per_day
        };
        if day.mails_of_source >= self.mails_per_source {
            Refusal::until_tomorrow("source-and-mailbox", now)
        } else if day.mails >= cap {
            Refusal::until_tomorrow("mailbox", now)
        } else {
            let last = day.last_of_source.filter(|sent_at| *sent_at > self.pause_over(now));
            let pause = last.map_or(Duration::ZERO, |sent_at| self.pause_left(sent_at, now));
            let held_until = day.hold_until.filter(|_| day.unconfirmed >= MAX_UNCONFIRMED);
            let hold = held_until.map_or(Duration::ZERO, |until| (until - now).min(UNCONFIRMED_HOLD));
            let (limit, retry_after) = if hold > pause {
                ("unconfirmed", hold)
            } else {
                ("pause", pause)
            };
            Refusal { limit, retry_after }
        }
    }
}

impl Refusal {
    /// Too many requests for one mailbox or of one source at the same time.
    pub const COLLIDED: Self = Self {
        limit: "collisions",
        retry_after: Duration::seconds(2),
    };

    /// A limit that starts anew with the next UTC day.
    pub fn until_tomorrow(limit: &'static str, now: UtcDateTime) -> Self {
        let elapsed = now.unix_timestamp().rem_euclid(Duration::DAY.whole_seconds());
        let retry_after = Duration::DAY - Duration::seconds(elapsed);
        Self { limit, retry_after }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::rules::code::tests::RULES;

    const SECOND: Duration = Duration::SECOND;
    /// The limits that the template gives by default.
    pub(crate) const LIMITS: Limits = Limits::new(10, 4, Duration::minutes(1), 200);

    /// Ten minutes before midnight UTC.
    fn now() -> UtcDateTime {
        UtcDateTime::UNIX_EPOCH + 20_000 * Duration::DAY - 600 * SECOND
    }

    fn refusal(day: MailboxDay) -> (&'static str, i64) {
        let refusal = LIMITS.mailbox_refusal(day, now());
        (refusal.limit, refusal.retry_after.whole_seconds())
    }

    #[test]
    fn a_refusal_names_the_limit_that_lasts_longest() {
        let last_of_source = Some(now() - 50 * SECOND);
        let first = MailboxDay {
            mails: 1,
            mails_of_source: 1,
            last_of_source,
            ..MailboxDay::default()
        };
        assert_eq!(refusal(first), ("pause", 10));
        assert_eq!(
            refusal(MailboxDay {
                mails_of_source: 4,
                ..first
            }),
            ("source-and-mailbox", 600)
        );
        assert_eq!(refusal(MailboxDay { mails: 10, ..first }), ("mailbox", 600));
        let hold_until = Some(now() + 900 * SECOND);
        let held = MailboxDay {
            unconfirmed: 10,
            hold_until,
            ..first
        };
        assert_eq!(refusal(held), ("unconfirmed", 900));
        assert_eq!(refusal(MailboxDay { unconfirmed: 9, ..held }), ("pause", 10));
        let held_by_a_clock_that_is_ahead = MailboxDay {
            hold_until: Some(now() + 902 * SECOND),
            ..held
        };
        assert_eq!(refusal(held_by_a_clock_that_is_ahead), ("unconfirmed", 900));
        let full = MailboxDay {
            mails: 20,
            ..MailboxDay::default()
        };
        assert_eq!(refusal(full), ("mailbox", 600));
        let ahead = MailboxDay {
            last_of_source: Some(now() + 2 * SECOND),
            ..first
        };
        assert_eq!(refusal(ahead), ("pause", 60), "charged by a clock that is ahead");
    }

    #[test]
    fn a_refusal_names_what_still_lasts() {
        let day = |last: i32, hold: i32| MailboxDay {
            mails: 1,
            mails_of_source: 1,
            last_of_source: Some(now() - last * SECOND),
            unconfirmed: 10,
            hold_until: Some(now() + hold * SECOND),
        };
        assert_eq!(refusal(day(54, 3)), ("pause", 6));
        assert_eq!(refusal(day(55, 3)), ("unconfirmed", 3), "by then the pause is over");
        assert_eq!(refusal(day(50, 10)), ("pause", 10), "both end at once");
        assert_eq!(refusal(day(50, 11)), ("unconfirmed", 11));
    }

    /// A sick day can bring twice the first emails, nine free ones, and one each quarter of an hour: 2 × 10 + 9 + 96 = 125.
    #[test]
    fn unconfirmed_mails_stay_charged_once_a_sick_day_brings_more_codes_than_the_odds_allow() {
        let rules = CodeRules {
            max_guesses: 8,
            ..RULES
        };
        assert_eq!(rules.max_codes_a_day(), 125);
        for (mails_per_day, stay_charged) in [(5, false), (6, true)] {
            let limits = Limits::new(mails_per_day, 4, LIMITS.resend_pause, 200).within_odds(rules);
            assert_eq!(limits.first_mails_per_day, 2 * mails_per_day);
            assert_eq!(limits.unconfirmed_stay_charged, stay_charged, "{mails_per_day} mails");
        }
    }

    /// Every combination that the template takes, on a day when SES confirms everything and on one when it confirms nothing.
    #[test]
    fn no_combination_of_parameters_brings_odds_above_1_in_1000() {
        for digits in 4..=10 {
            for max_guesses in 1..=10 {
                for mails_per_day in 1..=100 {
                    let rules = CodeRules {
                        digits,
                        max_guesses,
                        ..RULES
                    };
                    let configured = Limits::new(mails_per_day, 4, LIMITS.resend_pause, 200);
                    let limits = configured.within_odds(rules);
                    let (first, any) = (limits.first_mails_per_day, limits.mails_per_day);
                    let codes = if limits.unconfirmed_stay_charged {
                        first
                    } else {
                        2 * first + 9 + 96
                    };
                    let guesses = u64::from(codes) * max_guesses as u64;
                    let what = format!("{digits} digits, {max_guesses} guesses, {mails_per_day} mails: {limits:?}");
                    assert!(guesses * 1_000 <= 10_u64.pow(u32::from(digits)), "{what}");
                    assert!(
                        1 <= any && any <= first && any <= mails_per_day && first <= 2 * mails_per_day,
                        "{what}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_defaults_are_not_lowered_and_four_digits_leave_two_mails_a_day() {
        assert_eq!(LIMITS.within_odds(RULES), LIMITS);
        let short = LIMITS.within_odds(CodeRules { digits: 4, ..RULES });
        assert_eq!((short.mails_per_day, short.first_mails_per_day), (2, 2));
        assert!(short.unconfirmed_stay_charged);
        let five = LIMITS.within_odds(CodeRules {
            digits: 5,
            max_guesses: 10,
            ..RULES
        });
        assert_eq!((five.mails_per_day, five.first_mails_per_day), (5, 10));
    }
}
