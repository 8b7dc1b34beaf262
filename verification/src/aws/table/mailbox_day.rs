//! The item of a mailbox on a UTC day: the emails that it was sent, by everybody and by each source.

use data_encoding::BASE64URL_NOPAD;
use time::UtcDateTime;

use super::attribute::{Item, number, read_number, read_time, required, time};
use super::write::Write;
use super::{DAY_LIFETIME, TableError};
use crate::keys::Keys;
use crate::rules::limits::{HOLD, Limits, MAX_UNCONFIRMED, MailboxDay, Refusal, UNCONFIRMED_HOLD};
use crate::rules::mailbox::Mailbox;
use crate::rules::source::Source;

/// How many bytes name a source in the item. Without the key nobody can find another source of the same name.
const SOURCE_NAME_BYTES: usize = 6;

/// A mailbox's item on the UTC day of a request, with the attributes of the request's source.
pub(super) struct MailboxItem {
    pk: String,
    /// The attribute that counts the source's emails, `n_…`.
    mails_of_source: String,
    /// The attribute that has the time of the newest of them, `at_…`.
    last_of_source: String,
    limits: Limits,
    now: UtcDateTime,
}

impl MailboxItem {
    pub(super) fn new(keys: &Keys, mailbox: &Mailbox, source: Source, limits: Limits, now: UtcDateTime) -> Self {
        let name = keys.item_name.mac(&[mailbox.as_bytes()]);
        let source = keys.item_name.mac(&[&source.to_bytes(), mailbox.as_bytes()]);
        let source = BASE64URL_NOPAD.encode(&source.first_chunk::<SOURCE_NAME_BYTES>());
        Self {
            pk: format!("mailbox/{name}/{}", now.date()),
            mails_of_source: format!("n_{source}"),
            last_of_source: format!("at_{source}"),
            limits,
            now,
        }
    }

    /// Charges an email, if the limits allow it. `hold_until` is always set, and read only once enough emails are unconfirmed.
    pub(super) fn charge(&self) -> Write {
        self.write("charge a mailbox")
            .set("#at = :now, hold_until = :hold_until, expires_at = :expires_at")
            .add("mails :one, #n :one")
            .require(
                "(((attribute_not_exists(#n) OR #n = :zero) AND (attribute_not_exists(mails) OR mails < :first_mails_per_day)) \
                 OR (#n < :mails_per_source AND mails < :mails_per_day))",
            )
            .require("(attribute_not_exists(#at) OR #at <= :pause_over)")
            .require("(attribute_not_exists(unconfirmed) OR unconfirmed < :max_unconfirmed OR hold_until <= :now)")
            .value(":now", time(self.now))
            .value(":hold_until", time(self.now + HOLD))
            .value(":expires_at", time(self.now + DAY_LIFETIME))
            .value(":zero", number(&0))
            .value(":one", number(&1))
            .value(":first_mails_per_day", number(&self.limits.first_mails_per_day))
            .value(":mails_per_day", number(&self.limits.mails_per_day))
            .value(":mails_per_source", number(&self.limits.mails_per_source))
            .value(":pause_over", time(self.limits.pause_over(self.now)))
            .value(":max_unconfirmed", number(&MAX_UNCONFIRMED))
    }

    /// Ends the source's pause. By itself it takes no charge back.
    fn end_pause(&self, step: &'static str) -> Write {
        self.write(step)
            .remove("#at")
            .require("mails >= :one AND #n >= :one")
            .value(":one", number(&1))
    }

    /// Takes the charge back: SES did not take the email.
    pub(super) fn take_back(&self) -> Write {
        self.end_pause("take an email off a mailbox")
            .add("mails :minus, #n :minus")
            .value(":minus", number(&-1))
    }

    /// Turns the charge into an unconfirmed email: SES did not say whether it took it. Where those stay charged, only the pause
    /// ends.
    pub(super) fn unconfirmed(&self) -> Write {
        if self.limits.unconfirmed_stay_charged {
            return self.end_pause("end the pause of a mailbox");
        }
        self.take_back()
            .set("hold_until = :hold_until")
            .add("unconfirmed :one")
            .value(":hold_until", time(self.now + UNCONFIRMED_HOLD))
    }

    /// Why the mailbox takes no email of the source, if this is its item.
    ///
    /// # Errors
    ///
    /// [`TableError`] if nothing in the item says why. Then it makes no sense, and no wait would help.
    pub(super) fn refusal(&self, item: &Item) -> Result<Refusal, TableError> {
        let day = MailboxDay {
            mails: read_number(item, "mails").unwrap_or_default(),
            mails_of_source: read_number(item, &self.mails_of_source).unwrap_or_default(),
            last_of_source: read_time(item, &self.last_of_source),
            unconfirmed: read_number(item, "unconfirmed").unwrap_or_default(),
            hold_until: read_time(item, "hold_until"),
        };
        let refusal = self.limits.mailbox_refusal(day, self.now);
        required(refusal.retry_after.is_positive().then_some(refusal), "count or time")
    }

    fn write(&self, step: &'static str) -> Write {
        Write::new(step, self.pk.clone())
            .name("#n", &self.mails_of_source)
            .name("#at", &self.last_of_source)
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue;

    use super::*;
    use crate::keys::MIN_SECRET_BYTES;
    use crate::rules::limits::tests::LIMITS;
    use crate::rules::recipient::Recipient;

    #[test]
    fn an_item_that_gives_no_reason_to_refuse_makes_no_sense() {
        let keys = Keys::derive(&[1; MIN_SECRET_BYTES]).expect("keys");
        let mailbox = Mailbox::of(&Recipient::parse("kim@example.com").expect("an address"));
        let source = Source::parse("203.0.113.7").expect("a source");
        let item = MailboxItem::new(&keys, &mailbox, source, LIMITS, UtcDateTime::UNIX_EPOCH);
        let refusal = |mails| item.refusal(&Item::from([("mails".to_owned(), mails)]));
        assert_eq!(refusal(number(&20)).ok().map(|refusal| refusal.limit), Some("mailbox"));
        assert!(refusal(number(&1)).is_err());
        assert!(refusal(AttributeValue::L(Vec::new())).is_err());
    }
}
