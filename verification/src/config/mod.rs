//! The environment variables of both functions, read and checked once at start.
//!
//! There are no defaults here. The template gives every variable its value, in a deployed stack and locally alike.

mod environment;

use time::Duration;

use self::environment::Environment;
pub use self::environment::{ConfigError, Lookup};
use crate::aws::mailer::MailerConfig;
use crate::rules::code::CodeRules;
use crate::rules::limits::Limits;
use crate::rules::proof::ProofRules;
use crate::rules::recipient::Recipient;

/// The configuration of request-code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCodeConfig {
    /// What both functions share.
    pub shared: SharedConfig,
    /// `CODE_LIFETIME_MINUTES`, 1 to 30: how long a code works.
    pub code_lifetime: Duration,
    /// `MAILS_PER_DAY`, 1 to 100. `MAILS_PER_SOURCE_PER_DAY`, 1 to 20. `RESEND_PAUSE_SECONDS`, 30 to 600: more than the
    /// function can run, so that a request ends before the next one is charged. `REQUESTS_PER_SOURCE_PER_HOUR` and
    /// `REQUESTS_PER_SOURCE_PER_DAY`, 0 (off) to 100000.
    pub limits: Limits,
    /// Who sends the emails.
    pub mailer: MailerConfig,
}

/// The configuration of verify-code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyCodeConfig {
    /// What both functions share.
    pub shared: SharedConfig,
    /// `PROOF_AUDIENCE`, 1 to 256 characters without white space. `PROOF_LIFETIME_MINUTES`, 2 to 60: more than the time in
    /// which a proof may be asked for again. `PROOF_ISSUER`, an https URL without a slash at its end, or empty for the
    /// domain of each request.
    pub proof: ProofRules,
}

/// The configuration that both functions share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedConfig {
    /// `TABLE_NAME`: the DynamoDB table.
    pub table_name: String,
    /// `SECRET_ID`: name or ARN of the secret in Secrets Manager from which every key is derived.
    pub secret_id: String,
    /// `CODE_DIGITS`, 4 to 10: digits of a code.
    pub code_digits: u8,
    /// `MAX_GUESSES`, 1 to 10: guesses that a challenge takes.
    pub max_guesses: usize,
}

impl RequestCodeConfig {
    /// Reads the environment that `lookup` finds.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming every variable that is missing or wrong and what was expected, or why codes would be too easy to
    /// guess.
    pub fn read(lookup: Lookup) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(lookup);
        let config = Self {
            shared: SharedConfig::collect(&mut environment),
            code_lifetime: Duration::minutes(environment.number("CODE_LIFETIME_MINUTES", 1..=30)),
            limits: Limits {
                mails_per_day: environment.number("MAILS_PER_DAY", 1..=100),
                mails_per_source: environment.number("MAILS_PER_SOURCE_PER_DAY", 1..=20),
                resend_pause: Duration::seconds(environment.number("RESEND_PAUSE_SECONDS", 30..=600)),
                requests_per_hour: environment.number("REQUESTS_PER_SOURCE_PER_HOUR", 0..=100_000),
                requests_per_day: environment.number("REQUESTS_PER_SOURCE_PER_DAY", 0..=100_000),
            },
            mailer: MailerConfig {
                sender_address: environment.parsed("SENDER_ADDRESS", "an email address", |text| {
                    // Only checked, not normalised: SES compares the sender with its identities as it is written.
                    Recipient::parse(&text).is_ok().then_some(text)
                }),
                sender_name: environment.parsed("SENDER_NAME", "1 to 64 characters on one line", |text| {
                    let usable = (1..=64).contains(&text.chars().count()) && !text.contains(char::is_control);
                    usable.then_some(text)
                }),
                configuration_set: environment.text("CONFIGURATION_SET"),
            },
        };
        let config = environment.finish(config)?;
        let odds = config.code_rules().check_odds(config.limits.max_mails());
        odds.map_err(ConfigError::new)?;
        Ok(config)
    }

    /// How challenges and their codes are made.
    #[must_use]
    pub fn code_rules(&self) -> CodeRules {
        CodeRules {
            digits: self.shared.code_digits,
            lifetime: self.code_lifetime,
            max_guesses: self.shared.max_guesses,
        }
    }
}

