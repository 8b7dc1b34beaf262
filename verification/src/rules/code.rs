//! The code of a challenge, and the code that a person types.

use std::fmt;

use time::Duration;

/// How challenges and their codes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRules {
    /// Digits of a code.
    pub digits: u8,
    /// How long a challenge lives.
    pub lifetime: Duration,
    /// Guesses that a challenge takes.
    pub max_guesses: usize,
}

/// The service accepts a chance of one in so many that somebody guesses a code of one mailbox within a UTC day.
/// (NIST SP 800-63B-4, 3.2.2, allows 100 guesses in a row: 1 in 10,000 with 6 digits. The defaults keep to that.)
const ONE_IN: u64 = 1_000;

impl CodeRules {
    /// The most codes of one mailbox that may be guessed at in a UTC day. At least one.
    pub fn max_codes_a_day(&self) -> u32 {
        let codes = 10_u64.pow(u32::from(self.digits)) / (ONE_IN * self.max_guesses.max(1) as u64);
        u32::try_from(codes).unwrap_or(u32::MAX).max(1)
    }
}

/// The digits of a code, as text so that leading zeros stay.
#[derive(Clone, PartialEq, Eq)]
pub struct Code(String);

/// A typed code has another number of digits, or something else in it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a code of the right length")]
pub struct WrongShape;

impl Code {
    /// Cuts a code of `digits` from endless random words, numbered from 0. Words that would favour small codes are passed over.
    pub(super) fn cut(word: impl Fn(u64) -> u64, digits: u8) -> Self {
        let codes = 10_u64.pow(u32::from(digits));
        let number = (0..).find_map(|counter| reduce(word(counter), codes));
        let number = number.unwrap_or_default();
        Self(format!("{number:0width$}", width = usize::from(digits)))
    }

    /// Reads a typed code. Spaces and dashes are dropped and full-width digits are converted first.
    ///
    /// # Errors
    ///
    /// [`WrongShape`] unless exactly `digits` digits remain.
    pub fn parse(typed: &str, digits: u8) -> Result<Self, WrongShape> {
        let code: String = typed
            .chars()
            .filter(|typed| !is_separator(*typed))
            .map(|typed| match typed {
                '0'..='9' => Some(typed),
                // U+FF10 to U+FF19, as Korean and Japanese keyboards type them.
                '０'..='９' => char::from_digit(u32::from(typed) - u32::from('０'), 10),
                _ => None,
            })
            .collect::<Option<_>>()
            .ok_or(WrongShape)?;
        if code.len() == usize::from(digits) {
            Ok(Self(code))
        } else {
            Err(WrongShape)
        }
    }

