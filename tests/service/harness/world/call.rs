//! One call to AWS, as the SDK sends it.

use std::future::Future;

use aws_sdk_dynamodb::config::http::HttpRequest;
use serde_json::Value;

tokio::task_local! {
    /// The request to the service that is being handled.
    static REQUEST: usize;
}

/// Marks every call that is made while `handling` runs as one of this request.
pub(crate) async fn of_request<T>(number: usize, handling: impl Future<Output = T>) -> T {
    // Boxed, because a handler's future is large, and each test's would be as large.
    REQUEST.scope(number, Box::pin(handling)).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Aws {
    DynamoDb,
    Ses,
    SecretsManager,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The request to the service that makes it. 0 if none does, but an instance that starts.
    pub(crate) request: usize,
    pub(crate) service: Aws,
    /// Its number in the [`journal`](super::journal). 0 if it is not noted there.
    pub(crate) number: usize,
    /// Its name in AWS's documentation, such as `UpdateItem`.
    pub(crate) operation: String,
    pub(crate) body: Value,
}

impl Call {
    pub(super) fn read(request: &HttpRequest) -> Self {
        let (service, operation) = match request.headers().get("x-amz-target") {
            Some(target) => match target.split_once('.') {
                Some(("DynamoDB_20120810", operation)) => (Aws::DynamoDb, operation),
                Some(("secretsmanager", operation)) => (Aws::SecretsManager, operation),
                _ => panic!("an unknown target: {target}"),
            },
            None if request.uri().ends_with("/v2/email/outbound-emails") => (Aws::Ses, "SendEmail"),
            None => panic!("an unknown call: {}", request.uri()),
        };
        let body = request.body().bytes().expect("a body in memory");
        Self {
            request: REQUEST.try_with(|number| *number).unwrap_or_default(),
            service,
            number: 0,
            operation: operation.to_owned(),
            body: serde_json::from_slice(body).expect("JSON"),
        }
    }

    /// Whether a test looks at the table or changes it. The functions make none of these calls, and nothing becomes of them.
    pub(super) fn is_the_tests_own(&self) -> bool {
        ["CreateTable", "Scan", "DeleteItem"].contains(&&*self.operation)
    }
}
