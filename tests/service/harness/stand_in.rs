//! A server in the place of an AWS service. A test decides its responses.

use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Respond};

pub(crate) struct StandIn {
    url: String,
    server: Option<MockServer>,
}

impl StandIn {
    /// Starts a server that responds to POSTs at `to` with `responses`.
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

/// Stops the server in a thread of its own. A dropped server waits for a lock of tokio's. In a task that has used up its
/// budget, as one that joined many others has, it would wait for ever.
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
