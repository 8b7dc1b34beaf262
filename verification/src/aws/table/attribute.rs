//! Values of attributes, read and written. Times are epoch seconds, as TTL wants them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use time::UtcDateTime;

use super::TableError;
use crate::rules::challenge_id::{ChallengeId, Digest};
use crate::rules::charge::ChargeId;

/// An item by its attributes.
pub(super) type Item = HashMap<String, AttributeValue>;

pub(super) fn number(value: &impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn text(value: &impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(super) fn time(value: UtcDateTime) -> AttributeValue {
    number(&value.unix_timestamp())
}

pub(super) fn read_number<N: std::str::FromStr>(item: &Item, attribute: &str) -> Option<N> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

pub(super) fn read_time(item: &Item, attribute: &str) -> Option<UtcDateTime> {
    UtcDateTime::from_unix_timestamp(read_number(item, attribute)?).ok()
}

pub(super) fn read_digest(item: &Item, attribute: &str) -> Option<Digest> {
    read_text(item, attribute).cloned().map(Digest::from_item)
}

pub(super) fn read_challenge_id(item: &Item, attribute: &str) -> Option<ChallengeId> {
    ChallengeId::parse(read_text(item, attribute)?).ok()
}

pub(super) fn read_charge_id(item: &Item, attribute: &str) -> Option<ChargeId> {
    ChargeId::parse(read_text(item, attribute)?)
}

/// The value of an attribute that every such item has.
pub(super) fn required<T>(value: Option<T>, attribute: &'static str) -> Result<T, TableError> {
    value.ok_or(TableError::Unreadable(attribute))
}

pub(super) fn read_text<'a>(item: &'a Item, attribute: &str) -> Option<&'a String> {
    item.get(attribute)?.as_s().ok()
}
