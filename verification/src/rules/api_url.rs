//! The URL under which the outside reaches the API.

use std::borrow::Cow;

/// The URL of the API, as apps, backends and people see it. Proofs name it as `iss`, and links begin with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiUrl(
    /// The configured one, without a slash at its end. None for the domain that each request came to.
    pub Option<String>,
);

impl ApiUrl {
    /// The URL, for a request that came to `domain`: without a slash at its end, so that a path can be appended.
    ///
    /// API Gateway sets the domain, not the caller. Returns none when there is neither a configured URL nor a domain.
    pub fn at(&self, domain: Option<&str>) -> Option<Cow<'_, str>> {
        match &self.0 {
            Some(url) => Some(url.into()),
            None => domain.map(|domain| format!("https://{domain}").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_is_configured_or_the_domain() {
        let configured = ApiUrl(Some("https://verify.example.com".to_owned()));
        assert_eq!(
            configured.at(Some("abc.example.com")).as_deref(),
            Some("https://verify.example.com")
        );
        assert_eq!(
            ApiUrl(None).at(Some("abc.example.com")).as_deref(),
            Some("https://abc.example.com")
        );
        assert_eq!(ApiUrl(None).at(None), None);
    }
}
