//! The id of an email.

use std::fmt;

use rand::TryCryptoRng;
use uuid::{Builder, Uuid};

/// Names one email that is about to go out, and the generation of a challenge that it opens.
///
/// It is stored, and told to nobody but SES. It is drawn apart from the challenge's id, which is told and not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailId(Uuid);

impl MailId {
    /// Draws a random id.
    pub fn draw<R: TryCryptoRng>(generator: &mut R) -> Result<Self, R::Error> {
        random_uuid(generator).map(Self)
    }

    /// Reads the id from an item.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

/// The form without hyphens, as an item holds it.
impl fmt::Display for MailId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.simple(), f)
    }
}

/// Draws a UUID (version 4, RFC 9562, 122 random bits).
pub(super) fn random_uuid<R: TryCryptoRng>(generator: &mut R) -> Result<Uuid, R::Error> {
    let mut bytes = [0; 16];
    generator.try_fill_bytes(&mut bytes)?;
    Ok(Builder::from_random_bytes(bytes).into_uuid())
}
