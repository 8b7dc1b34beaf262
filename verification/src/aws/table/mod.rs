//! The DynamoDB table. Each step is one conditional `UpdateItem`, and its condition is the only lock.
//!
//! The SDK repeats a write whose response was lost, so each write recognises its own repeat: a challenge by its id, a guess
//! as the newest of its challenge, a charge or refund by its charge id in the item.
//!
//! One file for each kind of item. It has the item's name (`pk`), how long the item lives, its attributes and the steps on
//! it:
//!
//! * [`challenge`]: a challenge. Find or reserve, open, guess.
//! * [`source`]: what a source asked for. Charge, refund.
//! * [`pair`]: what a source has sent to a mailbox. Charge, refund, end the pause.
//! * [`mailbox`]: what a mailbox was sent. Charge, refund.
//!
//! `attribute` reads and writes values.

mod attribute;
pub mod challenge;
pub mod mailbox;
pub mod pair;
pub mod source;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use time::UtcDateTime;

use self::attribute::Item;
use self::challenge::ChallengeItem;
use self::mailbox::MailboxItem;
use self::pair::PairItem;
use self::source::SourceItem;
use super::client;
use crate::keys::Keys;
use crate::rules::challenge::PaidBy;
use crate::rules::challenge_id::ChallengeRef;
use crate::rules::condition::Condition;
use crate::rules::limits::Limits;
use crate::rules::mailbox::Mailbox;
use crate::rules::source::Source;

/// The table. Its items are named by keyed hashes, so an item is always named under certain keys.
#[derive(Clone)]
pub struct Table {
    client: Client,
    name: String,
}

/// DynamoDB did not do a step, or an item makes no sense.
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
    /// An attribute is missing or unreadable.
    #[error("an item lacks a readable {0}")]
    Unreadable(&'static str),
}

impl Table {
    /// The table `name`, reached through `client`.
    #[must_use]
    pub const fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// The item of a challenge.
    #[must_use]
    pub fn challenge(&self, challenge: ChallengeRef) -> ChallengeItem<'_> {
        ChallengeItem::new(self, challenge)
    }

    /// The item of a mailbox, on the UTC day of `now`.
    #[must_use]
    pub fn mailbox(&self, keys: &Keys, mailbox: &Mailbox, now: UtcDateTime) -> MailboxItem<'_> {
        MailboxItem::new(self, keys, mailbox, now)
    }

    /// The item of a source and a mailbox.
    #[must_use]
    pub fn pair(&self, keys: &Keys, source: Source, mailbox: &Mailbox) -> PairItem<'_> {
        PairItem::new(self, keys, source, mailbox)
    }

    /// The item of the source that paid for an email.
    #[must_use]
    pub const fn paid_by(&self, count: PaidBy) -> SourceItem<'_> {
        SourceItem::new(self, Some(count))
    }

    /// The item of a source, on the UTC day and in the hour of `now`. If sources are not limited, its steps do nothing.
    #[must_use]
    pub fn source(&self, keys: &Keys, source: Source, limits: &Limits, now: UtcDateTime) -> SourceItem<'_> {
        let count = limits.counts_sources().then(|| source::count(keys, source, now));
        SourceItem::new(self, count)
    }

    /// Begins a write to the item `pk`.
    fn update(&self, pk: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(pk.to_owned()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }
}

/// Makes a conditional write, whose name is `step`. Returns the item as it is now, or none if the condition failed because
/// there is no item.
async fn write(step: &'static str, update: UpdateItemFluentBuilder) -> Result<Condition<Option<Item>>, TableError> {
    // Boxed, because the future of an SDK call is large, and each step's would be as large.
    match Box::pin(update.send()).await {
        Ok(output) => Ok(Condition::Held(output.attributes)),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(failure)) => {
                let item = failure.item().filter(|item| !item.is_empty());
                Ok(Condition::Failed(item.cloned()))
            }
            _ => Err(TableError::Call {
                step,
                cause: client::cause(&error),
            }),
        },
    }
}
