//! The item of a source: how often it asked for a code in one UTC hour.

use time::{Duration, UtcDateTime};

use super::attribute::{number, read_charge_id, text, time};
use super::{Table, TableError, write};
use crate::keys::Keys;
use crate::rules::charge::ChargeId;
use crate::rules::condition::Condition;
use crate::rules::limits::Limits;
use crate::rules::source::Source;

/// How long the item outlives the newest request: longer than its hour.
const LIFETIME: Duration = Duration::hours(2);

/// The item of a source for one UTC hour.
pub struct SourceItem<'a> {
    table: &'a Table,
    pk: String,
    expires_at: UtcDateTime,
}

impl<'a> SourceItem<'a> {
    pub(super) fn new(table: &'a Table, keys: &Keys, source: Source, now: UtcDateTime) -> Self {
        Self {
            table,
            pk: pk(keys, source, now),
            expires_at: now + LIFETIME,
        }
    }

    /// Charges the source with one request.
    ///
    /// A repeat is not recognised when another request of the source came between. The count may then be off by one, and no
    /// promise to a person depends on that.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn charge(&self, charge: ChargeId, limits: &Limits) -> Result<Condition<()>, TableError> {
        if limits.requests_per_hour == 0 {
            return Ok(Condition::Held(()));
        }
        let update = self
            .table
            .update(&self.pk)
            .update_expression("SET last_request = :charge, expires_at = :expires_at ADD requests :one")
            .condition_expression(
                "attribute_not_exists(requests) OR (requests < :requests_per_hour AND last_request <> :charge)",
            )
            .expression_attribute_values(":charge", text(&charge))
            .expression_attribute_values(":expires_at", time(self.expires_at))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":requests_per_hour", number(&limits.requests_per_hour));
        match write("charge a source", update).await? {
            Condition::Held(_) => Ok(Condition::Held(())),
            Condition::Failed(item) => {
                let last = item.and_then(|item| read_charge_id(&item, "last_request"));
                if last == Some(charge) {
                    // The SDK repeated the charge after its response was lost.
                    Ok(Condition::Held(()))
                } else {
                    Ok(Condition::Failed(()))
                }
            }
        }
    }

    /// Takes a charge back. A repeat of the newest refund changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn refund(&self, charge: ChargeId, limits: &Limits) -> Result<(), TableError> {
        if limits.requests_per_hour == 0 {
            return Ok(());
        }
        let update = self
            .table
            .update(&self.pk)
            .update_expression("SET last_refund = :charge ADD requests :minus_one")
            .condition_expression("requests > :zero AND (attribute_not_exists(last_refund) OR last_refund <> :charge)")
            .expression_attribute_values(":charge", text(&charge))
            .expression_attribute_values(":minus_one", number(&-1))
            .expression_attribute_values(":zero", number(&0));
        write("refund a source", update).await?;
        Ok(())
    }
}

fn pk(keys: &Keys, source: Source, now: UtcDateTime) -> String {
    let name = keys.item_name.mac(&[&source.to_bytes()]);
    format!("source#{name}#{}T{:02}", now.date(), now.hour())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MIN_SECRET_BYTES;

    fn pk_at(seconds: i64) -> String {
        let keys = Keys::derive(&[1; MIN_SECRET_BYTES]).expect("a secret of the right length");
        let source = Source::parse("203.0.113.7").expect("an address");
        let now = UtcDateTime::from_unix_timestamp(seconds).expect("a time");
        pk(&keys, source, now)
    }

    #[test]
    fn a_source_has_one_item_an_hour() {
        assert_eq!(pk_at(3_600), pk_at(7_199));
        assert_ne!(pk_at(3_600), pk_at(7_200));
        assert!(pk_at(3_600).ends_with("#1970-01-01T01"));
    }

    /// Pins the name. A change here ends the counts that run when it is deployed.
    #[test]
    fn the_name_stays_as_it_is() {
        assert_eq!(
            pk_at(0),
            "source#sV4dsdMMOwxyOpA0EwIjQQXcx7d36UTRUcMT6Z_5fN4#1970-01-01T00"
        );
    }
}
