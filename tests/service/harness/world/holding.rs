//! Items that are held for a time, as transactions at DynamoDB hold theirs. Whoever writes to one meanwhile collides.
//!
//! AWS tells that such writes are rejected, and not for how long an item is held. So the test says it.

use std::collections::HashMap;
use std::future::ready;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::call::{Aws, Call};
use super::director::{Decision, Director};
use super::fault::Fault;
use super::reply::Reply;

pub(crate) struct Holding {
    /// How long a transaction holds each of its items, also if it is cancelled because of another.
    time: Duration,
    /// How long every answer of DynamoDB is under way besides.
    way: Duration,
    /// Whether a transaction also holds an item that fails its condition. AWS does not say.
    holds_refused: bool,
    state: Mutex<State>,
}

struct State {
    started: Instant,
    /// Until when an item is held.
    held: HashMap<String, Instant>,
    /// Transactions that were tried, second by second.
    tries: Vec<usize>,
}

impl Holding {
    pub(crate) fn new(time: Duration, way: Duration, holds_refused: bool) -> Self {
        let state = State {
            started: Instant::now(),
            held: HashMap::new(),
            tries: Vec::new(),
        };
        Self {
            time,
            way,
            holds_refused,
            state: Mutex::new(state),
        }
    }

    /// How many transactions were tried, second by second.
    pub(crate) fn tries(&self) -> Vec<usize> {
        self.state.lock().expect("the items").tries.clone()
    }

    fn fault(&self, call: &Call) -> Option<Fault> {
        if call.service != Aws::DynamoDb {
            return None;
        }
        let (mut state, now, items) = (self.state.lock().expect("the items"), Instant::now(), items(call));
        let is_held = |item: &str| state.held.get(item).is_some_and(|until| *until > now);
        let (held, free): (Vec<_>, Vec<_>) = items.into_iter().enumerate().partition(|(_, item)| is_held(item));
        let mut delay = self.way;
        if call.operation == "TransactWriteItems" {
            delay += self.time;
            for (_, item) in free {
                state.held.insert(item.to_owned(), now + self.time);
            }
            let second = usize::try_from((now - state.started).as_secs()).expect("a short time");
            if state.tries.len() <= second {
                state.tries.resize(second + 1, 0);
            }
            state.tries[second] += 1;
        }
        Some(if held.is_empty() {
            Fault::SlowAfter(delay)
        } else {
            Fault::Held(held.into_iter().map(|(part, _)| part).collect(), delay)
        })
    }
}

impl Director for Holding {
    fn decide<'a>(&'a self, call: &'a mut Call) -> Decision<'a> {
        Box::pin(ready(self.fault(call)))
    }

    /// Lets go of the items that failed their conditions.
    fn made(&self, call: &Call, reply: &Reply) {
        let Some(reasons) = reply.body["CancellationReasons"]
            .as_array()
            .filter(|_| !self.holds_refused)
        else {
            return;
        };
        let held = &mut self.state.lock().expect("the items").held;
        for (item, reason) in items(call).into_iter().zip(reasons) {
            if reason["Code"] == "ConditionalCheckFailed" {
                held.remove(item);
            }
        }
    }
}

/// The names of the items that a call writes, in the order of its parts.
fn items(call: &Call) -> Vec<&str> {
    match call.body["TransactItems"].as_array() {
        Some(parts) => parts.iter().filter_map(|part| item(&part["Update"])).collect(),
        None => item(&call.body).into_iter().collect(),
    }
}

fn item(write: &Value) -> Option<&str> {
    write["Key"]["pk"]["S"].as_str()
}
