//! The link of an email.
//!
//! `GET /verify` shows a page with a button and changes nothing, so no mail scanner uses the link up. `POST /verify` is the
//! button. An app that opens the link itself hands it in at `POST /verify-code`.

use lambda_http::http::Method;
use lambda_http::{Body, Request, Response};
use time::UtcDateTime;
use verification::http::problem::Problem;
use verification::http::response::Success;
use verification::http::{html, outcome, request};
use verification::locale::Locale;
use verification::page::Page;
use verification::rules::link::{Link, LinkTarget};

use crate::VerifyCode;
use crate::judge::Attempt;

impl VerifyCode {
    /// Whether emails carry links.
    pub(crate) const fn has_links(&self) -> bool {
        !matches!(self.config.shared.link, LinkTarget::Off)
    }

    /// The attempt that a link is, as an app hands it in.
    pub(crate) async fn attempt_by_link(&self, sealed: &str, now: UtcDateTime) -> Result<Attempt, Problem> {
        let link = self.open(sealed, now).await;
        let link = link.ok_or_else(|| Problem::malformed("link must be the whole parameter of a link in an email"))?;
        Ok(link.into())
    }

    /// `GET /verify` and `POST /verify`: a page for the person who followed the link.
    pub(crate) async fn page(&self, request: &Request, now: UtcDateTime) -> Response<Body> {
        let shared = &self.config.shared;
        let preferred = Locale::choose(None, request::accept_language(request), shared.default_locale);
        if !self.has_links() {
            return html::not_found(preferred, &shared.brand);
        }
        // A page of another site cannot press the button: it gets the page, whose button the person can press.
        let is_button = *request.method() == Method::POST && !request::is_cross_site(request);
        let sealed = match *request.method() {
            Method::GET => request::link_in_query(request),
            Method::POST => request::link_in_form(request),
            _ => return outcome::respond(Err(Problem::MethodNotAllowed { allowed: "GET, POST" }), request),
        };
        let sealed = sealed.unwrap_or_default();
        match self.open(&sealed, now).await {
            Some(link) if is_button => self.press(link, preferred, request, now).await,
            Some(link) => self.ask(&link, sealed, preferred, now),
            None => self.show(&Page::Wrong, preferred),
        }
    }

    /// Asks whether to verify the address. The link alone says all that the page needs.
    fn ask(&self, link: &Link, sealed: String, preferred: Locale, now: UtcDateTime) -> Response<Body> {
        let page = if link.is_expired(now) {
            Page::Expired
        } else {
            Page::Ask {
                address: link.challenge.recipient.masked(),
                purpose: link.challenge.purpose.clone(),
                link: sealed,
                opens_app: self.config.app_return_url.is_some(),
            }
        };
        self.show(&page, link.locale.unwrap_or(preferred))
    }

    /// Verifies the address.
    async fn press(&self, link: Link, preferred: Locale, request: &Request, now: UtcDateTime) -> Response<Body> {
        let (locale, address, is_expired) = (
            link.locale.unwrap_or(preferred),
            link.challenge.recipient.masked(),
            link.is_expired(now),
        );
        let outcome = self.verify(link.into(), request, now).await;
        outcome::log(&outcome, request);
        let page = match (outcome, &self.config.app_return_url) {
            (Ok(Success::Verified { token, .. }), Some(url)) => return html::to_app(url, &token),
            (Ok(_), _) => Page::Done { address },
            (Err(Problem::CodeExpired { is_replaced: true, .. }), _) => Page::Replaced,
            (Err(Problem::CodeExpired { .. }), _) if is_expired => Page::Expired,
            (Err(Problem::CodeExpired { .. }), _) => Page::Used,
            (Err(_), _) => Page::Failed,
        };
        self.show(&page, locale)
    }

    fn show(&self, page: &Page, locale: Locale) -> Response<Body> {
        html::page(
            page,
            locale,
            &self.config.shared.brand,
            self.config.app_return_url.as_deref(),
        )
    }

    /// Opens a link under the accepted keys.
    async fn open(&self, sealed: &str, now: UtcDateTime) -> Option<Link> {
        let key_ring = self.secret.key_ring(now).await;
        key_ring.accepted(now).find_map(|keys| Link::open(keys, sealed))
    }
}

impl From<Link> for Attempt {
    fn from(link: Link) -> Self {
        Self {
            challenge: link.challenge,
            code: link.code,
            by_link: true,
        }
    }
}
