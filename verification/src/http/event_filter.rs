//! The part of an event that the functions get to see.

use std::collections::BTreeMap;

use data_encoding::BASE64;
use lambda_http::Request;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpRequestContextHttpDescription};
use lambda_http::http::header::HOST;
use lambda_http::http::{HeaderMap, HeaderName, HeaderValue};
use lambda_http::request::LambdaRequest;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

use super::request::PERSON_ADDRESS;
use crate::rules::link;
use crate::rules::undelivered::Undelivered;

/// The headers that the service reads.
const HEADERS: [&str; 5] = [
    "accept-language",
    "authorization",
    "content-type",
    PERSON_ADDRESS,
    "sec-fetch-site",
];

/// An event of an API Gateway HTTP API (payload format 2.0), reduced to what the service reads.
///
/// `lambda_http` panics on a `Host` or `X-Forwarded-Proto` header that makes no URL, and refuses a whole event because of
/// one header that it cannot read. Callers set these headers, so they are removed first. It also panics on a domain or a path
/// that makes no URL, and on a body that is no base64. AWS sets these, and never so. The URL gets a host of ours, and an event
/// with such a path or body is refused.
pub struct HttpApiEvent(pub(super) LambdaRequest);

impl From<HttpApiEvent> for Request {
    fn from(event: HttpApiEvent) -> Self {
        event.0.into()
    }
}

impl<'de> Deserialize<'de> for HttpApiEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Serde's own messages quote the event, including the body.
        let event = Event::deserialize(deserializer).ok().and_then(Event::request);
        event.ok_or_else(|| D::Error::custom("the event is not one of an HTTP API with payload format 2.0"))
    }
}

/// An event of request-code: a request, or what SES says of an email.
pub enum RequestCodeEvent {
    /// A request.
    Request(Box<HttpApiEvent>),
    /// An email did not arrive.
    Undelivered(Undelivered),
}

impl<'de> Deserialize<'de> for RequestCodeEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut event = Event::deserialize(deserializer).ok();
        let undelivered = event.as_mut().and_then(|event| event.undelivered.take());
        let event = match undelivered {
            Some(undelivered) => Some(Self::Undelivered(undelivered)),
            None => event.and_then(Event::request).map(Box::new).map(Self::Request),
        };
        event.ok_or_else(|| {
            D::Error::custom(
                "the event is neither one of an HTTP API with payload format 2.0 nor one of the stack's rule",
            )
        })
    }
}

/// What is read of an event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    raw_path: Option<String>,
    raw_query_string: Option<String>,
    /// In order, so that of one header in two ways of writing the same one always counts.
    headers: Option<BTreeMap<String, Value>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    request_context: Option<Context>,
    /// The one member of an event of the stack's rule.
    undelivered: Option<Undelivered>,
}

/// Its `requestContext`, whose `http` has a method, a path and the address of the caller.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    domain_name: Option<String>,
    request_id: Option<String>,
    stage: Option<String>,
    http: ApiGatewayV2httpRequestContextHttpDescription,
}

impl Event {
    /// The event, reduced. None if `lambda_http` would make no request of it, or panic.
    fn request(self) -> Option<HttpApiEvent> {
        let (path, context) = (self.raw_path?, self.request_context?);
        let body = self.body.as_deref().filter(|_| self.is_base64_encoded == Some(true));
        if !path.starts_with('/') || !body.is_none_or(is_base64) {
            return None;
        }
        let mut event = ApiGatewayV2httpRequest::default();
        event.raw_query_string = self.raw_query_string.as_deref().map(read_query);
        event.raw_path = Some(path);
        event.headers = read_headers(&self.headers.unwrap_or_default());
        event.body = self.body;
        event.is_base64_encoded = self.is_base64_encoded.unwrap_or_default();
        event.request_context.domain_name = context.domain_name;
        event.request_context.request_id = context.request_id;
        event.request_context.stage = context.stage;
        let (http, read) = (&mut event.request_context.http, context.http);
        (http.method, http.path, http.source_ip) = (read.method, read.path, read.source_ip);
        Some(HttpApiEvent(LambdaRequest::ApiGatewayV2(event)))
    }
}

fn is_base64(text: &str) -> bool {
    // What is decoded here may be several texts in a row.
    let bytes = BASE64.decode(text.as_bytes());
    bytes.is_ok_and(|bytes| BASE64.encode(&bytes) == text)
}

/// The parameters of a query that the service reads.
fn read_query(query: &str) -> String {
    let read = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == link::PARAMETER);
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(read)
        .finish()
}