impl VerifyCodeConfig {
    /// Reads the environment that `lookup` finds.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming every variable that is missing or wrong and what was expected.
    pub fn read(lookup: Lookup) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(lookup);
        let config = Self {
            shared: SharedConfig::collect(&mut environment),
            proof: ProofRules {
                audience: environment.parsed("PROOF_AUDIENCE", "1 to 256 characters without white space", |text| {
                    let usable = (1..=256).contains(&text.chars().count())
                        && !text.contains(|typed: char| typed.is_whitespace() || typed.is_control());
                    usable.then_some(text)
                }),
                issuer: environment.parsed(
                    "PROOF_ISSUER",
                    "an https URL without a slash at its end, or nothing",
                    |text| (text.is_empty() || is_issuer(&text)).then(|| Some(text).filter(|text| !text.is_empty())),
                ),
                lifetime: Duration::minutes(environment.number("PROOF_LIFETIME_MINUTES", 2..=60)),
            },
        };
        environment.finish(config)
    }
}

impl SharedConfig {
    fn collect(environment: &mut Environment) -> Self {
        Self {
            table_name: environment.text("TABLE_NAME"),
            secret_id: environment.text("SECRET_ID"),
            code_digits: environment.number("CODE_DIGITS", 4..=10),
            max_guesses: environment.number::<u8>("MAX_GUESSES", 1..=10).into(),
        }
    }
}

