//! The code of a challenge, and the code that a person types.

use std::fmt;

use time::Duration;

use crate::rules::typed::{ascii_digit, is_invisible};

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

    /// Reads a typed or pasted code: digits of any script, with spaces, dashes and invisible characters anywhere, and other text
    /// around them.
    ///
    /// # Errors
    ///
    /// [`WrongShape`] unless exactly one run of digits has `digits` of them: one without spaces and dashes in it, else one with.
    pub fn parse(typed: &str, digits: u8) -> Result<Self, WrongShape> {
        let characters = || typed.chars().filter(|character| !is_invisible(*character));
        let unbroken = characters().map(|character| ascii_digit(character).unwrap_or(' '));
        let joined = characters().filter_map(|character| match ascii_digit(character) {
            None if is_separator(character) => None,
            digit => Some(digit.unwrap_or(' ')),
        });
        let only = |text: String| {
            let mut runs = text.split(' ').filter(|run| run.len() == usize::from(digits));
            runs.next()
                .filter(|_| runs.next().is_none())
                .map(|run| Self(run.to_owned()))
        };
        only(unbroken.collect())
            .or_else(|| only(joined.collect()))
            .ok_or(WrongShape)
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

/// Spaces and dashes of Unicode, and the sign that a Japanese keyboard types for a dash.
fn is_separator(typed: char) -> bool {
    typed.is_whitespace()
        || matches!(
            typed,
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30FC}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' | '\u{FF70}'
        )
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
    fn a_typed_or_pasted_code_is_forgiven_what_can_only_mean_one_thing() {
        for typed in [
            "012345",
            " 012 345\n",
            "012-345",
            "012–345",
            "０１２３４５",
            "01２ 3－4\u{200B}5",
            "0 1 2 3 4 5",
            "012ー345",
            "٠١٢٣٤٥",
            "۰۱۲ ۳۴۵",
            "Your code is 012345",
            "[앱] 인증번호 012345",
            "#012345",
            "012345.",
            "code: 012-345 (10 min)",
            "012345 10분",
            "앱 2.0의 인증번호는 012345입니다",
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
            "123456 654321",
            "123456 or 123456",
            "1234567 is 7 digits",
            "12.34.56",
            "010-1234-5678",
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
