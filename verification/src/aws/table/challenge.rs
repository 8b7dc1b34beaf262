//! The item of a challenge.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use time::{Duration, UtcDateTime};

use super::attribute::{
    Item, number, read_charge_id, read_digest, read_number, read_text, read_time, required, text, time,
};
use super::{Table, TableError, write};
use crate::rules::challenge::{Challenge, LastSend, PaidBy};
use crate::rules::challenge_id::{ChallengeRef, Digest};
use crate::rules::charge::ChargeId;
use crate::rules::condition::Condition;
use crate::rules::guess::REPEATABLE_FOR;
use crate::rules::limits::Limits;

/// How long the item of a challenge remembers that its opening was cancelled, if there was no item before.
const CANCELLED_FOR: Duration = Duration::minutes(10);

/// The opening of a challenge for one email.
pub struct Opening {
    /// The digest of its code.
    pub code_digest: Digest,
    /// The charge for the email.
    pub charge: ChargeId,
    /// The count of a source that paid for it.
    pub paid_by: Option<PaidBy>,
    /// When the email was charged.
    pub now: UtcDateTime,
}

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

    /// Finds the challenge or, if there is none, reserves it: fixes its opening time, from which its code is derived.
    ///
    /// So two requests that name one id at the same time mail the same code. A reserved challenge takes no guesses.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or the item makes no sense.
    pub async fn find_or_reserve(&self, now: UtcDateTime, lifetime: Duration) -> Result<Challenge, TableError> {
        let update = self
            .table
            .update(&self.pk)
            .update_expression(
                "SET last_asked_at = :now, opened_at = if_not_exists(opened_at, :now), \
                 expires_at = if_not_exists(expires_at, :expires_at)",
            )
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":expires_at", time(now + lifetime));
        match write("find a challenge", update).await? {
            Condition::Held(item) | Condition::Failed(item) => read(&item.unwrap_or_default()),
        }
    }

    /// Opens the challenge for guesses, or notes that its code is mailed once more. Comes between the charge of its email and
    /// the email itself.
    ///
    /// Fails when its code was mailed within the pause, by another request; and when the item has another opening time or
    /// code. Then the email must not be sent. Returns the challenge as it stands, if there is one.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or the item makes no sense.
    pub async fn open(
        &self,
        challenge: &Challenge,
        opening: &Opening,
        limits: &Limits,
    ) -> Result<Condition<Option<Challenge>>, TableError> {
        let set_paid_by = match opening.paid_by {
            Some(_) => "SET paid_by = :paid_by, paid_hour = :paid_hour, ",
            None => "SET ",
        };
        let update = format!(
            "{set_paid_by}opened_at = :opened_at, expires_at = :expires_at, code_digest = :code_digest, \
             last_sent_at = :now, last_charge = :charge, first_charge = if_not_exists(first_charge, :charge)"
        );
        let mut update = self
            .table
            .update(&self.pk)
            .update_expression(update)
            .condition_expression(
                "(attribute_not_exists(opened_at) OR opened_at = :opened_at) \
                 AND (attribute_not_exists(code_digest) OR code_digest = :code_digest) \
                 AND (attribute_not_exists(last_sent_at) OR last_sent_at <= :pause_over OR last_charge = :charge) \
                 AND (attribute_not_exists(last_refund) OR last_refund <> :charge)",
            )
            .expression_attribute_values(":opened_at", time(challenge.opened_at))
            .expression_attribute_values(":expires_at", time(challenge.expires_at))
            .expression_attribute_values(":code_digest", text(&opening.code_digest.as_str()))
            .expression_attribute_values(":now", time(opening.now))
            .expression_attribute_values(":pause_over", time(opening.now - limits.resend_pause))
            .expression_attribute_values(":charge", text(&opening.charge));
        if let Some(PaidBy { item, hour }) = &opening.paid_by {
            update = update
                .expression_attribute_values(":paid_by", text(item))
                .expression_attribute_values(":paid_hour", number(hour));
        }
        let written = write("open a challenge", update).await?;
        written.try_map(|item| item.as_ref().map(read).transpose())
    }

    /// Takes an opening back: SES did not take the email. A second time changes nothing.
    ///
    /// A challenge that this opening was the first of is only reserved again. That fails when somebody has guessed at it
    /// meanwhile: then its email has to stay charged, or the guesses were free.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn take_back(&self, opening: &Opening, was_reserved: bool) -> Result<Condition<()>, TableError> {
        let (update, condition) = if was_reserved {
            (
                "SET last_refund = :charge REMOVE code_digest, first_charge, last_sent_at, paid_by, paid_hour",
                "last_charge = :charge AND first_charge = :charge AND attribute_not_exists(guesses)",
            )
        } else {
            (
                "SET last_refund = :charge REMOVE last_sent_at, paid_by, paid_hour",
                "last_charge = :charge",
            )
        };
        self.close(opening, update, condition).await
    }

    /// Takes an opening back of which nobody knows whether it was made. If it arrives later, it is refused. Fails as
    /// [`Self::take_back`] does.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn cancel(&self, opening: &Opening, was_reserved: bool) -> Result<Condition<()>, TableError> {
        if let Condition::Held(()) = self.take_back(opening, was_reserved).await? {
            return Ok(Condition::Held(()));
        }
        let update = self
            .table
            .update(&self.pk)
            .update_expression("SET last_refund = :charge, expires_at = if_not_exists(expires_at, :expires_at)")
            .condition_expression("attribute_not_exists(last_charge) OR last_charge <> :charge")
            .expression_attribute_values(":charge", text(&opening.charge))
            .expression_attribute_values(":expires_at", time(opening.now + CANCELLED_FOR));
        write("close a challenge", update).await?.try_map(|_| Ok(()))
    }

    /// Ends the pause of the challenge after an email of which SES did not say what became of it.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn end_pause(&self, opening: &Opening) -> Result<(), TableError> {
        let update = "SET last_refund = :charge REMOVE last_sent_at";
        self.close(opening, update, "last_charge = :charge").await?;
        Ok(())
    }

    /// The same when the source got its request back, so that a right code does not give it back once more.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn end_pause_unpaid(&self, opening: &Opening) -> Result<(), TableError> {
        self.take_back(opening, false).await?;
        Ok(())
    }

    async fn close(&self, opening: &Opening, update: &str, condition: &str) -> Result<Condition<()>, TableError> {
        let update = self
            .table
            .update(&self.pk)
            .update_expression(update)
            .condition_expression(condition)
            .expression_attribute_values(":charge", text(&opening.charge));
        write("close a challenge", update).await?.try_map(|_| Ok(()))
    }

    /// Uses its link, whose code has this digest, in one write whatever its outcome. None if there is no such challenge.
    ///
    /// The link is no guess, and leaves the guesses as they are: see [`judge_link`](crate::rules::guess::judge_link).
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or the item makes no sense.
    pub async fn use_link(
        &self,
        code: &Digest,
        max_guesses: usize,
        now: UtcDateTime,
    ) -> Result<Option<Condition<Challenge>>, TableError> {
        let update = self
            .table
            .update(&self.pk)
            .update_expression("SET linked_at = :now")
            .condition_expression(
                "expires_at > :now AND code_digest = :code AND attribute_not_exists(linked_at) \
                 AND (attribute_not_exists(guesses) \
                 OR (size(guesses) < :max_guesses AND NOT contains(guesses, :code)))",
            )
            .expression_attribute_values(":code", text(&code.as_str()))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":max_guesses", number(&max_guesses));
        found(write("use a link", update).await?)
    }

    /// Submits one guess, in one write whatever its outcome. None if there is no such challenge.
    ///
    /// After the link was used, guesses are still taken and counted for as long as the right code gets the link's proof.
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
                "expires_at > :now AND attribute_exists(code_digest) \
                 AND (attribute_not_exists(linked_at) OR linked_at >= :repeatable_since) \
                 AND (attribute_not_exists(guesses) \
                 OR (size(guesses) < :max_guesses AND NOT contains(guesses, code_digest)))",
            )
            .expression_attribute_values(":repeatable_since", time(now - REPEATABLE_FOR))
            .expression_attribute_values(":guesses", AttributeValue::Ss(vec![guess.as_str().to_owned()]))
            .expression_attribute_values(":guess", text(&guess.as_str()))
            .expression_attribute_values(":now", time(now))
            .expression_attribute_values(":max_guesses", number(&max_guesses));
        found(write("take a guess", update).await?)
    }
}

