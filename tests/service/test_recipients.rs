//! Test recipients: a fixed code, no email, and a proof that says so.

use serde_json::json;
use verification::rules::test_recipient::TestSettings;

use crate::harness::event::guess;
use crate::harness::log;
use crate::harness::response::Response;
use crate::harness::service::{Service, config};

const REVIEWER: &str = "review@example.com";
const CODE: &str = "424242";

/// A service whose test recipient is `who` until the end of 2027-01-15, the day of the tests.
async fn start(who: &str) -> Service {
    start_until(who, "2027-01-15").await
}

async fn start_until(who: &str, until: &str) -> Service {
    let mut config = config();
    config.shared.test_settings = TestSettings(format!("{who} {CODE} {until}"));
    Service::start_with(config).await
}

async fn submit(service: &Service, email: &str, asked: &Response, code: &str) -> Response {
    let event = guess(email, &asked.challenge_id(), code);
    service.verify_code_event(&event).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_recipient_signs_in_without_an_email_and_its_proof_says_so() {
    for who in [REVIEWER, "@example.com"] {
        let service = start(who).await;
        let asked = service.request_code(json!({ "email": "Review@Example.com" })).await;
        assert_eq!((asked.status, &asked.body["expires_in"]), (202, &json!(600)));
        assert_eq!(service.ses.calls(), 0);
        assert_eq!(
            submit(&service, REVIEWER, &asked, "424241").await.body["guesses_left"],
            4
        );
        let right = submit(&service, REVIEWER, &asked, CODE).await;
        assert_eq!((right.status, &right.body["email"]), (200, &json!(REVIEWER)));
        let claims = right.token().claims();
        assert_eq!(claims["aud"], "api.example.com:test");
        assert_eq!(
            submit(&service, REVIEWER, &asked, CODE).await.token(),
            right.token(),
            "a repeat"
        );
        let id = asked.challenge_id();
        for outcome in ["test-code", "test-verified"] {
            let line = format!("\"outcome\":\"{outcome}\",\"challenge_id\":\"{id}\"");
            assert!(log::text().contains(&line), "{outcome}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_else_is_mailed_as_ever() {
    let service = start(REVIEWER).await;
    let (id, code) = service.mailed_code().await;
    let right = service.verify_code(&id, &code).await;
    assert_eq!(right.token().claims()["aud"], "api.example.com");
    for (email, status) in [("review+tag@example.com", 202), ("review@sub.example.com", 202)] {
        let asked = service.request_code(json!({ "email": email })).await;
        assert_eq!(asked.status, status);
        assert!(submit(&service, email, &asked, CODE).await.status == 401);
    }
    assert_eq!(service.ses.calls(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_limits_hold_for_a_test_recipient() {
    let service = start(REVIEWER).await;
    let asked = service.request_code(json!({ "email": REVIEWER })).await;
    let again = service.request_code(json!({ "email": REVIEWER })).await;
    assert_eq!(again.problem(), "429 too-many-requests", "the pause");
    for wrong in 0..5 {
        submit(&service, REVIEWER, &asked, &format!("00000{wrong}")).await;
    }
    assert_eq!(
        submit(&service, REVIEWER, &asked, CODE).await.problem(),
        "401 code-expired"
    );
    for _ in 0..3 {
        service.wait(60);
        assert_eq!(service.request_code(json!({ "email": REVIEWER })).await.status, 202);
    }
    service.wait(60);
    let fifth = service.request_code(json!({ "email": REVIEWER })).await;
    assert_eq!(fifth.problem(), "429 too-many-requests", "4 a day for one source");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_and_a_repeat_are_as_for_an_email() {
    let service = start(REVIEWER).await;
    let asked = service.request_code(json!({ "email": REVIEWER })).await;
    let body = json!({ "email": REVIEWER, "challenge_id": asked.challenge_id() });
    assert_eq!(
        service.request_code(body.clone()).await.challenge_id(),
        asked.challenge_id()
    );
    service.wait(60);
    let resent = service.request_code(body).await;
    assert_eq!(
        (resent.challenge_id(), &resent.body["expires_in"]),
        (asked.challenge_id(), &json!(540))
    );
    assert_eq!(submit(&service, REVIEWER, &asked, CODE).await.status, 200);
}

/// The code is fixed, so it must buy nothing once the day is over, not even for a challenge that was opened before.
#[tokio::test(flavor = "multi_thread")]
async fn when_the_last_day_is_over_the_address_is_like_any_other() {
    let service = start(REVIEWER).await;
    service.wait_until_before_midnight(1);
    let own_id = "7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e";
    let asked = service
        .request_code(json!({ "email": REVIEWER, "challenge_id": own_id }))
        .await;
    service.wait(1);
    assert_eq!(
        submit(&service, REVIEWER, &asked, CODE).await.problem(),
        "401 code-expired"
    );
    service.wait(60);
    let mailed = service
        .request_code(json!({ "email": REVIEWER, "challenge_id": own_id }))
        .await;
    assert_eq!((mailed.status, service.ses.calls()), (202, 1));
    assert!(submit(&service, REVIEWER, &mailed, CODE).await.status == 401);
    let right = submit(&service, REVIEWER, &mailed, &service.ses.newest_mail().code()).await;
    assert_eq!(right.token().claims()["aud"], "api.example.com");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_over_or_wrong_are_off_and_the_log_says_so() {
    for (who, until, cause) in [
        (REVIEWER, "2027-01-14", "the day in TEST_RECIPIENT is over"),
        (
            REVIEWER,
            "2027-06-01",
            "the day in TEST_RECIPIENT is more than 90 days ahead",
        ),
        ("", "2027-01-15", "TEST_RECIPIENT must be a recipient, a code and a day"),
        (
            "example",
            "2027-01-15",
            "TEST_RECIPIENT must be an email address, or @ and a domain",
        ),
    ] {
        let service = start_until(who, until).await;
        assert!(log::text().contains(cause), "{cause}");
        assert_eq!(service.request_code(json!({ "email": REVIEWER })).await.status, 202);
        assert_eq!(service.ses.calls(), 1);
    }
}
