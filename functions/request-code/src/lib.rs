//! Mails a code, unless the person has it already.
//!
//! The steps of a request:
//!
//! 1. Charge its source, charge its source and the mailbox together, and find or reserve the challenge that it names: at once.
//! 2. Choose the challenge to mail, and charge the mailbox.
//! 3. Open the challenge.
//! 4. Mail its code. (A test recipient has a fixed code and gets no email; all else is the same.)
//!
//! Whatever was charged is taken back when no email went out.

mod charges;
mod email;
mod outcome;

use lambda_http::{Body, Request, Response};
use rand::TryCryptoRng;
use time::UtcDateTime;
use verification::aws::client;
use verification::aws::mailer::{MailError, Mailer};
use verification::aws::secret::Secret;
use verification::aws::table::challenge::Opening;
use verification::aws::table::{Table, TableError};
use verification::config::RequestCodeConfig;
use verification::http::problem::Problem;
use verification::http::request::{self, JsonBody};
use verification::http::response::{self, Success};
use verification::keys::Keys;
use verification::keys::key_ring::KeyRing;
use verification::locale::Locale;
use verification::rules::challenge_id::{ChallengeId, ChallengeRef};
use verification::rules::challenge_to_mail::{ChallengeToMail, Requested};
use verification::rules::charge::ChargeId;
use verification::rules::code::Code;
use verification::rules::condition::Condition;
use verification::rules::limits::Limits;
use verification::rules::mailbox::Mailbox;
use verification::rules::recipient::Recipient;
use verification::rules::repeat::{LastMail, SendRecord};
use verification::rules::source::Source;
use verification::rules::test_recipient::TestRecipients;

