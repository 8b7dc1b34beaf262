//! Test recipients: addresses that get a fixed code and no email, for the review of an app store and for tests.

use std::fmt;

use time::{Date, Duration, Month, UtcDateTime};

use crate::rules::code::Code;
use crate::rules::recipient::Recipient;

/// The longest time for which test recipients can be switched on.
const MAX_DAYS_AHEAD: i64 = 90;

/// Appended to `aud` of a test recipient's proof, so that a backend refuses it unless it accepts this audience as well.
pub const TEST_AUDIENCE: &str = ":test";

/// What is configured, which may be wrong: an address, or `@` and a domain; its code, of as many digits as `CODE_DIGITS` says; and
/// the last day (UTC), at most 90 days ahead. `@test.example.com 424242 2027-03-31`. Or nothing.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TestSettings(pub String);

/// Which recipients are for tests, their code, and until when.
#[derive(Clone, PartialEq, Eq)]
pub struct TestRecipients {
    who: Who,
    code: Code,
    /// The end of the last day, in UTC.
    until: UtcDateTime,
}

#[derive(Clone, PartialEq, Eq)]
enum Who {
    Address(Recipient),
    /// Every address of it.
    Domain(String),
}

/// Why there are no test recipients although there is a setting for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoTestRecipients {
    /// Not three words.
    #[error("TEST_RECIPIENT must be a recipient, a code and a day, with spaces between them")]
    Shape,
    /// Not an address or a domain.
    #[error("the recipient in TEST_RECIPIENT must be an email address, or @ and a domain")]
    Recipient,
    /// Not a code as people are mailed.
    #[error("the code in TEST_RECIPIENT must have as many digits as CODE_DIGITS says")]
    Code,
    /// Not a date.
    #[error("the day in TEST_RECIPIENT must be a date such as 2027-03-31")]
    Date,
    /// The last day is over.
    #[error("the day in TEST_RECIPIENT is over")]
    Over,
    /// The last day is too far ahead.
    #[error("the day in TEST_RECIPIENT is more than {MAX_DAYS_AHEAD} days ahead")]
    TooFar,
}

impl TestRecipients {
    /// Reads the settings when a function starts, and says in the log what comes of them. If they are wrong or over, there are no
    /// test recipients, and the function runs without them.
    pub fn start(settings: &TestSettings, digits: u8, now: UtcDateTime) -> Option<Self> {
        let read = Self::read(settings, digits, now);
        match &read {
            Ok(Some(test)) => tracing::warn!(until = %test.until, "test recipients get a fixed code and no email"),
            Ok(None) => {}
            // Days pass by themselves, which wakes nobody.
            Err(cause @ (NoTestRecipients::Over | NoTestRecipients::TooFar)) => {
                tracing::warn!(%cause, "there are no test recipients");
            }
            Err(cause) => tracing::error!(%cause, "there are no test recipients"),
        }
        read.unwrap_or_default()
    }

    /// Reads the settings as they stand at `now`, for codes of `digits` digits. None if there are none.
    pub fn read(settings: &TestSettings, digits: u8, now: UtcDateTime) -> Result<Option<Self>, NoTestRecipients> {
        let words: Vec<_> = settings.0.split_whitespace().collect();
        let [who, code, until] = match words[..] {
            [] => return Ok(None),
            [who, code, until] => [who, code, until],
            _ => return Err(NoTestRecipients::Shape),
        };
        let who = match who.strip_prefix('@') {
            // Any local part does, to have the domain checked and normalised.
            Some(domain) => {
                Recipient::parse(&format!("a@{domain}")).map(|recipient| Who::Domain(recipient.domain().to_owned()))
            }
            None => Recipient::parse(who).map(Who::Address),
        };
        let test = Self {
            who: who.map_err(|_| NoTestRecipients::Recipient)?,
            code: Code::parse(code, digits).map_err(|_| NoTestRecipients::Code)?,
            until: end_of_day(until).ok_or(NoTestRecipients::Date)?,
        };
        if test.until <= now {
            return Err(NoTestRecipients::Over);
        }
        if test.until - now > Duration::days(MAX_DAYS_AHEAD + 1) {
            return Err(NoTestRecipients::TooFar);
        }
        Ok(Some(test))
    }

    /// The fixed code of a recipient, if it is a test recipient at `now`.
    pub fn code(&self, recipient: &Recipient, now: UtcDateTime) -> Option<&Code> {
        let is_meant = match &self.who {
            Who::Address(address) => address == recipient,
            Who::Domain(domain) => recipient.domain() == domain,
        };
        (is_meant && now < self.until).then_some(&self.code)
    }
}

/// Hides the address and the code, so that no log or panic message can carry them.
impl fmt::Debug for TestSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestSettings(…)")
    }
}

/// Hides the same.
impl fmt::Debug for TestRecipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TestRecipients(…)")
    }
}

