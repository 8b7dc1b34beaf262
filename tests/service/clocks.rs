//! Instances whose clocks differ by up to two seconds.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::event::{event, press};
use crate::harness::response::Response;
use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::world::fault::Fault;

const SKEWS: [i64; 3] = [-2, 0, 2];

async fn ask(service: &Service, skew: i64) -> Response {
    ask_for(service, skew, json!({ "email": KIM, "challenge_id": OWN_ID })).await
}

/// The response of an instance whose clock is off by so many seconds.
async fn ask_for(service: &Service, skew: i64, body: Value) -> Response {
    let instance = service.start_request_code(skew).await;
    let event = event("/request-code", body.to_string().as_bytes());
    service.request_code_by(&instance, &event).await
}

/// The first tap is on its way to the table when the second one is answered.
#[tokio::test(start_paused = true)]
async fn promise_6_a_double_tap_whose_first_is_slow_names_the_challenge_that_is_mailed() {
    for (first, second) in [(2, 0), (0, 2), (-2, 2)] {
        let service = Arc::new(Service::start().await);
        service
            .script
            .once("TransactWriteItems", Fault::SlowBefore(Duration::from_millis(300)));
        let slow = {
            let service = Arc::clone(&service);
            tokio::spawn(async move { ask(&service, first).await })
        };
        tokio::time::sleep(Duration::from_millis(100)).await;
        let fast = ask(&service, second).await;
        for response in [fast, slow.await.expect("a response")] {
            assert_eq!((response.status, response.challenge_id().as_str()), (202, OWN_ID));
            assert!(response.body["expires_in"].as_i64() <= Some(600), "{}", response.text);
        }
        assert_eq!(service.ses.calls(), 1);
    }
}

#[tokio::test]
async fn promise_6_a_double_tap_at_two_instances_names_the_challenge_that_is_mailed() {
    for first in SKEWS {
        for second in SKEWS {
            let service = Arc::new(Service::start().await);
            let taps = [first, second].map(|skew| {
                let service = Arc::clone(&service);
                tokio::spawn(async move { ask(&service, skew).await })
            });
            for tap in taps {
                let response = tap.await.expect("a response");
                assert_eq!((response.status, response.challenge_id().as_str()), (202, OWN_ID));
            }
            assert_eq!(service.ses.calls(), 1);
            let code = service.ses.newest_mail().code();
            assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200, "{first} {second}");
        }
    }
}

#[tokio::test]
async fn promise_6_a_request_after_resend_in_mails_whichever_instance_it_reaches() {
    for first in SKEWS {
        for second in SKEWS {
            let service = Service::start().await;
            let resend_in = ask(&service, first).await.body["resend_in"].as_i64().expect("a time");
            service.wait(resend_in);
            assert_eq!(
                (ask(&service, second).await.status, service.ses.calls()),
                (202, 2),
                "{first} {second}"
            );
        }
    }
}

#[tokio::test]
async fn promise_6_a_retry_after_the_time_that_a_429_named_mails() {
    for first in SKEWS {
        for second in SKEWS {
            for third in SKEWS {
                let service = Service::start().await;
                ask(&service, first).await;
                service.wait(3);
                let other = json!({ "email": "kim+other@example.com" });
                let refused = ask_for(&service, second, other.clone()).await;
                assert_eq!(refused.problem(), "429 too-many-requests");
                service.wait(refused.body["retry_after"].as_i64().expect("a time"));
                let mailed = ask_for(&service, third, other).await;
                assert_eq!(mailed.status, 202, "{first} {second} {third}: {}", mailed.text);
            }
        }
    }
}

/// A limit of the day may follow `resend_in`. Then the response names it.
#[tokio::test]
async fn promise_6_a_days_limit_after_resend_in_is_named() {
    let service = Service::start().await;
    for _ in 0..4 {
        assert_eq!(ask(&service, 0).await.body["resend_in"], 60);
        service.wait(60);
    }
    let refused = ask(&service, 0).await;
    assert_eq!(refused.body["retry_after"], 12 * 3_600 - 4 * 60);
}

/// The link sets the time of the proof, and another instance tells how long it lives.
#[tokio::test]
async fn a_proof_never_names_more_time_than_a_proof_has() {
    let service = Service::start().await;
    service.mailed_code().await;
    let mail = service.ses.newest_mail();
    let pressed = press(&format!("link={}", mail.sealed()));
    let ahead = service.start_fast_verify_code(2).await;
    assert_eq!(service.verify_code_by(&ahead, &pressed).await.status, 200);
    assert_eq!(service.hand_in(&mail.sealed()).await.body["expires_in"], 600);
}
