//! Values of attributes, read and written. Times are epoch seconds, as TTL wants them.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use time::UtcDateTime;

use super::TableError;
use crate::rules::challenge_id::Digest;
use crate::rules::mail_id::MailId;

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

pub(super) fn read_number<N: FromStr>(item: &Item, attribute: &str) -> Option<N> {
    item.get(attribute)?.as_n().ok()?.parse().ok()
}

pub(super) fn read_time(item: &Item, attribute: &str) -> Option<UtcDateTime> {
    UtcDateTime::from_unix_timestamp(read_number(item, attribute)?).ok()
}

pub(super) fn read_digest(item: &Item, attribute: &str) -> Option<Digest> {
    item.get(attribute)?.as_s().ok().cloned().map(Digest::from_item)
}

pub(super) fn read_mail_id(item: &Item, attribute: &str) -> Option<MailId> {
    MailId::parse(item.get(attribute)?.as_s().ok()?)
}

/// The value of an attribute that every such item has.
pub(super) fn required<T>(value: Option<T>, attribute: &'static str) -> Result<T, TableError> {
    value.ok_or(TableError::Unreadable(attribute))
}
