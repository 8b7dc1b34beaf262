//! The item of a source on a UTC day: the emails that it caused and that no verification followed.

use time::{Duration, UtcDateTime};

use super::attribute::{number, time};
use super::write::Write;
use super::{Table, TableError};
use crate::keys::Keys;
use crate::rules::source::Source;

/// How long the item outlives the newest email: longer than its day.
const LIFETIME: Duration = Duration::days(2);

/// The name of a source's item on the UTC day of `now`.
pub(super) fn pk(keys: &Keys, source: Source, now: UtcDateTime) -> String {
    format!("source/{}/{}", keys.item_name.mac(&[&source.to_bytes()]), now.date())
}

/// Charges an email to the source, unless it has `limit` unverified ones.
pub(super) fn charge(pk: String, limit: u32, now: UtcDateTime) -> Write {
    Write::new("charge a source", pk)
        .set("expires_at = :expires_at")
        .add("unverified :one")
        .require("(attribute_not_exists(unverified) OR unverified < :limit)")
        .value(":expires_at", time(now + LIFETIME))
        .value(":one", number(&1))
        .value(":limit", number(&limit))
}

/// Takes emails off the source's count: SES did not confirm them, or a verification followed.
pub(super) fn take_off(pk: String, mails: u32) -> Write {
    Write::new("take emails off a source", pk)
        .add("unverified :minus")
        .require("unverified >= :mails")
        .value(":minus", number(&-i64::from(mails)))
        .value(":mails", number(&mails))
}

impl Table {
    /// Gives the emails of a verified challenge back to a source that paid for them. `paid_by` is the name of its item.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond. Then it may have been done or not.
    pub async fn give_back(&self, paid_by: String, mails: u32) -> Result<(), TableError> {
        self.write(take_off(paid_by, mails).once()).await?;
        Ok(())
    }
}
