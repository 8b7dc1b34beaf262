//! What follows from a submitted code.

use time::{Duration, UtcDateTime};

use crate::rules::challenge::Challenge;
use crate::rules::challenge_id::Digest;
use crate::rules::condition::Condition;
use crate::rules::undelivered::Reason;

/// How long after its redemption the right code may be submitted again, so that a lost response costs nobody their sign-up.
pub const REPEATABLE_FOR: Duration = Duration::minutes(1);

/// What a guess is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The address is proven.
    Right {
        /// When it was proven. A repeat gets the time of the first.
        verified_at: UtcDateTime,
    },
    /// The code is wrong.
    Wrong {
        /// Guesses that the challenge still takes.
        guesses_left: usize,
    },
    /// The code is wrong, and the email with the right one did not arrive.
    Undeliverable {
        /// Why it did not.
        reason: Reason,
        /// Guesses that the challenge still takes.
        guesses_left: usize,
    },
    /// No challenge takes this guess: it is expired, unknown or used, or its guesses are gone.
    Gone,
    /// The link is of an older generation. A newer email replaced it.
    Replaced,
}

/// Judges a submitted code, whose digest is `guess`, by what the write of the guess found.
///
/// A failed write whose guess is the challenge's newest is a repeat, by the SDK or by the app after a lost response. It gets
/// the verdict of the first: the right code for [`REPEATABLE_FOR`], a wrong code when it took the last guess. An older wrong
/// code, repeated after the last guess, gets [`Verdict::Gone`].
///
/// Whether the link was used makes no difference: it may have been opened in another browser than the app's. So one code can get
/// two proofs, with one id.
pub fn judge(guess: &Digest, written: &Condition<Challenge>, max_guesses: usize, now: UtcDateTime) -> Verdict {
    match written {
        Condition::Held(challenge) if challenge.code_digest.as_ref() == Some(guess) => {
            Verdict::Right { verified_at: now }
        }
        Condition::Held(challenge) => wrong(challenge, max_guesses.saturating_sub(challenge.guesses.len())),
        Condition::Failed(challenge) if challenge.last_guess.as_ref() == Some(guess) => {
            judge_repeat(challenge, challenge.code_digest.as_ref() == Some(guess), now)
        }
        Condition::Failed(_) => Verdict::Gone,
    }
}

/// Judges the newest guess of a challenge, submitted once more.
///
/// The right code stays repeatable for [`REPEATABLE_FOR`], even if it expires meanwhile.
fn judge_repeat(challenge: &Challenge, is_right: bool, now: UtcDateTime) -> Verdict {
    match challenge.last_guess_at {
        Some(verified_at) if is_right && now - verified_at <= REPEATABLE_FOR => Verdict::Right { verified_at },
        Some(_) if !is_right && now < challenge.ends_at => wrong(challenge, 0),
        _ => Verdict::Gone,
    }
}

/// The verdict on a wrong code.
fn wrong(challenge: &Challenge, guesses_left: usize) -> Verdict {
    match challenge.undeliverable {
        Some(reason) => Verdict::Undeliverable { reason, guesses_left },
        None => Verdict::Wrong { guesses_left },
    }
}

