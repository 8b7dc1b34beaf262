//! Judges an attempt, however it was handed in, and signs the proof of a right one.

use std::sync::Arc;
use std::time::Duration;

use lambda_http::Request;
use time::UtcDateTime;
use verification::aws::secret::SecretError;
use verification::aws::table::TableError;
use verification::http::problem::Problem;
use verification::http::request;
use verification::http::response::Success;
use verification::keys::key_ring::KeyRing;
use verification::rules::challenge::LastSend;
use verification::rules::challenge_id::{ChallengeId, ChallengeRef};
use verification::rules::code::Code;
use verification::rules::condition::Condition;
use verification::rules::guess::{self, Verdict};
use verification::rules::proof::{Proof, Redemption};
use verification::rules::recipient::Recipient;

use crate::VerifyCode;

/// How long a right code waits until its request is given back.
const MAX_GIVE_BACK: Duration = Duration::from_secs(1);

/// A submitted code.
pub(crate) struct Attempt {
    pub(crate) recipient: Recipient,
    pub(crate) challenge_id: ChallengeId,
    pub(crate) code: Code,
    /// Whether it came by the link of the email. Then it is no guess.
    pub(crate) by_link: bool,
}

/// What an attempt turned out to be.
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
    /// Judges an attempt of a request. A right one gets its proof.
    pub(crate) async fn verify(
        &self,
        attempt: Attempt,
        request: &Request,
        now: UtcDateTime,
    ) -> Result<Success, Problem> {
        // Before the guess: without an issuer there is no proof, and the guess would be lost.
        let issuer = self.config.shared.api_url.at(request::domain(request));
        let issuer = issuer.ok_or_else(|| Problem::internal("the event names no domain"))?;
        let (judged, key_ring) = self.judge(&attempt, now).await.map_err(Problem::internal)?;
        let is_test = self.test_code(&attempt.recipient, now).is_some();

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
                    is_test,
                };
                let proof = Proof::sign(key, &self.config.proof, &issuer, &redemption).map_err(Problem::internal)?;
                self.give_back(right.request).await;
                Ok(Success::Verified {
                    recipient,
                    challenge_id,
                    token: proof.token,
                    expires_in: proof.expires_at - now,
                    is_test,
                })
            }
            Judged::Wrong { guesses_left } => Err(Problem::InvalidCode {
                challenge_id,
                guesses_left,
            }),
            Judged::Gone => Err(Problem::CodeExpired { challenge_id }),
        }
    }

    /// The fixed code of a test recipient.
    fn test_code(&self, recipient: &Recipient, now: UtcDateTime) -> Option<&Code> {
        self.test_recipients.as_ref()?.code(recipient, now)
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
            let challenge = ChallengeRef::new(keys, &attempt.recipient, attempt.challenge_id)
                .with_test_code(self.test_code(&attempt.recipient, now));
            let digest = attempt.code.digest(challenge);
            let item = self.table.challenge(challenge);
            let written = if attempt.by_link {
                item.use_link(&digest, max_guesses, now).await?
            } else {
                item.guess(&digest, max_guesses, now).await?
            };
            let Some(written) = written else { continue };
            let verdict = if attempt.by_link {
                guess::judge_link(&digest, &written, now)
            } else {
                guess::judge(&digest, &written, max_guesses, now)
            };
            return Ok(Some(match verdict {
                Verdict::Right { verified_at, opened_at } => Judged::Right(Right {
                    verified_at,
                    proof_id: challenge.proof_id(opened_at),
                    request: match written {
                        // After the link, the request was given back already.
                        Condition::Held(stored) if attempt.by_link || stored.linked_at.is_none() => stored.last_send,
                        _ => None,
                    },
                }),
                Verdict::Wrong { guesses_left } => Judged::Wrong { guesses_left },
                Verdict::Gone => Judged::Gone,
            }));
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
