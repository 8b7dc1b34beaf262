//! The time.

use time::UtcDateTime;

/// The current time, cut to the whole seconds in which items, tokens and responses count.
///
/// Read it once for each request: every step of the request then sees the same instant.
pub fn now() -> UtcDateTime {
    UtcDateTime::now().truncate_to_second()
}
