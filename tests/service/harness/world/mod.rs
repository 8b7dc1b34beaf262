//! All of AWS that the service uses, in memory and without a socket, as one HTTP client under the SDK's clients.
//!
//! * [`call`]: what the SDK asks for.
//! * [`director`]: who decides what becomes of each call. By default the [`script`] of the test does. [`holding`] lets
//!   transactions hold their items for a time.
//! * [`fault`]: what can become of it.
//! * [`engine`]: the DynamoDB engine that makes it. SES and Secrets Manager are [`ses`](super::ses) and
//!   [`secrets_manager`](super::secrets_manager).
//! * [`journal`]: what was called.
//!
//! Every wait is one of tokio's, so a test on a paused clock (`#[tokio::test(start_paused = true)]`) needs no time.

pub(crate) mod call;
pub(crate) mod director;
pub(crate) mod engine;
pub(crate) mod fault;
pub(crate) mod holding;
pub(crate) mod journal;
pub(crate) mod reply;
pub(crate) mod script;

use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::{AsyncSleep, HttpClient, RuntimeComponents, Sleep};
use aws_sdk_dynamodb::error::ConnectorError;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use serde_json::{Value, json};

use self::call::{Aws, Call};
use self::director::Director;
use self::engine::Engine;
use self::fault::{Answer, Fault};
use self::journal::Journal;
use self::reply::Reply;
use self::script::Script;
use super::secrets_manager::SecretsManager;
use super::ses::Ses;

#[derive(Clone)]
pub(crate) struct World(Arc<Parts>);

struct Parts {
    engine: Engine,
    ses: Ses,
    secrets: SecretsManager,
    journal: Journal,
    script: Script,
    director: Mutex<Arc<dyn Director>>,
    is_hasty: AtomicBool,
}

/// The SDK waits less before a retry, and longer for an answer.
const MAX_BACKOFF: Duration = Duration::from_millis(500);
/// How often it looks whether a body goes on.
const LOOK_AT_BODY: Duration = Duration::from_millis(100);

impl World {
    pub(crate) fn start() -> Self {
        let (journal, script) = (Journal::default(), Script::default());
        Self(Arc::new(Parts {
            engine: Engine::start(),
            ses: Ses::new(&journal, &script),
            secrets: SecretsManager::new(&journal, &script),
            director: Mutex::new(Arc::new(script.clone())),
            journal,
            script,
            is_hasty: false.into(),
        }))
    }

    pub(crate) fn ses(&self) -> Ses {
        self.0.ses.clone()
    }

    pub(crate) fn secrets(&self) -> SecretsManager {
        self.0.secrets.clone()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.0.journal
    }

    pub(crate) fn script(&self) -> &Script {
        &self.0.script
    }

    /// Lets somebody else than the script decide what becomes of each call.
    pub(crate) fn direct_by(&self, director: Arc<dyn Director>) {
        *self.0.director.lock().expect("the director") = director;
    }

    fn director(&self) -> Arc<dyn Director> {
        Arc::clone(&self.0.director.lock().expect("the director"))
    }

    /// Lets the SDK retry at once. Its backoff is drawn at random, and who else gets ahead of it is for the director to say.
    pub(crate) fn skip_backoffs(&self) {
        self.0.is_hasty.store(true, Ordering::SeqCst);
    }

    /// Makes a call that nobody waits for any more.
    pub(crate) async fn land(&self, call: &Call) {
        self.make(call, Some(call.number)).await;
    }

    /// Changes the table as no function does. Nobody is told.
    pub(crate) async fn amend(&self, operation: &str, body: &Value) {
        let reply = self.0.engine.make(operation, body).await;
        assert!(reply.is_success(), "{operation}: {}", reply.body);
    }

    /// Forgets the calls, the emails and the items of a table.
    pub(super) async fn forget(&self, table: &str) {
        self.0.journal.forget();
        self.0.ses.forget();
        for item in self.items(table).await {
            let key = json!({ "TableName": table, "Key": { "pk": item["pk"] } });
            self.0.engine.make("DeleteItem", &key).await;
        }
    }

    /// The items of a table.
    pub(crate) async fn items(&self, table: &str) -> Vec<Value> {
        let found = self.0.engine.make("Scan", &json!({ "TableName": table })).await;
        found.body["Items"].as_array().expect("items").clone()
    }

    /// Makes a call. Other tasks get their turn first, so that requests at the same time take turns call by call.
    async fn serve(self, mut call: Call) -> Result<HttpResponse, ConnectorError> {
        tokio::task::yield_now().await;
        if call.is_the_tests_own() {
            return Ok(self.make(&call, None).await.into());
        }
        call.number = self.0.journal.note(&call);
        let entry = Some(call.number);
        let Some(fault) = self.director().decide(&mut call).await else {
            return Ok(self.make(&call, entry).await.into());
        };
        let reply = match fault {
            Fault::Lost(answer) => {
                self.make(&call, entry).await;
                return lose(answer).await;
            }
            Fault::NeverDone(answer) => return lose(answer).await,
            Fault::SlowBefore(delay) => {
                tokio::time::sleep(delay).await;
                self.make(&call, entry).await
            }
            Fault::SlowAfter(delay) => {
                let reply = self.make(&call, entry).await;
                tokio::time::sleep(delay).await;
                reply
            }
            Fault::LandsLate(delay) => {
                // In a task of its own, which goes on when nobody waits for it any more.
                let landing = tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    self.make(&call, entry).await
                });
                landing.await.expect("a reply")
            }
            Fault::Refused(refusal) => {
                tokio::time::sleep(refusal.after).await;
                refusal.reply()
            }
            Fault::Throttled => fault::throttled(call.service),
            Fault::InProgress => fault::in_progress(),
            Fault::Collided(parts) => fault::collided(&call, parts),
            Fault::Held(parts, delay) => {
                let reply = fault::held(&self.0.engine, &call, &parts).await;
                self.director().made(&call, &reply);
                tokio::time::sleep(delay).await;
                reply
            }
            Fault::Canceled(reasons) => fault::canceled(&self.0.engine, &call, &reasons).await,
        };
        Ok(reply.into())
    }

    async fn make(&self, call: &Call, entry: Option<usize>) -> Reply {
        let reply = match call.service {
            Aws::DynamoDb => self.0.engine.make(&call.operation, &call.body).await,
            Aws::Ses => self.0.ses.take(&call.body),
            Aws::SecretsManager => self.0.secrets.read(&call.body),
        };
        if let Some(entry) = entry {
            if reply.is_success() {
                self.0.journal.note_success(entry);
            }
            self.director().made(call, &reply);
        }
        reply
    }
}

/// What arrives in the place of the answer.
async fn lose(answer: Answer) -> Result<HttpResponse, ConnectorError> {
    match answer {
        Answer::Http500 => Ok(Reply::error(500, "InternalServerError", "lost").into()),
        Answer::Break => Err(ConnectorError::io("the connection broke".into())),
        Answer::Silence => pending().await,
    }
}

impl HttpConnector for World {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().serve(Call::read(&request)))
    }
}

/// The SDK's backoffs and time limits.
impl AsyncSleep for World {
    fn sleep(&self, duration: Duration) -> Sleep {
        let is_backoff = duration < MAX_BACKOFF && duration != LOOK_AT_BODY;
        if is_backoff && self.0.is_hasty.load(Ordering::SeqCst) {
            return Sleep::new(std::future::ready(()));
        }
        Sleep::new(tokio::time::sleep(duration))
    }
}

impl HttpClient for World {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl fmt::Debug for World {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("World")
    }
}
