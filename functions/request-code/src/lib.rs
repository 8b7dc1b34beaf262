//! Mails one code, unless the recipient has it already.

use email_verification::address::Recipient;
use email_verification::answer::{self, Problem};
use email_verification::aws;
use email_verification::challenge::{Challenge, ChallengeId};
use email_verification::config::RequestCodeConfig;
use email_verification::issue::{Issue, Standing};
use email_verification::keyring::KeyRing;
use email_verification::keys::Keys;
use email_verification::limits::{LastMail, Limits, SendRecord};
use email_verification::locale::Locale;
use email_verification::mail::Mail;
use email_verification::mailer::{MailError, Mailer};
use email_verification::request::{self, Fields};
use email_verification::secret::Secret;
use email_verification::source::Source;
use email_verification::table::{Charge, Table, TableError};
use lambda_http::{Body, Request, Response};
use rand::TryCryptoRng;
use serde_json::json;
use time::OffsetDateTime;

/// The function with everything that it sets up once.
pub struct RequestCode {
    config: RequestCodeConfig,
    secret: Secret,
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
    /// Sets the function up from its environment, at `now`.
    ///
    /// # Errors
    ///
    /// When a variable is wrong or the secret cannot be read.
    pub async fn start(now: OffsetDateTime) -> Result<Self, lambda_http::Error> {
        let config = RequestCodeConfig::read(&|name| std::env::var(name).ok())?;
        let aws = aws::load().await;
        let secret = Secret::read(aws::secrets_manager(&aws), config.shared.secret_id.clone(), now).await?;
        Ok(Self::new(config, secret, aws::dynamodb(&aws), aws::ses(&aws))?)
    }

