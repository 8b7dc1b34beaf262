//! The environment variables of both functions, read and checked once at start.
//!
//! There are no defaults here. The template gives every variable its value, in a deployed stack and locally alike. (A variable that is
//! new since the last release has one until the next: `CloudFormation` changes a function's code before its variables.)

mod environment;
mod url;

use std::ops::RangeInclusive;

use time::Duration;

use self::environment::Environment;
pub use self::environment::{ConfigError, Lookup};
use self::url::{is_api_url, is_link_url, is_return_url};
use crate::aws::mailer::MailerConfig;
use crate::brand::{Brand, Color, Contact};
use crate::locale::Locale;
use crate::rules::api_url::ApiUrl;
use crate::rules::code::CodeRules;
use crate::rules::guess::REPEATABLE_FOR;
use crate::rules::limits::Limits;
use crate::rules::link::LinkTarget;
use crate::rules::proof::ProofRules;
use crate::rules::recipient::Recipient;
use crate::rules::test_recipient::TestSettings;
use crate::rules::trusted_callers::TrustedCallers;

/// The shortest lifetime of a proof. A repeat of the right code gets none that has ended.
const MIN_PROOF_MINUTES: i64 = REPEATABLE_FOR.whole_minutes() + 1;

/// The configuration of request-code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestCodeConfig {
    /// What both functions share.
    pub shared: SharedConfig,
    /// `CODE_LIFETIME_MINUTES`, 1 to 30: how long a code works.
    pub code_lifetime: Duration,
    /// `MAILS_PER_DAY`, 1 to 100. `MAILS_PER_SOURCE_PER_DAY`, 1 to 20. `RESEND_PAUSE_SECONDS`, 30 to 600: more than the
    /// function can run, so that a request ends before the next one is charged. `UNVERIFIED_MAILS_PER_SOURCE_PER_DAY`, 0 (off)
    /// to 100000.
    pub limits: Limits,
    /// Who sends the emails.
    pub mailer: MailerConfig,
    /// `DELIVERY_FEEDBACK`, on or off: whether SES's events come back to this function.
    pub delivery_feedback: bool,
}

/// The configuration of verify-code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyCodeConfig {
    /// What both functions share.
    pub shared: SharedConfig,
    /// `PROOF_AUDIENCE`, 1 to 256 ASCII characters without white space. `PROOF_LIFETIME_MINUTES`, 2 to 60: more than the time in
    /// which a proof may be asked for again.
    pub proof: ProofRules,
    /// `APP_RETURN_URL`: where the page leads when the address is verified. An https URL, or one of an app's own scheme,
    /// without a fragment; or empty.
    pub app_return_url: Option<String>,
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
    /// `PROOF_ISSUER`: an https URL without a slash at its end, or empty for the domain of each request.
    pub api_url: ApiUrl,
    /// `DEFAULT_LOCALE`, the tag of a language that the service has: for those who want another.
    pub default_locale: Locale,
    /// `SENDER_NAME`, `BRAND_COLOR` and `SUPPORT_CONTACT`.
    pub brand: Brand,
    /// `VERIFICATION_LINK`: `off`, `page`, or the app's universal link, an https URL without a query.
    pub link: LinkTarget,
    /// `TEST_RECIPIENT`: an address or `@` and a domain, its code, and the last day (UTC), with spaces between them. Or empty.
    pub test_settings: TestSettings,
    /// `TRUSTED_CALLERS`: the SHA-256 of their token, in hexadecimal, and ` only` behind it if nobody else is served. Or empty.
    pub trusted_callers: Option<TrustedCallers>,
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
            code_lifetime: Duration::minutes(environment.number("CODE_LIFETIME_MINUTES", 1..=30)),
            limits: Limits::new(
                environment.number("MAILS_PER_DAY", 1..=100),
                environment.number("MAILS_PER_SOURCE_PER_DAY", 1..=20),
                Duration::seconds(environment.number("RESEND_PAUSE_SECONDS", 30..=600)),
                environment.number("UNVERIFIED_MAILS_PER_SOURCE_PER_DAY", 0..=100_000),
            ),
            mailer: MailerConfig {
                sender_address: environment.parsed("SENDER_ADDRESS", "an email address", |text| {
                    // Only checked, not normalised: SES compares the sender with its identities as it is written.
                    Recipient::parse(&text).is_ok().then_some(text)
                }),
                configuration_set: environment.text("CONFIGURATION_SET"),
            },
            delivery_feedback: environment.parsed("DELIVERY_FEEDBACK", "on or off", |text| match text.as_str() {
                "on" => Some(true),
                "off" => Some(false),
                _ => None,
            }),
        };
        environment.finish(config)
    }

    /// How challenges and their codes are made.
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
                audience: environment.parsed(
                    "PROOF_AUDIENCE",
                    "1 to 256 ASCII characters without white space",
                    |text| {
                        let usable =
                            (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
                        usable.then_some(text)
                    },
                ),
                lifetime: Duration::minutes(environment.number("PROOF_LIFETIME_MINUTES", MIN_PROOF_MINUTES..=60)),
            },
            app_return_url: environment.optional(
                "APP_RETURN_URL",
                "an https URL or one of an app's own scheme, without a fragment",
                is_return_url,
            ),
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
            api_url: ApiUrl(environment.optional(
                "PROOF_ISSUER",
                "an https URL without a slash at its end",
                is_api_url,
            )),
            default_locale: environment
                .parsed("DEFAULT_LOCALE", &format!("one of {}", tags()), |text| {
                    Locale::from_tag(&text).map(Some)
                })
                .unwrap_or(Locale::En),
            brand: Brand {
                name: environment.parsed("SENDER_NAME", "1 to 64 characters on one line", |text| {
                    is_line(&text, 1..=64).then_some(text)
                }),
                color: environment.parsed("BRAND_COLOR", "a color such as #1d4ed8", |text| Color::parse(&text)),
                support: environment.parsed("SUPPORT_CONTACT", "up to 128 characters on one line", |text| {
                    is_line(&text, 0..=128).then(|| Contact::new(text))
                }),
            },
            link: environment.parsed(
                "VERIFICATION_LINK",
                "off, page, or an https URL without a query",
                |text| match text.as_str() {
                    "off" => Some(LinkTarget::Off),
                    "page" => Some(LinkTarget::Page),
                    url => is_link_url(url).then(|| LinkTarget::App(url.to_owned())),
                },
            ),
            test_settings: TestSettings(environment.any("TEST_RECIPIENT")),
            trusted_callers: environment.parsed("TRUSTED_CALLERS", "a SHA-256 in hexadecimal, or nothing", |text| {
                if text.is_empty() {
                    Some(None)
                } else {
                    TrustedCallers::parse(&text).map(Some)
                }
            }),
        }
    }
}

