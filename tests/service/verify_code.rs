//! `POST /verify-code`: the right code works once, and wrong ones are counted.

use serde_json::json;

use crate::harness::service::{KIM, OWN_ID, Service};

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_answers_the_address_and_its_proof() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let response = service.verify_code(&id, &code).await;
    let body = json!({ "email": KIM, "token": response.body["token"], "token_type": "JWT", "expires_in": 600 });
    assert_eq!((response.status, &response.body), (200, &body));
    assert_eq!(response.headers["content-type"], "application/json");
    assert_eq!(response.headers["cache-control"], "no-store");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_is_repeatable_for_a_minute_and_then_expired() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    let first = service.verify_code(&id, &code).await;
    service.wait(60);
    let repeat = service.verify_code(&id, &code).await;
    assert_eq!((repeat.status, repeat.token()), (200, first.token()));
    assert_eq!(repeat.body["expires_in"], 540, "what is left of the first one's");
    service.wait(1);
    assert_eq!(service.verify_code(&id, &code).await.problem(), "401 code-expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_count_down_and_then_even_the_right_one_is_too_late() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    for left in [4, 3, 2, 1, 0] {
        let response = service.verify_code(&id, &format!("00000{left}")).await;
        assert_eq!(response.problem(), "401 invalid-code");
        assert_eq!(response.body["guesses_left"], left);
    }
    assert_eq!(service.verify_code(&id, &code).await.problem(), "401 code-expired");
    assert_eq!(service.verify_code(&id, "000009").await.problem(), "401 code-expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_wrong_code_again_costs_nothing() {
    let service = Service::start().await;
    let (id, _) = service.mailed_code().await;
    for _ in 0..9 {
        assert_eq!(service.verify_code(&id, "000000").await.body["guesses_left"], 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_challenge_that_ttl_has_not_deleted_is_gone() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.wait(599);
    assert_eq!(service.verify_code(&id, "000000").await.body["guesses_left"], 4);
    service.wait(1);
    service.traffic.forget();
    for guess in ["000000", "000001", &code] {
        assert_eq!(service.verify_code(&id, guess).await.problem(), "401 code-expired");
    }
    assert_eq!(service.traffic.writes(), 0, "no guess was recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_challenge_is_gone_and_leaves_no_item() {
    let service = Service::start().await;
    assert_eq!(
        service.verify_code(OWN_ID, "123456").await.problem(),
        "401 code-expired"
    );
    assert!(service.items().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_the_wrong_shape_costs_no_guess() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    for typed in ["", "12345", "1234567", "12345x", "한글육자리다"] {
        let response = service.verify_code(&id, typed).await;
        assert_eq!(response.problem(), "400 malformed-code", "{typed}");
        assert_eq!(response.body["detail"], "code must have 6 digits");
    }
    assert_eq!(service.verify_code(&id, "000000").await.body["guesses_left"], 4);
    let spaced = format!(" {} - {} ", &code[..3], &code[3..]);
    assert_eq!(service.verify_code(&id, &spaced).await.status, 200);
}
