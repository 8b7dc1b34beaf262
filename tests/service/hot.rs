//! Many requests at once for one mailbox or from one source: how many of them collide, and what becomes of those.
//!
//! No emulator lets transactions collide, so [`holding`](crate::harness::world::holding) does. The handlers, the limits and the
//! engine that judges conditions are the real ones, on a paused clock. Nobody knows for how long DynamoDB holds an item, so the
//! tables have three times. Its answer is 2 ms under way besides. SES takes no time, and a partition's limit is not played.

use std::sync::Arc;
use std::time::Duration;

use request_code::RequestCode;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::harness::constant::Constant;
use crate::harness::event::{event, guess, with_source};
use crate::harness::instance::Instance;
use crate::harness::response::Response;
use crate::harness::service::{KIM, START, Service, config};
use crate::harness::world::holding::Holding;
use crate::simulation::{Random, print_table};

/// How long an answer of DynamoDB is under way.
const WAY: Duration = Duration::from_millis(2);
/// When a code is typed after its email: while the others still come.
const TYPES_AFTER: Duration = Duration::from_secs(1);

/// Requests at a rate, a second. What they do not share, each has for itself.
#[derive(Clone, Copy)]
struct Crowd {
    rate: i64,
    shares_mailbox: bool,
    shares_source: bool,
}

#[derive(Clone, Copy)]
struct Scene {
    crowd: Crowd,
    /// Whether those who get a code type it.
    verifies: bool,
    /// Requests a second of somebody who floods the shared mailbox from the shared source meanwhile. Nobody counts their answers.
    flood: i64,
    seconds: i64,
    /// How long a transaction holds its items, in milliseconds.
    hold: u64,
    /// Whether it also holds those that fail their conditions.
    holds_refused: bool,
    /// How many unverified emails a source may have. None if sources are not limited.
    source_limit: Option<u32>,
}

/// What came of a crowd.
#[derive(Debug, Default)]
struct Outcome {
    mailed: usize,
    /// 429 by a limit, and 429 after two seconds of collisions.
    limited: usize,
    collided: usize,
    /// How long each 202 and each proof took, in milliseconds.
    mailed_in: Vec<u128>,
    verified_in: Vec<u128>,
    /// Transactions, those of the flood included: in all, and in the second that had most.
    tries: usize,
    most_tries: usize,
    /// Emails that are charged to the shared source in the end.
    charged: usize,
}

/// Somebody who asks for a code.
struct Asker {
    service: Arc<Service>,
    instance: Arc<Instance<RequestCode>>,
    is_of_crowd: bool,
    verifies: bool,
    email: String,
    source: String,
    /// What their ids are drawn from.
    bytes: [u8; 16],
}

/// A response, and how long it took.
type Answer = (Response, Duration);

impl Asker {
    /// Whether they are of the crowd, and the answers to their request and their code.
    async fn ask(self) -> (bool, Answer, Option<Answer>) {
        let body = json!({ "email": self.email }).to_string();
        let event = with_source(&self.source, event("/request-code", body.as_bytes()));
        let (service, mut generator) = (&self.service, Constant::bytes(self.bytes));
        let asked = Instant::now();
        let asking = service.request_code_drawing(&self.instance, &event, &mut generator);
        let answer = (asking.await, asked.elapsed());
        if answer.0.status != 202 || !self.verifies {
            return (self.is_of_crowd, answer, None);
        }
        let code = service.ses.newest_mail_to(&self.email).code();
        tokio::time::sleep(TYPES_AFTER).await;
        let typed = Instant::now();
        let attempt = guess(&self.email, &answer.0.challenge_id(), &code);
        let proof = (service.verify_code_event(&attempt).await, typed.elapsed());
        (self.is_of_crowd, answer, Some(proof))
    }
}

impl Crowd {
    const fn of_one_source(rate: i64) -> Self {
        Self {
            rate,
            shares_mailbox: false,
            shares_source: true,
        }
    }

    const fn at_one_mailbox(rate: i64) -> Self {
        Self {
            rate,
            shares_mailbox: true,
            shares_source: false,
        }
    }
}

impl Scene {
    /// A crowd by itself, under the limits that the template gives.
    const fn of(crowd: Crowd, hold: u64) -> Self {
        Self {
            crowd,
            verifies: false,
            flood: 0,
            // More of them are the same after a few seconds, and take long to play.
            seconds: if crowd.rate > 200 { 3 } else { 10 },
            hold,
            holds_refused: false,
            source_limit: Some(200),
        }
    }

