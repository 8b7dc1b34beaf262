//! How often codes may be requested.

use serde_json::{Value, json};

use crate::harness::event::event;
use crate::harness::response::Response;
use crate::harness::service::{KIM, OWN_ID, Service, config};

/// A request from `source_ip`, with headers in which a caller claims another one.
async fn request_from(service: &Service, source_ip: &str, email: &str) -> Response {
    let mut event = event("/request-code", json!({ "email": email }).to_string().as_bytes());
    event["requestContext"]["http"]["sourceIp"] = json!(source_ip);
    event["headers"]["x-forwarded-for"] = json!("198.51.100.99");
    event["headers"]["forwarded"] = json!("for=198.51.100.99");
    service.request_code_event(&event).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_brings_four_mails_a_day_into_a_mailbox() {
    let service = Service::start().await;
    for mail in 1..=4 {
        let response = service.request_code(json!({ "email": KIM })).await;
        assert_eq!(
            (response.status, &response.body["resend_in"]),
            (202, &json!(60)),
            "mail {mail}"
        );
        service.wait(60);
    }
    let refused = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(refused.problem(), "429 too-many-requests");
    assert_eq!(
        refused.body["retry_after"],
        12 * 3_600 - 4 * 60,
        "the rest of the UTC day"
    );
    assert_eq!(service.ses.calls(), 4);

    service.wait_until_before_midnight(1);
    assert_eq!(
        service.request_code(json!({ "email": KIM })).await.body["retry_after"],
        1
    );
    service.wait(1);
    assert_eq!(service.request_code(json!({ "email": KIM })).await.status, 202);
    assert_eq!(
        service.request_code(json!({ "email": "lee@example.com" })).await.status,
        202
    );
}

/// Ten from anybody, then only the first of each source, up to twenty.
#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_gets_ten_mails_a_day_and_ten_more_first_ones() {
    let service = Service::start().await;
    let mut statuses = Vec::new();
    for source in 1..=40 {
        for _ in 0..3 {
            let source_ip = format!("203.0.113.{source}");
            statuses.push((source, request_from(&service, &source_ip, KIM).await.status));
            service.wait(60);
        }
    }
    let mailed = |source| {
        statuses
            .iter()
            .filter(|(from, status)| *from == source && *status == 202)
            .count()
    };
    assert_eq!((1..=4).map(mailed).collect::<Vec<_>>(), [3, 3, 3, 1]);
    assert_eq!((5..=14).map(mailed).sum::<usize>(), 10);
    assert_eq!((15..=40).map(mailed).sum::<usize>(), 0);
    assert_eq!(service.ses.calls(), 20);
    let refused = request_from(&service, "198.51.100.1", KIM).await;
    assert_eq!(refused.problem(), "429 too-many-requests");
    service.wait_until_before_midnight(0);
    assert_eq!(request_from(&service, "198.51.100.1", KIM).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_over_its_limit_touches_nothing() {
    let mut config = config();
    config.limits.unverified_per_source = Some(1);
    let service = Service::start_with(config).await;
    request_from(&service, "203.0.113.7", KIM).await;
    let before = service.items().await;
    let refused = request_from(&service, "203.0.113.7", "lee@example.com").await;
    assert_eq!(refused.problem(), "429 too-many-requests");
    assert_eq!(refused.body["retry_after"], 12 * 3_600, "the rest of the UTC day");
    assert_eq!(service.items().await, before);
    service.wait_until_before_midnight(0);
    assert_eq!(
        request_from(&service, "203.0.113.7", "lee@example.com").await.status,
        202
    );
}

/// The blog post's four digits.
#[tokio::test(flavor = "multi_thread")]
async fn where_codes_are_easy_to_guess_a_mailbox_gets_fewer() {
    let mut config = config();
    config.shared.code_digits = 4;
    let service = Service::start_with(config).await;
    assert!(crate::harness::log::text().contains("the limits of a mailbox are lowered"));
    let mut statuses = Vec::new();
    for source in 1..=3 {
        statuses.push(request_from(&service, &format!("203.0.113.{source}"), KIM).await.status);
    }
    assert_eq!(statuses, [202, 202, 429]);
    let code = service.ses.newest_mail().code();
    assert_eq!(code.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn ipv6_addresses_of_one_64_share_a_limit() {
    let mut config = config();
    config.limits.unverified_per_source = Some(1);
    let service = Service::start_with(config).await;
    let ask = async |source, email| request_from(&service, source, email).await.status;
    assert_eq!(ask("2001:db8:1:2::1", "a@example.com").await, 202);
    assert_eq!(ask("2001:db8:1:2:ffff::1", "b@example.com").await, 429);
    assert_eq!(ask("2001:db8:1:3::1", "c@example.com").await, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limit_on_sources_can_be_turned_off() {
    let mut config = config();
    config.limits.unverified_per_source = None;
    let service = Service::start_with(config).await;
    for person in 0..210 {
        let response = request_from(&service, "203.0.113.7", &format!("person{person}@example.com")).await;
        assert_eq!(response.status, 202);
    }
    let asked = request_from(&service, "203.0.113.7", KIM).await;
    let code = service.ses.newest_mail().code();
    service.traffic.forget();
    assert_eq!(service.verify_code(&asked.challenge_id(), &code).await.status, 200);
    assert_eq!(service.traffic.calls(), 1, "there is nobody to give anything back to");
}

/// The item outlives its code by a day. Until then, whoever verifies gives back what an unused code before it cost.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_is_opened_anew_within_a_day_keeps_who_paid_for_it() {
    for (seconds, payers) in [(600 + 86_399, 2), (600 + 86_400, 1), (600 + 86_401, 1)] {
        let service = Service::start().await;
        for wait in [seconds, 0] {
            let body = json!({ "email": KIM, "challenge_id": OWN_ID });
            assert_eq!(service.request_code(body).await.status, 202);
            service.wait(wait);
        }
        let challenge = service.item("challenge/").await;
        let paid_by = challenge["paid_by"].as_m().expect("the source on each day");
        assert_eq!(paid_by.len(), payers, "{seconds}");
    }
}

/// The operator turns the limit on sources off, or on, while a challenge lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_outlives_a_change_of_the_limit_on_sources() {
    for (before, after) in [(Some(200), None), (None, Some(200)), (None, None)] {
        let mut config = config();
        config.limits.unverified_per_source = before;
        let mut service = Service::start_with(config).await;
        let body = json!({ "email": KIM, "challenge_id": OWN_ID });
        assert_eq!(service.request_code(body.clone()).await.status, 202);
        service.limit_sources(after).await;
        service.wait(60);
        assert_eq!(service.request_code(body).await.status, 202, "{before:?} {after:?}");
        let code = service.ses.newest_mail().code();
        assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
        if before.or(after).is_some() {
            assert_eq!(service.count("source/", "unverified").await, 0, "given back");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_without_a_source_is_an_internal_error() {
    let service = Service::start().await;
    let mut event = event("/request-code", json!({ "email": KIM }).to_string().as_bytes());
    event["requestContext"]["http"]["sourceIp"] = Value::Null;
    let response = service.request_code_event(&event).await;
    assert_eq!(response.problem(), "500 internal-error");
    assert_eq!(response.body["request_id"], "JKJaXmPLvHcESHA=");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_expires() {
    let service = Service::start().await;
    service.mailed_code().await;
    let lives = [
        ("challenge/", 600 + 24 * 3_600),
        ("mailbox/", 2 * 24 * 3_600),
        ("source/", 2 * 24 * 3_600),
    ];
    for (kind, seconds) in lives {
        let item = service.item(kind).await;
        assert_eq!(
            item["expires_at"].as_n(),
            Ok(&(service.now() + seconds).to_string()),
            "{kind}"
        );
    }
    assert_eq!(service.items().await.len(), lives.len());
}
