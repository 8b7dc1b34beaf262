//! SES refuses or is slow, DynamoDB loses answers.

use std::time::Duration;

use serde_json::json;

use crate::service::{KIM, OWN_ID, Service};
use crate::ses::Mood;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_cannot_take_now_is_refunded_and_may_be_retried_at_once() {
    for (status, code) in [
        (429, "TooManyRequestsException"),
        (400, "LimitExceededException"),
        (400, "SendingPausedException"),
        (400, "AccountSuspendedException"),
        (400, "ThrottlingException"),
        (500, "InternalServiceErrorException"),
        (503, "ServiceUnavailable"),
    ] {
        let service = Service::start().await;
        service.ses.set_mood(Mood::Refusing(status, code, "not now"));
        let refused = service
            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
            .await;
        assert_eq!(refused.problem(), "503 mail-unavailable", "{code}");
        assert_eq!(refused.body["retry_after"].to_string(), refused.headers["retry-after"]);
        let (recipient, source) = (service.item("recipient#").await, service.item("source#").await);
        assert_eq!(
            recipient["mails_2027-01-15"].as_n().map(String::as_str),
            Ok("0"),
            "{code}"
        );
        assert!(!recipient.contains_key("last_sent_at"), "{code}");
        assert_eq!(source["requests"].as_n().map(String::as_str), Ok("0"), "{code}");

        service.ses.set_mood(Mood::Willing);
        let retried = service
            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
            .await;
        assert_eq!(
            (retried.status, retried.challenge_id().as_str()),
            (202, OWN_ID),
            "{code}"
        );
        let mails = service.ses.mails();
        assert_eq!(mails.len(), 1, "{code}");
        assert_eq!(
            service.verify_code(OWN_ID, &mails[0].code()).await.status,
            200,
            "{code}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_will_never_take_is_an_internal_error_and_refunded() {
    for (status, code) in [
        (400, "MessageRejected"),
        (400, "MailFromDomainNotVerifiedException"),
        (404, "NotFoundException"),
        (403, "AccessDeniedException"),
        (400, "BadRequestException"),
    ] {
        let service = Service::start().await;
        service
            .ses
            .set_mood(Mood::Refusing(status, code, "kim@example.com is not verified"));
        let refused = service.request_code(json!({ "email": KIM })).await;
        assert_eq!(refused.problem(), "500 internal-error", "{code}");
        assert_eq!(refused.body["request_id"], "JKJaXmPLvHcESHA=");
        assert!(
            !refused.text.contains("kim") && !refused.text.contains(code),
            "{}",
            refused.text
        );
        assert_eq!(service.ses.calls(), 1, "{code} is not worth another try");
        assert!(!service.item("recipient#").await.contains_key("last_sent_at"), "{code}");
    }
}

/// The stand-in takes the mail and answers too late. It may be in the recipient's mail, so its code works and it stays
/// charged; only the pause ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_a_slow_ses_has_the_same_code_as_the_retry() {
    let service = Service::start().await;
    service.ses.set_mood(Mood::Slow(Duration::from_secs(8)));
    let refused = service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await;
    assert_eq!(refused.problem(), "503 mail-unavailable");
    assert_eq!(service.ses.calls(), 1, "no second mail by itself");
    assert_eq!(service.verify_code(OWN_ID, "000000").await.body["guesses_left"], 4);

    service.ses.set_mood(Mood::Willing);
    service.wait(6);
    let retried = service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await;
    assert_eq!((retried.status, retried.challenge_id().as_str()), (202, OWN_ID));
    let mails = service.ses.mails();
    assert_eq!(mails[0].code(), mails[1].code(), "whichever arrives is right");
    assert_eq!(
        service.item("recipient#").await["mails_2027-01-15"]
            .as_n()
            .map(String::as_str),
        Ok("2")
    );
    assert_eq!(service.verify_code(OWN_ID, &mails[0].code()).await.status, 200);
}

/// Guesses at a challenge that nobody was charged for would be free: as many as there are ids.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_refused_leaves_nothing_to_guess_at() {
    let service = Service::start().await;
    service
        .ses
        .set_mood(Mood::Refusing(429, "TooManyRequestsException", "not now"));
    service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await;
    assert_eq!(
        service.verify_code(OWN_ID, "000000").await.problem(),
        "401 code-expired"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resend_that_ses_refused_leaves_the_challenge_as_it_was() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.verify_code(&id, "000000").await;
    service.wait(60);
    service
        .ses
        .set_mood(Mood::Refusing(429, "TooManyRequestsException", "not now"));
    let refused = service.request_code(json!({ "email": KIM, "challenge_id": id })).await;
    assert_eq!(refused.problem(), "503 mail-unavailable");
    assert_eq!(service.verify_code(&id, "000001").await.body["guesses_left"], 3);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
}

/// The SDK repeats each write whose answer is lost, here each of the four that an id brought along takes.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answer_is_lost_mails_once_and_is_charged_once() {
    for call in 0..4 {
        let service = Service::start().await;
        service.traffic.lose_after(call, 1);
        let answer = service
            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
            .await;
        assert_eq!(
            (answer.status, answer.challenge_id().as_str()),
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
async fn a_guess_whose_answer_is_lost_is_charged_once_and_answered_as_the_first() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    for left in [4, 3, 2, 1] {
        service.traffic.lose(1);
        let answer = service.verify_code(&id, &format!("00000{left}")).await;
        assert_eq!(answer.body["guesses_left"], left);
    }
    service.traffic.lose(1);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);

    let service = Service::start().await;
    let (id, _) = service.mailed_code().await;
    for left in [4, 3, 2, 1, 0] {
        service.traffic.lose(1);
        let answer = service.verify_code(&id, &format!("00000{left}")).await;
        assert_eq!(answer.body["guesses_left"], left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamodb_that_does_not_answer_is_an_internal_error_and_mails_nothing() {
    let service = Service::start().await;
    service.traffic.lose(3);
    let answer = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(answer.problem(), "500 internal-error");
    assert_eq!(answer.body["request_id"], "JKJaXmPLvHcESHA=");
    assert_eq!(service.ses.calls(), 0);
    service.traffic.lose(3);
    assert_eq!(
        service.verify_code(OWN_ID, "123456").await.problem(),
        "500 internal-error"
    );
}

/// The charge was made, but nobody learns it. Without a mail it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_is_never_answered_is_refunded() {
    let service = Service::start().await;
    service.traffic.lose_after(1, 3);
    let answer = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(
        (answer.problem().as_str(), service.ses.calls()),
        ("500 internal-error", 0)
    );
    let retried = service.request_code(json!({ "email": KIM })).await;
    assert_eq!((retried.status, service.ses.calls()), (202, 1));
}

/// The mail is out, so its charge stays, and the next one is mailed after the pause.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_cannot_be_opened_after_its_mail_stays_charged() {
    let service = Service::start().await;
    service.traffic.lose_after(2, 3);
    let answer = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(
        (answer.problem().as_str(), service.ses.calls()),
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
