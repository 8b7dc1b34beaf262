//! Both functions on a database and a mail server of their own, at a time that the test sets.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;
use rand::rngs::SysRng;
use request_code::RequestCode;
use serde_json::{Value, json};
use time::{Duration, UtcDateTime};
use verification::aws::client::{self, SdkConfig};
use verification::aws::mailer::{Mailer, MailerConfig};
use verification::aws::secret::Secret;
use verification::aws::table::Table;
use verification::brand::{Brand, Color};
use verification::config::{RequestCodeConfig, SharedConfig, VerifyCodeConfig};
use verification::locale::Locale;
use verification::rules::api_url::ApiUrl;
use verification::rules::charge::ChargeId;
use verification::rules::limits::Limits;
use verification::rules::link::LinkTarget;
use verification::rules::proof::ProofRules;
use verification::rules::test_recipient::TestSettings;
use verify_code::VerifyCode;

use super::contract;
use super::dynamodb::{self, Traffic};
use super::event::{self, event, guess};
use super::log;
use super::response::Response;
use super::secrets_manager::SecretsManager;
use super::ses::Ses;

/// When every test begins: noon UTC of 2027-01-15, far from the end of an hour or a day.
pub(crate) const START: i64 = 1_800_014_400;
/// The address that the tests request codes for, unless they need several.
pub(crate) const KIM: &str = "kim@example.com";
/// An id that an app made up.
pub(crate) const OWN_ID: &str = "7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct Service {
    pub(crate) ses: Ses,
    pub(crate) secrets: SecretsManager,
    pub(crate) traffic: Traffic,
    config: RequestCodeConfig,
    dynamodb: Client,
    request_code: RequestCode,
    verify_code: VerifyCode,
    now: AtomicI64,
}

impl Service {
    pub(crate) async fn start() -> Self {
        Self::start_with(config()).await
    }

    pub(crate) async fn start_with(mut config: RequestCodeConfig) -> Self {
        log::record();
        // Each test has a table of its own, also where the engine is shared.
        let table = ChargeId::draw(&mut SysRng).expect("randomness").to_string();
        config.shared.table_name.clone_from(&table);
        let ses = Ses::start().await;
        let traffic = Traffic::default();
        let client = client::dynamodb(&sdk_config(&dynamodb::start().await));
        let client = Client::from_conf(client.config().to_builder().interceptor(traffic.clone()).build());
        dynamodb::create_table(&client, &table).await;
        traffic.forget();
        let secrets = SecretsManager::start().await;
        Self {
            request_code: start_request_code(&config, &client, &ses, &secrets, START).await,
            verify_code: start_verify_code(&config, &client, &secrets, START).await,
            ses,
            secrets,
            traffic,
            config,
            dynamodb: client,
            now: START.into(),
        }
    }

    /// Replaces the running instance of request-code by one that starts now.
    pub(crate) async fn restart_request_code(&mut self) {
        self.request_code =
            start_request_code(&self.config, &self.dynamodb, &self.ses, &self.secrets, self.now()).await;
    }

    /// Replaces the running instance of request-code by one that finds SES at another URL.
    pub(crate) async fn move_ses(&mut self, url: &str) {
        let secret = read_secret(&self.secrets, self.now()).await;
        let ses = client::ses(&sdk_config(url));
        let mailer = Mailer::new(ses, &self.config.mailer, &self.config.shared.brand.name).expect("a usable sender");
        self.request_code = RequestCode::new(self.config.clone(), secret, self.table(), mailer, self.time());
    }

    /// Sends the browsers of those who verify their address to this URL.
    pub(crate) async fn return_to(&mut self, url: &str) {
        let secret = read_secret(&self.secrets, self.now()).await;
        let mut config = verify_code_config(&self.config);
        config.app_return_url = Some(url.to_owned());
        self.verify_code = VerifyCode::new(config, secret, self.table(), self.time());
    }

    /// Follows the link with this parameter, as a browser or a scanner does.
    pub(crate) async fn follow(&self, sealed: &str) -> Response {
        self.verify_code_event(&event::follow(&format!("link={sealed}"))).await
    }

    /// Presses the button of the page behind the link.
    pub(crate) async fn press(&self, sealed: &str) -> Response {
        self.verify_code_event(&event::press(&format!("link={sealed}"))).await
    }

    /// Hands the link in, as an app does that opened it itself.
    pub(crate) async fn hand_in(&self, sealed: &str) -> Response {
        let body = json!({ "link": sealed }).to_string();
        self.verify_code_event(&event("/verify-code", body.as_bytes())).await
    }

