//! Strangers against people, for a UTC day: how many emails and guesses they get, and who gets no code.
//!
//! The handlers and the database engine are the real ones, and the clock is moved from one request to the next. Everything
//! random comes from a seed, so a day can be repeated: `make simulate SEED=7`. `make test` plays the short scenes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use serde_json::{Value, json};

use crate::harness::event::guess;
use crate::harness::response::Response;
use crate::harness::service::{Service, config};

/// Midnight UTC.
const DAY: i64 = 1_799_971_200;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// Who asks for what in a scene.
#[derive(Clone, Copy)]
struct Scene {
    name: &'static str,
    /// Strangers, each at a source of their own.
    strangers: u32,
    /// The addresses that each of them asks for: those of the people, or others that nobody waits at.
    targets: Targets,
    /// How often a stranger asks, and from midnight on until when.
    requests: i64,
    ask_until: i64,
    /// People who sign up, and when.
    people: u32,
    arrive_from: i64,
    arrive_until: i64,
    /// Whether they share one source.
    share_a_source: bool,
    /// Of a thousand people, so many never type their code.
    never_verify: i64,
    /// Of a thousand people, so many ask for their code once more after the pause.
    resend: i64,
}

#[derive(Clone, Copy, PartialEq)]
enum Targets {
    Nobody,
    /// The people's addresses, in turn.
    People {
        /// With another tag each time.
        tagged: bool,
    },
    /// So many other addresses, in turn.
    Others(i64),
}

const QUIET: Scene = Scene {
    name: "",
    strangers: 0,
    targets: Targets::Nobody,
    requests: 0,
    ask_until: 24 * HOUR,
    people: 1,
    arrive_from: 0,
    arrive_until: 24 * HOUR,
    share_a_source: false,
    never_verify: 0,
    resend: 0,
};

fn against_one(name: &'static str, strangers: u32, tagged: bool) -> Scene {
    Scene {
        name,
        strangers,
        targets: Targets::People { tagged },
        requests: 12,
        ask_until: HOUR,
        arrive_from: 12 * HOUR,
        arrive_until: 13 * HOUR,
        ..QUIET
    }
}

fn office() -> Scene {
    Scene {
        name: "an office of 300, 20 minutes, 1 in 10 never verifies",
        people: 300,
        arrive_from: 9 * HOUR,
        arrive_until: 9 * HOUR + 20 * MINUTE,
        share_a_source: true,
        never_verify: 100,
        ..QUIET
    }
}

fn short_scenes() -> Vec<Scene> {
    vec![
        against_one("1 IP address against 1 mailbox", 1, false),
        against_one("1 IP address against 1 mailbox, with tags", 1, true),
        against_one("4 IP addresses against 1 mailbox", 4, false),
        against_one("4 IP addresses against 1 mailbox, with tags", 4, true),
        // One less than it takes.
        against_one("9 IP addresses against 1 mailbox", 9, false),
        office(),
    ]
}

fn all_scenes() -> Vec<Scene> {
    let mut scenes = short_scenes();
    scenes.extend([
        against_one("10 IP addresses against 1 mailbox", 10, false),
        against_one("10 IP addresses against 1 mailbox, with tags", 10, true),
        against_one("30 IP addresses against 1 mailbox", 30, false),
        against_one("30 IP addresses against 1 mailbox, with tags", 30, true),
        against_one("1,000 IP addresses against 1 mailbox", 1_000, false),
        against_one("1,000 IP addresses against 1 mailbox, with tags", 1_000, true),
        Scene {
            name: "1 IP address against 10,000 mailboxes, and 50 people",
            strangers: 1,
            targets: Targets::Others(10_000),
            requests: 10_000,
            people: 50,
            ..QUIET
        },
        Scene {
            name: "100 IP addresses against the mailboxes of 200 people",
            strangers: 100,
            targets: Targets::People { tagged: false },
            requests: 60,
            people: 200,
            ..QUIET
        },
        Scene {
            name: "a carrier's NAT: 1,000 people a day, 15 % never verify, 5 % ask twice",
            people: 1_000,
            share_a_source: true,
            never_verify: 150,
            resend: 50,
            ..QUIET
        },
    ]);
    scenes
}

/// What came of a scene.
#[derive(Debug, Default)]
struct Outcome {
    /// Emails, and the most into one mailbox.
    mails: usize,
    most_mails: usize,
    /// The guesses that the codes in those take.
    most_guesses: usize,
    /// People who got a code only after they had to wait, or none at all that day.
    delayed: usize,
    locked_out: usize,
    /// The longest that somebody waited, in seconds.
    longest_wait: i64,
}

