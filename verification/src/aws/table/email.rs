//! What an email costs. One transaction over its challenge, its mailbox and its source charges it before it goes out. Another
//! one settles it if SES did not confirm it.

use std::time::Duration as StdDuration;

use aws_sdk_dynamodb::types::AttributeValue;
use time::Duration;

use super::attribute::{number, text, time};
use super::challenge::TAKES_A_GUESS;
use super::mailbox_day::MailboxItem;
use super::write::{COLLIDES_FOR, Collisions, Transaction, Write};
use super::{Table, TableError, challenge, source_day};
use crate::keys::Keys;
use crate::rules::challenge::Challenge;
use crate::rules::limits::{Limits, Refusal};
use crate::rules::mail_id::MailId;
use crate::rules::mailbox::Mailbox;
use crate::rules::next_step::{Change, Email, Steps};
use crate::rules::source::Source;

/// How long the item of a challenge outlives its code, so that a late repeat of a request still finds it.
const OUTLIVES_CODE: Duration = Duration::days(1);
/// How long a settlement that collides is tried again.
const SETTLES_FOR: StdDuration = StdDuration::from_secs(1);
/// Nobody used the code or its link.
const IS_UNUSED: &str = "attribute_not_exists(linked_at) AND \
    (attribute_not_exists(code_digest) OR attribute_not_exists(guesses) OR NOT contains(guesses, code_digest))";

/// Who pays for the email of a request, whichever challenge it turns out to carry: its mailbox and its source, on its UTC day.
pub struct Payers {
    mailbox: MailboxItem,
    /// The name of the source's item. None if sources are not limited.
    source: Option<String>,
    limits: Limits,
    collisions: Collisions,
    /// Transactions so far, for their tokens.
    transactions: u32,
}

/// What came of charging an email.
pub enum Charge {
    /// It is charged, and may go out.
    Done,
    /// The challenge is not as it was. This is what it is now.
    Found(Option<Challenge>),
    /// A limit refused it. Nobody was charged.
    Refused(Refusal),
}

/// What SES made of an email that it did not confirm.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unsent {
    /// It did not take it.
    NotTaken,
    /// It did not say whether it took it.
    Unconfirmed,
}

impl Payers {
    /// Those of a request.
    pub fn new(keys: &Keys, mailbox: &Mailbox, source: Source, steps: &Steps<'_>) -> Self {
        let Steps { mail, now, limits, .. } = *steps;
        Self {
            mailbox: MailboxItem::new(keys, mailbox, source, now),
            source: limits.unverified_per_source.map(|_| source_day::pk(keys, source, now)),
            limits,
            collisions: Collisions::new(*mail.as_bytes(), COLLIDES_FOR),
            transactions: 0,
        }
    }
}

impl Table {
    /// Charges an email that is about to go out, and makes its challenge take guesses: all or nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or an item makes no sense. Then the email may have been charged or not.
    pub async fn charge(&self, email: &Email<'_>, payers: &mut Payers) -> Result<Charge, TableError> {
        let mut writes = vec![
            open(email, payers.source.as_deref()),
            payers.mailbox.charge(&payers.limits, email.now),
        ];
        if let (Some(source), Some(limit)) = (&payers.source, payers.limits.unverified_per_source) {
            writes.push(source_day::charge(source.clone(), limit, email.now));
        }
        payers.transactions += 1;
        let token = token(email.id, payers.transactions);
        let refused = match self.transact(token, writes, &mut payers.collisions).await? {
            Transaction::Done => return Ok(Charge::Done),
            Transaction::Refused(items) => items,
        };
        let mut refused = refused.into_iter();
        // The challenge comes first: its item tells a repeat, which no limit refuses.
        if let Some(found) = refused.next().flatten() {
            let found = (!found.is_empty()).then(|| challenge::read(&found)).transpose()?;
            return Ok(Charge::Found(found));
        }
        Ok(Charge::Refused(match refused.next().flatten() {
            Some(item) => payers.limits.mailbox_refusal(payers.mailbox.read(&item), email.now),
            None => Refusal::until_tomorrow("source", email.now),
        }))
    }

