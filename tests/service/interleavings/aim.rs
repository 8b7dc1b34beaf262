//! What a call is for.

use std::fmt;

use serde_json::Value;

use crate::harness::world::call::{Aws, Call};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Charges an email, for a new challenge, once more, or for one that is opened anew.
    Create,
    Resend,
    Reopen,
    /// Undoes a charge.
    Undo,
    Guess,
    Link,
    GiveBack,
    /// Notes that an email did not arrive.
    Note,
    /// Looks a challenge up under the other key of a rotation.
    Look,
    Mail,
}

impl Aim {
    pub(super) fn of(call: &Call) -> Self {
        if call.service == Aws::Ses {
            return Self::Mail;
        }
        let has = |write: &Value, name: &str, text: &str| write[name].as_str().is_some_and(|own| own.contains(text));
        if call.operation == "TransactWriteItems" {
            let challenge = &call.body["TransactItems"][0]["Update"];
            return if has(&call.body, "ClientRequestToken", "-0") {
                Self::Undo
            } else if !has(challenge, "ConditionExpression", ":seen") {
                Self::Create
            } else if has(challenge, "UpdateExpression", "generation") {
                Self::Reopen
            } else {
                Self::Resend
            };
        }
        if has(&call.body, "UpdateExpression", "last_guess") {
            Self::Guess
        } else if has(&call.body, "UpdateExpression", "linked_at") {
            Self::Link
        } else if has(&call.body, "UpdateExpression", "unverified") {
            Self::GiveBack
        } else if has(&call.body, "UpdateExpression", "undeliverable") {
            Self::Note
        } else {
            Self::Look
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Create => "charges the first email",
            Self::Resend => "charges an email with the same code",
            Self::Reopen => "charges an email with a new code",
            Self::Undo => "undoes a charge",
            Self::Guess => "submits a guess",
            Self::Link => "uses the link",
            Self::GiveBack => "gives emails back",
            Self::Note => "notes that an email did not arrive",
            Self::Look => "looks under the other key",
            Self::Mail => "sends the email",
        })
    }
}
