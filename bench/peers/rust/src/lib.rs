//! What both bare functions share: the key, the table and the calls.
//!
//! They make the calls that the service's functions made (`CALLS_FILE`), under names and with a code of their own, by
//! the SDK's guide. They leave out the limits, the languages, what may be wrong with a request, and all failures.

use std::collections::HashMap;
use std::sync::LazyLock;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_dynamodb::types::AttributeValue;
use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use lambda_http::{Body, Error, Response};
use serde_json::{Value, json};
use sha2::Sha256;

/// The calls that the service made.
pub static CALLS: LazyLock<Value> = LazyLock::new(|| {
    let calls = std::fs::read_to_string(variable("CALLS_FILE")).unwrap_or_default();
    serde_json::from_str(&calls).unwrap_or_default()
});

/// What both functions start with.
pub struct Function {
    /// The table's client.
    pub dynamodb: aws_sdk_dynamodb::Client,
    /// For the clients of others.
    pub config: SdkConfig,
    key: Vec<u8>,
}

impl Function {
    /// Reads the secret, as the SDK's guide says, and returns it beside the function.
    pub async fn start() -> Result<(Self, Vec<u8>), Error> {
        // The other peers have read the file by their first answer as well.
        LazyLock::force(&CALLS);
        let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
        let reader = aws_sdk_secretsmanager::Client::new(&config);
        let read = reader.get_secret_value().secret_id(variable("SECRET_ID"));
        let secret = read.version_stage("AWSCURRENT").send().await?;
        let secret = secret.secret_string().ok_or("no secret")?.as_bytes().to_vec();
        let function = Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            config,
            key: hmac(&secret, b"item-name")?,
        };
        Ok((function, secret))
    }

    /// A MAC of these parts.
    pub fn mac(&self, parts: &[&str]) -> Result<String, Error> {
        Ok(HEXLOWER.encode(&hmac(&self.key, parts.join("\0").as_bytes())?))
    }
}

/// HMAC-SHA-256.
pub fn hmac(key: &[u8], message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().to_vec())
}

/// An environment variable.
pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

/// The text at a JSON pointer, or an empty one.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// An address, as it is compared.
pub fn email(body: &Value) -> String {
    text(body, "/email").trim().to_lowercase()
}

/// A JSON response.
pub fn respond(status: u16, body: &Value) -> Result<Response<Body>, Error> {
    let response = Response::builder()
        .status(status)
        .header("content-type", "application/json");
    Ok(response
        .header("cache-control", "no-store")
        .body(body.to_string().into())?)
}

/// A line for the log.
pub fn log(outcome: &str, challenge: &str) {
    println!(
        "{}",
        json!({ "level": "INFO", "outcome": outcome, "challenge_id": challenge })
    );
}

/// Attributes by name, as the SDK wants them.
pub fn attributes(values: &Value) -> HashMap<String, AttributeValue> {
    let members = values.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// Names by placeholder, as the SDK wants them.
pub fn names(values: &Value) -> Option<HashMap<String, String>> {
    let members = values.as_object()?.iter();
    Some(
        members
            .map(|(name, value)| (name.clone(), text(value, "").to_owned()))
            .collect(),
    )
}

fn attribute(value: &Value) -> AttributeValue {
    if let Some(map) = value.get("M") {
        return AttributeValue::M(attributes(map));
    }
    if let Some(number) = value.get("N") {
        return AttributeValue::N(text(number, "").to_owned());
    }
    if let Some(texts) = value.get("SS").and_then(Value::as_array) {
        return AttributeValue::Ss(texts.iter().map(|one| text(one, "").to_owned()).collect());
    }
    AttributeValue::S(text(value, "/S").to_owned())
}
