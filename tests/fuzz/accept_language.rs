//! An `Accept-Language` header: only a language that it names is chosen, and the body's word and a first choice count.

use verification::locale::Locale;

pub(super) fn run(bytes: &[u8]) {
    let Ok(header) = str::from_utf8(bytes) else { return };
    let choose = |asked, header: &str, fallback| Locale::choose(asked, Some(header), fallback);
    let chosen: Vec<_> = Locale::ALL
        .iter()
        .map(|fallback| choose(None, header, *fallback))
        .collect();
    let is_named = |locale: &Locale| header.to_ascii_lowercase().contains(locale.tag());
    match chosen.first() {
        Some(first) if chosen.iter().all(|locale| locale == first) => assert!(is_named(first), "{first:?} of nothing"),
        _ => assert_eq!(chosen, Locale::ALL, "the fallback"),
    }
    for locale in Locale::ALL {
        let (tag, fallback) = (locale.tag(), Locale::En);
        assert_eq!(choose(Some(tag), header, fallback), *locale, "as the body says");
        assert_eq!(choose(None, tag, fallback), *locale, "alone");
        assert_eq!(
            choose(None, &format!("{tag},{header}"), fallback),
            *locale,
            "as the first choice"
        );
        assert_eq!(
            choose(None, &format!("{header},{tag};q=0"), *locale),
            choose(None, header, *locale),
            "ruled out"
        );
    }
}
