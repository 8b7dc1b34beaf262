//! Which calls go wrong, as the test says.

use std::future::ready;
use std::sync::{Arc, Mutex};

use super::call::{Aws, Call};
use super::director::{Decision, Director};
use super::fault::Fault;

/// The calls that are meant: those with a name such as `"UpdateItem"`, or all to one service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Calls {
    Named(&'static str),
    To(Aws),
}

/// The faults that are still to come. Where two are meant for the same call, the newer one happens.
#[derive(Clone, Default)]
pub(crate) struct Script(Arc<Mutex<Vec<Line>>>);

struct Line {
    calls: Calls,
    /// How many of the calls are left alone first, and how many then go wrong.
    spared: usize,
    left: usize,
    fault: Fault,
}

impl Script {
    /// The next of these calls goes wrong.
    pub(crate) fn once(&self, calls: impl Into<Calls>, fault: Fault) {
        self.after(0, 1, calls, fault);
    }

    /// The n-th of these calls goes wrong, counted from 1 and from now.
    pub(crate) fn nth(&self, number: usize, calls: impl Into<Calls>, fault: Fault) {
        self.after(number - 1, 1, calls, fault);
    }

    /// Each of these calls goes wrong, for ever.
    pub(crate) fn always(&self, calls: impl Into<Calls>, fault: Fault) {
        self.after(0, usize::MAX, calls, fault);
    }

    /// So many of these calls go well, and so many after them go wrong.
    pub(crate) fn after(&self, spared: usize, left: usize, calls: impl Into<Calls>, fault: Fault) {
        let line = Line {
            calls: calls.into(),
            spared,
            left,
            fault,
        };
        self.0.lock().expect("the script").push(line);
    }

    /// Forgets what was said of these calls.
    pub(crate) fn forget(&self, calls: impl Into<Calls>) {
        let calls = calls.into();
        self.0.lock().expect("the script").retain(|line| line.calls != calls);
    }

    /// Whether nothing goes wrong any more, and nothing was to.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().expect("the script").is_empty()
    }

    fn fault(&self, call: &Call) -> Option<Fault> {
        let mut lines = self.0.lock().expect("the script");
        lines.iter_mut().rev().find_map(|line| {
            if !line.calls.include(call) {
                return None;
            }
            let left = match line.spared.checked_sub(1) {
                Some(spared) => {
                    line.spared = spared;
                    return None;
                }
                None => line.left.checked_sub(1)?,
            };
            line.left = left;
            Some(line.fault.clone())
        })
    }
}

impl Director for Script {
    fn decide<'a>(&'a self, call: &'a mut Call) -> Decision<'a> {
        Box::pin(ready(self.fault(call)))
    }
}

impl Calls {
    fn include(self, call: &Call) -> bool {
        match self {
            Self::Named(operation) => call.operation == operation,
            Self::To(service) => call.service == service,
        }
    }
}

impl From<&'static str> for Calls {
    fn from(operation: &'static str) -> Self {
        Self::Named(operation)
    }
}

impl From<Aws> for Calls {
    fn from(service: Aws) -> Self {
        Self::To(service)
    }
}
