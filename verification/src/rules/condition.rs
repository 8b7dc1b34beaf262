//! How a conditional write ended.

/// A conditional write either applied or changed nothing. Both carry what is stored now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition<T> {
    /// The condition held and the write was made.
    Held(T),
    /// The condition failed and nothing changed.
    Failed(T),
}

impl<T> Condition<T> {
    /// Reads what is stored as another type, whichever way the write ended.
    pub fn try_map<U, E>(self, read: impl FnOnce(T) -> Result<U, E>) -> Result<Condition<U>, E> {
        Ok(match self {
            Self::Held(stored) => Condition::Held(read(stored)?),
            Self::Failed(stored) => Condition::Failed(read(stored)?),
        })
    }
}
