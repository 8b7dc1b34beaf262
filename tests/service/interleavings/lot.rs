//! Where calls wait for their turn, and what is noted of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use tokio::sync::{Notify, oneshot};

use super::seeded::Seeded;
use crate::harness::world::call::{Aws, Call};
use crate::harness::world::director::{Decision, Director};
use crate::harness::world::fault::Fault;
use crate::harness::world::reply::Reply;

#[derive(Default)]
pub(super) struct Lot {
    state: Mutex<State>,
    /// Told of each arrival, and of each request that ends.
    pub(super) news: Arc<Notify>,
    /// A fault of the code, as if each call had been made with it.
    seeded: Option<Seeded>,
}

#[derive(Default)]
struct State {
    parked: Vec<Parked>,
    /// The calls as the functions asked for them, before a seeded fault, by their numbers.
    asked: BTreeMap<usize, Arc<Call>>,
    /// Those among them that nobody waits for any more.
    late: BTreeSet<usize>,
    history: Vec<Event>,
}

/// A call that waits.
pub(super) struct Parked {
    pub(super) call: Arc<Call>,
    /// The same, with the seeded fault if there is one.
    pub(super) sent: Call,
    decide: oneshot::Sender<Option<Fault>>,
}

/// What happened to the table.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A call reached `DynamoDB`. Its conditions held, or they did not.
    Made { call: Arc<Call>, held: bool, is_late: bool },
    /// TTL deleted the item of this name.
    Deleted(String),
}

impl Director for Lot {
    fn decide<'a>(&'a self, sent: &'a mut Call) -> Decision<'a> {
        // When the secret is read is of no interest here.
        if sent.service == Aws::SecretsManager {
            return Box::pin(std::future::ready(None));
        }
        let call = Arc::new(sent.clone());
        if let Some(seeded) = self.seeded {
            seeded.change(sent);
        }
        let (decide, decided) = oneshot::channel();
        let mut state = self.state.lock().expect("the calls");
        state.asked.insert(call.number, Arc::clone(&call));
        let sent = sent.clone();
        state.parked.push(Parked { call, sent, decide });
        self.news.notify_one();
        Box::pin(async { decided.await.expect("a decision") })
    }

    fn made(&self, call: &Call, reply: &Reply) {
        let mut state = self.state.lock().expect("the calls");
        if call.service == Aws::DynamoDb {
            let call = Arc::clone(&state.asked[&call.number]);
            let is_late = state.late.contains(&call.number);
            let held = reply.status == 200;
            state.history.push(Event::Made { call, held, is_late });
        }
    }
}

impl Lot {
    pub(super) fn new(seeded: Option<Seeded>) -> Self {
        Self {
            seeded,
            ..Self::default()
        }
    }

    /// The calls that wait, in the order of their arrival. Nobody waits any more for a call that ran into a time limit.
    pub(super) fn waiting(&self) -> Vec<Arc<Call>> {
        let mut state = self.state.lock().expect("the calls");
        state.parked.retain(|parked| !parked.decide.is_closed());
        state.parked.iter().map(|parked| Arc::clone(&parked.call)).collect()
    }

    /// Takes the call out that is number `index` of those that wait.
    pub(super) fn take(&self, index: usize) -> Parked {
        self.state.lock().expect("the calls").parked.remove(index)
    }

    /// Nobody waits any more for the call of this number.
    pub(super) fn note_late(&self, number: usize) {
        self.state.lock().expect("the calls").late.insert(number);
    }

    pub(super) fn note_deletion(&self, pk: String) {
        self.state.lock().expect("the calls").history.push(Event::Deleted(pk));
    }

    pub(super) fn history(&self) -> Vec<Event> {
        self.state.lock().expect("the calls").history.clone()
    }
}

impl Parked {
    pub(super) fn decide(self, fault: Option<Fault>) {
        // Nobody waits any more if the instance died.
        let _ = self.decide.send(fault);
    }
}
