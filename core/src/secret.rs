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
    /// There is none, or none of that stage.
    #[error("there is no secret {0}")]
    Missing(String),
    /// It holds no text.
    #[error("the secret {0} holds no text")]
    NoText(String),
    /// It is of no use.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// It was not read in the time that a request may wait for it.
    #[error("Secrets Manager did not answer in time")]
    TooSlow,
}

/// The secret as a running function knows it. Only the keys derived from it are kept.
pub struct Secret {
    client: Client,
    id: String,
    known: Mutex<Known>,
}

struct Known {
    key_ring: Arc<KeyRing>,
    /// When it was read, and when it was last tried to; in epoch seconds.
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
        let key_ring = Arc::new(read_key_ring(&client, &id, now).await?);
        let known = Known {
            key_ring,
            read_at: now,
            tried_at: now,
        };
        let known = Mutex::new(known);
        Ok(Self { client, id, known })
    }

    /// The key ring for a request at `now`. It is read again when it is [`READ_AGAIN_AFTER`] old; should that fail, the
    /// one that is known goes on to be used.
    pub async fn key_ring(&self, now: OffsetDateTime) -> Arc<KeyRing> {
        let mut known = self.known.lock().await;
        if now.unix_timestamp() - known.read_at >= READ_AGAIN_AFTER {
            self.read_again(&mut known, now.unix_timestamp()).await;
        }
        Arc::clone(&known.key_ring)
    }

    /// The key ring after a rotation that `used` does not know of yet, if there was one. It is read again, but not more
    /// often than once a minute: callers who make challenge ids up cannot make the function call Secrets Manager.
    pub async fn rotated_since(&self, used: &KeyRing, now: OffsetDateTime) -> Option<Arc<KeyRing>> {
        let mut known = self.known.lock().await;
        if known.key_ring.current().id == used.current().id {
            self.read_again(&mut known, now.unix_timestamp()).await;
        }
        (known.key_ring.current().id != used.current().id).then(|| Arc::clone(&known.key_ring))
    }

    async fn read_again(&self, known: &mut Known, now: i64) {
        if now - known.tried_at < SHORTEST_PAUSE {
            return;
        }
        known.tried_at = now;
        let reading = tokio::time::timeout(LONGEST_WAIT, read_key_ring(&self.client, &self.id, now));
        match reading.await.unwrap_or(Err(SecretError::TooSlow)) {
            Ok(key_ring) => {
                if key_ring.current().id != known.key_ring.current().id {
                    tracing::info!(outcome = "secret-rotated", version = key_ring.current().id);
                }
                known.key_ring = Arc::new(key_ring);
                known.read_at = now;
            }
            Err(cause) => tracing::error!(%cause, "the secret could not be read again; the known keys stay in use"),
        }
    }
}

/// One call; while the newest version is new, a second one for the version before it.
async fn read_key_ring(client: &Client, id: &str, now: i64) -> Result<KeyRing, SecretError> {
    let current = read_version(client, id, NEWEST).await?;
    if !current.is_new(now) {
        return Ok(KeyRing::new(current, None));
    }
    let previous = match read_version(client, id, BEFORE_IT).await {
        Ok(version) => Some(version),
        Err(SecretError::Missing(_)) => None,
        // One that is of no use never was in use either.
        Err(cause @ (SecretError::NoText(_) | SecretError::Keys(_))) => {
            tracing::error!(%cause, "the previous version of the secret is left out");
            None
        }
        Err(error) => return Err(error),
    };
    Ok(KeyRing::new(current, previous))
}

async fn read_version(client: &Client, id: &str, stage: &str) -> Result<Version, SecretError> {
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
    match (answer.secret_string(), answer.version_id(), answer.created_date()) {
        (Some(secret), Some(version), Some(created_at)) => Ok(Version {
            id: version.to_owned(),
            created_at: created_at.secs(),
            keys: Keys::derive(secret.as_bytes())?,
        }),
        _ => Err(SecretError::NoText(id.to_owned())),
    }
}
