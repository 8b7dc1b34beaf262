//! The item of a source on a UTC day: the emails that it caused and that no verification followed.

use time::UtcDateTime;

use super::attribute::{number, time};
use super::write::Write;
use super::{DAY_LIFETIME, Table, TableError};
use crate::keys::Keys;
use crate::rules::source::Source;

/// A source's item on the UTC day of a request.
pub(super) struct SourceItem {
    pub(super) pk: String,
    limit: u32,
    now: UtcDateTime,
}

impl SourceItem {
    pub(super) fn new(keys: &Keys, source: Source, limit: u32, now: UtcDateTime) -> Self {
        let pk = format!("source/{}/{}", keys.item_name.mac(&[&source.to_bytes()]), now.date());
        Self { pk, limit, now }
    }

    /// Charges an email, unless the source has too many unverified ones.
    pub(super) fn charge(&self) -> Write {
        Write::new("charge a source", self.pk.clone())
            .set("expires_at = :expires_at")
            .add("unverified :one")
            .require("(attribute_not_exists(unverified) OR unverified < :limit)")
            .value(":expires_at", time(self.now + DAY_LIFETIME))
            .value(":one", number(&1))
            .value(":limit", number(&self.limit))
    }
}

/// Takes emails off a source's count: SES failed, or a verification followed.
pub(super) fn take_off(pk: String, mails: u32) -> Write {
    Write::new("take emails off a source", pk)
        .add("unverified :minus")
        .require("unverified >= :mails")
        .value(":minus", number(&-i64::from(mails)))
        .value(":mails", number(&mails))
}

impl Table {
    /// Gives the emails of a verified challenge back to a source, whose item has the name `source_item`.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond. Then it may have been done or not.
    pub async fn give_back(&self, source_item: String, mails: u32) -> Result<(), TableError> {
        self.write(take_off(source_item, mails).unrepeated()).await?;
        Ok(())
    }
}