/// Whether `/.well-known/jwks.json` can be appended, and nobody else can respond there: an https URL, or one on this machine.
fn is_issuer(text: &str) -> bool {
    let local = "http://127.0.0.1:";
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix(local));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        let odd = |typed: char| typed.is_whitespace() || typed.is_control() || "?#\"\\".contains(typed);
        !host.is_empty() && !rest.ends_with('/') && !rest.contains(odd)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn environment(changes: &[(&str, Option<&str>)]) -> impl Fn(&str) -> Option<String> + use<> {
        let mut variables = BTreeMap::from([
            ("TABLE_NAME", "codes"),
            ("SECRET_ID", "secret"),
            ("CODE_DIGITS", "6"),
            ("MAX_GUESSES", "5"),
            ("CODE_LIFETIME_MINUTES", "10"),
            ("MAILS_PER_DAY", "10"),
            ("MAILS_PER_SOURCE_PER_DAY", "4"),
            ("RESEND_PAUSE_SECONDS", "60"),
            ("REQUESTS_PER_SOURCE_PER_HOUR", "100"),
            ("REQUESTS_PER_SOURCE_PER_DAY", "200"),
            ("SENDER_ADDRESS", "no-reply@example.com"),
            ("SENDER_NAME", "예시"),
            ("CONFIGURATION_SET", "mails"),
            ("PROOF_AUDIENCE", "api.example.com"),
            ("PROOF_ISSUER", "https://example.com/verify"),
            ("PROOF_LIFETIME_MINUTES", "10"),
        ]);
        for (name, value) in changes {
            match value {
                Some(value) => variables.insert(name, value),
                None => variables.remove(name),
            };
        }
        let variables: BTreeMap<_, _> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        move |name| variables.get(name).cloned()
    }

    #[test]
    fn a_whole_environment_is_read() {
        let config = RequestCodeConfig::read(&environment(&[])).expect("a usable environment");
        assert_eq!(config.code_lifetime, Duration::seconds(600));
        assert_eq!(config.limits.resend_pause, Duration::seconds(60));
        let verify_code = VerifyCodeConfig::read(&environment(&[])).expect("a usable environment");
        assert_eq!(verify_code.shared, config.shared);
        let proof = ProofRules {
            audience: "api.example.com".to_owned(),
            issuer: Some("https://example.com/verify".to_owned()),
            lifetime: Duration::seconds(600),
        };
        assert_eq!(verify_code.proof, proof);
    }

    #[test]
    fn every_fault_is_named_with_what_was_expected() {
        let broken = environment(&[
            ("CODE_DIGITS", Some("11")),
            ("SENDER_NAME", None),
            ("CONFIGURATION_SET", Some("")),
        ]);
        let error = RequestCodeConfig::read(&broken)
            .expect_err("a broken environment")
            .to_string();
        for line in [
            "CODE_DIGITS: expected a whole number from 4 to 10, found \"11\"",
            "SENDER_NAME: expected 1 to 64 characters on one line, it is not set",
            "CONFIGURATION_SET: expected a name, found \"\"",
        ] {
            assert!(error.contains(line), "{error}");
        }
        assert_eq!(error.lines().count(), 4);
    }

    #[test]
    fn every_variable_is_checked() {
        for (name, wrong) in [
            ("TABLE_NAME", " "),
            ("SECRET_ID", ""),
            ("CODE_DIGITS", "3"),
            ("MAX_GUESSES", "0"),
            ("CODE_LIFETIME_MINUTES", "31"),
            ("MAILS_PER_DAY", "ten"),
            ("MAILS_PER_SOURCE_PER_DAY", "0"),
            ("RESEND_PAUSE_SECONDS", "29"),
            ("REQUESTS_PER_SOURCE_PER_HOUR", "-1"),
            ("REQUESTS_PER_SOURCE_PER_DAY", "1.5"),
            ("SENDER_ADDRESS", "no-reply"),
            ("SENDER_NAME", "a\r\nBcc: b"),
            ("CONFIGURATION_SET", ""),
        ] {
            for value in [Some(wrong), None] {
                let error = RequestCodeConfig::read(&environment(&[(name, value)])).expect_err("a broken environment");
                assert!(error.to_string().contains(&format!("\n  {name}: expected ")), "{error}");
            }
        }
    }

    #[test]
    fn a_code_that_is_easy_to_guess_is_refused_with_the_numbers() {
        let weak = environment(&[
            ("CODE_DIGITS", Some("4")),
            ("MAX_GUESSES", Some("10")),
            ("MAILS_PER_DAY", Some("100")),
        ]);
        let error = RequestCodeConfig::read(&weak).expect_err("weak codes").to_string();
        assert!(
            error.contains(
                "200 emails a day (2 × MAILS_PER_DAY) × 10 guesses (MAX_GUESSES) against 10000 codes (CODE_DIGITS) \
                 is a chance of 1 in 5"
            ),
            "{error}"
        );
        let strong = environment(&[("MAILS_PER_DAY", Some("100"))]);
        assert!(RequestCodeConfig::read(&strong).is_ok(), "exactly 1 in 1,000");
        let short = environment(&[("CODE_DIGITS", Some("4"))]);
        assert!(RequestCodeConfig::read(&short).is_err());
    }

    #[test]
    fn every_variable_of_the_proof_is_checked() {
        for (name, wrong) in [
            ("PROOF_AUDIENCE", &["", "two words"][..]),
            ("PROOF_LIFETIME_MINUTES", &["1", "61", ""]),
            (
                "PROOF_ISSUER",
                &[
                    "example.com",
                    "https://",
                    "https://example.com/",
                    "https:///a",
                    "https://a b",
                    "http://example.com",
                ],
            ),
        ] {
            for value in wrong.iter().map(Some).chain([None]) {
                let broken = environment(&[(name, value.copied())]);
                let error = VerifyCodeConfig::read(&broken).expect_err("a broken environment");
                assert!(error.to_string().contains(&format!("\n  {name}: expected ")), "{error}");
            }
        }
    }

    #[test]
    fn the_issuer_may_be_left_to_the_request() {
        let config = VerifyCodeConfig::read(&environment(&[("PROOF_ISSUER", Some(""))])).expect("a usable environment");
        assert_eq!(config.proof.issuer, None);
    }
}
