//! What was called, in the order of the calls.

use std::sync::{Arc, Mutex};

use super::call::{Aws, Call};

#[derive(Clone, Default)]
pub(crate) struct Journal(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    all: Vec<Entry>,
    /// How many there are for each service.
    counts: [usize; 3],
}

pub(crate) struct Entry {
    pub(crate) request: usize,
    pub(crate) service: Aws,
    pub(crate) operation: String,
    /// Whether the call was made and its condition held. Its answer may have been lost all the same.
    pub(crate) succeeded: bool,
}

impl Journal {
    /// Returns the number of the entry.
    pub(super) fn note(&self, call: &Call) -> usize {
        let mut entries = self.0.lock().expect("the journal");
        entries.counts[call.service as usize] += 1;
        entries.all.push(Entry {
            request: call.request,
            service: call.service,
            operation: call.operation.clone(),
            succeeded: false,
        });
        entries.all.len() - 1
    }

    pub(super) fn note_success(&self, entry: usize) {
        self.0.lock().expect("the journal").all[entry].succeeded = true;
    }

    /// How often a service was called, whatever came of it.
    pub(crate) fn calls_to(&self, service: Aws) -> usize {
        self.0.lock().expect("the journal").counts[service as usize]
    }

    pub(super) fn forget(&self) {
        *self.0.lock().expect("the journal") = Entries::default();
    }

    /// The number of the next entry.
    pub(crate) fn next(&self) -> usize {
        self.0.lock().expect("the journal").all.len()
    }

    /// How many entries from this number on are such.
    pub(crate) fn count_from(&self, first: usize, is_such: impl Fn(&Entry) -> bool) -> usize {
        let entries = self.0.lock().expect("the journal");
        entries.all[first..].iter().filter(|entry| is_such(entry)).count()
    }

    /// The names of the calls that a request to the service made.
    pub(crate) fn calls_of(&self, request: usize) -> Vec<String> {
        let entries = self.0.lock().expect("the journal");
        let calls = entries.all.iter().filter(|entry| entry.request == request);
        calls.map(|entry| entry.operation.clone()).collect()
    }
}