    /// Sets the function up from its parts.
    ///
    /// # Errors
    ///
    /// When the sender's name or a tag cannot be encoded.
    pub fn new(
        config: RequestCodeConfig,
        secret: Secret,
        dynamodb: aws_sdk_dynamodb::Client,
        ses: aws_sdk_sesv2::Client,
    ) -> Result<Self, MailError> {
        let table = Table::new(dynamodb, config.shared.table_name.clone());
        let mailer = Mailer::new(ses, &config.mail)?;
        Ok(Self {
            config,
            secret,
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

    /// Answers a readable request. `fresh` names it, and the challenge that it opens if the caller named none.
    async fn request_code(&self, ask: &Ask, fresh: ChallengeId, now: OffsetDateTime) -> Result<Mailed, Failure> {
        let limits = &self.config.limits;
        let key_ring = self.secret.key_ring(now).await;
        let keys = key_ring.in_force(now.unix_timestamp());
        let (charge, standing) = tokio::join!(
            self.table.charge_source(keys, ask.source, fresh, limits, now),
            self.find(&key_ring, ask, now),
        );
        if let Charge::Refused(()) = charge? {
            tracing::info!(outcome = "too-many-requests", limit = "source");
            let retry_after = Limits::source_retry_after(now);
            return Err(Failure::Limited { retry_after });
        }
        let standing = standing?;
        let issue = Issue::choose(
            keys,
            &ask.recipient,
            self.config.code_rules(),
            ask.challenge_id,
            standing.as_ref(),
            fresh,
            now.unix_timestamp(),
        );
        let mail = LastMail {
            sent_at: now.unix_timestamp(),
            request: fresh,
            asked_for: ask.challenge_id.unwrap_or(fresh),
            challenge: issue.id,
            expires_at: issue.challenge.expires_at,
        };
        let mailed = match self
            .table
            .charge_recipient(keys, &ask.recipient, &mail, limits, now)
            .await
        {
            Ok(Charge::Made(record)) => self.mail(ask, &issue, &record, now).await,
            Ok(Charge::Refused(record)) => {
                let standing = standing.map(|standing| standing.challenge);
                return self.answer_without_mail(mail.asked_for, standing.as_ref(), &record, now);
            }
            Err(error) => Err(error.into()),
        };
        match &mailed {
            Ok(_) => self.open(keys, ask, &issue).await?,
            // It may be in the recipient's mail: its code has to work, so it stays charged. Only the pause ends.
            Err(Failure::Mail(MailError::Unknown(_))) => {
                let (opened, ended) = tokio::join!(
                    self.open(keys, ask, &issue),
                    self.table.end_pause(keys, &ask.recipient, fresh, now),
                );
                opened.and(ended)?;
            }
            Err(_) => self.refund(keys, ask, fresh, now).await,
        }
        mailed
    }

    /// Opens the challenge if it is a new one, so that it takes guesses from now on.
    ///
    /// Only once it was charged and mailed: guesses at any other would be free of charge, and as many as there are ids.
    async fn open(&self, keys: &Keys, ask: &Ask, issue: &Issue) -> Result<(), TableError> {
        if issue.is_new {
            self.table
                .open(keys, &ask.recipient, issue.id, &issue.challenge)
                .await?;
        }
        Ok(())
    }

    /// The challenge that the caller names, if there is one. During a rotation it may stand under either keys.
    async fn find<'a>(
        &self,
        key_ring: &'a KeyRing,
        ask: &Ask,
        now: OffsetDateTime,
    ) -> Result<Option<Standing<'a>>, TableError> {
        let now = now.unix_timestamp();
        if let Some(id) = ask.challenge_id {
            for keys in key_ring.in_use(now) {
                if let Some(challenge) = self.table.find(keys, &ask.recipient, id, now).await? {
                    return Ok(Some(Standing { challenge, keys }));
                }
            }
        }
        Ok(None)
    }

    /// Mails the code.
    async fn mail(
        &self,
        ask: &Ask,
        issue: &Issue,
        record: &SendRecord,
        now: OffsetDateTime,
    ) -> Result<Mailed, Failure> {
        let expires_in = issue.challenge.expires_at - now.unix_timestamp();
        let mail = Mail::write(ask.locale, &issue.code, expires_in, &self.config.mail.sender_name)?;
        self.mailer.send(&ask.recipient, &mail).await?;
        tracing::info!(outcome = "mailed", challenge_id = %issue.id, locale = ask.locale.tag());
        Ok(Mailed {
            challenge_id: issue.id,
            expires_in,
            resend_in: self.config.limits.resend_in(record, now),
        })
    }

    /// The answer to a request that the recipient's limits refuse: the first one's again if this is a repeat of it.
    fn answer_without_mail(
        &self,
        asked_for: ChallengeId,
        standing: Option<&Challenge>,
        record: &SendRecord,
        now: OffsetDateTime,
    ) -> Result<Mailed, Failure> {
        let limits = &self.config.limits;
        let resend_in = limits.resend_in(record, now);
        let max_guesses = self.config.shared.max_guesses;
        let Some((challenge_id, expires_at)) = limits.already_mailed(record, asked_for, standing, max_guesses, now)
        else {
            tracing::info!(outcome = "too-many-requests", limit = "recipient");
            return Err(Failure::Limited { retry_after: resend_in });
        };
        tracing::info!(outcome = "already-mailed", challenge_id = %challenge_id);
        Ok(Mailed {
            challenge_id,
            expires_in: expires_at - now.unix_timestamp(),
            resend_in,
        })
    }

    /// A refund that fails as well costs the recipient one of the day's mails, and for one pause their repeats are
    /// answered as if there were a mail; the log says so.
    async fn refund(&self, keys: &Keys, ask: &Ask, fresh: ChallengeId, now: OffsetDateTime) {
        let (recipient, source) = tokio::join!(
            self.table.refund_recipient(keys, &ask.recipient, fresh, now),
            self.table
                .refund_source(keys, ask.source, fresh, &self.config.limits, now),
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
            Self::Mail(MailError::Unavailable(cause) | MailError::Unknown(cause)) => {
                tracing::warn!(outcome = "mail-unavailable", cause);
                Problem::MailUnavailable
            }
            cause => Problem::internal(request::id(request), &cause),
        }
    }
}
