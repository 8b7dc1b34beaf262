//! The item of a mailbox: how many emails it was sent, by everybody.
//!
//! Requests of different sources charge it at the same time, so it remembers each charge of the day by its id. A charge and a
//! refund are then exact, however often and in whatever order their writes arrive.

use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use time::{Date, Duration, UtcDateTime};

use super::attribute::{Item, number, read_number, text, time};
use super::{Table, TableError, write};
use crate::keys::Keys;
use crate::rules::charge::ChargeId;
use crate::rules::condition::Condition;
use crate::rules::mailbox::Mailbox;

/// How long the item outlives the newest email: longer than a day's count can matter.
const LIFETIME: Duration = Duration::days(2);

/// The attributes of a UTC day. Each name ends with the day, so a new day starts at zero by itself.
///
/// `mails` counts what is charged, `sends` what may have reached the mailbox, `charges` has the ids of the charges, `refunds`
/// those that were taken back before they arrived, and `unconfirmed` the first one of which SES did not say what became of it.
/// `last_refund`, which has no day, is the newest one that was taken back, in case a repeat of its charge is still on its way.
const OF_A_DAY: [&str; 5] = ["mails", "sends", "charges", "refunds", "unconfirmed"];

/// The item of a mailbox, on the UTC day of a request.
pub struct MailboxItem<'a> {
    table: &'a Table,
    pk: String,
    now: UtcDateTime,
}

impl<'a> MailboxItem<'a> {
    pub(super) fn new(table: &'a Table, keys: &Keys, mailbox: &Mailbox, now: UtcDateTime) -> Self {
        let pk = pk(keys, mailbox);
        Self { table, pk, now }
    }

    /// Charges the mailbox with an email that is about to be sent. Returns the day's count.
    ///
    /// It holds while fewer than `cap` emails are charged and fewer than `max_sends` may have reached the mailbox. The
    /// attributes of past days are removed.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn charge(&self, charge: ChargeId, cap: u32, max_sends: u32) -> Result<Condition<u32>, TableError> {
        let past = past_days(self.now.date());
        let placeholders: Vec<_> = (0..past.len()).map(|index| format!("#past_{index}")).collect();
        let update = format!(
            "ADD #mails :one, #sends :one, #charges :charges SET expires_at = :expires_at REMOVE {}",
            placeholders.join(", ")
        );
        let mut update = self
            .update()
            .update_expression(update)
            .condition_expression(
                "(attribute_not_exists(#mails) OR #mails < :cap) \
                 AND (attribute_not_exists(#sends) OR #sends < :max_sends) \
                 AND (attribute_not_exists(#charges) OR NOT contains(#charges, :charge)) \
                 AND (attribute_not_exists(#refunds) OR NOT contains(#refunds, :charge)) \
                 AND (attribute_not_exists(last_refund) OR last_refund <> :charge)",
            )
            .expression_attribute_names("#mails", self.attribute("mails"))
            .expression_attribute_names("#sends", self.attribute("sends"))
            .expression_attribute_names("#charges", self.attribute("charges"))
            .expression_attribute_names("#refunds", self.attribute("refunds"))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":charges", set(charge))
            .expression_attribute_values(":charge", text(&charge))
            .expression_attribute_values(":expires_at", time(self.now + LIFETIME))
            .expression_attribute_values(":cap", number(&cap))
            .expression_attribute_values(":max_sends", number(&max_sends));
        for (placeholder, name) in placeholders.into_iter().zip(past) {
            update = update.expression_attribute_names(placeholder, name);
        }
        let (is_charged, item) = match write("charge a mailbox", update).await? {
            Condition::Held(item) => (true, item.unwrap_or_default()),
            // The SDK repeats a charge whose response was lost.
            Condition::Failed(item) => {
                let item = item.unwrap_or_default();
                (self.has(&item, charge), item)
            }
        };
        let mails_today = read_number(&item, &self.attribute("mails")).unwrap_or_default();
        Ok(if is_charged {
            Condition::Held(mails_today)
        } else {
            Condition::Failed(mails_today)
        })
    }

    /// Takes a charge back: SES did not take the email. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn refund(&self, charge: ChargeId) -> Result<(), TableError> {
        self.take_back(charge, -1).await?;
        Ok(())
    }

    /// Takes a charge back whose email may have reached the mailbox all the same. It goes on to count as sent.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn forgive(&self, charge: ChargeId) -> Result<(), TableError> {
        self.take_back(charge, 0).await?;
        Ok(())
    }

    /// Takes a charge back of which nobody knows whether it was made. If it arrives later, it is refused.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn cancel(&self, charge: ChargeId) -> Result<(), TableError> {
        if let Condition::Held(()) = self.take_back(charge, -1).await? {
            return Ok(());
        }
        let update = self
            .update()
            .update_expression("ADD #refunds :charges SET expires_at = :expires_at")
            .condition_expression("attribute_not_exists(#charges) OR NOT contains(#charges, :charge)")
            .expression_attribute_names("#refunds", self.attribute("refunds"))
            .expression_attribute_names("#charges", self.attribute("charges"))
            .expression_attribute_values(":charges", set(charge))
            .expression_attribute_values(":charge", text(&charge))
            .expression_attribute_values(":expires_at", time(self.now + LIFETIME));
        if let Condition::Failed(_) = write("refund a mailbox", update).await? {
            // The charge arrived in between.
            self.take_back(charge, -1).await?;
        }
        Ok(())
    }

    /// Notes that SES did not say what became of the email. Holds for the first one of the day, which stays charged.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn note_unconfirmed(&self, charge: ChargeId) -> Result<Condition<()>, TableError> {
        let update = self
            .update()
            .update_expression("SET #unconfirmed = :charge")
            .condition_expression("attribute_not_exists(#unconfirmed) OR #unconfirmed = :charge")
            .expression_attribute_names("#unconfirmed", self.attribute("unconfirmed"))
            .expression_attribute_values(":charge", text(&charge));
        write("charge a mailbox", update).await?.try_map(|_| Ok(()))
    }

    async fn take_back(&self, charge: ChargeId, sends: i32) -> Result<Condition<()>, TableError> {
        let update = self
            .update()
            .update_expression(
                "ADD #mails :minus_one, #sends :sends DELETE #charges :charges SET last_refund = :charge",
            )
            .condition_expression("contains(#charges, :charge)")
            .expression_attribute_names("#mails", self.attribute("mails"))
            .expression_attribute_names("#sends", self.attribute("sends"))
            .expression_attribute_names("#charges", self.attribute("charges"))
            .expression_attribute_values(":minus_one", number(&-1))
            .expression_attribute_values(":sends", number(&sends))
            .expression_attribute_values(":charges", set(charge))
            .expression_attribute_values(":charge", text(&charge));
        write("refund a mailbox", update).await?.try_map(|_| Ok(()))
    }

    fn update(&self) -> UpdateItemFluentBuilder {
        self.table.update(&self.pk)
    }

    fn attribute(&self, name: &str) -> String {
        on(name, self.now.date())
    }

    fn has(&self, item: &Item, charge: ChargeId) -> bool {
        let charges = item.get(&self.attribute("charges"));
        let charges = charges.and_then(|charges| charges.as_ss().ok());
        charges.is_some_and(|charges| charges.contains(&charge.to_string()))
    }
}

