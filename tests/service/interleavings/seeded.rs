//! Faults of the code that the interleavings must find. Each is made on the way of a call, as if the code had it.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::stage::Stage;
use super::{on_every_core, play_drawn, print};
use crate::harness::world::call::Call;

/// Each fault must be found within this many worlds, as many as `make test` plays.
const MAX_WORLDS: usize = 20_000;

/// A fault of the code.
#[derive(Clone, Copy)]
pub(super) enum Seeded {
    /// The expressions of a write have another text.
    Text {
        /// Its number in a transaction. None for a write alone.
        part: Option<usize>,
        /// It is meant if its condition has this.
        when: &'static str,
        from: &'static str,
        to: &'static str,
    },
    /// Each try of a transaction has a token of its own.
    NewTokens,
}

const CHALLENGE: Option<usize> = Some(0);
const MAILBOX: Option<usize> = Some(1);
const SOURCE: Option<usize> = Some(2);
const ALONE: Option<usize> = None;
const ALL: &str = "";
const RESEND: &str = "mail = :seen AND code_digest = :code";
const REOPENING: &str = "mail = :seen AND attribute_not_exists(linked_at)";
const UNDOING: &str = "mail = :mail";
/// A condition that always holds, in the place of one that is struck.
const STRUCK: &str = "attribute_not_exists(q_q)";
const TAKES_A_GUESS: &str =
    "(attribute_not_exists(guesses) OR (size(guesses) < :max_guesses AND NOT contains(guesses, code_digest)))";
const IS_UNUSED: &str = "attribute_not_exists(linked_at) AND \
    (attribute_not_exists(code_digest) OR attribute_not_exists(guesses) OR NOT contains(guesses, code_digest))";

const FAULTS: [(&str, Seeded); 31] = [
    (
        "a challenge is created over another",
        text(CHALLENGE, ALL, "attribute_not_exists(pk)", STRUCK),
    ),
    (
        "a resend or a reopening does not mind a newer email",
        text(CHALLENGE, ALL, "mail = :seen", STRUCK),
    ),
    (
        "a resend does not mind that the code was typed",
        text(CHALLENGE, RESEND, TAKES_A_GUESS, STRUCK),
    ),
    (
        "a resend does not mind that the link was used",
        text(CHALLENGE, RESEND, "attribute_not_exists(linked_at)", STRUCK),
    ),
    (
        "a reopening does not mind that the code was used",
        text(CHALLENGE, REOPENING, IS_UNUSED, STRUCK),
    ),
    (
        "a reopening keeps the guesses",
        text(CHALLENGE, ALL, "REMOVE guesses, ", "REMOVE "),
    ),
    (
        "a resend forgets who pays",
        text(
            CHALLENGE,
            ALL,
            "if_not_exists(paid_by.#source,",
            "if_not_exists(paid_by.q_q,",
        ),
    ),
    (
        "an email does not say when it was mailed",
        text(CHALLENGE, ALL, "sent_at = :now", "q_q = :now"),
    ),
    (
        "a mailbox has no limit",
        text(
            MAILBOX,
            ALL,
            "mails < :first_mails_per_day",
            "(mails >= :zero OR mails < :first_mails_per_day)",
        ),
    ),
    (
        "a mailbox has no pause",
        text(
            MAILBOX,
            ALL,
            "#at <= :pause_over",
            "(#at > :zero OR #at <= :pause_over)",
        ),
    ),
    (
        "an unconfirmed email holds no mailbox",
        text(
            MAILBOX,
            ALL,
            "hold_until <= :now",
            "(hold_until <= :now OR hold_until > :now)",
        ),
    ),
    (
        "a mailbox is charged twice",
        text(MAILBOX, ALL, "mails :one", "mails :mails_per_source"),
    ),
    (
        "a source has no limit",
        text(
            SOURCE,
            ALL,
            "unverified < :limit",
            "(unverified < :limit OR unverified >= :limit)",
        ),
    ),
    (
        "a source is not charged",
        text(SOURCE, ALL, "unverified :one", "q_q :one"),
    ),
    (
        "a charge is undone after a newer email",
        text(CHALLENGE, ALL, "mail = :mail AND ", ""),
    ),
    (
        "a charge is undone after its code was used",
        text(CHALLENGE, UNDOING, IS_UNUSED, STRUCK),
    ),
    (
        "a first charge is undone after a guess",
        text(CHALLENGE, UNDOING, "AND attribute_not_exists(guesses)", ""),
    ),
    (
        "a failed email is not taken off the mailbox",
        text(MAILBOX, ALL, "mails :minus, ", ""),
    ),
    (
        "a failed email is not taken off the source",
        text(SOURCE, ALL, "unverified :minus", "q_q :minus"),
    ),
    (
        "a failed email leaves the pause",
        text(CHALLENGE, ALL, "REMOVE sent_at", "REMOVE q_q"),
    ),
    (
        "a first email that SES refuses leaves its code",
        text(CHALLENGE, ALL, "REMOVE sent_at, code_digest", "REMOVE sent_at"),
    ),
    ("each try of a transaction has its own token", Seeded::NewTokens),
    (
        "guesses have no bound",
        text(ALONE, ALL, "size(guesses) < :max_guesses", "size(guesses) >= :zero"),
    ),
    (
        "a used code takes a further guess",
        text(ALONE, ALL, " AND NOT contains(guesses, code_digest)", ""),
    ),
    (
        "a code works after its end",
        text(ALONE, ALL, "ends_at > :now", "(ends_at > :now OR ends_at <= :now)"),
    ),
    (
        "a link of an older code works",
        text(ALONE, ALL, "code_digest = :code", "attribute_exists(code_digest)"),
    ),
    (
        "a link works again and again",
        text(ALONE, "code_digest = :code", "attribute_not_exists(linked_at)", STRUCK),
    ),
    (
        "the bounce of an older email is noted",
        text(
            ALONE,
            ALL,
            "mail = :mail AND attribute_not_exists(undeliverable)",
            "attribute_exists(mail)",
        ),
    ),
    (
        "a newer email leaves the note of a bounce",
        text(CHALLENGE, RESEND, "REMOVE undeliverable", "REMOVE q_q"),
    ),
    (
        "a newer code leaves the note of a bounce",
        text(CHALLENGE, ALL, "linked_at, undeliverable", "linked_at"),
    ),
    (
        "a right code gives nothing back",
        text(ALONE, ALL, "unverified :minus", "q_q :minus"),
    ),
];

