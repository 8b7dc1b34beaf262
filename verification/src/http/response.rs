//! Every successful response.

use lambda_http::http::{HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use time::Duration;

use crate::keys::key_ring::{KEY_SET_MAX_AGE, KeySet};
use crate::keys::proof_key::ALGORITHM;
use crate::rules::challenge_id::{ChallengeId, ChallengeName};

/// What a request achieved.
#[derive(Debug)]
pub enum Success {
    /// A code is in the recipient's email.
    Mailed(Mailed),
    /// A code was right.
    Verified {
        /// The challenge, with the proven address.
        challenge: ChallengeName,
        /// The proof.
        token: String,
        /// How long the proof still lives.
        expires_in: Duration,
        /// Whether the recipient is a test recipient.
        is_test: bool,
    },
    /// The public keys of proofs.
    KeySet(KeySet),
    /// Where they are, and how proofs are signed: what a library needs to verify one by the issuer's URL alone.
    ///
    /// Those three members of `OpenID` Connect Discovery 1.0, 3 that verifiers read. The others belong to log-ins.
    Discovery {
        /// `iss` of every proof.
        issuer: String,
        /// Where the keys are.
        key_set_url: String,
    },
}

/// A challenge whose code is in the recipient's email.
#[derive(Debug)]
pub struct Mailed {
    /// The challenge.
    pub challenge_id: ChallengeId,
    /// How long its code still works.
    pub expires_in: Duration,
    /// The time until another email may be requested.
    pub resend_in: Duration,
    /// Which email that is.
    pub by: MailedBy,
}

/// The email that a code is in.
#[derive(Debug)]
pub enum MailedBy {
    /// This request's.
    ThisRequest {
        /// The language of the email.
        locale: &'static str,
        /// The id that SES gave it.
        message_id: String,
    },
    /// One of the running pause.
    EarlierRequest,
    /// None: a test recipient's code is fixed.
    Nobody,
}

impl Success {
    /// Logs it. (Reading the keys, or where they are, is no event.)
    pub(super) fn log(&self) {
        match self {
            Self::Mailed(Mailed { challenge_id, by, .. }) => match by {
                MailedBy::ThisRequest { locale, message_id } => {
                    tracing::info!(outcome = "mailed", %challenge_id, locale, message_id);
                }
                MailedBy::EarlierRequest => tracing::info!(outcome = "already-mailed", %challenge_id),
                MailedBy::Nobody => tracing::info!(outcome = "test-code", %challenge_id),
            },
            Self::Verified { challenge, is_test, .. } => {
                let outcome = if *is_test { "test-verified" } else { "verified" };
                tracing::info!(outcome, challenge_id = %challenge.id);
            }
            Self::KeySet(_) | Self::Discovery { .. } => {}
        }
    }

    pub(super) fn respond(self) -> Response<Body> {
        match self {
            Self::Mailed(mailed) => mailed.respond(),
            Self::Verified {
                challenge,
                token,
                expires_in,
                ..
            } => {
                let body = json!({
                    "email": challenge.recipient.as_str(),
                    "token": token,
                    "token_type": "JWT",
                    "expires_in": expires_in.whole_seconds(),
                });
                json(StatusCode::OK, "application/json", &body)
            }
            Self::KeySet(keys) => public_json("application/jwk-set+json", &json!(keys)),
            Self::Discovery { issuer, key_set_url } => {
                let body = json!({
                    "issuer": issuer,
                    "jwks_uri": key_set_url,
                    "id_token_signing_alg_values_supported": [ALGORITHM],
                });
                public_json("application/json", &body)
            }
        }
    }
}

impl Mailed {
    fn respond(&self) -> Response<Body> {
        let body = json!({
            "challenge_id": self.challenge_id.to_string(),
            "expires_in": self.expires_in.whole_seconds(),
            "resend_in": self.resend_in.whole_seconds(),
        });
        json(StatusCode::ACCEPTED, "application/json", &body)
    }
}

/// A response with a JSON body that anybody may keep for a while.
fn public_json(media_type: &'static str, body: &Value) -> Response<Body> {
    let mut response = json(StatusCode::OK, media_type, body);
    let max_age = format!("public, max-age={}", KEY_SET_MAX_AGE.whole_seconds());
    if let Ok(value) = HeaderValue::try_from(max_age) {
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    response
}

/// A response with a JSON body that nobody may keep.
pub(super) fn json(status: StatusCode, media_type: &'static str, body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
