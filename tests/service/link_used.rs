//! What is left once the link of an email was used, and once its code was typed.

use serde_json::json;

use crate::harness::event::guess;
use crate::harness::service::{KIM, Service};
use crate::link::{ASK, DONE, EXPIRED, USED, mailed_link};

#[tokio::test(flavor = "multi_thread")]
async fn the_button_verifies_once_and_repeats_for_a_minute_like_the_code() {
    let service = Service::start().await;
    let (id, code, link) = mailed_link(&service).await;
    assert_eq!(service.press(&link).await.page(), DONE);
    service.wait(60);
    assert_eq!(service.press(&link).await.page(), DONE, "a reload");
    assert_eq!(service.follow(&link).await.page(), ASK, "back");
    service.wait(1);
    assert_eq!(service.press(&link).await.page(), USED);
    assert_eq!(service.hand_in(&link).await.problem(), "401 code-expired");
    assert_eq!(
        service.verify_code(&id, &code).await.status,
        200,
        "the code still works"
    );
}

/// Mail programs open links in a browser of their own, whose app is not the one that asked. The code is not lost then, and a backend
/// takes one of the two proofs.
#[tokio::test(flavor = "multi_thread")]
async fn a_used_link_leaves_the_code_usable_until_it_expires() {
    let service = Service::start().await;
    let (id, code, link) = mailed_link(&service).await;
    let by_link = service.hand_in(&link).await.token().claims();
    service.wait(300);
    let typed = service.verify_code(&id, &code).await;
    assert_eq!(typed.body["expires_in"], 600);
    let claims = typed.token().claims();
    assert_eq!(claims["jti"], by_link["jti"]);
    for time in ["iat", "exp"] {
        let seconds = |claims: &serde_json::Value| claims[time].as_i64().expect("a time");
        assert_eq!(seconds(&claims), seconds(&by_link) + 300, "{time}");
    }
    service.wait(60);
    assert_eq!(service.verify_code(&id, &code).await.token(), typed.token(), "a repeat");
    service.wait(1);
    assert_eq!(service.verify_code(&id, &code).await.problem(), "401 code-expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_link_the_code_expires_when_it_would_have() {
    let service = Service::start().await;
    let (id, code, link) = mailed_link(&service).await;
    assert_eq!(service.press(&link).await.page(), DONE);
    service.wait(599);
    assert_eq!(service.verify_code(&id, "000000").await.body["guesses_left"], 4);
    service.wait(1);
    assert_eq!(service.verify_code(&id, &code).await.problem(), "401 code-expired");
}

/// A stranger who asked for Kim's email under an id of theirs must not profit from Kim's tap: no code is tried that nobody
/// counts.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_after_the_link_was_used_are_counted_as_before() {
    let service = Service::start().await;
    let (id, code, link) = mailed_link(&service).await;
    let before = service.verify_code(&id, "000000").await;
    assert_eq!(
        (before.problem().as_str(), &before.body["guesses_left"]),
        ("401 invalid-code", &json!(4))
    );
    assert_eq!(service.press(&link).await.page(), DONE);
    for (wrong, left) in [
        ("000000", 4),
        ("000001", 3),
        ("000002", 2),
        ("000003", 1),
        ("000004", 0),
    ] {
        let response = service.verify_code(&id, wrong).await;
        assert_eq!(
            (response.problem().as_str(), &response.body["guesses_left"]),
            ("401 invalid-code", &json!(left))
        );
    }
    let repeat = service.verify_code(&id, "000004").await;
    assert_eq!(
        (repeat.problem().as_str(), &repeat.body["guesses_left"]),
        ("401 invalid-code", &json!(0))
    );
    assert_eq!(service.verify_code(&id, &code).await.problem(), "401 code-expired");
    assert_eq!(service.verify_code(&id, "000005").await.problem(), "401 code-expired");
    assert_eq!(service.press(&link).await.page(), DONE, "a repeat");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_and_its_code_give_one_email_back() {
    let service = Service::start().await;
    let mut mailed = Vec::new();
    for email in [KIM, "lee@example.com", "choi@example.com"] {
        let id = service.request_code(json!({ "email": email })).await.challenge_id();
        mailed.push((email, id, service.ses.newest_mail()));
    }
    for (_, _, mail) in &mailed[..2] {
        assert_eq!(service.press(&mail.sealed()).await.status, 200);
    }
    for (email, id, mail) in &mailed[..2] {
        let typed = guess(email, id, &mail.code());
        assert_eq!(service.verify_code_event(&typed).await.status, 200);
    }
    assert_eq!(service.count("source/", "unverified").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_typed_uses_the_link_up() {
    let service = Service::start().await;
    let (id, code, link) = mailed_link(&service).await;
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
    service.wait(61);
    assert_eq!(service.press(&link).await.page(), USED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_that_was_in_time_can_be_repeated_beyond_its_end() {
    let service = Service::start().await;
    let (_, _, link) = mailed_link(&service).await;
    service.wait(599);
    assert_eq!(service.press(&link).await.page(), DONE);
    service.wait(60);
    assert_eq!(service.press(&link).await.page(), DONE);
    service.wait(1);
    assert_eq!(service.press(&link).await.page(), EXPIRED);
}
