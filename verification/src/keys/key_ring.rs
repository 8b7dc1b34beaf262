//! Which version of the secret counts when, while it is rotated.
//!
//! Running functions notice a new version at different times. A version therefore becomes active only after all of them
//! have noticed it, at an instant that each of them works out alone. The version before it stays accepted for as long as
//! anything that was made under it can still arrive.

use serde::Serialize;
use time::{Duration, UtcDateTime};

use super::Keys;
use super::proof_key::Jwk;

/// How often a running function reads the secret again.
pub const REFRESH_AFTER: Duration = Duration::minutes(5);
/// How long anybody may keep the key set (`max-age`; RFC 9111, 5.2.2.1).
pub const KEY_SET_MAX_AGE: Duration = Duration::minutes(5);
/// The time from the creation of a version until it becomes active.
const ACTIVE_AFTER: Duration = Duration::minutes(15);
/// The time from the creation of a version until the version before it is forgotten. That one stays active for the first
/// quarter of an hour, and what it made last lives for up to 60 minutes more (a proof; a code lives for 30).
const ROTATION_LASTS: Duration = Duration::hours(2);

// Before a version becomes active, every function has noticed it and every copy of the key set contains it, with five
// minutes to spare for a Secrets Manager that does not answer.
const _: () =
    assert!(REFRESH_AFTER.whole_seconds() + KEY_SET_MAX_AGE.whole_seconds() + 5 * 60 <= ACTIVE_AFTER.whole_seconds());

/// One version of the secret.
#[derive(Clone)]
pub struct Version {
    /// Its id in Secrets Manager.
    pub id: String,
    /// When it was created.
    pub created_at: UtcDateTime,
    /// The keys derived from it.
    pub keys: Keys,
}

impl Version {
    /// Whether it is active at `at`, if another version was before it.
    fn is_active(&self, at: UtcDateTime) -> bool {
        at - self.created_at >= ACTIVE_AFTER
    }

    /// Whether, at `now`, something that was made under the version before it can still arrive.
    pub fn is_replacing_another(&self, now: UtcDateTime) -> bool {
        now - self.created_at < ROTATION_LASTS
    }
}

/// The newest version of the secret and, during a rotation, the one before it.
pub struct KeyRing {
    newest: Version,
    previous: Option<Version>,
}

/// Public keys (RFC 7517, 5).
#[derive(Debug, Serialize)]
pub struct KeySet {
    /// Each key once.
    pub keys: Vec<Jwk>,
}

impl KeyRing {
    /// A key ring of these versions.
    ///
    /// A previous version with the same keys is left out, because a key set must name each key once. Both have the same keys
    /// when the secret is rotated between the two calls that read it, or when somebody stores the same text twice.
    pub fn new(newest: Version, previous: Option<Version>) -> Self {
        let previous = previous.filter(|previous| previous.keys.proof() != newest.keys.proof());
        Self { newest, previous }
    }

    /// Whether a version that did not exist when the secret was read, at `read_at`, may become active before a key set ends that
    /// somebody keeps from `now` on.
    pub fn is_outdated(read_at: UtcDateTime, now: UtcDateTime) -> bool {
        now - read_at >= ACTIVE_AFTER - KEY_SET_MAX_AGE
    }

    /// The newest version, active or not.
    pub const fn newest(&self) -> &Version {
        &self.newest
    }

    /// The version `id`, if it is one of these.
    pub fn version(&self, id: &str) -> Option<&Version> {
        let mut versions = std::iter::once(&self.newest).chain(&self.previous);
        versions.find(|version| version.id == id)
    }

    /// The keys that are active at `at`. They open challenges, count limits, and sign the proof of what was verified then.
    pub fn active(&self, at: UtcDateTime) -> &Keys {
        match &self.previous {
            Some(previous) if !self.newest.is_active(at) => &previous.keys,
            _ => &self.newest.keys,
        }
    }

