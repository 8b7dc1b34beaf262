//! What SES says of an email that did not arrive, on its way from `EventBridge` to the app.

use serde_json::json;

use crate::harness::event::{folder, ses_event, undelivered};
use crate::harness::response::Response;
use crate::harness::rule;
use crate::harness::service::{KIM, OWN_ID, START, Service, config};
use crate::harness::ses::SentMail;
use crate::harness::world::call::Aws;
use crate::harness::world::fault::{Answer, Fault};

/// Each document, and the reason that the app gets. None if the rule leaves it out.
const DOCUMENTS: &[(&str, Option<&str>)] = &[
    ("bounce-content-rejected", Some("content")),
    ("bounce-custom-timeout", Some("temporary")),
    ("bounce-email-validation", Some("mailbox")),
    ("bounce-general-transient", Some("temporary")),
    ("bounce-mailbox-full", Some("temporary")),
    ("bounce-message-too-large", Some("content")),
    ("bounce-permanent-general", Some("mailbox")),
    ("bounce-permanent-noemail", Some("mailbox")),
    ("bounce-suppressed", Some("mailbox")),
    ("bounce-suppressed-global", Some("mailbox")),
    ("bounce-undetermined", Some("temporary")),
    ("complaint-suppressed", Some("mailbox")),
    ("delivery-delay", None),
    ("reject", Some("content")),
];

async fn ask(service: &Service) -> Response {
    service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await
}

/// The reason that a response gives, or its status.
fn reason(response: &Response) -> String {
    if response.status == 422 {
        assert_eq!(response.problem(), "422 undeliverable");
        return response.body["reason"].as_str().expect("a reason").to_owned();
    }
    response.status.to_string()
}

/// Mails Kim a code. Returns the service and the email.
async fn mailed() -> (Service, SentMail) {
    let service = Service::start().await;
    assert_eq!(ask(&service).await.status, 202);
    let mail = service.ses.newest_mail();
    (service, mail)
}

