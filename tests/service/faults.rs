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

/// The stand-in takes the mail and answers too late. One mail is the most that may come of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_ses_is_given_up_on_without_a_second_mail() {
    let service = Service::start().await;
    service.ses.set_mood(Mood::Slow(Duration::from_secs(8)));
    let refused = service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await;
    assert_eq!(refused.problem(), "503 mail-unavailable");
    assert_eq!(service.ses.calls(), 1);
    service.ses.set_mood(Mood::Willing);
    let retried = service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await;
    assert_eq!(retried.status, 202);
    let mails = service.ses.mails();
    assert_eq!(
        mails[0].code(),
        mails[1].code(),
        "whichever mail arrives has the right code"
    );
}

/// The SDK repeats each write whose answer is lost: the source, then the challenge and the recipient.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_answers_are_lost_mails_once_and_is_charged_once() {
    for lost in 1..=2 {
        let service = Service::start().await;
        service.traffic.lose(lost);
        let answer = service
            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
            .await;
        assert_eq!(
            (answer.status, answer.challenge_id().as_str()),
            (202, OWN_ID),
            "{lost} lost"
        );
        assert_eq!(service.ses.calls(), 1, "{lost} lost");
        assert_eq!(service.traffic.writes(), 3, "{lost} lost");
        assert_eq!(
            service.item("source#").await["requests"].as_n().map(String::as_str),
            Ok("1")
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_charge_of_the_recipient_whose_answer_is_lost_still_mails() {
    let mut config = crate::service::config();
    // Without the call for the source, the lost answers are those of the challenge and the recipient.
    config.limits.requests_per_hour = 0;
    let service = Service::start_with(config).await;
    service.traffic.lose(2);
    let answer = service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await;
    assert_eq!(answer.status, 202);
    assert_eq!(
        (service.ses.calls(), service.traffic.calls(), service.traffic.writes()),
        (1, 4, 2)
    );
    let record = service.item("recipient#").await;
    assert_eq!(record["mails_2027-01-15"].as_n().map(String::as_str), Ok("1"));
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

/// The challenge cannot be opened although the recipient was charged: nobody got a mail, so nobody is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_halfway_is_refunded() {
    let service = Service::start().await;
    let (old, code) = service.mailed_code().await;
    service.verify_code(&old, &code).await;
    service.wait(60);
    // After the source, the old challenge and the recipient comes the new challenge: its three tries are lost.
    service.traffic.forget();
    service.traffic.lose_after(3, 3);
    let answer = service.request_code(json!({ "email": KIM, "challenge_id": old })).await;
    assert_eq!(answer.problem(), "500 internal-error");
    assert_eq!(service.ses.calls(), 1);
    let retried = service.request_code(json!({ "email": KIM, "challenge_id": old })).await;
    assert_eq!((retried.status, service.ses.calls()), (202, 2));
}
