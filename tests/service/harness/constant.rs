//! Randomness that is the same each time, for what a file in `events/` or a pinned token expects, and for worlds that can be
//! played again.

use std::convert::Infallible;

use rand::{TryCryptoRng, TryRng};

/// Draws these bytes, for ever.
pub(crate) struct Constant([u8; 16]);

impl Constant {
    pub(crate) const fn byte(byte: u8) -> Self {
        Self([byte; 16])
    }

    pub(crate) const fn bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) fn number(number: usize) -> Self {
        Self((number as u128).to_be_bytes())
    }
}

impl TryRng for Constant {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for (byte, own) in bytes.iter_mut().zip(self.0.iter().cycle()) {
            *byte = *own;
        }
        Ok(())
    }
}

impl TryCryptoRng for Constant {}
