//! Every error response: problem details (RFC 9457).

use std::borrow::Cow;

use lambda_http::http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde_json::{Map, Value, json};
use time::Duration;

use super::response;
use crate::rules::challenge_id::ChallengeId;
use crate::rules::limits::Refusal;
use crate::rules::undelivered::Reason;

/// `Retry-After` of a key set that cannot be published. The secret is read again once a minute.
const KEY_SET_RETRY_AFTER: Duration = Duration::minutes(1);

/// What went wrong, as the caller is told and as the log says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// Not a request that the API knows. Says which member is wrong, never what was in it.
    MalformedRequest(Cow<'static, str>),
    /// What was typed is no code of so many digits. It costs no guess.
    MalformedCode {
        /// The digits of a code.
        digits: u8,
    },
    /// Not an address that SES can mail.
    InvalidEmail,
    /// The body is not JSON.
    UnsupportedMediaType,
    /// Only trusted callers are served, and this is none.
    Forbidden,
    /// The path knows other methods.
    MethodNotAllowed {
        /// Those that it knows, for `Allow`.
        allowed: &'static str,
    },
    /// Wrong code.
    InvalidCode {
        /// The challenge.
        challenge_id: ChallengeId,
        /// Guesses that it still takes.
        guesses_left: usize,
    },
    /// The code's challenge is expired, unknown or used, or its guesses are gone.
    CodeExpired {
        /// The challenge.
        challenge_id: ChallengeId,
        /// Whether a newer email replaced the link that was used.
        is_replaced: bool,
    },
    /// SES has said that the newest email did not arrive.
    Undeliverable {
        /// The challenge.
        challenge_id: ChallengeId,
        /// Why it did not.
        reason: Reason,
        /// What the caller does next depends on this.
        after: After,
    },
    /// Over a limit.
    TooManyRequests(Refusal),
    /// SES is throttled, paused, down or slow.
    MailUnavailable {
        /// Why, for the log.
        cause: String,
        /// The time until another attempt is worth it.
        retry_after: Duration,
        /// Whether SES takes no email until a person or the clock changes that.
        is_stopped: bool,
    },
    /// The function may not know the active key, so it publishes no keys.
    KeySetUnavailable {
        /// Why, for the log.
        cause: String,
    },
    /// Anything else.
    InternalError {
        /// Why, for the log.
        cause: String,
    },
}

/// What a caller did who is told that an email did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// They asked for a code.
    Request {
        /// The time until another email may be requested.
        resend_in: Duration,
    },
    /// They submitted a wrong code.
    WrongCode {
        /// Guesses that the challenge still takes.
        guesses_left: usize,
    },
}

