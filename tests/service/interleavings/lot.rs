//! Where calls wait for their turn.

use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};

use crate::harness::world::call::{Aws, Call};
use crate::harness::world::director::{Decision, Director};
use crate::harness::world::fault::Fault;

/// The calls that wait.
#[derive(Default)]
pub(super) struct Lot {
    parked: Mutex<Vec<Parked>>,
    /// Told of each arrival, and of each request that ends.
    pub(super) news: Arc<Notify>,
}

/// A call that waits.
pub(super) struct Parked {
    pub(super) call: Call,
    decide: oneshot::Sender<Option<Fault>>,
}

impl Director for Lot {
    fn decide<'a>(&'a self, call: &'a mut Call) -> Decision<'a> {
        let (decide, decided) = oneshot::channel();
        let call = call.clone();
        self.parked.lock().expect("the calls").push(Parked { call, decide });
        self.news.notify_one();
        Box::pin(async { decided.await.expect("a decision") })
    }
}

impl Lot {
    /// The requests whose calls wait, in the order of their arrival. Nobody waits any more for a call that ran into a time limit.
    pub(super) fn waiting(&self) -> Vec<usize> {
        let mut parked = self.parked.lock().expect("the calls");
        parked.retain(|parked| !parked.decide.is_closed());
        parked.iter().map(|parked| parked.call.request).collect()
    }

    /// The service that this one of them is for.
    pub(super) fn service_of(&self, index: usize) -> Aws {
        self.parked.lock().expect("the calls")[index].call.service
    }

    /// Takes the call out that is number `index` of those that wait.
    pub(super) fn take(&self, index: usize) -> Parked {
        self.parked.lock().expect("the calls").remove(index)
    }
}

impl Parked {
    pub(super) fn decide(self, fault: Option<Fault>) {
        // Nobody waits any more if the instance died.
        let _ = self.decide.send(fault);
    }
}
