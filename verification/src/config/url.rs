//! Which URLs a variable may hold.
//!
//! The patterns of the parameters in `template.yaml` say the same, and `make lint` compares them. So these are not left to a
//! URL parser: it repairs what it reads (`https:///a`, an umlaut in a host), which a pattern cannot.

/// A web URL to which a path can be appended.
pub(super) fn is_api_url(text: &str) -> bool {
    after_host(text).is_some_and(|path| {
        !path.ends_with('/') && !path.contains("//") && path.bytes().all(|byte| is_path(byte) || byte == b'/')
    })
}

/// A web URL to which a query can be appended.
pub(super) fn is_link_url(text: &str) -> bool {
    after_host(text).is_some_and(|path| path.bytes().all(|byte| is_path(byte) || byte == b'/'))
}

/// A URL to which a fragment can be appended: of the web, or of an app's own scheme (RFC 8252, 7.1).
pub(super) fn is_return_url(text: &str) -> bool {
    let is_rest = |rest: &str| rest.bytes().all(|byte| is_path(byte) || b"/?&=:".contains(&byte));
    if let Some(rest) = after_host(text) {
        return is_rest(rest);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte));
    is_scheme && !NO_APPS.contains(&scheme) && !rest.is_empty() && is_rest(rest)
}

/// Schemes that a browser does not hand to an app.
const NO_APPS: [&str; 11] = [
    "http",
    "https",
    "javascript",
    "data",
    "file",
    "blob",
    "vbscript",
    "about",
    "ws",
    "wss",
    "ftp",
];

/// A character of a path that means nothing in a header, a policy or a fragment.
fn is_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%+$".contains(&byte)
}

/// The part of a web URL behind its host: `https://` and a host name, or a port of this machine. None for any other URL.
fn after_host(text: &str) -> Option<&str> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
    let (host, port) = match text.strip_prefix("https://") {
        Some(rest) => {
            let end = rest.bytes().position(|byte| !is_name(byte)).unwrap_or(rest.len());
            rest.split_at_checked(end)
                .filter(|(host, _)| host.starts_with(|first: char| first.is_ascii_alphanumeric()))?
        }
        // Nothing else may be without TLS.
        None => (
            "127.0.0.1",
            text.strip_prefix("http://127.0.0.1")
                .filter(|port| port.starts_with(':'))?,
        ),
    };
    let rest = match port.strip_prefix(':') {
        Some(port) => {
            let rest = port.trim_start_matches(|digit: char| digit.is_ascii_digit());
            (rest.len() < port.len()).then_some(rest)?
        }
        None => port,
    };
    (!host.is_empty() && (rest.is_empty() || rest.starts_with(['/', '?']))).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What every kind of URL may have: a host, a port, a path.
    const WEB: [&str; 7] = [
        "https://example.com",
        "https://e.example-2.com",
        "https://example.com:8443",
        "https://example.com/verify",
        "https://example.com/a/b-c._~%41+$2",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/verify",
    ];

    /// What none may have.
    const NEVER: [&str; 18] = [
        "",
        "example.com",
        "https://",
        "https:///a",
        "https://.example.com",
        "https://-a.example.com",
        "https://exa_mple.com",
        "https://kim@example.com",
        "https://example.com:",
        "https://example.com:/a",
        "https://example.com:a",
        "https://example.com:80a",
        "https://example.com/a b",
        "https://example.com/a;b",
        "https://example.com/a#b",
        "http://example.com",
        "http://127.0.0.1/a",
        "http://127.0.0.1.example.com",
    ];

    /// Holds a kind of URL against what it may have, and never may, beside what every kind does.
    fn check(is_usable: impl Fn(&str) -> bool, own: &[&str], never: &[&str]) {
        for url in WEB.iter().chain(own) {
            assert!(is_usable(url), "{url}");
        }
        for url in NEVER.iter().chain(never) {
            assert!(!is_usable(url), "{url}");
        }
    }

    #[test]
    fn a_path_can_be_appended_to_the_url_of_the_api() {
        let never = [
            "https://example.com/",
            "https://example.com/a/",
            "https://example.com//a",
            "https://example.com/a?b=c",
            "https://example.com?b=c",
            "com.example.app://verify",
        ];
        check(is_api_url, &[], &never);
    }

    #[test]
    fn a_query_can_be_appended_to_the_url_of_the_link() {
        let own = ["https://example.com/", "https://example.com/a/"];
        let never = [
            "https://example.com/a?b=c",
            "https://example.com?b=c",
            "com.example.app://verify",
        ];
        check(is_link_url, &own, &never);
    }

    #[test]
    fn a_fragment_can_be_appended_to_the_url_of_the_app() {
        let own = [
            "https://example.com/",
            "https://example.com/a?b=c&d=e:f",
            "https://example.com?b=c",
            "com.example.app://verified",
            "com.example.app:///verified?from=mail",
            "a1+b-c.d://e",
        ];
        let never = [
            "com.example.app:",
            "com.example.app:/verified",
            "com.example.app://",
            "com.example.app://a b",
            "com.example.app://a;b",
            "com.example.app://a#b",
            "com_example://a",
            "aPP://a",
            "1app://a",
            "App://a",
            "://a",
            "wss://example.com",
        ];
        check(is_return_url, &own, &never);
        for scheme in NO_APPS {
            // A host name has no underscore.
            assert!(!is_return_url(&format!("{scheme}://a_b")), "{scheme}");
        }
    }
}
