//! What one code that was handed in turned out to be.

use crate::challenge::{Challenge, Digest};

/// For so many seconds after its redemption the right code may be handed in again, so that a lost answer costs nobody
/// their sign-up.
pub const REPEATABLE_FOR: i64 = 60;

/// What the one write of a guess came back with.
#[derive(Clone, Debug)]
pub enum Guess {
    /// The table took it. The challenge as it is now, with the guess.
    Taken(Challenge),
    /// The table refused it and changed nothing. The challenge as it stands.
    Refused(Challenge),
}

/// The answer to a guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The address is proven.
    Right {
        /// When it was, in epoch seconds: a repeat gets the time of the first.
        verified_at: i64,
    },
    /// Another code.
    Wrong {
        /// How many more guesses the challenge takes.
        guesses_left: usize,
    },
    /// There is no challenge that takes guesses: expired, unknown, used, or guesses gone.
    Gone,
}

impl Guess {
    /// Judges the guess with digest `guess`, handed in at `now` (epoch seconds).
    ///
    /// A refused guess that the challenge already holds is a repeat of one that was taken, by the SDK or by the app
    /// after a lost answer. It gets the first one's answer: the right code for [`REPEATABLE_FOR`] seconds, a wrong
    /// one when it was the last to be taken. An earlier wrong guess, repeated after the guesses are gone, learns
    /// that they are.
    #[must_use]
    pub fn judge(&self, guess: &Digest, now: i64, max_guesses: usize) -> Verdict {
        match self {
            Self::Taken(challenge) if challenge.code_digest == *guess => Verdict::Right { verified_at: now },
            Self::Taken(challenge) => Verdict::Wrong {
                guesses_left: max_guesses.saturating_sub(challenge.guesses.len()),
            },
            Self::Refused(challenge) if challenge.last_guess.as_ref() == Some(guess) => {
                repeated(challenge, now, challenge.code_digest == *guess)
            }
            Self::Refused(_) => Verdict::Gone,
        }
    }
}

/// The verdict on the newest guess of a challenge, handed in once more.
///
/// A redemption stays repeatable over the end of the challenge's own life: the promise of 60 s is for whoever was
/// in time.
fn repeated(challenge: &Challenge, now: i64, right: bool) -> Verdict {
    match challenge.last_guess_at {
        Some(verified_at) if right && now - verified_at <= REPEATABLE_FOR => Verdict::Right { verified_at },
        Some(_) if !right && now < challenge.expires_at => Verdict::Wrong { guesses_left: 0 },
        _ => Verdict::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;
    const MAX: usize = 5;

    fn digest(text: &str) -> Digest {
        Digest::new(text.to_owned())
    }

    fn challenge(guesses: &[&str]) -> Challenge {
        Challenge {
            guesses: guesses.iter().map(|text| digest(text)).collect(),
            last_guess: guesses.last().map(|text| digest(text)),
            last_guess_at: (!guesses.is_empty()).then_some(NOW),
            ..Challenge::open(NOW - 100, 600, digest("right"))
        }
    }

    fn taken(guesses: &[&str]) -> Verdict {
        let guess = digest(guesses.last().expect("a guess"));
        Guess::Taken(challenge(guesses)).judge(&guess, NOW, MAX)
    }

    fn refused(guesses: &[&str], guess: &str, now: i64) -> Verdict {
        Guess::Refused(challenge(guesses)).judge(&digest(guess), now, MAX)
    }

    #[test]
    fn a_taken_guess_is_right_or_counts_down() {
        assert_eq!(taken(&["right"]), Verdict::Right { verified_at: NOW });
        assert_eq!(taken(&["a"]), Verdict::Wrong { guesses_left: 4 });
        assert_eq!(taken(&["a", "b", "c", "d"]), Verdict::Wrong { guesses_left: 1 });
        assert_eq!(taken(&["a", "b", "c", "d", "e"]), Verdict::Wrong { guesses_left: 0 });
    }

    #[test]
    fn the_right_code_is_repeatable_for_a_minute() {
        assert_eq!(
            refused(&["a", "right"], "right", NOW + 60),
            Verdict::Right { verified_at: NOW }
        );
        assert_eq!(refused(&["a", "right"], "right", NOW + 61), Verdict::Gone);
    }

    #[test]
    fn the_right_code_is_repeatable_although_the_challenge_expired_meanwhile() {
        let mut used = challenge(&["right"]);
        used.expires_at = NOW + 1;
        let repeat = Guess::Refused(used).judge(&digest("right"), NOW + 2, MAX);
        assert_eq!(repeat, Verdict::Right { verified_at: NOW });
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
        assert_eq!(
            refused(&["a", "b", "c", "d", "e"], "e", NOW + 600),
            Verdict::Gone,
            "expired"
        );
    }

    #[test]
    fn an_expired_challenge_is_gone() {
        assert_eq!(refused(&[], "right", NOW + 600), Verdict::Gone);
    }
}