/// Judges a link, whose code has this digest, by what the write of its use found.
///
/// A link is no guess. If it were, its use would end the counting at once. A stranger who asked for somebody else's email could
/// then try codes uncounted for [`REPEATABLE_FOR`] after their tap.
pub fn judge_link(code: &Digest, written: &Condition<Challenge>, now: UtcDateTime) -> Verdict {
    let (challenge, used_at) = match written {
        Condition::Held(challenge) => (challenge, Some(now)),
        Condition::Failed(challenge) => {
            let typed_at = challenge
                .last_guess_at
                .filter(|_| challenge.last_guess.as_ref() == Some(code));
            (challenge, challenge.linked_at.or(typed_at))
        }
    };
    match (&challenge.code_digest, used_at) {
        (Some(own), _) if own != code => Verdict::Replaced,
        (Some(_), Some(verified_at)) if now - verified_at <= REPEATABLE_FOR => Verdict::Right { verified_at },
        _ => Verdict::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::challenge::tests::challenge as opened;

    const NOW: UtcDateTime = UtcDateTime::UNIX_EPOCH;
    const SECOND: Duration = Duration::SECOND;
    const OPENED_AT: UtcDateTime = NOW.saturating_sub(Duration::seconds(100));
    const MAX: usize = 5;

    fn digest(text: &str) -> Digest {
        Digest::from_item(text.to_owned())
    }

    fn challenge(guesses: &[&str]) -> Challenge {
        let last_guess_at = (!guesses.is_empty()).then_some(NOW);
        Challenge {
            last_guess_at,
            ..opened(OPENED_AT, guesses)
        }
    }

    fn right() -> Verdict {
        Verdict::Right { verified_at: NOW }
    }

    fn taken(guesses: &[&str]) -> Verdict {
        let guess = digest(guesses.last().expect("a guess"));
        judge(&guess, &Condition::Held(challenge(guesses)), MAX, NOW)
    }

    fn refused(guesses: &[&str], guess: &str, now: UtcDateTime) -> Verdict {
        judge(&digest(guess), &Condition::Failed(challenge(guesses)), MAX, now)
    }

    #[test]
    fn a_taken_guess_is_right_or_counts_down() {
        assert_eq!(taken(&["right"]), right());
        assert_eq!(taken(&["a"]), Verdict::Wrong { guesses_left: 4 });
        assert_eq!(taken(&["a", "b", "c", "d"]), Verdict::Wrong { guesses_left: 1 });
        assert_eq!(taken(&["a", "b", "c", "d", "e"]), Verdict::Wrong { guesses_left: 0 });
    }

    #[test]
    fn where_the_email_did_not_arrive_a_wrong_code_says_so_and_the_right_one_is_right() {
        let undelivered = |guesses: &[&str]| Challenge {
            undeliverable: Some(Reason::Temporary),
            ..challenge(guesses)
        };
        let held = |guess: &str| judge(&digest(guess), &Condition::Held(undelivered(&[guess])), MAX, NOW);
        let told = |guesses_left| Verdict::Undeliverable {
            reason: Reason::Temporary,
            guesses_left,
        };
        assert_eq!(held("a"), told(4));
        assert_eq!(held("right"), right());
        let last = Condition::Failed(undelivered(&["a", "b", "c", "d", "e"]));
        assert_eq!(judge(&digest("e"), &last, MAX, NOW), told(0));
        assert_eq!(judge(&digest("a"), &last, MAX, NOW), Verdict::Gone);
    }

    #[test]
    fn the_right_code_is_repeatable_for_a_minute() {
        assert_eq!(refused(&["a", "right"], "right", NOW + 60 * SECOND), right());
        assert_eq!(refused(&["a", "right"], "right", NOW + 61 * SECOND), Verdict::Gone);
    }

    #[test]
    fn the_right_code_is_repeatable_although_the_challenge_expired_meanwhile() {
        let mut used = challenge(&["right"]);
        used.ends_at = NOW + 1 * SECOND;
        let repeat = judge(&digest("right"), &Condition::Failed(used), MAX, NOW + 2 * SECOND);
        assert_eq!(repeat, right());
    }

    #[test]
    fn a_used_challenge_takes_no_other_code() {
        assert_eq!(refused(&["a", "right"], "b", NOW), Verdict::Gone);
        assert_eq!(refused(&["a", "right"], "a", NOW), Verdict::Gone);
    }

    #[test]
    fn after_the_last_guess_even_the_right_code_is_too_late() {
        assert_eq!(refused(&["a", "b", "c", "d", "e"], "right", NOW), Verdict::Gone);
        assert_eq!(refused(&["a", "b", "c", "d", "e"], "f", NOW), Verdict::Gone);
    }

    #[test]
    fn a_repeat_of_the_last_guess_gets_its_answer_again() {
        assert_eq!(
            refused(&["a", "b", "c", "d", "e"], "e", NOW),
            Verdict::Wrong { guesses_left: 0 }
        );
        assert_eq!(refused(&["a", "b", "c", "d", "e"], "a", NOW), Verdict::Gone);
        for (seconds, verdict) in [(499, Verdict::Wrong { guesses_left: 0 }), (500, Verdict::Gone)] {
            let repeated = refused(&["a", "b", "c", "d", "e"], "e", NOW + seconds * SECOND);
            assert_eq!(repeated, verdict, "its challenge ends 500 s from now");
        }
    }

    #[test]
    fn an_expired_challenge_is_gone() {
        assert_eq!(refused(&[], "right", NOW + 600 * SECOND), Verdict::Gone);
    }

    #[test]
    fn a_link_is_right_once_and_repeatable_for_a_minute() {
        let used = Challenge {
            linked_at: Some(NOW),
            ..challenge(&[])
        };
        let judged = |written: &Condition<Challenge>, now| judge_link(&digest("right"), written, now);
        assert_eq!(judged(&Condition::Held(used.clone()), NOW), right());
        assert_eq!(judged(&Condition::Failed(used.clone()), NOW + 60 * SECOND), right());
        assert_eq!(judged(&Condition::Failed(used), NOW + 61 * SECOND), Verdict::Gone);
        assert_eq!(
            judged(&Condition::Failed(challenge(&["a", "right"])), NOW),
            right(),
            "typed before"
        );
        assert_eq!(
            judged(&Condition::Failed(challenge(&[])), NOW + 600 * SECOND),
            Verdict::Gone,
            "expired"
        );
    }

    #[test]
    fn after_the_link_the_code_is_judged_as_before() {
        let linked = |guesses: &[&str]| Challenge {
            linked_at: Some(NOW - 90 * SECOND),
            ..challenge(guesses)
        };
        let held = |guess: &str| judge(&digest(guess), &Condition::Held(linked(&[guess])), MAX, NOW);
        assert_eq!(held("right"), right(), "proven when it was typed");
        assert_eq!(held("a"), Verdict::Wrong { guesses_left: 4 });
        let repeated = |guess: &str, seconds| {
            let written = Condition::Failed(linked(&["a", "b", "c", "d", guess]));
            judge(&digest(guess), &written, MAX, NOW + seconds * SECOND)
        };
        assert_eq!(repeated("right", 60), right());
        assert_eq!(repeated("right", 61), Verdict::Gone);
        assert_eq!(repeated("e", 61), Verdict::Wrong { guesses_left: 0 });
    }

    #[test]
    fn a_link_of_an_older_generation_was_replaced() {
        let newer = Condition::Failed(challenge(&["a"]));
        assert_eq!(judge_link(&digest("older"), &newer, NOW), Verdict::Replaced);
        let refused = Challenge {
            code_digest: None,
            ..challenge(&[])
        };
        assert_eq!(
            judge_link(&digest("older"), &Condition::Failed(refused), NOW),
            Verdict::Gone
        );
    }
}
