//! Which version of the secret counts when, while it is rotated.
//!
//! Functions that run notice a new version at different times. So it comes into force only once all of them have, at
//! an instant that all work out alike, and the version before it is remembered for as long as something made under it
//! can still be handed in.

use jsonwebtoken::jwk::JwkSet;

use crate::keys::Keys;

/// Seconds after which a running function reads the secret again.
pub const READ_AGAIN_AFTER: i64 = 5 * 60;
/// Seconds for which anybody may keep the key set (`max-age`, RFC 9111, 5.2.2.1).
pub const KEY_SET_MAX_AGE: i64 = 5 * 60;
/// Seconds from the making of a version until it is in force.
const IN_FORCE_AFTER: i64 = 15 * 60;
/// Seconds from the making of a version until the one before it is forgotten: longer than that was in force, plus the
/// longest life of a proof (60 minutes) or a code (30).
const ROTATION_LASTS: i64 = 2 * 60 * 60;

// Before a version is in force, every function has noticed it and every copy of the key set shows it, with five minutes
// to spare for a Secrets Manager that does not answer.
const _: () = assert!(READ_AGAIN_AFTER + KEY_SET_MAX_AGE + 5 * 60 <= IN_FORCE_AFTER);

/// One version of the secret.
#[derive(Clone)]
pub struct Version {
    /// Its id, as Secrets Manager names it.
    pub id: String,
    /// When it was made, in epoch seconds.
    pub created_at: i64,
    /// The keys derived from it.
    pub keys: Keys,
}

impl Version {
    /// Whether it is in force at `at` (epoch seconds), provided that another one was before it.
    const fn is_in_force(&self, at: i64) -> bool {
        at >= self.created_at + IN_FORCE_AFTER
    }

    /// Whether, at `now` (epoch seconds), something made under the version before it may still be handed in.
    #[must_use]
    pub const fn is_replacing_another(&self, now: i64) -> bool {
        now < self.created_at + ROTATION_LASTS
    }
}

/// The newest version of the secret and, during a rotation, the one before it.
pub struct KeyRing {
    current: Version,
    previous: Option<Version>,
}

impl KeyRing {
    /// A key ring of these versions. A previous one with the same keys, as a rotation between two readings or a text that
    /// was stored twice makes it, is left out: a key set must name each key once.
    #[must_use]
    pub fn new(current: Version, previous: Option<Version>) -> Self {
        let public = current.keys.proof().public();
        let previous = previous.filter(|previous| previous.keys.proof().public() != public);
        Self { current, previous }
    }

    /// Whether a reading of the secret at `read_at` may have missed a version that is in force at `now` (epoch seconds).
    #[must_use]
    pub const fn is_outdated(read_at: i64, now: i64) -> bool {
        now - read_at >= IN_FORCE_AFTER
    }

    /// The newest version, in force or not.
    #[must_use]
    pub const fn current(&self) -> &Version {
        &self.current
    }

    /// The version `id`, if it is one of these.
    #[must_use]
    pub fn version(&self, id: &str) -> Option<&Version> {
        let mut versions = std::iter::once(&self.current).chain(&self.previous);
        versions.find(|version| version.id == id)
    }

    /// The keys in force at `at` (epoch seconds): with them challenges are opened, limits are counted, and proofs are
    /// signed of whatever was verified then.
    #[must_use]
    pub fn in_force(&self, at: i64) -> &Keys {
        match &self.previous {
            Some(previous) if !self.current.is_in_force(at) => &previous.keys,
            _ => &self.current.keys,
        }
    }

    /// The keys under which a challenge may stand at `now` (epoch seconds), those in force first. Outside a rotation only
    /// these.
    pub fn in_use(&self, now: i64) -> impl Iterator<Item = &Keys> {
        let (current, previous) = (Some(&self.current.keys), self.previous(now));
        let in_order = if self.current.is_in_force(now) {
            [current, previous]
        } else {
            [previous, current]
        };
        in_order.into_iter().flatten()
    }

    /// The public keys of every proof that may be alive at `now` (epoch seconds), or soon will be.
    #[must_use]
    pub fn key_set(&self, now: i64) -> JwkSet {
        let keys = std::iter::once(&self.current.keys).chain(self.previous(now));
        let keys = keys.map(|keys| keys.proof().public().clone()).collect();
        JwkSet { keys }
    }

    /// The keys of the version before, until they are forgotten.
    fn previous(&self, now: i64) -> Option<&Keys> {
        let previous = self
            .previous
            .as_ref()
            .filter(|_| self.current.is_replacing_another(now));
        previous.map(|version| &version.keys)
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::jwk::Jwk;

    use super::*;
    use crate::keys::SHORTEST_SECRET;

    const ROTATED: i64 = 1_800_000_000;
    const MINUTE: i64 = 60;

    fn version(number: u8, created_at: i64) -> Version {
        Version {
            id: number.to_string(),
            created_at,
            keys: Keys::derive(&[number; SHORTEST_SECRET]).expect("a secret of the right length"),
        }
    }

    /// Which versions of `ring` are in force, in use and published, by their numbers.
    fn at(ring: &KeyRing, now: i64) -> (u8, Vec<u8>, Vec<u8>) {
        let number_of = |key: &Jwk| {
            let mut numbers = 1..=2;
            let number = numbers.find(|number| version(*number, 0).keys.proof().public() == key);
            number.expect("a version")
        };
        (
            number_of(ring.in_force(now).proof().public()),
            ring.in_use(now).map(|keys| number_of(keys.proof().public())).collect(),
            ring.key_set(now).keys.iter().map(number_of).collect(),
        )
    }

    #[test]
    fn the_first_version_is_in_force_at_once_and_alone() {
        let ring = KeyRing::new(version(1, ROTATED), None);
        for now in [ROTATED, ROTATED + 30 * MINUTE, ROTATED + 300 * MINUTE] {
            assert_eq!(at(&ring, now), (1, vec![1], vec![1]));
        }
    }

    #[test]
    fn a_new_version_is_published_at_once_and_in_force_after_15_minutes() {
        let ring = KeyRing::new(version(2, ROTATED), Some(version(1, ROTATED - 9_000)));
        assert_eq!(at(&ring, ROTATED), (1, vec![1, 2], vec![2, 1]));
        assert_eq!(at(&ring, ROTATED + 15 * MINUTE - 1), (1, vec![1, 2], vec![2, 1]));
        assert_eq!(at(&ring, ROTATED + 15 * MINUTE), (2, vec![2, 1], vec![2, 1]));
    }

    #[test]
    fn the_version_before_is_forgotten_after_2_hours() {
        let ring = KeyRing::new(version(2, ROTATED), Some(version(1, ROTATED - 9_000)));
        assert_eq!(at(&ring, ROTATED + 120 * MINUTE - 1), (2, vec![2, 1], vec![2, 1]));
        assert_eq!(at(&ring, ROTATED + 120 * MINUTE), (2, vec![2], vec![2]));
    }

    #[test]
    fn the_same_keys_are_published_once() {
        let ring = KeyRing::new(version(1, ROTATED), Some(version(1, ROTATED - 9_000)));
        assert_eq!(at(&ring, ROTATED), (1, vec![1], vec![1]));
    }

    #[test]
    fn a_reading_is_outdated_once_a_version_may_be_in_force_that_it_missed() {
        assert!(!KeyRing::is_outdated(ROTATED - 1, ROTATED + 15 * MINUTE - 2));
        assert!(KeyRing::is_outdated(ROTATED - 1, ROTATED + 15 * MINUTE - 1));
    }
}
