//! Secrets Manager fails or is slow, or a version of the secret is a mistake.

use std::time::Duration;

use crate::harness::secrets_manager::Mood;
use crate::harness::service::Service;
use crate::harness::world::call::Aws;
use crate::harness::world::fault::Fault;

#[tokio::test(flavor = "multi_thread")]
async fn while_secrets_manager_fails_the_known_keys_stay_in_use() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.wait(300);
    service.secrets.set_mood(Mood::Down);
    service.secrets.calls();
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
    let tries = service.secrets.calls();
    assert!((1..=3).contains(&tries), "{tries}");
    service.wait(59);
    service.key_set().await;
    assert_eq!(service.secrets.calls(), 0, "not before a minute is over");
    service.wait(1);
    service.secrets.set_mood(Mood::Willing);
    service.key_set().await;
    assert_eq!(service.secrets.calls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secrets_manager_that_never_answers_fails_no_request() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.wait(300);
    service.secrets.set_mood(Mood::Slow(Duration::from_mins(1)));
    assert_eq!(service.verify_code(&id, &code).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_that_is_of_no_use_changes_nothing_for_a_running_function() {
    let service = Service::start().await;
    let (id, code) = service.mailed_code().await;
    service.secrets.rotate_to("too short", service.now());
    service.wait(300);
    let old = service.key_set().await.key_ids();
    assert_eq!(service.verify_code(&id, &code).await.token().key_id(), old[0]);

    let fresh = service.start_verify_code().await;
    assert_eq!(
        service.key_set_by(&fresh).await.key_ids(),
        old,
        "nor for one that starts"
    );

    // No version before its successor can be used, so that one is active at once.
    service.secrets.rotate(service.now());
    let fresh = service.start_verify_code().await;
    assert_eq!(service.key_set_by(&fresh).await.key_ids().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_version_of_a_secret_needs_none_before_it() {
    let service = Service::start().await;
    service.secrets.start_over(service.now());
    let fresh = service.start_verify_code().await;
    assert_eq!(service.key_set_by(&fresh).await.key_ids().len(), 1);
}

/// Half a reading is none: it would have a new version active at once, or forget the one before it.
#[tokio::test(flavor = "multi_thread")]
async fn both_versions_are_read_or_the_known_keys_stay_in_use() {
    let service = Service::start().await;
    let old = service.key_set().await.key_ids();
    service.secrets.rotate(service.now());
    service.wait(300);
    let down = || Fault::refused(500, "InternalServiceError");
    service.script.after(1, usize::MAX, Aws::SecretsManager, down());
    assert_eq!(service.key_set().await.key_ids(), old, "the one before it is not read");
    service.script.forget(Aws::SecretsManager);
    service.wait(60);
    let both = service.key_set().await.key_ids();
    assert_eq!(both.len(), 2);
    service.wait(300);
    service.script.after(0, 3, Aws::SecretsManager, down());
    assert_eq!(service.key_set().await.key_ids(), both, "the newest one is not read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_stored_twice_is_published_once() {
    let service = Service::start().await;
    for _ in 0..2 {
        service
            .secrets
            .rotate_to("the same text twice, 32 bytes or more", service.now());
    }
    let instance = service.start_verify_code().await;
    assert_eq!(service.key_set_by(&instance).await.key_ids().len(), 1);
}
