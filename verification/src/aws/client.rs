//! Time limits and retries of every AWS call, and what may be said of one that failed.
//!
//! The slowest request to request-code waits 3 s for the secret, 4 s for a look at its challenge and for what collides, and
//! makes four transactions of 2 s each. It waits 6 s for SES (1 s for a connection that cannot be made, then 5 s), and 3 s to undo
//! the charge: 24 s. verify-code waits 3 s for the secret and submits a guess under two keys, each within 4 s if it collides.
//! A right one gives its emails back in a second: 12 s. The template gives both 25 s.

use std::error::Error;
use std::time::Duration;

use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::environment::{EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpClient, http_client_fn};

/// How long SES may take for an email.
pub const SES_TIME_LIMIT: Duration = Duration::from_secs(5);

/// How long a connection is kept that nothing uses. Lambda freezes an instance between requests, and what it then holds may be dead:
/// an email over such a connection would be one of which SES said nothing.
const KEPT_FOR: Duration = Duration::from_secs(15);

/// Reads region, credentials and endpoint from the environment that Lambda gives a function. No other place is asked for region or
/// credentials.
pub async fn load() -> SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .http_client(http_client());
    config.load().await
}

/// The HTTP client of all three. Unlike the SDK's own it keeps connections for a short time, and knows no proxy.
pub fn http_client() -> SharedHttpClient {
    let builder = Builder::new().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
    let client = builder.pool_idle_timeout(KEPT_FOR).build_https();
    // Each SDK client tries its HTTP client out, which reads all root certificates. This one leaves that out.
    http_client_fn(move |settings, components| client.http_connector(settings, components))
}

/// A client for DynamoDB: up to three attempts of 1 s each, 2 s in all.
pub fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_secs(1))
        .operation_timeout(Duration::from_secs(2));
    let config = aws_sdk_dynamodb::config::Builder::from(config)
        .timeout_config(timeouts.build())
        .retry_config(retries(3));
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// A client for SES: one attempt, which may take `time_limit`.
///
/// `SendEmail` has no idempotency token, so the SDK must not repeat it. [`mailer`](super::mailer) does, where no connection
/// was made.
pub fn ses(config: &SdkConfig, time_limit: Duration) -> aws_sdk_sesv2::Client {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_timeout(time_limit);
    let config = aws_sdk_sesv2::config::Builder::from(config)
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::disabled());
    aws_sdk_sesv2::Client::from_conf(config.build())
}

/// A client for Secrets Manager: 4.5 s for each call. A start makes one or two, inside the 10 s that Lambda allows for it.
/// While a request waits, [`secret`](super::secret) allows less.
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

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::config::http::HttpResponse;
    use aws_sdk_dynamodb::error::{ConnectorError, ErrorMetadata};
    use aws_sdk_dynamodb::operation::update_item::UpdateItemError;

    use super::*;

    fn response(status: u16) -> HttpResponse {
        HttpResponse::new(status.try_into().expect("a status"), "kim@example.com".into())
    }

    fn refused(error: ErrorMetadata, response: HttpResponse) -> SdkError<UpdateItemError> {
        SdkError::service_error(UpdateItemError::generic(error), response)
    }

    #[test]
    fn the_log_says_why_a_call_failed_and_never_what_was_sent() {
        let error = || ErrorMetadata::builder().message("kim@example.com");
        let mut named = response(400);
        named.headers_mut().insert("x-amzn-requestid", "r-1");
        for (error, expected) in [
            (
                refused(error().code("MessageRejected").build(), named),
                "MessageRejected, HTTP 400, request r-1",
            ),
            (
                refused(error().build(), response(400)),
                "an error without a code, HTTP 400, request without an id",
            ),
            (SdkError::timeout_error("kim@example.com"), "no response in time"),
            (
                SdkError::dispatch_failure(ConnectorError::io("it broke".into())),
                "no connection: it broke",
            ),
            (
                SdkError::response_error("kim@example.com", response(200)),
                "an unreadable response, HTTP 200",
            ),
            (
                SdkError::construction_failure("kim@example.com"),
                "the request could not be built",
            ),
        ] {
            assert_eq!(cause(&error), expected);
            assert!(!was_never_connected(&error));
        }
    }
}
