//! A stand-in for Secrets Manager that can be rotated and can fail.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::{Request, Respond, ResponseTemplate};

use super::service::START;
use super::stand_in::StandIn;

/// The texts of the versions, in their order.
pub(crate) const TEXTS: [&str; 3] = [
    "the secret of the tests, 32 bytes",
    "its second version, 32 bytes or more",
    "its third version, 32 bytes or more",
];

/// How the stand-in treats the next calls.
#[derive(Clone, Copy, Default)]
pub(crate) enum Mood {
    #[default]
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
    mood: Mood,
    calls: usize,
}

pub(crate) struct SecretsManager {
    stand_in: StandIn,
    state: Arc<Mutex<State>>,
}

impl SecretsManager {
    /// Starts with one version, which is a day old.
    pub(crate) async fn start() -> Self {
        let first = Version {
            text: TEXTS[0].to_owned(),
            created_at: START - 86_400,
        };
        let state = Arc::new(Mutex::new(State {
            versions: vec![first],
            mood: Mood::default(),
            calls: 0,
        }));
        let stand_in = StandIn::start("/", Responses(Arc::clone(&state))).await;
        Self { stand_in, state }
    }

    pub(crate) fn url(&self) -> &str {
        self.stand_in.url()
    }

    /// Creates a new version at `now`. It is the current one from then on.
    pub(crate) fn rotate(&self, now: i64) {
        let number = self.state.lock().expect("the state").versions.len();
        self.rotate_to(TEXTS[number], now);
    }

    pub(crate) fn rotate_to(&self, text: &str, created_at: i64) {
        let text = text.to_owned();
        let version = Version { text, created_at };
        self.state.lock().expect("the state").versions.push(version);
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state.lock().expect("the state").mood = mood;
    }

    /// How often it was called since the last call of this.
    pub(crate) fn calls(&self) -> usize {
        std::mem::take(&mut self.state.lock().expect("the state").calls)
    }
}

struct Responses(Arc<Mutex<State>>);

impl Respond for Responses {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        assert_eq!(request.headers["x-amz-target"], "secretsmanager.GetSecretValue");
        let asked: Value = request.body_json().expect("JSON");
        let mut state = self.0.lock().expect("the state");
        state.calls += 1;
        let stages = ["AWSCURRENT", "AWSPREVIOUS"];
        let back = stages.iter().position(|stage| asked["VersionStage"] == *stage);
        let number = state.versions.len().checked_sub(1 + back.expect("a stage of these"));
        let response = match (state.mood, number) {
            (Mood::Down, _) => return error(500, "InternalServiceError"),
            (_, None) => return error(400, "ResourceNotFoundException"),
            (_, Some(number)) => {
                let version = &state.versions[number];
                ResponseTemplate::new(200).set_body_json(json!({
                    "ARN": "arn:aws:secretsmanager:ap-northeast-2:123456789012:secret:secret",
                    "Name": "secret",
                    "VersionId": format!("version-{number}"),
                    "VersionStages": [asked["VersionStage"]],
                    "SecretString": version.text,
                    "CreatedDate": version.created_at,
                }))
            }
        };
        match state.mood {
            Mood::Slow(delay) => response.set_delay(delay),
            _ => response,
        }
    }
}

fn error(status: u16, code: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({ "__type": code, "Message": "not now" }))
}
