//! Connections that are open before the first request needs them.
//!
//! A function has a whole CPU while it starts, and a small part of one afterwards. So it opens its connections while Secrets Manager
//! answers, rather than while a person waits.

use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use tokio::time::timeout;

use super::client::{self, SdkConfig};

/// How long a start waits for a connection. Without it the first request opens its own.
const MAX_WAIT: Duration = Duration::from_millis(500);

/// A client for DynamoDB with an open connection, if it could be opened in time. Otherwise the first request opens one.
pub async fn dynamodb(config: &SdkConfig) -> aws_sdk_dynamodb::Client {
    let client = client::dynamodb(config);
    let call = client.update_item().table_name("none").customize();
    if timeout(MAX_WAIT, call.interceptor(OnlyConnect).send()).await.is_err() {
        tracing::warn!("no connection to DynamoDB in time");
    }
    client
}

/// A client for SES with an open connection, likewise.
pub async fn ses(config: &SdkConfig) -> aws_sdk_sesv2::Client {
    let client = client::ses(config, client::SES_TIME_LIMIT);
    let call = client.send_email().customize();
    if timeout(MAX_WAIT, call.interceptor(OnlyConnect).send()).await.is_err() {
        tracing::warn!("no connection to SES in time");
    }
    client
}

/// Sends a `GET` in place of the call: without its name, body and signature it does nothing and costs nothing.
#[derive(Debug)]
struct OnlyConnect;

impl Intercept for OnlyConnect {
    fn name(&self) -> &'static str {
        "OnlyConnect"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *context.request_mut() = HttpRequest::get(context.request().uri())?;
        Ok(())
    }
}
