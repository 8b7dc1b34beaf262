//! What an item of the table says, and how values are written into it.

use std::collections::{HashMap, HashSet};

use aws_sdk_dynamodb::types::AttributeValue;
use time::{Date, OffsetDateTime};

use super::TableError;
use crate::challenge::{Challenge, ChallengeId, Digest};
use crate::limits::{LastMail, SendRecord};

/// An item by its attributes.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn challenge_of(item: &Item) -> Result<Challenge, TableError> {
    let guesses = item.get("guesses").and_then(|value| value.as_ss().ok());
    Ok(Challenge {
        opened_at: read_number(item, "opened_at").ok_or(TableError::Unreadable("opened_at"))?,
        expires_at: read_number(item, "expires_at").ok_or(TableError::Unreadable("expires_at"))?,
        code_digest: read_digest(item, "code_digest").ok_or(TableError::Unreadable("code_digest"))?,
        guesses: guesses.map_or_else(HashSet::new, |guesses| {
            guesses.iter().cloned().map(Digest::new).collect()
        }),
        last_guess: read_digest(item, "last_guess"),
        last_guess_at: read_number(item, "last_guess_at"),
    })
}

pub(super) fn send_record_of(item: &Item, now: OffsetDateTime) -> Result<SendRecord, TableError> {
    let last_mail = read_number(item, "last_sent_at")
        .map(|sent_at| {
            Ok(LastMail {
                sent_at,
                request: read_id(item, "last_request").ok_or(TableError::Unreadable("last_request"))?,
                asked_for: read_id(item, "last_asked_for").ok_or(TableError::Unreadable("last_asked_for"))?,
                challenge: read_id(item, "last_challenge").ok_or(TableError::Unreadable("last_challenge"))?,
                expires_at: read_number(item, "last_expires_at").ok_or(TableError::Unreadable("last_expires_at"))?,
            })
        })
        .transpose()?;
    Ok(SendRecord {
        mails_today: read_number(item, &mails_on(now.date())).unwrap_or_default(),
        last_mail,
    })
}

/// The attribute that counts the mails of a UTC day.
pub(super) fn mails_on(day: Date) -> String {
    format!("mails_{day}")
}

pub(super) fn number(value: &impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn text(value: &impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

fn read_number<N: std::str::FromStr>(item: &Item, attribute: &str) -> Option<N> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

fn read_digest(item: &Item, attribute: &str) -> Option<Digest> {
    item.get(attribute)?.as_s().ok().cloned().map(Digest::new)
}

fn read_id(item: &Item, attribute: &str) -> Option<ChallengeId> {
    ChallengeId::parse(item.get(attribute)?.as_s().ok()?).ok()
}