    /// Plays it. The requests arrive at random.
    async fn play(self, seed: u64) -> Outcome {
        let mut config = config();
        config.limits.unverified_per_source = self.source_limit;
        let service = Arc::new(Service::start_with(config).await);
        let instance = Arc::new(service.start_request_code(0).await);
        let hold = Duration::from_millis(self.hold);
        let holding = Arc::new(Holding::new(hold, WAY, self.holds_refused));
        service.world.direct_by(Arc::<Holding>::clone(&holding));

        let flood = Crowd {
            rate: self.flood,
            shares_mailbox: true,
            shares_source: true,
        };
        let mut random = Random(seed);
        let mut arrivals = Vec::new();
        for (crowd, is_of_crowd) in [(self.crowd, true), (flood, false)] {
            let requests = 0..crowd.rate * self.seconds;
            arrivals.extend(requests.map(|_| (random.below(1_000 * self.seconds), is_of_crowd, crowd)));
        }
        arrivals.sort_by_key(|(at, ..)| *at);

        let (started, mut requests) = (Instant::now(), JoinSet::new());
        for (number, (at, is_of_crowd, crowd)) in arrivals.into_iter().enumerate() {
            tokio::time::sleep_until(started + Duration::from_millis(at.unsigned_abs())).await;
            service.move_to(START + at / 1_000);
            let own_mailbox = format!("person{number}@example.com");
            let own_source = format!("10.{}.{}.7", number / 250, number % 250);
            let asker = Asker {
                service: Arc::clone(&service),
                instance: Arc::clone(&instance),
                is_of_crowd,
                verifies: self.verifies && is_of_crowd,
                email: if crowd.shares_mailbox {
                    KIM.to_owned()
                } else {
                    own_mailbox
                },
                source: if crowd.shares_source {
                    "203.0.113.7".to_owned()
                } else {
                    own_source
                },
                bytes: std::array::from_fn(|_| random.below(256).to_le_bytes()[0]),
            };
            requests.spawn(asker.ask());
        }
        let mut outcome = Outcome::default();
        while let Some(done) = requests.join_next().await {
            let (is_of_crowd, answer, proof) = done.expect("no panic");
            if is_of_crowd {
                outcome.note(&answer, proof);
            }
        }
        let tries = holding.tries();
        outcome.tries = tries.iter().sum();
        outcome.most_tries = tries.into_iter().max().unwrap_or_default();
        if self.crowd.shares_source && self.source_limit.is_some() {
            let charged = service.count("source/", "unverified").await;
            outcome.charged = usize::try_from(charged).expect("a count");
        }
        outcome
    }
}

impl Outcome {
    fn note(&mut self, (response, time): &Answer, proof: Option<Answer>) {
        match (response.status, response.body["limit"].as_str()) {
            (202, _) => {
                self.mailed += 1;
                self.mailed_in.push(time.as_millis());
            }
            (429, Some("collisions")) => self.collided += 1,
            (429, _) => self.limited += 1,
            _ => panic!("{}", response.text),
        }
        if let Some((response, time)) = proof {
            assert_eq!(response.status, 200, "{}", response.text);
            self.verified_in.push(time.as_millis());
        }
    }

    /// Adds what came of another mailbox.
    fn add(&mut self, other: Self) {
        self.mailed += other.mailed;
        self.limited += other.limited;
        self.collided += other.collided;
        self.mailed_in.extend(other.mailed_in);
    }

    fn asked(&self) -> usize {
        self.mailed + self.limited + self.collided
    }

