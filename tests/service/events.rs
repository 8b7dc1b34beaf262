//! Every file of `events/`, as `cargo lambda invoke` would send it.

use crate::harness::event::{folder, read};
use crate::harness::service::{OWN_ID, Service};

/// Each file and the response to it. For verify-code the challenge of `request-code-own-id.json` is opened first.
const EVENTS: &[(&str, &str)] = &[
    ("request-code", "202"),
    ("request-code-accept-language", "202"),
    ("request-code-bad-id", "400 malformed-request"),
    ("request-code-bad-purpose", "400 malformed-request"),
    ("request-code-base64", "202"),
    ("request-code-broken-json", "400 malformed-request"),
    ("request-code-form", "415 unsupported-media-type"),
    ("request-code-get", "405 about:blank"),
    ("request-code-invalid-email", "422 invalid-email"),
    ("request-code-ipv6", "202"),
    ("request-code-no-body", "400 malformed-request"),
    ("request-code-no-email", "400 malformed-request"),
    ("request-code-own-id", "202"),
    ("request-code-purpose", "202"),
    ("request-code-undelivered", "204"),
    ("request-code-wrong-type", "400 malformed-request"),
    ("verify-code", "200"),
    ("verify-code-base64", "200"),
    ("verify-code-discovery", "200"),
    ("verify-code-discovery-post", "405 about:blank"),
    ("verify-code-form", "415 unsupported-media-type"),
    ("verify-code-invalid-email", "422 invalid-email"),
    ("verify-code-jwks", "200"),
    ("verify-code-jwks-post", "405 about:blank"),
    ("verify-code-link", "200"),
    ("verify-code-no-id", "400 malformed-request"),
    ("verify-code-number", "400 malformed-request"),
    ("verify-code-unknown", "401 code-expired"),
    ("verify-code-wrong", "401 invalid-code"),
    ("verify-code-wrong-shape", "400 malformed-code"),
    ("verify-page", "200 이메일 주소 인증"),
    ("verify-page-button", "200 이메일 주소가 인증되었습니다"),
    ("verify-page-cut", "400 사용할 수 없는 링크입니다"),
    ("verify-page-no-link", "400 사용할 수 없는 링크입니다"),
];

#[test]
fn every_file_is_listed() {
    let files = std::fs::read_dir(folder()).expect("the folder");
    let files = files
        .map(|file| file.expect("a file").path())
        .filter(|path| path.is_file());
    let mut names: Vec<_> = files.map(|path| path.file_stem().expect("a name").to_owned()).collect();
    names.sort();
    let listed: Vec<_> = EVENTS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, listed);
}

/// Two events hold the right code, and three the link, as the tests' secret makes them at the tests' time. A change of how codes
/// are derived or links are sealed fails here, because it would break those that are on their way when it is deployed.
#[tokio::test(flavor = "multi_thread")]
async fn every_event_is_answered_as_listed() {
    for (name, expected) in EVENTS {
        let service = Service::start().await;
        let event = read(name);
        let response = if event["undelivered"].is_object() {
            service.handle_at(0, &event, 0).await
        } else if name.starts_with("verify-") {
            let opened = service.request_pinned_code().await;
            assert_eq!(opened.challenge_id(), OWN_ID);
            service.verify_code_event(&event).await
        } else {
            service.request_code_event(&event).await
        };
        let outcome = if name.starts_with("verify-page") {
            let (status, title) = response.page();
            format!("{status} {title}")
        } else if response.status < 400 {
            response.status.to_string()
        } else {
            response.problem()
        };
        assert_eq!(outcome, *expected, "{name}: {}", response.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_request_names_its_field() {
    let service = Service::start().await;
    for (name, detail) in [
        (
            "request-code-bad-id",
            "challenge_id must be a UUID, such as 7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e",
        ),
        (
            "request-code-bad-purpose",
            "purpose must be 1 to 32 characters a to z, 0 to 9 and -",
        ),
        (
            "request-code-broken-json",
            "the body must be JSON in UTF-8, without a byte order mark",
        ),
        (
            "request-code-no-body",
            "the body must be JSON in UTF-8, without a byte order mark",
        ),
        ("request-code-no-email", "email is missing; it must be a string"),
        ("request-code-wrong-type", "email must be a string"),
    ] {
        assert_eq!(
            service.request_code_event(&read(name)).await.body["detail"],
            detail,
            "{name}"
        );
    }
    for (name, detail) in [
        ("verify-code-no-id", "challenge_id is missing; it must be a string"),
        ("verify-code-number", "code must be a string"),
        ("verify-code-wrong-shape", "code must have 6 digits"),
    ] {
        assert_eq!(
            service.verify_code_event(&read(name)).await.body["detail"],
            detail,
            "{name}"
        );
    }
    assert!(service.items().await.is_empty(), "bad input writes nothing");
}
