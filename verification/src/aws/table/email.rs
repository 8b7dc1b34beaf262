//! What an email costs. One transaction over its challenge, its mailbox and its source charges it before it goes out. Another
//! one undoes that if SES did not take it, or did not say.

use std::time::Duration as StdDuration;

use aws_sdk_dynamodb::types::AttributeValue;

use super::attribute::{number, text, time};
use super::challenge::{OUTLIVES_CODE, TAKES_A_GUESS};
use super::mailbox_day::MailboxItem;
use super::source_day::SourceItem;
use super::write::{COLLIDES_FOR, Collisions, Transaction, Write};
use super::{Table, TableError, challenge, source_day};
use crate::keys::Keys;
use crate::rules::challenge::Challenge;
use crate::rules::limits::Refusal;
use crate::rules::mailbox::Mailbox;
use crate::rules::next_step::{Change, Chooser, Email};
use crate::rules::source::Source;

/// How long an undoing that collides is tried again.
const UNDOES_FOR: StdDuration = StdDuration::from_secs(1);
/// Nobody used the code or its link.
const IS_UNUSED: &str = "attribute_not_exists(linked_at) AND \
    (attribute_not_exists(code_digest) OR attribute_not_exists(guesses) OR NOT contains(guesses, code_digest))";

/// What the email of a request is charged to, beside its challenge: its mailbox and its source, on its UTC day.
pub struct Account {
    mailbox: MailboxItem,
    /// None if sources are not limited.
    source: Option<SourceItem>,
    collisions: Collisions,
    /// Transactions so far, for their tokens.
    transactions: u32,
}

/// What came of charging an email.
pub enum Charge {
    /// It is charged, and may go out.
    Done,
    /// The challenge has changed since the email was chosen. This is what it is now.
    Found(Option<Challenge>),
    /// A limit refused it. Nobody was charged.
    Refused(Refusal),
}

/// How SES failed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It did not take the email.
    NotTaken,
    /// It did not say whether it took it.
    Unconfirmed,
}

impl Account {
    /// That of a request, under the active keys.
    pub fn new(keys: &Keys, mailbox: &Mailbox, source: Source, chooser: &Chooser) -> Self {
        let (limits, now) = (chooser.limits, chooser.now);
        let limit = limits.unverified_per_source;
        Self {
            mailbox: MailboxItem::new(keys, mailbox, source, limits, now),
            source: limit.map(|limit| SourceItem::new(keys, source, limit, now)),
            collisions: Collisions::new(*chooser.mail.as_bytes(), COLLIDES_FOR),
            transactions: 0,
        }
    }

    fn source_pk(&self) -> Option<&str> {
        self.source.as_ref().map(|source| source.pk.as_str())
    }
}

impl Table {
    /// Charges an email that is about to go out, and lets its challenge take guesses: all or nothing.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond or an item makes no sense. Then the email may have been charged or not.
    pub async fn charge(&self, email: &Email<'_>, account: &mut Account) -> Result<Charge, TableError> {
        let mut writes = vec![charge_challenge(email, account.source_pk()), account.mailbox.charge()];
        writes.extend(account.source.as_ref().map(SourceItem::charge));
        account.transactions += 1;
        let token = token(email, account.transactions);
        let mut failed = match self.transact(token, writes, &mut account.collisions).await? {
            Transaction::Done => return Ok(Charge::Done),
            Transaction::Failed(items) => items.into_iter(),
        };
        // The challenge comes first: its item tells a repeat, which no limit refuses.
        if let Some(found) = failed.next().flatten() {
            let found = (!found.is_empty()).then(|| challenge::read(&found)).transpose()?;
            return Ok(Charge::Found(found));
        }
        Ok(Charge::Refused(match failed.next().flatten() {
            Some(item) => account.mailbox.refusal(&item)?,
            None => Refusal::until_tomorrow("source", email.now),
        }))
    }

    /// Takes a charge back after SES failed. False if a newer email went out, the code was used, or somebody guessed at the code
    /// of a first email that was not taken. Then all stays charged, or guesses would be free.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond. Then all may stay charged.
    pub async fn undo(&self, failure: Failure, email: &Email<'_>, account: &Account) -> Result<bool, TableError> {
        let mut writes = vec![
            undo_challenge(failure, email, account.source_pk()),
            match failure {
                Failure::NotTaken => account.mailbox.take_back(),
                Failure::Unconfirmed => account.mailbox.unconfirmed(),
            },
        ];
        writes.extend(
            account
                .source_pk()
                .map(|source| source_day::take_off(source.to_owned(), 1)),
        );
        let mut collisions = Collisions::new(*email.id.as_bytes(), UNDOES_FOR);
        let undone = self.transact(token(email, 0), writes, &mut collisions);
        Ok(matches!(undone.await?, Transaction::Done))
    }
}

/// Names a transaction of an email, in at most 36 characters. Number 0 undoes the charge.
fn token(email: &Email, number: u32) -> String {
    format!("{}-{number}", email.id)
}

/// The part of a charge that concerns the challenge. It holds if the challenge has not changed since the email was chosen.
/// (Each charge writes another `mail`, so this tells generations apart as well.)
fn charge_challenge(email: &Email, source: Option<&str>) -> Write {
    let mut write = Write::new("charge an email", challenge::pk(&email.challenge.item_name()))
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
    if let Change::Resend(seen) | Change::Reopen(seen) = &email.change {
        write = write.require("mail = :seen").value(":seen", text(&seen.mail));
    }
    let (write, keeps_payers) = match &email.change {
        Change::Create => (write.require("attribute_not_exists(pk)"), false),
        Change::Resend(_) => {
            let write = write
                .remove("undeliverable")
                .require("code_digest = :code AND attribute_not_exists(linked_at)");
            let write = write
                .require(TAKES_A_GUESS)
                .value(":max_guesses", number(&email.max_guesses));
            (write, true)
        }
        Change::Reopen(seen) => {
            let write = write.remove("guesses, last_guess, last_guess_at, linked_at, undeliverable");
            // Nobody still pays for a used code: verify-code gave its emails back, or tried to.
            if seen.is_used() {
                (write, false)
            } else {
                (write.require(IS_UNUSED), email.now < seen.ends_at + OUTLIVES_CODE)
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
        first => {
            let first = first.map(|source| (source.to_owned(), number(&1)));
            let payers = AttributeValue::M(first.into_iter().collect());
            write.set("paid_by = :payers").value(":payers", payers)
        }
    }
}

/// The part of an undoing that concerns the challenge. If SES did not take a generation's first email, the generation ends.
fn undo_challenge(failure: Failure, email: &Email, source: Option<&str>) -> Write {
    let write = Write::new(
        "undo the charge of an email",
        challenge::pk(&email.challenge.item_name()),
    )
    .remove("sent_at")
    .require("mail = :mail")
    .value(":mail", text(&email.id));
    let write = if failure == Failure::NotTaken && email.is_first() {
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