impl Problem {
    /// A [`Problem::MalformedRequest`].
    pub fn malformed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::MalformedRequest(detail.into())
    }

    /// A [`Problem::InternalError`].
    #[expect(
        clippy::needless_pass_by_value,
        reason = "takes the error as `map_err` hands it over"
    )]
    pub fn internal(cause: impl ToString) -> Self {
        let cause = cause.to_string();
        Self::InternalError { cause }
    }

    /// Writes the log line of the problem. A caller's mistake leaves none. `request_id` leads from the response to the log.
    pub(super) fn log(&self, request_id: &str) {
        match self {
            Self::InvalidCode {
                challenge_id,
                guesses_left,
            } => tracing::info!(outcome = "invalid-code", %challenge_id, guesses_left),
            Self::CodeExpired { challenge_id, .. } => tracing::info!(outcome = "code-expired", %challenge_id),
            Self::Undeliverable {
                challenge_id,
                reason,
                after,
            } => match after {
                After::Request { .. } => tracing::info!(outcome = "told-undeliverable", %challenge_id, %reason),
                After::WrongCode { guesses_left } => {
                    tracing::info!(outcome = "told-undeliverable", %challenge_id, %reason, guesses_left);
                }
            },
            Self::TooManyRequests(refusal) => tracing::info!(outcome = "too-many-requests", limit = refusal.limit),
            Self::Forbidden => tracing::info!(outcome = "forbidden"),
            Self::MailUnavailable { cause, is_stopped, .. } => {
                let outcome = if *is_stopped {
                    "mail-stopped"
                } else {
                    "mail-unavailable"
                };
                tracing::warn!(outcome, cause);
            }
            Self::KeySetUnavailable { cause } => tracing::error!(outcome = "key-set-unavailable", request_id, cause),
            Self::InternalError { cause } => tracing::error!(outcome = "internal-error", request_id, cause),
            _ => {}
        }
    }

    /// What a caller gets: status, type, title, members and headers of each problem.
    pub(super) fn respond(self, request_id: &str) -> Response<Body> {
        let details = match self {
            Self::MalformedRequest(detail) => {
                Details::new(StatusCode::BAD_REQUEST, "malformed-request", "The request is malformed")
                    .member("detail", json!(detail))
            }
            Self::MalformedCode { digits } => {
                Details::new(StatusCode::BAD_REQUEST, "malformed-code", "This is not a code")
                    .member("detail", json!(format!("code must have {digits} digits")))
            }
            Self::InvalidEmail => Details::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid-email",
                "This address cannot be mailed",
            ),
            Self::UnsupportedMediaType => Details::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "The body must be JSON, with Content-Type: application/json",
            ),
            Self::Forbidden => Details::without_type(StatusCode::FORBIDDEN, "Forbidden"),
            Self::MethodNotAllowed { allowed } => {
                Details::without_type(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
                    .header(header::ALLOW, allowed)
            }
            // Without WWW-Authenticate: docs/decisions.md says why.
            Self::InvalidCode { guesses_left, .. } => {
                Details::new(StatusCode::UNAUTHORIZED, "invalid-code", "The code is wrong")
                    .member("guesses_left", json!(guesses_left))
            }
            Self::CodeExpired { .. } => Details::new(
                StatusCode::UNAUTHORIZED,
                "code-expired",
                "The code no longer works; ask for a new one",
            ),
            Self::Undeliverable { reason, after, .. } => {
                let details = Details::new(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    "undeliverable",
                    "The email did not arrive",
                );
                let details = details.member("reason", json!(reason.as_str()));
                match after {
                    After::Request { resend_in } => details.retry_after(resend_in),
                    After::WrongCode { guesses_left } => details.member("guesses_left", json!(guesses_left)),
                }
            }
            Self::TooManyRequests(refusal) => Details::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-requests",
                "Too many requests; try again later",
            )
            .member("limit", json!(refusal.limit))
            .retry_after(refusal.retry_after),
            Self::MailUnavailable { retry_after, .. } => Details::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "mail-unavailable",
                "Mail cannot be sent now; try again",
            )
            .retry_after(retry_after),
            Self::KeySetUnavailable { .. } => {
                Details::without_type(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
                    .retry_after(KEY_SET_RETRY_AFTER)
            }
            Self::InternalError { .. } => Details::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal-error",
                "Something went wrong on our side",
            )
            .member("request_id", json!(request_id)),
        };
        details.into_response()
    }
}

/// Problem details while they are put together.
struct Details {
    status: StatusCode,
    members: Map<String, Value>,
    headers: Vec<(HeaderName, String)>,
}

impl Details {
    /// A problem whose `type` is `name` among the service's own.
    fn new(status: StatusCode, name: &str, title: &str) -> Self {
        Self::without_type(status, title).member("type", json!(format!("urn:email-verification:{name}")))
    }

    /// A problem that its status code describes in full (RFC 9457, 4.2.1).
    fn without_type(status: StatusCode, title: &str) -> Self {
        let details = Self {
            status,
            members: Map::new(),
            headers: Vec::new(),
        };
        details
            .member("type", json!("about:blank"))
            .member("title", json!(title))
            .member("status", json!(status.as_u16()))
    }

