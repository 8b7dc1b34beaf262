//! API Gateway events: the files of `events/`, and those that a test makes itself.

use std::path::Path;

use lambda_http::Request;
use serde_json::{Value, json};
use verification::http::event_filter::{HttpApiEvent, RequestCodeEvent};
use verification::rules::undelivered::Undelivered;

use super::service::START;
use super::ses::SentMail;

/// `events/`.
pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))
}

/// The event in a file of `events/`.
pub(crate) fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(folder().join(format!("{name}.json"))).expect("an event");
    serde_json::from_str(&text).expect("JSON")
}

/// An HTTP API event that submits a code.
pub(crate) fn guess(email: &str, id: &str, code: &str) -> Value {
    let body = json!({ "email": email, "challenge_id": id, "code": code });
    event("/verify-code", body.to_string().as_bytes())
}

/// An HTTP API event that follows a link with this query.
pub(crate) fn follow(query: &str) -> Value {
    let mut event = event("/verify", b"");
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["method"] = json!("GET");
    event
}

/// An HTTP API event that presses the button of the page behind the link.
pub(crate) fn press(form: &str) -> Value {
    let mut event = event("/verify", form.as_bytes());
    event["headers"]["content-type"] = json!("application/x-www-form-urlencoded");
    event
}

/// An HTTP API event that POSTs JSON from 203.0.113.7.
pub(crate) fn event(path: &str, body: &[u8]) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("POST {path}"),
        "rawPath": path,
        "rawQueryString": "",
        "headers": { "content-type": "application/json" },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc123",
            "domainName": "abc123.execute-api.ap-northeast-2.amazonaws.com",
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
            "timeEpoch": START * 1_000,
            "http": { "method": "POST", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "app" },
        },
        "body": data_encoding::BASE64.encode(body),
        "isBase64Encoded": true,
    })
}

/// An event of SES about this email, as in a document of `events/ses`.
pub(crate) fn ses_event(name: &str, mail: &SentMail) -> Value {
    let mut event = read(&format!("ses/{name}"));
    for tag in ["challenge", "mail"] {
        event["detail"]["mail"]["tags"][tag] = json!([mail.tag(tag)]);
    }
    event
}

/// What the stack's rule hands over when SES has an event of this kind about an email.
pub(crate) fn undelivered(mail: &SentMail, kind: &str) -> Value {
    json!({ "undelivered": {
        "challenge": [mail.tag("challenge")],
        "mail": [mail.tag("mail")],
        "message_id": "0100-example",
        "kind": kind,
    } })
}

/// The event, from another source than the usual one.
pub(crate) fn with_source(source_ip: &str, mut event: Value) -> Value {
    event["requestContext"]["http"]["sourceIp"] = json!(source_ip);
    event
}

/// What the stack's rule sends, as request-code gets it.
pub(crate) fn read_undelivered(event: &Value) -> Undelivered {
    match serde_json::from_str(&event.to_string()) {
        Ok(RequestCodeEvent::Undelivered(undelivered)) => undelivered,
        _ => panic!("{event}"),
    }
}

/// The event as the functions get it.
pub(crate) fn request(event: &Value) -> Request {
    serde_json::from_str::<HttpApiEvent>(&event.to_string())
        .expect("an HTTP API event")
        .into()
}
