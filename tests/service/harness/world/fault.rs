//! What can become of a call, save that it is made and answered.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::call::{Aws, Call};
use super::engine::Engine;
use super::reply::Reply;

#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is made, and nobody learns it.
    Lost(Answer),
    /// It is not made, and nobody learns that.
    NeverDone(Answer),
    /// It is made after this time, if the caller still waits then.
    SlowBefore(Duration),
    /// It is made, and its answer arrives after this time.
    SlowAfter(Duration),
    /// It is made after this time, whether or not the caller still waits.
    LandsLate(Duration),
    Refused(Refusal),
    /// The service has too much to do.
    Throttled,
    /// A transaction with the same token is under way.
    InProgress,
    /// It meets another write to the same item: in these parts of a transaction, counted from 0, or in an `UpdateItem`, which
    /// has no parts.
    Collided(&'static [usize]),
    /// Other transactions hold the items of these parts, or that of an `UpdateItem`. The other parts are judged. The answer arrives
    /// after this time.
    Held(Vec<usize>, Duration),
    /// The transaction is canceled, with one reason for each of its parts.
    Canceled(Vec<Reason>),
}

/// What the caller gets in the place of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Http500,
    /// The connection breaks.
    Break,
    /// Nothing, for ever.
    Silence,
}

#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: &'static str,
    pub(crate) after: Duration,
}

/// Why a part of a transaction does not let the whole happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It would have.
    None,
    /// Its condition does not hold for the item, which is returned with the reason if there is one.
    ConditionFailed,
    /// The same, without the item.
    ConditionFailedWithoutItem,
    Collided,
    Throttled,
}

impl Fault {
    /// Refuses a call at once, with this HTTP status and error code.
    pub(crate) fn refused(status: u16, code: &'static str) -> Self {
        Self::Refused(Refusal {
            status,
            code,
            message: "not now",
            after: Duration::ZERO,
        })
    }
}

impl Refusal {
    pub(super) fn reply(&self) -> Reply {
        Reply::error(self.status, self.code, self.message)
    }
}

pub(super) fn throttled(service: Aws) -> Reply {
    match service {
        Aws::Ses => Reply::error(429, "TooManyRequestsException", "not now"),
        Aws::DynamoDb | Aws::SecretsManager => Reply::error(400, "ThrottlingException", "not now"),
    }
}

pub(super) fn in_progress() -> Reply {
    Reply::error(400, "TransactionInProgressException", "the same one is under way")
}

pub(super) fn collided(call: &Call, parts: &[usize]) -> Reply {
    if call.operation == "UpdateItem" {
        return Reply::error(400, "TransactionConflictException", "another one is under way");
    }
    let reason = |part| {
        if parts.contains(&part) {
            Reason::Collided
        } else {
            Reason::None
        }
    };
    let reasons = (0..transaction(call).len()).map(|part| cancellation(reason(part), None));
    cancellations(&reasons.collect::<Vec<_>>())
}

/// What a call is told that meets items which others hold. The engine judges the other parts, and writes nothing.
pub(super) async fn held(engine: &Engine, call: &Call, parts: &[usize]) -> Reply {
    if call.operation == "UpdateItem" {
        return collided(call, parts);
    }
    let mut judged = call.body.clone();
    for part in parts {
        let write = &mut judged["TransactItems"][*part]["Update"];
        *write = json!({
            "TableName": write["TableName"],
            "Key": write["Key"],
            "UpdateExpression": "REMOVE nothing",
            "ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(pk)",
        });
    }
    let mut reply = engine.make(&call.operation, &judged).await;
    for part in parts {
        reply.body["CancellationReasons"][*part] = cancellation(Reason::Collided, None);
    }
    reply
}

pub(super) async fn canceled(engine: &Engine, call: &Call, reasons: &[Reason]) -> Reply {
    let parts = transaction(call);
    assert_eq!(parts.len(), reasons.len(), "a reason for each part of {}", call.body);
    let mut list = Vec::new();
    for (part, reason) in parts.iter().zip(reasons) {
        let item = match reason {
            Reason::ConditionFailed => item(engine, part).await,
            _ => None,
        };
        list.push(cancellation(*reason, item));
    }
    cancellations(&list)
}

fn transaction(call: &Call) -> &[Value] {
    let parts = call.body["TransactItems"].as_array();
    parts.unwrap_or_else(|| panic!("{} is no transaction", call.operation))
}

/// The item that a part of a transaction is about, as it is now.
async fn item(engine: &Engine, part: &Value) -> Option<Value> {
    let write = part.as_object().and_then(|part| part.values().next()).expect("a write");
    let found = engine
        .make(
            "GetItem",
            &json!({ "TableName": write["TableName"], "Key": write["Key"] }),
        )
        .await;
    found.body.get("Item").cloned()
}

fn cancellation(reason: Reason, item: Option<Value>) -> Value {
    let (code, message) = match reason {
        Reason::None => return json!({ "Code": "None" }),
        Reason::ConditionFailed | Reason::ConditionFailedWithoutItem => {
            ("ConditionalCheckFailed", "The conditional request failed")
        }
        Reason::Collided => ("TransactionConflict", "Transaction is ongoing for the item"),
        Reason::Throttled => (
            "ThrottlingError",
            "Throughput exceeds the current capacity of the table",
        ),
    };
    let item = item.map(|item| ("Item".to_owned(), item));
    let members = [("Code", code), ("Message", message)].map(|(name, text)| (name.to_owned(), json!(text)));
    Value::Object(members.into_iter().chain(item).collect::<Map<_, _>>())
}

fn cancellations(reasons: &[Value]) -> Reply {
    Reply {
        status: 400,
        body: json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
            "CancellationReasons": reasons,
        }),
    }
}
