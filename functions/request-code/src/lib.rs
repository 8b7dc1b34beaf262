//! Mails a code, unless the person has it already.
//!
//! 1. Choose the next step: an email, or none. At first, assume that there is no challenge.
//! 2. Charge the email, in one transaction, unless a limit refuses. If there is a challenge, or it has changed: back to 1.
//! 3. Send the email. (A test recipient has a fixed code and gets no email; all else is the same.)
//!
//! If SES fails, a second transaction undoes the charge. Nothing else is undone here.
//!
//! If an email does not arrive, an event of SES says so, and the app is told when it asks again: see `feedback`.

mod email;
mod feedback;

use lambda_http::{Body, Request, Response};
use rand::TryCryptoRng;
use time::UtcDateTime;
use verification::aws::mailer::Mailer;
use verification::aws::secret::Secret;
use verification::aws::table::email::{Account, Charge};
use verification::aws::table::{Table, TableError};
use verification::aws::{client, connect};
use verification::config::RequestCodeConfig;
use verification::http::outcome;
use verification::http::problem::{After, Problem};
use verification::http::request::{self, JsonBody};
use verification::http::response::{Mailed, MailedBy, Success};
use verification::keys::Keys;
use verification::locale::Locale;
use verification::rules::challenge_id::{ChallengeId, ChallengeName, ChallengeRef};
use verification::rules::code::Code;
use verification::rules::limits::Refusal;
use verification::rules::mail_id::MailId;
use verification::rules::mailbox::Mailbox;
use verification::rules::next_step::{Chooser, NextStep};
use verification::rules::source::Source;
use verification::rules::test_recipient::TestRecipients;

/// The most transactions in which a request tries to charge its email. The first assumes a new challenge. After the second,
/// each further one follows a change by another request.
const MAX_TRANSACTIONS: usize = 4;

/// The function, with everything that it sets up once.
pub struct RequestCode {
    config: RequestCodeConfig,
    secret: Secret,
    table: Table,
    mailer: Mailer,
    test_recipients: Option<TestRecipients>,
}

/// A request for a code.
struct CodeRequest {
    /// Its id is drawn if the caller gave none.
    challenge: ChallengeName,
    /// Whether the caller gave its id.
    is_named: bool,
    source: Source,
    locale: Locale,
    /// The id of its email, if it sends one.
    mail: MailId,
    /// The domain of the API that it came to.
    domain: Option<String>,
    /// The fixed code of a test recipient, which gets no email.
    test_code: Option<Code>,
}

impl RequestCode {
    /// Sets the function up from its environment, at `now`.
    pub async fn start(now: UtcDateTime) -> Result<Self, lambda_runtime::Error> {
        let config = RequestCodeConfig::read(&|name| std::env::var(name).ok())?;
        let aws = client::load().await;
        let secret = Secret::read(client::secrets_manager(&aws), config.shared.secret_id.clone(), now);
        // While Secrets Manager answers, all else is set up.
        let (secret, dynamodb, ses) = tokio::join!(secret, connect::dynamodb(&aws), connect::ses(&aws));
        let table = Table::new(dynamodb, config.shared.table_name.clone());
        let mailer = Mailer::new(ses, &config.mailer, &config.shared.brand.name)?;
        Ok(Self::new(config, secret?, table, mailer, now))
    }

    /// Sets the function up from its parts, at `now`.
    pub fn new(mut config: RequestCodeConfig, secret: Secret, table: Table, mailer: Mailer, now: UtcDateTime) -> Self {
        let limits = config.limits.within_odds(config.code_rules());
        if limits != config.limits {
            tracing::warn!(
                limits.mails_per_day,
                limits.first_mails_per_day,
                limits.unconfirmed_stay_charged,
                "the limits of a mailbox are lowered: otherwise its codes would be too easy to guess"
            );
            config.limits = limits;
        }
        let shared = &config.shared;
        Self {
            test_recipients: TestRecipients::start(&shared.test_settings, shared.code_digits, now),
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
            let code_request = self.read(request, now, generator)?;
            self.request_code(&code_request, now).await
        };
        outcome::respond(outcome.await, request)
    }

