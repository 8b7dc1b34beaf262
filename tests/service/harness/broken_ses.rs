//! A SES whose connections break, which no HTTP stand-in can play.

use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When the connection breaks.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// Before anything is read.
    AtOnce,
    /// After the whole request was read: SES has taken the email.
    AfterRequest,
    /// Never: it takes the email and says so.
    Never,
    /// With the second request over one connection, as one does that an instance kept while it was frozen.
    WhenKept,
}

pub(crate) struct BrokenSes {
    pub(crate) url: String,
    mood: Arc<Mutex<Break>>,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl BrokenSes {
    pub(crate) async fn start(mood: Break) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (mood, taken) = (Arc::new(Mutex::new(mood)), Arc::<Mutex<Vec<Value>>>::default());
        let (its_mood, its_taken) = (Arc::clone(&mood), Arc::clone(&taken));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mood = *its_mood.lock().expect("the mood");
                tokio::spawn(serve(stream, mood, Arc::clone(&its_taken)));
            }
        });
        Self { url, mood, taken }
    }

    pub(crate) fn set_mood(&self, mood: Break) {
        *self.mood.lock().expect("the mood") = mood;
    }

    /// The emails that were taken, as `SendEmail` got them.
    pub(crate) fn taken(&self) -> Vec<Value> {
        self.taken.lock().expect("the emails").clone()
    }
}

/// A URL at which nothing listens.
pub(crate) async fn closed_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

async fn serve(mut stream: TcpStream, mood: Break, taken: Arc<Mutex<Vec<Value>>>) {
    if mood == Break::AtOnce {
        return;
    }
    let Some(body) = read_body(&mut stream).await else {
        return;
    };
    taken.lock().expect("the emails").push(body);
    if mood == Break::Never || mood == Break::WhenKept {
        let body = r#"{"MessageId":"0100-example"}"#;
        let connection = if mood == Break::Never { "close" } else { "keep-alive" };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: {connection}\r\n");
        let response = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
        let _ = stream.write_all(response.as_bytes()).await;
    }
    if mood == Break::WhenKept {
        read_body(&mut stream).await;
    }
}

/// Reads one request and returns its JSON body.
async fn read_body(stream: &mut TcpStream) -> Option<Value> {
    let mut request = Vec::new();
    loop {
        let read = stream.read_buf(&mut request).await.ok()?;
        let end = request.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        if let Some(end) = end {
            let body = &request[end + 4..];
            if let Ok(body) = serde_json::from_slice(body) {
                return Some(body);
            }
        }
        if read == 0 {
            return None;
        }
    }
}
