//! SES refuses emails or is slow.

use std::time::Duration;

use serde_json::json;

use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::ses::Mood;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_cannot_take_now_is_refunded_and_may_be_retried_at_once() {
    for (status, code) in [
        (429, "TooManyRequestsException"),
        (400, "LimitExceededException"),
        (400, "AccountSendingPausedException"),
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

/// The stand-in takes the mail and responds too late. The recipient may have it, so its code works and it stays
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

/// Guesses at a challenge that nobody was charged for would be free, and as many as there are ids.
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
