//! DynamoDB loses responses or does not respond.

use rand::rngs::SysRng;
use serde_json::json;
use time::Duration;
use verification::aws::table::challenge::Opening;
use verification::keys::Keys;
use verification::rules::challenge::Challenge;
use verification::rules::challenge_id::{ChallengeId, ChallengeRef};
use verification::rules::charge::ChargeId;
use verification::rules::code::Code;
use verification::rules::condition::Condition;
use verification::rules::mailbox::Mailbox;
use verification::rules::recipient::Recipient;
use verification::rules::repeat::{LastMail, SendRecord};
use verification::rules::source::Source;

use crate::harness::service::{KIM, OWN_ID, Service, config};

/// A request with an id of its own takes five writes. The response to each is lost once, and the SDK repeats it.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_response_is_lost_mails_once_and_is_charged_once() {
    for call in 0..5 {
        let service = Service::start().await;
        service.traffic.lose_after(call, 1);
        let response = service
            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
            .await;
        assert_eq!(
            (response.status, response.challenge_id().as_str()),
            (202, OWN_ID),
            "call {call}"
        );
        assert_eq!(service.traffic.calls(), 6, "call {call}");
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
async fn a_guess_whose_response_is_lost_is_charged_once_and_answered_as_the_first() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    for left in [4, 3, 2, 1] {
        service.traffic.lose(1);
        let response = service.verify_code(&id, &format!("00000{left}")).await;
        assert_eq!(response.body["guesses_left"], left);
    }
    service.traffic.lose(1);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);

    let service = Service::start().await;
    let (id, _) = service.mailed_code().await;
    for left in [4, 3, 2, 1, 0] {
        service.traffic.lose(1);
        let response = service.verify_code(&id, &format!("00000{left}")).await;
        assert_eq!(response.body["guesses_left"], left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dynamodb_that_does_not_respond_is_an_internal_error_and_mails_nothing() {
    let service = Service::start().await;
    // Two charges at once, with three attempts each.
    service.traffic.lose(6);
    let response = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(response.problem(), "500 internal-error");
    assert_eq!(response.body["request_id"], "JKJaXmPLvHcESHA=");
    assert_eq!(service.ses.calls(), 0);
    service.traffic.lose(3);
    assert_eq!(
        service.verify_code(OWN_ID, "123456").await.problem(),
        "500 internal-error"
    );
}

/// The charge is made, but nobody learns it. No email follows, so it is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_charge_that_is_never_answered_is_refunded() {
    let service = Service::start().await;
    service.traffic.lose_after(1, 3);
    let response = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(
        (response.problem().as_str(), service.ses.calls()),
        ("500 internal-error", 0)
    );
    let retried = service.request_code(json!({ "email": KIM })).await;
    assert_eq!((retried.status, service.ses.calls()), (202, 1));
}

/// The challenge is opened before its email, so no code is mailed that does not work.
#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_that_cannot_be_opened_is_not_mailed_and_costs_nothing() {
    let service = Service::start().await;
    let body = json!({ "email": KIM, "challenge_id": OWN_ID });
    service.traffic.lose_after(4, 3);
    let response = service.request_code(body.clone()).await;
    assert_eq!(
        (response.problem().as_str(), service.ses.calls()),
        ("500 internal-error", 0)
    );
    assert_eq!(
        service.verify_code(OWN_ID, "000000").await.problem(),
        "401 code-expired",
        "nothing to guess at"
    );
    let retried = service.request_code(body).await;
    assert_eq!((retried.status, service.ses.calls()), (202, 1));
    assert_eq!(service.count("recipient#", "mails_2027-01-15").await, 1);
    assert_eq!(service.count("pair#", "mails_2027-01-15").await, 1);
    assert_eq!(service.count("source#", "requests").await, 1);
    let code = service.ses.newest_mail().code();
    assert_eq!(service.verify_code(OWN_ID, &code).await.status, 200);
}

/// Each charge and each opening is refused when it arrives after it was cancelled.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_arrives_after_its_cancellation_changes_nothing() {
    let service = Service::start().await;
    let (table, now) = (service.table(), service.time());
    let keys = Keys::derive(&[1; 32]).expect("a secret");
    let recipient = Recipient::parse(KIM).expect("an address");
    let mailbox = Mailbox::of(&recipient);
    let charge = ChargeId::draw(&mut SysRng).expect("randomness");
    let limits = config().limits;

    let item = table.mailbox(&keys, &mailbox, now);
    item.cancel(charge).await.expect("a cancellation");
    let late = item.charge(charge, 10, 20).await.expect("an answer");
    assert_eq!(late, Condition::Failed(0));
    let refunded = ChargeId::draw(&mut SysRng).expect("randomness");
    item.charge(refunded, 10, 20).await.expect("an answer");
    for _ in 0..2 {
        item.refund(refunded).await.expect("a refund");
    }
    let late = item.charge(refunded, 10, 20).await.expect("an answer");
    assert_eq!(late, Condition::Failed(0), "a repeat of the charge by the SDK");

    let mail = LastMail {
        sent_at: now,
        charge,
        asked_for: None,
    };
    let source = Source::parse("203.0.113.7").expect("an address");
    let item = table.pair(&keys, source, &mailbox);
    item.cancel(&mail).await.expect("a cancellation");
    let late = item.charge(&mail, &limits).await.expect("an answer");
    assert_eq!(late, Condition::Failed(SendRecord::default()));

    let challenge = ChallengeRef::new(&keys, &recipient, ChallengeId::of_charge(charge));
    let opening = Opening {
        code_digest: Code::derive(challenge, now, 6).digest(challenge),
        charge,
        paid_by: None,
        now,
    };
    let item = table.challenge(challenge);
    let cancelled = item.cancel(&opening, true).await.expect("a cancellation");
    assert_eq!(cancelled, Condition::Held(()));
    let reserved = Challenge::reserve(now, Duration::minutes(10));
    let late = item.open(&reserved, &opening, &limits).await;
    assert!(
        late.is_err() || matches!(late, Ok(Condition::Failed(_))),
        "the item holds nothing but the cancellation"
    );
}
