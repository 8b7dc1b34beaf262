//! One world, from its first step to its last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::actor::{Actor, Email, Ses};
use super::aim::Aim;
use super::cast::{Circumstance, Role, Scene};
use super::choices::Choices;
use super::lot::Lot;
use super::outcome::{Outcome, outcomes};
use super::promises;
use super::stage::Stage;
use crate::harness::contract;
use crate::harness::event::{event, undelivered, with_source};
use crate::harness::log;
use crate::harness::service::Service;
use crate::harness::ses::SentMail;
use crate::harness::world::call::{Aws, Call};

/// What the clock of an instance may differ by.
const SKEWS: [i64; 3] = [0, 2, -2];
/// How long the cast may let pass while nothing is under way: until the pause is over, or into the last minute of a code.
const WAITS: [i64; 2] = [61, 545];
/// What may pass besides in a [`Circumstance::Closely`] world.
const CLOSE_WAITS: [i64; 2] = [50, 510];
/// What may pass besides where SES is sick: the time after which it keeps nobody out any more.
const RECOVERY: i64 = 901;
/// What may pass besides where days may: until every item is past its time.
const DAYS: i64 = 2 * 86_400 + 700;

pub(super) struct Play {
    pub(super) scene: Scene,
    pub(super) service: Arc<Service>,
    pub(super) lot: Arc<Lot>,
    pub(super) actors: Vec<Actor>,
    /// Those who have started, in that order. Their requests are numbered so, from 1.
    pub(super) started: Vec<usize>,
    /// What the log had before.
    pub(super) log_mark: usize,
    /// Writes that nobody waits for any more, as they were asked for and as they were sent.
    late: Vec<(Arc<Call>, Call)>,
    /// How SES fails each email, if it is sick.
    sickness: Option<Outcome>,
    faults: usize,
    waits: usize,
    /// The number of the first email.
    first_mail: usize,
    /// The items that TTL may delete.
    overdue: Vec<String>,
    /// The step before, and what could have been done in its place.
    last: Option<(Mark, Vec<Mark>)>,
    /// What happened, a line a step.
    story: Vec<String>,
}

/// What may come next.
enum Step {
    Start(usize),
    /// The call that is number so much of those that wait, and what becomes of it.
    Call(usize, Outcome),
    /// A late write is made.
    Land(usize),
    /// Whoever pauses goes on.
    GoOn,
    /// SES is well again.
    Recover,
    /// TTL deletes the item of this name.
    Delete(String),
    /// So many seconds pass.
    Wait(i64),
}

/// Who takes a step, and what it is about. Steps of two actors that are about different things can change places.
#[derive(Clone, PartialEq, Eq)]
struct Mark {
    actor: usize,
    /// The number of the call. None if the actor starts.
    call: Option<usize>,
    about: BTreeSet<String>,
}

impl Play {
    /// Plays a world by these choices. If it breaks a promise, returns its story. False if the choices are counted through, and
    /// another world differs from this one only in the order of steps that can change places.
    pub(super) async fn run(scene: &Scene, stage: &mut Stage, choices: &mut Choices) -> Result<bool, String> {
        let mut play = Self::begin(scene, stage, choices).await;
        loop {
            play.let_all_park().await;
            let mut steps = play.steps();
            if steps.is_empty() {
                break;
            }
            let marks = steps.iter().filter_map(|(mark, _)| mark.clone()).collect();
            if choices.are_counted() {
                steps.retain(|(mark, _)| !play.changes_places(mark.as_ref()));
            }
            if steps.is_empty() {
                play.actors.iter_mut().for_each(Actor::stop);
                return Ok(false);
            }
            let (mark, step) = steps.swap_remove(choices.choose(steps.len()));
            play.take(step).await;
            play.last = mark.map(|mark| (mark, marks));
        }
        play.service.world.direct_by(Arc::new(play.service.script.clone()));
        let broken = promises::broken(&play).await;
        if std::env::var_os("STORIES").is_some() {
            super::print(&format!("{scene}\n{}\n", play.story.join("\n")));
        }
        if broken.is_empty() {
            return Ok(true);
        }
        let (broken, story) = (broken.join("\n"), play.story.join("\n"));
        Err(format!("{broken}\n{story}\nWORLD=\"{scene}: {}\"", choices.written()))
    }

