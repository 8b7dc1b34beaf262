//! Faults of the code that the interleavings must find. Each is made on the way of a call, as if the code had it.

use std::sync::Mutex;

use serde_json::{Value, json};

use super::stage::Stage;
use super::{on_every_core, play_drawn};
use crate::harness::world::call::Call;

/// Changes a call, as if the code had made it so.
pub(super) type Seeded = fn(&mut Call);

/// In so many worlds a fault must be found, as many as `make test` plays.
const MAX_WORLDS: usize = 20_000;

/// A fault by its name.
const FAULTS: [(&str, Seeded); 27] = [
    ("a challenge is created over another", |call| {
        strike(call, 0, "attribute_not_exists(pk)")
    }),
    ("a resend or reopening does not mind a newer email", |call| {
        strike(call, 0, "mail = :seen")
    }),
    ("a resend does not mind that the code was used", |call| {
        if has(call, 0, ":seen") && has(call, 0, "size(guesses)") {
            strike(call, 0, TAKES_A_GUESS);
            strike(call, 0, "attribute_not_exists(linked_at)");
        }
    }),
    ("a reopening does not mind that the code was used", |call| {
        if has(call, 0, ":seen") && !has(call, 0, "size(guesses)") {
            strike(call, 0, IS_UNUSED);
            strike(call, 0, "attribute_not_exists(linked_at)");
        }
    }),
    ("a reopening keeps the guesses", |call| {
        edit(call, 0, "UpdateExpression", "REMOVE guesses, ", "REMOVE ")
    }),
    ("a resend forgets who pays", |call| {
        edit(
            call,
            0,
            "UpdateExpression",
            "if_not_exists(paid_by.#source,",
            "if_not_exists(paid_by.q_q,",
        );
    }),
    ("an email does not say when it was mailed", |call| {
        edit(call, 0, "UpdateExpression", ", sent_at = :now", ", q_q = :now");
    }),
    ("a mailbox has no limit", |call| {
        edit(
            call,
            1,
            "ConditionExpression",
            "mails < :first_mails_per_day",
            "mails >= :zero OR mails < :first_mails_per_day",
        );
    }),
    ("a mailbox has no pause", |call| {
        edit(
            call,
            1,
            "ConditionExpression",
            "#at <= :pause_over",
            "#at > :zero OR #at <= :pause_over",
        )
    }),
    ("a source has no limit", |call| {
        edit(
            call,
            2,
            "ConditionExpression",
            "unverified < :limit",
            "unverified > :limit OR unverified <= :limit",
        )
    }),
    ("a mailbox is charged twice", |call| {
        edit(call, 1, "UpdateExpression", "mails :one", "mails :mails_per_source")
    }),
    ("a source is not charged", |call| {
        edit(call, 2, "UpdateExpression", "unverified :one", "q_q :one")
    }),
    ("a failed email is not taken off the source", |call| {
        edit(call, 2, "UpdateExpression", "unverified :minus", "q_q :minus")
    }),
    ("a failed email is not taken off the mailbox", |call| {
        edit(call, 1, "UpdateExpression", "mails :minus, ", "")
    }),
    ("a failure ends no pause", |call| {
        edit(call, 0, "UpdateExpression", "REMOVE sent_at", "REMOVE q_q")
    }),
    ("a refused first email leaves its code", |call| {
        edit(
            call,
            0,
            "UpdateExpression",
            "REMOVE sent_at, code_digest",
            "REMOVE sent_at, q_q",
        )
    }),
    ("a charge is undone after a newer email", |call| {
        if has(call, 0, "mail = :mail") {
            strike(call, 0, "mail = :mail");
        }
    }),
    ("a charge is undone after its code was used", |call| {
        if has(call, 0, "mail = :mail") {
            strike(call, 0, IS_UNUSED);
            strike(call, 0, "attribute_not_exists(linked_at)");
        }
    }),
    ("a first charge is undone after a guess", |call| {
        strike(call, 0, "attribute_not_exists(guesses)")
    }),
    ("each try of a transaction has its own token", |call| {
        if call.operation == "TransactWriteItems" {
            call.body["ClientRequestToken"] = json!(format!("try {}", call.number));
        }
    }),
    ("an unconfirmed email holds no mailbox", |call| {
        edit(
            call,
            1,
            "ConditionExpression",
            "hold_until <= :now",
            "hold_until <= :now OR hold_until > :now",
        )
    }),
    ("a code works after its end", |call| {
        edit_guess(call, "ends_at > :now", "(ends_at > :now OR ends_at <= :now)")
    }),
    ("any code's link works", |call| {
        edit_guess(call, "code_digest = :code AND", "attribute_exists(code_digest) AND")
    }),
    ("a code works for ever after its link", |call| {
        edit_guess(call, "linked_at >= :repeatable_since", "attribute_exists(linked_at)")
    }),
    ("guesses have no bound", |call| {
        edit_guess(
            call,
            "size(guesses) < :max_guesses",
            "size(guesses) >= :max_guesses OR size(guesses) < :max_guesses",
        )
    }),
    ("a link works again and again", |call| {
        edit_guess(
            call,
            "code_digest = :code AND attribute_not_exists(linked_at)",
            "code_digest = :code",
        )
    }),
    ("a right code gives back too much", |call| {
        edit_value(call, ":minus", "-1", "-2")
    }),
];

