//! The DynamoDB table. What an email costs is charged in one transaction, a guess is one conditional write, and their
//! conditions are the only locks.
//!
//! One file for each kind of item. It has the item's name (`pk`), its attributes and the writes to it:
//!
//! * [`challenge`]: a challenge. Look it up, guess, use the link.
//! * `mailbox_day`: what a mailbox was sent on a UTC day.
//! * [`source_day`]: the emails of a source on a UTC day that no verification followed.
//!
//! [`email`] puts the three together: it charges an email, and undoes that if SES failed. It has what an email makes of a
//! challenge. `write` makes writes and transactions, `attribute` reads and writes values.

mod attribute;
pub mod challenge;
pub mod email;
mod mailbox_day;
pub mod source_day;
mod write;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use time::Duration;

use super::client;

/// How long the item of a day lives after its newest email. That is past its day.
const DAY_LIFETIME: Duration = Duration::days(2);

/// The table. A keyed hash names each item.
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
    /// Writes collided with others for too long.
    #[error("DynamoDB did not {0}: it collided with other writes")]
    Collided(&'static str),
    /// A write could not be put together.
    #[error("a write to DynamoDB cannot be built: {0}")]
    Unbuilt(String),
    /// An attribute is missing or unreadable.
    #[error("an item lacks a readable {0}")]
    Unreadable(&'static str),
}

impl TableError {
    fn call<E: ProvideErrorMetadata>(step: &'static str, error: &SdkError<E>) -> Self {
        let cause = client::cause(error);
        Self::Call { step, cause }
    }
}

impl Table {
    /// The table `name`, reached through `client`.
    pub const fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }
}
