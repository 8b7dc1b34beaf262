//! The service's one secret, in Secrets Manager, and the versions of it that a function knows.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use time::OffsetDateTime;
use tokio::sync::Mutex;

use crate::aws;
use crate::keyring::{KeyRing, READ_AGAIN_AFTER, Version};
use crate::keys::{KeyError, Keys};

/// Seconds between two readings of the secret, whatever gave cause for them.
const SHORTEST_PAUSE: i64 = 60;
/// How long a request may wait while the secret is read again. After that it goes on with the keys that are known.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

const NEWEST: &str = "AWSCURRENT";
const BEFORE_IT: &str = "AWSPREVIOUS";

/// The secret could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager did not give it.
    #[error("Secrets Manager gave no secret {id}: {cause}")]
    Unavailable {
        /// `SECRET_ID`.
        id: String,
        /// Code and request id of the failed call.
        cause: String,
    },
    /// Secrets Manager did not give it in the time that a request may wait for it.
    #[error("Secrets Manager did not answer in time")]
    TooSlow,
    /// There is none, or none at that stage.
    #[error("there is no secret {0}")]
    Missing(String),
    /// It holds no text; or Secrets Manager named no id or date.
    #[error("the secret {0} holds no text, or has no id or date")]
    NoText(String),
    /// No keys can be derived from it.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// It could not be read again for so long that a version may be in force which the function does not know.
    #[error("the known keys are outdated: the secret could not be read for {0} s")]
    Outdated(i64),
}

impl SecretError {
    /// Whether Secrets Manager has said that there is no version of any use, so that asking again is of none either.
    const fn is_final(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::NoText(_) | Self::Keys(_))
    }
}

/// The secret as a running function knows it. Only the keys derived from it are kept.
pub struct Secret {
    client: Client,
    id: String,
    reading: Mutex<Reading>,
}

/// What came of the last reading that succeeded, and when it and the last try were, in epoch seconds.
struct Reading {
    key_ring: Arc<KeyRing>,
    read_at: i64,
    tried_at: i64,
}

impl Secret {
    /// Reads the secret `id` at `now`, while a function starts.
    ///
    /// # Errors
    ///
    /// [`SecretError`] when Secrets Manager does not give it or no keys can be derived from it.
    pub async fn read(client: Client, id: String, now: OffsetDateTime) -> Result<Self, SecretError> {
        let now = now.unix_timestamp();
        let key_ring = Arc::new(read_key_ring(&client, &id, now, None).await?);
        let reading = Mutex::new(Reading {
            key_ring,
            read_at: now,
            tried_at: now,
        });
        Ok(Self { client, id, reading })
    }

    /// The key ring for a request at `now`. The secret is read again when the last reading is [`READ_AGAIN_AFTER`] old;
    /// should that fail, the known keys go on to be used.
    pub async fn key_ring(&self, now: OffsetDateTime) -> Arc<KeyRing> {
        let now = now.unix_timestamp();
        let mut reading = self.reading.lock().await;
        if now - reading.read_at >= READ_AGAIN_AFTER {
            self.read_again(&mut reading, now).await;
        }
        Arc::clone(&reading.key_ring)
    }

    /// The key ring of a rotation that `used` knows nothing of, for a challenge that does not stand under the keys of
    /// `used`; none if there was no rotation. The secret is read again for it at most once a minute, whatever ids callers
    /// make up.
    ///
    /// # Errors
    ///
    /// [`SecretError::Outdated`] when that cannot be said.
    pub async fn read_after_a_miss(
        &self,
        used: &KeyRing,
        now: OffsetDateTime,
    ) -> Result<Option<Arc<KeyRing>>, SecretError> {
        let now = now.unix_timestamp();
        let mut reading = self.reading.lock().await;
        if reading.key_ring.current().id == used.current().id {
            self.read_again(&mut reading, now).await;
        }
        if reading.key_ring.current().id != used.current().id {
            return Ok(Some(Arc::clone(&reading.key_ring)));
        }
        if KeyRing::is_outdated(reading.read_at, now) {
            return Err(SecretError::Outdated(now - reading.read_at));
        }
        Ok(None)
    }

    async fn read_again(&self, reading: &mut Reading, now: i64) {
        if now - reading.tried_at < SHORTEST_PAUSE {
            return;
        }
        reading.tried_at = now;
        let known = Arc::clone(&reading.key_ring);
        let read = tokio::time::timeout(LONGEST_WAIT, read_key_ring(&self.client, &self.id, now, Some(&known)));
        match read.await.unwrap_or(Err(SecretError::TooSlow)) {
            Ok(key_ring) => {
                if key_ring.current().id != known.current().id {
                    tracing::info!(outcome = "secret-rotated", version = key_ring.current().id);
                }
                reading.key_ring = Arc::new(key_ring);
                reading.read_at = now;
            }
            Err(cause) => tracing::error!(%cause, "the secret could not be read again; the known keys stay in use"),
        }
    }
}

/// One call; while the newest version is replacing another, a second one for that. Keys that are `known` are not derived
/// again.
async fn read_key_ring(client: &Client, id: &str, now: i64, known: Option<&KeyRing>) -> Result<KeyRing, SecretError> {
    let newest = match read_version(client, id, NEWEST, known).await {
        Ok(newest) if !newest.is_replacing_another(now) => return Ok(KeyRing::new(newest, None)),
        Err(error) if !error.is_final() => return Err(error),
        newest => newest,
    };
    match (newest, read_version(client, id, BEFORE_IT, known).await) {
        (Ok(newest), Ok(before_it)) => Ok(KeyRing::new(newest, Some(before_it))),
        (Ok(newest), Err(error)) if error.is_final() => Ok(KeyRing::new(newest, None)),
        // The newest is a mistake: the service goes on with the one before it.
        (Err(_), Ok(before_it)) => Ok(KeyRing::new(before_it, None)),
        (Err(error), Err(_)) | (Ok(_), Err(error)) => Err(error),
    }
}

async fn read_version(client: &Client, id: &str, stage: &str, known: Option<&KeyRing>) -> Result<Version, SecretError> {
    let answer = client
        .get_secret_value()
        .secret_id(id)
        .version_stage(stage)
        .send()
        .await;
    let answer = answer.map_err(|error| match error.as_service_error() {
        Some(GetSecretValueError::ResourceNotFoundException(_)) => SecretError::Missing(id.to_owned()),
        _ => SecretError::Unavailable {
            id: id.to_owned(),
            cause: aws::cause(&error),
        },
    })?;
    if let Some(version) = known.and_then(|key_ring| key_ring.version(answer.version_id()?)) {
        return Ok(version.clone());
    }
    let version = match (answer.secret_string(), answer.version_id(), answer.created_date()) {
        (Some(secret), Some(version), Some(created_at)) => match Keys::derive(secret.as_bytes()) {
            Ok(keys) => Ok(Version {
                id: version.to_owned(),
                created_at: created_at.secs(),
                keys,
            }),
            Err(error) => Err(error.into()),
        },
        _ => Err(SecretError::NoText(id.to_owned())),
    };
    if let Err(cause) = &version {
        tracing::error!(stage, %cause, "a version of the secret is of no use");
    }
    version
}