    fn member(mut self, name: &str, value: Value) -> Self {
        self.members.insert(name.to_owned(), value);
        self
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    fn retry_after(self, time: Duration) -> Self {
        let seconds = time.whole_seconds();
        self.member("retry_after", json!(seconds))
            .header(header::RETRY_AFTER, &seconds.to_string())
    }

    fn into_response(self) -> Response<Body> {
        let mut response = response::json(self.status, "application/problem+json", &Value::Object(self.members));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(response: &Response<Body>) -> Value {
        serde_json::from_slice(response.body()).expect("JSON")
    }

    fn challenge_id() -> ChallengeId {
        ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID")
    }

    fn wrong_code() -> Problem {
        let challenge_id = challenge_id();
        Problem::InvalidCode {
            challenge_id,
            guesses_left: 4,
        }
    }

    fn limited() -> Problem {
        Problem::TooManyRequests(Refusal {
            limit: "source",
            retry_after: Duration::seconds(9),
        })
    }

    fn mail_unavailable() -> Problem {
        let cause = "paused".to_owned();
        Problem::MailUnavailable {
            cause,
            retry_after: Duration::seconds(5),
            is_stopped: false,
        }
    }

    fn undeliverable(after: After) -> Problem {
        Problem::Undeliverable {
            challenge_id: challenge_id(),
            reason: Reason::Mailbox,
            after,
        }
    }

    fn asked() -> After {
        let resend_in = Duration::seconds(7);
        After::Request { resend_in }
    }

    fn keys_unavailable() -> Problem {
        let cause = "outdated".to_owned();
        Problem::KeySetUnavailable { cause }
    }

    #[test]
    fn every_problem_has_the_status_and_type_of_the_contract() {
        let challenge_id = challenge_id();
        for (problem, status, name) in [
            (
                Problem::malformed("email is missing"),
                400,
                "urn:email-verification:malformed-request",
            ),
            (
                Problem::MalformedCode { digits: 6 },
                400,
                "urn:email-verification:malformed-code",
            ),
            (Problem::InvalidEmail, 422, "urn:email-verification:invalid-email"),
            (
                Problem::UnsupportedMediaType,
                415,
                "urn:email-verification:unsupported-media-type",
            ),
            (Problem::Forbidden, 403, "about:blank"),
            (Problem::MethodNotAllowed { allowed: "GET" }, 405, "about:blank"),
            (wrong_code(), 401, "urn:email-verification:invalid-code"),
            (
                Problem::CodeExpired {
                    challenge_id,
                    is_replaced: false,
                },
                401,
                "urn:email-verification:code-expired",
            ),
            (undeliverable(asked()), 422, "urn:email-verification:undeliverable"),
            (limited(), 429, "urn:email-verification:too-many-requests"),
            (mail_unavailable(), 503, "urn:email-verification:mail-unavailable"),
            (keys_unavailable(), 503, "about:blank"),
            (
                Problem::internal("a cause"),
                500,
                "urn:email-verification:internal-error",
            ),
        ] {
            let response = problem.respond("r");
            assert_eq!(response.status(), status);
            assert_eq!(body(&response)["type"], name);
            assert_eq!(body(&response)["status"], status);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
            assert_eq!(response.headers()["cache-control"], "no-store");
        }
    }

    #[test]
    fn extra_members_are_those_of_the_contract() {
        let detail = Problem::malformed("email is missing").respond("r");
        assert_eq!(body(&detail)["detail"], "email is missing");
        let no_code = Problem::MalformedCode { digits: 4 }.respond("r");
        assert_eq!(body(&no_code)["detail"], "code must have 4 digits");
        assert_eq!(body(&limited().respond("r"))["limit"], "source");
        assert_eq!(body(&wrong_code().respond("r"))["guesses_left"], 4);
        let told = undeliverable(After::WrongCode { guesses_left: 3 }).respond("r");
        assert_eq!(body(&told)["reason"], "mailbox");
        assert_eq!(body(&told)["guesses_left"], 3);
        assert!(!told.headers().contains_key("retry-after"));
        let internal = Problem::internal("a cause").respond("r");
        assert_eq!(body(&internal)["request_id"], "r");
        assert!(!internal.body().to_vec().windows(7).any(|text| text == b"a cause"));
        let method = Problem::MethodNotAllowed { allowed: "GET" }.respond("r");
        assert_eq!(method.headers()["allow"], "GET");
        for (problem, seconds) in [
            (limited(), "9"),
            (undeliverable(asked()), "7"),
            (mail_unavailable(), "5"),
            (keys_unavailable(), "60"),
        ] {
            let response = problem.respond("r");
            assert_eq!(response.headers()["retry-after"], seconds);
            assert_eq!(body(&response)["retry_after"].to_string(), seconds);
        }
    }
}
