//! Whatever is sent, the response is problem details, nothing is written and nothing panics.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::event::event;
use crate::harness::response::Response;
use crate::harness::service::{KIM, OWN_ID, Service};

static SERVICE: LazyLock<(Runtime, Service)> = LazyLock::new(|| {
    let runtime = Runtime::new().expect("a runtime");
    let service = runtime.block_on(Service::start());
    (runtime, service)
});

/// The responses of both functions to one body.
fn responses(body: &[u8]) -> [Response; 2] {
    responses_to(&event("/request-code", body))
}

fn responses_to(event: &Value) -> [Response; 2] {
    let (runtime, service) = &*SERVICE;
    runtime.block_on(async {
        [
            service.request_code_event(event).await,
            service.verify_code_event(event).await,
        ]
    })
}

fn assert_refused(responses: &[Response]) {
    for response in responses {
        let problem = response.problem();
        assert!((400..500).contains(&response.status), "{problem}");
    }
}

fn assert_nothing_written() {
    let (runtime, service) = &*SERVICE;
    assert!(runtime.block_on(service.items()).is_empty());
    assert_eq!(service.ses.calls(), 0);
}

/// A JSON value of any type; its strings are no address.
fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[^@]{0,30}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[a-z_]{1,12}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_are_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
        assert_refused(&responses(&body));
        assert_nothing_written();
    }

    #[test]
    fn random_json_is_refused(body in any_value()) {
        assert_refused(&responses(body.to_string().as_bytes()));
        assert_nothing_written();
    }

    #[test]
    fn random_values_in_the_known_fields_are_refused(email in any_value(), id in any_value(), code in any_value()) {
        let body = json!({ "email": email, "challenge_id": id, "code": code });
        assert_refused(&responses(body.to_string().as_bytes()));
        assert_nothing_written();
    }

    #[test]
    fn random_headers_are_survived(name in any::<String>(), value in any::<String>()) {
        let mut event = event("/request-code", b"{}");
        for name in [name.as_str(), "host", "x-forwarded-proto", "accept-language", "cookie"] {
            event["headers"][name] = json!(value);
        }
        assert_refused(&responses_to(&event));
        assert_nothing_written();
    }
}

#[test]
fn large_and_deep_bodies_are_refused() {
    let megabyte = format!(r#"{{"email": "{}"}}"#, "a".repeat(1 << 20));
    let long_address = format!(r#"{{"email": "{}@example.com"}}"#, "a".repeat(4_000));
    let deep_array = "[".repeat(4_000) + &"]".repeat(4_000);
    let deep_object = r#"{"email":"#.repeat(800) + "1" + &"}".repeat(800);
    for body in [&megabyte, &long_address, &deep_array, &deep_object] {
        assert_refused(&responses(body.as_bytes()));
    }
    assert_nothing_written();
}

/// A body of so many bytes: the JSON, and white space behind it.
fn padded(json: &Value, length: usize) -> Vec<u8> {
    format!("{json:<width$}", width = length, json = json.to_string()).into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_has_at_most_8192_bytes() {
    for (length, status) in [(8_192, 202), (8_193, 400)] {
        let service = Service::start().await;
        let body = padded(&json!({ "email": KIM }), length);
        let response = service.request_code_event(&event("/request-code", &body)).await;
        assert_eq!(response.status, status, "{length}");
        if status == 400 {
            assert_eq!(response.body["detail"], "the body must have at most 8192 bytes");
        }
    }
}

#[test]
fn odd_bodies_are_refused() {
    for body in [
        "",
        " ",
        "null",
        "true",
        "1",
        "\"kim@example.com\"",
        "[]",
        "{}",
        "{",
        "🙂",
        "\u{FEFF}{}",
        "NaN",
        r#"{"email": null}"#,
        r#"{"email": "🙂@example.com"}"#,
        r#"{"email": "kim@\u0000.com"}"#,
        r#"{"email": "kim@example.com\r\nBcc: lee@example.com"}"#,
        r#"{"email": "\ud800@example.com"}"#,
        r#"{"email": {"$ne": null}}"#,
        r#"{"EMAIL": "kim@example.com"}"#,
        r"{'email': 'kim@example.com'}",
    ] {
        assert_refused(&responses(body.as_bytes()));
    }
    assert_nothing_written();
}

/// What a body may be, as the document says.
#[tokio::test(flavor = "multi_thread")]
async fn json_is_utf_8_without_a_mark_and_nothing_behind_it() {
    let service = Service::start().await;
    let body = json!({ "email": KIM }).to_string();
    let euc_kr = b"{\"email\": \"\xb1\xe8@example.com\"}";
    for refused in [
        format!("\u{FEFF}{body}").as_bytes(),
        format!("{body}{body}").as_bytes(),
        format!("{body},").as_bytes(),
        euc_kr,
    ] {
        let response = service.request_code_event(&event("/request-code", refused)).await;
        assert_eq!(response.problem(), "400 malformed-request");
        assert_eq!(
            response.body["detail"],
            "the body must be JSON in UTF-8, without a byte order mark"
        );
    }
    assert_eq!(service.ses.calls(), 0);
    let twice = br#"{"email": "lee@example.com", "email": "kim@example.com"}"#;
    let mut event = event("/request-code", twice);
    event["headers"]["content-type"] = json!("application/json; charset=euc-kr");
    assert_eq!(service.request_code_event(&event).await.status, 202);
    assert_eq!(
        service.ses.newest_mail().0["Destination"]["ToAddresses"],
        json!([KIM]),
        "the last one counts"
    );
}

#[test]
fn a_body_that_is_not_declared_as_json_is_refused() {
    let body = json!({ "email": KIM, "challenge_id": OWN_ID, "code": "123456" }).to_string();
    for content_type in [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonp",
        "json",
        "한국",
    ] {
        let mut event = event("/request-code", body.as_bytes());
        event["headers"] = json!({ "content-type": content_type });
        for response in responses_to(&event) {
            assert_eq!(response.problem(), "415 unsupported-media-type", "{content_type:?}");
        }
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let mut event = event("/request-code", body.as_bytes());
        event["requestContext"]["http"]["method"] = json!(method);
        for response in responses_to(&event) {
            assert_eq!(
                (response.problem().as_str(), response.headers["allow"].as_str()),
                ("405 about:blank", "POST")
            );
        }
    }
    assert_nothing_written();
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_accepted_however_it_is_declared() {
    for content_type in [
        "application/json",
        "Application/JSON; charset=utf-8",
        "application/vnd.example+json",
    ] {
        let service = Service::start().await;
        let mut event = event(
            "/request-code",
            json!({ "email": KIM, "extra": [1] }).to_string().as_bytes(),
        );
        event["headers"] = json!({ "Content-Type": content_type });
        assert_eq!(service.request_code_event(&event).await.status, 202, "{content_type}");
    }
}
