//! The item of a challenge.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use time::UtcDateTime;

use super::attribute::{Item, number, read_digest, read_time, required, text, time};
use super::{Table, TableError, write};
use crate::rules::challenge::Challenge;
use crate::rules::challenge_id::{ChallengeRef, Digest};
use crate::rules::condition::Condition;

/// The item of a challenge.
pub struct ChallengeItem<'a> {
    table: &'a Table,
    pk: String,
}

impl<'a> ChallengeItem<'a> {
    pub(super) fn new(table: &'a Table, challenge: ChallengeRef) -> Self {
        let pk = format!("challenge#{}", challenge.item_name());
        Self { table, pk }
    }

    /// Finds the challenge, dead or alive.
    ///
    /// The functions may do nothing but `UpdateItem`, so this is a write as well: it notes when the challenge was asked for.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or the item makes no sense.
    pub async fn find(&self, now: UtcDateTime) -> Result<Option<Challenge>, TableError> {
        let update = self
            .table
            .update(&self.pk)
            .update_expression("SET last_asked_at = :now")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", time(now));
        match write("find a challenge", update).await? {
            Condition::Held(item) => Ok(Some(read(&item.unwrap_or_default())?)),
            Condition::Failed(_) => Ok(None),
        }
    }

    /// Opens the challenge. If the item exists already, an attempt of this same write made it and its response was lost.
    ///
    /// An open challenge takes guesses, so open it only after its email was charged and sent.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn open(&self, challenge: &Challenge) -> Result<(), TableError> {
        let update = self
            .table
            .update(&self.pk)
            .update_expression("SET opened_at = :opened_at, expires_at = :expires_at, code_digest = :code_digest")
            .condition_expression("attribute_not_exists(pk)")
            .expression_attribute_values(":opened_at", time(challenge.opened_at))
            .expression_attribute_values(":expires_at", time(challenge.expires_at))
            .expression_attribute_values(":code_digest", text(&challenge.code_digest.as_str()));
        write("open a challenge", update).await?;
        Ok(())
    }

    /// Submits one guess, in one write whatever its outcome. None if there is no such challenge.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or the item makes no sense.
    pub async fn guess(
        &self,
        guess: &Digest,
        max_guesses: usize,
        now: UtcDateTime,
    ) -> Result<Option<Condition<Challenge>>, TableError> {
        let update = self
            .table
            .update(&self.pk)
            .update_expression("ADD guesses :guesses SET last_guess = :guess, last_guess_at = :now")
            .condition_expression(
                "expires_at > :now AND (attribute_not_exists(guesses) \
                 OR (size(guesses) < :max_guesses AND NOT contains(guesses, code_digest)))",
            )
            .expression_attribute_values(":guesses", AttributeValue::Ss(vec![guess.as_str().to_owned()]))
            .expression_attribute_values(":guess", text(&guess.as_str()))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":max_guesses", number(&max_guesses));
        match write("take a guess", update).await? {
            Condition::Failed(None) => Ok(None),
            written => Ok(Some(written.try_map(|item| read(&item.unwrap_or_default()))?)),
        }
    }
}

fn read(item: &Item) -> Result<Challenge, TableError> {
    let guesses = item.get("guesses").and_then(|value| value.as_ss().ok());
    Ok(Challenge {
        opened_at: required(read_time(item, "opened_at"), "opened_at")?,
        expires_at: required(read_time(item, "expires_at"), "expires_at")?,
        code_digest: required(read_digest(item, "code_digest"), "code_digest")?,
        guesses: guesses.map_or_else(HashSet::new, |guesses| {
            guesses.iter().cloned().map(Digest::from_item).collect()
        }),
        last_guess: read_digest(item, "last_guess"),
        last_guess_at: read_time(item, "last_guess_at"),
    })
}
