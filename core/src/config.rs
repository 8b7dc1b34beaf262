//! The environment variables of both functions, read and checked once at start.
//!
//! There are no defaults here: the template gives every variable its value, in a deployed stack and locally alike.

mod environment;

use std::collections::BTreeMap;

use self::environment::Environment;
pub use self::environment::{ConfigError, Lookup};
use crate::address::Recipient;
use crate::issue::CodeRules;
use crate::limits::Limits;
use crate::proof::ProofRules;

/// What request-code needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCodeConfig {
    /// What both functions need to know.
    pub shared: SharedConfig,
    /// `CODE_LIFETIME_MINUTES`, 1 to 30, here in seconds: how long a code works.
    pub code_lifetime: i64,
    /// `MAILS_PER_DAY`, 1 to 100; `RESEND_PAUSE_SECONDS`, 30 (longer than the function can run, so that a request is
    /// over before the next is charged) to 600; `REQUESTS_PER_SOURCE_PER_HOUR`, 0 (off) to 100000.
    pub limits: Limits,
    /// How mails are sent.
    pub mail: MailConfig,
}

/// What verify-code needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyCodeConfig {
    /// What both functions need to know.
    pub shared: SharedConfig,
    /// `PROOF_AUDIENCE`, 1 to 256 characters without white space; `PROOF_LIFETIME_MINUTES`, 2 (longer than a proof may
    /// be asked for again) to 60, here in seconds; `PROOF_ISSUER`, an https URL without a slash at its end, or empty
    /// for the domain of each request.
    pub proof: ProofRules,
}

/// What both functions need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedConfig {
    /// `TABLE_NAME`: the DynamoDB table.
    pub table_name: String,
    /// `SECRET_ID`: name or ARN of the Secrets Manager secret that every key is derived from.
    pub secret_id: String,
    /// `CODE_DIGITS`, 4 to 10: digits of a code.
    pub code_digits: u8,
    /// `MAX_GUESSES`, 1 to 10: guesses that a challenge takes.
    pub max_guesses: usize,
}

/// How mails are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailConfig {
    /// `SENDER_ADDRESS`: the address in From, of an identity that SES has verified.
    pub sender_address: String,
    /// `SENDER_NAME`, 1 to 64 characters: the app's name, as it stands in From, subject and text.
    pub sender_name: String,
    /// `CONFIGURATION_SET`: the SES configuration set of every mail.
    pub configuration_set: String,
    /// `MAIL_TAGS`: SES message tags as `name=value,name=value`, of letters, digits, `_` and `-`; may be empty.
    pub tags: BTreeMap<String, String>,
}

impl RequestCodeConfig {
    /// Reads the environment that `lookup` finds.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming every variable that is missing or wrong and what was expected.
    pub fn read(lookup: Lookup) -> Result<Self, ConfigError> {
        let mut environment = Environment::new(lookup);
        let config = Self {
            shared: SharedConfig::collect(&mut environment),
            code_lifetime: 60 * i64::from(environment.number("CODE_LIFETIME_MINUTES", 1..=30)),
            limits: Limits {
                mails_per_day: environment.number("MAILS_PER_DAY", 1..=100),
                resend_pause: environment.number("RESEND_PAUSE_SECONDS", 30..=600).into(),
                requests_per_hour: environment.number("REQUESTS_PER_SOURCE_PER_HOUR", 0..=100_000),
            },
            mail: MailConfig {
                sender_address: environment.parsed("SENDER_ADDRESS", "an email address", |text| {
                    // Only checked: SES compares the sender with its identities as it is written.
                    Recipient::parse(&text).is_ok().then_some(text)
                }),
                sender_name: environment.parsed("SENDER_NAME", "1 to 64 characters on one line", |text| {
                    let usable = (1..=64).contains(&text.chars().count()) && !text.contains(char::is_control);
                    usable.then_some(text)
                }),
                configuration_set: environment.text("CONFIGURATION_SET"),
                tags: environment.parsed("MAIL_TAGS", "name=value,… of letters, digits, _ and -", |text| {
                    tags(&text)
                }),
            },
        };
        environment.finish(config)
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
                lifetime: 60 * i64::from(environment.number("PROOF_LIFETIME_MINUTES", 2..=60)),
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

/// Whether `/.well-known/jwks.json` can be appended and leads to where nobody else answers: an https URL, or one of this
/// machine.
fn is_issuer(text: &str) -> bool {
    let local = "http://127.0.0.1:";
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix(local));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        let odd = |typed: char| typed.is_whitespace() || typed.is_control() || "?#\"\\".contains(typed);
        !host.is_empty() && !rest.ends_with('/') && !rest.contains(odd)
    })
}

