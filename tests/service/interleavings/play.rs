//! One world, from its first step to its last.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use verification::rules::limits::Limits;

use super::cast::{Circumstance, Role, Scene};
use super::choices::Choices;
use super::lot::Lot;
use super::promises;
use super::stage::Stage;
use crate::harness::contract;
use crate::harness::event::{event, guess, with_source};
use crate::harness::log;
use crate::harness::response::Response;
use crate::harness::service::Service;
use crate::harness::ses::SentMail;
use crate::harness::world::call::{Aws, Call};
use crate::harness::world::fault::{Answer, Fault};

/// Small, so that a small world reaches them.
pub(super) const LIMITS: Limits = Limits::new(3, 2, time::Duration::minutes(1), 2);
/// Those of a [`Circumstance::Tight`] world.
pub(super) const TIGHT_LIMITS: Limits = Limits::new(1, 2, time::Duration::minutes(1), 2);

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

/// One of the cast, and what became of their request.
pub(super) struct Actor {
    pub(super) role: Role,
    skew: i64,
    task: Option<(JoinHandle<Response>, Instant)>,
    pub(super) response: Option<Response>,
    pub(super) took: Duration,
    /// Whether the instance died.
    pub(super) died: bool,
    /// The code that they typed, or that was in their link.
    pub(super) typed: Option<String>,
    /// The code that they mailed or tried to, and what SES made of it.
    pub(super) mailed: Option<(String, Ses)>,
    /// How many emails they sent or tried to.
    pub(super) emails: usize,
    /// Faults of `DynamoDB` that they met.
    pub(super) faults: usize,
    /// Whether they wait before they try once more.
    is_pausing: bool,
}

