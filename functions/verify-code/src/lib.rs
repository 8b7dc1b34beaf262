//! Judges a submitted code or link, and proves to the app's backend that it was right.
//!
//! * `judge`: the one way in which an attempt is judged.
//! * `link`: the link of an email, as a page for a person, and as the app hands it in.

mod judge;
mod link;

use std::borrow::Cow;

use lambda_http::{Body, Request, Response};
use time::UtcDateTime;
use verification::aws::secret::Secret;
use verification::aws::table::Table;
use verification::aws::{client, connect};
use verification::config::VerifyCodeConfig;
use verification::http::outcome;
use verification::http::problem::Problem;
use verification::http::request::{self, JsonBody};
use verification::http::response::Success;
use verification::rules::challenge_id::ChallengeName;
use verification::rules::link::PAGE_PATH;
use verification::rules::test_recipient::TestRecipients;

use crate::judge::Attempt;

/// Where backends look for the public keys of proofs: under a well-known path (RFC 8615) of the issuer.
const KEY_SET_PATH: &str = "/.well-known/jwks.json";
/// Where libraries look up where the keys are (`OpenID` Connect Discovery 1.0, 4).
const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// The function, with everything that it sets up once.
pub struct VerifyCode {
    config: VerifyCodeConfig,
    secret: Secret,
    table: Table,
    test_recipients: Option<TestRecipients>,
}

impl VerifyCode {
    /// Sets the function up from its environment, at `now`.
    pub async fn start(now: UtcDateTime) -> Result<Self, lambda_runtime::Error> {
        let config = VerifyCodeConfig::read(&|name| std::env::var(name).ok())?;
        let aws = client::load().await;
        let secret = Secret::read(client::secrets_manager(&aws), config.shared.secret_id.clone(), now);
        // While Secrets Manager answers, all else is set up.
        let (secret, dynamodb) = tokio::join!(secret, connect::dynamodb(&aws));
        let (secret, table) = (secret?, Table::new(dynamodb, config.shared.table_name.clone()));
        // Now, with a whole CPU, rather than while somebody waits for the first proof.
        secret.key_ring(now).await.active(now).proof().public();
        Ok(Self::new(config, secret, table, now))
    }

    /// Sets the function up from its parts, at `now`.
    pub fn new(config: VerifyCodeConfig, secret: Secret, table: Table, now: UtcDateTime) -> Self {
        let shared = &config.shared;
        Self {
            test_recipients: TestRecipients::start(&shared.test_settings, shared.code_digits, now),
            config,
            secret,
            table,
        }
    }

    /// Handles one request that came at `now`.
    pub async fn handle(&self, request: &Request, now: UtcDateTime) -> Response<Body> {
        // Before the path comes the stage of the API, if it has one.
        let outcome = match request.uri().path() {
            path if path.ends_with(KEY_SET_PATH) => self.key_set(request, now).await,
            path if path.ends_with(DISCOVERY_PATH) => self.discovery(request),
            path if path.ends_with(PAGE_PATH) => return self.page(request, now).await,
            _ => self.verify_code(request, now).await,
        };
        outcome::respond(outcome, request)
    }

    /// `GET /.well-known/jwks.json`: the public keys of proofs.
    async fn key_set(&self, request: &Request, now: UtcDateTime) -> Result<Success, Problem> {
        request::require("GET", request)?;
        let keys = self.secret.key_set(now).await;
        keys.map(Success::KeySet).map_err(|error| Problem::KeySetUnavailable {
            cause: error.to_string(),
        })
    }

    /// `GET /.well-known/openid-configuration`: where the keys are.
    fn discovery(&self, request: &Request) -> Result<Success, Problem> {
        request::require("GET", request)?;
        let issuer = self.issuer(request)?;
        Ok(Success::Discovery {
            key_set_url: format!("{issuer}{KEY_SET_PATH}"),
            issuer,
        })
    }

    /// `iss` of the proofs of a request.
    fn issuer(&self, request: &Request) -> Result<String, Problem> {
        let issuer = self.config.shared.api_url.at(request::domain(request));
        issuer
            .map(Cow::into_owned)
            .ok_or_else(|| Problem::internal("the event names no domain"))
    }

    /// `POST /verify-code`: a proof for a right code, or for a link.
    async fn verify_code(&self, request: &Request, now: UtcDateTime) -> Result<Success, Problem> {
        request::is_trusted(request, self.config.shared.trusted_callers.as_ref())?;
        let body = JsonBody::read(request)?;
        let attempt = match body.link()?.filter(|_| self.has_links()) {
            Some(sealed) => self.attempt_by_link(sealed, now).await?,
            None => Attempt {
                challenge: ChallengeName {
                    recipient: body.email()?,
                    id: body.required_challenge_id()?,
                    purpose: body.purpose()?,
                },
                code: body.code(self.config.shared.code_digits)?,
                by_link: false,
            },
        };
        self.verify(attempt, request, now).await
    }
}
