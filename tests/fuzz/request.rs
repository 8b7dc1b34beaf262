//! A request as an input has it, and what holds for the response to any.
//!
//! An input is an event in JSON, as in `events/`, or a request in the form of HTTP: a line with method and target, headers,
//! an empty line, the body.

use data_encoding::BASE64;
use lambda_http::http::Method;
use serde_json::{Map, Value, json};
use verification::http::event_filter::HttpApiEvent;
use verification::rules::source::Source;

use crate::harness::contract;
use crate::harness::event::event;
use crate::harness::response::Response;
use crate::harness::service::Service;

/// The event of an input, if it is one.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    if bytes.starts_with(b"{") {
        return serde_json::from_slice(bytes).ok();
    }
    let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap_or(bytes.len());
    let (head, body) = bytes.split_at(end);
    let mut lines = str::from_utf8(head).ok()?.lines();
    let (method, target) = lines.next()?.split_once(' ')?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), json!(value)));
    let mut event = event(path, body.get(2..).unwrap_or_default());
    event["headers"] = headers.collect::<Map<_, _>>().into();
    event["rawQueryString"] = json!(query);
    event["requestContext"]["http"]["method"] = json!(method);
    Some(event)
}

/// The response to an event and the calls for it. None if the event is refused as none of an HTTP API.
///
/// What AWS sends is believed, so an event that it never sends may be refused or be a 500.
pub(super) async fn send(service: &Service, mut event: Value, path: &str) -> Option<(Response, Vec<String>)> {
    event["rawPath"] = json!(path);
    let is_sound = is_sound(&event);
    if let Err(error) = serde_json::from_value::<HttpApiEvent>(event.clone()) {
        assert!(!is_sound, "a sound event is refused: {error}");
        assert_eq!(
            error.to_string(),
            "the event is not one of an HTTP API with payload format 2.0"
        );
        return None;
    }
    event["requestContext"]["http"]["path"] = json!(path);
    let response = service.handle_at(0, &event, 0).await;
    let route = format!("{} {path}", method(&event));
    if is_sound && contract::operations().any(|(documented, _)| documented == route) {
        contract::check(&event, &response);
    }
    assert!(response.status < 500 || !is_sound, "{}", response.text);
    Some((response, service.last_calls()))
}

pub(super) fn method(event: &Value) -> &str {
    event["requestContext"]["http"]["method"].as_str().unwrap_or_default()
}

/// The body, as the caller sent it.
pub(super) fn body(event: &Value) -> Vec<u8> {
    let body = event["body"].as_str().unwrap_or_default();
    if event["isBase64Encoded"] == true {
        BASE64.decode(body.as_bytes()).unwrap_or_default()
    } else {
        body.as_bytes().to_vec()
    }
}

/// Whether AWS may send this event: all in it that no caller writes is right.
fn is_sound(sent: &Value) -> bool {
    let usual = event("/", b"");
    let context = |name: &str| &sent["requestContext"][name];
    let http = |name: &str| context("http")[name].as_str();
    let body = sent["body"].as_str().unwrap_or_default();
    sent["version"] == usual["version"]
        && sent["rawPath"].as_str().is_some_and(|path| path.starts_with('/'))
        && sent["rawQueryString"].is_string()
        && sent["headers"].is_object()
        && (sent["body"].is_null() || sent["body"].is_string())
        && (sent["isBase64Encoded"] != true || BASE64.encode(&self::body(sent)) == body)
        && ["domainName", "stage"]
            .iter()
            .all(|name| context(name) == &usual["requestContext"][name])
        && context("requestId").is_string()
        && http("path").is_some()
        && http("sourceIp").and_then(Source::parse).is_some()
        && http("method").is_some_and(|method| Method::from_bytes(method.as_bytes()).is_ok())
}
