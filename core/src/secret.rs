//! The service's one secret, in Secrets Manager.

use aws_sdk_secretsmanager::Client;

use crate::aws;
use crate::keys::{Keys, ShortSecret};

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
    /// It holds no text.
    #[error("the secret {0} holds no text")]
    NoText(String),
    /// It is too short.
    #[error(transparent)]
    Short(#[from] ShortSecret),
}

/// Reads the secret `id` and derives the keys from it, once while a function starts. The secret itself is not kept.
///
/// # Errors
///
/// [`SecretError`] when Secrets Manager does not give it or no keys can be derived from it.
pub async fn keys(client: &Client, id: &str) -> Result<Keys, SecretError> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|error| SecretError::Unavailable {
        id: id.to_owned(),
        cause: aws::cause(&error),
    })?;
    let secret = answer
        .secret_string()
        .ok_or_else(|| SecretError::NoText(id.to_owned()))?;
    Ok(Keys::derive(secret.as_bytes())?)
}
