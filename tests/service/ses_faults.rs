//! SES fails, or does not say what became of an email: what is charged, and which code works.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::harness::log;
use crate::harness::service::{KIM, OWN_ID, Service, config};
use crate::harness::ses::Mood;
use crate::harness::world::fault::Fault;

const SICK: Mood = Mood::Refusing(500, "InternalServiceErrorException", "oops");
const STALLED: Mood = Mood::Slow(Duration::from_secs(8));

/// What the day's counts say: emails of the mailbox, emails of its only source, unconfirmed ones, and unverified ones of the
/// source.
pub(crate) async fn counts(service: &Service) -> [i64; 4] {
    [
        service.count("mailbox/", "mails").await,
        service.count("mailbox/", "n_").await,
        service.count("mailbox/", "unconfirmed").await,
        service.count("source/", "unverified").await,
    ]
}

pub(crate) async fn ask(service: &Service) -> crate::harness::response::Response {
    service
        .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
        .await
}

#[tokio::test(start_paused = true)]
async fn what_ses_may_have_taken_is_only_unconfirmed_and_its_code_works() {
    for (mood, taken) in [
        (SICK, 0),
        (Mood::Refusing(503, "ServiceUnavailable", "oops"), 0),
        (STALLED, 1),
    ] {
        let service = Service::start().await;
        service.ses.set_mood(mood);
        let failed = ask(&service).await;
        assert_eq!(failed.problem(), "503 mail-unavailable");
        assert_eq!(failed.body["retry_after"], 30);
        assert_eq!(
            (service.ses.calls(), service.ses.mails().len()),
            (1, taken),
            "no second try by itself"
        );
        assert_eq!(counts(&service).await, [0, 0, 1, 0]);
        assert_eq!(service.verify_code(OWN_ID, "000000").await.body["guesses_left"], 4);

        service.ses.set_mood(Mood::Willing);
        service.wait(30);
        assert_eq!(ask(&service).await.status, 202);
        assert_eq!(counts(&service).await, [1, 1, 1, 1]);
        let mails = service.ses.mails();
        assert!(
            mails.iter().all(|mail| mail.code() == mails[0].code()),
            "whichever arrives is right"
        );
        assert_eq!(service.verify_code(OWN_ID, &mails[0].code()).await.status, 200);
    }
}

/// The app obeys `Retry-After` while SES is sick, and goes on asking once it is well.
#[tokio::test]
async fn promise_5_a_minute_of_a_sick_ses_keeps_an_app_that_retries_out_for_15_minutes_at_most() {
    let service = Service::start().await;
    service.ses.set_mood(SICK);
    let mut mailed_at = None;
    for _ in 0..200 {
        let asked = ask(&service).await;
        if asked.status == 202 {
            mailed_at = Some(service.now());
            break;
        }
        service.wait(asked.body["retry_after"].as_i64().expect("a time"));
        if service.now() - crate::harness::service::START > 60 {
            service.ses.set_mood(Mood::Willing);
        }
    }
    let waited = mailed_at.expect("a mail") - crate::harness::service::START - 60;
    assert!(waited <= 15 * 60, "{waited}");
}

/// However often everybody tries while SES is sick.
#[tokio::test]
async fn promise_5_a_long_sick_day_keeps_nobody_out_for_more_than_15_minutes() {
    let service = Service::start().await;
    service.ses.set_mood(SICK);
    let mut sent = 0;
    for minute in 0..240 {
        for source in 1..=5 {
            let body = json!({ "email": KIM });
            let asked = service.request_code_from(&format!("198.51.100.{source}"), body).await;
            sent += usize::from(asked.status == 503);
            assert!(
                asked.status == 503 || asked.body["retry_after"].as_i64() <= Some(900),
                "{minute}: {}",
                asked.text
            );
        }
        service.wait(60);
    }
    assert!(
        (25..=27).contains(&sent),
        "ten, then one each quarter of an hour: {sent}"
    );
    service.ses.set_mood(Mood::Willing);
    service.wait(15 * 60);
    assert_eq!(ask(&service).await.status, 202);
    for kind in ["mails", "n_"] {
        assert_eq!(
            service.count("mailbox/", kind).await,
            i64::from(kind == "mails" || kind == "n_"),
            "{kind}"
        );
    }
}

#[tokio::test]
async fn promise_5_an_office_that_tries_while_ses_hangs_up_is_charged_nothing() {
    let service = Service::start().await;
    service.ses.set_mood(SICK);
    for person in 0..250 {
        let body = json!({ "email": format!("person{person}@example.com") });
        assert_eq!(service.request_code(body).await.status, 503);
    }
    service.ses.set_mood(Mood::Willing);
    assert_eq!(
        service
            .request_code(json!({ "email": "next@example.com" }))
            .await
            .status,
        202
    );
}

