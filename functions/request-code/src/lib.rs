//! Mails a code, unless the recipient has it already.
//!
//! The steps of a request: charge its source and find the challenge that it names, at once; choose the challenge to mail;
//! charge the recipient; mail the code; open the challenge. When SES did not take the email, both charges are taken back.

use lambda_http::{Body, Request, Response};
use rand::TryCryptoRng;
use time::UtcDateTime;
use verification::aws::client;
use verification::aws::mailer::{MailError, Mailer};
use verification::aws::secret::Secret;
use verification::aws::table::recipient::RecipientItem;
use verification::aws::table::source::SourceItem;
use verification::aws::table::{Table, TableError};
use verification::config::RequestCodeConfig;
use verification::http::problem::Problem;
use verification::http::request::{self, JsonBody};
use verification::http::response::{self, Mailed, Success};
use verification::keys::key_ring::KeyRing;
use verification::mail::Mail;
use verification::mail::locale::Locale;
use verification::rules::challenge_id::{ChallengeId, ChallengeRef};
use verification::rules::challenge_to_mail::{ChallengeToMail, Requested};
use verification::rules::charge::ChargeId;
use verification::rules::condition::Condition;
use verification::rules::limits::Limits;
use verification::rules::recipient::Recipient;
use verification::rules::repeat::{LastMail, SendRecord};
use verification::rules::source::Source;

/// The function, with everything that it sets up once.
pub struct RequestCode {
    config: RequestCodeConfig,
    secret: Secret,
    table: Table,
    mailer: Mailer,
}

/// A request for a code.
struct CodeRequest {
    recipient: Recipient,
    source: Source,
    locale: Locale,
    challenge_id: Option<ChallengeId>,
}

/// Why no code was mailed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error("the mail could not be written: {0}")]
    Template(#[from] askama::Error),
}

impl RequestCode {
    /// Sets the function up from its environment, at `now`.
    ///
    /// # Errors
    ///
    /// When a variable is wrong or the secret cannot be read.
    pub async fn start(now: UtcDateTime) -> Result<Self, lambda_runtime::Error> {
        let config = RequestCodeConfig::read(&|name| std::env::var(name).ok())?;
        let aws = client::load().await;
        let secret = Secret::read(client::secrets_manager(&aws), config.shared.secret_id.clone(), now).await?;
        let table = Table::new(client::dynamodb(&aws), config.shared.table_name.clone());
        let mailer = Mailer::new(client::ses(&aws), &config.mailer)?;
        Ok(Self::new(config, secret, table, mailer))
    }

    /// Sets the function up from its parts.
    #[must_use]
    pub const fn new(config: RequestCodeConfig, secret: Secret, table: Table, mailer: Mailer) -> Self {
        Self {
            config,
            secret,
            table,
            mailer,
        }
    }

    /// Handles one request that came at `now`, with randomness from `generator`.
    pub async fn handle(
        &self,
        request: &Request,
        now: UtcDateTime,
        generator: &mut impl TryCryptoRng,
    ) -> Response<Body> {
        let outcome = async {
            let code_request = CodeRequest::read(request)?;
            let charge = ChargeId::draw(generator);
            let charge = charge.map_err(|error| Problem::internal(format!("no random id: {error}")))?;
            self.request_code(&code_request, charge, now).await
        };
        response::respond(outcome.await, request)
    }

    /// Takes a request through its steps. `charge` names what it is charged, and the challenge that it opens if the caller
    /// named none.
    async fn request_code(
        &self,
        request: &CodeRequest,
        charge: ChargeId,
        now: UtcDateTime,
    ) -> Result<Success, Problem> {
        let limits = &self.config.limits;
        let key_ring = self.secret.key_ring(now).await;
        let keys = key_ring.active(now);
        let source = self.table.source(keys, request.source, now);
        let recipient = self.table.recipient(keys, &request.recipient);

        let (charged, requested) = tokio::join!(source.charge(charge, limits), self.find(&key_ring, request, now));
        if charged.map_err(Problem::internal)? == Condition::Failed(()) {
            let retry_after = Limits::source_retry_after(now);
            let limit = "source";
            return Err(Problem::TooManyRequests { limit, retry_after });
        }
        let requested = requested.map_err(Problem::internal)?;

        let fresh = ChallengeRef::new(keys, &request.recipient, ChallengeId::of_charge(charge));
        let chosen = ChallengeToMail::choose(&requested, fresh, self.config.code_rules(), now);
        let mail = LastMail {
            sent_at: now,
            charge,
            asked_for: request.challenge_id.unwrap_or(fresh.id()),
            challenge: chosen.reference.id(),
            expires_at: chosen.challenge.expires_at,
        };
        let sent = match recipient.charge(&mail, limits).await {
            Ok(Condition::Failed(record)) => return self.without_mail(&requested, &record, now),
            Ok(Condition::Held(record)) => self
                .send(request, &chosen, now)
                .await
                .map(|()| limits.resend_in(&record, now)),
            Err(error) => Err(error.into()),
        };
        match sent {
            Ok(resend_in) => {
                self.open(&chosen).await.map_err(Problem::internal)?;
                Ok(Success::Mailed(Mailed {
                    challenge_id: mail.challenge,
                    expires_in: mail.expires_at - now,
                    resend_in,
                }))
            }
            // The recipient may have the email. So its code has to work, and it stays charged; only the pause ends.
            Err(Failure::Mail(MailError::Unknown(cause))) => {
                let (opened, ended) = tokio::join!(self.open(&chosen), recipient.end_pause(&mail));
                opened.and(ended).map_err(Problem::internal)?;
                Err(Problem::MailUnavailable { cause })
            }
            Err(failure) => {
                self.refund(&source, &recipient, &mail).await;
                Err(failure.into())
            }
        }
    }