    fn read(
        &self,
        request: &Request,
        now: UtcDateTime,
        generator: &mut impl TryCryptoRng,
    ) -> Result<CodeRequest, Problem> {
        let is_trusted = request::is_trusted(request, self.config.shared.trusted_callers.as_ref())?;
        let body = JsonBody::read(request)?;
        let (recipient, asked) = (body.email()?, body.locale()?);
        let fallback = self.config.shared.default_locale;
        let test_recipients = self.test_recipients.as_ref();
        let named = body.challenge_id()?;
        Ok(CodeRequest {
            is_named: named.is_some(),
            mail: MailId::draw(generator).map_err(no_random_id)?,
            locale: Locale::choose(asked, request::accept_language(request), fallback),
            domain: request::domain(request).map(ToOwned::to_owned),
            source: request::source(request, is_trusted)?,
            test_code: test_recipients.and_then(|test| test.code(&recipient, now)).cloned(),
            challenge: ChallengeName {
                recipient,
                id: named.map_or_else(|| ChallengeId::draw(generator).map_err(no_random_id), Ok)?,
                purpose: body.purpose()?,
            },
        })
    }

    /// Takes a request through its steps.
    async fn request_code(&self, request: &CodeRequest, now: UtcDateTime) -> Result<Success, Problem> {
        let key_ring = self.secret.key_ring(now).await;
        let keys = key_ring.active(now);
        let chooser = Chooser {
            active: request.under(keys),
            mail: request.mail,
            now,
            rules: self.config.code_rules(),
            limits: self.config.limits,
        };
        let mut account = Account::new(
            keys,
            &Mailbox::of(&request.challenge.recipient),
            request.source,
            &chooser,
        );
        let mut step = chooser.choose(chooser.active, None);
        // During a rotation the challenge may be alive under the other keys, which come second.
        if let Some(other) = key_ring.accepted(now).nth(1).filter(|_| request.is_named) {
            let other = request.under(other);
            step = chooser.choose(other, self.table.find(other).await.map_err(Problem::internal)?);
        }
        let mailed = |expires_in, resend_in, by| {
            Success::Mailed(Mailed {
                challenge_id: request.challenge.id,
                expires_in: self.config.code_lifetime.min(expires_in),
                resend_in,
                by,
            })
        };
        for _ in 0..MAX_TRANSACTIONS {
            let email = match step {
                NextStep::Mail(email) => email,
                NextStep::AlreadyMailed { expires_in, resend_in } => {
                    return Ok(mailed(expires_in, resend_in, MailedBy::EarlierRequest));
                }
                NextStep::Undeliverable { reason, resend_in } => {
                    return Err(Problem::Undeliverable {
                        challenge_id: request.challenge.id,
                        reason,
                        after: After::Request { resend_in },
                    });
                }
            };
            step = match self.table.charge(&email, &mut account).await.map_err(not_charged)? {
                Charge::Done => {
                    let by = self.send(request, &email, &account).await?;
                    return Ok(mailed(email.ends_at - now, self.config.limits.resend_pause, by));
                }
                Charge::Found(found) => chooser.choose(email.challenge, found),
                Charge::Refused(refusal) => return Err(Problem::TooManyRequests(refusal)),
            };
        }
        Err(Problem::internal("the challenge changed with every look at it"))
    }
}

impl CodeRequest {
    /// The challenge that it is about, under these keys.
    fn under<'a>(&'a self, keys: &'a Keys) -> ChallengeRef<'a> {
        ChallengeRef::new(keys, &self.challenge).with_test_code(self.test_code.as_ref())
    }
}

/// Whoever floods a mailbox or a source with requests makes them collide. That wakes nobody.
fn not_charged(error: TableError) -> Problem {
    match error {
        TableError::Collided(_) => Problem::TooManyRequests(Refusal::COLLIDED),
        error => Problem::internal(error),
    }
}

fn no_random_id(error: impl std::fmt::Display) -> Problem {
    Problem::internal(format!("no random id: {error}"))
}