/// The headers that the service reads, and a host, which it does not read.
fn read_headers(headers: &BTreeMap<String, Value>) -> HeaderMap {
    let read = headers.iter().filter_map(|(name, value)| {
        let name = HEADERS.iter().find(|read| name.eq_ignore_ascii_case(read))?;
        let value = HeaderValue::from_str(value.as_str()?).ok()?;
        Some((HeaderName::from_static(name), value))
    });
    read.chain([(HOST, HeaderValue::from_static("localhost"))]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn event(headers: &Value, path: &str) -> String {
        let event = json!({
            "version": "2.0",
            "rawPath": path,
            "rawQueryString": "a=[b]&c=한",
            "headers": headers,
            "body": "{}",
            "isBase64Encoded": false,
            "requestContext": {
                "domainName": "abc.execute-api.ap-northeast-2.amazonaws.com",
                "stage": "$default",
                "http": { "method": "POST", "path": path, "sourceIp": "203.0.113.7" },
            },
        });
        event.to_string()
    }

    fn request(event: &str) -> Request {
        serde_json::from_str::<HttpApiEvent>(event)
            .expect("an HTTP API event")
            .into()
    }

    #[test]
    fn only_the_headers_that_are_read_reach_the_request() {
        let headers = json!({
            "Content-Type": "application/json",
            "host": "not a host",
            "x-forwarded-proto": "!!",
            "x-forwarded-for": "198.51.100.1",
            "x-name": "한국",
        });
        let request = request(&event(&headers, "/request-code"));
        assert_eq!(request.headers().len(), 2);
        assert_eq!(request.headers()["content-type"], "application/json");
        assert_eq!(request.headers()["host"], "localhost");
    }

    #[test]
    fn another_event_is_refused_without_quoting_it() {
        for event in [r#"{"key": "kim@example.com"}"#, r#"["kim@example.com"]"#, "null"] {
            let error = serde_json::from_str::<HttpApiEvent>(event)
                .err()
                .expect("an error")
                .to_string();
            assert!(
                error.contains("payload format 2.0") && !error.contains("kim"),
                "{error}"
            );
        }
    }

    #[test]
    fn request_code_takes_requests_and_what_the_rule_sends_and_nothing_else() {
        let read = |event: &str| serde_json::from_str::<RequestCodeEvent>(event);
        let request = event(&json!({}), "/request-code");
        assert!(matches!(read(&request), Ok(RequestCodeEvent::Request(_))));
        let mut undelivered = json!({ "undelivered": {
            "challenge": ["a".repeat(43)],
            "mail": ["00000000000040008000000000000001"],
            "message_id": "0100-example",
            "kind": "Bounce Permanent General",
        } });
        let event = read(&undelivered.to_string());
        assert!(matches!(event, Ok(RequestCodeEvent::Undelivered(_))));
        assert!(serde_json::from_str::<HttpApiEvent>(&undelivered.to_string()).is_err());
        undelivered["undelivered"]["mail"] = json!(["kim@example.com"]);
        for event in [&undelivered.to_string(), "{}", "null", r#"{"undelivered": null}"#] {
            let error = read(event).err().expect("an error").to_string();
            assert!(!error.contains("kim"), "{error}");
        }
    }

    /// AWS sends none of these.
    #[test]
    fn what_lambda_http_makes_no_request_of_is_refused_or_left_out() {
        let altered = |pointer: &str, value: Value| {
            let mut altered: Value = serde_json::from_str(&event(&json!({}), "/verify")).expect("JSON");
            *altered.pointer_mut(pointer).expect("a member") = value;
            serde_json::from_str::<HttpApiEvent>(&altered.to_string())
        };
        for domain in ["a b", "xn--a", "a:b", "1.2.3.999", ""] {
            let event = altered("/requestContext/domainName", json!(domain)).ok();
            assert_eq!(
                Request::from(event.expect("an event")).uri().path(),
                "/verify",
                "{domain:?}"
            );
        }
        for (left_out, value) in [
            ("/headers", json!(null)),
            ("/isBase64Encoded", json!(null)),
            ("/body", json!(null)),
        ] {
            assert!(altered(left_out, value).is_ok(), "{left_out}");
        }
        assert!(altered("/rawPath", json!("verify")).is_err());
        assert!(altered("/rawPath", json!(null)).is_err());
        assert!(
            altered("/isBase64Encoded", json!(true)).is_err(),
            "the body is no base64"
        );
    }

    proptest! {
        #[test]
        fn no_header_and_no_path_makes_a_panic(name in any::<String>(), value in any::<String>(), path in "/\\PC{0,40}") {
            let headers = json!({
                &name: value,
                "host": value,
                "x-forwarded-proto": value,
                "content-type": value,
                "accept-language": value,
            });
            let _ = request(&event(&headers, &path));
        }
    }
}