/// The tags of every language.
fn tags() -> String {
    let tags: Vec<_> = Locale::ALL.iter().map(|locale| locale.tag()).collect();
    tags.join(", ")
}

fn is_line(text: &str, lengths: RangeInclusive<usize>) -> bool {
    lengths.contains(&text.chars().count()) && !text.contains(char::is_control)
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
            ("UNVERIFIED_MAILS_PER_SOURCE_PER_DAY", "200"),
            ("SENDER_ADDRESS", "no-reply@example.com"),
            ("SENDER_NAME", "예시"),
            ("BRAND_COLOR", "#1d4ed8"),
            ("SUPPORT_CONTACT", "help@example.com"),
            ("TEST_RECIPIENT", ""),
            ("TRUSTED_CALLERS", ""),
            ("DEFAULT_LOCALE", "ko"),
            ("VERIFICATION_LINK", "page"),
            ("APP_RETURN_URL", "com.example.app://verified"),
            ("CONFIGURATION_SET", "mails"),
            ("DELIVERY_FEEDBACK", "off"),
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
            lifetime: Duration::seconds(600),
        };
        assert_eq!(verify_code.proof, proof);
        assert_eq!(
            config.shared.api_url,
            ApiUrl(Some("https://example.com/verify".to_owned()))
        );
        assert_eq!(
            (config.shared.default_locale, config.shared.link),
            (Locale::Ko, LinkTarget::Page)
        );
        assert_eq!(
            verify_code.app_return_url.as_deref(),
            Some("com.example.app://verified")
        );
    }

    #[test]
    fn the_test_recipients_are_read_as_they_stand() {
        let text = "@test.example.com 424242 some day";
        let changes = [("TEST_RECIPIENT", Some(text))];
        let config = RequestCodeConfig::read(&environment(&changes)).expect("a usable environment");
        assert_eq!(config.shared.test_settings.0, text);
    }

    #[test]
    fn every_fault_is_named_with_what_was_expected() {
        let broken = environment(&[
            ("CODE_DIGITS", Some("11")),
            ("SENDER_NAME", None),
            ("CONFIGURATION_SET", Some("")),
            ("DEFAULT_LOCALE", Some("tlh")),
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
        assert_eq!(error.lines().count(), 5);
        let languages = error.split_once("DEFAULT_LOCALE: expected one of ").expect("a line").1;
        for locale in Locale::ALL {
            assert!(languages.contains(locale.tag()), "{error}");
        }
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
            ("UNVERIFIED_MAILS_PER_SOURCE_PER_DAY", "1.5"),
            ("SENDER_ADDRESS", "no-reply"),
            ("SENDER_NAME", "a\r\nBcc: b"),
            ("BRAND_COLOR", "blue"),
            ("SUPPORT_CONTACT", "a\nb"),
            ("DEFAULT_LOCALE", "tlh"),
            ("VERIFICATION_LINK", "on"),
            ("VERIFICATION_LINK", "https://app.example.com/?a=b"),
            ("CONFIGURATION_SET", ""),
            ("DELIVERY_FEEDBACK", "true"),
            ("TRUSTED_CALLERS", "a token"),
        ] {
            for value in [Some(wrong), None] {
                let error = RequestCodeConfig::read(&environment(&[(name, value)])).expect_err("a broken environment");
                assert!(error.to_string().contains(&format!("\n  {name}: expected ")), "{error}");
            }
        }
    }

    /// The last value that each variable takes, and the first that it does not.
    #[test]
    fn every_variable_has_its_bounds() {
        let of_length = |length: usize| "가".repeat(length);
        let request_code =
            |name: &str, value: &str| RequestCodeConfig::read(&environment(&[(name, Some(value))])).is_ok();
        for (name, first, last) in [
            ("CODE_DIGITS", 4, 10),
            ("MAX_GUESSES", 1, 10),
            ("CODE_LIFETIME_MINUTES", 1, 30),
            ("MAILS_PER_DAY", 1, 100),
            ("MAILS_PER_SOURCE_PER_DAY", 1, 20),
            ("RESEND_PAUSE_SECONDS", 30, 600),
            ("UNVERIFIED_MAILS_PER_SOURCE_PER_DAY", 0, 100_000),
        ] {
            for (value, is_taken) in [(first - 1, false), (first, true), (last, true), (last + 1, false)] {
                assert_eq!(request_code(name, &value.to_string()), is_taken, "{name}: {value}");
            }
        }
        for (name, length, is_taken) in [
            ("SENDER_NAME", 0, false),
            ("SENDER_NAME", 1, true),
            ("SENDER_NAME", 64, true),
            ("SENDER_NAME", 65, false),
            ("SUPPORT_CONTACT", 0, true),
            ("SUPPORT_CONTACT", 128, true),
            ("SUPPORT_CONTACT", 129, false),
        ] {
            assert_eq!(
                request_code(name, &of_length(length)),
                is_taken,
                "{name}: {length} characters"
            );
        }
        let verify_code =
            |name: &str, value: &str| VerifyCodeConfig::read(&environment(&[(name, Some(value))])).is_ok();
        for (value, is_taken) in [("1", false), ("2", true), ("60", true), ("61", false)] {
            assert_eq!(verify_code("PROOF_LIFETIME_MINUTES", value), is_taken, "{value}");
        }
        for (length, is_taken) in [(0, false), (1, true), (256, true), (257, false)] {
            assert_eq!(
                verify_code("PROOF_AUDIENCE", &"a".repeat(length)),
                is_taken,
                "{length} characters"
            );
        }
    }

    #[test]
    fn the_app_is_returned_to_by_a_url_of_its_own() {
        for (url, usable) in [
            ("", true),
            ("https://app.example.com/verified", true),
            ("https://app.example.com", true),
            ("http://127.0.0.1:8080/verified", true),
            ("com.example.app://verified", true),
            ("exampleapp://verify/done?from=mail", true),
            ("http://app.example.com", false),
            ("https://", false),
            ("https:///verified", false),
            ("https://app.example.com/#a", false),
            ("https://app.example.com; script-src *", false),
            ("javascript://%0aalert(1)", false),
            ("data://text", false),
            ("com.example.app:", false),
            ("com.example.app://", false),
            ("COM://verified", false),
            ("한국://verified", false),
        ] {
            let config = VerifyCodeConfig::read(&environment(&[("APP_RETURN_URL", Some(url))]));
            assert_eq!(config.is_ok(), usable, "{url}");
        }
    }

    #[test]
    fn delivery_feedback_is_on_or_off() {
        for (text, is_on) in [("on", true), ("off", false)] {
            let config = RequestCodeConfig::read(&environment(&[("DELIVERY_FEEDBACK", Some(text))]));
            assert_eq!(config.expect("a usable environment").delivery_feedback, is_on);
        }
    }

    #[test]
    fn the_link_leads_to_the_page_to_the_app_or_nowhere() {
        let url = "https://app.example.com/verify";
        for (text, target) in [
            ("off", LinkTarget::Off),
            ("page", LinkTarget::Page),
            (url, LinkTarget::App(url.to_owned())),
        ] {
            let config = RequestCodeConfig::read(&environment(&[("VERIFICATION_LINK", Some(text))]));
            assert_eq!(config.expect("a usable environment").shared.link, target);
        }
    }

    #[test]
    fn every_variable_of_the_proof_is_checked() {
        for (name, wrong) in [
            ("PROOF_AUDIENCE", &["", "two words", "a\u{7F}", "가"][..]),
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
        assert_eq!(config.shared.api_url, ApiUrl(None));
    }
}
