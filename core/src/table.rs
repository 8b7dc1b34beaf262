//! The DynamoDB table. Each step is one conditional `UpdateItem`, whose condition is the only lock.
//!
//! The SDK repeats a write whose answer was lost. Each write therefore recognises itself: a challenge by its own id,
//! a guess by its digest in the set, a charge or a refund by the id of its request in the item.
//!
//! `challenges` has the steps on a challenge, `charges` those on a recipient and a source; `item` reads and writes
//! attributes.

mod challenges;
mod charges;
mod item;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

pub use self::charges::Charge;
use self::item::Item;
use crate::aws;

/// The table. Its items are named by keyed hashes, so each step takes the keys under which its item stands.
#[derive(Clone)]
pub struct Table {
    client: Client,
    name: String,
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

impl Table {
    /// The table `name`, reached through `client`.
    #[must_use]
    pub const fn new(client: Client, name: String) -> Self {
        Self { client, name }
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
