//! The languages of email and page. A folder of `locales/` is one, and `build/` compiles its texts.

// `Locale`, which has a variant for each folder; `LanguageTexts`, `MailTexts` and `PageTexts`, one for each file in a folder.
include!(concat!(env!("OUT_DIR"), "/locale.rs"));

impl Locale {
    /// Chooses the first of these that is a known language: the one in the request's body, the preferred one of its
    /// `Accept-Language` header (RFC 9110, 12.5.4), `fallback`.
    pub fn choose(asked: Option<&str>, accept_language: Option<&str>, fallback: Self) -> Self {
        asked
            .and_then(Self::from_tag)
            .or_else(|| Self::from_header(accept_language?))
            .unwrap_or(fallback)
    }

    /// Reads a tag: the language with this very tag, else one that only its script or region parts from it. Android also
    /// writes `ko_KR`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let tag = tag.trim().replace('_', "-");
        let language = |tag: &str| tag.split('-').next().unwrap_or_default().to_ascii_lowercase();
        let all = || Self::ALL.iter().copied();
        let same = all().find(|locale| locale.tag().eq_ignore_ascii_case(&tag));
        same.or_else(|| all().find(|locale| language(locale.tag()) == language(&tag)))
    }

    /// The known language with the highest weight, and the first of several. A weight of 0 rules a language out.
    ///
    /// Written by hand: the usual crate panics while it sorts weights that are no numbers.
    fn from_header(accept_language: &str) -> Option<Self> {
        let known = accept_language.split(',').filter_map(|range| {
            let (tag, weight) = range.split_once(';').unwrap_or((range, "q=1"));
            let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
            (weight > 0.0 && weight <= 1.0).then_some((Self::from_tag(tag)?, weight))
        });
        let preferred = known.reduce(|best, next| if next.1 > best.1 { next } else { best });
        preferred.map(|(locale, _)| locale)
    }
}

#[cfg(test)]
mod tests {
    use super::Locale::{En as English, Ja as Japanese, Ko as Korean};
    use super::*;

    #[test]
    fn the_body_decides_before_the_header() {
        assert_eq!(Locale::choose(Some("ko"), Some("en"), English), Korean);
        assert_eq!(Locale::choose(Some("en-US"), Some("ko"), English), English);
    }

    #[test]
    fn tags_are_read_as_phones_write_them() {
        for tag in ["ko", "KO", "ko-KR", "ko_KR", "ko-Kore-KR", " ko "] {
            assert_eq!(Locale::choose(Some(tag), None, English), Korean, "{tag:?}");
        }
    }

    #[test]
    fn the_header_is_read_by_preference() {
        assert_eq!(
            Locale::choose(None, Some("ko-KR,ko;q=0.9,en-US;q=0.8"), English),
            Korean
        );
        assert_eq!(Locale::choose(None, Some("fr, en;q=0.3, ko;q=0.7"), English), Korean);
        assert_eq!(Locale::choose(None, Some("en;q=0.8, ko;q=0.2"), English), English);
        assert_eq!(Locale::choose(None, Some("ko, en"), English), Korean);
        assert_eq!(Locale::choose(None, Some("ko;q=0, en;q=0.1"), English), English);
        assert_eq!(Locale::choose(None, Some("ko;q=0"), English), English);
        assert_eq!(Locale::choose(None, Some("ko;q=1"), English), Korean);
    }

    #[test]
    fn an_unknown_language_falls_back_instead_of_failing() {
        assert_eq!(Locale::choose(Some("fr"), Some("ko"), English), Korean);
        assert_eq!(Locale::choose(Some("fr"), None, English), English);
        assert_eq!(Locale::choose(Some("fr"), Some("de"), Japanese), Japanese);
        for garbage in [
            "",
            "*",
            ";q=",
            "kor",
            "한국어",
            ",,,",
            "-ko",
            "ko;q=nan",
            "ko;q=inf",
            "ko;q=-1",
            "ko;q=2",
        ] {
            assert_eq!(
                Locale::choose(Some(garbage), Some(garbage), English),
                English,
                "{garbage:?}"
            );
        }
    }
}
