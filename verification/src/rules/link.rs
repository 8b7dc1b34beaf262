//! The link in an email: one parameter that is as good as the code.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use time::UtcDateTime;

use crate::keys::Keys;
use crate::keys::seal_key::NotSealed;
use crate::locale::Locale;
use crate::rules::api_url::ApiUrl;
use crate::rules::challenge_id::{ChallengeId, ChallengeName};
use crate::rules::code::Code;
use crate::rules::mail_id::MailId;
use crate::rules::purpose::Purpose;
use crate::rules::recipient::Recipient;

/// The path of the page behind the link, below the URL of the API.
pub const PAGE_PATH: &str = "/verify";
/// The name of the link's only parameter, in its query, in the page's form, and in the body of `POST /verify-code`.
pub const PARAMETER: &str = "link";

/// The last character of the parameter. Mail programs take a `-` or `_` at the end of a link for the end of its sentence.
const END: char = 'A';

/// Where the link in an email leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LinkTarget {
    /// Emails carry no link.
    #[default]
    Off,
    /// To the service's own page.
    Page,
    /// To the app: its universal link, an https URL without a query.
    App(String),
}

/// What a link carries.
pub struct Link {
    /// The challenge.
    pub challenge: ChallengeName,
    /// Its code.
    pub code: Code,
    /// When the code expires.
    pub expires_at: UtcDateTime,
    /// The language of the email, and so of the page. None if the service has it no more.
    pub locale: Option<Locale>,
}

/// The plaintext of the parameter: a JSON array of address, challenge id, purpose, code, expiry (epoch seconds), language tag.
#[derive(Serialize, Deserialize)]
struct Plaintext<'a>(
    Cow<'a, str>,
    Cow<'a, str>,
    Cow<'a, str>,
    Cow<'a, str>,
    i64,
    Cow<'a, str>,
);

/// A link could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Its content could not be written.
    #[error("the link cannot be written: {0}")]
    Unwritten(#[from] serde_json::Error),
    /// Its content could not be sealed.
    #[error(transparent)]
    NotSealed(#[from] NotSealed),
    /// The URL of the API is not known.
    #[error("no link can be made: the event names no domain")]
    NoDomain,
}

impl LinkTarget {
    /// The URL that a link begins with, in an email for which a request came to `domain`. None where emails carry no link.
    pub fn url(&self, api_url: &ApiUrl, domain: Option<&str>) -> Result<Option<String>, LinkError> {
        match self {
            Self::Off => Ok(None),
            Self::Page => {
                let api_url = api_url.at(domain).ok_or(LinkError::NoDomain)?;
                Ok(Some(format!("{api_url}{PAGE_PATH}")))
            }
            Self::App(url) => Ok(Some(url.clone())),
        }
    }
}

impl Link {
    /// The link's parameter, in the email `mail`. No other email has that id, so the nonce is derived from it.
    pub fn seal(&self, keys: &Keys, mail: MailId) -> Result<String, LinkError> {
        let plaintext = Plaintext(
            self.challenge.recipient.as_str().into(),
            self.challenge.id.to_string().into(),
            self.challenge.purpose.as_str().into(),
            self.code.as_str().into(),
            self.expires_at.unix_timestamp(),
            self.locale.map_or("", Locale::tag).into(),
        );
        let plaintext = serde_json::to_vec(&plaintext)?;
        let nonce = keys.digest.mac(&[mail.as_bytes(), b"link"]).first_chunk();
        let mut sealed = keys.link.seal(nonce, &plaintext)?;
        sealed.push(END);
        Ok(sealed)
    }

    /// Opens a parameter. None unless it was sealed under these keys, and nobody changed it.
    pub fn open(keys: &Keys, sealed: &str) -> Option<Self> {
        let plaintext = keys.link.open(sealed.strip_suffix(END)?)?;
        let Plaintext(recipient, id, purpose, code, expires_at, tag) = serde_json::from_slice(&plaintext).ok()?;
        Some(Self {
            challenge: ChallengeName {
                recipient: Recipient::parse(&recipient).ok()?,
                id: ChallengeId::parse(&id).ok()?,
                purpose: Purpose::parse(&purpose).ok()?,
            },
            // As many digits as it was made with, whatever is configured now.
            code: Code::parse(&code, u8::try_from(code.len()).ok()?).ok()?,
            expires_at: UtcDateTime::from_unix_timestamp(expires_at).ok()?,
            locale: Locale::from_tag(&tag),
        })
    }

    /// Whether its code has expired at `now`.
    pub fn is_expired(&self, now: UtcDateTime) -> bool {
        now >= self.expires_at
    }
}
