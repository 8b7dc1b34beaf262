//! Writes that collide with a transaction on the same item, are throttled, or meet their own earlier try.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::harness::response::Response;
use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::ses::Mood;
use crate::harness::world::fault::{Answer, Fault, Reason};

/// The longest that a function may run.
const IN_TIME: Duration = Duration::from_secs(25);

/// How long tries are repeated while they collide.
const WITHIN: Duration = Duration::from_secs(2);

async fn ask(service: &Service) -> Response {
    service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await
}

fn faults() -> Vec<Fault> {
    let collided = |parts: &'static [usize]| Fault::Collided(parts);
    let throttled = Fault::Canceled(vec![Reason::None, Reason::Throttled, Reason::None]);
    let parts: [&[usize]; 5] = [&[0], &[1], &[2], &[1, 2], &[0, 1, 2]];
    parts
        .into_iter()
        .map(collided)
        .chain([Fault::InProgress, Fault::Throttled, throttled])
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_charge_that_collides_a_few_times_is_made_once() {
    for fault in faults() {
        let service = Service::start().await;
        service.script.after(0, 3, "TransactWriteItems", fault.clone());
        assert_eq!(ask(&service).await.status, 202, "{fault:?}");
        assert_eq!(service.count("mailbox/", "mails").await, 1, "{fault:?}");
        assert_eq!(service.count("source/", "unverified").await, 1, "{fault:?}");
        assert_eq!(service.ses.calls(), 1, "{fault:?}");
    }
}

/// The first try is made, its answer is lost, and the next tries meet it. It must be known again, or nobody mails.
#[tokio::test(start_paused = true)]
async fn a_charge_that_meets_its_own_earlier_try_is_mailed_once() {
    let service = Service::start().await;
    service.script.after(0, 2, "TransactWriteItems", Fault::InProgress);
    service.script.once("TransactWriteItems", Fault::Lost(Answer::Http500));
    assert_eq!((ask(&service).await.status, service.ses.calls()), (202, 1));
    assert_eq!(service.traffic.calls(), 4);
    assert_eq!(service.count("mailbox/", "mails").await, 1);
}

/// The pause before the next try doubles from 20 ms to 320 ms. Half of it is certain, the rest is drawn. A lone write draws
/// nothing.
#[tokio::test(start_paused = true)]
async fn tries_that_collide_are_ever_further_apart() {
    for (collisions, pauses) in [
        (0, 0),
        (1, 10),
        (2, 30),
        (3, 70),
        (4, 150),
        (5, 310),
        (6, 470),
        (7, 630),
    ] {
        let service = Service::start().await;
        let (id, _) = service.mailed_code().await;
        service.script.after(0, collisions, "UpdateItem", Fault::Collided(&[]));
        let started = Instant::now();
        assert_eq!(service.verify_code(&id, "000000").await.body["guesses_left"], 4);
        assert_paused(started, pauses, collisions);
    }
    // The drawn part follows the id of the email, byte by byte: six times 7, then 0x47, of 256.
    for (collisions, pauses) in [(1, 10), (2, 31), (5, 319), (6, 483), (7, 687)] {
        let service = Service::start().await;
        service
            .script
            .after(0, collisions, "TransactWriteItems", Fault::Collided(&[0]));
        let started = Instant::now();
        assert_eq!(service.request_pinned_code().await.status, 202);
        assert_paused(started, pauses, collisions);
    }
}

/// Asserts the sum of so many pauses, in milliseconds. Each one may be rounded up to a whole one.
fn assert_paused(started: Instant, pauses: u64, number: usize) {
    let elapsed = started.elapsed();
    let longest = Duration::from_millis(pauses + number as u64);
    assert!(
        elapsed >= Duration::from_millis(pauses) && elapsed <= longest,
        "{number} pauses: {elapsed:?}"
    );
}

/// A flood makes requests collide, and must not wake anybody. So this is no error of the service.
#[tokio::test(start_paused = true)]
async fn a_charge_that_collides_for_ever_ends_in_time_and_charges_nobody() {
    for fault in faults() {
        let service = Service::start().await;
        let started = Instant::now();
        service.script.always("TransactWriteItems", fault.clone());
        let refused = ask(&service).await;
        assert_eq!(refused.problem(), "429 too-many-requests", "{fault:?}");
        assert_eq!(refused.body["retry_after"], 2);
        assert!(started.elapsed() < IN_TIME, "{fault:?}: {:?}", started.elapsed());
        assert_eq!((service.items().await.len(), service.ses.calls()), (0, 0), "{fault:?}");
        service.script.forget("TransactWriteItems");
        assert_eq!(ask(&service).await.status, 202, "{fault:?}");
    }
    assert!(crate::harness::log::text().contains(r#""limit":"collisions""#));
}

/// A flood of refused requests on somebody's mailbox must not multiply itself.
#[tokio::test(start_paused = true)]
async fn a_limit_that_refuses_is_final_even_beside_a_collision() {
    let service = Service::start().await;
    service.request_code(json!({ "email": KIM })).await;
    for reasons in [
        vec![Reason::None, Reason::ConditionFailed, Reason::Collided],
        vec![Reason::None, Reason::ConditionFailed, Reason::None],
    ] {
        service.traffic.forget();
        service.script.once("TransactWriteItems", Fault::Canceled(reasons));
        assert_eq!(ask(&service).await.problem(), "429 too-many-requests");
        assert_eq!(service.traffic.calls(), 1);
    }
}

/// Only the challenge tells a repeat from a request that a limit refuses.
#[tokio::test(start_paused = true)]
async fn while_the_challenge_collides_no_limit_refuses() {
    let service = Service::start().await;
    ask(&service).await;
    service.traffic.forget();
    let reasons = vec![Reason::Collided, Reason::ConditionFailed, Reason::None];
    service.script.once("TransactWriteItems", Fault::Canceled(reasons));
    assert_eq!(ask(&service).await.status, 202, "a repeat");
    assert_eq!((service.traffic.calls(), service.ses.calls()), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn an_undoing_that_collides_a_few_times_is_made_once() {
    for fault in faults() {
        let service = Service::start().await;
        service
            .ses
            .set_mood(Mood::Refusing(429, "TooManyRequestsException", "not now"));
        service.script.after(1, 3, "TransactWriteItems", fault.clone());
        assert_eq!(ask(&service).await.problem(), "503 mail-unavailable", "{fault:?}");
        assert_eq!(service.count("mailbox/", "mails").await, 0, "{fault:?}");
        assert_eq!(service.count("source/", "unverified").await, 0, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_undoing_that_collides_for_ever_ends_in_time() {
    let service = Service::start().await;
    let started = Instant::now();
    service.ses.set_mood(Mood::Slow(Duration::from_secs(8)));
    service
        .script
        .after(1, usize::MAX, "TransactWriteItems", Fault::Collided(&[1]));
    assert_eq!(ask(&service).await.problem(), "503 mail-unavailable");
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
    assert_eq!(service.count("mailbox/", "mails").await, 1, "all stays charged");
}

#[tokio::test(start_paused = true)]
async fn a_guess_and_what_it_gives_back_are_tried_again_when_they_collide() {
    for fault in [Fault::Collided(&[]), Fault::Throttled] {
        for call in 1..=2 {
            let service = Service::start().await;
            let (id, code) = service.mailed_code().await;
            service.script.after(call - 1, 3, "UpdateItem", fault.clone());
            assert_eq!(service.verify_code(&id, &code).await.status, 200, "{fault:?}");
            assert_eq!(
                service.count("source/", "unverified").await,
                0,
                "{fault:?}, call {call}"
            );
        }
        let service = Service::start().await;
        service.mailed_code().await;
        let link = service.ses.newest_mail().sealed();
        service.script.after(0, 3, "UpdateItem", fault.clone());
        assert_eq!(service.hand_in(&link).await.status, 200, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_guess_that_collides_for_ever_ends_in_time_and_costs_nothing() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let started = Instant::now();
    service.script.always("UpdateItem", Fault::Collided(&[]));
    assert_eq!(service.verify_code(&id, "000000").await.problem(), "500 internal-error");
    assert!(started.elapsed() < WITHIN, "{:?}", started.elapsed());
    service.script.forget("UpdateItem");
    assert_eq!(service.verify_code(&id, "000000").await.body["guesses_left"], 4);
    service.script.after(1, usize::MAX, "UpdateItem", Fault::Collided(&[]));
    assert_eq!(
        service.verify_code(&id, &code).await.status,
        200,
        "what is not given back, nobody notices"
    );
    assert!(started.elapsed() < IN_TIME, "{:?}", started.elapsed());
}
