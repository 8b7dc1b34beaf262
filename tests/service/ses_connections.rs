//! Real connections to SES that break, or cannot be made.

use std::time::Duration;

use serde_json::json;

use crate::harness::broken_ses::{Break, BrokenSes, closed_port};
use crate::harness::service::{KIM, OWN_ID, Service};
use crate::ses_faults::{ask, counts};

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_took_before_the_connection_broke_is_sent_once_and_its_code_works() {
    let mut service = Service::start().await;
    let ses = BrokenSes::start(Break::AfterRequest).await;
    service.move_ses(&ses.url).await;
    assert_eq!(ask(&service).await.problem(), "503 mail-unavailable");
    assert_eq!(ses.taken().len(), 1, "no second mail by the same request");
    assert_eq!(counts(&service).await, [0, 0, 1, 0]);

    service.wait(7);
    ses.set_mood(Break::Never);
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    assert_eq!(service.request_code_from("203.0.113.8", body).await.status, 202);
    let taken = ses.taken();
    assert_eq!((taken.len(), code_of(&taken[0])), (2, code_of(&taken[1])));
    assert_eq!(service.verify_code(OWN_ID, &code_of(&taken[0])).await.status, 200);
}

/// Whether the request was written before the connection broke is not known, so SES may have taken it.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_once_is_not_tried_again() {
    let mut service = Service::start().await;
    let ses = BrokenSes::start(Break::AtOnce).await;
    let tries = service.move_ses(&ses.url).await;
    assert_eq!(ask(&service).await.body["retry_after"], 30);
    assert_eq!(tries.count(), 1);
    assert_eq!(counts(&service).await, [0, 0, 1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_never_made_is_tried_once_more_and_costs_nothing() {
    let mut service = Service::start().await;
    let tries = service.move_ses(&closed_port().await).await;
    assert_eq!(ask(&service).await.body["retry_after"], 5);
    assert_eq!(tries.count(), 2);
    assert_eq!(counts(&service).await, [0, 0, 0, 0]);
    assert_eq!(
        service.verify_code(OWN_ID, "000000").await.problem(),
        "401 code-expired"
    );
}

/// Lambda freezes an instance between two requests. Its connection to SES is dead by the second one.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_kept_long_is_not_used_again() {
    let mut service = Service::start().await;
    let ses = BrokenSes::start(Break::WhenKept).await;
    service.move_ses(&ses.url).await;
    assert_eq!(ask(&service).await.status, 202);
    service.wait(60);
    assert_eq!(
        ask(&service).await.problem(),
        "503 mail-unavailable",
        "it was used, and broke"
    );
    service.wait(60);
    assert_eq!(ask(&service).await.status, 202);
    // On the connections' own clock.
    tokio::time::sleep(Duration::from_secs(16)).await;
    service.wait(60);
    assert_eq!(ask(&service).await.status, 202, "a new connection");
    assert_eq!(ses.taken().len(), 3);
}

/// The code, from the subject of an email as `SendEmail` got it.
fn code_of(mail: &serde_json::Value) -> String {
    crate::harness::ses::SentMail(mail.clone()).code()
}
