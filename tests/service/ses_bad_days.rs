//! SES on its bad days: what is refunded, what stays charged, and which code works.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::harness::broken_ses::{Break, BrokenSes, closed_port};
use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::ses::Mood;

const TODAY: &str = "mails_2027-01-15";
const SENDS: &str = "sends_2027-01-15";

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_ses_took_before_the_connection_broke_is_sent_once_and_its_code_works() {
    let mut service = Service::start().await;
    let ses = BrokenSes::start(Break::AfterRequest).await;
    service.move_ses(&ses.url).await;
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    let response = service.request_code(body.clone()).await;
    assert_eq!(response.problem(), "503 mail-unavailable");
    assert_eq!(ses.taken().len(), 1, "no second mail by the same request");
    assert_eq!(service.count("recipient#", TODAY).await, 1, "charged");
    let code = code_of(&ses.taken()[0]);
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_after_a_broken_connection_carries_the_same_code() {
    let mut service = Service::start().await;
    let ses = BrokenSes::start(Break::AfterRequest).await;
    service.move_ses(&ses.url).await;
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    service.request_code(body.clone()).await;
    service.wait(7);
    ses.set_mood(Break::Never);
    let retry = service.request_code_from("203.0.113.8", body).await;
    assert_eq!((retry.status, retry.challenge_id().as_str()), (202, OWN_ID));
    let taken = ses.taken();
    assert_eq!((taken.len(), code_of(&taken[0])), (2, code_of(&taken[1])));
    assert_eq!(service.verify_code(OWN_ID, &code_of(&taken[0])).await.status, 200);
}

/// Whether the request was written before the connection broke is not known, so it counts as written.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_at_once_is_not_tried_again() {
    let mut service = Service::start().await;
    let ses = BrokenSes::start(Break::AtOnce).await;
    service.move_ses(&ses.url).await;
    let response = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(response.problem(), "503 mail-unavailable");
    assert_eq!(service.count("recipient#", SENDS).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_never_made_costs_nothing() {
    let mut service = Service::start().await;
    service.move_ses(&closed_port().await).await;
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    let response = service.request_code(body).await;
    assert_eq!(response.problem(), "503 mail-unavailable");
    for (kind, attribute) in [
        ("recipient#", TODAY),
        ("recipient#", SENDS),
        ("pair#", TODAY),
        ("source#", "requests"),
    ] {
        assert_eq!(service.count(kind, attribute).await, 0, "{kind} {attribute}");
    }
    assert_eq!(
        service.verify_code(OWN_ID, "000000").await.problem(),
        "401 code-expired",
        "nothing to guess at"
    );
}

/// What each answer of SES costs: emails of the day, emails that may have arrived, requests of the source, and whether the code
/// works.
#[tokio::test(flavor = "multi_thread")]
async fn what_ses_did_not_take_costs_nothing_and_what_it_may_have_taken_works() {
    for (status, code, sends, works, retry_after) in [
        (429, "TooManyRequestsException", 0, false, 5),
        (400, "ThrottlingException", 0, false, 5),
        (400, "LimitExceededException", 0, false, 300),
        (400, "SendingPausedException", 0, false, 300),
        (400, "ConfigurationSetSendingPausedException", 0, false, 300),
        (400, "AccountSuspendedException", 0, false, 300),
        (500, "InternalServiceErrorException", 1, true, 5),
        (503, "ServiceUnavailable", 1, true, 5),
    ] {
        let service = Service::start().await;
        service.ses.set_mood(Mood::Refusing(status, code, "not now"));
        let body = json!({ "email": KIM, "challenge_id": OWN_ID });
        let refused = service.request_code(body.clone()).await;
        assert_eq!(refused.problem(), "503 mail-unavailable", "{code}");
        assert_eq!(refused.body["retry_after"], retry_after, "{code}");
        assert_eq!(service.ses.calls(), 1, "{code}");
        assert_eq!(service.count("recipient#", TODAY).await, 0, "{code}");
        assert_eq!(service.count("recipient#", SENDS).await, sends, "{code}");
        assert_eq!(service.count("pair#", TODAY).await, 0, "{code}");
        assert_eq!(service.count("source#", "requests").await, 0, "{code}");
        let guess = service.verify_code(OWN_ID, "000000").await.problem();
        assert_eq!(guess == "401 invalid-code", works, "{code}: {guess}");

        service.ses.set_mood(Mood::Willing);
        service.wait(5);
        let retried = service.request_code(body).await;
        assert_eq!(
            (retried.status, retried.challenge_id().as_str()),
            (202, OWN_ID),
            "{code}"
        );
        let mailed = service.ses.newest_mail().code();
        assert_eq!(service.verify_code(OWN_ID, &mailed).await.status, 200, "{code}");
    }
}

/// Ten people's phones, or one that changes its network: each tries once while SES does not answer.
#[tokio::test(flavor = "multi_thread")]
async fn ten_tries_while_ses_stalls_cost_a_person_one_mail_of_the_day() {
    let service = Arc::new(Service::start().await);
    service.ses.set_mood(Mood::Slow(Duration::from_secs(8)));
    let tries = (0..10).map(|source| {
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let body = json!({ "email": KIM });
            service.request_code_from(&format!("203.0.113.{source}"), body).await
        })
    });
    for task in tries.collect::<Vec<_>>() {
        assert_eq!(task.await.expect("a response").problem(), "503 mail-unavailable");
    }
    assert_eq!(service.count("recipient#", TODAY).await, 1);
    assert_eq!(service.count("recipient#", SENDS).await, 10);
    service.ses.set_mood(Mood::Willing);
    for _ in 0..3 {
        let person = service.request_code_from("203.0.113.1", json!({ "email": KIM })).await;
        assert_eq!(person.status, 202, "{}", person.text);
        service.wait(60);
    }
}

