//! What a service of AWS answers.

use aws_sdk_dynamodb::config::http::HttpResponse;
use serde_json::{Value, json};

#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Reply {
    pub(crate) fn success(body: Value) -> Self {
        Self { status: 200, body }
    }

    /// All three services understand an error in this form.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "__type": code, "message": message });
        Self { status, body }
    }

    pub(super) fn is_success(&self) -> bool {
        self.status == 200
    }
}

impl From<Reply> for HttpResponse {
    fn from(reply: Reply) -> Self {
        let status = reply.status.try_into().expect("a status");
        Self::new(status, reply.body.to_string().into())
    }
}
