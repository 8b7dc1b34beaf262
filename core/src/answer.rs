//! Every answer of the HTTP API. The only file that knows status codes.

use std::borrow::Cow;
use std::fmt::Display;

use lambda_http::http::{HeaderValue, Method, StatusCode, header};
use lambda_http::{Body, Response};
use serde_json::{Value, json};

/// Seconds after which a mail may be tried again that SES did not take. No pause is running, so this is only a breath.
const MAIL_RETRY_AFTER: i64 = 1;

/// What went wrong, as the caller is told: problem details (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Not a request that the API knows. Says which field, never what was in it.
    MalformedRequest(Cow<'static, str>),
    /// Not an address that SES can mail.
    InvalidEmail,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// Another method than the one that the path knows.
    MethodNotAllowed {
        /// That one.
        allowed: Method,
    },
    /// Wrong code.
    InvalidCode {
        /// Guesses that the challenge still takes.
        guesses_left: usize,
    },
    /// Expired, unknown, used, or guesses gone.
    CodeExpired,
    /// Over a limit.
    TooManyRequests {
        /// Seconds until a request may succeed.
        retry_after: i64,
    },
    /// SES is throttled, paused, down or slow.
    MailUnavailable,
    /// Anything else; the cause is in the log.
    InternalError {
        /// What finds it there.
        request_id: String,
    },
}