/// Numbers that look random and repeat with their seed (`SplitMix64`).
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn below(&mut self, bound: i64) -> i64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bound = u64::try_from(bound.max(1)).expect("a bound");
        i64::try_from((number ^ (number >> 31)) % bound).expect("below the bound")
    }
}

/// What happens at a time. The order of two at the same second is that of their numbers.
type Event = Reverse<(i64, usize, Act)>;

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    /// A stranger asks: who, and for the how many-th time.
    Stranger(u32, i64),
    /// A person asks, again after each 429.
    Ask(u32),
    /// A person asks once more, because the email seems to be lost.
    AskAgain(u32),
    /// A person types the code of the newest email that they asked for.
    Type(u32),
}

struct Play {
    scene: Scene,
    service: Service,
    random: Random,
    events: BinaryHeap<Event>,
    number: usize,
    /// When each person asked first.
    asked_at: HashMap<u32, i64>,
    /// The code in each person's newest email.
    mailed: HashMap<u32, String>,
    /// Emails by mailbox, and its codes: one for each generation of each challenge.
    mails: HashMap<String, usize>,
    codes: HashMap<String, HashSet<(String, String)>>,
    outcome: Outcome,
}

impl Play {
    async fn new(scene: Scene, seed: u64) -> Self {
        let mut play = Self {
            scene,
            service: Service::start_with(config()).await,
            random: Random(seed),
            events: BinaryHeap::new(),
            number: 0,
            asked_at: HashMap::new(),
            mailed: HashMap::new(),
            mails: HashMap::new(),
            codes: HashMap::new(),
            outcome: Outcome::default(),
        };
        for stranger in 0..scene.strangers {
            for turn in 0..scene.requests {
                let every = scene.ask_until / scene.requests;
                let at = turn * every + play.random.below(every);
                play.plan(DAY + at, Act::Stranger(stranger, turn));
            }
        }
        for person in 0..scene.people {
            let at = scene.arrive_from + play.random.below(scene.arrive_until - scene.arrive_from);
            play.plan(DAY + at, Act::Ask(person));
        }
        play
    }

    fn plan(&mut self, at: i64, act: Act) {
        self.number += 1;
        self.events.push(Reverse((at, self.number, act)));
    }

    async fn run(mut self) -> Outcome {
        while let Some(Reverse((at, _, act))) = self.events.pop() {
            if at >= DAY + 24 * HOUR {
                break;
            }
            self.service.move_to(at);
            match act {
                Act::Stranger(stranger, turn) => self.strangers_turn(stranger, turn).await,
                Act::Ask(person) => self.ask(at, person).await,
                Act::AskAgain(person) => {
                    let response = self.request_of(person).await;
                    assert!(response.status == 202 || self.scene.strangers > 0, "{}", response.text);
                }
                Act::Type(person) => {
                    let event = guess(&address(person), &own_id(person), &self.mailed[&person]);
                    let response = self.service.verify_code_event(&event).await;
                    assert_eq!(response.status, 200, "a mailed code works: {}", response.text);
                }
            }
        }
        // Whoever waits at the end of the day got no code on it.
        for (_, asked_at) in std::mem::take(&mut self.asked_at) {
            self.outcome.locked_out += 1;
            self.outcome.longest_wait = self.outcome.longest_wait.max(DAY + 24 * HOUR - asked_at);
        }
        self.outcome.mails = self.mails.values().sum();
        self.outcome.most_mails = self.mails.values().copied().max().unwrap_or_default();
        self.outcome.most_guesses = 5 * self.codes.values().map(HashSet::len).max().unwrap_or_default();
        self.outcome
    }

    async fn strangers_turn(&mut self, stranger: u32, turn: i64) {
        let turn_of_all = i64::from(stranger) + turn;
        let email = match self.scene.targets {
            Targets::Nobody => return,
            Targets::Others(count) => format!("other{}@example.com", turn_of_all % count),
            Targets::People { tagged } => {
                let person = u32::try_from(turn_of_all % i64::from(self.scene.people)).expect("a person");
                let address = address(person);
                if tagged {
                    address.replace('@', &format!("+{stranger}-{turn}@"))
                } else {
                    address
                }
            }
        };
        let source = format!("10.{}.{}.7", stranger / 250, stranger % 250);
        let body = json!({ "email": email });
        self.request(&source, &email, body).await;
    }

