//! A new version of the secret, which running instances notice at different times.

use std::collections::HashSet;

use serde_json::json;

use crate::harness::event::guess;
use crate::harness::response::{Response, Token};
use crate::harness::secrets_manager::Mood;
use crate::harness::service::{KIM, OWN_ID, START, Service, config};

const MINUTE: i64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_mailed_before_a_rotation_is_taken_after_it() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.secrets.rotate(service.now());
    service.wait(300);
    let fresh = service.start_verify_code().await;
    let first = service.verify_code_by(&fresh, &guess(KIM, &id, &code)).await;
    let repeat = service.verify_code(&id, &code).await;
    assert_eq!((first.status, first.token()), (200, repeat.token()));
    for instance in [&fresh, &service.start_verify_code().await] {
        let published = service.key_set_by(instance).await.key_ids();
        assert_eq!(published.len(), 2);
        assert!(published.contains(&first.token().key_id()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_the_last_minute_before_a_version_is_in_force_is_taken_after_it() {
    let service = Service::start().await;
    service.secrets.rotate(START);
    service.wait(15 * MINUTE - 1);
    let (id, code) = service.mailed_code().await;
    service.wait(1);
    service.traffic.forget();
    let wrong = service.verify_code(&id, "000000").await;
    assert_eq!(wrong.body["guesses_left"], 4);
    let right = service.verify_code(&id, &code).await;
    assert_eq!(right.status, 200);
    assert_eq!(
        service.traffic.calls(),
        5,
        "for each code one under either key, and the email given back"
    );
    assert_eq!(service.traffic.writes(), 3);
    assert_eq!(
        service.key_set().await.key_ids()[0],
        right.token().key_id(),
        "the new key"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_repeated_as_it_was_although_another_key_has_come_into_force() {
    let service = Service::start().await;
    service.secrets.rotate(START);
    service.wait(15 * MINUTE - 30);
    let (id, code) = service.mailed_code().await;
    let first = service.verify_code(&id, &code).await;
    service.wait(60);
    assert_eq!(service.verify_code(&id, &code).await.token(), first.token());
    let fresh = service.start_verify_code().await;
    let repeat = service.verify_code_by(&fresh, &guess(KIM, &id, &code)).await;
    assert_eq!(repeat.token(), first.token());
    service.wait(1);
    assert_eq!(service.verify_code(&id, &code).await.problem(), "401 code-expired");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_resumed_with_its_code_and_its_spent_guesses() {
    let service = Service::start().await;
    service.secrets.rotate(START);
    service.wait(14 * MINUTE);
    let (id, code) = service.mailed_code().await;
    assert_eq!(service.verify_code(&id, "000000").await.body["guesses_left"], 4);
    service.wait(2 * MINUTE);
    let resumed = service.request_code(json!({ "email": KIM, "challenge_id": id })).await;
    assert_eq!((resumed.status, resumed.challenge_id()), (202, id.clone()));
    assert_eq!(service.ses.mails()[1].code(), code);
    assert_eq!(service.verify_code(&id, "000001").await.body["guesses_left"], 3);
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
    let dead = service.request_code(json!({ "email": KIM, "challenge_id": id })).await;
    assert_eq!(
        dead.problem(),
        "429 too-many-requests",
        "a used one is not opened again under the new key"
    );
}

/// Three hours with two people every other minute. Three instances check codes, each started at another time, and the
/// secret is rotated after half an hour. A backend may keep the key set of any instance for five minutes.
#[tokio::test(flavor = "multi_thread")]
async fn through_a_whole_rotation_no_code_and_no_proof_is_refused() {
    let mut config = config();
    config.limits.unverified_per_source = None;
    let mut service = Service::start_with(config).await;
    let mut instances = Vec::new();
    let mut mailed = Vec::new();
    let mut proofs: Vec<(i64, Token)> = Vec::new();
    let mut key_sets: Vec<(i64, Response)> = Vec::new();
    for minute in (0..180).step_by(2) {
        if minute < 6 {
            instances.push(service.start_verify_code().await);
        }
        if minute == 30 {
            service.secrets.rotate(service.now());
        }
        if minute == 38 {
            service.restart_request_code().await;
        }
        for person in 0..2 {
            let email = format!("person{minute}-{person}@example.com");
            let asked = service.request_code(json!({ "email": email })).await;
            assert_eq!(asked.status, 202, "minute {minute}: {}", asked.text);
            let code = service.ses.newest_mail().code();
            mailed.push((email, asked.challenge_id(), code));
        }
        // One code of this minute, and one of eight minutes ago.
        let due = [mailed.len().checked_sub(2), mailed.len().checked_sub(9)];
        for (turn, number) in due.into_iter().flatten().enumerate() {
            let (email, id, code) = &mailed[number];
            let instance = &instances[(minute / 2 + turn) % instances.len()];
            let response = service.verify_code_by(instance, &guess(email, id, code)).await;
            assert_eq!(response.status, 200, "minute {minute}: {}", response.text);
            proofs.push((service.now(), response.token()));
        }
        for instance in &instances {
            key_sets.push((service.now(), service.key_set_by(instance).await));
        }
        service.wait(2 * MINUTE);
    }
    for (at, token) in &proofs {
        let expires_at = token.claims()["exp"].as_i64().expect("a time");
        for (_, published) in key_sets
            .iter()
            .filter(|(kept, _)| at - 300 <= *kept && *kept <= expires_at)
        {
            assert!(token.is_signed_by(published), "at {at}");
        }
    }
    let signed_by: HashSet<_> = proofs.iter().map(|(_, token)| token.key_id()).collect();
    assert_eq!(signed_by.len(), 2, "both keys were used");
    let (_, last) = key_sets.last().expect("a key set");
    assert_eq!(last.key_ids().len(), 1, "the old one is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_function_notices_a_new_version_within_15_minutes_and_publishes_it_before_it_signs() {
    let service = Service::start().await;
    let old = service.key_set().await.key_ids();
    service.wait(1);
    service.secrets.rotate(service.now());
    for _ in 0..5 {
        assert_eq!(service.key_set().await.key_ids(), old);
        service.wait(MINUTE);
    }
    assert_eq!(service.key_set().await.key_ids().len(), 2);
    let (id, code) = service.mailed_code().await;
    assert_eq!(vec![service.verify_code(&id, &code).await.token().key_id()], old);
}

#[tokio::test(flavor = "multi_thread")]
async fn outside_a_rotation_the_secret_is_read_once_in_5_minutes_of_use() {
    let service = Service::start().await;
    service.secrets.calls();
    for _ in 0..60 {
        assert_eq!(service.key_set().await.status, 200);
        service.wait(MINUTE);
    }
    assert_eq!(
        service.secrets.calls(),
        11,
        "an hour has twelve times 5 minutes, and it was read at the start"
    );
    service.wait(24 * 60 * MINUTE);
    service.key_set().await;
    assert_eq!(service.secrets.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_challenges_never_have_the_secret_read() {
    let service = Service::start().await;
    service.secrets.calls();
    service.wait(299);
    service.traffic.forget();
    for _ in 0..100 {
        assert_eq!(
            service.verify_code(OWN_ID, "123456").await.problem(),
            "401 code-expired"
        );
    }
    assert_eq!((service.traffic.calls(), service.secrets.calls()), (100, 0));
}

/// One id through a rotation: the challenge that is alive under the old key is resumed there, and opened anew under the new one.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_challenge_is_opened_anew_under_the_new_key() {
    let service = Service::start().await;
    service.secrets.rotate(START);
    service.wait(14 * MINUTE);
    let named = json!({ "email": KIM, "challenge_id": OWN_ID });
    service.request_code(named.clone()).await;
    let old = service.ses.newest_mail().code();
    service.wait(2 * MINUTE);
    service.traffic.forget();
    assert_eq!(service.request_code(named.clone()).await.status, 202);
    assert_eq!(
        (service.ses.newest_mail().code(), service.traffic.calls()),
        (old.clone(), 2),
        "a look, and a transaction"
    );
    service.traffic.forget();
    let repeat = service.request_code(named.clone()).await;
    assert_eq!(
        (repeat.status, service.traffic.calls(), service.ses.calls()),
        (202, 1, 2)
    );
    assert_eq!(service.verify_code(OWN_ID, &old).await.status, 200);

    service.wait(MINUTE);
    service.traffic.forget();
    assert_eq!(service.request_code(named.clone()).await.status, 202);
    assert_eq!(service.traffic.calls(), 2, "a look, and a transaction");
    let new = service.ses.newest_mail().code();
    assert_ne!(new, old);
    service.wait(MINUTE);
    assert_eq!(service.request_code(named).await.status, 202);
    assert_eq!(service.ses.newest_mail().code(), new, "a resend under the new key");
    assert_eq!(service.verify_code(OWN_ID, &new).await.status, 200);
}

/// Whoever kept such a key set would refuse good proofs.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_may_not_know_the_active_key_publishes_none() {
    let service = Service::start().await;
    service.secrets.set_mood(Mood::Down);
    service.wait(10 * MINUTE - 1);
    assert_eq!(service.key_set().await.status, 200);
    service.wait(1);
    let response = service.key_set().await;
    assert_eq!(
        (response.status, &response.headers["retry-after"]),
        (503, &"60".to_owned())
    );
    assert!(crate::harness::log::text().contains(r#""outcome":"key-set-unavailable""#));
    let (id, code) = service.mailed_code().await;
    assert_eq!(
        service.verify_code(&id, &code).await.status,
        200,
        "codes are taken all the same"
    );
    service.secrets.set_mood(Mood::Willing);
    service.wait(MINUTE);
    assert_eq!(service.key_set().await.status, 200);
}
