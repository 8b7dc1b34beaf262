//! The item of a mailbox on a UTC day: the emails that it was sent, by everybody and by each source.

use time::{Duration, UtcDateTime};

use super::attribute::{Item, number, read_number, read_time, time};
use super::write::Write;
use crate::keys::Keys;
use crate::rules::limits::{HOLD, Limits, MAX_UNCONFIRMED, MailboxDay, UNCONFIRMED_HOLD};
use crate::rules::mailbox::Mailbox;
use crate::rules::source::Source;

/// How long the item outlives the newest email: longer than its day.
const LIFETIME: Duration = Duration::days(2);

/// The bytes of the name that a source has in the item. Nobody can find a second source for one without the key.
const SOURCE_NAME_BYTES: usize = 6;

/// A mailbox's item on the UTC day of a request, with the attributes of the request's source.
pub(super) struct MailboxItem {
    pk: String,
    /// The source's emails.
    n: String,
    /// When its newest one was charged.
    at: String,
}

impl MailboxItem {
    pub(super) fn new(keys: &Keys, mailbox: &Mailbox, source: Source, now: UtcDateTime) -> Self {
        let source = keys.item_name.mac(&[&source.to_bytes(), mailbox.as_bytes()]);
        let source = data_encoding::BASE64URL_NOPAD.encode(&source.first_chunk::<SOURCE_NAME_BYTES>());
        Self {
            pk: format!("mailbox/{}/{}", keys.item_name.mac(&[mailbox.as_bytes()]), now.date()),
            n: format!("n_{source}"),
            at: format!("at_{source}"),
        }
    }

    /// Charges an email, if the limits allow it.
    pub(super) fn charge(&self, limits: &Limits, now: UtcDateTime) -> Write {
        self.write("charge a mailbox")
            .set("#at = :now, hold_until = :hold_until, expires_at = :expires_at")
            .add("mails :one, #n :one")
            .require(
                "(((attribute_not_exists(#n) OR #n = :zero) AND (attribute_not_exists(mails) OR mails < :first_mails_per_day)) \
                 OR (#n < :mails_per_source AND mails < :mails_per_day))",
            )
            .require("(attribute_not_exists(#at) OR #at <= :pause_over)")
            .require("(attribute_not_exists(unconfirmed) OR unconfirmed < :max_unconfirmed OR hold_until <= :now)")
            .value(":now", time(now))
            .value(":hold_until", time(now + HOLD))
            .value(":expires_at", time(now + LIFETIME))
            .value(":zero", number(&0))
            .value(":one", number(&1))
            .value(":first_mails_per_day", number(&limits.first_mails_per_day))
            .value(":mails_per_day", number(&limits.mails_per_day))
            .value(":mails_per_source", number(&limits.mails_per_source))
            .value(":pause_over", time(limits.pause_over(now)))
            .value(":max_unconfirmed", number(&MAX_UNCONFIRMED))
    }

    /// Ends the source's pause and leaves the email charged.
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

    /// Notes an unconfirmed email in place of the charge: SES did not say what became of it.
    pub(super) fn unconfirmed(&self, limits: &Limits, now: UtcDateTime) -> Write {
        if limits.unconfirmed_stay_charged {
            return self.end_pause("end the pause of a mailbox");
        }
        self.take_back()
            .set("hold_until = :hold_until")
            .add("unconfirmed :one")
            .value(":hold_until", time(now + UNCONFIRMED_HOLD))
    }

    /// Reads the item as it is to the source.
    pub(super) fn read(&self, item: &Item) -> MailboxDay {
        MailboxDay {
            mails: read_number(item, "mails").unwrap_or_default(),
            mails_of_source: read_number(item, &self.n).unwrap_or_default(),
            last_of_source: read_time(item, &self.at),
            unconfirmed: read_number(item, "unconfirmed").unwrap_or_default(),
            hold_until: read_time(item, "hold_until"),
        }
    }

    fn write(&self, step: &'static str) -> Write {
        Write::new(step, self.pk.clone())
            .name("#n", &self.n)
            .name("#at", &self.at)
    }
}
