//! Values of attributes, read and written. Times are epoch seconds, as TTL wants them.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use time::UtcDateTime;

use super::TableError;
use crate::rules::challenge_id::Digest;
use crate::rules::mail_id::MailId;
use crate::rules::undelivered::Reason;

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

/// A time as far off as no clock of ours can be is unreadable. Sums with it could leave the calendar, and would panic.
pub(super) fn read_time(item: &Item, attribute: &str) -> Option<UtcDateTime> {
    let time = UtcDateTime::from_unix_timestamp(read_number(item, attribute)?).ok();
    time.filter(|time| (1970..=9000).contains(&time.year()))
}

pub(super) fn read_digest(item: &Item, attribute: &str) -> Option<Digest> {
    item.get(attribute)?.as_s().ok().cloned().map(Digest::from_item)
}

pub(super) fn read_mail_id(item: &Item, attribute: &str) -> Option<MailId> {
    MailId::parse(item.get(attribute)?.as_s().ok()?)
}

pub(super) fn read_reason(item: &Item, attribute: &str) -> Option<Reason> {
    Reason::parse(item.get(attribute)?.as_s().ok()?)
}

/// The value of an attribute that every such item has.
pub(super) fn required<T>(value: Option<T>, attribute: &'static str) -> Result<T, TableError> {
    value.ok_or(TableError::Unreadable(attribute))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_clock_tells_is_unreadable() {
        for (seconds, is_read) in [
            ("1800014400", true),
            ("-1", false),
            ("253402300799", false),
            ("-377705116800", false),
            ("9223372036854775807", false),
            ("9223372036854775808", false),
            ("1800014400.5", false),
        ] {
            let item = Item::from([("at".to_owned(), AttributeValue::N(seconds.to_owned()))]);
            assert_eq!(read_time(&item, "at").is_some(), is_read, "{seconds}");
        }
    }
}