    /// The keys to try for a challenge that is alive at `now`. The active keys come first. During a rotation those of the
    /// other version follow.
    pub fn accepted(&self, now: UtcDateTime) -> impl Iterator<Item = &Keys> {
        let (newest, previous) = (Some(&self.newest.keys), self.previous(now));
        let in_order = if self.newest.is_active(now) {
            [newest, previous]
        } else {
            [previous, newest]
        };
        in_order.into_iter().flatten()
    }

    /// The public keys of every proof that may be alive at `now`, or soon will be.
    pub fn key_set(&self, now: UtcDateTime) -> KeySet {
        let keys = std::iter::once(&self.newest.keys).chain(self.previous(now));
        let keys = keys.map(|keys| keys.proof().public().clone()).collect();
        KeySet { keys }
    }

    /// The keys of the version before, until they are forgotten.
    fn previous(&self, now: UtcDateTime) -> Option<&Keys> {
        let previous = self.previous.as_ref().filter(|_| self.newest.is_replacing_another(now));
        previous.map(|version| &version.keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MIN_SECRET_BYTES;

    const ROTATED: UtcDateTime = match UtcDateTime::from_unix_timestamp(1_800_000_000) {
        Ok(time) => time,
        Err(_) => UtcDateTime::UNIX_EPOCH,
    };
    const MINUTE: Duration = Duration::MINUTE;
    const SECOND: Duration = Duration::SECOND;

    fn version(number: u8, created_at: UtcDateTime) -> Version {
        Version {
            id: number.to_string(),
            created_at,
            keys: Keys::derive(&[number; MIN_SECRET_BYTES]).expect("a secret of the right length"),
        }
    }

    /// Which versions of `ring` are active, accepted and published, by their numbers.
    fn at(ring: &KeyRing, now: UtcDateTime) -> (u8, Vec<u8>, Vec<u8>) {
        let number_of = |key: &Jwk| {
            let mut numbers = 1..=2;
            let number = numbers.find(|number| version(*number, ROTATED).keys.proof().public() == key);
            number.expect("a version")
        };
        (
            number_of(ring.active(now).proof().public()),
            ring.accepted(now)
                .map(|keys| number_of(keys.proof().public()))
                .collect(),
            ring.key_set(now).keys.iter().map(number_of).collect(),
        )
    }

    #[test]
    fn the_first_version_is_active_at_once_and_alone() {
        let ring = KeyRing::new(version(1, ROTATED), None);
        for now in [ROTATED, ROTATED + 30 * MINUTE, ROTATED + 300 * MINUTE] {
            assert_eq!(at(&ring, now), (1, vec![1], vec![1]));
        }
    }

    #[test]
    fn a_new_version_is_published_at_once_and_active_after_15_minutes() {
        let ring = KeyRing::new(version(2, ROTATED), Some(version(1, ROTATED - 9_000 * SECOND)));
        assert_eq!(at(&ring, ROTATED), (1, vec![1, 2], vec![2, 1]));
        assert_eq!(at(&ring, ROTATED + 15 * MINUTE - SECOND), (1, vec![1, 2], vec![2, 1]));
        assert_eq!(at(&ring, ROTATED + 15 * MINUTE), (2, vec![2, 1], vec![2, 1]));
    }

    #[test]
    fn the_version_before_is_forgotten_after_2_hours() {
        let ring = KeyRing::new(version(2, ROTATED), Some(version(1, ROTATED - 9_000 * SECOND)));
        assert_eq!(at(&ring, ROTATED + 120 * MINUTE - SECOND), (2, vec![2, 1], vec![2, 1]));
        assert_eq!(at(&ring, ROTATED + 120 * MINUTE), (2, vec![2], vec![2]));
    }

    #[test]
    fn the_same_keys_are_published_once() {
        let ring = KeyRing::new(version(1, ROTATED), Some(version(1, ROTATED - 9_000 * SECOND)));
        assert_eq!(at(&ring, ROTATED), (1, vec![1], vec![1]));
    }

    #[test]
    fn a_reading_is_outdated_before_anybody_keeps_a_key_set_without_the_active_key() {
        assert!(!KeyRing::is_outdated(ROTATED, ROTATED + 10 * MINUTE - SECOND));
        assert!(KeyRing::is_outdated(ROTATED, ROTATED + 10 * MINUTE));
    }
}
