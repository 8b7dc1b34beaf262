//! Judges an attempt, however it was handed in, and signs the proof of a right one.

use std::collections::BTreeMap;
use std::time::Duration;

use lambda_http::Request;
use time::UtcDateTime;
use verification::aws::table::TableError;
use verification::http::problem::{After, Problem};
use verification::http::response::Success;
use verification::keys::key_ring::KeyRing;
use verification::rules::challenge_id::{ChallengeName, ChallengeRef};
use verification::rules::code::Code;
use verification::rules::condition::Condition;
use verification::rules::guess::{self, Verdict};
use verification::rules::proof::{Proof, Redemption};
use verification::rules::recipient::Recipient;

use crate::VerifyCode;

/// How long a right code waits until its emails are given back.
const MAX_GIVE_BACK: Duration = Duration::from_secs(1);

/// A code, typed or from a link.
pub(crate) struct Attempt {
    pub(crate) challenge: ChallengeName,
    pub(crate) code: Code,
    /// Whether it came by the link of the email. Then it is no guess.
    pub(crate) by_link: bool,
}

/// A right code.
struct Right {
    verified_at: UtcDateTime,
    /// `jti` of its proof.
    proof_id: String,
    /// What it gives back for the first time: emails, by the names of the items of the sources that paid for them.
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
        let issuer = self.issuer(request)?;
        let key_ring = self.secret.key_ring(now).await;
        let judged = self.submit(&key_ring, &attempt, now).await.map_err(Problem::internal)?;
        let is_test = self.test_code(&attempt.challenge.recipient, now).is_some();
        let challenge = attempt.challenge;
        let challenge_id = challenge.id;
        let right = match judged {
            Ok(right) => right,
            Err(Verdict::Wrong { guesses_left }) => {
                return Err(Problem::InvalidCode {
                    challenge_id,
                    guesses_left,
                });
            }
            Err(Verdict::Undeliverable { reason, guesses_left }) => {
                return Err(Problem::Undeliverable {
                    challenge_id,
                    reason,
                    after: After::WrongCode { guesses_left },
                });
            }
            Err(verdict) => {
                let is_replaced = verdict == Verdict::Replaced;
                return Err(Problem::CodeExpired {
                    challenge_id,
                    is_replaced,
                });
            }
        };
        let redemption = Redemption {
            challenge: &challenge,
            proof_id: right.proof_id,
            verified_at: right.verified_at,
            is_test,
        };
        let key = key_ring.active(right.verified_at).proof();
        let proof = Proof::sign(key, &self.config.proof, &issuer, &redemption).map_err(Problem::internal)?;
        self.give_back(right.paid_by).await;
        Ok(Success::Verified {
            challenge,
            token: proof.token,
            // The link may have been used by a clock that is ahead.
            expires_in: self.config.proof.lifetime.min(proof.expires_at - now),
            is_test,
        })
    }

    /// The fixed code of a test recipient.
    fn test_code(&self, recipient: &Recipient, now: UtcDateTime) -> Option<&Code> {
        self.test_recipients.as_ref()?.code(recipient, now)
    }

    /// Submits the code under each accepted key, until the challenge is found. Outside a rotation that is one write.
    async fn submit(
        &self,
        key_ring: &KeyRing,
        attempt: &Attempt,
        now: UtcDateTime,
    ) -> Result<Result<Right, Verdict>, TableError> {
        let max_guesses = self.config.shared.max_guesses;
        for keys in key_ring.accepted(now) {
            let challenge = ChallengeRef::new(keys, &attempt.challenge)
                .with_test_code(self.test_code(&attempt.challenge.recipient, now));
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
            let Verdict::Right { verified_at } = verdict else {
                return Ok(Err(verdict));
            };
            let (gives_back, stored) = match written {
                // After the link, everything was given back already.
                Condition::Held(stored) => (attempt.by_link || stored.linked_at.is_none(), stored),
                Condition::Failed(stored) => (false, stored),
            };
            return Ok(Ok(Right {
                verified_at,
                proof_id: challenge.proof_id(stored.generation),
                paid_by: if gives_back { stored.paid_by } else { BTreeMap::new() },
            }));
        }
        Ok(Err(Verdict::Gone))
    }

    /// Gives the emails of a verified challenge back to the sources that paid for them, so that a source's limit counts only
    /// what nobody verified.
    ///
    /// Nobody waits long for it, and if it fails nobody notices: the source has fewer emails left today.
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
