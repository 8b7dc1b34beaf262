//! Mails one code, unless the recipient has it already.

use email_verification::address::Recipient;
use email_verification::answer::{self, Problem};
use email_verification::challenge::{Challenge, ChallengeId};
use email_verification::code::Code;
use email_verification::config::RequestCodeConfig;
use email_verification::keys::Keys;
use email_verification::limits::{Limits, SendRecord};
use email_verification::locale::Locale;
use email_verification::mail::Mail;
use email_verification::mailer::{MailError, Mailer};
use email_verification::request::{self, Fields};
use email_verification::source::Source;
use email_verification::table::{Charge, Table, TableError};
use email_verification::{aws, secret};
use lambda_http::{Body, Request, Response};
use rand::TryCryptoRng;
use serde_json::json;
use time::OffsetDateTime;

/// The function with everything that it sets up once.
pub struct RequestCode {
    config: RequestCodeConfig,
    keys: Keys,
    table: Table,
    mailer: Mailer,
}

/// What a caller asks for.
struct Ask {
    recipient: Recipient,
    source: Source,
    locale: Locale,
    challenge_id: Option<ChallengeId>,
}

/// A challenge of the recipient as it stands, with the code that belongs to it.
struct Standing {
    id: ChallengeId,
    code: Code,
    expires_at: i64,
    dead_since: Option<i64>,
}

/// A challenge whose code is in the recipient's mail.
struct Mailed {
    challenge_id: ChallengeId,
    expires_in: i64,
    resend_in: i64,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("over a limit for {retry_after} s")]
    Limited { retry_after: i64 },
    #[error("no random id: {0}")]
    Randomness(String),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("the mail could not be written: {0}")]
    Template(#[from] askama::Error),
}

impl RequestCode {
    /// Sets the function up from its environment.
    ///
    /// # Errors
    ///
    /// When a variable is wrong or the secret cannot be read.
    pub async fn start() -> Result<Self, lambda_http::Error> {
        let config = RequestCodeConfig::read(&|name| std::env::var(name).ok())?;
        let aws = aws::load().await;
        let keys = secret::keys(&aws::secrets_manager(&aws), &config.shared.secret_id).await?;
        Ok(Self::new(config, keys, aws::dynamodb(&aws), aws::ses(&aws))?)
    }

    /// Sets the function up from its parts.
    ///
    /// # Errors
    ///
    /// When the sender's name or a tag cannot be encoded.
    pub fn new(
        config: RequestCodeConfig,
        keys: Keys,
        dynamodb: aws_sdk_dynamodb::Client,
        ses: aws_sdk_sesv2::Client,
    ) -> Result<Self, MailError> {
        let table = Table::new(dynamodb, config.shared.table_name.clone(), keys.clone());
        let mailer = Mailer::new(ses, &config.mail)?;
        Ok(Self {
            config,
            keys,
            table,
            mailer,
        })
    }

    /// Answers one request that came at `now`, with randomness from `generator`.
    pub async fn answer(
        &self,
        request: &Request,
        now: OffsetDateTime,
        generator: &mut impl TryCryptoRng,
    ) -> Response<Body> {
        let ask = match Ask::read(request) {
            Ok(ask) => ask,
            Err(problem) => return problem.into_answer(),
        };
        let mailed = match ChallengeId::draw(generator) {
            Ok(fresh) => self.request_code(&ask, fresh, now).await,
            Err(error) => Err(Failure::Randomness(error.to_string())),
        };
        match mailed {
            Ok(mailed) => answer::accepted(&json!({
                "challenge_id": mailed.challenge_id.to_string(),
                "expires_in": mailed.expires_in,
                "resend_in": mailed.resend_in,
            })),
            Err(failure) => failure.into_problem(request).into_answer(),
        }
    }

    /// Charges the source, then mails; takes every charge back if no mail went out through no fault of the caller.
    ///
    /// `fresh` names this request, and the challenge that it opens if it has to.
    async fn request_code(&self, ask: &Ask, fresh: ChallengeId, now: OffsetDateTime) -> Result<Mailed, Failure> {
        let limits = &self.config.limits;
        if let Charge::Refused(()) = self.table.charge_source(ask.source, fresh, limits, now).await? {
            tracing::info!(outcome = "too-many-requests", limit = "source");
            let retry_after = Limits::source_retry_after(now);
            return Err(Failure::Limited { retry_after });
        }
        let mailed = self.mail_once(ask, fresh, now).await;
        if let Err(failure) = &mailed
            && !matches!(failure, Failure::Limited { .. })
        {
            self.refund(ask, fresh, now).await;
        }
        mailed
    }

