//! DynamoDB loses responses, does not respond, or makes a write that nobody waits for any more.

use std::time::Duration;

use serde_json::json;

use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::ses::Mood;
use crate::harness::world::call::Aws;
use crate::harness::world::fault::{Answer, Fault};

async fn ask(service: &Service) -> crate::harness::response::Response {
    service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await
}

#[tokio::test(start_paused = true)]
async fn a_charge_whose_response_is_lost_is_made_once_and_mailed_once() {
    for answer in [Answer::Http500, Answer::Break, Answer::Silence] {
        let service = Service::start().await;
        service.script.once("TransactWriteItems", Fault::Lost(answer));
        assert_eq!(ask(&service).await.status, 202, "{answer:?}");
        assert_eq!(service.traffic.calls(), 2, "{answer:?}");
        assert_eq!(service.count("mailbox/", "mails").await, 1, "{answer:?}");
        assert_eq!(service.count("source/", "unverified").await, 1, "{answer:?}");
        assert_eq!(service.ses.calls(), 1, "{answer:?}");
        let code = service.ses.newest_mail().code();
        assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200, "{answer:?}");
    }
}

/// A resend is a refused transaction and a second one. The response to either is lost.
#[tokio::test(start_paused = true)]
async fn a_resend_whose_responses_are_lost_is_charged_once() {
    for transaction in 1..=2 {
        let service = Service::start().await;
        ask(&service).await;
        service.wait(60);
        service
            .script
            .nth(transaction, "TransactWriteItems", Fault::Lost(Answer::Http500));
        assert_eq!(ask(&service).await.status, 202);
        assert_eq!((service.ses.calls(), service.count("mailbox/", "mails").await), (2, 2));
        assert_eq!(service.count("source/", "unverified").await, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_undoing_whose_response_is_lost_takes_the_charge_back_once() {
    for (status, code) in [
        (429, "TooManyRequestsException"),
        (500, "InternalServiceErrorException"),
    ] {
        let service = Service::start().await;
        service.request_code(json!({ "email": KIM })).await;
        service.wait(60);
        service.ses.set_mood(Mood::Refusing(status, code, "not now"));
        service
            .script
            .nth(2, "TransactWriteItems", Fault::Lost(Answer::Http500));
        assert_eq!(ask(&service).await.status, 503);
        assert_eq!(service.count("mailbox/", "mails").await, 1, "{code}");
        assert_eq!(service.count("source/", "unverified").await, 1, "{code}");
    }
}

/// Then everything stays charged, and the log says so. The pause over, the next request mails the same code.
#[tokio::test(start_paused = true)]
async fn an_undoing_that_cannot_be_made_leaves_the_charge_and_a_line_in_the_log() {
    let service = Service::start().await;
    service
        .ses
        .set_mood(Mood::Refusing(500, "InternalServiceErrorException", "oops"));
    service
        .script
        .after(1, 9, "TransactWriteItems", Fault::NeverDone(Answer::Http500));
    assert_eq!(ask(&service).await.problem(), "503 mail-unavailable");
    service.script.forget("TransactWriteItems");
    assert_eq!(service.count("mailbox/", "mails").await, 1);
    assert!(crate::harness::log::text().contains("an email stays charged"));
    service.ses.set_mood(Mood::Willing);
    service.wait(60);
    assert_eq!(ask(&service).await.status, 202);
    assert_eq!(
        service
            .verify_code(OWN_ID, &service.ses.newest_mail().code())
            .await
            .status,
        200
    );
}

#[tokio::test(start_paused = true)]
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

/// Nothing in the source's item tells whether emails were given back, so that is never tried twice.
#[tokio::test(start_paused = true)]
async fn what_a_right_code_gives_back_is_given_back_once_at_most() {
    for (fault, left) in [
        (Fault::Lost(Answer::Http500), 1),
        (Fault::Lost(Answer::Silence), 1),
        (Fault::NeverDone(Answer::Http500), 2),
    ] {
        let service = Service::start().await;
        service.request_code(json!({ "email": "lee@example.com" })).await;
        let (id, code) = service.mailed_code().await;
        service.script.nth(2, "UpdateItem", fault.clone());
        for _ in 0..3 {
            assert_eq!(service.verify_code(&id, &code).await.status, 200, "nobody notices");
        }
        assert_eq!(service.count("source/", "unverified").await, left, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_dynamodb_that_does_not_respond_is_an_internal_error_in_time_and_mails_nothing() {
    for answer in [Answer::Http500, Answer::Break, Answer::Silence] {
        let service = Service::start().await;
        let started = tokio::time::Instant::now();
        service.script.always(Aws::DynamoDb, Fault::NeverDone(answer));
        let response = ask(&service).await;
        assert_eq!(response.problem(), "500 internal-error");
        assert_eq!(response.body["request_id"], "JKJaXmPLvHcESHA=");
        assert_eq!(service.ses.calls(), 0);
        assert_eq!(
            service.verify_code(OWN_ID, "123456").await.problem(),
            "500 internal-error"
        );
        assert!(
            started.elapsed() <= Duration::from_secs(5),
            "{answer:?}: {:?}",
            started.elapsed()
        );
    }
}

/// The exception: a charge that lands after the function gave up has no email, and a repeat within the pause cannot know it.
/// The request after the pause mails.
#[tokio::test(start_paused = true)]
async fn a_charge_that_lands_late_costs_a_pause_and_nothing_more() {
    let service = Service::start().await;
    service
        .script
        .always("TransactWriteItems", Fault::LandsLate(Duration::from_secs(3)));
    assert_eq!(ask(&service).await.problem(), "500 internal-error");
    service.script.forget("TransactWriteItems");
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        service.count("mailbox/", "mails").await,
        1,
        "three attempts with one token"
    );
    assert_eq!((ask(&service).await.status, service.ses.calls()), (202, 0));
    service.wait(60);
    assert_eq!((ask(&service).await.status, service.ses.calls()), (202, 1));
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
    assert_eq!(service.count("source/", "unverified").await, 0, "both are given back");
}

/// The same when the instance dies between charge and email.
#[tokio::test(start_paused = true)]
async fn an_instance_that_dies_before_it_mails_costs_a_pause_and_nothing_more() {
    let service = Service::start().await;
    service
        .script
        .once("SendEmail", Fault::SlowBefore(Duration::from_secs(4)));
    let died = tokio::time::timeout(Duration::from_secs(1), ask(&service)).await;
    assert!(died.is_err());
    assert_eq!(
        (ask(&service).await.status, service.ses.mails().len()),
        (202, 0),
        "the exception"
    );
    service.wait(60);
    assert_eq!(ask(&service).await.status, 202);
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
    assert_eq!(service.count("source/", "unverified").await, 0);
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_dies_after_it_mailed_leaves_a_code_that_works() {
    let service = Service::start().await;
    service
        .script
        .once("SendEmail", Fault::SlowAfter(Duration::from_secs(4)));
    let died = tokio::time::timeout(Duration::from_secs(1), ask(&service)).await;
    assert!(died.is_err());
    assert_eq!(ask(&service).await.status, 202, "a repeat");
    service.wait(60);
    assert_eq!(ask(&service).await.status, 202);
    let mails = service.ses.mails();
    assert_eq!((mails.len(), mails[0].code()), (2, mails[1].code()));
    assert_eq!(service.verify_code(OWN_ID, &mails[0].code()).await.status, 200);
    assert_eq!(service.count("source/", "unverified").await, 0);
}
