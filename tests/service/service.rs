//! Both functions on a database and a mail server of their own, at a time that the test sets.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_dynamodb::types::AttributeValue;
use email_verification::challenge::ChallengeId;
use email_verification::config::{MailConfig, RequestCodeConfig, SharedConfig, VerifyCodeConfig};
use email_verification::event::HttpApiEvent;
use email_verification::limits::Limits;
use email_verification::proof::ProofRules;
use email_verification::secret::Secret;
use email_verification::{SdkConfig, aws};
use lambda_http::Request;
use rand::rngs::SysRng;
use request_code::RequestCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use verify_code::VerifyCode;

use crate::answer::Answer;
use crate::dynamodb::{self, Traffic};
use crate::events;
use crate::log;
use crate::secrets::Secrets;
use crate::ses::Ses;

/// When every test begins: noon UTC of 2027-01-15, far from the end of an hour or a day.
pub(crate) const START: i64 = 1_800_014_400;
/// The address that the tests ask codes for, unless they need several.
pub(crate) const KIM: &str = "kim@example.com";
/// An id as an app would bring it.
pub(crate) const OWN_ID: &str = "7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e";

pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) struct Service {
    pub(crate) ses: Ses,
    pub(crate) secrets: Secrets,
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
        let table = ChallengeId::draw(&mut SysRng).expect("randomness").to_string();
        config.shared.table_name.clone_from(&table);
        let ses = Ses::start().await;
        let traffic = Traffic::default();
        let client = aws::dynamodb(&sdk_config(&dynamodb::start().await));
        let client = Client::from_conf(client.config().to_builder().interceptor(traffic.clone()).build());
        dynamodb::create_table(&client, &table).await;
        traffic.forget();
        let secrets = Secrets::start().await;
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

    /// Puts an instance of request-code that starts now in the place of the one that ran.
    pub(crate) async fn restart_request_code(&mut self) {
        self.request_code =
            start_request_code(&self.config, &self.dynamodb, &self.ses, &self.secrets, self.now()).await;
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

    /// Goes to the first second of the next UTC day, less `seconds`.
    pub(crate) fn wait_until_before_midnight(&self, seconds: i64) {
        let day = 24 * 3_600;
        self.now.store((self.now() / day + 1) * day - seconds, Ordering::SeqCst);
    }

    pub(crate) async fn request_code(&self, body: Value) -> Answer {
        self.request_code_event(&event("/request-code", body.to_string().as_bytes()))
            .await
    }

    pub(crate) async fn request_code_event(&self, event: &Value) -> Answer {
        let answer = self
            .request_code
            .answer(&request(event), self.time(), &mut SysRng)
            .await;
        Answer::read(&answer)
    }

    pub(crate) async fn verify_code(&self, id: &str, code: &str) -> Answer {
        self.verify_code_event(&guess(KIM, id, code)).await
    }

    pub(crate) async fn verify_code_event(&self, event: &Value) -> Answer {
        self.verify_code_by(&self.verify_code, event).await
    }

    /// The answer of one instance of the function.
    pub(crate) async fn verify_code_by(&self, instance: &VerifyCode, event: &Value) -> Answer {
        Answer::read(&instance.answer(&request(event), self.time()).await)
    }

    /// The key set as the function answers it.
    pub(crate) async fn key_set(&self) -> Answer {
        self.key_set_by(&self.verify_code).await
    }

    /// The key set as one instance of the function answers it.
    pub(crate) async fn key_set_by(&self, instance: &VerifyCode) -> Answer {
        self.verify_code_by(instance, &events::read("verify-code-jwks")).await
    }

    /// Asks for a code for Kim and returns the challenge's id and the code that was mailed.
    pub(crate) async fn mailed_code(&self) -> (String, String) {
        let answer = self.request_code(json!({ "email": KIM })).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        (answer.challenge_id(), self.ses.newest_mail().code())
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

    fn time(&self) -> OffsetDateTime {
        time_of(self.now())
    }
}

async fn start_request_code(
    config: &RequestCodeConfig,
    dynamodb: &Client,
    ses: &Ses,
    secrets: &Secrets,
    now: i64,
) -> RequestCode {
    let ses = aws::ses(&sdk_config(ses.url()));
    let secret = read_secret(secrets, now).await;
    RequestCode::new(config.clone(), secret, dynamodb.clone(), ses).expect("a usable configuration")
}

async fn start_verify_code(config: &RequestCodeConfig, dynamodb: &Client, secrets: &Secrets, now: i64) -> VerifyCode {
    let config = VerifyCodeConfig {
        shared: config.shared.clone(),
        proof: ProofRules {
            audience: "api.example.com".to_owned(),
            issuer: None,
            lifetime: 600,
        },
    };
    VerifyCode::new(config, read_secret(secrets, now).await, dynamodb.clone())
}

async fn read_secret(secrets: &Secrets, now: i64) -> Secret {
    let client = aws::secrets_manager(&sdk_config(secrets.url()));
    Secret::read(client, "secret".to_owned(), time_of(now))
        .await
        .expect("a usable secret")
}

fn time_of(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(seconds).expect("a time")
}

/// The configuration that the template gives by default.
pub(crate) fn config() -> RequestCodeConfig {
    RequestCodeConfig {
        shared: SharedConfig {
            table_name: "one for each test".to_owned(),
            secret_id: "unused".to_owned(),
            code_digits: 6,
            max_guesses: 5,
        },
        code_lifetime: 600,
        limits: Limits {
            mails_per_day: 10,
            resend_pause: 60,
            requests_per_hour: 100,
        },
        mail: MailConfig {
            sender_address: "no-reply@example.com".to_owned(),
            sender_name: "예시".to_owned(),
            configuration_set: "mails".to_owned(),
            tags: [("service".to_owned(), "email-verification".to_owned())].into(),
        },
    }
}

/// An HTTP API event that hands a code in.
pub(crate) fn guess(email: &str, id: &str, code: &str) -> Value {
    let body = json!({ "email": email, "challenge_id": id, "code": code });
    event("/verify-code", body.to_string().as_bytes())
}

/// An HTTP API event that POSTs JSON from 203.0.113.7.
pub(crate) fn event(path: &str, body: &[u8]) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("POST {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "content-type": "application/json" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.ap-northeast-2.amazonaws.com",
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
            "timeEpoch": START * 1_000,
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "app" },
        },
        "body": data_encoding::BASE64.encode(body),
        "isBase64Encoded": true,
    })
}

fn request(event: &Value) -> Request {
    serde_json::from_str::<HttpApiEvent>(&event.to_string())
        .expect("an HTTP API event")
        .into()
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
