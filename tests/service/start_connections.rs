//! What a start opens real connections with, and that the first call uses them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;
use verification::aws::client::{self, SdkConfig};
use verification::aws::connect;

use crate::harness::broken_ses::closed_port;
use crate::harness::instance::anywhere;

/// A service that answers everything alike, or nothing.
struct Server {
    url: String,
    /// The head of each request, and over which connection it came.
    requests: Arc<Mutex<Vec<(usize, String)>>>,
}

impl Server {
    async fn start(answers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let its_requests = Arc::clone(&requests);
        tokio::spawn(async move {
            for number in 1.. {
                let (stream, _) = listener.accept().await.expect("a connection");
                let requests = Arc::clone(&its_requests);
                tokio::spawn(serve(stream, answers, move |head| {
                    requests.lock().expect("the requests").push((number, head));
                }));
            }
        });
        Self { url, requests }
    }

    fn config(&self) -> SdkConfig {
        config(&self.url)
    }

    /// The connection of each request, and its first line. None but a call is signed.
    fn requests(&self) -> Vec<(usize, String)> {
        let requests = self.requests.lock().expect("the requests");
        let lines = requests.iter().map(|(number, head)| {
            let line = head.lines().next().unwrap_or_default().to_owned();
            let is_signed = head.to_lowercase().contains("authorization:");
            assert_eq!(is_signed, !line.starts_with("GET"), "{head}");
            (*number, line)
        });
        lines.collect()
    }
}

async fn serve(mut stream: TcpStream, answers: bool, note: impl Fn(String)) {
    let mut received = Vec::new();
    while stream.read_buf(&mut received).await.is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&received).into_owned();
        // A call's body is one JSON object, and comes with its head.
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        if head.starts_with("POST") && !body.ends_with('}') {
            continue;
        }
        note(head.to_owned());
        received.clear();
        if answers {
            // What DynamoDB says to a GET is no JSON either.
            let body = if head.starts_with("GET") { "healthy" } else { "{}" };
            let response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
            stream.write_all(response.as_bytes()).await.expect("a reader");
        }
    }
}

fn config(url: &str) -> SdkConfig {
    let config = anywhere().into_builder().http_client(client::http_client());
    config.endpoint_url(url).build()
}

#[tokio::test]
async fn the_first_call_to_dynamodb_goes_over_the_connection_of_the_start() {
    let server = Server::start(true).await;
    let dynamodb = connect::dynamodb(&server.config()).await;
    let call = dynamodb.list_tables().send();
    call.await.expect("a response");
    let expected = ["GET / HTTP/1.1", "POST / HTTP/1.1"].map(|line| (1, line.to_owned()));
    assert_eq!(server.requests(), expected);
}

#[tokio::test]
async fn the_first_email_goes_over_the_connection_of_the_start() {
    let server = Server::start(true).await;
    let ses = connect::ses(&server.config()).await;
    ses.send_email().send().await.expect("a response");
    let expected = ["GET", "POST"].map(|method| (1, format!("{method} /v2/email/outbound-emails HTTP/1.1")));
    assert_eq!(server.requests(), expected);
}

#[tokio::test]
async fn a_start_goes_on_without_a_connection() {
    let config = config(&closed_port().await);
    connect::dynamodb(&config).await;
    connect::ses(&config).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_waits_half_a_second_for_a_connection() {
    let server = Server::start(false).await;
    let (config, started) = (server.config(), Instant::now());
    tokio::join!(connect::dynamodb(&config), connect::ses(&config));
    assert!(started.elapsed() >= Duration::from_millis(500));
    assert!(started.elapsed() < Duration::from_millis(510));
}