#[tokio::test(start_paused = true)]
async fn promise_5_tries_from_ten_networks_while_ses_stalls_cost_a_person_nothing() {
    let service = Arc::new(Service::start().await);
    service.ses.set_mood(STALLED);
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
    assert_eq!(service.count("mailbox/", "mails").await, 0);
    assert_eq!(service.count("mailbox/", "unconfirmed").await, 10);
    service.ses.set_mood(Mood::Willing);
    service.wait(15 * 60);
    for _ in 0..3 {
        let person = service.request_code_from("203.0.113.1", json!({ "email": KIM })).await;
        assert_eq!(person.status, 202, "{}", person.text);
        service.wait(60);
    }
}

#[tokio::test]
async fn promise_5_after_ten_unconfirmed_mails_one_goes_out_each_quarter_of_an_hour() {
    let service = Service::start().await;
    service.ses.set_mood(SICK);
    for _ in 0..10 {
        assert_eq!(ask(&service).await.status, 503);
        service.wait(1);
    }
    let held = ask(&service).await;
    assert_eq!(
        (held.problem().as_str(), &held.body["retry_after"]),
        ("429 too-many-requests", &json!(899))
    );
    assert!(log::text().contains(r#""limit":"unconfirmed""#));
    service.wait(899);
    assert_eq!(ask(&service).await.status, 503);
    let by_another = service.request_code_from("203.0.113.8", json!({ "email": KIM })).await;
    assert_eq!(by_another.body["retry_after"], 900);
    service.wait(900);
    service.ses.set_mood(Mood::Willing);
    assert_eq!(ask(&service).await.status, 202);
    // A confirmed one holds the mailbox only for as long as it might have been unconfirmed.
    let by_another = service.request_code_from("203.0.113.8", json!({ "email": KIM })).await;
    assert_eq!(by_another.body["retry_after"], 30);
    service.wait(30);
    assert_eq!(
        service
            .request_code_from("203.0.113.8", json!({ "email": KIM }))
            .await
            .status,
        202
    );
}

/// Where the odds leave no room for unconfirmed mails, each counts as one of the day's.
#[tokio::test]
async fn an_unconfirmed_mail_with_an_easy_code_stays_charged_to_the_mailbox_alone() {
    let mut config = config();
    config.shared.code_digits = 4;
    let service = Service::start_with(config).await;
    service.ses.set_mood(SICK);
    assert_eq!(ask(&service).await.status, 503);
    assert_eq!(counts(&service).await, [1, 1, 0, 0]);
    service.ses.set_mood(Mood::Willing);
    service.wait(30);
    assert_eq!(ask(&service).await.status, 202, "no pause");
    service.wait(60);
    assert_eq!(ask(&service).await.problem(), "429 too-many-requests");
}

/// The email arrived, its reader was faster than SES's answer.
#[tokio::test(start_paused = true)]
async fn a_code_that_is_used_before_ses_fails_to_confirm_it_is_given_back_once() {
    let service = Arc::new(Service::start().await);
    service.request_code(json!({ "email": "lee@example.com" })).await;
    service.ses.set_mood(STALLED);
    let asked = tokio::spawn({
        let service = Arc::clone(&service);
        async move { ask(&service).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
    assert_eq!(asked.await.expect("a response").problem(), "503 mail-unavailable");
    assert_eq!(service.count("source/", "unverified").await, 1, "lee's");
}

/// While SES stalls over the first email, its guesses are used up, and another network has the challenge opened anew.
#[tokio::test(start_paused = true)]
async fn a_charge_is_not_undone_after_a_newer_mail() {
    let service = Arc::new(Service::start().await);
    service
        .script
        .once("SendEmail", Fault::SlowBefore(Duration::from_secs(8)));
    let stalled = tokio::spawn({
        let service = Arc::clone(&service);
        async move { ask(&service).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    for wrong in 0..5 {
        service.verify_code(OWN_ID, &format!("00000{wrong}")).await;
    }
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    assert_eq!(service.request_code_from("203.0.113.8", body.clone()).await.status, 202);
    assert_eq!(stalled.await.expect("a response").problem(), "503 mail-unavailable");
    assert_eq!(service.count("mailbox/", "mails").await, 2, "both stay charged");
    let repeat = service.request_code_from("203.0.113.9", body).await;
    assert_eq!(
        (repeat.status, service.ses.calls()),
        (202, 2),
        "the pause of the newer one goes on"
    );
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn two_first_requests_for_one_id_at_once_mail_one_code_while_ses_stalls() {
    let service = Arc::new(Service::start().await);
    service.ses.set_mood(STALLED);
    let tries = (7..=10).map(|source| {
        let service = Arc::clone(&service);
        let body = json!({ "email": KIM, "challenge_id": OWN_ID });
        tokio::spawn(async move { service.request_code_from(&format!("203.0.113.{source}"), body).await })
    });
    for task in tries.collect::<Vec<_>>() {
        let status = task.await.expect("a response").status;
        assert!(matches!(status, 202 | 503), "{status}");
    }
    assert_eq!(service.ses.mails().len(), 1);
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

#[tokio::test]
async fn the_log_says_which_mail_ses_took() {
    let service = Service::start().await;
    service.mailed_code().await;
    assert!(log::text().contains(r#""message_id":"0100-example""#));
}
