//! Judges an attempt, however it was handed in, and signs the proof of a right one.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda_http::Request;
use time::UtcDateTime;
use verification::aws::table::TableError;
use verification::http::problem::Problem;
use verification::http::request;
use verification::http::response::Success;
use verification::keys::key_ring::KeyRing;
use verification::rules::challenge_id::{ChallengeId, ChallengeRef};
use verification::rules::code::Code;
use verification::rules::condition::Condition;
use verification::rules::guess::{self, Verdict};
use verification::rules::proof::{Proof, Redemption};
use verification::rules::recipient::Recipient;

use crate::VerifyCode;

/// How long a right code waits until its emails are given back.
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
struct Judged {
    verdict: Verdict,
    /// `jti` of the proof, if the attempt was right.
    proof_id: String,
    /// What a right code gives back for the first time: emails, by the names of the items of the sources that paid for them.
    paid_by: BTreeMap<String, u32>,
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
        let key_ring = self.secret.key_ring(now).await;
        let judged = self.submit(&key_ring, &attempt, now).await.map_err(Problem::internal)?;
        let is_test = self.test_code(&attempt.recipient, now).is_some();

        let Attempt {
            recipient,
            challenge_id,
            ..
        } = attempt;
        match judged.verdict {
            Verdict::Right { verified_at, .. } => {
                let key = key_ring.active(verified_at).proof();
                let redemption = Redemption {
                    recipient: &recipient,
                    challenge_id,
                    proof_id: judged.proof_id,
                    verified_at,
                    is_test,
                };
                let proof = Proof::sign(key, &self.config.proof, &issuer, &redemption).map_err(Problem::internal)?;
                self.give_back(judged.paid_by).await;
                Ok(Success::Verified {
                    recipient,
                    challenge_id,
                    token: proof.token,
                    expires_in: proof.expires_at - now,
                    is_test,
                })
            }
            Verdict::Wrong { guesses_left } => Err(Problem::InvalidCode {
                challenge_id,
                guesses_left,
            }),
            Verdict::Gone => Err(Problem::CodeExpired {
                challenge_id,
                is_replaced: false,
            }),
            Verdict::Replaced => Err(Problem::CodeExpired {
                challenge_id,
                is_replaced: true,
            }),
        }
    }

    /// The fixed code of a test recipient.
    fn test_code(&self, recipient: &Recipient, now: UtcDateTime) -> Option<&Code> {
        self.test_recipients.as_ref()?.code(recipient, now)
    }

    /// Submits the code in one write, during a rotation in one for each of the two keys until its challenge is found.
    async fn submit(&self, key_ring: &KeyRing, attempt: &Attempt, now: UtcDateTime) -> Result<Judged, TableError> {
        let max_guesses = self.config.shared.max_guesses;
        for keys in key_ring.accepted(now) {
            let challenge = ChallengeRef::new(keys, &attempt.recipient, attempt.challenge_id)
                .with_test_code(self.test_code(&attempt.recipient, now));
            let digest = challenge.digest(&attempt.code);
            let written = if attempt.by_link {
                self.table.use_link(challenge, &digest, max_guesses, now).await?
            } else {
                self.table.guess(challenge, &digest, max_guesses, now).await?
            };
            let Some(written) = written else { continue };
            let verdict = if attempt.by_link {
                guess::judge_link(&digest, &written, now)
            } else {
                guess::judge(&digest, &written, max_guesses, now)
            };
            let (is_first, stored) = match written {
                // After the link, everything was given back already.
                Condition::Held(stored) => (attempt.by_link || stored.linked_at.is_none(), stored),
                Condition::Failed(stored) => (false, stored),
            };
            return Ok(Judged {
                verdict,
                proof_id: challenge.proof_id(stored.generation),
                paid_by: if is_first { stored.paid_by } else { BTreeMap::new() },
            });
        }
        Ok(Judged {
            verdict: Verdict::Gone,
            proof_id: String::new(),
            paid_by: BTreeMap::new(),
        })
    }

    /// Gives the emails of a verified challenge back to the sources that paid for them, so that limits count only what nobody
    /// verified.
    ///
    /// Nobody waits long for it, and if it fails nobody notices: a source then has fewer emails for the day.
    async fn give_back(&self, paid_by: BTreeMap<String, u32>) {
        let all = async {
            for (source, mails) in paid_by.into_iter().filter(|(_, mails)| *mails > 0) {
                self.table.give_back(source, mails).await?;
            }
            Ok::<_, TableError>(())
        };
        match tokio::time::timeout(MAX_GIVE_BACK, all).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(cause = %error, "emails were not given back"),
            Err(_) => tracing::warn!("emails were not given back in time"),
        }
    }
}
