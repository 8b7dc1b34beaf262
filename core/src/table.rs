//! The DynamoDB table. Each step is one conditional `UpdateItem`, whose condition is the only lock.
//!
//! The SDK repeats a write whose answer was lost. Each write therefore recognises itself: a challenge by its own id,
//! a guess by its digest in the set, a charge or a refund by the id of its request in the item.

mod item;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use time::{Duration, OffsetDateTime};

use self::item::{Item, challenge_of, mails_on, number, send_record_of, text};
use crate::address::Recipient;
use crate::aws;
use crate::challenge::{Challenge, ChallengeId, Digest};
use crate::guess::Guess;
use crate::keys::Keys;
use crate::limits::{LastMail, Limits, SendRecord};
use crate::source::Source;

/// Seconds that a recipient's item outlives its last mail: longer than a day's count or a pause can matter.
const RECIPIENT_ITEM_LIFETIME: i64 = 2 * 24 * 3_600;
/// Seconds that a source's item outlives its last request: longer than its hour.
const SOURCE_ITEM_LIFETIME: i64 = 2 * 3_600;

/// The table, its items named by keyed hashes.
#[derive(Clone)]
pub struct Table {
    client: Client,
    name: String,
    keys: Keys,
}

/// A step that DynamoDB did not carry out, or an item that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The call failed.
    #[error("DynamoDB did not {step}: {cause}")]
    Call {
        /// What was to be done.
        step: &'static str,
        /// Code and request id of the failed call.
        cause: String,
    },
    /// The answer lacks an attribute.
    #[error("an item lacks a readable {0}")]
    Unreadable(&'static str),
}

/// Whether a recipient or source was within its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge<T> {
    /// It was, and the charge is made. What stands now.
    Made(T),
    /// It was not, and nothing changed. What stands.
    Refused(T),
}

impl Table {
    /// The table `name`, reached through `client`.
    #[must_use]
    pub fn new(client: Client, name: String, keys: Keys) -> Self {
        Self { client, name, keys }
    }

    /// Looks for the challenge `id` of the recipient, dead or alive.
    ///
    /// The functions may do nothing but `UpdateItem`, so this is one as well, which notes that it was asked for.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer or holds something else.
    pub async fn find(
        &self,
        recipient: &Recipient,
        id: ChallengeId,
        now: i64,
    ) -> Result<Option<Challenge>, TableError> {
        let update = self
            .update(self.keys.challenge_pk(recipient, id))
            .update_expression("SET last_asked_at = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", number(&now));
        match Write::of("find a challenge", update.send().await)? {
            Write::Done(item) => Ok(Some(challenge_of(&item)?)),
            Write::Refused(_) => Ok(None),
        }
    }

