//! How both functions are set up.

use time::Duration;
use verification::aws::mailer::MailerConfig;
use verification::brand::{Brand, Color};
use verification::config::{RequestCodeConfig, SharedConfig, VerifyCodeConfig};
use verification::locale::Locale;
use verification::rules::api_url::ApiUrl;
use verification::rules::limits::Limits;
use verification::rules::link::LinkTarget;
use verification::rules::proof::ProofRules;
use verification::rules::test_recipient::TestSettings;

/// The configuration that the template gives by default, with `DeliveryFeedback`.
pub(crate) fn config() -> RequestCodeConfig {
    RequestCodeConfig {
        shared: SharedConfig {
            table_name: "one for each test".to_owned(),
            secret_id: "unused".to_owned(),
            code_digits: 6,
            max_guesses: 5,
            api_url: ApiUrl(None),
            default_locale: Locale::En,
            brand: Brand {
                name: "예시".to_owned(),
                color: Color::parse("#1d4ed8").expect("a color"),
                support: None,
            },
            link: LinkTarget::Page,
            test_settings: TestSettings::default(),
            trusted_callers: None,
        },
        code_lifetime: Duration::minutes(10),
        limits: Limits::new(10, 4, Duration::minutes(1), 200),
        mailer: MailerConfig {
            sender_address: "no-reply@example.com".to_owned(),
            configuration_set: "mails".to_owned(),
        },
        delivery_feedback: true,
    }
}

/// The configuration of verify-code beside that of request-code.
pub(super) fn verify_code_config(config: &RequestCodeConfig) -> VerifyCodeConfig {
    VerifyCodeConfig {
        shared: config.shared.clone(),
        proof: ProofRules {
            audience: "api.example.com".to_owned(),
            lifetime: Duration::minutes(10),
        },
        app_return_url: None,
    }
}