const fn text(part: Option<usize>, when: &'static str, from: &'static str, to: &'static str) -> Seeded {
    Seeded::Text { part, when, from, to }
}

#[test]
#[ignore = "takes minutes: make interleavings"]
fn each_seeded_fault_is_found() {
    let missed = Mutex::new(Vec::new());
    on_every_core(FAULTS.len(), async |_, number| {
        let (name, seeded) = FAULTS[number];
        match find(seeded).await {
            Some((worlds, by)) => print(&format!("{name}: world {worlds}: {by}")),
            None => missed.lock().expect("names").push(name),
        }
    });
    let missed = missed.into_inner().expect("names");
    assert!(missed.is_empty(), "not found in {MAX_WORLDS} worlds: {missed:?}");
}

/// In how many drawn worlds it is found, and by what it breaks.
async fn find(seeded: Seeded) -> Option<(usize, String)> {
    let mut stage = Stage::with(seeded);
    for world in 0..MAX_WORLDS {
        if let Err(story) = play_drawn(&mut stage, 1, world).await {
            assert!(
                !story.contains(" gets 500 "),
                "the engine does not understand the fault: {story}"
            );
            return Some((world + 1, story.lines().next().unwrap_or_default().to_owned()));
        }
    }
    None
}

impl Seeded {
    pub(super) fn change(self, call: &mut Call) {
        let Self::Text { part, when, from, to } = self else {
            if call.operation == "TransactWriteItems" {
                call.body["ClientRequestToken"] = json!(format!("try {}", call.number));
            }
            return;
        };
        let write = match part {
            Some(part) => call.body.pointer_mut(&format!("/TransactItems/{part}/Update")),
            None => Some(&mut call.body).filter(|_| call.operation == "UpdateItem"),
        };
        let Some(write) = write else { return };
        let condition = write["ConditionExpression"].as_str().unwrap_or_default();
        if !condition.contains(when) {
            return;
        }
        let mut is_changed = false;
        for name in ["ConditionExpression", "UpdateExpression"] {
            if let Some(old) = write[name].as_str().filter(|old| old.contains(from)) {
                write[name] = json!(old.replace(from, to));
                is_changed = true;
            }
        }
        if is_changed {
            mend_placeholders(write);
        }
    }
}

/// The engine refuses placeholders that no expression uses, and those that it does not know.
fn mend_placeholders(write: &mut Value) {
    let expressions = format!("{} {} ", write["UpdateExpression"], write["ConditionExpression"]);
    let is_used = |placeholder: &str| {
        let mut after = expressions
            .match_indices(placeholder)
            .map(|(at, _)| &expressions[at + placeholder.len()..]);
        after.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
    };
    if is_used(":zero") {
        write["ExpressionAttributeValues"][":zero"] = json!({ "N": "0" });
    }
    for map in ["ExpressionAttributeValues", "ExpressionAttributeNames"] {
        if let Some(placeholders) = write[map].as_object_mut() {
            placeholders.retain(|placeholder, _| is_used(placeholder));
        }
    }
}
