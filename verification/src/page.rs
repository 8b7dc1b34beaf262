//! The page behind the link of an email: its HTML, from the template and the texts of its language.

use askama::Template;

use crate::brand::Brand;
use crate::locale::{LanguageTexts, Locale, PageTexts};
use crate::rules::purpose::Purpose;

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// Asks the person to verify their address, with one button.
    Ask {
        /// The address, masked.
        address: String,
        /// What the proof is for.
        purpose: Purpose,
        /// The link's parameter, which the button sends.
        link: String,
        /// Whether the app opens afterwards.
        opens_app: bool,
    },
    /// The address is verified.
    Done {
        /// The address, masked.
        address: String,
    },
    /// Not a link of this service, or only a part of one.
    Wrong,
    /// The link's code has expired.
    Expired,
    /// A newer email replaced the link's.
    Replaced,
    /// The link's code has been used, or its guesses are gone.
    Used,
    /// Something failed on the service's side.
    Failed,
}

/// A page as a browser gets it.
pub struct Written {
    /// The whole page.
    pub html: String,
    /// What stands between its style tags. A Content-Security-Policy names its hash.
    pub style: String,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Html<'a> {
    texts: PageTexts<'a>,
    language: LanguageTexts,
    brand: &'a Brand,
    style: &'a str,
    title: String,
    body: Vec<String>,
    link: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "page.css", escape = "none")]
struct Style<'a> {
    language: LanguageTexts,
    brand: &'a Brand,
}

impl Page {
    /// Writes the page in a language and in the name of a brand.
    pub fn write(&self, locale: Locale, brand: &Brand) -> Result<Written, askama::Error> {
        let sender = brand.isolated_name();
        let address = match self {
            Self::Ask { address, .. } | Self::Done { address } => address,
            _ => "",
        };
        let texts = PageTexts {
            locale,
            address,
            sender: &sender,
        };
        let (title, body) = match self {
            Self::Ask { purpose, opens_app, .. } => {
                let ask = match purpose {
                    Purpose::SignUp => texts.sign_up(),
                    Purpose::ChangeEmail => texts.change_email(),
                    Purpose::SignIn => texts.sign_in(),
                    Purpose::Other(_) => texts.other(),
                };
                let then = if *opens_app {
                    texts.then_app_opens()
                } else {
                    texts.then_return()
                };
                (texts.ask_title(), vec![ask, texts.only_if_asked(), then])
            }
            Self::Done { .. } => (texts.done_title(), vec![texts.done()]),
            Self::Wrong => (texts.wrong_title(), vec![texts.wrong()]),
            Self::Expired => (texts.expired_title(), vec![texts.expired()]),
            Self::Replaced => (texts.replaced_title(), vec![texts.replaced()]),
            Self::Used => (texts.used_title(), vec![texts.used()]),
            Self::Failed => (texts.failed_title(), vec![texts.failed()]),
        };
        let language = LanguageTexts { locale };
        let style = Style { language, brand }.render()?;
        let link = match self {
            Self::Ask { link, .. } => Some(link.as_str()),
            _ => None,
        };
        let html = Html {
            texts,
            language,
            brand,
            style: &style,
            title,
            body,
            link,
        };
        Ok(Written {
            html: html.render()?,
            style,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::{Color, Contact};

    #[test]
    fn it_asks_for_what_the_link_is() {
        let brand = Brand {
            name: "Example".to_owned(),
            color: Color::default(),
            support: Contact::new(String::new()),
        };
        for (locale, purpose, question) in [
            (Locale::En, "sign-up", "Sign up for"),
            (Locale::En, "change-email", "Change the email address of your"),
            (Locale::En, "sign-in", "Sign in to"),
            (Locale::En, "delete-account", "Verify k"),
            (Locale::Ko, "sign-up", "가입하시겠습니까?"),
            (Locale::Ko, "change-email", "주소로 변경하시겠습니까?"),
            (Locale::Ko, "sign-in", "로그인하시겠습니까?"),
            (Locale::Ko, "delete-account", "인증하시겠습니까?"),
            (Locale::Ja, "sign-up", "会員登録しますか？"),
            (Locale::Ja, "change-email", "に変更しますか？"),
            (Locale::Ja, "sign-in", "ログインしますか？"),
            (Locale::Ja, "delete-account", "認証しますか？"),
        ] {
            let page = Page::Ask {
                address: "k•••@example.com".to_owned(),
                purpose: Purpose::parse(purpose).expect("a word"),
                link: "abc".to_owned(),
                opens_app: false,
            };
            let html = page.write(locale, &brand).expect("a page").html;
            assert!(html.contains(question), "{html}");
        }
    }
}
