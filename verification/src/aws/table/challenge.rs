//! The item of a challenge. What an email makes of it is in [`email`](super::email).

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use time::{Duration, UtcDateTime};

use super::attribute::{Item, number, read_digest, read_mail_id, read_reason, read_time, required, text, time};
use super::write::Write;
use super::{Table, TableError};
use crate::rules::challenge::Challenge;
use crate::rules::challenge_id::{ChallengeRef, Digest, ItemName};
use crate::rules::condition::Condition;
use crate::rules::undelivered::Undelivered;

/// How long the item outlives the code, so that a late repeat of a request still finds it.
pub(super) const OUTLIVES_CODE: Duration = Duration::days(1);
/// Its code was not typed yet, and it has a guess left.
pub(super) const TAKES_A_GUESS: &str =
    "(attribute_not_exists(guesses) OR (size(guesses) < :max_guesses AND NOT contains(guesses, code_digest)))";

/// The name of a challenge's item.
pub(super) fn pk(name: &ItemName) -> String {
    format!("challenge/{name}")
}

impl Table {
    /// Looks a challenge up.
    ///
    /// The functions may do nothing but `UpdateItem`, so this is a write whose condition never holds.
    pub async fn find(&self, challenge: ChallengeRef<'_>) -> Result<Option<Challenge>, TableError> {
        let never =
            write_to("look a challenge up", challenge).require("attribute_exists(pk) AND attribute_not_exists(pk)");
        match self.write(never).await? {
            Condition::Failed(item) if !item.is_empty() => read(&item).map(Some),
            _ => Ok(None),
        }
    }

    /// Submits one guess, in one write whatever its outcome. None if there is no such challenge.
    ///
    /// Whether the link was used makes no difference.
    pub async fn guess(
        &self,
        challenge: ChallengeRef<'_>,
        guess: &Digest,
        max_guesses: usize,
        now: UtcDateTime,
    ) -> Result<Option<Condition<Challenge>>, TableError> {
        let write = write_to("record a guess", challenge)
            .set("last_guess = :guess, last_guess_at = :now")
            .add("guesses :guesses")
            .require("ends_at > :now AND attribute_exists(code_digest)")
            .require(TAKES_A_GUESS)
            .value(":guess", text(&guess.as_str()))
            .value(":guesses", AttributeValue::Ss(vec![guess.as_str().to_owned()]))
            .value(":now", time(now))
            .value(":max_guesses", number(&max_guesses));
        self.write_challenge(write).await
    }

    /// Uses the link of an email, whose code has this digest, in one write whatever its outcome. None if there is no such
    /// challenge.
    ///
    /// The link is no guess, and leaves the guesses as they are: see [`judge_link`](crate::rules::guess::judge_link).
    pub async fn use_link(
        &self,
        challenge: ChallengeRef<'_>,
        code: &Digest,
        max_guesses: usize,
        now: UtcDateTime,
    ) -> Result<Option<Condition<Challenge>>, TableError> {
        let write = write_to("use a link", challenge)
            .set("linked_at = :now")
            .require("ends_at > :now AND code_digest = :code AND attribute_not_exists(linked_at)")
            .require(TAKES_A_GUESS)
            .value(":code", text(&code.as_str()))
            .value(":now", time(now))
            .value(":max_guesses", number(&max_guesses));
        self.write_challenge(write).await
    }

    /// Notes that an email did not arrive, in one write, unless a newer one was sent since. False if that changed nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn note_undelivered(&self, undelivered: &Undelivered) -> Result<bool, TableError> {
        let write = Write::new("note that an email did not arrive", pk(&undelivered.challenge))
            .set("undeliverable = :reason")
            .require("mail = :mail AND attribute_not_exists(undeliverable)")
            .value(":mail", text(&undelivered.mail))
            .value(":reason", text(&undelivered.reason));
        Ok(matches!(self.write(write).await?, Condition::Held(_)))
    }

    /// Makes a write to a challenge's item, and reads what it found. None if there is no such item.
    async fn write_challenge(&self, write: Write) -> Result<Option<Condition<Challenge>>, TableError> {
        match self.write(write).await? {
            Condition::Failed(item) if item.is_empty() => Ok(None),
            Condition::Failed(item) => Ok(Some(Condition::Failed(read(&item)?))),
            Condition::Held(item) => Ok(Some(Condition::Held(read(&item)?))),
        }
    }
}

fn write_to(step: &'static str, challenge: ChallengeRef) -> Write {
    Write::new(step, pk(&challenge.item_name()))
}

/// Reads the item of a challenge.
pub(super) fn read(item: &Item) -> Result<Challenge, TableError> {
    let guesses = item.get("guesses").and_then(|value| value.as_ss().ok());
    let paid_by = item.get("paid_by").and_then(|value| value.as_m().ok());
    let mails = |(source, mails): (&String, &AttributeValue)| Some((source.clone(), mails.as_n().ok()?.parse().ok()?));
    Ok(Challenge {
        generation: required(read_mail_id(item, "generation"), "generation")?,
        mail: required(read_mail_id(item, "mail"), "mail")?,
        ends_at: required(read_time(item, "ends_at"), "ends_at")?,
        code_digest: read_digest(item, "code_digest"),
        sent_at: read_time(item, "sent_at"),
        guesses: guesses.map_or_else(HashSet::new, |guesses| {
            guesses.iter().cloned().map(Digest::from_item).collect()
        }),
        last_guess: read_digest(item, "last_guess"),
        last_guess_at: read_time(item, "last_guess_at"),
        linked_at: read_time(item, "linked_at"),
        undeliverable: read_reason(item, "undeliverable"),
        paid_by: paid_by.into_iter().flatten().filter_map(mails).collect(),
    })
}
