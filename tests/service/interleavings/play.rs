//! One world, from its first step to its last.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use verification::rules::limits::Limits;

use super::cast::Role;
use super::choices::Choices;
use super::lot::Lot;
use super::promises;
use crate::harness::event::{event, guess, with_source};
use crate::harness::response::Response;
use crate::harness::service::{KIM, Service, config};
use crate::harness::ses::SentMail;
use crate::harness::world::call::{Aws, Call};
use crate::harness::world::fault::{Answer, Fault};

/// Small, so that a small world reaches them: 3 emails of a mailbox, 4 first ones, 3 of a source, 2 of them unverified.
pub(super) const LIMITS: Limits = Limits {
    first_mails_per_day: 4,
    ..Limits::new(3, 3, time::Duration::minutes(1), 2)
};

/// What the clock of an instance may differ by.
const SKEWS: [i64; 3] = [0, 2, -2];

/// How long the cast may let pass while nothing is under way: until the pause is over, or into the last minute of a code.
const WAITS: [i64; 2] = [61, 545];
/// How often they may.
const MAX_WAITS: usize = 2;

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
    /// Faults of `DynamoDB` that they met.
    pub(super) faults: usize,
    /// How often time had passed when they started.
    pub(super) waits: usize,
    /// When their newest write was made, by the number of the step.
    wrote_at: Option<usize>,
    /// When their email was charged.
    pub(super) charged_at: Option<usize>,
    /// When they used a code or a link.
    pub(super) used_at: Option<usize>,
}

/// What SES made of an email.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ses {
    Took,
    DidNotTake,
    DidNotSay { delivered: bool },
}

pub(super) struct Play {
    pub(super) service: Arc<Service>,
    lot: Arc<Lot>,
    pub(super) actors: Vec<Actor>,
    /// Those who have started, in that order. Their requests are numbered so, from 1.
    started: Vec<usize>,
    faults: usize,
    /// How often time passed.
    pub(super) waits: usize,
    /// What happened, a line a step.
    story: Vec<String>,
}

/// What may come next.
enum Step {
    Start(usize),
    /// The call that is number so much of those that wait, and what becomes of it.
    Call(usize, Outcome),
    /// So many seconds pass.
    Wait(i64),
}

/// What becomes of a call.
#[derive(Clone, Debug)]
enum Outcome {
    Done,
    Fault(Fault),
    /// It is made or not, and its instance dies.
    Dies {
        done: bool,
    },
}

impl Play {
    /// Plays a world by these choices, with at most so many faults. If it breaks a promise, returns its story.
    pub(super) async fn run(cast: &[Role], faults: usize, choices: &mut Choices) -> Result<(), String> {
        let mut config = config();
        // So that one wrong code is enough to kill a challenge, and three emails to reach a limit.
        config.shared.max_guesses = 1;
        config.limits = LIMITS;
        let service = Arc::new(Service::start_with(config).await);
        let lot = Arc::<Lot>::default();
        service.world.direct_by(Arc::<Lot>::clone(&lot));
        let actors = cast.iter().map(|role| {
            // The clock matters most to those who ask.
            let skews = if role.asks() { SKEWS.len() } else { 1 };
            Actor::new(*role, SKEWS[choices.choose(skews)])
        });
        let mut play = Self {
            service,
            lot,
            actors: actors.collect(),
            started: Vec::new(),
            faults,
            waits: 0,
            story: Vec::new(),
        };
        loop {
            play.settle().await;
            let mut steps = play.steps();
            if steps.is_empty() {
                break;
            }
            let chosen = choices.choose(steps.len());
            play.take(steps.swap_remove(chosen)).await;
        }
        play.service.world.direct_by(Arc::new(play.service.script.clone()));
        let broken = promises::broken(&play).await;
        if broken.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = cast.iter().map(|role| format!("{role:?}")).collect();
        let (broken, story, names) = (broken.join("\n"), play.story.join("\n"), names.join(" "));
        Err(format!("{broken}\n{story}\nWORLD=\"{names}: {}\"", choices.written()))
    }

    /// Waits until every request waits for its turn or has ended. Timers run only when nothing else can happen.
    async fn settle(&mut self) {
        loop {
            for _ in 0..40 {
                tokio::task::yield_now().await;
            }
            for actor in &mut self.actors {
                if actor.task.as_ref().is_some_and(|(task, _)| task.is_finished()) {
                    let (task, started) = actor.task.take().expect("a task");
                    let response = task.await.expect("a response");
                    actor.took = started.elapsed();
                    self.story
                        .push(format!("{:?} gets {} {}", actor.role, response.status, response.body));
                    actor.response = Some(response);
                }
            }
            let running = self.actors.iter().filter(|actor| actor.task.is_some()).count();
            if !self.lot.waiting().is_empty() || running == 0 {
                return;
            }
            self.lot.news.notified().await;
        }
    }