    /// Finds the challenge that the request names. During a rotation it may have been opened under either keys.
    async fn find<'a>(
        &self,
        key_ring: &'a KeyRing,
        request: &'a CodeRequest,
        now: UtcDateTime,
    ) -> Result<Requested<'a>, TableError> {
        let Some(id) = request.challenge_id else {
            return Ok(Requested::Any);
        };
        for keys in key_ring.accepted(now) {
            let reference = ChallengeRef::new(keys, &request.recipient, id);
            if let Some(challenge) = self.table.challenge(reference).find(now).await? {
                return Ok(Requested::Existing(reference, challenge));
            }
        }
        let reference = ChallengeRef::new(key_ring.active(now), &request.recipient, id);
        Ok(Requested::Unused(reference))
    }

    /// Mails the code.
    async fn send(&self, request: &CodeRequest, chosen: &ChallengeToMail<'_>, now: UtcDateTime) -> Result<(), Failure> {
        let expires_in = chosen.challenge.expires_at - now;
        let sender = &self.config.mailer.sender_name;
        let mail = Mail::write(request.locale, &chosen.code, expires_in, sender)?;
        self.mailer.send(&request.recipient, &mail).await?;
        // Logged here and not with the response: whatever fails from now on, the email is on its way.
        let (challenge_id, locale) = (chosen.reference.id(), request.locale.tag());
        tracing::info!(outcome = "mailed", %challenge_id, locale);
        Ok(())
    }

    /// Opens the challenge if it is new, so that it takes guesses from now on.
    ///
    /// This comes after the charge and the email. If a challenge were opened earlier, nobody would have paid for its guesses,
    /// and each new id would bring more of them.
    async fn open(&self, chosen: &ChallengeToMail<'_>) -> Result<(), TableError> {
        if chosen.is_new {
            let item = self.table.challenge(chosen.reference);
            item.open(&chosen.challenge).await?;
        }
        Ok(())
    }

    /// Responds to a request that the recipient's limits refused. A repeat gets the response of the first request, any other
    /// request a 429.
    fn without_mail(&self, requested: &Requested, record: &SendRecord, now: UtcDateTime) -> Result<Success, Problem> {
        let limits = &self.config.limits;
        let resend_in = limits.resend_in(record, now);
        match record.already_mailed(requested, limits, self.config.shared.max_guesses, now) {
            Some(mail) => Ok(Success::AlreadyMailed(Mailed {
                challenge_id: mail.challenge,
                expires_in: mail.expires_at - now,
                resend_in,
            })),
            None => Err(Problem::TooManyRequests {
                limit: "recipient",
                retry_after: resend_in,
            }),
        }
    }

    /// Takes both charges back.
    ///
    /// If that fails too, the recipient loses one of the day's emails, and for one pause a repeat gets a 202 although there is
    /// no email. The log says so.
    async fn refund(&self, source: &SourceItem<'_>, recipient: &RecipientItem<'_>, mail: &LastMail) {
        let (recipient, source) = tokio::join!(recipient.refund(mail), source.refund(mail.charge, &self.config.limits));
        for error in [recipient.err(), source.err()].into_iter().flatten() {
            tracing::error!(cause = %error, "a refund failed");
        }
    }
}

impl CodeRequest {
    fn read(request: &Request) -> Result<Self, Problem> {
        let body = JsonBody::read(request)?;
        Ok(Self {
            recipient: body.email()?,
            locale: Locale::choose(body.locale()?, request::accept_language(request)),
            challenge_id: body.challenge_id()?,
            source: request::source(request)
                .ok_or_else(|| Problem::internal("the event names no source IP address"))?,
        })
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Mail(MailError::Unavailable(cause) | MailError::Unknown(cause)) => Self::MailUnavailable { cause },
            cause => Self::internal(cause),
        }
    }
}
