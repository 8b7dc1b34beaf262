//! A version of the secret that somebody wrote: whatever it is, the service goes on, and says nothing of it.
//!
//! The first line of an input is when it was made, in epoch seconds. The rest is its text.

use time::UtcDateTime;
use verification::keys::{Keys, MIN_SECRET_BYTES};

use super::stage;
use crate::harness::secrets_manager::TEXTS;
use crate::harness::service::KIM;

pub(super) fn run(bytes: &[u8]) {
    let Some((created_at, text)) = str::from_utf8(bytes).ok().and_then(|input| input.split_once('\n')) else {
        return;
    };
    let Ok(created_at) = created_at.parse::<i64>() else {
        return;
    };
    let derived = Keys::derive(text.as_bytes());
    assert_eq!(derived.is_ok(), text.len() >= MIN_SECRET_BYTES);
    let error = derived.err().map(|error| error.to_string()).unwrap_or_default();

    let log = stage::play(
        async |_| (),
        async |service| {
            service.secrets.rotate_to(text, created_at);
            service.wait(300);
            let time = UtcDateTime::from_unix_timestamp(created_at).ok();
            let is_used = time.is_some() && text.len() >= MIN_SECRET_BYTES;
            let is_new = time.is_some_and(|time| (service.time() - time).whole_seconds() < 2 * 3_600);
            let keys = if is_used && is_new && text != TEXTS[0] { 2 } else { 1 };
            assert_eq!(service.key_set().await.key_ids().len(), keys);
            assert_eq!(
                service.request_code(serde_json::json!({ "email": KIM })).await.status,
                202
            );
            let started = service.start_verify_code().await;
            assert_eq!(service.key_set_by(&started).await.key_ids().len(), keys);
        },
    );
    assert!(text.len() < 16 || !(log + &error).contains(text), "the secret is told");
}
