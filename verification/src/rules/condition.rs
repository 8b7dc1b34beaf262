//! How a conditional write ended.

/// A conditional write either applied or changed nothing. Both carry what is stored now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition<T> {
    /// The condition held and the write was made.
    Held(T),
    /// The condition failed and nothing changed.
    Failed(T),
}