    /// Whether a step could as well have been taken before the last one, where it is taken in another world.
    fn changes_places(&self, mark: Option<&Mark>) -> bool {
        let (Some(mark), Some((last, before))) = (mark, &self.last) else {
            return false;
        };
        mark.actor < last.actor && mark.about.is_disjoint(&last.about) && before.contains(mark)
    }

    async fn begin(scene: &Scene, stage: &mut Stage, choices: &mut Choices) -> Self {
        let (service, lot) = stage.set(scene).await;
        let is_begun = scene.is(Circumstance::Begun);
        let actors = scene.cast.iter().enumerate().map(|(number, role)| {
            // The clock matters most to those who ask.
            let is_free = role.asks() && !(is_begun && number == 0) && !scene.is(Circumstance::Punctual);
            let skews = if is_free { SKEWS.len() } else { 1 };
            Actor::new(*role, SKEWS[choices.choose(skews)])
        });
        let actors = actors.collect();
        let sickness = scene.is(Circumstance::Sick).then(|| {
            let mut failures = outcomes(Aws::Ses, true);
            failures.retain(|outcome| matches!(outcome, Outcome::Throttled | Outcome::Lost { .. }));
            failures.swap_remove(choices.choose(failures.len()))
        });
        Self {
            scene: scene.clone(),
            service,
            lot,
            actors,
            started: Vec::new(),
            log_mark: log::length(),
            late: Vec::new(),
            sickness,
            faults: scene.faults,
            waits: scene.waits,
            first_mail: stage.next_mails(scene.cast.len()),
            overdue: Vec::new(),
            last: None,
            story: Vec::new(),
        }
    }

    /// Waits until every request waits for its turn or has ended.
    async fn let_all_park(&mut self) {
        loop {
            // The clock is paused, and goes on only when all others wait.
            tokio::time::sleep(Duration::from_millis(1)).await;
            for actor in &mut self.actors {
                if actor.task.as_ref().is_some_and(|(task, _)| task.is_finished()) {
                    let (task, started) = actor.task.take().expect("a task");
                    let response = task.await.expect("a response");
                    actor.took = started.elapsed();
                    let mut body = response.body.clone();
                    if body["token"].is_string() {
                        body["token"] = json!("…");
                    }
                    self.story
                        .push(format!("{:?} gets {} {body}", actor.role, response.status));
                    actor.response = Some(response);
                    actor.is_pausing = false;
                }
            }
            let waiting = self.lot.waiting();
            for call in &waiting {
                self.actors[self.started[call.request - 1]].is_pausing = false;
            }
            let is_running = self.actors.iter().any(|actor| actor.task.is_some());
            if !waiting.is_empty() || !is_running {
                break;
            }
            self.lot.news.notified().await;
        }
        // What the circumstances do to the items.
        if self.scene.is(Circumstance::Unconfirmed) || self.scene.is(Circumstance::Days) {
            let items = self.items().await;
            if self.scene.is(Circumstance::Unconfirmed) {
                self.leave_unconfirmed(&items).await;
            }
            self.find_overdue(&items);
        }
    }

    /// The items, as the engine has them.
    pub(super) async fn items(&self) -> Vec<Value> {
        self.service.world.items(self.service.table_name()).await
    }

    /// Counts the unconfirmed emails of the scene for each mailbox that has none.
    async fn leave_unconfirmed(&self, items: &[Value]) {
        let is_new = |item: &&Value| {
            let pk = item["pk"]["S"].as_str().unwrap_or_default();
            pk.starts_with("mailbox/") && item["unconfirmed"].is_null()
        };
        for item in items.iter().filter(is_new) {
            let update = json!({
                "TableName": self.service.table_name(),
                "Key": { "pk": item["pk"] },
                "UpdateExpression": "SET unconfirmed = :number",
                "ExpressionAttributeValues": { ":number": { "N": self.scene.unconfirmed().to_string() } },
            });
            self.service.world.amend("UpdateItem", &update).await;
        }
    }

    /// Finds the items that TTL may delete.
    fn find_overdue(&mut self, items: &[Value]) {
        let is_past = |item: &&Value| {
            let expires_at = item["expires_at"]["N"].as_str().expect("a time");
            expires_at.parse::<i64>().expect("a time") < self.service.now()
        };
        let overdue = items.iter().filter(is_past);
        let names = overdue.map(|item| item["pk"]["S"].as_str().expect("a name").to_owned());
        self.overdue = names.collect();
        self.overdue.sort();
    }