    /// Takes a charge back after SES did not confirm the email. False if somebody used, guessed at or asked anew for the code
    /// meanwhile: then all stays charged, or guesses would be free.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond. Then all may stay charged.
    pub async fn settle(&self, unsent: Unsent, email: &Email<'_>, payers: &Payers) -> Result<bool, TableError> {
        let mut writes = vec![
            close(unsent, email, payers.source.as_deref()),
            match unsent {
                Unsent::NotTaken => payers.mailbox.take_back(),
                Unsent::Unconfirmed => payers.mailbox.unconfirmed(&payers.limits, email.now),
            },
        ];
        writes.extend(payers.source.clone().map(|source| source_day::take_off(source, 1)));
        let mut collisions = Collisions::new(*email.id.as_bytes(), SETTLES_FOR);
        let settled = self.transact(token(email.id, 0), writes, &mut collisions).await?;
        Ok(matches!(settled, Transaction::Done))
    }
}

/// Names the transactions of an email, in at most 36 characters. The settlement is number 0.
fn token(mail: MailId, number: u32) -> String {
    format!("{mail}-{number}")
}

/// The part of a charge that concerns the challenge. It holds while the challenge is as the email was chosen by.
fn open(email: &Email, source: Option<&str>) -> Write {
    let mut write = Write::new("charge an email", challenge::pk(email.challenge))
        .set("mail = :mail, sent_at = :now")
        .value(":mail", text(&email.id))
        .value(":now", time(email.now))
        .value(":code", text(&email.code_digest().as_str()));
    if email.is_first() {
        write = write
            .set("generation = :mail, code_digest = :code, ends_at = :ends_at, expires_at = :expires_at")
            .value(":ends_at", time(email.ends_at))
            .value(":expires_at", time(email.ends_at + OUTLIVES_CODE));
    }
    let as_seen = |write: Write, seen: &Challenge| {
        write
            .require("generation = :seen_generation AND mail = :seen_mail")
            .value(":seen_generation", text(&seen.generation))
            .value(":seen_mail", text(&seen.mail))
    };
    let (write, keeps_payers) = match &email.change {
        Change::Create => (write.require("attribute_not_exists(pk)"), false),
        Change::Resend(seen) => {
            let write = as_seen(write, seen).require("code_digest = :code AND attribute_not_exists(linked_at)");
            let write = write
                .require(TAKES_A_GUESS)
                .value(":max_guesses", number(&email.max_guesses));
            (write, true)
        }
        Change::Reopen(seen) => {
            let write = as_seen(write, seen).remove("guesses, last_guess, last_guess_at, linked_at");
            // Who paid for a used code got its emails back.
            if seen.is_used() {
                (write, false)
            } else {
                (write.require(IS_UNUSED), true)
            }
        }
    };
    match source {
        Some(source) if keeps_payers => write
            .set("paid_by.#source = if_not_exists(paid_by.#source, :zero) + :one")
            .name("#source", source)
            .value(":zero", number(&0))
            .value(":one", number(&1)),
        None if keeps_payers => write,
        source => {
            let payers = source.map(|source| (source.to_owned(), number(&1)));
            write
                .set("paid_by = :payers")
                .value(":payers", AttributeValue::M(payers.into_iter().collect()))
        }
    }
}

/// The part of a settlement that concerns the challenge. A generation whose first email SES did not take ends.
fn close(unsent: Unsent, email: &Email, source: Option<&str>) -> Write {
    let write = Write::new("settle an email", challenge::pk(email.challenge))
        .remove("sent_at")
        .require("mail = :mail")
        .value(":mail", text(&email.id));
    let write = if unsent == Unsent::NotTaken && email.is_first() {
        write
            .remove("code_digest")
            .require("attribute_not_exists(linked_at) AND attribute_not_exists(guesses)")
    } else {
        write.require(IS_UNUSED)
    };
    match source {
        Some(source) => write
            .set("paid_by.#source = paid_by.#source - :one")
            .name("#source", source)
            .value(":one", number(&1)),
        None => write,
    }
}
