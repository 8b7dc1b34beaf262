//! The item of a recipient: how many emails they were sent, and what the newest one carried.

use time::{Date, Duration, UtcDateTime};

use super::attribute::{Item, number, read_challenge_id, read_charge_id, read_number, read_time, required, text, time};
use super::{Table, TableError, write};
use crate::keys::Keys;
use crate::rules::condition::Condition;
use crate::rules::limits::Limits;
use crate::rules::recipient::Recipient;
use crate::rules::repeat::{LastMail, SendRecord};

/// How long the item outlives the newest email: longer than a day's count or a pause can matter.
const LIFETIME: Duration = Duration::days(2);

/// The item of a recipient.
pub struct RecipientItem<'a> {
    table: &'a Table,
    pk: String,
}

impl<'a> RecipientItem<'a> {
    pub(super) fn new(table: &'a Table, keys: &Keys, recipient: &Recipient) -> Self {
        let pk = pk(keys, recipient);
        Self { table, pk }
    }

    /// Charges the recipient with `mail`, which is about to be sent.
    ///
    /// Each UTC day has an attribute of its own that counts its emails. So a new day starts at zero by itself, while the
    /// pause goes on over midnight. The counts of the four days before are removed.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or the item makes no sense.
    pub async fn charge(&self, mail: &LastMail, limits: &Limits) -> Result<Condition<SendRecord>, TableError> {
        let today = mail.sent_at.date();
        let mut update = self
            .table
            .update(&self.pk)
            .update_expression(
                "SET last_sent_at = :now, last_request = :charge, last_asked_for = :asked_for, \
                 last_challenge = :challenge, last_expires_at = :challenge_expires_at, expires_at = :expires_at \
                 ADD #today :one REMOVE #day_1, #day_2, #day_3, #day_4",
            )
            .condition_expression(
                "(attribute_not_exists(last_sent_at) OR last_sent_at <= :pause_over) \
                 AND (attribute_not_exists(#today) OR #today < :mails_per_day) \
                 AND (attribute_not_exists(last_request) OR last_request <> :charge)",
            )
            .expression_attribute_names("#today", mails_on(today))
            .expression_attribute_values(":now", time(mail.sent_at))
            .expression_attribute_values(":charge", text(&mail.charge))
            .expression_attribute_values(":asked_for", text(&mail.asked_for))
            .expression_attribute_values(":challenge", text(&mail.challenge))
            .expression_attribute_values(":challenge_expires_at", time(mail.expires_at))
            .expression_attribute_values(":expires_at", time(mail.sent_at + LIFETIME))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":pause_over", time(mail.sent_at - limits.resend_pause))
            .expression_attribute_values(":mails_per_day", number(&limits.mails_per_day));
        for days in 1..=4 {
            let day = today.saturating_sub(Duration::days(days));
            update = update.expression_attribute_names(format!("#day_{days}"), mails_on(day));
        }
        let written = write("charge a recipient", update).await?;
        match written.try_map(|item| read(&item.unwrap_or_default(), today))? {
            // The SDK repeated the charge after its response was lost.
            Condition::Failed(record) if record.last_mail.as_ref().map(|last| last.charge) == Some(mail.charge) => {
                Ok(Condition::Held(record))
            }
            written => Ok(written),
        }
    }

    /// Takes the charge for `mail` back: SES did not take it. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn refund(&self, mail: &LastMail) -> Result<(), TableError> {
        self.take_back(mail, 1).await
    }

    /// Ends the pause after `mail` and leaves the email charged. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn end_pause(&self, mail: &LastMail) -> Result<(), TableError> {
        self.take_back(mail, 0).await
    }

    async fn take_back(&self, mail: &LastMail, mails: i32) -> Result<(), TableError> {
        let update = self
            .table
            .update(&self.pk)
            .update_expression(
                "ADD #today :mails \
                 REMOVE last_sent_at, last_request, last_asked_for, last_challenge, last_expires_at",
            )
            .condition_expression("last_request = :charge")
            .expression_attribute_names("#today", mails_on(mail.sent_at.date()))
            .expression_attribute_values(":mails", number(&-mails))
            .expression_attribute_values(":charge", text(&mail.charge));
        write("refund a recipient", update).await?;
        Ok(())
    }
}

fn pk(keys: &Keys, recipient: &Recipient) -> String {
    format!("recipient#{}", keys.item_name.mac(&[recipient.as_bytes()]))
}

/// The attribute that counts the emails of a UTC day.
fn mails_on(day: Date) -> String {
    format!("mails_{day}")
}

fn read(item: &Item, today: Date) -> Result<SendRecord, TableError> {
    let last_mail = |sent_at: UtcDateTime| {
        Ok::<_, TableError>(LastMail {
            sent_at,
            charge: required(read_charge_id(item, "last_request"), "last_request")?,
            asked_for: required(read_challenge_id(item, "last_asked_for"), "last_asked_for")?,
            challenge: required(read_challenge_id(item, "last_challenge"), "last_challenge")?,
            expires_at: required(read_time(item, "last_expires_at"), "last_expires_at")?,
        })
    };
    Ok(SendRecord {
        mails_today: read_number(item, &mails_on(today)).unwrap_or_default(),
        last_mail: read_time(item, "last_sent_at").map(last_mail).transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MIN_SECRET_BYTES;

    fn pk_under(secret: u8) -> String {
        let keys = Keys::derive(&[secret; MIN_SECRET_BYTES]).expect("a secret of the right length");
        pk(&keys, &Recipient::parse("kim@example.com").expect("a plain address"))
    }

    #[test]
    fn the_name_depends_on_the_secret() {
        assert_ne!(pk_under(1), pk_under(2));
    }

    /// Pins the name. A change here ends the pauses and counts that run when it is deployed.
    #[test]
    fn the_name_stays_as_it_is() {
        assert_eq!(pk_under(1), "recipient#T-k5c6pFAIEPRXb5aq68Ytj_6d1whbBSYNzTt4V32_E");
    }
}