/// The kind is called `recipient`, as it was when only the recipient's own address was counted: the counts of a plain address
/// then go on over an update.
fn pk(keys: &Keys, mailbox: &Mailbox) -> String {
    format!("recipient#{}", keys.item_name.mac(&[mailbox.as_bytes()]))
}

/// An attribute of a UTC day.
fn on(name: &str, day: Date) -> String {
    format!("{name}_{day}")
}

/// The attributes of the four days before yesterday. At midnight a request of yesterday may still be on its way.
fn past_days(today: Date) -> Vec<String> {
    let days = (2..=5).map(|days| today.saturating_sub(Duration::days(days)));
    days.flat_map(|day| OF_A_DAY.map(|name| on(name, day))).collect()
}

fn set(charge: ChargeId) -> AttributeValue {
    AttributeValue::Ss(vec![charge.to_string()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MIN_SECRET_BYTES;
    use crate::rules::recipient::Recipient;

    fn pk_under(secret: u8) -> String {
        let keys = Keys::derive(&[secret; MIN_SECRET_BYTES]).expect("a secret of the right length");
        let recipient = Recipient::parse("kim+tag@example.com").expect("a plain address");
        pk(&keys, &Mailbox::of(&recipient))
    }

    #[test]
    fn the_name_depends_on_the_secret() {
        assert_ne!(pk_under(1), pk_under(2));
    }

    /// Pins the name. A change here ends the counts that run when it is deployed.
    #[test]
    fn the_name_stays_as_it_is() {
        assert_eq!(pk_under(1), "recipient#T-k5c6pFAIEPRXb5aq68Ytj_6d1whbBSYNzTt4V32_E");
    }
}