    /// How many of a hundred requests these are.
    fn share(&self, requests: usize) -> String {
        format!("{:.1}", 100.0 * ratio(requests, self.asked()))
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    let float = |number| f64::from(u32::try_from(number).expect("a small number"));
    float(part) / float(whole).max(1.0)
}

/// The middle one, and the 99th of a hundred.
fn spread(times: &[u128]) -> String {
    let mut times = times.to_vec();
    times.sort_unstable();
    let time = |of_a_hundred| times.get(times.len() * of_a_hundred / 100);
    match (time(50), time(99)) {
        (Some(p50), Some(p99)) => format!("{p50} / {p99}"),
        _ => "-".to_owned(),
    }
}

/// A request collides a few times and is mailed. Where there is no room for all, none is tried more often than pauses that grow
/// let it be in two seconds.
#[tokio::test(start_paused = true)]
async fn a_hot_source_gets_its_emails_and_an_overloaded_one_no_more_than_ten_tries_of_each() {
    let scene = Scene {
        seconds: 2,
        ..Scene::of(Crowd::of_one_source(25), 10)
    };
    let hot = Box::pin(scene.play(1)).await;
    assert!(hot.tries > 50, "some collide: {hot:?}");
    assert_eq!(hot.mailed, 50, "{hot:?}");
    let scene = Scene {
        seconds: 1,
        ..Scene::of(Crowd::of_one_source(100), 30)
    };
    let overloaded = Box::pin(scene.play(1)).await;
    assert!(overloaded.tries <= 10 * overloaded.asked(), "{overloaded:?}");
    assert!(overloaded.collided > 0, "{overloaded:?}");
    assert_eq!(
        overloaded.charged, overloaded.mailed,
        "no email, no charge: {overloaded:?}"
    );
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: make simulate"]
async fn whole() {
    let seed = std::env::var("SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok()).unwrap_or(1);
    print_table(&crowds(seed).await);
    print_table(&people_beside_a_flood(seed).await);
}

async fn crowds(seed: u64) -> Vec<String> {
    let mut scenes = Vec::new();
    for (hold, rates) in [
        (5, &[25, 50, 100, 150, 200, 400][..]),
        (10, &[10, 25, 50, 75, 100, 200, 400, 1_000, 2_000]),
        (20, &[10, 25, 50, 100]),
    ] {
        for &rate in rates {
            let scene = Scene {
                verifies: true,
                source_limit: Some(100_000),
                ..Scene::of(Crowd::of_one_source(rate), hold)
            };
            scenes.push(("people of one source, limit 100,000", scene));
        }
    }
    for rate in [100, 1_000] {
        let scene = Scene::of(Crowd::of_one_source(rate), 10);
        scenes.push(("strangers of one source, limit 200", scene));
        let source_limit = None;
        scenes.push(("the same, no limit", Scene { source_limit, ..scene }));
    }
    for rate in [10, 50, 100, 400] {
        let scene = Scene::of(Crowd::at_one_mailbox(rate), 10);
        scenes.push(("many sources at one mailbox", scene));
        let holds_refused = true;
        scenes.push(("the same, if the refused hold it", Scene { holds_refused, ..scene }));
    }
    let mut table = vec![
        "| who | held, ms | requests a second | 202, % | 429 of a limit, % | 429 after collisions, % | transactions each \
         | WRU each, at most | WRU of the hot item in the busiest second, at most | 202, ms: p50 / p99 \
         | proof, ms: p50 / p99 | not given back, % |"
            .to_owned(),
        format!("|{}", " --- |".repeat(12)),
    ];
    for (name, scene) in scenes {
        let outcome = Box::pin(scene.play(seed)).await;
        let tries = ratio(outcome.tries, outcome.asked());
        // A transaction writes each item twice: it prepares, and it commits. AWS does not say what one costs that collides.
        let is_hot = scene.crowd.shares_mailbox || scene.source_limit.is_some();
        let items = if scene.source_limit.is_some() { 3.0 } else { 2.0 };
        let verified = outcome.verified_in.len();
        let kept = format!("{:.1}", 100.0 * ratio(outcome.charged, verified));
        let cells = [
            name.to_owned(),
            scene.hold.to_string(),
            scene.crowd.rate.to_string(),
            outcome.share(outcome.mailed),
            outcome.share(outcome.limited),
            outcome.share(outcome.collided),
            format!("{tries:.1}"),
            format!("{:.0}", 2.0 * items * tries),
            if is_hot {
                (2 * outcome.most_tries).to_string()
            } else {
                "-".to_owned()
            },
            spread(&outcome.mailed_in),
            spread(&outcome.verified_in),
            if verified > 0 { kept } else { "-".to_owned() },
        ];
        table.push(format!("| {} |", cells.join(" | ")));
    }
    table
}

async fn people_beside_a_flood(seed: u64) -> Vec<String> {
    let mut table = vec![
        "| who | held, ms | the flood's requests a second | 202, % | 429 after collisions, % | 202, ms: p50 / p99 |"
            .to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    for (name, crowd, holds_refused) in [
        ("people of the flooded mailbox", Crowd::at_one_mailbox(2), false),
        ("the same, if the refused hold it", Crowd::at_one_mailbox(2), true),
        ("people of the flood's source", Crowd::of_one_source(2), false),
    ] {
        for (hold, floods) in [(5, &[50, 100][..]), (10, &[25, 50, 100, 200]), (20, &[50, 100])] {
            for &flood in floods {
                let scene = Scene {
                    flood,
                    seconds: 8,
                    holds_refused,
                    ..Scene::of(crowd, hold)
                };
                // A mailbox takes emails for so few people a day.
                let mut outcome = Outcome::default();
                for day in 0..4 {
                    outcome.add(Box::pin(scene.play(1_000 * seed + day)).await);
                }
                table.push(format!(
                    "| {name} | {hold} | {flood} | {} | {} | {} |",
                    outcome.share(outcome.mailed),
                    outcome.share(outcome.collided),
                    spread(&outcome.mailed_in),
                ));
            }
        }
    }
    table
}
