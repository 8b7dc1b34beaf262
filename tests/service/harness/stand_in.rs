//! An AWS service as far as the functions call it, with responses that a test decides.

use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Respond};

pub(crate) struct StandIn {
    url: String,
    server: Option<MockServer>,
}

impl StandIn {
    /// Starts a server that responses POSTs to `to` with `responses`.
    pub(crate) async fn start(to: &str, responses: impl Respond + 'static) -> Self {
        let server = MockServer::start().await;
        let mock = Mock::given(method("POST")).and(path(to)).respond_with(responses);
        mock.mount(&server).await;
        Self {
            url: server.uri(),
            server: Some(server),
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Stops the server in a thread of its own: it waits for a lock of tokio's when it is dropped, and would do so for ever
/// in a task that has just used up tokio's budget, as one that joined many others has.
impl Drop for StandIn {
    fn drop(&mut self) {
        let server = self.server.take();
        let stopped = std::thread::spawn(move || drop(server)).join();
        assert!(
            stopped.is_ok() || std::thread::panicking(),
            "the stand-in cannot be stopped"
        );
    }
}
