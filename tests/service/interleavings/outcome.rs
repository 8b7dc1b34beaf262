//! What can become of a call.

use crate::harness::world::call::{Aws, Call};
use crate::harness::world::fault::{Answer, Fault};

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Done,
    /// SES has too much to do, or `DynamoDB` has.
    Throttled,
    Collided,
    /// It is made or not, and nobody learns that: the answer is HTTP 500, or none.
    Lost {
        done: bool,
        silent: bool,
    },
    /// It is made later, when nobody waits for it any more.
    Late,
    /// It is made or not, and its instance dies.
    Dies {
        done: bool,
    },
}

impl Outcome {
    pub(super) fn fault(self, call: &Call) -> Option<Fault> {
        let lost = |done: bool, answer| {
            if done {
                Fault::Lost(answer)
            } else {
                Fault::NeverDone(answer)
            }
        };
        Some(match self {
            Self::Done => return None,
            Self::Throttled => Fault::Throttled,
            Self::Collided if call.operation == "UpdateItem" => Fault::Collided(&[]),
            Self::Collided => Fault::Collided(&[0]),
            Self::Lost { done, silent: false } => lost(done, Answer::Http500),
            Self::Lost { done, silent: true } | Self::Dies { done } => lost(done, Answer::Silence),
            Self::Late => Fault::NeverDone(Answer::Break),
        })
    }
}

/// What can become of a call.
pub(super) fn outcomes(service: Aws, may_fail: bool) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Done];
    if may_fail {
        outcomes.push(Outcome::Throttled);
        let lost = [(true, false), (false, false), (true, true)];
        outcomes.extend(lost.map(|(done, silent)| Outcome::Lost { done, silent }));
        if service == Aws::DynamoDb {
            outcomes.extend([Outcome::Collided, Outcome::Late]);
        }
        outcomes.extend([true, false].map(|done| Outcome::Dies { done }));
    }
    outcomes
}
