//! The part of an API Gateway event that the functions get to see.

use data_encoding::BASE64;
use lambda_http::Request;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::HeaderValue;
use lambda_http::request::LambdaRequest;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value, json};

use super::request::PERSON_ADDRESS;
use crate::rules::link;

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
        let event = Value::deserialize(deserializer).map_err(|_| D::Error::custom("the event is not JSON"))?;
        let request = ApiGatewayV2httpRequest::deserialize(reduced(&event)).ok();
        let request = request
            .filter(makes_a_request)
            .ok_or_else(|| D::Error::custom("the event is not one of an HTTP API with payload format 2.0"))?;
        Ok(Self(LambdaRequest::ApiGatewayV2(request)))
    }
}

fn reduced(event: &Value) -> Value {
    let member = |path| event.pointer(path);
    json!({
        "version": member("/version"),
        "rawPath": member("/rawPath"),
        "rawQueryString": member("/rawQueryString").and_then(Value::as_str).map(read_query),
        "headers": read_headers(member("/headers").and_then(Value::as_object)),
        "body": member("/body"),
        "isBase64Encoded": member("/isBase64Encoded").and_then(Value::as_bool).unwrap_or_default(),
        "requestContext": {
            "requestId": member("/requestContext/requestId"),
            "domainName": member("/requestContext/domainName"),
            "stage": member("/requestContext/stage"),
            "http": {
                "method": member("/requestContext/http/method"),
                "path": member("/requestContext/http/path"),
                "sourceIp": member("/requestContext/http/sourceIp"),
            },
        },
    })
}

/// Whether `lambda_http` makes a request of it, and does not panic.
fn makes_a_request(event: &ApiGatewayV2httpRequest) -> bool {
    let path = event.raw_path.as_deref().unwrap_or_default();
    let body = event.body.as_deref().filter(|_| event.is_base64_encoded);
    path.starts_with('/') && body.is_none_or(is_base64)
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
fn read_headers(headers: Option<&Map<String, Value>>) -> Map<String, Value> {
    let headers = headers.into_iter().flatten().filter(|(name, value)| {
        let is_header = value.as_str().is_some_and(|value| HeaderValue::from_str(value).is_ok());
        is_header && HEADERS.iter().any(|read| name.eq_ignore_ascii_case(read))
    });
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
    headers.chain([("host".to_owned(), json!("localhost"))]).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
