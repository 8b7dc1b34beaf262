//! How many DynamoDB calls each way through a function takes.

use serde_json::json;

use crate::harness::broken_ses::{Break, BrokenSes};
use crate::harness::service::{KIM, OWN_ID, Service, config};
use crate::harness::ses::Mood;

const HOME: &str = "203.0.113.7";
const ELSEWHERE: &str = "203.0.113.8";

/// Status and calls of a request.
async fn ask(service: &Service, source: &str, body: serde_json::Value) -> (u16, usize) {
    service.traffic.forget();
    let response = service.request_code_from(source, body).await;
    (response.status, service.traffic.calls())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_through_request_code_takes_its_calls() {
    let service = Service::start().await;
    let named = json!({ "email": KIM, "challenge_id": OWN_ID });
    let unnamed = json!({ "email": KIM });
    let first = ask(&service, HOME, named.clone()).await;
    assert_eq!(first, (202, 5), "source, pair, challenge; mailbox; challenge");
    let repeat = ask(&service, HOME, named.clone()).await;
    assert_eq!(repeat, (202, 3), "source, pair, challenge");
    let in_pause = ask(&service, HOME, unnamed.clone()).await;
    assert_eq!(in_pause, (429, 2), "source, pair");
    let by_another = ask(&service, ELSEWHERE, named.clone()).await;
    assert_eq!(by_another, (202, 4), "source, pair, challenge; the pair's refund");
    service.wait(60);
    let resend = ask(&service, HOME, named).await;
    assert_eq!(resend, (202, 5), "source, pair, challenge; mailbox; challenge");
    let stranger = ask(&service, "198.51.100.1", unnamed.clone()).await;
    assert_eq!(stranger, (202, 4), "source, pair; mailbox; challenge");
    for source in 2..=40 {
        service
            .request_code_from(&format!("198.51.100.{source}"), unnamed.clone())
            .await;
    }
    let full = ask(&service, "198.51.100.99", unnamed).await;
    assert_eq!(full, (429, 4), "source, pair; mailbox; the pair's refund");

    let mut limited = config();
    limited.limits.requests_per_hour = 1;
    let service = Service::start_with(limited).await;
    service.mailed_code().await;
    let over = ask(&service, HOME, json!({ "email": "lee@example.com" })).await;
    assert_eq!(over, (429, 3), "source, pair; the pair's refund");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_of_ses_takes_its_calls() {
    for (status, code, answered, calls) in [
        (429, "TooManyRequestsException", 503, 8),
        (400, "MessageRejected", 500, 8),
        (500, "InternalServiceErrorException", 503, 8),
    ] {
        let service = Service::start().await;
        service.ses.set_mood(Mood::Refusing(status, code, "not now"));
        let refused = ask(&service, HOME, json!({ "email": KIM })).await;
        assert_eq!(refused, (answered, calls), "{code}");
    }
    let mut service = Service::start().await;
    service.move_ses(&BrokenSes::start(Break::AfterRequest).await.url).await;
    let first = ask(&service, HOME, json!({ "email": KIM })).await;
    assert_eq!(first, (503, 7), "four; two notes at once; the pair's pause");
    let second = ask(&service, HOME, json!({ "email": KIM })).await;
    assert_eq!(second, (503, 8), "four; two notes at once; two refunds at once");
}

/// The writes of a sign-up, and of one with a resend and a wrong guess, as `docs/cost.md` has them in its table.
#[tokio::test(flavor = "multi_thread")]
async fn the_cost_page_has_the_writes_of_a_sign_up() {
    let row = |calls: &[usize]| {
        let each: Vec<_> = calls.iter().map(usize::to_string).collect();
        format!("{} = {}", calls.iter().sum::<usize>(), each.join(" + "))
    };
    let (short, long) = (sign_up(&[]).await, sign_up(&["000000"]).await);
    let row = format!("| DynamoDB writes | {} | {} |", row(&short), row(&long));
    assert!(include_str!("../../docs/cost.md").contains(&row), "{row}");
}

/// The calls of each request of a sign-up. Before a wrong guess there is a resend.
async fn sign_up(wrong: &[&str]) -> Vec<usize> {
    let service = Service::start().await;
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    let mut calls = vec![ask(&service, HOME, body.clone()).await.1];
    let code = service.ses.mails()[0].code();
    if !wrong.is_empty() {
        service.wait(60);
        calls.push(ask(&service, HOME, body).await.1);
    }
    for guess in wrong.iter().copied().chain([code.as_str()]) {
        service.traffic.forget();
        service.verify_code(OWN_ID, guess).await;
        calls.push(service.traffic.calls());
    }
    calls
}
