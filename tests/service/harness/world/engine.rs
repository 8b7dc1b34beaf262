//! The DynamoDB engine: one in memory for each test, or a real one that runs elsewhere.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::reply::Reply;

pub(crate) enum Engine {
    Embedded(Database),
    /// Its host and port.
    Elsewhere(String),
}

impl Engine {
    /// Starts a database. With `DYNAMODB_URL` set, that is the engine, such as Amazon's own DynamoDB Local.
    pub(super) fn start() -> Self {
        match std::env::var("DYNAMODB_URL") {
            Ok(url) => {
                let address = url.trim_start_matches("http://").trim_end_matches('/');
                Self::Elsewhere(address.to_owned())
            }
            Err(_) => Self::Embedded(Database::memory().expect("a database")),
        }
    }

    pub(super) async fn make(&self, operation: &str, body: &Value) -> Reply {
        match self {
            Self::Embedded(database) => match run(database, operation, body) {
                Ok(body) => Reply::success(body),
                Err(error) => Reply {
                    status: error.status_code(),
                    body: serde_json::from_str(&error.to_json()).expect("JSON"),
                },
            },
            Self::Elsewhere(address) => {
                let table = body["TableName"].as_str();
                let table = table.or(body["TransactItems"][0]["Update"]["TableName"].as_str());
                let user = table.expect("a table").to_owned();
                let (address, operation, body) = (address.clone(), operation.to_owned(), body.to_string());
                // While a blocking task runs, tokio's paused clock stands still, so that no time limit passes meanwhile.
                let sent = tokio::task::spawn_blocking(move || post(&address, &user, &operation, &body));
                sent.await.expect("no panic").expect("an answer of the engine")
            }
        }
    }
}

fn run(database: &Database, operation: &str, body: &Value) -> dynoxide::Result<Value> {
    match operation {
        "UpdateItem" => write(&database.update_item(read(body)?)?),
        "TransactWriteItems" => write(&database.transact_write_items(read(body)?)?),
        "GetItem" => write(&database.get_item(read(body)?)?),
        "DeleteItem" => write(&database.delete_item(read(body)?)?),
        "Scan" => write(&database.scan(read(body)?)?),
        "CreateTable" => write(&database.create_table(read(body)?)?),
        _ => panic!("the tests know no {operation}"),
    }
}

fn read<T: DeserializeOwned>(body: &Value) -> dynoxide::Result<T> {
    serde_json::from_value(body.clone()).map_err(|error| DynoxideError::ValidationException(error.to_string()))
}

fn write<T: Serialize>(response: &T) -> dynoxide::Result<Value> {
    serde_json::to_value(response).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

/// Sends a call by HTTP 1.0, whose answer ends where the connection does. DynamoDB Local wants a signature, and checks none. Each
/// user has a database of their own, unless it is started with `-sharedDb`.
fn post(address: &str, user: &str, operation: &str, body: &str) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "POST / HTTP/1.0\r\n\
         Host: {address}\r\n\
         Content-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {}\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\n\
         X-Amz-Date: 20270115T120000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential={user}/20270115/ap-northeast-2/dynamodb/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-target, Signature=0000\r\n\r\n{body}",
        body.len(),
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let parts = answer.split_once("\r\n\r\n");
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    match (status, parts.and_then(|(_, body)| serde_json::from_str(body).ok())) {
        (Some(status), Some(body)) => Ok(Reply { status, body }),
        _ => Err(io::Error::other(answer)),
    }
}