    /// The digits. Mail them; never log them.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reduces a random word to a number below `codes`. Returns none for the few largest words: they do not cover every
/// remainder, so small numbers would be more likely.
fn reduce(word: u64, codes: u64) -> Option<u64> {
    let incomplete = (u64::MAX % codes + 1) % codes;
    (word <= u64::MAX - incomplete).then_some(word % codes)
}

/// Spaces and dashes of Unicode, and the invisible characters that get copied with a code.
fn is_separator(typed: char) -> bool {
    typed.is_whitespace()
        || matches!(
            typed,
            '-' | '\u{AD}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
        )
        || matches!(typed, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

/// Hides the digits, so that no log or panic message can carry them.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::keys::{Keys, MIN_SECRET_BYTES};
    use crate::rules::challenge_id::{ChallengeId, ChallengeName, ChallengeRef};
    use crate::rules::mail_id::MailId;
    use crate::rules::purpose::Purpose;
    use crate::rules::recipient::Recipient;

    /// The rules that the template gives by default.
    pub(crate) const RULES: CodeRules = CodeRules {
        digits: 6,
        lifetime: Duration::minutes(10),
        max_guesses: 5,
    };

    static KEYS: LazyLock<Keys> =
        LazyLock::new(|| Keys::derive(&[1; MIN_SECRET_BYTES]).expect("a secret of the right length"));

    fn derive(generation: u128, digits: u8) -> String {
        let name = ChallengeName {
            recipient: Recipient::parse("kim@example.com").expect("a plain address"),
            id: ChallengeId::parse("7f4df2a1-6f0b-4c1c-9a51-3a4a0c1b2d3e").expect("a UUID"),
            purpose: Purpose::SignUp,
        };
        let generation = MailId::parse(&format!("{generation:032x}")).expect("an id");
        ChallengeRef::new(&KEYS, &name).code(generation, digits).0
    }

    #[test]
    fn a_code_has_its_length_whatever_its_leading_zeros() {
        for digits in 4..=10 {
            for generation in 0..200 {
                let code = derive(generation, digits);
                assert_eq!(code.len(), usize::from(digits));
                assert!(code.bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }

    /// Chi-squared over the first digit of 10,000 codes: 9 degrees of freedom, 27.9 is exceeded once in 1,000.
    /// The codes are derived, so the outcome is the same in every run.
    #[test]
    fn every_first_digit_is_as_likely_as_another() {
        let mut seen = [0.0_f64; 10];
        for generation in 0..10_000 {
            let digit = derive(generation, 6).bytes().next().map_or(0, |byte| byte - b'0');
            seen[usize::from(digit)] += 1.0;
        }
        let chi_squared: f64 = seen.iter().map(|count| (count - 1_000.0).powi(2) / 1_000.0).sum();
        assert!(chi_squared < 27.9, "{chi_squared}");
    }

    #[test]
    fn the_codes_of_a_day_keep_the_odds_below_1_in_1000() {
        for (digits, max_guesses, codes) in [(6, 5, 200), (4, 5, 2), (4, 10, 1), (5, 10, 10), (10, 1, 10_000_000)] {
            let rules = CodeRules {
                digits,
                max_guesses,
                ..RULES
            };
            assert_eq!(rules.max_codes_a_day(), codes);
        }
    }

    #[test]
    fn a_word_of_the_incomplete_run_is_drawn_again() {
        // 2^64 = 18_446_744_073_709_551_616, so the last 551_616 words would favour small codes.
        let last_fair = 18_446_744_073_709_000_000 - 1;
        assert_eq!(reduce(last_fair, 1_000_000), Some(999_999));
        assert_eq!(reduce(last_fair + 1, 1_000_000), None);
        assert_eq!(reduce(u64::MAX, 1_000_000), None);
        assert_eq!(
            reduce(u64::MAX, 1 << 10),
            Some((1 << 10) - 1),
            "a power of two leaves no incomplete run"
        );
    }

    #[test]
    fn typed_codes_are_forgiven_spaces_dashes_and_full_width_digits() {
        for typed in [
            "012345",
            " 012 345\n",
            "012-345",
            "012–345",
            "０１２３４５",
            "01２ 3－4\u{200B}5",
            "0 1 2 3 4 5",
        ] {
            assert_eq!(
                Code::parse(typed, 6).map(|code| code.0).as_deref(),
                Ok("012345"),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn anything_else_has_the_wrong_shape() {
        for typed in [
            "",
            "12345",
            "1234567",
            "12345a",
            "１２３４５",
            "+12345",
            "12345.",
            "١٢٣٤٥٦",
            "🔢12345",
            "①②③④⑤⑥",
        ] {
            assert_eq!(Code::parse(typed, 6), Err(WrongShape), "{typed:?}");
        }
    }

    proptest! {
        #[test]
        fn a_derived_code_is_read_back(generation in any::<u128>(), digits in 4_u8..=10) {
            let code = derive(generation, digits);
            prop_assert_eq!(Code::parse(&code, digits).map(|parsed| parsed.0), Ok(code));
        }

        #[test]
        fn no_typed_text_is_more_than_digits(typed in any::<String>()) {
            if let Ok(code) = Code::parse(&typed, 6) {
                prop_assert!(code.0.len() == 6 && code.0.bytes().all(|byte| byte.is_ascii_digit()));
            }
        }
    }
}
