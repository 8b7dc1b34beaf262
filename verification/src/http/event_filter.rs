//! The part of an API Gateway event that the functions get to see.

use lambda_http::Request;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use lambda_http::http::HeaderValue;
use lambda_http::request::LambdaRequest;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value, json};

use crate::rules::link;

/// The headers that the service reads.
const HEADERS: [&str; 2] = ["accept-language", "content-type"];

/// An event of an API Gateway HTTP API (payload format 2.0), reduced to what the service reads.
///
/// `lambda_http` panics on a `Host` or `X-Forwarded-Proto` header that makes no URL, and refuses a whole event because of
/// one header that it cannot read. Callers set these headers, so they are removed first.
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
        let request = ApiGatewayV2httpRequest::deserialize(reduced(&event))
            .map_err(|_| D::Error::custom("the event is not one of an HTTP API with payload format 2.0"))?;
        Ok(Self(LambdaRequest::ApiGatewayV2(request)))
    }
}

fn reduced(event: &Value) -> Value {
    let member = |path| event.pointer(path);
    json!({
        "version": member("/version"),
        "rawPath": member("/rawPath"),
        "rawQueryString": member("/rawQueryString").and_then(Value::as_str).map(read_query),
        "headers": member("/headers").and_then(Value::as_object).map(read_headers),
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

/// The parameters of a query that the service reads.
fn read_query(query: &str) -> String {
    let read = form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name == link::PARAMETER);
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(read)
        .finish()
}

fn read_headers(headers: &Map<String, Value>) -> Map<String, Value> {
    headers
        .iter()
        .filter(|(name, value)| {
            let is_header = value.as_str().is_some_and(|value| HeaderValue::from_str(value).is_ok());
            is_header && HEADERS.iter().any(|read| name.eq_ignore_ascii_case(read))
        })
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect()
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
        assert_eq!(request.headers().len(), 1);
        assert_eq!(request.headers()["content-type"], "application/json");
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