/// The challenge that a write found. None if there was none.
fn found(written: Condition<Option<Item>>) -> Result<Option<Condition<Challenge>>, TableError> {
    match written {
        Condition::Failed(None) => Ok(None),
        written => Ok(Some(written.try_map(|item| read(&item.unwrap_or_default()))?)),
    }
}

fn read(item: &Item) -> Result<Challenge, TableError> {
    let guesses = item.get("guesses").and_then(|value| value.as_ss().ok());
    Ok(Challenge {
        opened_at: required(read_time(item, "opened_at"), "opened_at")?,
        expires_at: required(read_time(item, "expires_at"), "expires_at")?,
        code_digest: read_digest(item, "code_digest"),
        last_send: read_last_send(item),
        guesses: guesses.map_or_else(HashSet::new, |guesses| {
            guesses.iter().cloned().map(Digest::from_item).collect()
        }),
        last_guess: read_digest(item, "last_guess"),
        last_guess_at: read_time(item, "last_guess_at"),
        linked_at: read_time(item, "linked_at"),
    })
}

fn read_last_send(item: &Item) -> Option<LastSend> {
    let paid_by = read_text(item, "paid_by").cloned().zip(read_number(item, "paid_hour"));
    Some(LastSend {
        at: read_time(item, "last_sent_at"),
        charge: read_charge_id(item, "last_charge")?,
        paid_by: paid_by.map(|(item, hour)| PaidBy { item, hour }),
    })
}
