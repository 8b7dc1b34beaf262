//! Every response to a person: a page, or the way back to the app.

use data_encoding::BASE64;
use lambda_http::http::{HeaderName, HeaderValue, StatusCode, header};
use lambda_http::{Body, Response};
use sha2::{Digest, Sha256};

use crate::brand::Brand;
use crate::locale::Locale;
use crate::page::Page;

/// Keeps search engines out, also where they do not read the page.
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");

/// A page with its status: 200, or what a client would make of the error (RFC 9110, 15.5).
///
/// `return_url` is where the form's redirect goes, if anywhere.
pub fn page(page: &Page, locale: Locale, brand: &Brand, return_url: Option<&str>) -> Response<Body> {
    let status = match page {
        Page::Ask { .. } | Page::Done { .. } => StatusCode::OK,
        Page::Wrong => StatusCode::BAD_REQUEST,
        Page::Expired | Page::Replaced | Page::Used => StatusCode::GONE,
        Page::Failed => StatusCode::INTERNAL_SERVER_ERROR,
    };
    match page.write(locale, brand) {
        Ok(written) => {
            let policy = policy(&written.style, return_url);
            let mut response = with_headers(status, Body::from(written.html));
            let headers = response.headers_mut();
            headers.insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            );
            if let Ok(policy) = HeaderValue::try_from(policy) {
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            response
        }
        Err(error) => {
            tracing::error!(outcome = "internal-error", cause = %error);
            with_headers(StatusCode::INTERNAL_SERVER_ERROR, Body::Empty)
        }
    }
}

/// The page for a wrong link, where the service has no links at all.
pub fn not_found(locale: Locale, brand: &Brand) -> Response<Body> {
    let mut response = page(&Page::Wrong, locale, brand, None);
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Sends the browser to the app, with the proof in the URL's fragment, which no server sees (RFC 3986, 3.5).
///
/// 303, so that the browser follows with a GET (RFC 9110, 15.4.4).
pub fn to_app(return_url: &str, token: &str) -> Response<Body> {
    let mut response = with_headers(StatusCode::SEE_OTHER, Body::Empty);
    if let Ok(location) = HeaderValue::try_from(format!("{return_url}#token={token}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Only the page's own style, and its form; no frame may hold it (Content Security Policy Level 3).
///
/// Browsers hold the form's policy against redirects as well, so the app's URL has to be in it.
fn policy(style: &str, return_url: Option<&str>) -> String {
    let hash = BASE64.encode(&Sha256::digest(style.as_bytes()));
    let away = return_url
        .map(|url| format!(" {}", form_target(url)))
        .unwrap_or_default();
    format!(
        "default-src 'none'; style-src 'sha256-{hash}'; form-action 'self'{away}; frame-ancestors 'none'; base-uri 'none'"
    )
}

/// A URL as a policy names it: the origin of a web page, the scheme of an app.
fn form_target(url: &str) -> &str {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let host_at = url.find("//").map_or(url.len(), |at| at + 2);
    let (scheme, host) = url.split_at(host_at);
    if is_web {
        let end = host.find(['/', '?']).unwrap_or(host.len());
        url.get(..host_at + end).unwrap_or(url)
    } else {
        scheme.trim_end_matches('/')
    }
}

fn with_headers(status: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        // The address of the page carries the link.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (ROBOTS, "noindex"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_names_the_origin_of_a_web_page_and_the_scheme_of_an_app() {
        for (url, target) in [
            ("https://app.example.com/verified", "https://app.example.com"),
            ("https://app.example.com", "https://app.example.com"),
            ("https://app.example.com?from=mail", "https://app.example.com"),
            ("http://127.0.0.1:8080/back", "http://127.0.0.1:8080"),
            ("com.example.app://verified", "com.example.app:"),
        ] {
            assert_eq!(form_target(url), target);
        }
    }
}
