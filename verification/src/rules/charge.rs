//! The id of a charge against a limit.

use std::fmt;

use rand::TryCryptoRng;
use uuid::{Builder, Uuid};

/// Names the charges that one request makes against limits, and their refunds.
///
/// It is an idempotency token: the AWS SDK repeats a write whose response was lost, and an item that holds this id has
/// already been charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargeId(Uuid);

impl ChargeId {
    /// Draws a random id (UUID version 4, RFC 9562, 122 random bits).
    ///
    /// # Errors
    ///
    /// Those of the generator.
    pub fn draw<R: TryCryptoRng>(generator: &mut R) -> Result<Self, R::Error> {
        let mut bytes = [0; 16];
        generator.try_fill_bytes(&mut bytes)?;
        Ok(Self(Builder::from_random_bytes(bytes).into_uuid()))
    }

    /// Reads the id from an item.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    pub(crate) const fn as_uuid(self) -> Uuid {
        self.0
    }
}

/// The hyphenated form in lower case, as an item holds it.
impl fmt::Display for ChargeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_id_is_a_random_uuid() {
        let mut generator = rand::rngs::SysRng;
        let one = ChargeId::draw(&mut generator).expect("randomness");
        let other = ChargeId::draw(&mut generator).expect("randomness");
        assert_ne!(one, other);
        assert_eq!(one.0.get_version_num(), 4);
    }

    #[test]
    fn an_id_is_read_back_from_an_item() {
        let id = ChargeId::draw(&mut rand::rngs::SysRng).expect("randomness");
        assert_eq!(ChargeId::parse(&id.to_string()), Some(id));
        assert_eq!(ChargeId::parse("1"), None);
    }
}
