//! The email: subject, text and HTML, from the templates and the texts of its language.

use askama::Template;
use time::Duration;

use crate::brand::Brand;
use crate::locale::{LanguageTexts, Locale, MailTexts};
use crate::rules::code::Code;
use crate::rules::purpose::Purpose;

/// An email as SES gets it, without its addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The language it is written in.
    pub locale: Locale,
    /// Has the code, so that a notification shows it.
    pub subject: String,
    /// The plain-text part. Its first line is the code.
    pub text: String,
    /// The HTML part. Its first words are the code.
    pub html: String,
}

/// What an email brings.
pub struct Content<'a> {
    /// The code.
    pub code: &'a Code,
    /// What the person enters it for.
    pub purpose: &'a Purpose,
    /// How long the code still works.
    pub expires_in: Duration,
    /// The URL of the link, if there is one.
    pub link: Option<String>,
}

/// The plain-text part.
#[derive(Template)]
#[template(path = "mail.txt")]
struct Text<'a> {
    texts: MailTexts<'a>,
    purpose: &'a str,
    brand: &'a Brand,
    link: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    texts: MailTexts<'a>,
    purpose: &'a str,
    language: LanguageTexts,
    brand: &'a Brand,
    link: Option<&'a str>,
}

impl Mail {
    /// Writes the email in a language and in the name of a brand.
    pub fn write(locale: Locale, content: &Content, brand: &Brand) -> Result<Self, askama::Error> {
        let sender = brand.isolated_name();
        let texts = MailTexts {
            locale,
            code: content.code.as_str(),
            // Rounded down, so that a person who trusts the email is in time. Only the last minute is called a whole one.
            minutes: content.expires_in.whole_minutes().max(1),
            sender: &sender,
        };
        let purpose = match content.purpose {
            Purpose::SignUp => texts.sign_up(),
            Purpose::ChangeEmail => texts.change_email(),
            Purpose::SignIn => texts.sign_in(),
            Purpose::Other(_) => texts.other(),
        };
        let (purpose, link) = (purpose.as_str(), content.link.as_deref());
        let text = Text {
            texts,
            purpose,
            brand,
            link,
        };
        let language = LanguageTexts { locale };
        let html = Html {
            texts,
            purpose,
            language,
            brand,
            link,
        };
        Ok(Self {
            locale,
            subject: texts.subject(),
            text: text.render()?,
            html: html.render()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::{Color, Contact};

    const LINK: &str = "https://verify.example.com/verify?link=abc";

    fn brand(name: &str) -> Brand {
        Brand {
            name: name.to_owned(),
            color: Color::parse("#1d4ed8").expect("a color"),
            support: Contact::new("help@example.com".to_owned()),
        }
    }

    fn mail(locale: Locale, seconds: i64, name: &str) -> Mail {
        write(locale, seconds, Some(LINK), &brand(name))
    }

    fn write(locale: Locale, seconds: i64, link: Option<&str>, brand: &Brand) -> Mail {
        write_for(&Purpose::SignUp, locale, seconds, link, brand)
    }

    fn write_for(purpose: &Purpose, locale: Locale, seconds: i64, link: Option<&str>, brand: &Brand) -> Mail {
        let content = Content {
            code: &Code::parse("012345", 6).expect("six digits"),
            purpose,
            expires_in: Duration::seconds(seconds),
            link: link.map(ToOwned::to_owned),
        };
        Mail::write(locale, &content, brand).expect("a mail")
    }

    /// What a mail client shows behind the subject: the text of the body, tags and line breaks taken out.
    fn preview(html: &str) -> String {
        let body = html.split_once("<body").expect("a body").1;
        let text: String = body
            .split('<')
            .filter_map(|part| part.split_once('>'))
            .map(|(_, text)| text)
            .collect();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_code_is_among_the_first_words_that_a_phone_shows() {
        for locale in Locale::ALL {
            let mail = mail(*locale, 600, "Example");
            let begins = mail.subject.starts_with("012345 ");
            assert!(
                begins || mail.subject == "[Example] 인증번호 012345",
                "{}",
                mail.subject
            );
            assert!(mail.text.starts_with("012345\n"), "{}", mail.text);
            assert!(preview(&mail.html).starts_with("012345"), "{}", preview(&mail.html));
        }
    }

    #[test]
    fn each_language_is_in_all_parts() {
        for (locale, subject, word, time) in [
            (Locale::En, "012345 is your Example code", "sign up", "10 minutes"),
            (Locale::Ja, "012345 は「Example」の認証コードです", "認証コード", "10分"),
            (Locale::Ko, "[Example] 인증번호 012345", "인증번호", "10분"),
        ] {
            let mail = mail(locale, 600, "Example");
            assert_eq!(mail.subject, subject);
            for part in [&mail.text, &mail.html] {
                assert!(part.contains(word) && part.contains(time), "{part}");
            }
            assert!(mail.html.contains(&format!("lang=\"{}\"", locale.tag())));
        }
    }

    /// Every sentence of the HTML part is in the text part as well.
    #[test]
    fn the_text_says_what_the_html_says() {
        for locale in Locale::ALL {
            for link in [Some(LINK), None] {
                let mail = write(*locale, 600, link, &brand("Example"));
                let body = mail.html.split_once("<p ").expect("a paragraph").1;
                let sentences = body.split('<').filter_map(|part| part.split_once('>'));
                for (_, sentence) in sentences {
                    let is_button = link.is_some() && body.contains(&format!("none\">{sentence}</a>"));
                    assert!(
                        is_button || mail.text.contains(sentence.trim()),
                        "{sentence}: {}",
                        mail.text
                    );
                }
                assert_eq!(mail.text.contains(LINK), link.is_some());
                assert!(!mail.text.contains("\n\n\n"), "{}", mail.text);
            }
        }
    }

    /// Whoever asked for no such thing is warned, in the notification already.
    #[test]
    fn it_says_first_what_the_code_is_for() {
        for (locale, purpose, sentence) in [
            (
                Locale::En,
                "sign-up",
                "012345 Enter this code in the app to sign up with this email address.",
            ),
            (
                Locale::En,
                "change-email",
                "012345 Enter this code in the app to change the email address of your account to this one.",
            ),
            (
                Locale::En,
                "sign-in",
                "012345 Enter this code in the app to sign in with this email address.",
            ),
            (
                Locale::En,
                "delete-account",
                "012345 Enter this code in the app to verify your email address.",
            ),
            (
                Locale::Ko,
                "sign-up",
                "012345 회원가입을 계속하려면 인증번호를 앱에 입력해 주세요.",
            ),
            (
                Locale::Ko,
                "change-email",
                "012345 계정의 이메일 주소를 이 주소로 변경하려면 인증번호를 앱에 입력해 주세요.",
            ),
            (
                Locale::Ko,
                "sign-in",
                "012345 이 이메일 주소로 로그인하려면 인증번호를 앱에 입력해 주세요.",
            ),
            (
                Locale::Ko,
                "delete-account",
                "012345 이메일 주소를 인증하려면 인증번호를 앱에 입력해 주세요.",
            ),
            (Locale::Ja, "sign-up", "012345 会員登録を続けるには、"),
            (
                Locale::Ja,
                "change-email",
                "012345 アカウントのメールアドレスをこのアドレスに変更するには、",
            ),
            (Locale::Ja, "sign-in", "012345 このメールアドレスでログインするには、"),
            (Locale::Ja, "delete-account", "012345 メールアドレスを認証するには、"),
        ] {
            let purpose = Purpose::parse(purpose).expect("a word");
            let mail = write_for(&purpose, locale, 600, None, &brand("Example"));
            assert!(preview(&mail.html).starts_with(sentence), "{}", preview(&mail.html));
            let (code, sentence) = sentence.split_once(' ').expect("two parts");
            assert!(
                mail.text.starts_with(code) && mail.text.contains(sentence),
                "{}",
                mail.text
            );
            assert!(mail.html.contains(&format!(">{sentence}")), "{}", mail.html);
        }
    }

    #[test]
    fn the_time_left_is_rounded_down_to_minutes() {
        assert!(mail(Locale::En, 119, "Example").text.contains("1 minute,"));
        assert!(mail(Locale::En, 120, "Example").text.contains("2 minutes,"));
        assert!(mail(Locale::Ko, 599, "예시").text.contains("9분"));
    }

    #[test]
    fn no_name_and_no_contact_can_become_markup() {
        let mut brand = brand("A&B \"<b>\"");
        brand.support = Contact::new("<script>\"&'".to_owned());
        let mail = write(Locale::En, 600, None, &brand);
        assert!(
            !mail.html.contains("<b>") && !mail.html.contains("<script"),
            "{}",
            mail.html
        );
        assert!(mail.html.contains("A&#38;B &#34;&#60;b&#62;&#34;"), "{}", mail.html);
        assert!(mail.subject.contains("A&B \"<b>\"") && mail.text.contains("<script>\"&'"));
    }

    #[test]
    fn no_image_script_or_remote_part_is_loaded() {
        for locale in Locale::ALL {
            let html = mail(*locale, 600, "Example").html;
            let html = html
                .replace(&format!("<a href=\"{LINK}\""), "")
                .replace("<a href=\"mailto:", "");
            for part in ["<img", "<script", "<link", "http:", "https:", "url(", "href"] {
                assert!(!html.contains(part), "{part}");
            }
        }
    }

    /// Clients that drop `<style>` must still hide the preview and show the code large.
    #[test]
    fn what_matters_is_inline() {
        let html = mail(Locale::Ko, 600, "예시").html;
        let (style, body) = html.split_once("</style>").expect("a style");
        let style = style.split_once("<style>").expect("a style").1;
        let outside = style
            .split_once("@media (prefers-color-scheme: dark)")
            .expect("dark mode")
            .0;
        assert_eq!(outside.trim(), ":root { color-scheme: light dark; }");
        assert!(body.contains("<div style=\"display:none;"));
        assert!(body.contains(">012345</p>") && body.contains("font-size:30px"));
    }
}
