//! Checks one code that a person typed.

use email_verification::answer::{self, Problem};
use email_verification::config::SharedConfig;
use email_verification::guess::Verdict;
use email_verification::keys::Keys;
use email_verification::request::{self, Fields};
use email_verification::table::Table;
use email_verification::{aws, secret};
use lambda_http::{Body, Request, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// The function with everything that it sets up once.
pub struct VerifyCode {
    config: SharedConfig,
    keys: Keys,
    table: Table,
}

impl VerifyCode {
    /// Sets the function up from its environment.
    ///
    /// # Errors
    ///
    /// When a variable is wrong or the secret cannot be read.
    pub async fn start() -> Result<Self, lambda_http::Error> {
        let config = SharedConfig::read(&|name| std::env::var(name).ok())?;
        let aws = aws::load().await;
        let keys = secret::keys(&aws::secrets_manager(&aws), &config.secret_id).await?;
        Ok(Self::new(config, keys, aws::dynamodb(&aws)))
    }

    /// Sets the function up from its parts.
    #[must_use]
    pub fn new(config: SharedConfig, keys: Keys, dynamodb: aws_sdk_dynamodb::Client) -> Self {
        let table = Table::new(dynamodb, config.table_name.clone(), keys.clone());
        Self { config, keys, table }
    }

    /// Answers one request that came at `now`.
    pub async fn answer(&self, request: &Request, now: OffsetDateTime) -> Response<Body> {
        match self.verify(request, now).await {
            Ok(body) => answer::ok(&body),
            Err(problem) => problem.into_answer(),
        }
    }

    async fn verify(&self, request: &Request, now: OffsetDateTime) -> Result<Value, Problem> {
        let fields = Fields::read(request)?;
        let recipient = fields.email()?;
        let id = fields.required_challenge_id()?;
        let code = fields.code(self.config.code_digits)?;

        let now = now.unix_timestamp();
        let digest = code.digest(&self.keys, &recipient, id);
        let guess = self
            .table
            .guess(&recipient, id, &digest, now, self.config.max_guesses)
            .await;
        let guess = guess.map_err(|error| Problem::internal(request::id(request), &error))?;
        match guess.judge(&digest, now, self.config.max_guesses) {
            Verdict::Right { .. } => {
                tracing::info!(outcome = "verified", challenge_id = %id);
                Ok(json!({ "email": recipient.as_str() }))
            }
            Verdict::Wrong { guesses_left } => {
                tracing::info!(outcome = "invalid-code", challenge_id = %id, guesses_left);
                Err(Problem::InvalidCode { guesses_left })
            }
            Verdict::Gone => {
                tracing::info!(outcome = "code-expired", challenge_id = %id);
                Err(Problem::CodeExpired)
            }
        }
    }
}