const TAKES_A_GUESS: &str =
    "(attribute_not_exists(guesses) OR (size(guesses) < :max_guesses AND NOT contains(guesses, code_digest)))";
const IS_UNUSED: &str =
    "(attribute_not_exists(code_digest) OR attribute_not_exists(guesses) OR NOT contains(guesses, code_digest))";

#[test]
#[ignore = "takes minutes: make interleavings"]
fn each_seeded_fault_is_found() {
    let missed = Mutex::new(Vec::new());
    on_every_core(FAULTS.len(), async |_, number| {
        let (name, seeded) = FAULTS[number];
        match find(seeded).await {
            Some((worlds, by)) => println!("{name}: after {worlds} worlds, because {by}"),
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
            return Some((world + 1, first_line(&story)));
        }
    }
    None
}

/// What a story says was broken.
fn first_line(story: &str) -> String {
    assert!(
        !story.contains(" gets 500 "),
        "the engine does not understand the changed expression: {story}"
    );
    story.lines().next().unwrap_or_default().to_owned()
}

/// Part so much of a transaction. Null for any other call.
fn part(call: &mut Call, index: usize) -> &mut Value {
    &mut call.body["TransactItems"][index]["Update"]
}

fn has(call: &mut Call, index: usize, text: &str) -> bool {
    call.operation == "TransactWriteItems"
        && part(call, index)["ConditionExpression"]
            .as_str()
            .is_some_and(|condition| condition.contains(text))
}

/// Replaces a text in an expression of a transaction.
fn edit(call: &mut Call, index: usize, expression: &str, from: &str, to: &str) {
    if call.operation == "TransactWriteItems" && call.body["TransactItems"][index].is_object() {
        replace(&mut part(call, index)[expression], from, to);
        drop_unused(part(call, index));
    }
}

/// Takes a condition out of a part of a transaction.
fn strike(call: &mut Call, index: usize, condition: &str) {
    edit(
        call,
        index,
        "ConditionExpression",
        condition,
        "attribute_not_exists(q_q)",
    );
}

/// Replaces a text in the condition of a single write.
fn edit_guess(call: &mut Call, from: &str, to: &str) {
    if call.operation == "UpdateItem" {
        replace(&mut call.body["ConditionExpression"], from, to);
        drop_unused(&mut call.body);
    }
}

/// Replaces a number of a single write.
fn edit_value(call: &mut Call, placeholder: &str, from: &str, to: &str) {
    let values = call.body.get_mut("ExpressionAttributeValues");
    let value = values.and_then(|values| values.get_mut(placeholder)?.get_mut("N"));
    if let Some(value) = value.filter(|value| **value == from) {
        *value = json!(to);
    }
}

fn replace(expression: &mut Value, from: &str, to: &str) {
    if let Some(text) = expression.as_str() {
        *expression = json!(text.replace(from, to));
    }
}

/// The engine refuses values that no expression uses.
fn drop_unused(write: &mut Value) {
    let expressions = format!("{} {} ", write["UpdateExpression"], write["ConditionExpression"]);
    let is_used = |placeholder: &str| {
        let mut after = expressions
            .match_indices(placeholder)
            .map(|(at, _)| &expressions[at + placeholder.len()..]);
        after.any(|rest| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_'))
    };
    for map in ["ExpressionAttributeValues", "ExpressionAttributeNames"] {
        if let Some(placeholders) = write[map].as_object_mut() {
            placeholders.retain(|placeholder, _| is_used(placeholder));
        }
    }
}