    /// Opens `challenge` under `id`. Where one stands already, it is this one, opened by a try whose answer was lost.
    ///
    /// From then on it takes guesses, so this comes after its mail, which was charged.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn open(&self, recipient: &Recipient, id: ChallengeId, challenge: &Challenge) -> Result<(), TableError> {
        let update = self
            .update(self.keys.challenge_pk(recipient, id))
            .update_expression("SET opened_at = :opened_at, expires_at = :expires_at, code_digest = :code_digest")
            .condition_expression("attribute_not_exists(pk)")
            .expression_attribute_values(":opened_at", number(&challenge.opened_at))
            .expression_attribute_values(":expires_at", number(&challenge.expires_at))
            .expression_attribute_values(":code_digest", text(&challenge.code_digest.as_str()));
        Write::of("open a challenge", update.send().await)?;
        Ok(())
    }

    /// Hands in one guess, in one write whatever its outcome.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer or holds something else.
    pub async fn guess(
        &self,
        recipient: &Recipient,
        id: ChallengeId,
        guess: &Digest,
        now: i64,
        max_guesses: usize,
    ) -> Result<Guess, TableError> {
        let update = self
            .update(self.keys.challenge_pk(recipient, id))
            .update_expression("ADD guesses :guesses SET last_guess = :guess, last_guess_at = :now")
            .condition_expression(
                "expires_at > :now AND (attribute_not_exists(guesses) \
                 OR (size(guesses) < :max_guesses AND NOT contains(guesses, code_digest)))",
            )
            .expression_attribute_values(":guesses", AttributeValue::Ss(vec![guess.as_str().to_owned()]))
            .expression_attribute_values(":guess", text(&guess.as_str()))
            .expression_attribute_values(":now", number(&now))
            .expression_attribute_values(":max_guesses", number(&max_guesses));
        match Write::of("take a guess", update.send().await)? {
            Write::Done(item) => Ok(Guess::Taken(challenge_of(&item)?)),
            Write::Refused(item) => Ok(Guess::Refused(item.as_ref().map(challenge_of).transpose()?)),
        }
    }

    /// Charges the recipient with `mail`, which is about to be sent.
    ///
    /// The count of a day is an attribute named after it, so that it starts anew by itself while the pause since the
    /// last mail goes on over midnight. The counts of the days before are removed.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer or holds something else.
    pub async fn charge_recipient(
        &self,
        recipient: &Recipient,
        mail: &LastMail,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<Charge<SendRecord>, TableError> {
        let mut update = self
            .update(self.keys.recipient_pk(recipient))
            .update_expression(
                "SET last_sent_at = :now, last_request = :request, last_asked_for = :asked_for, \
                 last_challenge = :challenge, last_expires_at = :challenge_expires_at, expires_at = :expires_at \
                 ADD #today :one REMOVE #day_1, #day_2, #day_3, #day_4",
            )
            .condition_expression(
                "(attribute_not_exists(last_sent_at) OR last_sent_at <= :pause_over) \
                 AND (attribute_not_exists(#today) OR #today < :mails_per_day) \
                 AND (attribute_not_exists(last_request) OR last_request <> :request)",
            )
            .expression_attribute_names("#today", mails_on(now.date()))
            .expression_attribute_values(":now", number(&mail.sent_at))
            .expression_attribute_values(":request", text(&mail.request))
            .expression_attribute_values(":asked_for", text(&mail.asked_for))
            .expression_attribute_values(":challenge", text(&mail.challenge))
            .expression_attribute_values(":challenge_expires_at", number(&mail.expires_at))
            .expression_attribute_values(":expires_at", number(&(mail.sent_at + RECIPIENT_ITEM_LIFETIME)))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":pause_over", number(&(mail.sent_at - limits.resend_pause)))
            .expression_attribute_values(":mails_per_day", number(&limits.mails_per_day));
        for days in 1..=4 {
            let day = now.date().saturating_sub(Duration::days(days));
            update = update.expression_attribute_names(format!("#day_{days}"), mails_on(day));
        }
        match Write::of("charge a recipient", update.send().await)? {
            Write::Done(item) => Ok(Charge::Made(send_record_of(&item, now)?)),
            Write::Refused(item) => {
                let record = send_record_of(&item.unwrap_or_default(), now)?;
                let is_repeat = record
                    .last_mail
                    .as_ref()
                    .is_some_and(|last| last.request == mail.request);
                Ok(if is_repeat {
                    Charge::Made(record)
                } else {
                    Charge::Refused(record)
                })
            }
        }
    }

    /// Takes back the charge that `request` made at `now`: its mail was not sent. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn refund_recipient(
        &self,
        recipient: &Recipient,
        request: ChallengeId,
        now: OffsetDateTime,
    ) -> Result<(), TableError> {
        self.take_back(recipient, request, now, 1).await
    }

    /// Ends the pause that `request` began at `now`, and leaves its mail charged. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn end_pause(
        &self,
        recipient: &Recipient,
        request: ChallengeId,
        now: OffsetDateTime,
    ) -> Result<(), TableError> {
        self.take_back(recipient, request, now, 0).await
    }

    async fn take_back(
        &self,
        recipient: &Recipient,
        request: ChallengeId,
        now: OffsetDateTime,
        mails: i32,
    ) -> Result<(), TableError> {
        let update = self
            .update(self.keys.recipient_pk(recipient))
            .update_expression(
                "ADD #today :mails \
                 REMOVE last_sent_at, last_request, last_asked_for, last_challenge, last_expires_at",
            )
            .condition_expression("last_request = :request")
            .expression_attribute_names("#today", mails_on(now.date()))
            .expression_attribute_values(":mails", number(&-mails))
            .expression_attribute_values(":request", text(&request));
        Write::of("refund a recipient", update.send().await)?;
        Ok(())
    }

    /// Charges the source with one request.
    ///
    /// A repeat whose source made another request meanwhile is not recognised. The count may then be off by one, which
    /// no promise to a person depends on.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn charge_source(
        &self,
        source: Source,
        request: ChallengeId,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<Charge<()>, TableError> {
        if limits.requests_per_hour == 0 {
            return Ok(Charge::Made(()));
        }
        let update = self
            .update(self.keys.source_pk(source, now))
            .update_expression("SET last_request = :request, expires_at = :expires_at ADD requests :one")
            .condition_expression(
                "attribute_not_exists(requests) OR (requests < :requests_per_hour AND last_request <> :request)",
            )
            .expression_attribute_values(":request", text(&request))
            .expression_attribute_values(":expires_at", number(&(now.unix_timestamp() + SOURCE_ITEM_LIFETIME)))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":requests_per_hour", number(&limits.requests_per_hour));
        match Write::of("charge a source", update.send().await)? {
            Write::Done(_) => Ok(Charge::Made(())),
            Write::Refused(item) => {
                let is_repeat = item.is_some_and(|item| item.get("last_request") == Some(&text(&request)));
                Ok(if is_repeat {
                    Charge::Made(())
                } else {
                    Charge::Refused(())
                })
            }
        }
    }

    /// Takes back the charge that `request` made at `now`. A repeat of the last refund changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn refund_source(
        &self,
        source: Source,
        request: ChallengeId,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<(), TableError> {
        if limits.requests_per_hour == 0 {
            return Ok(());
        }
        let update = self
            .update(self.keys.source_pk(source, now))
            .update_expression("SET last_refund = :request ADD requests :minus_one")
            .condition_expression("requests > :zero AND (attribute_not_exists(last_refund) OR last_refund <> :request)")
            .expression_attribute_values(":request", text(&request))
            .expression_attribute_values(":minus_one", number(&-1))
            .expression_attribute_values(":zero", number(&0));
        Write::of("refund a source", update.send().await)?;
        Ok(())
    }

    fn update(&self, pk: String) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// How a conditional write ended.
enum Write {
    /// Its condition held: the item as it is now.
    Done(Item),
    /// Its condition did not hold: the item that stands, if there is one.
    Refused(Option<Item>),
}

impl Write {
    fn of(step: &'static str, result: Result<UpdateItemOutput, SdkError<UpdateItemError>>) -> Result<Self, TableError> {
        match result {
            Ok(output) => Ok(Self::Done(output.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(refusal)) => {
                    Ok(Self::Refused(refusal.item().filter(|item| !item.is_empty()).cloned()))
                }
                _ => Err(TableError::Call {
                    step,
                    cause: aws::cause(&error),
                }),
            },
        }
    }
}