    fn steps(&self) -> Vec<(Option<Mark>, Step)> {
        let waiting = self.lot.waiting();
        let first_is_alone = self.scene.is(Circumstance::Begun) && self.actors[0].response.is_none();
        let mut steps = Vec::new();
        for (index, call) in waiting.iter().enumerate() {
            let mark = Some(self.mark(call));
            let outcomes = match &self.sickness {
                Some(sickness) if call.service == Aws::Ses => vec![sickness.clone()],
                _ => outcomes(call.service, self.faults > 0 && !first_is_alone),
            };
            steps.extend(
                outcomes
                    .into_iter()
                    .map(|outcome| (mark.clone(), Step::Call(index, outcome))),
            );
        }
        for (index, (call, _)) in self.late.iter().enumerate() {
            steps.push((Some(self.mark(call)), Step::Land(index)));
        }
        let is_mailed = !self.mails().is_empty();
        let mut starts: Vec<_> = (0..self.actors.len())
            .filter(|actor| !self.started.contains(actor))
            .filter(|actor| is_mailed || !self.actors[*actor].role.reads_mail())
            .collect();
        // The first one asks first.
        if self.started.is_empty() {
            starts.truncate(1);
        } else if first_is_alone {
            starts.clear();
        }
        let is_quiet = waiting.is_empty() && self.late.is_empty() && !self.started.is_empty() && !starts.is_empty();
        if !starts.is_empty() || !waiting.is_empty() {
            steps.extend(self.overdue.iter().map(|pk| (None, Step::Delete(pk.clone()))));
        }
        for actor in starts {
            let reads_mail = self.actors[actor].role.reads_mail();
            let about = reads_mail.then(|| "SES".to_owned()).into_iter().collect();
            let call = None;
            steps.push((Some(Mark { actor, call, about }), Step::Start(actor)));
        }
        if is_quiet && self.waits > 0 {
            let waits = WAITS.into_iter();
            let waits = waits.chain(CLOSE_WAITS.into_iter().filter(|_| self.scene.is(Circumstance::Closely)));
            let waits = waits.chain(self.scene.is(Circumstance::Sick).then_some(RECOVERY));
            let waits = waits.chain(self.scene.is(Circumstance::Days).then_some(DAYS));
            steps.extend(waits.map(|seconds| (None, Step::Wait(seconds))));
        }
        if self.sickness.is_some() && !self.started.is_empty() {
            steps.push((None, Step::Recover));
        }
        if self.actors.iter().any(|actor| actor.is_pausing) && !waiting.is_empty() {
            steps.push((None, Step::GoOn));
        }
        steps
    }

    fn mark(&self, call: &Call) -> Mark {
        let keys = |write: &Value| write["Key"]["pk"]["S"].as_str().map(ToOwned::to_owned);
        let about = match call.body["TransactItems"].as_array() {
            Some(parts) => parts.iter().filter_map(|part| keys(&part["Update"])).collect(),
            None => [keys(&call.body).unwrap_or_else(|| "SES".to_owned())].into(),
        };
        Mark {
            actor: self.started[call.request - 1],
            call: Some(call.number),
            about,
        }
    }