#[test]
fn every_document_is_listed() {
    let files = std::fs::read_dir(folder().join("ses")).expect("the folder");
    let names = files.map(|file| file.expect("a file").path().file_stem().expect("a name").to_owned());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, DOCUMENTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_event_of_ses_reaches_the_app_without_an_address() {
    for (name, expected) in DOCUMENTS {
        let (service, mail) = mailed().await;
        let document = ses_event(name, &mail);
        assert!(document.to_string().contains('@'), "{name}");
        let event = rule::apply(&document);
        assert_eq!(event.is_some(), expected.is_some(), "{name}");
        let (Some(event), Some(expected)) = (event, expected) else {
            continue;
        };
        assert!(!event.to_string().contains('@'), "{event}");
        service.bounce(&event).await;
        assert_eq!(service.last_calls(), ["UpdateItem"], "{name}");
        assert_eq!(reason(&ask(&service).await), *expected, "{name}");
        assert_eq!(
            reason(&service.verify_code(OWN_ID, "000000").await),
            *expected,
            "{name}"
        );
        assert_eq!(service.ses.calls(), 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_takes_no_other_event() {
    let (_, mail) = mailed().await;
    for (name, pointer, other) in [
        ("reject", "/source", json!("com.example")),
        ("reject", "/detail/eventType", json!("Delivery")),
        ("reject", "/detail/mail/tags/ses:configuration-set", json!(["another"])),
        (
            "reject",
            "/detail/mail/tags",
            json!({ "ses:configuration-set": ["email-verification-ConfigurationSet-a1B2c3D4e5F6"] }),
        ),
        (
            "complaint-suppressed",
            "/detail/complaint/complaintSubType",
            json!(null),
        ),
    ] {
        let mut document = ses_event(name, &mail);
        assert!(rule::apply(&document).is_some());
        *document.pointer_mut(pointer).expect("a member") = other;
        assert!(rule::apply(&document).is_none(), "{pointer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_delivery_feedback_an_email_says_nothing_of_its_challenge() {
    let mut config = config();
    config.delivery_feedback = false;
    let service = Service::start_with(config).await;
    assert_eq!(ask(&service).await.status, 202);
    let tags = service.ses.newest_mail().0["EmailTags"].clone();
    let names = tags.as_array().expect("tags").iter().map(|tag| tag["Name"].as_str());
    assert_eq!(names.collect::<Vec<_>>(), [Some("service"), Some("locale")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_that_is_told_so_costs_nothing_and_after_the_pause_another_email_goes_out() {
    let (service, mail) = mailed().await;
    service.bounce(&undelivered(&mail, "Bounce Permanent General")).await;
    let before = service.items().await;
    for _ in 0..3 {
        service.wait(3);
        let told = ask(&service).await;
        assert_eq!(reason(&told), "mailbox");
        let seconds = told.body["retry_after"].to_string();
        assert_eq!(
            (&seconds, &told.headers["retry-after"]),
            (&(START + 60 - service.now()).to_string(), &seconds)
        );
    }
    assert_eq!(service.items().await, before);
    service.wait(60);
    assert_eq!(ask(&service).await.status, 202);
    assert_eq!(
        ask(&service).await.status,
        202,
        "nothing is known of the second email yet"
    );
    assert_eq!(
        service.verify_code(OWN_ID, "000000").await.problem(),
        "401 invalid-code"
    );
    assert_eq!(service.ses.mails().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_code_is_right_although_its_email_is_said_not_to_have_arrived() {
    let (service, mail) = mailed().await;
    service.bounce(&undelivered(&mail, "Bounce Transient General")).await;
    assert_eq!(reason(&service.verify_code(OWN_ID, "000000").await), "temporary");
    assert_eq!(
        reason(&service.verify_code(OWN_ID, "000000").await),
        "temporary",
        "a repeat"
    );
    assert_eq!(service.verify_code(OWN_ID, &mail.code()).await.status, 200);
    assert_eq!(service.hand_in(&mail.sealed()).await.status, 200, "its link");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_twice_late_or_about_nothing_changes_nothing() {
    let (service, first) = mailed().await;
    let bounce = undelivered(&first, "Bounce Transient General");
    service.bounce(&bounce).await;
    let noted = service.items().await;
    for kind in ["Bounce Transient General", "Bounce Permanent General", "Reject"] {
        service.bounce(&undelivered(&first, kind)).await;
        assert_eq!(service.items().await, noted, "twice");
    }
    service.wait(61);
    assert_eq!(ask(&service).await.status, 202);
    let resent = service.items().await;
    service.bounce(&bounce).await;
    assert_eq!(service.items().await, resent, "about an older email");
    service.bounce(&undelivered(&service.ses.newest_mail(), "Reject")).await;
    for (guess, guesses_left) in [
        ("000001", 4),
        ("000002", 3),
        ("000003", 2),
        ("000004", 1),
        ("000005", 0),
    ] {
        let told = service.verify_code(OWN_ID, guess).await;
        assert_eq!(
            (reason(&told), &told.body["guesses_left"]),
            ("content".to_owned(), &json!(guesses_left))
        );
    }
    service.wait(61);
    assert_eq!(ask(&service).await.status, 202);
    assert_eq!(ask(&service).await.status, 202, "nothing is known of its email");
    let reopened = service.items().await;
    service.bounce(&bounce).await;
    assert_eq!(service.items().await, reopened, "about an older generation");
    let mut unknown = bounce.clone();
    unknown["undelivered"]["challenge"] = json!(["a".repeat(43)]);
    service.bounce(&unknown).await;
    assert_eq!(service.items().await, reopened, "about a challenge that is gone");
    assert_eq!(
        service
            .verify_code(OWN_ID, &service.ses.newest_mail().code())
            .await
            .status,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_address_or_purpose_under_the_id_is_told_nothing() {
    let (service, mail) = mailed().await;
    service.bounce(&undelivered(&mail, "Bounce Permanent General")).await;
    let corrected = json!({ "email": "kim@example.net", "challenge_id": OWN_ID });
    assert_eq!(service.request_code(corrected.clone()).await.status, 202);
    assert_eq!(service.request_code(corrected).await.status, 202);
    service.wait(61);
    let other = json!({ "email": KIM, "challenge_id": OWN_ID, "purpose": "sign-in" });
    assert_eq!(service.request_code(other.clone()).await.status, 202);
    assert_eq!(service.request_code(other).await.status, 202);
}

/// The name of the item travels with the email, so no key is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_finds_its_challenge_after_a_rotation() {
    let service = Service::start().await;
    service.secrets.rotate(START);
    service.wait(15 * 60 - 1);
    assert_eq!(ask(&service).await.status, 202);
    service.wait(1);
    let event = undelivered(&service.ses.newest_mail(), "Bounce Permanent General");
    service.bounce(&event).await;
    assert_eq!(reason(&ask(&service).await), "mailbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_table_fails_the_event_so_that_lambda_hands_it_over_again() {
    let (service, mail) = mailed().await;
    let event = undelivered(&mail, "Bounce Permanent General");
    service.script.always(Aws::DynamoDb, Fault::NeverDone(Answer::Http500));
    assert_eq!(service.handle_at(0, &event, 0).await.status, 500);
    service.script.forget(Aws::DynamoDb);
    service.bounce(&event).await;
    assert_eq!(reason(&ask(&service).await), "mailbox");
}
