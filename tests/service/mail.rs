//! The email as SES gets it.

use serde_json::json;

use crate::harness::event;
use crate::harness::service::{KIM, Service};

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_complete() {
    let service = Service::start().await;
    service
        .request_code(json!({ "email": "Kim@Example.com", "locale": "ko" }))
        .await;
    let mail = &service.ses.mails()[0];
    let code = mail.code();
    assert_eq!(
        mail.0["FromEmailAddress"],
        "=?utf-8?b?7JiI7Iuc?= <no-reply@example.com>"
    );
    assert_eq!(mail.0["Destination"], json!({ "ToAddresses": [KIM] }));
    assert_eq!(mail.0["ConfigurationSetName"], "mails");
    assert_eq!((mail.tag("service"), mail.tag("locale")), ("email-verification", "ko"));
    let simple = &mail.0["Content"]["Simple"];
    assert_eq!(
        simple["Headers"],
        json!([
            { "Name": "Auto-Submitted", "Value": "auto-generated" },
            { "Name": "X-Auto-Response-Suppress", "Value": "All" },
        ])
    );
    for part in [&simple["Subject"], &simple["Body"]["Text"], &simple["Body"]["Html"]] {
        assert_eq!(part["Charset"], "UTF-8");
    }
    assert_eq!(mail.subject(), format!("[예시] 인증번호 {code}"));
    assert!(mail.text().starts_with(&code) && mail.text().contains("10분"));
    assert!(mail.html().contains(&code) && mail.html().contains("10분"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_language_comes_from_the_body_or_the_header_or_is_english() {
    for (event, word) in [
        ("request-code", "인증번호"),
        ("request-code-own-id", "인증번호"),
        ("request-code-accept-language", "인증번호"),
        ("request-code-base64", "is your"),
        ("request-code-ipv6", "is your"),
    ] {
        let service = Service::start().await;
        service.request_code_event(&event::read(event)).await;
        let mails = service.ses.mails();
        assert!(mails[0].subject().contains(word), "{event}: {}", mails[0].subject());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_locale_is_answered_and_a_wrong_type_refused() {
    let service = Service::start().await;
    for (person, locale) in [
        ("a", json!("tlh")),
        ("b", json!("")),
        ("c", json!(null)),
        ("d", json!("🙂")),
    ] {
        let body = json!({ "email": format!("{person}@example.com"), "locale": locale });
        assert_eq!(service.request_code(body).await.status, 202, "{locale}");
    }
    let wrong = service.request_code(json!({ "email": KIM, "locale": 1 })).await;
    assert_eq!(wrong.body["detail"], "locale must be a string");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resent_mail_says_how_long_the_code_still_works() {
    let service = Service::start().await;
    let (id, _) = service.mailed_code().await;
    service.wait(200);
    service
        .request_code(json!({ "email": KIM, "challenge_id": id, "locale": "ko" }))
        .await;
    assert!(service.ses.mails()[1].text().contains("6분"));
}

/// A library panicked when it sorted weights that have no order.
#[tokio::test(flavor = "multi_thread")]
async fn a_header_full_of_odd_weights_is_survived() {
    let service = Service::start().await;
    let mut event = event::read("request-code-accept-language");
    event["headers"]["accept-language"] = json!("en;q=0.4,ko;q=nan,en;q=nan,en;q=0.3,".repeat(20) + "ko;q=0.5");
    assert_eq!(service.request_code_event(&event).await.status, 202);
    assert!(service.ses.mails()[0].subject().contains("인증번호"));
}
