//! One of the cast, and what became of their request.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::cast::Role;
use crate::harness::response::Response;

pub(super) struct Actor {
    pub(super) role: Role,
    pub(super) skew: i64,
    pub(super) task: Option<(JoinHandle<Response>, Instant)>,
    pub(super) response: Option<Response>,
    pub(super) took: Duration,
    /// Whether the instance died.
    pub(super) died: bool,
    /// The code that they typed, or that was in their link.
    pub(super) typed: Option<String>,
    /// The emails that they sent or tried to.
    pub(super) emails: Vec<Email>,
    /// Faults of `DynamoDB` that they met.
    pub(super) faults: usize,
    /// Whether they wait before they try once more.
    pub(super) is_pausing: bool,
}

/// An email that SES was asked to take.
pub(super) struct Email {
    /// Where it goes, as SES is told.
    pub(super) destination: Value,
    pub(super) code: String,
    pub(super) ses: Ses,
}

/// What SES made of an email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ses {
    Took,
    DidNotTake,
    DidNotSay { delivered: bool },
}

impl Actor {
    pub(super) fn new(role: Role, skew: i64) -> Self {
        Self {
            role,
            skew,
            task: None,
            response: None,
            took: Duration::ZERO,
            died: false,
            typed: None,
            emails: Vec::new(),
            faults: 0,
            is_pausing: false,
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }

    pub(super) fn email(&self) -> Option<&Email> {
        self.emails.last()
    }

    /// What SES made of their email.
    pub(super) fn ses(&self) -> Option<Ses> {
        self.email().map(|email| email.ses)
    }

    /// Stops the instance that handles their request.
    pub(super) fn stop(&mut self) {
        if let Some((task, _)) = self.task.take() {
            task.abort();
        }
    }
}

impl Email {
    pub(super) fn arrived(&self) -> bool {
        matches!(self.ses, Ses::Took | Ses::DidNotSay { delivered: true })
    }
}
