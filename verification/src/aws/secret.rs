//! The service's one secret, in Secrets Manager, and the versions of it that a running function knows.

use std::sync::Arc;
use std::time::Duration as StdDuration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::{GetSecretValueError, GetSecretValueOutput};
use time::{Duration, UtcDateTime};
use tokio::sync::Mutex;

use super::client;
use crate::keys::key_ring::{KeyRing, KeySet, REFRESH_AFTER, Version};
use crate::keys::{KeyError, Keys};

/// The least time between two readings of the secret.
const MIN_PAUSE: Duration = Duration::minutes(1);
/// How long a request waits while the secret is read again. After that it goes on with the known keys.
const MAX_WAIT: StdDuration = StdDuration::from_secs(3);

const NEWEST: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";

/// The secret could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not return it.
    #[error("Secrets Manager gave no secret {id}: {cause}")]
    Unavailable {
        /// `SECRET_ID`.
        id: String,
        /// Code and request id of the failed call.
        cause: String,
    },
    /// Secrets Manager did not return it in the time that a request can wait.
    #[error("Secrets Manager did not respond in time")]
    TooSlow,
    /// There is no such secret, or no such version of it.
    #[error("there is no secret {0}")]
    Missing(String),
    /// It holds no text, or Secrets Manager named no id or no date.
    #[error("the secret {0} holds no text, or has no id or date")]
    NoText(String),
    /// No keys can be derived from it.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// It could not be read for so long that a version may be active which the function does not know.
    #[error("the known keys are outdated: the secret could not be read for {0} s")]
    Outdated(i64),
}

impl SecretError {
    /// Whether trying again cannot help, because Secrets Manager has said that no version can be used.
    const fn is_final(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::NoText(_) | Self::Keys(_))
    }
}

/// The secret as a running function knows it. The function keeps only the keys that are derived from it.
pub struct Secret {
    client: Client,
    id: String,
    reading: Mutex<Reading>,
}

/// The newest successful reading, and when the newest attempt was.
struct Reading {
    key_ring: Arc<KeyRing>,
    read_at: UtcDateTime,
    attempted_at: UtcDateTime,
}

impl Secret {
    /// Reads the secret `id` at `now`, when a function starts.
    ///
    /// # Errors
    ///
    /// [`SecretError`] when Secrets Manager does not return it or no keys can be derived from it.
    pub async fn read(client: Client, id: String, now: UtcDateTime) -> Result<Self, SecretError> {
        let key_ring = Arc::new(read_key_ring(&client, &id, now, None).await?);
        let reading = Mutex::new(Reading {
            key_ring,
            read_at: now,
            attempted_at: now,
        });
        Ok(Self { client, id, reading })
    }

    /// The key ring for a request at `now`.
    ///
    /// It is read again when the last reading is [`REFRESH_AFTER`] old. If that fails, the known keys stay in use.
    pub async fn key_ring(&self, now: UtcDateTime) -> Arc<KeyRing> {
        let mut reading = self.reading.lock().await;
        if now - reading.read_at >= REFRESH_AFTER {
            self.refresh(&mut reading, now).await;
        }
        Arc::clone(&reading.key_ring)
    }

    /// The public keys at `now`.
    ///
    /// # Errors
    ///
    /// [`SecretError::Outdated`] when the secret could not be read for so long that the active key may not be among them. Whoever
    /// kept such a set would refuse good proofs.
    pub async fn key_set(&self, now: UtcDateTime) -> Result<KeySet, SecretError> {
        let key_ring = self.key_ring(now).await;
        let read_at = self.reading.lock().await.read_at;
        if KeyRing::is_outdated(read_at, now) {
            return Err(SecretError::Outdated((now - read_at).whole_seconds()));
        }
        Ok(key_ring.key_set(now))
    }

    async fn refresh(&self, reading: &mut Reading, now: UtcDateTime) {
        if now - reading.attempted_at < MIN_PAUSE {
            return;
        }
        reading.attempted_at = now;
        let known = Arc::clone(&reading.key_ring);
        let read = tokio::time::timeout(MAX_WAIT, read_key_ring(&self.client, &self.id, now, Some(&known)));
        match read.await.unwrap_or(Err(SecretError::TooSlow)) {
            Ok(key_ring) => {
                if key_ring.newest().id != known.newest().id {
                    tracing::info!(outcome = "secret-rotated", version = key_ring.newest().id);
                }
                reading.key_ring = Arc::new(key_ring);
                reading.read_at = now;
            }
            Err(cause) => tracing::error!(%cause, "the secret could not be read again; the known keys stay in use"),
        }
    }
}

/// Reads the newest version and, while it is replacing another, the one before it. Keys in `known` are not derived again.
async fn read_key_ring(
    client: &Client,
    id: &str,
    now: UtcDateTime,
    known: Option<&KeyRing>,
) -> Result<KeyRing, SecretError> {
    let newest = match read_version(client, id, NEWEST, known).await {
        Ok(newest) if !newest.is_replacing_another(now) => return Ok(KeyRing::new(newest, None)),
        Err(error) if !error.is_final() => return Err(error),
        newest => newest,
    };
    match (newest, read_version(client, id, PREVIOUS, known).await) {
        (Ok(newest), Ok(previous)) => Ok(KeyRing::new(newest, Some(previous))),
        (Ok(newest), Err(error)) if error.is_final() => Ok(KeyRing::new(newest, None)),
        // The newest version is a mistake. The service goes on with the one before it.
        (Err(_), Ok(previous)) => Ok(KeyRing::new(previous, None)),
        (Err(error), Err(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

async fn read_version(client: &Client, id: &str, stage: &str, known: Option<&KeyRing>) -> Result<Version, SecretError> {
    let call = client.get_secret_value().secret_id(id).version_stage(stage);
    let output = call.send().await.map_err(|error| match error.as_service_error() {
        Some(GetSecretValueError::ResourceNotFoundException(_)) => SecretError::Missing(id.to_owned()),
        _ => SecretError::Unavailable {
            id: id.to_owned(),
            cause: client::cause(&error),
        },
    })?;
    if let Some(version) = known.and_then(|key_ring| key_ring.version(output.version_id()?)) {
        return Ok(version.clone());
    }
    let version = derive_version(id, &output);
    if let Err(cause) = &version {
        tracing::error!(stage, %cause, "a version of the secret cannot be used");
    }
    version
}

fn derive_version(id: &str, output: &GetSecretValueOutput) -> Result<Version, SecretError> {
    let created_at = output
        .created_date()
        .map(|date| UtcDateTime::from_unix_timestamp(date.secs()));
    match (output.secret_string(), output.version_id(), created_at) {
        (Some(secret), Some(version), Some(Ok(created_at))) => Ok(Version {
            id: version.to_owned(),
            created_at,
            keys: Keys::derive(secret.as_bytes())?,
        }),
        _ => Err(SecretError::NoText(id.to_owned())),
    }
}
