//! The calls to the database, as most tests count and lose them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::world::World;
use super::world::call::Aws;
use super::world::fault::{Answer, Fault};
use super::world::journal::Entry;

#[derive(Clone)]
pub(crate) struct Traffic {
    world: World,
    /// The first entry of the journal that counts.
    first: Arc<AtomicUsize>,
}

impl Traffic {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            first: Arc::default(),
        }
    }

    /// The calls since the last [`Self::forget`].
    pub(crate) fn calls(&self) -> usize {
        self.count(|entry| entry.service == Aws::DynamoDb)
    }

    /// The calls among them whose condition held.
    pub(crate) fn writes(&self) -> usize {
        self.count(|entry| entry.service == Aws::DynamoDb && entry.succeeded)
    }

    pub(crate) fn forget(&self) {
        self.first.store(self.world.journal().next(), Ordering::SeqCst);
    }

    /// Lets the answers to the next `calls` arrive as HTTP 500. The writes are made, but nobody learns it.
    pub(crate) fn lose(&self, calls: usize) {
        self.lose_after(0, calls);
    }

    /// The same, after `calls_before` were answered.
    pub(crate) fn lose_after(&self, calls_before: usize, calls: usize) {
        let script = self.world.script();
        script.forget(Aws::DynamoDb);
        script.after(calls_before, calls, Aws::DynamoDb, Fault::Lost(Answer::Http500));
    }

    fn count(&self, is_such: impl Fn(&Entry) -> bool) -> usize {
        self.world
            .journal()
            .count_from(self.first.load(Ordering::SeqCst), is_such)
    }
}