/// What SES made of an email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ses {
    Took,
    DidNotTake,
    DidNotSay { delivered: bool },
}

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
    late: Vec<(Call, Call)>,
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
                play.abandon();
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

    fn abandon(&mut self) {
        for actor in &mut self.actors {
            if let Some((task, _)) = actor.task.take() {
                task.abort();
            }
        }
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

    pub(super) fn limits(&self) -> Limits {
        limits(&self.scene)
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
            self.leave_unconfirmed(&items).await;
            self.find_overdue(&items);
        }
    }

    /// The items, as the engine has them.
    pub(super) async fn items(&self) -> Vec<Value> {
        self.service.world.items(self.service.table_name()).await
    }

    /// Counts ten unconfirmed emails for each mailbox that has none, if the scene is so.
    async fn leave_unconfirmed(&self, items: &[Value]) {
        let is_new = |item: &&Value| {
            let pk = item["pk"]["S"].as_str().unwrap_or_default();
            pk.starts_with("mailbox/") && item["unconfirmed"].is_null()
        };
        if !self.scene.is(Circumstance::Unconfirmed) {
            return;
        }
        for item in items.iter().filter(is_new) {
            let update = json!({
                "TableName": self.service.table_name(),
                "Key": { "pk": item["pk"] },
                "UpdateExpression": "SET unconfirmed = :ten",
                "ExpressionAttributeValues": { ":ten": { "N": "10" } },
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
    pub(super) fn mails(&self) -> Vec<SentMail> {
        let mails = self.actors.iter().filter_map(|actor| {
            let (code, ses) = actor.mailed.as_ref()?;
            let arrived = matches!(ses, Ses::Took | Ses::DidNotSay { delivered: true });
            (arrived && actor.role.id() == Role::Ask.id()).then_some(code)
        });
        let codes: Vec<_> = mails.collect();
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
        let call = parked.call.clone();
        let actor = self.started[call.request - 1];
        self.tell(actor, &call, &outcome);
        let dies = matches!(outcome, Outcome::Dies { .. });
        if outcome == Outcome::Late {
            self.lot.note_late(call.number);
            self.late.push((call.clone(), parked.sent.clone()));
        }
        parked.decide(outcome.fault(&call));
        if dies {
            tokio::time::sleep(Duration::from_millis(1)).await;
            let actor = &mut self.actors[actor];
            if let Some((task, _)) = actor.task.take() {
                task.abort();
            }
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
        actor.mailed = Some((SentMail(call.body.clone()).code(), ses));
        actor.emails += 1;
        let to = json!({ "ToAddresses": [actor.role.email()] });
        assert_eq!(call.body["Destination"], to, "an email to somebody else");
    }

    /// Who makes a call, and what it is for.
    fn name(&self, call: &Call) -> String {
        let role = self.actors[self.started[call.request - 1]].role;
        let write = match &call.body["TransactItems"][0]["Update"] {
            Value::Null => &call.body,
            write => write,
        };
        let what = match write["UpdateExpression"].as_str() {
            Some(update) if call.operation == "TransactWriteItems" => {
                let token = call.body["ClientRequestToken"].as_str().unwrap_or_default();
                let condition = write["ConditionExpression"].as_str().unwrap_or_default();
                match (
                    token.ends_with("-0"),
                    update.contains("generation"),
                    condition.contains(":seen"),
                ) {
                    (true, ..) => "undoes a charge",
                    (_, true, false) => "charges the first email",
                    (_, true, true) => "charges an email with a new code",
                    _ => "charges an email with the same code",
                }
            }
            Some(update) if update.contains("last_guess") => "submits a guess",
            Some(update) if update.contains("linked_at") => "uses the link",
            Some(_) => "gives emails back",
            None if call.service == Aws::Ses => "sends the email",
            None => "looks under the other key",
        };
        format!("{role:?} {what}")
    }

    fn start(&mut self, index: usize) {
        self.started.push(index);
        let newest = self.mails().pop();
        let mail = self.first_mail + index;
        let actor = &mut self.actors[index];
        let (role, skew) = (actor.role, actor.skew);
        let event = match role {
            Role::Right => {
                actor.typed = newest.map(|mail| mail.code());
                guess(role.email(), role.id(), actor.typed.as_deref().expect("a mail"))
            }
            Role::Link => {
                let mail = newest.expect("a mail");
                actor.typed = Some(mail.code());
                event("/verify-code", json!({ "link": mail.sealed() }).to_string().as_bytes())
            }
            Role::Wrong => {
                let wrong = format!("{index:06}");
                actor.typed = Some(wrong.clone());
                guess(role.email(), role.id(), &wrong)
            }
            _ => {
                let body = json!({ "email": role.email(), "challenge_id": role.id() });
                with_source(role.source(), event("/request-code", body.to_string().as_bytes()))
            }
        };
        let (service, news) = (Arc::clone(&self.service), Arc::clone(&self.lot.news));
        let task = tokio::spawn(async move {
            let response = service.handle_at(skew, &event, mail).await;
            contract::check(&event, &response);
            news.notify_one();
            response
        });
        actor.task = Some((task, Instant::now()));
        self.story
            .push(format!("{role:?} starts, by a clock that is {skew} s fast"));
    }
}

impl Actor {
    fn new(role: Role, skew: i64) -> Self {
        Self {
            role,
            skew,
            task: None,
            response: None,
            took: Duration::ZERO,
            died: false,
            typed: None,
            mailed: None,
            emails: 0,
            faults: 0,
            is_pausing: false,
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }
}

impl Outcome {
    fn fault(self, call: &Call) -> Option<Fault> {
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

pub(super) fn limits(scene: &Scene) -> Limits {
    if scene.is(Circumstance::Tight) {
        TIGHT_LIMITS
    } else {
        LIMITS
    }
}

pub(super) fn max_guesses(scene: &Scene) -> usize {
    if scene.is(Circumstance::TwoGuesses) { 2 } else { 1 }
}

/// What can become of a call.
fn outcomes(service: Aws, may_fail: bool) -> Vec<Outcome> {
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
