//! Time limits and retries of every AWS call, and what may be said of one that failed.
//!
//! The slowest request to request-code takes three DynamoDB steps one after the other, SES, and two more to take back what
//! was charged. Steps at once count as one. That is 3 × 2.5 + 5 + 2 × 2.5 = 17.5 s. A rotation adds a reading of the secret and
//! one more step: 3 + 2.5 + 17.5 = 23 s. verify-code takes one step of 2.5 s, and in the worst moment of a rotation four steps
//! and a reading of the secret: 13 s. A right code adds a second to give its request back. The template gives both 25 s.

use std::error::Error;
use std::time::Duration;

use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;

/// Reads region, credentials and endpoint from the environment that Lambda gives a function.
pub async fn load() -> SdkConfig {
    aws_config::load_defaults(BehaviorVersion::latest()).await
}

/// A client for DynamoDB: up to three attempts of 1 s each, 2.5 s in all. Every write recognises its own repeat.
#[must_use]
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_millis(2_500));
    let config = aws_sdk_dynamodb::config::Builder::from(config)
        .timeout_config(timeouts.build())
        .retry_config(retries(3));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// A client for SES: one attempt of 5 s.
///
/// `SendEmail` has no idempotency token, so the SDK must not repeat it. [`mailer`](super::mailer) does, where no connection
/// was made.
#[must_use]
pub fn ses(config: &SdkConfig) -> aws_sdk_sesv2::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_secs(5));
    let config = aws_sdk_sesv2::config::Builder::from(config)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::disabled());
    aws_sdk_sesv2::Client::from_conf(config.build())
}

/// A client for Secrets Manager: 4.5 s for each call. A start makes one or two, inside the 10 s that Lambda allows for it.
/// While a request waits, [`secret`](super::secret) allows less.
#[must_use]
pub fn secrets_manager(config: &SdkConfig) -> aws_sdk_secretsmanager::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1_500))
        .operation_timeout(Duration::from_millis(4_500));
    let config = aws_sdk_secretsmanager::config::Builder::from(config)
        .timeout_config(timeouts.build())
        .retry_config(retries(3));
    aws_sdk_secretsmanager::Client::from_conf(config.build())
}

fn retries(attempts: u32) -> RetryConfig {
    RetryConfig::standard()
        .with_max_attempts(attempts)
        .with_initial_backoff(Duration::from_millis(50))
        .with_max_backoff(Duration::from_millis(400))
}

/// Whether a call failed before there was a connection, so that nothing can have been sent.
#[must_use]
pub fn was_never_connected<E>(error: &SdkError<E>) -> bool {
    let SdkError::DispatchFailure(failure) = error else {
        return false;
    };
    let first = failure.as_connector_error().and_then(Error::source);
    std::iter::successors(first, |&cause| cause.source()).any(|cause| {
        cause
            .downcast_ref::<hyper_util::client::legacy::Error>()
            .is_some_and(hyper_util::client::legacy::Error::is_connect)
    })
}

/// Says why a call failed, for the log: the error's code and request id, never its message.
///
/// Messages repeat what was sent. SES names the recipient when it refuses an email.
#[must_use]
pub fn cause<E: ProvideErrorMetadata>(error: &SdkError<E>) -> String {
    match error {
        SdkError::ServiceError(refusal) => format!(
            "{}, HTTP {}, request {}",
            refusal.err().code().unwrap_or("an error without a code"),
            refusal.raw().status(),
            error.request_id().unwrap_or("without an id"),
        ),
        SdkError::TimeoutError(_) => "no response in time".to_owned(),
        SdkError::DispatchFailure(failure) => {
            let first = failure.as_connector_error().and_then(Error::source);
            let reasons = std::iter::successors(first, |&reason| reason.source());
            reasons.fold("no connection".to_owned(), |text, reason| format!("{text}: {reason}"))
        }
        SdkError::ResponseError(failure) => {
            format!("an unreadable response, HTTP {}", failure.raw().status())
        }
        _ => "the request could not be built".to_owned(),
    }
}