/// The end of a day in the form `2027-03-31`.
fn end_of_day(date: &str) -> Option<UtcDateTime> {
    let is_shaped = date.len() == 10 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let month = Month::try_from(month.parse::<u8>().ok()?).ok()?;
    let date = Date::from_calendar_date(year.parse().ok()?, month, day.parse().ok()?).ok()?;
    let midnight = UtcDateTime::new(date.next_day()?, time::Time::MIDNIGHT);
    Some(midnight).filter(|_| is_shaped && parts.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2027-01-15, noon.
    const NOW: UtcDateTime = match UtcDateTime::from_unix_timestamp(1_800_014_400) {
        Ok(time) => time,
        Err(_) => UtcDateTime::UNIX_EPOCH,
    };

    fn read(who: &str, code: &str, until: &str) -> Result<Option<TestRecipients>, NoTestRecipients> {
        TestRecipients::read(&TestSettings(format!("{who} {code} {until}")), 6, NOW)
    }

    fn recipient(address: &str) -> Recipient {
        Recipient::parse(address).expect("an address")
    }

    #[test]
    fn an_address_or_a_domain_has_a_code_until_the_end_of_a_day() {
        let address = read("Review@Example.com", "424242", "2027-01-16")
            .expect("usable")
            .expect("some");
        let last_second = NOW + Duration::hours(36) - Duration::SECOND;
        for (who, at, has_code) in [
            ("review@example.com", NOW, true),
            ("review@example.com", last_second, true),
            ("review@example.com", last_second + Duration::SECOND, false),
            ("review+tag@example.com", NOW, false),
            ("kim@example.com", NOW, false),
        ] {
            assert_eq!(address.code(&recipient(who), at).is_some(), has_code, "{who} {at}");
        }
        let domain = read("@test.example.com", "424242", "2027-01-16")
            .expect("usable")
            .expect("some");
        for (who, has_code) in [
            ("anybody@test.example.com", true),
            ("anybody@example.com", false),
            ("anybody@sub.test.example.com", false),
            ("anybody@nottest.example.com", false),
        ] {
            assert_eq!(domain.code(&recipient(who), NOW).is_some(), has_code, "{who}");
        }
    }

    #[test]
    fn all_three_words_are_there_or_none() {
        assert_eq!(read("", "", ""), Ok(None));
        for (who, code, until) in [
            ("", "424242", "2027-01-16"),
            ("a@example.com", "", "2027-01-16"),
            ("a@example.com", "1", ""),
            ("a@example.com", "424242", "2027-01-16 2027-01-17"),
        ] {
            assert_eq!(read(who, code, until), Err(NoTestRecipients::Shape));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (who, code, until, wrong) in [
            ("example.com", "424242", "2027-01-16", NoTestRecipients::Recipient),
            ("@", "424242", "2027-01-16", NoTestRecipients::Recipient),
            ("@a@example.com", "424242", "2027-01-16", NoTestRecipients::Recipient),
            ("a@example.com", "42424", "2027-01-16", NoTestRecipients::Code),
            ("a@example.com", "abcdef", "2027-01-16", NoTestRecipients::Code),
            ("a@example.com", "424242", "2027-02-30", NoTestRecipients::Date),
            ("a@example.com", "424242", "16.1.2027", NoTestRecipients::Date),
            ("a@example.com", "424242", "2027-01-16-", NoTestRecipients::Date),
            ("a@example.com", "424242", "2027-1-16", NoTestRecipients::Date),
            ("a@example.com", "424242", "+027-01-16", NoTestRecipients::Date),
            ("a@example.com", "424242", "2027-1-16-", NoTestRecipients::Date),
            ("a@example.com", "424242", "tomorrow", NoTestRecipients::Date),
            ("a@example.com", "424242", "2027-01-14", NoTestRecipients::Over),
            ("a@example.com", "424242", "2027-04-16", NoTestRecipients::TooFar),
        ] {
            assert_eq!(read(who, code, until), Err(wrong), "{who} {code} {until}");
        }
        assert!(read("a@example.com", "424242", "2027-01-15").is_ok(), "today");
        assert!(read("a@example.com", "424242", "2027-04-15").is_ok(), "in 90 days");
    }

    /// From midnight on, the 90th day ahead ends in 91 days.
    #[test]
    fn ninety_days_ahead_are_counted_from_the_start_of_a_day() {
        let midnight = NOW - Duration::hours(12);
        for (until, is_usable) in [("2027-04-15", true), ("2027-04-16", false)] {
            let settings = TestSettings(format!("a@example.com 424242 {until}"));
            let read = TestRecipients::read(&settings, 6, midnight);
            assert_eq!(read.is_ok(), is_usable);
        }
    }

    #[test]
    fn the_last_day_is_over_at_its_midnight() {
        for (now, is_over) in [
            (NOW + Duration::hours(12) - Duration::SECOND, false),
            (NOW + Duration::hours(12), true),
        ] {
            let settings = TestSettings("a@example.com 424242 2027-01-15".to_owned());
            let read = TestRecipients::read(&settings, 6, now);
            assert_eq!(read == Err(NoTestRecipients::Over), is_over);
        }
    }

    #[test]
    fn the_debug_form_shows_nothing() {
        let test = read("review@example.com", "424242", "2027-01-16")
            .expect("usable")
            .expect("some");
        assert_eq!(format!("{test:?}"), "TestRecipients(…)");
    }
}