/// The message tags, if each has a name and a value that SES takes.
fn tags(text: &str) -> Option<BTreeMap<String, String>> {
    let plain = |part: &str| {
        (1..=256).contains(&part.len())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
    };
    text.split(',')
        .filter(|tag| !text.is_empty() || !tag.is_empty())
        .map(|tag| {
            let (name, value) = tag.split_once('=')?;
            (plain(name) && plain(value)).then(|| (name.to_owned(), value.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(changes: &[(&str, Option<&str>)]) -> impl Fn(&str) -> Option<String> + use<> {
        let mut variables = BTreeMap::from([
            ("TABLE_NAME", "codes"),
            ("SECRET_ID", "secret"),
            ("CODE_DIGITS", "6"),
            ("MAX_GUESSES", "5"),
            ("CODE_LIFETIME_MINUTES", "10"),
            ("MAILS_PER_DAY", "10"),
            ("RESEND_PAUSE_SECONDS", "60"),
            ("REQUESTS_PER_SOURCE_PER_HOUR", "100"),
            ("SENDER_ADDRESS", "no-reply@example.com"),
            ("SENDER_NAME", "예시"),
            ("CONFIGURATION_SET", "mails"),
            ("MAIL_TAGS", "service=email-verification,stage=dev"),
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
        assert_eq!(config.code_lifetime, 600);
        assert_eq!(config.limits.resend_pause, 60);
        assert_eq!(config.mail.tags.len(), 2);
        let verify_code = VerifyCodeConfig::read(&environment(&[])).expect("a usable environment");
        assert_eq!(verify_code.shared, config.shared);
        let proof = ProofRules {
            audience: "api.example.com".to_owned(),
            issuer: Some("https://example.com/verify".to_owned()),
            lifetime: 600,
        };
        assert_eq!(verify_code.proof, proof);
    }

    #[test]
    fn every_fault_is_named_with_what_was_expected() {
        let broken = environment(&[
            ("CODE_DIGITS", Some("11")),
            ("SENDER_NAME", None),
            ("MAIL_TAGS", Some("stage")),
        ]);
        let error = RequestCodeConfig::read(&broken)
            .expect_err("a broken environment")
            .to_string();
        for line in [
            "CODE_DIGITS: expected a whole number from 4 to 10, found \"11\"",
            "SENDER_NAME: expected 1 to 64 characters on one line, it is not set",
            "MAIL_TAGS: expected name=value,… of letters, digits, _ and -, found \"stage\"",
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
            ("RESEND_PAUSE_SECONDS", "29"),
            ("REQUESTS_PER_SOURCE_PER_HOUR", "-1"),
            ("SENDER_ADDRESS", "no-reply"),
            ("SENDER_NAME", "a\r\nBcc: b"),
            ("CONFIGURATION_SET", ""),
            ("MAIL_TAGS", "a=b,"),
        ] {
            for value in [Some(wrong), None] {
                let error = RequestCodeConfig::read(&environment(&[(name, value)])).expect_err("a broken environment");
                assert!(error.to_string().contains(&format!("\n  {name}: expected ")), "{error}");
            }
        }
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

    #[test]
    fn tags_may_be_empty() {
        let config = RequestCodeConfig::read(&environment(&[("MAIL_TAGS", Some(""))])).expect("a usable environment");
        assert!(config.mail.tags.is_empty());
    }
}