/// The same person, who tries again and again from home.
#[tokio::test(flavor = "multi_thread")]
async fn tries_from_one_source_while_ses_stalls_cost_it_one_mail_as_well() {
    let service = Service::start().await;
    service.ses.set_mood(Mood::Slow(Duration::from_secs(8)));
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    for _ in 0..3 {
        assert_eq!(
            service.request_code(body.clone()).await.problem(),
            "503 mail-unavailable"
        );
        service.wait(6);
    }
    assert_eq!(service.count("pair#", TODAY).await, 1);
    service.ses.set_mood(Mood::Willing);
    for _ in 0..3 {
        assert_eq!(service.request_code(body.clone()).await.status, 202);
        service.wait(60);
    }
    let mails = service.ses.mails();
    assert!(
        mails.iter().all(|mail| mail.code() == mails[0].code()),
        "one id, one code"
    );
}

/// A stranger who uses a sick SES to use up somebody's mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn one_source_cannot_use_up_a_mailbox_while_ses_fails() {
    let service = Service::start().await;
    service
        .ses
        .set_mood(Mood::Refusing(500, "InternalServiceErrorException", "oops"));
    for _ in 0..30 {
        service
            .request_code_from("198.51.100.66", json!({ "email": KIM }))
            .await;
    }
    assert_eq!(service.ses.calls(), 8);
    let refused = service
        .request_code_from("198.51.100.66", json!({ "email": KIM }))
        .await;
    assert_eq!(refused.body["retry_after"], 12 * 3_600, "until midnight UTC");
    service.ses.set_mood(Mood::Willing);
    for mail in 1..=2 {
        let person = service.request_code(json!({ "email": KIM })).await;
        assert_eq!(person.status, 202, "mail {mail}");
        service.wait(60);
    }
}

/// However sick SES is, a mailbox gets no more than 20.
#[tokio::test(flavor = "multi_thread")]
async fn a_ses_that_fails_and_delivers_brings_no_more_than_20_mails_into_a_mailbox() {
    let service = Service::start().await;
    service
        .ses
        .set_mood(Mood::Refusing(500, "InternalServiceErrorException", "oops"));
    for source in 0..30 {
        let body = json!({ "email": KIM });
        service.request_code_from(&format!("203.0.113.{source}"), body).await;
    }
    assert_eq!(service.ses.calls(), 20);
    assert_eq!(service.count("recipient#", SENDS).await, 20);
}

/// An app repeats its request from another network while the first one still waits for SES.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_with_the_same_id_while_ses_is_slow_never_mails_another_code() {
    let service = Arc::new(Service::start().await);
    service.ses.set_mood(Mood::Slow(Duration::from_secs(2)));
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    let first = {
        let (service, body) = (Arc::clone(&service), body.clone());
        tokio::spawn(async move { service.request_code_from("203.0.113.1", body).await })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    service.wait(3);
    let second = service.request_code_from("203.0.113.2", body.clone()).await;
    assert_eq!((second.status, first.await.expect("a response").status), (202, 202));
    let mails = service.ses.mails();
    assert!(mails.iter().all(|mail| mail.code() == mails[0].code()));
    for mail in &mails {
        assert_eq!(service.verify_code(OWN_ID, &mail.code()).await.status, 200);
    }
}

/// The same at the same instant, from fifty sources.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_50_requests_with_one_id_from_50_sources_at_once_1_mails() {
    let service = Arc::new(Service::start().await);
    let tries = (0..50).map(|source| {
        let service = Arc::clone(&service);
        tokio::spawn(async move {
            let body = json!({ "email": KIM, "challenge_id": OWN_ID });
            service.request_code_from(&format!("203.0.113.{source}"), body).await
        })
    });
    let mut accepted = 0;
    for task in tries.collect::<Vec<_>>() {
        let response = task.await.expect("a response");
        assert!(matches!(response.status, 202 | 429), "{}", response.text);
        accepted += usize::from(response.status == 202);
    }
    assert!(accepted >= 1);
    assert_eq!(service.ses.calls(), 1);
    assert_eq!(service.count("recipient#", TODAY).await, 1);
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

/// While SES decides, somebody guesses at the challenge. If it then refuses, the guesses were paid for.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_at_a_challenge_whose_mail_is_refused_are_not_free() {
    let service = Arc::new(Service::start().await);
    let ask = {
        let service = Arc::clone(&service);
        service.ses.set_mood(Mood::SlowlyRefusing(Duration::from_secs(1)));
        tokio::spawn(async move {
            service
                .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
                .await
        })
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(service.verify_code(OWN_ID, "000000").await.body["guesses_left"], 4);
    assert_eq!(ask.await.expect("a response").problem(), "503 mail-unavailable");
    for (kind, attribute) in [("recipient#", TODAY), ("pair#", TODAY), ("source#", "requests")] {
        assert_eq!(service.count(kind, attribute).await, 1, "{kind} stays charged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_says_which_mail_ses_took() {
    let service = Service::start().await;
    service.mailed_code().await;
    assert!(crate::harness::log::text().contains(r#""message_id":"0100-example""#));
}

/// The code, from the subject of an email as `SendEmail` got it.
fn code_of(mail: &serde_json::Value) -> String {
    crate::harness::ses::SentMail(mail.clone()).code()
}
