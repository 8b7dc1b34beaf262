//! Checks one code that a person typed, and proves to the app's backend that it was right.

use std::sync::Arc;

use email_verification::address::Recipient;
use email_verification::answer::{self, Problem};
use email_verification::aws;
use email_verification::challenge::ChallengeId;
use email_verification::code::Code;
use email_verification::config::VerifyCodeConfig;
use email_verification::guess::Verdict;
use email_verification::keyring::{KEY_SET_MAX_AGE, KeyRing};
use email_verification::proof::{Proof, ProofError};
use email_verification::request::{self, Fields};
use email_verification::secret::{Secret, SecretError};
use email_verification::table::{Table, TableError};
use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;

/// Where backends look for the public keys of proofs: under a well-known path (RFC 8615) of the issuer.
const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// The function with everything that it sets up once.
pub struct VerifyCode {
    config: VerifyCodeConfig,
    secret: Secret,
    table: Table,
}

/// A code that was handed in.
struct Attempt {
    recipient: Recipient,
    id: ChallengeId,
    code: Code,
}

/// Why an attempt could not be answered.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("the event names no domain")]
    NoDomain,
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("no proof could be signed: {0}")]
    Proof(#[from] ProofError),
}

impl VerifyCode {
    /// Sets the function up from its environment, at `now`.
    ///
    /// # Errors
    ///
    /// When a variable is wrong or the secret cannot be read.
    pub async fn start(now: OffsetDateTime) -> Result<Self, lambda_http::Error> {
        let config = VerifyCodeConfig::read(&|name| std::env::var(name).ok())?;
        let aws = aws::load().await;
        let secret = Secret::read(aws::secrets_manager(&aws), config.shared.secret_id.clone(), now).await?;
        Ok(Self::new(config, secret, aws::dynamodb(&aws)))
    }

    /// Sets the function up from its parts.
    #[must_use]
    pub fn new(config: VerifyCodeConfig, secret: Secret, dynamodb: aws_sdk_dynamodb::Client) -> Self {
        let table = Table::new(dynamodb, config.shared.table_name.clone());
        Self { config, secret, table }
    }

    /// Answers one request that came at `now`.
    pub async fn answer(&self, request: &Request, now: OffsetDateTime) -> Response<Body> {
        // What stands before it is the stage of the API, if it has one.
        let answer = if request.uri().path().ends_with(KEY_SET_PATH) {
            self.key_set(request, now).await
        } else {
            self.verify(request, now).await.map(|body| answer::ok(&body))
        };
        answer.unwrap_or_else(Problem::into_answer)
    }

    /// `GET /.well-known/jwks.json`: the public keys of proofs.
    async fn key_set(&self, request: &Request, now: OffsetDateTime) -> Result<Response<Body>, Problem> {
        request::require(Method::GET, request)?;
        let key_set = self.secret.key_ring(now).await.key_set(now.unix_timestamp());
        Ok(answer::key_set(&json!(key_set), KEY_SET_MAX_AGE))
    }

    /// `POST /verify-code`: a proof for a right code.
    async fn verify(&self, request: &Request, now: OffsetDateTime) -> Result<Value, Problem> {
        let fields = Fields::read(request)?;
        let attempt = Attempt {
            recipient: fields.email()?,
            id: fields.required_challenge_id()?,
            code: fields.code(self.config.shared.code_digits)?,
        };
        let internal = |failure: Failure| Problem::internal(request::id(request), &failure);
        let issuer = self.issuer(request).ok_or(Failure::NoDomain).map_err(internal)?;
        let (verdict, key_ring) = self.judge(&attempt, now).await.map_err(internal)?;

        let Attempt { recipient, id, .. } = attempt;
        match verdict {
            Verdict::Right { verified_at } => {
                let key = key_ring.in_force(verified_at).proof();
                let proof = Proof::issue(key, &self.config.proof, &issuer, &recipient, id, verified_at);
                let proof = proof.map_err(|error| internal(error.into()))?;
                tracing::info!(outcome = "verified", challenge_id = %id);
                Ok(json!({
                    "email": recipient.as_str(),
                    "token": proof.token,
                    "token_type": "JWT",
                    "expires_in": proof.expires_at - now.unix_timestamp(),
                }))
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

    /// Judges an attempt, with the key ring that this took: a new one, if the challenge was opened under keys that this
    /// instance did not know yet.
    async fn judge(&self, attempt: &Attempt, now: OffsetDateTime) -> Result<(Verdict, Arc<KeyRing>), Failure> {
        let key_ring = self.secret.key_ring(now).await;
        if let Some(verdict) = self.hand_in(&key_ring, attempt, now).await? {
            return Ok((verdict, key_ring));
        }
        match self.secret.read_after_a_miss(&key_ring, now).await? {
            Some(rotated) => {
                let verdict = self.hand_in(&rotated, attempt, now).await?;
                Ok((verdict.unwrap_or(Verdict::Gone), rotated))
            }
            None => Ok((Verdict::Gone, key_ring)),
        }
    }

    /// Hands the code in: one write, or one for each of the two keys under which the challenge may stand during a
    /// rotation. None if it stands under none of them.
    async fn hand_in(
        &self,
        key_ring: &KeyRing,
        attempt: &Attempt,
        now: OffsetDateTime,
    ) -> Result<Option<Verdict>, TableError> {
        let Attempt { recipient, id, code } = attempt;
        let (now, max_guesses) = (now.unix_timestamp(), self.config.shared.max_guesses);
        for keys in key_ring.in_use(now) {
            let digest = code.digest(keys, recipient, *id);
            let guess = self.table.guess(keys, recipient, *id, &digest, now, max_guesses);
            if let Some(guess) = guess.await? {
                return Ok(Some(guess.judge(&digest, now, max_guesses)));
            }
        }
        Ok(None)
    }

    /// `iss`: the URL of the API, to which `/.well-known/jwks.json` can be appended.
    fn issuer(&self, request: &Request) -> Option<String> {
        let of_domain = || request::domain(request).map(|domain| format!("https://{domain}"));
        self.config.proof.issuer.clone().or_else(of_domain)
    }
}
