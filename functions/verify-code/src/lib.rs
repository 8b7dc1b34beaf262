//! Judges a submitted code, and proves to the app's backend that it was right.

use std::sync::Arc;
use std::time::Duration;

use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use time::UtcDateTime;
use verification::aws::client;
use verification::aws::secret::{Secret, SecretError};
use verification::aws::table::{Table, TableError};
use verification::config::VerifyCodeConfig;
use verification::http::problem::Problem;
use verification::http::request::{self, JsonBody};
use verification::http::response::{self, Success};
use verification::keys::key_ring::KeyRing;
use verification::rules::challenge::LastSend;
use verification::rules::challenge_id::{ChallengeId, ChallengeRef};
use verification::rules::code::Code;
use verification::rules::condition::Condition;
use verification::rules::guess::{self, Verdict};
use verification::rules::proof::{Proof, Redemption};
use verification::rules::recipient::Recipient;

/// Where backends look for the public keys of proofs: under a well-known path (RFC 8615) of the issuer.
const KEY_SET_PATH: &str = "/.well-known/jwks.json";

/// How long a right code waits until its request is given back.
const MAX_GIVE_BACK: Duration = Duration::from_secs(1);

/// The function, with everything that it sets up once.
pub struct VerifyCode {
    config: VerifyCodeConfig,
    secret: Secret,
    table: Table,
}

/// A submitted code.
struct Attempt {
    recipient: Recipient,
    challenge_id: ChallengeId,
    code: Code,
}

/// What a submitted code turned out to be.
enum Judged {
    Right(Right),
    Wrong { guesses_left: usize },
    Gone,
}

/// A right code.
struct Right {
    verified_at: UtcDateTime,
    /// `jti` of its proof.
    proof_id: String,
    /// The request for it, to be given back. None for a repeat.
    request: Option<LastSend>,
}

/// Why an attempt could not be judged.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Table(#[from] TableError),
}

impl VerifyCode {
    /// Sets the function up from its environment, at `now`.
    ///
    /// # Errors
    ///
    /// When a variable is wrong or the secret cannot be read.
    pub async fn start(now: UtcDateTime) -> Result<Self, lambda_runtime::Error> {
        let config = VerifyCodeConfig::read(&|name| std::env::var(name).ok())?;
        let aws = client::load().await;
        let secret = Secret::read(client::secrets_manager(&aws), config.shared.secret_id.clone(), now).await?;
        let table = Table::new(client::dynamodb(&aws), config.shared.table_name.clone());
        Ok(Self::new(config, secret, table))
    }

    /// Sets the function up from its parts.
    #[must_use]
    pub const fn new(config: VerifyCodeConfig, secret: Secret, table: Table) -> Self {
        Self { config, secret, table }
    }

    /// Handles one request that came at `now`.
    pub async fn handle(&self, request: &Request, now: UtcDateTime) -> Response<Body> {
        // Before the path comes the stage of the API, if it has one.
        let outcome = match request.uri().path() {
            path if path.ends_with(KEY_SET_PATH) => self.key_set(request, now).await,
            _ => self.verify_code(request, now).await,
        };
        response::respond(outcome, request)
    }

    /// `GET /.well-known/jwks.json`: the public keys of proofs.
    async fn key_set(&self, request: &Request, now: UtcDateTime) -> Result<Success, Problem> {
        request::require(Method::GET, request)?;
        Ok(Success::KeySet(self.secret.key_ring(now).await.key_set(now)))
    }

    /// `POST /verify-code`: a proof for a right code.
    async fn verify_code(&self, request: &Request, now: UtcDateTime) -> Result<Success, Problem> {
        let body = JsonBody::read(request)?;
        let attempt = Attempt {
            recipient: body.email()?,
            challenge_id: body.required_challenge_id()?,
            code: body.code(self.config.shared.code_digits)?,
        };
        let rules = &self.config.proof;
        // Before the guess: without an issuer there is no proof, and the guess would be lost.
        let issuer = rules.issuer(request::domain(request));
        let issuer = issuer.ok_or_else(|| Problem::internal("the event names no domain"))?;
        let (judged, key_ring) = self.judge(&attempt, now).await.map_err(Problem::internal)?;

        let Attempt {
            recipient,
            challenge_id,
            ..
        } = attempt;
        match judged {
            Judged::Right(right) => {
                let key = key_ring.active(right.verified_at).proof();
                let redemption = Redemption {
                    recipient: &recipient,
                    challenge_id,
                    proof_id: right.proof_id,
                    verified_at: right.verified_at,
                };
                let proof = Proof::sign(key, rules, &issuer, &redemption).map_err(Problem::internal)?;
                self.give_back(right.request).await;
                Ok(Success::Verified {
                    recipient,
                    challenge_id,
                    token: proof.token,
                    expires_in: proof.expires_at - now,
                })
            }
            Judged::Wrong { guesses_left } => Err(Problem::InvalidCode {
                challenge_id,
                guesses_left,
            }),
            Judged::Gone => Err(Problem::CodeExpired { challenge_id }),
        }
    }

    /// Judges an attempt. Also returns the key ring that was used: a newer one if the challenge was not found and the secret,
    /// read again, had been rotated.
    async fn judge(&self, attempt: &Attempt, now: UtcDateTime) -> Result<(Judged, Arc<KeyRing>), Failure> {
        let key_ring = self.secret.key_ring(now).await;
        if let Some(judged) = self.submit(&key_ring, attempt, now).await? {
            return Ok((judged, key_ring));
        }
        match self.secret.refresh_after_miss(&key_ring, now).await? {
            Some(newer) => {
                let judged = self.submit(&newer, attempt, now).await?;
                Ok((judged.unwrap_or(Judged::Gone), newer))
            }
            None => Ok((Judged::Gone, key_ring)),
        }
    }

    /// Submits the code in one write, during a rotation in one for each of the two keys. None if there is no challenge under
    /// any of them.
    async fn submit(
        &self,
        key_ring: &KeyRing,
        attempt: &Attempt,
        now: UtcDateTime,
    ) -> Result<Option<Judged>, TableError> {
        let max_guesses = self.config.shared.max_guesses;
        for keys in key_ring.accepted(now) {
            let challenge = ChallengeRef::new(keys, &attempt.recipient, attempt.challenge_id);
            let digest = attempt.code.digest(challenge);
            let item = self.table.challenge(challenge);
            if let Some(written) = item.guess(&digest, max_guesses, now).await? {
                return Ok(Some(match guess::judge(&digest, &written, max_guesses, now) {
                    Verdict::Right { verified_at, opened_at } => Judged::Right(Right {
                        verified_at,
                        proof_id: challenge.proof_id(opened_at),
                        request: match written {
                            Condition::Held(stored) => stored.last_send,
                            Condition::Failed(_) => None,
                        },
                    }),
                    Verdict::Wrong { guesses_left } => Judged::Wrong { guesses_left },
                    Verdict::Gone => Judged::Gone,
                }));
            }
        }
        Ok(None)
    }

    /// Gives the request for the code back to the source that made it, so that limits count only what nobody verified.
    ///
    /// Nobody waits long for it, and if it fails nobody notices: the source then has one request less for the hour.
    async fn give_back(&self, request: Option<LastSend>) {
        let Some(LastSend {
            charge,
            paid_by: Some(count),
            ..
        }) = request
        else {
            return;
        };
        let source = self.table.paid_by(count);
        match tokio::time::timeout(MAX_GIVE_BACK, source.refund(charge)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(cause = %error, "a request was not given back"),
            Err(_) => tracing::warn!("a request was not given back in time"),
        }
    }
}