    /// The app's emails that arrived.
    fn mails(&self) -> Vec<SentMail> {
        let of_app = self.actors.iter().filter(|actor| actor.role.is_about_the_apps());
        let arrived = of_app.filter_map(Actor::email).filter(|email| email.arrived());
        let codes: Vec<_> = arrived.map(|email| &email.code).collect();
        let all = self.service.ses.mails().into_iter();
        all.filter(|mail| codes.contains(&&mail.code())).collect()
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Wait(seconds) => {
                self.service.wait(seconds);
                self.waits -= 1;
                self.story.push(format!("{seconds} s pass"));
            }
            Step::GoOn => {
                self.story.push("whoever pauses goes on".to_owned());
                self.lot.news.notified().await;
            }
            Step::Recover => {
                self.story.push("SES is well again".to_owned());
                self.sickness = None;
            }
            Step::Delete(pk) => {
                self.story.push(format!("TTL deletes {pk}"));
                let delete = json!({ "TableName": self.service.table_name(), "Key": { "pk": { "S": pk } } });
                self.service.world.amend("DeleteItem", &delete).await;
                self.lot.note_deletion(pk);
            }
            Step::Land(index) => {
                let (call, sent) = self.late.remove(index);
                self.story
                    .push(format!("{}, though nobody waits for it any more", self.name(&call)));
                self.service.world.land(&sent).await;
            }
            Step::Start(index) => self.start(index),
            Step::Call(index, outcome) => self.decide(index, outcome).await,
        }
    }

    async fn decide(&mut self, index: usize, outcome: Outcome) {
        let parked = self.lot.take(index);
        let call = Arc::clone(&parked.call);
        let actor = self.started[call.request - 1];
        self.tell(actor, &call, &outcome);
        let dies = matches!(outcome, Outcome::Dies { .. });
        if outcome == Outcome::Late {
            self.lot.note_late(call.number);
            self.late.push((Arc::clone(&call), parked.sent.clone()));
        }
        parked.decide(outcome.fault(&call));
        if dies {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let actor = &mut self.actors[actor];
            actor.stop();
            actor.died = true;
        }
    }

    /// Notes what becomes of a call.
    fn tell(&mut self, index: usize, call: &Call, outcome: &Outcome) {
        let is_sick = call.service == Aws::Ses && self.sickness.is_some();
        let is_fault = *outcome != Outcome::Done;
        self.faults -= usize::from(is_fault && !is_sick);
        self.story.push(format!("{}: {outcome:?}", self.name(call)));
        let actor = &mut self.actors[index];
        actor.is_pausing = matches!(outcome, Outcome::Throttled | Outcome::Collided);
        if call.service == Aws::DynamoDb {
            actor.faults += usize::from(is_fault);
            return;
        }
        let ses = match outcome {
            Outcome::Done => Ses::Took,
            Outcome::Lost { done, .. } | Outcome::Dies { done } => Ses::DidNotSay { delivered: *done },
            _ => Ses::DidNotTake,
        };
        actor.emails.push(Email {
            destination: call.body["Destination"].clone(),
            code: SentMail(call.body.clone()).code(),
            ses,
        });
    }

    /// Who makes a call, and what it is for.
    fn name(&self, call: &Call) -> String {
        let role = self.actors[self.started[call.request - 1]].role;
        format!("{role:?} {}", Aim::of(call))
    }

    fn start(&mut self, index: usize) {
        self.started.push(index);
        let mut mails = self.mails();
        if self.actors[index].role == Role::LateBounce {
            mails.truncate(1);
        }
        let newest = mails.pop();
        let mail = self.first_mail + index;
        let actor = &mut self.actors[index];
        let (role, skew) = (actor.role, actor.skew);
        let event = match role {
            Role::Right | Role::Misused => {
                actor.typed = newest.map(|mail| mail.code());
                guess(role, actor.typed.as_deref().expect("a mail"))
            }
            Role::Link => {
                let mail = newest.expect("a mail");
                actor.typed = Some(mail.code());
                event("/verify-code", json!({ "link": mail.sealed() }).to_string().as_bytes())
            }
            Role::Bounce | Role::LateBounce => undelivered(&newest.expect("a mail"), "Bounce Permanent General"),
            Role::Wrong => {
                let wrong = format!("{index:06}");
                actor.typed = Some(wrong.clone());
                guess(role, &wrong)
            }
            _ => {
                let body = json!({ "email": role.email(), "challenge_id": role.id(), "purpose": role.purpose() });
                with_source(role.source(), event("/request-code", body.to_string().as_bytes()))
            }
        };
        let (service, news) = (Arc::clone(&self.service), Arc::clone(&self.lot.news));
        let task = tokio::spawn(async move {
            let response = service.handle_at(skew, &event, mail).await;
            if !role.is_ses() {
                contract::check(&event, &response);
            }
            news.notify_one();
            response
        });
        actor.task = Some((task, Instant::now()));
        self.story
            .push(format!("{role:?} starts, by a clock that is {skew} s fast"));
    }
}

/// An event that submits a code for a role's challenge.
fn guess(role: Role, code: &str) -> Value {
    let (email, id, purpose) = (role.email(), role.id(), role.purpose());
    let body = json!({ "email": email, "challenge_id": id, "purpose": purpose, "code": code });
    event("/verify-code", body.to_string().as_bytes())
}