use crate::charges::{Charges, Sending};
use crate::outcome::{Stop, internal, unavailable};

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
    recipient: Recipient,
    source: Source,
    locale: Locale,
    challenge_id: Option<ChallengeId>,
    /// The domain of the API that it came to.
    domain: Option<String>,
    /// The fixed code of a test recipient, which gets no email.
    test_code: Option<Code>,
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
        let mailer = Mailer::new(client::ses(&aws), &config.mailer, &config.shared.brand.name)?;
        Ok(Self::new(config, secret, table, mailer, now))
    }

    /// Sets the function up from its parts, at `now`.
    #[must_use]
    pub fn new(config: RequestCodeConfig, secret: Secret, table: Table, mailer: Mailer, now: UtcDateTime) -> Self {
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
            let code_request = self.read(request, now)?;
            let charge = ChargeId::draw(generator);
            let charge = charge.map_err(|error| Problem::internal(format!("no random id: {error}")))?;
            self.request_code(&code_request, charge, now).await
        };
        response::respond(outcome.await, request)
    }

    fn read(&self, request: &Request, now: UtcDateTime) -> Result<CodeRequest, Problem> {
        let body = JsonBody::read(request)?;
        let (recipient, asked) = (body.email()?, body.locale()?);
        let fallback = self.config.shared.default_locale;
        let test_recipients = self.test_recipients.as_ref();
        Ok(CodeRequest {
            locale: Locale::choose(asked, request::accept_language(request), fallback),
            challenge_id: body.challenge_id()?,
            domain: request::domain(request).map(ToOwned::to_owned),
            source: request::source(request)
                .ok_or_else(|| Problem::internal("the event names no source IP address"))?,
            test_code: test_recipients.and_then(|test| test.code(&recipient, now)).cloned(),
            recipient,
        })
    }

    /// Takes a request through its steps. `charge` names what it is charged, and the challenge that it opens if the caller
    /// named none.
    async fn request_code(
        &self,
        request: &CodeRequest,
        charge: ChargeId,
        now: UtcDateTime,
    ) -> Result<Success, Problem> {
        let key_ring = self.secret.key_ring(now).await;
        let keys = key_ring.active(now);
        let mailbox = Mailbox::of(&request.recipient);
        let charges = Charges {
            source: self.table.source(keys, request.source, &self.config.limits, now),
            pair: self.table.pair(keys, request.source, &mailbox),
            mailbox: self.table.mailbox(keys, &mailbox, now),
            mail: LastMail {
                sent_at: now,
                charge,
                asked_for: request.challenge_id,
            },
        };
        let fresh = request.challenge(keys, ChallengeId::of_charge(charge));
        let steps = async {
            let (record, requested) = self.charge_and_find(&charges, &key_ring, request).await?;
            let chosen = ChallengeToMail::choose(&requested, fresh, self.config.code_rules(), now);
            let mails_today = self.charge_mailbox(&charges, &record).await?;
            let sending = self.open(&charges, &chosen).await?;
            self.send(request, &chosen, &charges, &sending).await?;
            Ok(self.mailed(&chosen, &record, mails_today, now))
        };
        match steps.await {
            Ok(mailed) => Ok(Success::Mailed(mailed)),
            Err(Stop::AlreadyMailed(mailed)) => Ok(Success::AlreadyMailed(mailed)),
            Err(Stop::Problem(problem)) => Err(problem),
        }
    }

    /// Step 1. Returns what the source has sent to the mailbox, and the challenge that the request names.
    async fn charge_and_find<'a>(
        &self,
        charges: &Charges<'_>,
        key_ring: &'a KeyRing,
        request: &'a CodeRequest,
    ) -> Result<(SendRecord, Requested<'a>), Stop> {
        let (limits, mail) = (&self.config.limits, &charges.mail);
        let (source, pair, requested) = tokio::join!(
            charges.source.charge(mail.charge, limits, mail.sent_at),
            charges.pair.charge(mail, limits),
            self.find(key_ring, request, mail.sent_at),
        );
        let source_refused = matches!(source, Ok(Condition::Failed(_)));
        let (source, pair, requested) = match (source, pair, requested) {
            (Ok(source), Ok(pair), Ok(requested)) => (source, pair, requested),
            (Err(error), _, _) | (_, Err(error), _) | (_, _, Err(error)) => {
                charges.cancel_first_step(source_refused).await;
                return Err(internal(error));
            }
        };
        match (source, pair) {
            (Condition::Held(_), Condition::Held(record)) => match self.mailed_by_another(&requested, mail.sent_at) {
                Some(mailed) => {
                    charges.refund_pair().await;
                    Err(Stop::AlreadyMailed(mailed))
                }
                None => Ok((record, requested)),
            },
            (Condition::Held(_), Condition::Failed(record)) => {
                Err(self.refused_by_pair(&requested, &record, mail.sent_at))
            }
            (Condition::Failed(count), pair) => {
                if let Condition::Held(_) = pair {
                    charges.refund_pair().await;
                }
                let retry_after = limits.source_retry_after(count, mail.sent_at);
                let limit = "source";
                Err(Stop::Problem(Problem::TooManyRequests { limit, retry_after }))
            }
        }
    }

    /// Finds the challenge that the request names, or reserves it. During a rotation it may have been opened under either keys.
    async fn find<'a>(
        &self,
        key_ring: &'a KeyRing,
        request: &'a CodeRequest,
        now: UtcDateTime,
    ) -> Result<Requested<'a>, TableError> {
        let Some(id) = request.challenge_id else {
            return Ok(Requested::Any);
        };
        // Under the active keys, which come first, it is reserved if it is nowhere.
        for keys in key_ring.accepted(now).skip(1) {
            let reference = request.challenge(keys, id);
            if let Some(challenge) = self.table.challenge(reference).find(now).await? {
                return Ok(Requested::Named(reference, Box::new(challenge)));
            }
        }
        let reference = request.challenge(key_ring.active(now), id);
        let item = self.table.challenge(reference);
        let challenge = item.find_or_reserve(now, self.config.code_lifetime).await?;
        Ok(Requested::Named(reference, Box::new(challenge)))
    }

    /// Step 2. Returns how many emails the mailbox is charged with today.
    async fn charge_mailbox(&self, charges: &Charges<'_>, record: &SendRecord) -> Result<u32, Stop> {
        let (limits, mail) = (&self.config.limits, &charges.mail);
        let cap = limits.mailbox_cap(record);
        match charges.mailbox.charge(mail.charge, cap, limits.max_mails()).await {
            Ok(Condition::Held(mails_today)) => Ok(mails_today),
            Ok(Condition::Failed(_)) => {
                charges.refund_pair().await;
                Err(Stop::Problem(Problem::TooManyRequests {
                    limit: "mailbox",
                    retry_after: Limits::until_tomorrow(mail.sent_at),
                }))
            }
            Err(error) => {
                charges.cancel_mailbox().await;
                Err(internal(error))
            }
        }
    }

    /// Step 3. Opens the challenge, so that it takes guesses from now on.
    ///
    /// This comes after the charge: nobody would have paid for the guesses of a challenge that is opened earlier, and each new
    /// id would bring more of them. It comes before the email, so that no code is mailed that does not work.
    async fn open(&self, charges: &Charges<'_>, chosen: &ChallengeToMail<'_>) -> Result<Sending<'_>, Stop> {
        let (limits, mail) = (&self.config.limits, &charges.mail);
        let sending = Sending {
            item: self.table.challenge(chosen.reference),
            opening: Opening {
                code_digest: chosen.code.digest(chosen.reference),
                charge: mail.charge,
                paid_by: charges.source.count().cloned(),
                now: mail.sent_at,
            },
            was_reserved: chosen.challenge.code_digest.is_none(),
        };
        match sending.item.open(&chosen.challenge, &sending.opening, limits).await {
            Ok(Condition::Held(_)) => Ok(sending),
            Ok(Condition::Failed(stored)) => {
                charges.refund_pair_and_mailbox().await;
                let requested = stored.map(|challenge| Requested::Named(chosen.reference, Box::new(challenge)));
                let mailed = requested.and_then(|requested| self.mailed_by_another(&requested, mail.sent_at));
                Err(mailed.map_or_else(
                    || internal("the challenge was opened by another request"),
                    Stop::AlreadyMailed,
                ))
            }
            Err(error) => {
                let closed = sending.item.cancel(&sending.opening, sending.was_reserved).await;
                charges.refund_all(closed).await;
                Err(internal(error))
            }
        }
    }

    /// Step 4. Mails the code, unless it is a test recipient's, and settles what was charged if SES does not take it.
    async fn send(
        &self,
        request: &CodeRequest,
        chosen: &ChallengeToMail<'_>,
        charges: &Charges<'_>,
        sending: &Sending<'_>,
    ) -> Result<(), Stop> {
        let (challenge_id, locale) = (chosen.reference.id(), request.locale.tag());
        if request.test_code.is_some() {
            tracing::info!(outcome = "test-code", %challenge_id);
            return Ok(());
        }
        let sent = match self.write(request, chosen, &charges.mail) {
            Ok(mail) => self.mailer.send(&request.recipient, &mail).await,
            Err(error) => Err(MailError::Unbuilt(error.to_string())),
        };
        match sent {
            Ok(message_id) => {
                tracing::info!(outcome = "mailed", %challenge_id, locale, message_id);
                Ok(())
            }
            Err(MailError::Unknown(cause)) => {
                charges.settle_unknown(sending).await;
                Err(unavailable(cause))
            }
            Err(MailError::Failed(cause)) => {
                charges.forgive(sending).await;
                Err(unavailable(cause))
            }
            Err(error) => {
                let closed = sending.item.take_back(&sending.opening, sending.was_reserved).await;
                charges.refund_all(closed).await;
                Err(match error {
                    MailError::Unavailable { cause, retry_after } => {
                        Stop::Problem(Problem::MailUnavailable { cause, retry_after })
                    }
                    error => internal(error),
                })
            }
        }
    }
}

impl CodeRequest {
    /// A challenge of this request's recipient.
    fn challenge<'a>(&'a self, keys: &'a Keys, id: ChallengeId) -> ChallengeRef<'a> {
        ChallengeRef::new(keys, &self.recipient, id).with_test_code(self.test_code.as_ref())
    }
}
