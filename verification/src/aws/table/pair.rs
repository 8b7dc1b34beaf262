//! The item of a source and a mailbox: what the one has sent the other, and the pause between two emails.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use time::{Date, Duration, UtcDateTime};

use super::attribute::{Item, number, read_challenge_id, read_charge_id, read_number, read_time, required, text, time};
use super::{Table, TableError, write};
use crate::keys::Keys;
use crate::rules::condition::Condition;
use crate::rules::limits::Limits;
use crate::rules::mailbox::Mailbox;
use crate::rules::repeat::{LastMail, SendRecord};
use crate::rules::source::Source;

/// How long the item outlives the newest email: longer than a day's count or a pause can matter.
const LIFETIME: Duration = Duration::days(2);

/// The item of a source and a mailbox.
pub struct PairItem<'a> {
    table: &'a Table,
    pk: String,
}

impl<'a> PairItem<'a> {
    pub(super) fn new(table: &'a Table, keys: &Keys, source: Source, mailbox: &Mailbox) -> Self {
        let name = keys.item_name.mac(&[&source.to_bytes(), mailbox.as_bytes()]);
        let pk = format!("pair#{name}");
        Self { table, pk }
    }

    /// Charges the two with `mail`, which is about to be sent.
    ///
    /// Each UTC day has an attribute of its own that counts its emails, so a new day starts at zero by itself while the pause
    /// goes on over midnight. The counts of past days are removed.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or the item makes no sense.
    pub async fn charge(&self, mail: &LastMail, limits: &Limits) -> Result<Condition<SendRecord>, TableError> {
        let today = mail.sent_at.date();
        let (set, remove) = match mail.asked_for {
            Some(_) => (", last_asked_for = :asked_for", ""),
            None => ("", ", last_asked_for"),
        };
        let past = past_days(today);
        let placeholders: Vec<_> = (0..past.len()).map(|index| format!("#past_{index}")).collect();
        let past_placeholders = placeholders.join(", ");
        let update = format!(
            "SET last_sent_at = :now, last_charge = :charge, expires_at = :expires_at{set} \
             ADD #today :one, #sends :one REMOVE {past_placeholders}{remove}"
        );
        let mut update = self
            .update()
            .update_expression(update)
            .condition_expression(
                "(attribute_not_exists(last_sent_at) OR last_sent_at <= :pause_over) \
                 AND (attribute_not_exists(#today) OR #today < :mails_per_source) \
                 AND (attribute_not_exists(#sends) OR #sends < :max_sends) \
                 AND (attribute_not_exists(last_charge) OR last_charge <> :charge) \
                 AND (attribute_not_exists(last_refund) OR last_refund <> :charge)",
            )
            .expression_attribute_names("#today", on("mails", today))
            .expression_attribute_names("#sends", on("sends", today))
            .expression_attribute_values(":max_sends", number(&limits.max_mails_of_source()))
            .expression_attribute_values(":now", time(mail.sent_at))
            .expression_attribute_values(":charge", text(&mail.charge))
            .expression_attribute_values(":expires_at", time(mail.sent_at + LIFETIME))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":pause_over", time(mail.sent_at - limits.resend_pause))
            .expression_attribute_values(":mails_per_source", number(&limits.mails_per_source));
        if let Some(asked_for) = mail.asked_for {
            update = update.expression_attribute_values(":asked_for", text(&asked_for));
        }
        for (placeholder, name) in placeholders.into_iter().zip(past) {
            update = update.expression_attribute_names(placeholder, name);
        }
        let written = write("charge a source and a mailbox", update).await?;
        match written.try_map(|item| read(&item.unwrap_or_default(), today))? {
            // The SDK repeated the charge after its response was lost.
            Condition::Failed(record) if record.last_mail.as_ref().map(|last| last.charge) == Some(mail.charge) => {
                Ok(Condition::Held(record))
            }
            written => Ok(written),
        }
    }

    /// Takes the charge for `mail` back and ends its pause. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn refund(&self, mail: &LastMail) -> Result<(), TableError> {
        self.take_back(mail, 1, 1).await?;
        Ok(())
    }

    /// Takes the charge for `mail` back and ends its pause. The email may have arrived all the same, and goes on to count as sent.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn forgive(&self, mail: &LastMail) -> Result<(), TableError> {
        self.take_back(mail, 1, 0).await?;
        Ok(())
    }

    /// Ends the pause after `mail` and leaves the email charged. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn end_pause(&self, mail: &LastMail) -> Result<(), TableError> {
        self.take_back(mail, 0, 0).await?;
        Ok(())
    }

    /// Takes a charge back of which nobody knows whether it was made. If it arrives later, it is refused.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn cancel(&self, mail: &LastMail) -> Result<(), TableError> {
        if let Condition::Held(()) = self.take_back(mail, 1, 1).await? {
            return Ok(());
        }
        let update = self
            .update()
            .update_expression("SET last_refund = :charge, expires_at = :expires_at")
            .condition_expression("attribute_not_exists(last_charge) OR last_charge <> :charge")
            .expression_attribute_values(":charge", text(&mail.charge))
            .expression_attribute_values(":expires_at", time(mail.sent_at + LIFETIME));
        if let Condition::Failed(_) = write("refund a source and a mailbox", update).await? {
            // The charge arrived in between.
            self.take_back(mail, 1, 1).await?;
        }
        Ok(())
    }

    async fn take_back(&self, mail: &LastMail, mails: i32, sends: i32) -> Result<Condition<()>, TableError> {
        let update = self
            .update()
            .update_expression(
                "SET last_refund = :charge ADD #today :mails, #sends :sends \
                 REMOVE last_sent_at, last_charge, last_asked_for",
            )
            .condition_expression("last_charge = :charge")
            .expression_attribute_names("#today", on("mails", mail.sent_at.date()))
            .expression_attribute_names("#sends", on("sends", mail.sent_at.date()))
            .expression_attribute_values(":mails", number(&-mails))
            .expression_attribute_values(":sends", number(&-sends))
            .expression_attribute_values(":charge", text(&mail.charge));
        let written = write("refund a source and a mailbox", update).await?;
        written.try_map(|_| Ok(()))
    }

    fn update(&self) -> UpdateItemFluentBuilder {
        self.table.update(&self.pk)
    }
}

/// An attribute of a UTC day: `mails` counts what is charged, `sends` what may have reached the mailbox.
fn on(name: &str, day: Date) -> String {
    format!("{name}_{day}")
}

/// The attributes of the four days before yesterday.
fn past_days(today: Date) -> Vec<String> {
    let days = (2..=5).map(|days| today.saturating_sub(Duration::days(days)));
    days.flat_map(|day| ["mails", "sends"].map(|name| on(name, day)))
        .collect()
}

fn read(item: &Item, today: Date) -> Result<SendRecord, TableError> {
    let last_mail = |sent_at: UtcDateTime| {
        Ok::<_, TableError>(LastMail {
            sent_at,
            charge: required(read_charge_id(item, "last_charge"), "last_charge")?,
            asked_for: read_challenge_id(item, "last_asked_for"),
        })
    };
    Ok(SendRecord {
        mails_today: read_number(item, &on("mails", today)).unwrap_or_default(),
        sends_today: read_number(item, &on("sends", today)).unwrap_or_default(),
        last_mail: read_time(item, "last_sent_at").map(last_mail).transpose()?,
    })
}
