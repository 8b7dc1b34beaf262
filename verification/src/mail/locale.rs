//! The language of an email.

/// A language that emails are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locale {
    /// 한국어
    Korean,
    /// English. Also used when the requested language is not supported.
    English,
}

impl Locale {
    /// Chooses the first of these that is a known language: the one in the request's body, the preferred one of its
    /// `Accept-Language` header (RFC 9110, 12.5.4), English.
    #[must_use]
    pub fn choose(asked: Option<&str>, accept_language: Option<&str>) -> Self {
        asked
            .and_then(Self::from_tag)
            .or_else(|| Self::from_header(accept_language?))
            .unwrap_or(Self::English)
    }

    /// The language tag (BCP 47).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Korean => "ko",
            Self::English => "en",
        }
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

    /// Reads the language of a tag, whatever its script or region. Android also writes `ko_KR`.
    fn from_tag(tag: &str) -> Option<Self> {
        let language = tag.trim().split(['-', '_']).next()?;
        [Self::Korean, Self::English]
            .into_iter()
            .find(|locale| language.eq_ignore_ascii_case(locale.tag()))
    }
}

#[cfg(test)]
mod tests {
    use super::Locale::{English, Korean};
    use super::*;

    #[test]
    fn the_body_decides_before_the_header() {
        assert_eq!(Locale::choose(Some("ko"), Some("en")), Korean);
        assert_eq!(Locale::choose(Some("en-US"), Some("ko")), English);
    }

    #[test]
    fn tags_are_read_as_phones_write_them() {
        for tag in ["ko", "KO", "ko-KR", "ko_KR", "ko-Kore-KR", " ko "] {
            assert_eq!(Locale::choose(Some(tag), None), Korean, "{tag:?}");
        }
    }

    #[test]
    fn the_header_is_read_by_preference() {
        assert_eq!(Locale::choose(None, Some("ko-KR,ko;q=0.9,en-US;q=0.8")), Korean);
        assert_eq!(Locale::choose(None, Some("fr, en;q=0.3, ko;q=0.7")), Korean);
        assert_eq!(Locale::choose(None, Some("en;q=0.8, ko;q=0.2")), English);
        assert_eq!(Locale::choose(None, Some("ko, en")), Korean);
        assert_eq!(Locale::choose(None, Some("ko;q=0, en;q=0.1")), English);
    }

    #[test]
    fn an_unknown_language_falls_back_instead_of_failing() {
        assert_eq!(Locale::choose(Some("fr"), Some("ko")), Korean);
        assert_eq!(Locale::choose(Some("fr"), None), English);
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
            assert_eq!(Locale::choose(Some(garbage), Some(garbage)), English, "{garbage:?}");
        }
    }
}
