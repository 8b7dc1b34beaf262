//! A Secrets Manager in memory that can be rotated and can fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::service::START;
use super::world::call::Aws;
use super::world::fault::Fault;
use super::world::journal::Journal;
use super::world::reply::Reply;
use super::world::script::Script;

/// The texts of the versions, in their order.
pub(crate) const TEXTS: [&str; 3] = [
    "the secret of the tests, 32 bytes",
    "its second version, 32 bytes or more",
    "its third version, 32 bytes or more",
];

/// How it treats the next calls.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    Willing,
    Down,
    /// Responds after this time.
    Slow(Duration),
}

/// A version of the secret: its text, and when it was made.
struct Version {
    text: String,
    created_at: i64,
}

struct State {
    versions: Vec<Version>,
    /// How many calls were counted already.
    counted: usize,
}

#[derive(Clone)]
pub(crate) struct SecretsManager {
    journal: Journal,
    script: Script,
    state: Arc<Mutex<State>>,
}

impl SecretsManager {
    /// Starts with one version, which is a day old.
    pub(super) fn new(journal: &Journal, script: &Script) -> Self {
        let first = Version {
            text: TEXTS[0].to_owned(),
            created_at: START - 86_400,
        };
        Self {
            journal: journal.clone(),
            script: script.clone(),
            state: Arc::new(Mutex::new(State {
                versions: vec![first],
                counted: 0,
            })),
        }
    }

    /// Creates a new version at `now`. It is the current one from then on.
    pub(crate) fn rotate(&self, now: i64) {
        let number = self.state.lock().expect("the state").versions.len();
        self.rotate_to(TEXTS[number], now);
    }

    /// Has one version only, created at `now`, as in a new stack.
    pub(crate) fn start_over(&self, now: i64) {
        self.state.lock().expect("the state").versions.clear();
        self.rotate(now);
    }

    pub(crate) fn rotate_to(&self, text: &str, created_at: i64) {
        let text = text.to_owned();
        let version = Version { text, created_at };
        self.state.lock().expect("the state").versions.push(version);
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.script.forget(Aws::SecretsManager);
        let fault = match mood {
            Mood::Willing => return,
            Mood::Down => Fault::refused(500, "InternalServiceError"),
            Mood::Slow(delay) => Fault::SlowAfter(delay),
        };
        self.script.always(Aws::SecretsManager, fault);
    }

    /// How often it was called since the last call of this.
    pub(crate) fn calls(&self) -> usize {
        let calls = self.journal.calls_to(Aws::SecretsManager);
        calls - std::mem::replace(&mut self.state.lock().expect("the state").counted, calls)
    }

    /// Answers `GetSecretValue`.
    pub(super) fn read(&self, asked: &Value) -> Reply {
        let state = self.state.lock().expect("the state");
        let stages = ["AWSCURRENT", "AWSPREVIOUS"];
        let back = stages.iter().position(|stage| asked["VersionStage"] == *stage);
        let Some(number) = state.versions.len().checked_sub(1 + back.expect("a stage of these")) else {
            return Reply::error(400, "ResourceNotFoundException", "there is no such version");
        };
        let version = &state.versions[number];
        Reply::success(json!({
            "ARN": "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:secret",
            "Name": "secret",
            "VersionId": format!("version-{number}"),
            "VersionStages": [asked["VersionStage"]],
            "SecretString": version.text,
            "CreatedDate": version.created_at,
        }))
    }
}
