//! The item of a source: how often it asked for a code on one UTC day, and in each of its hours.

use time::{Duration, UtcDateTime};

use super::attribute::{Item, number, read_charge_id, read_number, text, time};
use super::{Table, TableError, write};
use crate::keys::Keys;
use crate::rules::challenge::PaidBy;
use crate::rules::charge::ChargeId;
use crate::rules::condition::Condition;
use crate::rules::limits::{Limits, SourceCount};
use crate::rules::source::Source;

/// How long the item outlives the newest request: longer than its day.
const LIFETIME: Duration = Duration::days(2);

/// The item of a source for one UTC day, in one of its hours.
pub struct SourceItem<'a> {
    table: &'a Table,
    /// None if sources are not limited.
    count: Option<PaidBy>,
}

impl<'a> SourceItem<'a> {
    pub(super) const fn new(table: &'a Table, count: Option<PaidBy>) -> Self {
        Self { table, count }
    }

    /// The count itself, for the challenge that it pays for. None if sources are not limited.
    #[must_use]
    pub const fn count(&self) -> Option<&PaidBy> {
        self.count.as_ref()
    }

    /// Charges the source with one request. Returns what it has used up.
    ///
    /// A repeat is not recognised when another request of the source came between. The count may then be off by one, and no
    /// promise to a person depends on that.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn charge(
        &self,
        charge: ChargeId,
        limits: &Limits,
        now: UtcDateTime,
    ) -> Result<Condition<SourceCount>, TableError> {
        let Some(PaidBy { item, hour }) = &self.count else {
            return Ok(Condition::Held(SourceCount::default()));
        };
        let hour = requests_in(*hour);
        let update = self
            .table
            .update(item)
            .update_expression("SET last_charge = :charge, expires_at = :expires_at ADD requests :one, #hour :one")
            .condition_expression(
                "(attribute_not_exists(requests) OR requests < :per_day) \
                 AND (attribute_not_exists(#hour) OR #hour < :per_hour) \
                 AND (attribute_not_exists(last_charge) OR last_charge <> :charge)",
            )
            .expression_attribute_names("#hour", &hour)
            .expression_attribute_values(":charge", text(&charge))
            .expression_attribute_values(":expires_at", time(now + LIFETIME))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":per_day", number(&limits.max_requests_per_day()))
            .expression_attribute_values(":per_hour", number(&limits.max_requests_per_hour()));
        match write("charge a source", update).await? {
            Condition::Held(item) => Ok(Condition::Held(read(&item.unwrap_or_default(), &hour))),
            Condition::Failed(item) => {
                let item = item.unwrap_or_default();
                let count = read(&item, &hour);
                Ok(if read_charge_id(&item, "last_charge") == Some(charge) {
                    // The SDK repeated the charge after its response was lost.
                    Condition::Held(count)
                } else {
                    Condition::Failed(count)
                })
            }
        }
    }

    /// Takes a charge back: no email went out, or a verification followed. A repeat of the newest refund changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn refund(&self, charge: ChargeId) -> Result<(), TableError> {
        let Some(PaidBy { item, hour }) = &self.count else {
            return Ok(());
        };
        let update = self
            .table
            .update(item)
            .update_expression("SET last_refund = :charge ADD requests :minus_one, #hour :minus_one")
            .condition_expression(
                "requests > :zero AND #hour > :zero \
                 AND (attribute_not_exists(last_refund) OR last_refund <> :charge)",
            )
            .expression_attribute_names("#hour", requests_in(*hour))
            .expression_attribute_values(":charge", text(&charge))
            .expression_attribute_values(":minus_one", number(&-1))
            .expression_attribute_values(":zero", number(&0));
        write("refund a source", update).await?;
        Ok(())
    }
}

/// The count of a source in the hour of `now`.
pub(super) fn count(keys: &Keys, source: Source, now: UtcDateTime) -> PaidBy {
    PaidBy {
        item: pk(keys, source, now),
        hour: now.hour(),
    }
}

/// The attribute that counts the requests of a UTC hour.
fn requests_in(hour: u8) -> String {
    format!("requests_T{hour:02}")
}

fn read(item: &Item, hour: &str) -> SourceCount {
    SourceCount {
        today: read_number(item, "requests").unwrap_or_default(),
        this_hour: read_number(item, hour).unwrap_or_default(),
    }
}

fn pk(keys: &Keys, source: Source, now: UtcDateTime) -> String {
    let name = keys.item_name.mac(&[&source.to_bytes()]);
    format!("source#{name}#{}", now.date())
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
    fn a_source_has_one_item_a_day() {
        assert_eq!(pk_at(86_400), pk_at(2 * 86_400 - 1));
        assert_ne!(pk_at(86_400), pk_at(2 * 86_400));
    }

    /// Pins the name. A change here ends the counts that run when it is deployed.
    #[test]
    fn the_name_stays_as_it_is() {
        assert_eq!(
            pk_at(0),
            "source#sV4dsdMMOwxyOpA0EwIjQQXcx7d36UTRUcMT6Z_5fN4#1970-01-01"
        );
    }
}
