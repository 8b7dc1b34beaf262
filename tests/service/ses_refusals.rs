//! SES did not take an email, and said so: what that means for the caller, and that nobody pays for it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::harness::log;
use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::ses::Mood;
use crate::ses_faults::{ask, counts};

const THROTTLED: Mood = Mood::Refusing(429, "TooManyRequestsException", "not now");

#[tokio::test]
async fn what_ses_did_not_take_costs_nothing_and_its_code_does_not_work() {
    for (status, code, problem, retry_after) in [
        (429, "TooManyRequestsException", "503 mail-unavailable", 5),
        (400, "ThrottlingException", "503 mail-unavailable", 5),
        (400, "LimitExceededException", "503 mail-unavailable", 300),
        (400, "SendingPausedException", "503 mail-unavailable", 300),
        (400, "AccountSendingPausedException", "503 mail-unavailable", 300),
        (
            400,
            "ConfigurationSetSendingPausedException",
            "503 mail-unavailable",
            300,
        ),
        (400, "AccountSuspendedException", "503 mail-unavailable", 300),
        (400, "MessageRejected", "500 internal-error", 0),
        (400, "MailFromDomainNotVerifiedException", "500 internal-error", 0),
        (404, "NotFoundException", "500 internal-error", 0),
        (403, "AccessDeniedException", "500 internal-error", 0),
        (400, "BadRequestException", "500 internal-error", 0),
    ] {
        let service = Service::start().await;
        let message = "kim@example.com is not verified";
        service.ses.set_mood(Mood::Refusing(status, code, message));
        let refused = ask(&service).await;
        assert_eq!(refused.problem(), problem, "{code}");
        assert!(
            !refused.text.contains("kim") && !refused.text.contains(code),
            "{}",
            refused.text
        );
        if retry_after > 0 {
            assert_eq!(refused.body["retry_after"], retry_after, "{code}");
            assert_eq!(refused.headers["retry-after"], retry_after.to_string(), "{code}");
        }
        assert_eq!(service.ses.calls(), 1, "{code} is not worth another try");
        assert_eq!(counts(&service).await, [0, 0, 0, 0], "{code}");
        // Guesses at a challenge that nobody was charged for would be free, and as many as there are ids.
        let guess = service.verify_code(OWN_ID, "000000").await;
        assert_eq!(guess.problem(), "401 code-expired", "{code}: nothing to guess at");

        service.ses.set_mood(Mood::Willing);
        assert_eq!(ask(&service).await.status, 202, "{code}: no pause");
        assert_eq!(counts(&service).await, [1, 1, 0, 1], "{code}");
        let mailed = service.ses.newest_mail().code();
        assert_eq!(service.verify_code(OWN_ID, &mailed).await.status, 200, "{code}");
    }
}

/// What SES says of a sender that it cannot read would be said to everybody, and the operator has to know.
#[tokio::test]
async fn what_may_be_the_senders_fault_is_an_internal_error() {
    for message in [
        "Address length is more than 320 bytes long: 'a'",
        "Header contains illegal character",
        "",
    ] {
        let service = Service::start().await;
        service
            .ses
            .set_mood(Mood::Refusing(400, "BadRequestException", message));
        assert_eq!(ask(&service).await.problem(), "500 internal-error", "{message}");
    }
}

/// Messages of SES that people have reported. Whoever types such an address must not wake the operator.
#[tokio::test]
async fn an_address_that_ses_cannot_read_is_the_callers_mistake_and_costs_nothing() {
    for message in [
        "Domain contains illegal character",
        "Local address contains dot-dot",
        "Missing final '@domain'",
        "Missing local name",
        "Illegal address",
        "Invalid email address kim@example.com.",
    ] {
        let service = Service::start().await;
        service
            .ses
            .set_mood(Mood::Refusing(400, "BadRequestException", message));
        let refused = ask(&service).await;
        assert_eq!(refused.problem(), "422 invalid-email", "{message}");
        assert_eq!(counts(&service).await, [0, 0, 0, 0], "{message}");
        let guess = service.verify_code(OWN_ID, "000000").await;
        assert_eq!(guess.problem(), "401 code-expired", "{message}: nothing to guess at");
        service.ses.set_mood(Mood::Willing);
        assert_eq!(ask(&service).await.status, 202, "{message}: no pause");
    }
    let log = log::text();
    let line = log.lines().find(|line| line.contains("SES cannot mail an address"));
    assert!(
        line.is_some_and(|line| line.contains(r#""level":"WARN""#)),
        "no alarm: {line:?}"
    );
}

/// A spent quota looks like throttling and a pause like a refusal, but for the message. The log tells them apart.
#[tokio::test]
async fn what_stops_all_emails_is_told_from_a_moment_and_from_one_email() {
    for (status, code, message) in [
        (429, "TooManyRequestsException", "Daily message quota exceeded."),
        (400, "Throttling", "Daily message quota exceeded"),
        (
            400,
            "MessageRejected",
            "Sending paused for this account. For more information, …",
        ),
        (400, "SendingPausedException", "paused"),
    ] {
        let service = Service::start().await;
        let before = log::length();
        service.ses.set_mood(Mood::Refusing(status, code, message));
        let refused = ask(&service).await;
        assert_eq!(refused.problem(), "503 mail-unavailable", "{message}");
        assert_eq!(refused.body["retry_after"], 300, "{message}");
        assert!(log::since(before).contains(r#""outcome":"mail-stopped""#), "{message}");
        assert_eq!(counts(&service).await, [0, 0, 0, 0], "{message}");
    }
    let service = Service::start().await;
    service.ses.set_mood(Mood::Refusing(
        429,
        "TooManyRequestsException",
        "Maximum sending rate exceeded.",
    ));
    assert_eq!(ask(&service).await.body["retry_after"], 5);
}

#[tokio::test]
async fn a_resend_that_ses_refused_leaves_the_challenge_as_it_was() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.verify_code(&id, "000000").await;
    service.wait(60);
    service.ses.set_mood(THROTTLED);
    let refused = service.request_code(json!({ "email": KIM, "challenge_id": id })).await;
    assert_eq!(refused.problem(), "503 mail-unavailable");
    assert_eq!(counts(&service).await, [1, 1, 0, 1]);
    assert_eq!(service.verify_code(&id, "000001").await.body["guesses_left"], 3);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
    assert_eq!(counts(&service).await, [1, 1, 0, 0]);
}

/// A first email that was refused carried no code to anybody, so the next one has its full time.
#[tokio::test]
async fn a_retry_late_after_a_refused_first_mail_has_its_full_time() {
    let service = Service::start().await;
    service.ses.set_mood(THROTTLED);
    ask(&service).await;
    service.ses.set_mood(Mood::Willing);
    service.wait(8 * 60 + 50);
    assert_eq!(ask(&service).await.body["expires_in"], 600);
    service.wait(599);
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

/// While SES decides, somebody guesses at the challenge. If it then refuses, the guesses were paid for.
#[tokio::test(start_paused = true)]
async fn guesses_at_a_challenge_whose_mail_is_refused_are_not_free() {
    let service = Arc::new(Service::start().await);
    service.ses.set_mood(Mood::SlowlyRefusing(Duration::from_secs(1)));
    let asked = tokio::spawn({
        let service = Arc::clone(&service);
        async move { ask(&service).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(service.verify_code(OWN_ID, "000000").await.body["guesses_left"], 4);
    assert_eq!(asked.await.expect("a response").problem(), "503 mail-unavailable");
    assert_eq!(counts(&service).await, [1, 1, 0, 1], "all stays charged");
    assert!(log::text().contains("an email stays charged"));
}
