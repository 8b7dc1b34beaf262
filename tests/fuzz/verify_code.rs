//! An event for verify-code, where Kim has a code: a GET calls nothing, and by JSON only the code or the link buys a proof.

use serde_json::Value;
use verification::rules::code::Code;

use super::{request, stage};
use crate::harness::service::{KIM, OWN_ID};

/// Of a proof: the guess, and the email given back.
const CALLS: [&str; 2] = ["UpdateItem", "UpdateItem"];

pub(super) fn run(bytes: &[u8]) {
    let Some(event) = request::read(bytes) else { return };
    let path = event["rawPath"].as_str().unwrap_or_default().to_owned();
    // That goes to the other function.
    if path == "/request-code" {
        return;
    }
    // No method, which AWS never sends, counts as GET.
    let is_get = ["GET", ""].contains(&request::method(&event));
    let body = request::body(&event);
    let log = stage::play(
        async |service| {
            service.request_pinned_code().await;
        },
        async |service| {
            let mail = service.ses.newest_mail();
            let Some((response, calls)) = request::send(service, event, &path).await else {
                return;
            };
            match response.status {
                200 if !is_get => {
                    assert_eq!(calls, CALLS);
                    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
                    let member = |name: &str| body[name].as_str().unwrap_or_default();
                    let is_code = Code::parse(member("code"), 6).is_ok_and(|code| code.as_str() == mail.code());
                    let is_guess = is_code && member("challenge_id").eq_ignore_ascii_case(OWN_ID);
                    assert!(is_guess || member("link") == mail.sealed() || path.ends_with("/verify"));
                    assert!(response.body.is_null() || response.token().claims()["email"] == KIM);
                }
                401 => assert_eq!(calls, ["UpdateItem"], "the guess"),
                500 => assert!(!is_get || calls.is_empty()),
                _ => assert!(calls.is_empty(), "{} after {calls:?}", response.status),
            }
        },
    );
    assert!(!log.contains('@'), "{log}");
}