    /// Another instance of verify-code, which starts now.
    pub(crate) async fn start_verify_code(&self) -> VerifyCode {
        start_verify_code(&self.config, &self.dynamodb, &self.secrets, self.now()).await
    }

    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    pub(crate) fn wait(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    /// Moves the clock to this second, in epoch seconds.
    pub(crate) fn move_to(&self, now: i64) {
        self.now.store(now, Ordering::SeqCst);
    }

    /// Moves the clock to `seconds` before the next UTC day.
    pub(crate) fn wait_until_before_midnight(&self, seconds: i64) {
        let day = 24 * 3_600;
        self.now.store((self.now() / day + 1) * day - seconds, Ordering::SeqCst);
    }

    pub(crate) async fn request_code(&self, body: Value) -> Response {
        self.request_code_event(&event("/request-code", body.to_string().as_bytes()))
            .await
    }

    /// Requests a code from another source than the usual one.
    pub(crate) async fn request_code_from(&self, source_ip: &str, body: Value) -> Response {
        let mut event = event("/request-code", body.to_string().as_bytes());
        event["requestContext"]["http"]["sourceIp"] = json!(source_ip);
        self.request_code_event(&event).await
    }

    pub(crate) async fn request_code_event(&self, event: &Value) -> Response {
        let (request, mut generator) = (event::request(event), SysRng);
        // Boxed, because this future is large, and each test's would be as large.
        let response = Box::pin(self.request_code.handle(&request, self.time(), &mut generator));
        let response = Response::read(&response.await);
        contract::check(event, &response);
        response
    }

    pub(crate) async fn verify_code(&self, id: &str, code: &str) -> Response {
        self.verify_code_event(&guess(KIM, id, code)).await
    }

    pub(crate) async fn verify_code_event(&self, event: &Value) -> Response {
        self.verify_code_by(&self.verify_code, event).await
    }

    /// The response of one instance of the function.
    pub(crate) async fn verify_code_by(&self, instance: &VerifyCode, event: &Value) -> Response {
        let response = Response::read(&instance.handle(&event::request(event), self.time()).await);
        contract::check(event, &response);
        response
    }

    /// The key set as the function returns it.
    pub(crate) async fn key_set(&self) -> Response {
        self.key_set_by(&self.verify_code).await
    }

    /// The key set as one instance of the function returns it.
    pub(crate) async fn key_set_by(&self, instance: &VerifyCode) -> Response {
        self.verify_code_by(instance, &event::read("verify-code-jwks")).await
    }

    /// Requests a code for Kim. Returns the challenge's id and the code that was mailed.
    pub(crate) async fn mailed_code(&self) -> (String, String) {
        let response = self.request_code(json!({ "email": KIM })).await;
        assert_eq!(response.status, 202, "{}", response.text);
        (response.challenge_id(), self.ses.newest_mail().code())
    }

    pub(crate) async fn items(&self) -> Vec<Item> {
        let scan = self
            .dynamodb
            .scan()
            .table_name(&self.config.shared.table_name)
            .send()
            .await;
        scan.expect("a scan").items.unwrap_or_default()
    }

    pub(crate) async fn item(&self, kind: &str) -> Item {
        let items = self.items().await.into_iter();
        let mut items = items.filter(|item| item["pk"].as_s().is_ok_and(|pk| pk.starts_with(kind)));
        let item = items.next().expect("an item of that kind");
        assert!(items.next().is_none(), "more than one item of that kind");
        item
    }

    /// The number in an attribute of the only item of a kind.
    pub(crate) async fn count(&self, kind: &str, attribute: &str) -> i64 {
        let item = self.item(kind).await;
        let number = item.get(attribute).and_then(|value| value.as_n().ok());
        number.map_or(0, |number| number.parse().expect("a number"))
    }

    /// Deletes the items of a kind, as TTL does some time after their end.
    pub(crate) async fn expire(&self, kind: &str) {
        for item in self.items().await {
            let pk = item["pk"].clone();
            if pk.as_s().is_ok_and(|pk| pk.starts_with(kind)) {
                let delete = self.dynamodb.delete_item().table_name(&self.config.shared.table_name);
                delete.key("pk", pk).send().await.expect("a deletion");
            }
        }
    }

    pub(crate) fn table(&self) -> Table {
        table(&self.config, &self.dynamodb)
    }

    pub(crate) fn time(&self) -> UtcDateTime {
        time_of(self.now())
    }
}

async fn start_request_code(
    config: &RequestCodeConfig,
    dynamodb: &Client,
    ses: &Ses,
    secrets: &SecretsManager,
    now: i64,
) -> RequestCode {
    let ses = client::ses(&sdk_config(ses.url()));
    let secret = read_secret(secrets, now).await;
    let mailer = Mailer::new(ses, &config.mailer, &config.shared.brand.name).expect("a usable sender");
    RequestCode::new(config.clone(), secret, table(config, dynamodb), mailer, time_of(now))
}

async fn start_verify_code(
    config: &RequestCodeConfig,
    dynamodb: &Client,
    secrets: &SecretsManager,
    now: i64,
) -> VerifyCode {
    let secret = read_secret(secrets, now).await;
    VerifyCode::new(
        verify_code_config(config),
        secret,
        table(config, dynamodb),
        time_of(now),
    )
}

fn verify_code_config(config: &RequestCodeConfig) -> VerifyCodeConfig {
    VerifyCodeConfig {
        shared: config.shared.clone(),
        proof: ProofRules {
            audience: "api.example.com".to_owned(),
            lifetime: Duration::minutes(10),
        },
        has_links: config.link != LinkTarget::Off,
        app_return_url: None,
    }
}

fn table(config: &RequestCodeConfig, dynamodb: &Client) -> Table {
    Table::new(dynamodb.clone(), config.shared.table_name.clone())
}

async fn read_secret(secrets: &SecretsManager, now: i64) -> Secret {
    let client = client::secrets_manager(&sdk_config(secrets.url()));
    Secret::read(client, "secret".to_owned(), time_of(now))
        .await
        .expect("a usable secret")
}

fn time_of(seconds: i64) -> UtcDateTime {
    UtcDateTime::from_unix_timestamp(seconds).expect("a time")
}

/// The configuration that the template gives by default.
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
            test_settings: TestSettings::default(),
        },
        code_lifetime: Duration::minutes(10),
        limits: Limits {
            mails_per_day: 10,
            mails_per_source: 4,
            resend_pause: Duration::minutes(1),
            requests_per_hour: 100,
            requests_per_day: 200,
        },
        link: LinkTarget::Page,
        mailer: MailerConfig {
            sender_address: "no-reply@example.com".to_owned(),
            configuration_set: "mails".to_owned(),
        },
    }
}

fn sdk_config(endpoint: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "test", "test", None, None, "test",
        )))
        .region(Region::new("ap-northeast-2"))
        .endpoint_url(endpoint)
        .build()
}