impl Problem {
    /// A [`Problem::MalformedRequest`].
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::MalformedRequest(detail.into())
    }

    /// A [`Problem::InternalError`] whose `cause` goes to the log, here and nowhere else.
    pub fn internal(request_id: &str, cause: &dyn Display) -> Self {
        tracing::error!(outcome = "internal-error", request_id, %cause);
        let request_id = request_id.to_owned();
        Self::InternalError { request_id }
    }

    /// The last part of its `type`; none for what its status code says in full.
    #[must_use]
    pub fn name(&self) -> Option<&'static str> {
        match self {
            Self::MalformedRequest(_) => Some("malformed-request"),
            Self::InvalidEmail => Some("invalid-email"),
            Self::UnsupportedMediaType => Some("unsupported-media-type"),
            Self::MethodNotAllowed { .. } => None,
            Self::InvalidCode { .. } => Some("invalid-code"),
            Self::CodeExpired => Some("code-expired"),
            Self::TooManyRequests { .. } => Some("too-many-requests"),
            Self::MailUnavailable => Some("mail-unavailable"),
            Self::InternalError { .. } => Some("internal-error"),
        }
    }

    /// The problem as an answer.
    #[must_use]
    pub fn into_answer(self) -> Response<Body> {
        let (status, title) = self.status_and_title();
        let name = self.name().map_or_else(
            || "about:blank".to_owned(),
            |name| format!("urn:email-verification:{name}"),
        );
        let retry_after = match &self {
            Self::TooManyRequests { retry_after } => Some(*retry_after),
            Self::MailUnavailable => Some(MAIL_RETRY_AFTER),
            _ => None,
        };
        let allow = match &self {
            Self::MethodNotAllowed { allowed } => HeaderValue::from_str(allowed.as_str()).ok(),
            _ => None,
        };
        let extra = match self {
            Self::MalformedRequest(detail) => Some(("detail", json!(detail))),
            Self::InvalidCode { guesses_left } => Some(("guesses_left", json!(guesses_left))),
            Self::InternalError { request_id } => Some(("request_id", json!(request_id))),
            _ => retry_after.map(|seconds| ("retry_after", json!(seconds))),
        };
        let common = [
            ("type", json!(name)),
            ("title", json!(title)),
            ("status", json!(status.as_u16())),
        ];
        let members = common.into_iter().chain(extra);
        let problem = members.map(|(member, value)| (member.to_owned(), value)).collect();
        let mut answer = answer(status, "application/problem+json", &problem);
        if let Some(seconds) = retry_after {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(method) = allow {
            answer.headers_mut().insert(header::ALLOW, method);
        }
        answer
    }

    fn status_and_title(&self) -> (StatusCode, &'static str) {
        match self {
            Self::MalformedRequest(_) => (StatusCode::BAD_REQUEST, "The request is malformed"),
            Self::InvalidEmail => (StatusCode::UNPROCESSABLE_ENTITY, "This address cannot be mailed"),
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body must be JSON, with Content-Type: application/json",
            ),
            Self::MethodNotAllowed { .. } => (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"),
            Self::InvalidCode { .. } => (StatusCode::UNAUTHORIZED, "The code is wrong"),
            Self::CodeExpired => (StatusCode::UNAUTHORIZED, "The code no longer works; ask for a new one"),
            Self::TooManyRequests { .. } => (StatusCode::TOO_MANY_REQUESTS, "Too many requests; try again later"),
            Self::MailUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Mail cannot be sent now; try again"),
            Self::InternalError { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side"),
        }
    }
}

/// 200: it is done.
#[must_use]
pub fn ok(body: &Value) -> Response<Body> {
    answer(StatusCode::OK, "application/json", body)
}

/// 200: public keys (RFC 7517, 8.5.2), the only answer that may be kept, for `max_age` seconds.
#[must_use]
pub fn key_set(body: &Value, max_age: i64) -> Response<Body> {
    let mut answer = answer(StatusCode::OK, "application/jwk-set+json", body);
    if let Ok(value) = HeaderValue::try_from(format!("public, max-age={max_age}")) {
        answer.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    answer
}

/// 202: a mail is on its way.
#[must_use]
pub fn accepted(body: &Value) -> Response<Body> {
    answer(StatusCode::ACCEPTED, "application/json", body)
}

fn answer(status: StatusCode, content_type: &'static str, body: &Value) -> Response<Body> {
    let mut answer = Response::new(Body::from(body.to_string()));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(answer: &Response<Body>) -> Value {
        serde_json::from_slice(answer.body()).expect("JSON")
    }

    #[test]
    fn every_problem_has_the_status_and_type_of_the_contract() {
        for (problem, status, name) in [
            (
                Problem::malformed("email is missing"),
                400,
                "urn:email-verification:malformed-request",
            ),
            (Problem::InvalidEmail, 422, "urn:email-verification:invalid-email"),
            (
                Problem::UnsupportedMediaType,
                415,
                "urn:email-verification:unsupported-media-type",
            ),
            (Problem::MethodNotAllowed { allowed: Method::GET }, 405, "about:blank"),
            (
                Problem::InvalidCode { guesses_left: 4 },
                401,
                "urn:email-verification:invalid-code",
            ),
            (Problem::CodeExpired, 401, "urn:email-verification:code-expired"),
            (
                Problem::TooManyRequests { retry_after: 9 },
                429,
                "urn:email-verification:too-many-requests",
            ),
            (Problem::MailUnavailable, 503, "urn:email-verification:mail-unavailable"),
            (
                Problem::InternalError {
                    request_id: "r".to_owned(),
                },
                500,
                "urn:email-verification:internal-error",
            ),
        ] {
            let answer = problem.into_answer();
            assert_eq!(answer.status(), status);
            assert_eq!(body(&answer)["type"], name);
            assert_eq!(body(&answer)["status"], status);
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert_eq!(answer.headers()["cache-control"], "no-store");
        }
    }

    #[test]
    fn extra_members_are_those_of_the_contract() {
        let detail = Problem::malformed("email is missing").into_answer();
        assert_eq!(body(&detail)["detail"], "email is missing");
        let wrong = Problem::InvalidCode { guesses_left: 4 }.into_answer();
        assert_eq!(body(&wrong)["guesses_left"], 4);
        let internal = Problem::InternalError {
            request_id: "r".to_owned(),
        }
        .into_answer();
        assert_eq!(body(&internal)["request_id"], "r");
        let method = Problem::MethodNotAllowed { allowed: Method::GET }.into_answer();
        assert_eq!(method.headers()["allow"], "GET");
        for (problem, seconds) in [
            (Problem::TooManyRequests { retry_after: 9 }, "9"),
            (Problem::MailUnavailable, "1"),
        ] {
            let answer = problem.into_answer();
            assert_eq!(answer.headers()["retry-after"], seconds);
            assert_eq!(body(&answer)["retry_after"].to_string(), seconds);
        }
    }
}