    fn steps(&self) -> Vec<Step> {
        let waiting = self.lot.waiting();
        let mut steps = Vec::new();
        for (index, request) in waiting.iter().enumerate() {
            let actor = &self.actors[self.started[request - 1]];
            let outcomes = outcomes(self.lot.service_of(index), actor, self.faults > 0);
            steps.extend(outcomes.into_iter().map(|outcome| Step::Call(index, outcome)));
        }
        let is_mailed = !self.mails().is_empty();
        let mut starts: Vec<_> = (0..self.actors.len())
            .filter(|actor| !self.started.contains(actor))
            .filter(|actor| is_mailed || !self.actors[*actor].role.reads_mail())
            .collect();
        // The first one asks first.
        if self.started.is_empty() {
            starts.truncate(1);
        }
        if waiting.is_empty() && !self.started.is_empty() && !starts.is_empty() && self.waits < MAX_WAITS {
            steps.extend(WAITS.map(Step::Wait));
        }
        steps.extend(starts.into_iter().map(Step::Start));
        steps
    }

    /// The codes of the app's emails that arrived.
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
                self.waits += 1;
                self.story.push(format!("{seconds} s pass"));
            }
            Step::Start(index) => self.start(index),
            Step::Call(index, outcome) => {
                let parked = self.lot.take(index);
                let actor = self.started[parked.call.request - 1];
                self.tell(actor, &parked.call, &outcome);
                let dies = matches!(outcome, Outcome::Dies { .. });
                parked.decide(match outcome {
                    Outcome::Done => None,
                    Outcome::Fault(fault) => Some(fault),
                    Outcome::Dies { done: true } => Some(Fault::Lost(Answer::Silence)),
                    Outcome::Dies { done: false } => Some(Fault::NeverDone(Answer::Silence)),
                });
                if dies {
                    for _ in 0..40 {
                        tokio::task::yield_now().await;
                    }
                    let actor = &mut self.actors[actor];
                    if let Some((task, _)) = actor.task.take() {
                        task.abort();
                    }
                    actor.died = true;
                }
            }
        }
    }

    /// Notes what becomes of a call.
    fn tell(&mut self, index: usize, call: &Call, outcome: &Outcome) {
        let actor = &mut self.actors[index];
        let is_fault = !matches!(outcome, Outcome::Done);
        self.faults -= usize::from(is_fault);
        if call.service == Aws::Ses {
            actor.charged_at = actor.wrote_at;
            let delivered = matches!(
                outcome,
                Outcome::Done | Outcome::Fault(Fault::Lost(_)) | Outcome::Dies { done: true }
            );
            let ses = match outcome {
                Outcome::Done => Ses::Took,
                Outcome::Fault(Fault::Throttled) => Ses::DidNotTake,
                _ => Ses::DidNotSay { delivered },
            };
            actor.mailed = Some((SentMail(call.body.clone()).code(), ses));
        } else if call.service == Aws::DynamoDb {
            actor.faults += usize::from(is_fault);
            actor.wrote_at = Some(self.story.len());
            actor.used_at = actor.used_at.or(actor.wrote_at);
        }
        let what = if is_fault {
            format!("{outcome:?}")
        } else {
            "done".to_owned()
        };
        let told = call.body["TransactItems"][0]["Update"]["ConditionExpression"].as_str();
        self.story.push(format!(
            "{:?}: {} {}: {what}",
            actor.role,
            call.operation,
            told.unwrap_or_default()
        ));
    }

    fn start(&mut self, index: usize) {
        self.started.push(index);
        let newest = self.mails().pop();
        let actor = &mut self.actors[index];
        actor.waits = self.waits;
        let (role, skew) = (actor.role, actor.skew);
        let body = json!({ "email": KIM, "challenge_id": role.id() });
        let event = match role {
            Role::Right => {
                actor.typed = newest.map(|mail| mail.code());
                guess(KIM, role.id(), actor.typed.as_deref().expect("a mail"))
            }
            Role::Link => {
                let mail = newest.expect("a mail");
                actor.typed = Some(mail.code());
                event("/verify-code", json!({ "link": mail.sealed() }).to_string().as_bytes())
            }
            Role::Wrong => {
                let wrong = format!("{index:06}");
                actor.typed = Some(wrong.clone());
                guess(KIM, role.id(), &wrong)
            }
            _ => with_source(role.source(), event("/request-code", body.to_string().as_bytes())),
        };
        let (service, news) = (Arc::clone(&self.service), Arc::clone(&self.lot.news));
        let task = tokio::spawn(async move {
            let response = service.handle_at(skew, &event).await;
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
            faults: 0,
            waits: 0,
            wrote_at: None,
            charged_at: None,
            used_at: None,
        }
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.response.as_ref().map(|response| response.status)
    }
}

/// What can become of a call.
fn outcomes(service: Aws, actor: &Actor, may_fail: bool) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::Done];
    if !may_fail || service == Aws::SecretsManager {
        return outcomes;
    }
    let faults = match service {
        Aws::Ses => vec![
            Fault::Throttled,
            Fault::Lost(Answer::Http500),
            Fault::NeverDone(Answer::Http500),
            Fault::Lost(Answer::Silence),
        ],
        _ => vec![
            Fault::Lost(Answer::Http500),
            Fault::NeverDone(Answer::Http500),
            Fault::Lost(Answer::Silence),
            Fault::LandsLate(Duration::from_secs(10)),
            Fault::Throttled,
            Fault::Collided(if actor.role.asks() { &[0] } else { &[] }),
        ],
    };
    outcomes.extend(faults.into_iter().map(Outcome::Fault));
    outcomes.extend([true, false].map(|done| Outcome::Dies { done }));
    outcomes
}
