//! What a proof is for: a code of one purpose is no code for another, and limits count over all purposes.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::harness::event::{event, follow};
use crate::harness::response::Response;
use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::ses::SentMail;

const PURPOSES: [&str; 4] = ["sign-up", "change-email", "sign-in", "delete-account"];

async fn ask(service: &Service, purpose: impl Into<Value>) -> Response {
    let body = json!({ "email": KIM, "challenge_id": OWN_ID, "purpose": purpose.into() });
    service.request_code(body).await
}

async fn submit(service: &Service, code: &str, purpose: impl Into<Value>) -> Response {
    let body = json!({ "email": KIM, "challenge_id": OWN_ID, "code": code, "purpose": purpose.into() });
    let event = event("/verify-code", body.to_string().as_bytes());
    service.verify_code_event(&event).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_for_one_purpose_is_none_for_another_and_loses_no_guess() {
    for asked in PURPOSES {
        let service = Service::start().await;
        ask(&service, asked).await;
        let code = service.ses.newest_mail().code();
        for other in PURPOSES.into_iter().filter(|other| *other != asked) {
            assert_eq!(submit(&service, &code, other).await.problem(), "401 code-expired");
        }
        assert_eq!(submit(&service, "000000", asked).await.body["guesses_left"], 4);
        let claims = submit(&service, &code, asked).await.token().claims();
        assert_eq!(claims["purpose"], asked);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_names_no_purpose_signs_up() {
    let service = Service::start().await;
    for (of_request, of_guess) in [(Value::Null, json!("sign-up")), (json!("sign-up"), Value::Null)] {
        ask(&service, of_request).await;
        let code = service.ses.newest_mail().code();
        assert_eq!(
            submit(&service, &code, of_guess).await.token().claims()["purpose"],
            "sign-up"
        );
        service.wait(60);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_count_over_all_purposes() {
    let service = Service::start().await;
    for (purpose, wait) in PURPOSES.into_iter().zip([60, 60, 60, 43_020]) {
        assert_eq!(ask(&service, purpose).await.status, 202);
        let other = ask(&service, "recover").await;
        assert_eq!(
            (other.problem().as_str(), &other.body["retry_after"]),
            ("429 too-many-requests", &json!(wait)),
            "the pause, and after four emails the day"
        );
        service.wait(60);
    }
    let mails = service.ses.mails();
    assert_eq!(mails.len(), PURPOSES.len());
    let codes: HashSet<_> = mails.iter().map(SentMail::code).collect();
    assert_eq!(codes.len(), PURPOSES.len(), "one id, and a code for each purpose");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_codes_of_all_purposes_work_and_their_proofs_differ() {
    let service = Service::start().await;
    let mut ids = HashSet::new();
    for purpose in PURPOSES {
        ask(&service, purpose).await;
        service.wait(60);
    }
    for (purpose, mail) in PURPOSES.into_iter().zip(service.ses.mails()) {
        let claims = submit(&service, &mail.code(), purpose).await.token().claims();
        assert_eq!(claims["purpose"], purpose);
        ids.insert(claims["jti"].to_string());
    }
    assert_eq!(ids.len(), PURPOSES.len());
}

/// Whatever stands beside it, a link has the purpose that its email says.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_has_the_purpose_of_its_request() {
    for (purpose, question) in [("change-email", "Change the email address"), ("recover", "Verify k")] {
        let service = Service::start().await;
        ask(&service, purpose).await;
        let link = service.ses.newest_mail().sealed();
        let page = service.verify_code_event(&follow(&format!("link={link}"))).await;
        assert!(page.text.contains(question), "{}", page.text);
        let body = json!({ "link": link, "purpose": "sign-up" }).to_string();
        let response = service.verify_code_event(&event("/verify-code", body.as_bytes())).await;
        assert_eq!(response.token().claims()["purpose"], purpose);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purpose_that_is_no_word_is_a_fault_of_the_app() {
    let service = Service::start().await;
    let detail = "purpose must be 1 to 32 characters a to z, 0 to 9 and -";
    let too_long = "a".repeat(33);
    for (purpose, detail) in [
        (json!(""), detail),
        (json!("Sign-Up"), detail),
        (json!(too_long), detail),
        (json!(["sign-up"]), "purpose must be a string"),
    ] {
        for response in [
            ask(&service, purpose.clone()).await,
            submit(&service, "123456", purpose).await,
        ] {
            assert_eq!(response.problem(), "400 malformed-request");
            assert_eq!(response.body["detail"], detail);
        }
    }
    assert_eq!(service.traffic.calls(), 0);
}
