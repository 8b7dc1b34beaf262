//! DynamoDB loses responses or does not respond.

use serde_json::json;

use crate::harness::service::{KIM, OWN_ID, Service};

/// A request with an id of its own takes four writes. The response to each is lost once, and the SDK repeats it.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_response_is_lost_mails_once_and_is_charged_once() {
    for call in 0..4 {
        let service = Service::start().await;
        service.traffic.lose_after(call, 1);
        let response = service
            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
            .await;
        assert_eq!(
            (response.status, response.challenge_id().as_str()),
            (202, OWN_ID),
            "call {call}"
        );
        assert_eq!(
            (service.traffic.calls(), service.traffic.writes()),
            (5, 3),
            "call {call}"
        );
        let (recipient, source) = (service.item("recipient#").await, service.item("source#").await);
        assert_eq!(source["requests"].as_n().map(String::as_str), Ok("1"), "call {call}");
        assert_eq!(
            recipient["mails_2027-01-15"].as_n().map(String::as_str),
            Ok("1"),
            "call {call}"
        );
        let mails = service.ses.mails();
        assert_eq!((mails.len(), service.ses.calls()), (1, 1), "call {call}");
        assert_eq!(
            service.verify_code(OWN_ID, &mails[0].code()).await.status,
            200,
            "call {call}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_whose_response_is_lost_is_charged_once_and_answered_as_the_first() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    for left in [4, 3, 2, 1] {
        service.traffic.lose(1);
        let response = service.verify_code(&id, &format!("00000{left}")).await;
        assert_eq!(response.body["guesses_left"], left);
    }
    service.traffic.lose(1);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);

    let service = Service::start().await;
    let (id, _) = service.mailed_code().await;
    for left in [4, 3, 2, 1, 0] {
        service.traffic.lose(1);
        let response = service.verify_code(&id, &format!("00000{left}")).await;
        assert_eq!(response.body["guesses_left"], left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamodb_that_does_not_response_is_an_internal_error_and_mails_nothing() {
    let service = Service::start().await;
    service.traffic.lose(3);
    let response = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(response.problem(), "500 internal-error");
    assert_eq!(response.body["request_id"], "JKJaXmPLvHcESHA=");
    assert_eq!(service.ses.calls(), 0);
    service.traffic.lose(3);
    assert_eq!(
        service.verify_code(OWN_ID, "123456").await.problem(),
        "500 internal-error"
    );
}

/// The charge is made, but nobody learns it. No email follows, so it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_is_never_answered_is_refunded() {
    let service = Service::start().await;
    service.traffic.lose_after(1, 3);
    let response = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(
        (response.problem().as_str(), service.ses.calls()),
        ("500 internal-error", 0)
    );
    let retried = service.request_code(json!({ "email": KIM })).await;
    assert_eq!((retried.status, service.ses.calls()), (202, 1));
}

/// The email is out, so its charge stays. The next email may follow after the pause.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_cannot_be_opened_after_its_mail_stays_charged() {
    let service = Service::start().await;
    service.traffic.lose_after(2, 3);
    let response = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(
        (response.problem().as_str(), service.ses.calls()),
        ("500 internal-error", 1)
    );
    assert_eq!(
        service.request_code(json!({ "email": KIM })).await.problem(),
        "429 too-many-requests"
    );
    service.wait(60);
    let (id, code) = service.mailed_code().await;
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
}
