//! Many requests at the same instant, on as many threads as there are.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::response::Response;
use crate::harness::service::{KIM, OWN_ID, Service, config};
use crate::harness::world::fault::Fault;

/// The responses to all `bodies`, sent at once.
async fn request_all(service: &Arc<Service>, bodies: impl IntoIterator<Item = Value>) -> Vec<Response> {
    let ask = |body| {
        let service = Arc::clone(service);
        tokio::spawn(async move { service.request_code(body).await })
    };
    join(bodies.into_iter().map(ask).collect()).await
}

/// The responses to all `codes`, submitted at once.
async fn verify_all(service: &Arc<Service>, id: &str, codes: impl IntoIterator<Item = String>) -> Vec<Response> {
    let hand_in = |code: String| {
        let (service, id) = (Arc::clone(service), id.to_owned());
        tokio::spawn(async move { service.verify_code(&id, &code).await })
    };
    join(codes.into_iter().map(hand_in).collect()).await
}

async fn join(tasks: Vec<tokio::task::JoinHandle<Response>>) -> Vec<Response> {
    let mut responses = Vec::new();
    for task in tasks {
        responses.push(task.await.expect("an response"));
    }
    responses
}

fn by_status(responses: &[Response]) -> HashMap<u16, usize> {
    let mut counts = HashMap::new();
    for response in responses {
        *counts.entry(response.status).or_default() += 1;
    }
    counts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_wrong_guesses_at_once_exactly_5_are_charged() {
    let service = Arc::new(Service::start().await);
    let (id, code) = service.mailed_code().await;
    service.traffic.forget();
    let wrong = (0..1_000_000)
        .map(|number| format!("{number:06}"))
        .filter(|guess| *guess != code);
    let responses = verify_all(&service, &id, wrong.take(200)).await;

    let charged = responses
        .iter()
        .filter_map(|response| response.body["guesses_left"].as_u64());
    let mut charged: Vec<_> = charged.collect();
    charged.sort_unstable();
    assert_eq!(charged, [0, 1, 2, 3, 4]);
    let expired = responses
        .iter()
        .filter(|response| response.problem() == "401 code-expired");
    assert_eq!(expired.count(), 195);
    assert_eq!(service.traffic.writes(), 5);
    assert_eq!(service.item("challenge/").await["guesses"].as_ss().map(Vec::len), Ok(5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_right_guesses_at_once_exactly_1_redeems() {
    let service = Arc::new(Service::start().await);
    let (id, code) = service.mailed_code().await;
    service.traffic.forget();
    let responses = verify_all(&service, &id, vec![code; 200]).await;

    assert_eq!(service.traffic.writes(), 2, "the redemption, and the email given back");
    assert_eq!(service.item("challenge/").await["guesses"].as_ss().map(Vec::len), Ok(1));
    assert_eq!(service.count("source/", "unverified").await, 0);
    assert_eq!(
        by_status(&responses),
        HashMap::from([(200, 200)]),
        "199 are repeats within 60 s"
    );
    assert!(responses.iter().all(|response| response.text == responses[0].text));
}

/// Each guess arrives at another second, by the clock of the instance that it reaches.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_right_guesses_in_50_seconds_all_get_the_proof_of_the_one_that_redeemed() {
    let service = Arc::new(Service::start().await);
    let (id, code) = service.mailed_code().await;
    service.traffic.forget();
    let hand_in = |_| {
        let (service, id, code) = (Arc::clone(&service), id.clone(), code.clone());
        tokio::spawn(async move {
            service.wait(1);
            service.verify_code(&id, &code).await
        })
    };
    let responses = join((0..50).map(hand_in).collect()).await;

    assert_eq!(service.traffic.writes(), 2, "the redemption, and the email given back");
    assert_eq!(by_status(&responses), HashMap::from([(200, 50)]));
    assert!(
        responses
            .iter()
            .all(|response| response.token() == responses[0].token())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_right_guess_among_many_wrong_ones_never_opens_a_sixth() {
    for _ in 0..5 {
        let service = Arc::new(Service::start().await);
        let (id, code) = service.mailed_code().await;
        let mut guesses: Vec<_> = (0..40).map(|number| format!("{number:06}")).collect();
        guesses.insert(3, code);
        verify_all(&service, &id, guesses).await;
        let taken = service.item("challenge/").await["guesses"].as_ss().map_or(0, Vec::len);
        assert!((1..=5).contains(&taken), "{taken}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_identical_requests_at_once_1_mails_and_all_are_accepted() {
    let service = Arc::new(Service::start().await);
    let responses = request_all(&service, vec![json!({ "email": KIM, "challenge_id": OWN_ID }); 50]).await;
    assert_eq!(by_status(&responses), HashMap::from([(202, 50)]));
    assert!(responses.iter().all(|response| response.challenge_id() == OWN_ID));
    assert_eq!(service.ses.calls(), 1);
    let code = service.ses.mails()[0].code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_requests_for_a_dead_challenge_at_once_1_mails_and_opens_it_anew() {
    let service = Arc::new(Service::start().await);
    let (id, code) = service.mailed_code().await;
    service.verify_code(&id, &code).await;
    service.wait(60);
    let responses = request_all(&service, vec![json!({ "email": KIM, "challenge_id": id }); 50]).await;
    assert_eq!(by_status(&responses), HashMap::from([(202, 50)]));
    assert!(responses.iter().all(|response| response.challenge_id() == id));
    assert_eq!(service.ses.calls(), 2);
    let code = service.ses.mails()[1].code();
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
}

/// Asks for Kim's code again. It is used while the transaction that mails the next one is on its way to the table.
async fn ask_while_the_code_is_used(service: &Arc<Service>, id: &str, code: &str) {
    service
        .script
        .nth(2, "TransactWriteItems", Fault::SlowBefore(Duration::from_millis(300)));
    let asked = tokio::spawn({
        let (service, body) = (Arc::clone(service), json!({ "email": KIM, "challenge_id": id }));
        async move { service.request_code(body).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(service.verify_code(id, code).await.status, 200);
    assert_eq!(asked.await.expect("a response").status, 202);
}

/// No email may carry a code that does not work.
#[tokio::test(start_paused = true)]
async fn a_code_that_is_used_while_its_resend_is_on_its_way_is_not_mailed_again() {
    let service = Arc::new(Service::start().await);
    let (id, code) = service.mailed_code().await;
    service.wait(60);
    ask_while_the_code_is_used(&service, &id, &code).await;
    let new = service.ses.newest_mail().code();
    assert_ne!(new, code);
    assert_eq!(service.verify_code(&id, &new).await.status, 200);
}

/// In its last minute a challenge is opened anew. The old code gives its email back, and the new one must not do so once more.
#[tokio::test(start_paused = true)]
async fn a_code_that_is_used_while_its_challenge_is_opened_anew_gives_its_mail_back_once() {
    let service = Arc::new(Service::start().await);
    let (id, code) = service.mailed_code().await;
    service.request_code(json!({ "email": "lee@example.com" })).await;
    service.wait(541);
    ask_while_the_code_is_used(&service, &id, &code).await;
    let new = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(&id, &new).await.status, 200);
    assert_eq!(service.count("source/", "unverified").await, 1, "lee's");
}

/// Each source has a pause of its own, so the challenge alone decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_40_resends_of_40_sources_at_once_1_mails() {
    let service = Arc::new(Service::start().await);
    let (id, _) = service.mailed_code().await;
    service.wait(60);
    let ask = |source| {
        let service = Arc::clone(&service);
        let body = json!({ "email": KIM, "challenge_id": id });
        tokio::spawn(async move { service.request_code_from(&format!("198.51.100.{source}"), body).await })
    };
    let responses = join((0..40).map(ask).collect()).await;
    assert_eq!(by_status(&responses), HashMap::from([(202, 40)]));
    assert_eq!(service.ses.calls(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_strangers_requests_for_one_address_at_once_1_mails() {
    let service = Arc::new(Service::start().await);
    let responses = request_all(&service, vec![json!({ "email": KIM }); 50]).await;
    assert_eq!(by_status(&responses), HashMap::from([(202, 1), (429, 49)]));
    assert_eq!(service.ses.calls(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_60_requests_of_60_sources_at_once_20_reach_the_mailbox() {
    let service = Arc::new(Service::start().await);
    let ask = |source| {
        let service = Arc::clone(&service);
        let body = json!({ "email": format!("kim+{source}@example.com") });
        tokio::spawn(async move { service.request_code_from(&format!("203.0.113.{source}"), body).await })
    };
    let responses = join((0..60).map(ask).collect()).await;
    assert_eq!(by_status(&responses), HashMap::from([(202, 20), (429, 40)]));
    assert_eq!(service.ses.calls(), 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_60_requests_of_one_source_at_once_40_are_mailed_if_that_is_its_limit() {
    let mut config = config();
    config.limits.unverified_per_source = Some(40);
    let service = Arc::new(Service::start_with(config).await);
    let bodies = (0..60).map(|person| json!({ "email": format!("person{person}@example.com") }));
    let responses = request_all(&service, bodies).await;
    assert_eq!(by_status(&responses), HashMap::from([(202, 40), (429, 20)]));
    assert_eq!(service.ses.calls(), 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_and_codes_at_the_same_time_get_one_proof_and_give_one_request_back() {
    let service = Arc::new(Service::start().await);
    let (id, code) = service.mailed_code().await;
    let link = service.ses.newest_mail().sealed();
    service.wait(1);
    let attempt = |number| {
        let (service, id, code, link) = (Arc::clone(&service), id.clone(), code.clone(), link.clone());
        tokio::spawn(async move {
            if number % 2 == 0 {
                service.hand_in(&link).await
            } else {
                service.verify_code(&id, &code).await
            }
        })
    };
    let responses = join((0..20).map(attempt).collect()).await;
    assert!(
        responses
            .iter()
            .all(|response| response.token() == responses[0].token())
    );
    assert_eq!(service.count("source/", "unverified").await, 0);
}
