//! What a proof is for.

/// What the app wants the address proven for. A proof for one purpose is refused for another, so a sign-up's proof changes no
/// account's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// `sign-up`
    #[default]
    SignUp,
    /// `change-email`
    ChangeEmail,
    /// `sign-in`
    SignIn,
    /// A word of the app's own. Email and page do not say what it is for.
    Other(String),
}

/// Not a word that names a purpose.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word of 1 to 32 characters a to z, 0 to 9 and -")]
pub struct NotAPurpose;

impl Purpose {
    /// The most characters of a word.
    const MAX_LENGTH: usize = 32;

    /// Reads the word: 1 to 32 characters `a` to `z`, `0` to `9` and `-`.
    pub fn parse(word: &str) -> Result<Self, NotAPurpose> {
        let is_word = word
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        match word {
            "sign-up" => Ok(Self::SignUp),
            "change-email" => Ok(Self::ChangeEmail),
            "sign-in" => Ok(Self::SignIn),
            _ if is_word && (1..=Self::MAX_LENGTH).contains(&word.len()) => Ok(Self::Other(word.to_owned())),
            _ => Err(NotAPurpose),
        }
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        match self {
            Self::SignUp => "sign-up",
            Self::ChangeEmail => "change-email",
            Self::SignIn => "sign-in",
            Self::Other(word) => word,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_read_back() {
        let longest = "a".repeat(32);
        for word in [
            "sign-up",
            "change-email",
            "sign-in",
            "delete-account",
            "0",
            "-",
            &longest,
        ] {
            assert_eq!(Purpose::parse(word).as_ref().map(Purpose::as_str), Ok(word));
        }
        assert_eq!(Purpose::default(), Purpose::SignUp);
    }

    #[test]
    fn anything_else_is_refused() {
        let too_long = "a".repeat(33);
        for word in [
            "",
            &too_long,
            "Sign-up",
            "sign_up",
            "sign up",
            " sign-up",
            "sign-up\n",
            "가입",
            "ａ",
        ] {
            assert_eq!(Purpose::parse(word), Err(NotAPurpose), "{word:?}");
        }
    }
}