    /// Mails the code of the challenge that was asked for, or of a new one, if the recipient's limits allow.
    async fn mail_once(&self, ask: &Ask, fresh: ChallengeId, now: OffsetDateTime) -> Result<Mailed, Failure> {
        let limits = &self.config.limits;
        let asked_for = ask.challenge_id.unwrap_or(fresh);
        let (standing, charge) = tokio::join!(
            self.open(&ask.recipient, asked_for, now),
            self.table
                .charge_recipient(&ask.recipient, fresh, asked_for, limits, now),
        );
        let (standing, record) = match (standing?, charge?) {
            (standing, Charge::Refused(record)) => {
                return self.answer_without_mail(&standing, &record, now);
            }
            (standing, Charge::Made(record)) if standing.dead_since.is_none() => (standing, record),
            (_, Charge::Made(record)) => (self.open(&ask.recipient, fresh, now).await?, record),
        };
        let expires_in = standing.expires_at - now.unix_timestamp();
        let mail = Mail::write(ask.locale, &standing.code, expires_in, &self.config.mail.sender_name)?;
        self.mailer.send(&ask.recipient, &mail).await?;
        tracing::info!(outcome = "mailed", challenge_id = %standing.id, locale = ask.locale.tag());
        Ok(Mailed {
            challenge_id: standing.id,
            expires_in,
            resend_in: limits.resend_in(&record, now),
        })
    }

    /// Opens the challenge `id` unless it stands already.
    async fn open(&self, recipient: &Recipient, id: ChallengeId, now: OffsetDateTime) -> Result<Standing, TableError> {
        let now = now.unix_timestamp();
        let shared = &self.config.shared;
        let code_opened_at = |opened_at| {
            let code = Code::derive(&self.keys, recipient, id, opened_at, shared.code_digits);
            let digest = self.keys.digest(recipient, id, &code);
            (code, digest)
        };
        let challenge = Challenge::open(now, self.config.code_lifetime, code_opened_at(now).1);
        let challenge = self.table.open(recipient, id, challenge).await?;
        let (code, digest) = code_opened_at(challenge.opened_at);
        Ok(Standing {
            id,
            code,
            expires_at: challenge.expires_at,
            dead_since: challenge.dead_since(now, shared.max_guesses, &digest),
        })
    }

    /// The answer to a request that the recipient's limits refuse: the first one's again if this is a repeat of it.
    fn answer_without_mail(
        &self,
        asked_for: &Standing,
        record: &SendRecord,
        now: OffsetDateTime,
    ) -> Result<Mailed, Failure> {
        let limits = &self.config.limits;
        let resend_in = limits.resend_in(record, now);
        let Some(challenge_id) = limits.already_mailed(record, asked_for.id, asked_for.dead_since, now) else {
            tracing::info!(outcome = "too-many-requests", limit = "recipient");
            return Err(Failure::Limited { retry_after: resend_in });
        };
        tracing::info!(outcome = "already-mailed", challenge_id = %challenge_id);
        let expires_at = match &record.last_mail {
            // The challenge that replaced the one asked for was opened for this mail.
            Some(mail) if challenge_id != asked_for.id => mail.sent_at + self.config.code_lifetime,
            _ => asked_for.expires_at,
        };
        Ok(Mailed {
            challenge_id,
            expires_in: expires_at - now.unix_timestamp(),
            resend_in,
        })
    }

    /// A refund that fails as well costs the recipient one pause and one of the day's mails; the log says so.
    async fn refund(&self, ask: &Ask, fresh: ChallengeId, now: OffsetDateTime) {
        let (recipient, source) = tokio::join!(
            self.table.refund_recipient(&ask.recipient, fresh, now),
            self.table.refund_source(ask.source, fresh, &self.config.limits, now),
        );
        for error in [recipient.err(), source.err()].into_iter().flatten() {
            tracing::error!(cause = %error, "a refund failed");
        }
    }
}

impl Ask {
    fn read(request: &Request) -> Result<Self, Problem> {
        let fields = Fields::read(request)?;
        let source = request::source(request);
        Ok(Self {
            recipient: fields.email()?,
            locale: Locale::choose(fields.locale()?, request::accept_language(request)),
            challenge_id: fields.challenge_id()?,
            source: source
                .ok_or_else(|| Problem::internal(request::id(request), &"the event names no source IP address"))?,
        })
    }
}

impl Failure {
    fn into_problem(self, request: &Request) -> Problem {
        match self {
            Self::Limited { retry_after } => Problem::TooManyRequests { retry_after },
            Self::Mail(MailError::Unavailable(cause)) => {
                tracing::warn!(outcome = "mail-unavailable", cause);
                Problem::MailUnavailable
            }
            cause => Problem::internal(request::id(request), &cause),
        }
    }
}
