//! The steps on what a recipient and a source have used up: charge, refund.

use time::{Duration, OffsetDateTime};

use super::item::{mails_on, number, send_record_of, text};
use super::{Table, TableError, Write};
use crate::address::Recipient;
use crate::challenge::ChallengeId;
use crate::keys::Keys;
use crate::limits::{LastMail, Limits, SendRecord};
use crate::source::Source;

/// Seconds that a recipient's item outlives its last mail: longer than a day's count or a pause can matter.
const RECIPIENT_ITEM_LIFETIME: i64 = 2 * 24 * 3_600;
/// Seconds that a source's item outlives its last request: longer than its hour.
const SOURCE_ITEM_LIFETIME: i64 = 2 * 3_600;

/// Whether a recipient or source was within its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge<T> {
    /// It was, and the charge is made. What stands now.
    Made(T),
    /// It was not, and nothing changed. What stands.
    Refused(T),
}

impl Table {
    /// Charges the recipient with `mail`, which is about to be sent.
    ///
    /// The count of a day is an attribute named after it, so that it starts anew by itself while the pause since the
    /// last mail goes on over midnight. The counts of the days before are removed.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer or holds something else.
    pub async fn charge_recipient(
        &self,
        keys: &Keys,
        recipient: &Recipient,
        mail: &LastMail,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<Charge<SendRecord>, TableError> {
        let mut update = self
            .update(keys.recipient_pk(recipient))
            .update_expression(
                "SET last_sent_at = :now, last_request = :request, last_asked_for = :asked_for, \
                 last_challenge = :challenge, last_expires_at = :challenge_expires_at, expires_at = :expires_at \
                 ADD #today :one REMOVE #day_1, #day_2, #day_3, #day_4",
            )
            .condition_expression(
                "(attribute_not_exists(last_sent_at) OR last_sent_at <= :pause_over) \
                 AND (attribute_not_exists(#today) OR #today < :mails_per_day) \
                 AND (attribute_not_exists(last_request) OR last_request <> :request)",
            )
            .expression_attribute_names("#today", mails_on(now.date()))
            .expression_attribute_values(":now", number(&mail.sent_at))
            .expression_attribute_values(":request", text(&mail.request))
            .expression_attribute_values(":asked_for", text(&mail.asked_for))
            .expression_attribute_values(":challenge", text(&mail.challenge))
            .expression_attribute_values(":challenge_expires_at", number(&mail.expires_at))
            .expression_attribute_values(":expires_at", number(&(mail.sent_at + RECIPIENT_ITEM_LIFETIME)))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":pause_over", number(&(mail.sent_at - limits.resend_pause)))
            .expression_attribute_values(":mails_per_day", number(&limits.mails_per_day));
        for days in 1..=4 {
            let day = now.date().saturating_sub(Duration::days(days));
            update = update.expression_attribute_names(format!("#day_{days}"), mails_on(day));
        }
        match Write::of("charge a recipient", update.send().await)? {
            Write::Done(item) => Ok(Charge::Made(send_record_of(&item, now)?)),
            Write::Refused(item) => {
                let record = send_record_of(&item.unwrap_or_default(), now)?;
                let is_repeat = record
                    .last_mail
                    .as_ref()
                    .is_some_and(|last| last.request == mail.request);
                Ok(if is_repeat {
                    Charge::Made(record)
                } else {
                    Charge::Refused(record)
                })
            }
        }
    }

    /// Takes back the charge that `request` made at `now`: its mail was not sent. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn refund_recipient(
        &self,
        keys: &Keys,
        recipient: &Recipient,
        request: ChallengeId,
        now: OffsetDateTime,
    ) -> Result<(), TableError> {
        self.take_back(keys, recipient, request, now, 1).await
    }

    /// Ends the pause that `request` began at `now`, and leaves its mail charged. A second time changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn end_pause(
        &self,
        keys: &Keys,
        recipient: &Recipient,
        request: ChallengeId,
        now: OffsetDateTime,
    ) -> Result<(), TableError> {
        self.take_back(keys, recipient, request, now, 0).await
    }

    async fn take_back(
        &self,
        keys: &Keys,
        recipient: &Recipient,
        request: ChallengeId,
        now: OffsetDateTime,
        mails: i32,
    ) -> Result<(), TableError> {
        let update = self
            .update(keys.recipient_pk(recipient))
            .update_expression(
                "ADD #today :mails \
                 REMOVE last_sent_at, last_request, last_asked_for, last_challenge, last_expires_at",
            )
            .condition_expression("last_request = :request")
            .expression_attribute_names("#today", mails_on(now.date()))
            .expression_attribute_values(":mails", number(&-mails))
            .expression_attribute_values(":request", text(&request));
        Write::of("refund a recipient", update.send().await)?;
        Ok(())
    }

    /// Charges the source with one request.
    ///
    /// A repeat whose source made another request meanwhile is not recognised. The count may then be off by one, which
    /// no promise to a person depends on.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn charge_source(
        &self,
        keys: &Keys,
        source: Source,
        request: ChallengeId,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<Charge<()>, TableError> {
        if limits.requests_per_hour == 0 {
            return Ok(Charge::Made(()));
        }
        let update = self
            .update(keys.source_pk(source, now))
            .update_expression("SET last_request = :request, expires_at = :expires_at ADD requests :one")
            .condition_expression(
                "attribute_not_exists(requests) OR (requests < :requests_per_hour AND last_request <> :request)",
            )
            .expression_attribute_values(":request", text(&request))
            .expression_attribute_values(":expires_at", number(&(now.unix_timestamp() + SOURCE_ITEM_LIFETIME)))
            .expression_attribute_values(":one", number(&1))
            .expression_attribute_values(":requests_per_hour", number(&limits.requests_per_hour));
        match Write::of("charge a source", update.send().await)? {
            Write::Done(_) => Ok(Charge::Made(())),
            Write::Refused(item) => {
                let is_repeat = item.is_some_and(|item| item.get("last_request") == Some(&text(&request)));
                Ok(if is_repeat {
                    Charge::Made(())
                } else {
                    Charge::Refused(())
                })
            }
        }
    }

    /// Takes back the charge that `request` made at `now`. A repeat of the last refund changes nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not answer.
    pub async fn refund_source(
        &self,
        keys: &Keys,
        source: Source,
        request: ChallengeId,
        limits: &Limits,
        now: OffsetDateTime,
    ) -> Result<(), TableError> {
        if limits.requests_per_hour == 0 {
            return Ok(());
        }
        let update = self
            .update(keys.source_pk(source, now))
            .update_expression("SET last_refund = :request ADD requests :minus_one")
            .condition_expression("requests > :zero AND (attribute_not_exists(last_refund) OR last_refund <> :request)")
            .expression_attribute_values(":request", text(&request))
            .expression_attribute_values(":minus_one", number(&-1))
            .expression_attribute_values(":zero", number(&0));
        Write::of("refund a source", update.send().await)?;
        Ok(())
    }
}