    async fn ask(&mut self, at: i64, person: u32) {
        self.asked_at.entry(person).or_insert(at);
        let response = self.request_of(person).await;
        if response.status == 429 {
            let wait = response.body["retry_after"].as_i64().expect("a time");
            self.plan(at + wait, Act::Ask(person));
            return;
        }
        let asked_at = self.asked_at.remove(&person).expect("a first time");
        self.outcome.delayed += usize::from(at > asked_at);
        self.outcome.longest_wait = self.outcome.longest_wait.max(at - asked_at);
        // One in twenty taps twice.
        if self.random.below(20) == 0 {
            assert_eq!(self.request_of(person).await.status, 202, "a double tap");
        }
        let mut types_at = at + 20 + self.random.below(3 * MINUTE);
        if self.random.below(1_000) < self.scene.resend {
            self.plan(at + MINUTE, Act::AskAgain(person));
            types_at += 2 * MINUTE;
        }
        if self.random.below(1_000) >= self.scene.never_verify {
            self.plan(types_at, Act::Type(person));
        }
    }

    /// The request of a person, who has one id.
    async fn request_of(&mut self, person: u32) -> Response {
        let email = address(person);
        let source = if self.scene.share_a_source {
            "203.0.113.7".to_owned()
        } else {
            format!("192.0.{}.{}", person / 250, person % 250)
        };
        let body = json!({ "email": email, "challenge_id": own_id(person) });
        let before = self.service.ses.calls();
        let response = self.request(&source, &email, body).await;
        if self.service.ses.calls() > before {
            self.mailed.insert(person, self.service.ses.newest_mail().code());
        }
        response
    }

    /// A request, and what it brought into a mailbox.
    async fn request(&mut self, source: &str, email: &str, body: Value) -> Response {
        let before = self.service.ses.calls();
        let response = self.service.request_code_from(source, body).await;
        if self.service.ses.calls() > before {
            let (name, domain) = email.split_once('@').expect("an address");
            let mailbox = format!("{}@{domain}", name.split('+').next().unwrap_or_default());
            *self.mails.entry(mailbox.clone()).or_default() += 1;
            let code = self.service.ses.newest_mail().code();
            self.codes
                .entry(mailbox)
                .or_default()
                .insert((response.challenge_id(), code));
        }
        response
    }
}

fn address(person: u32) -> String {
    format!("person{person}@example.com")
}

fn own_id(person: u32) -> String {
    format!("00000000-0000-4000-8000-{person:012}")
}

async fn play(scene: Scene, seed: u64) -> Outcome {
    Play::new(scene, seed).await.run().await
}

/// What holds in every scene, however many strangers there are.
fn assert_bounds(scene: &Scene, outcome: &Outcome) {
    assert!(outcome.most_mails <= 20, "{}: {outcome:?}", scene.name);
    assert!(outcome.most_guesses <= 100, "{}: {outcome:?}", scene.name);
    if scene.strangers < 10 {
        assert_eq!(
            (outcome.delayed, outcome.locked_out),
            (0, 0),
            "{}: {outcome:?}",
            scene.name
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_than_ten_sources_keep_nobody_out_and_an_office_signs_up() {
    for scene in short_scenes() {
        let outcome = Box::pin(play(scene, 1)).await;
        assert_bounds(&scene, &outcome);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: make simulate"]
async fn whole() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let mut table = vec![
        "| scene | emails | most into one mailbox | odds of a day | people who had to wait |".to_owned(),
        "| --- | --- | --- | --- | --- |".to_owned(),
    ];
    for scene in all_scenes() {
        let outcome = Box::pin(play(scene, seed)).await;
        let waited = match outcome.delayed + outcome.locked_out {
            0 => "none".to_owned(),
            people => format!(
                "{people} of {}, up to {} min",
                scene.people,
                outcome.longest_wait / MINUTE
            ),
        };
        let odds = 1_000_000_usize.checked_div(outcome.most_guesses).unwrap_or_default();
        table.push(format!(
            "| {} | {} | {} | 1 in {odds} | {waited} |",
            scene.name, outcome.mails, outcome.most_mails
        ));
        assert_bounds(&scene, &outcome);
    }
    print_table(&table);
}

#[expect(clippy::print_stdout, reason = "the table is what is asked for")]
pub(super) fn print_table(lines: &[String]) {
    println!("\n{}\n", lines.join("\n"));
}
