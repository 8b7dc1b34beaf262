//! A database in memory, and the traffic to it.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use lambda_http::http;

/// Starts a database and returns its URL. With `DYNAMODB_URL` set, returns that: an engine runs there already, such as
/// Amazon's own DynamoDB Local.
pub(crate) async fn start() -> String {
    if let Ok(url) = std::env::var("DYNAMODB_URL") {
        return url;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let database = dynoxide::Database::memory().expect("a database");
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    format!("http://{address}")
}

pub(crate) async fn create_table(dynamodb: &Client, name: &str) {
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash);
    let attribute = AttributeDefinition::builder()
        .attribute_name("pk")
        .attribute_type(ScalarAttributeType::S);
    dynamodb
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key.build().expect("a key"))
        .attribute_definitions(attribute.build().expect("an attribute"))
        .send()
        .await
        .expect("a table");
}

/// Watches the responses of the database, and can lose them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    calls: AtomicUsize,
    writes: AtomicUsize,
    lost: Mutex<Range<usize>>,
}

impl Traffic {
    /// The calls since the last [`Self::forget`].
    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    /// The calls among them whose condition held.
    pub(crate) fn writes(&self) -> usize {
        self.0.writes.load(Ordering::SeqCst)
    }

    pub(crate) fn forget(&self) {
        self.0.calls.store(0, Ordering::SeqCst);
        self.0.writes.store(0, Ordering::SeqCst);
    }

    /// Lets the next `responses` of the database arrive as HTTP 500. The writes are made, but nobody learns it.
    pub(crate) fn lose(&self, responses: usize) {
        self.lose_after(0, responses);
    }

    /// The same, after `responses_before` have arrived.
    pub(crate) fn lose_after(&self, responses_before: usize, responses: usize) {
        let first = self.calls() + responses_before;
        *self.0.lost.lock().expect("the range") = first..first + responses;
    }
}

impl Intercept for Traffic {
    fn name(&self) -> &'static str {
        "Traffic"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let call = self.0.calls.fetch_add(1, Ordering::SeqCst);
        if context.response().status().is_success() {
            self.0.writes.fetch_add(1, Ordering::SeqCst);
        }
        if self.0.lost.lock().expect("the range").contains(&call) {
            let lost = http::Response::builder().status(500).body("".into())?;
            *context.response_mut() = lost.try_into()?;
        }
        Ok(())
    }
}
