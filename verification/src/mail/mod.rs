//! The text of the email, from the files in `templates/`, and its language ([`locale`]).

#![expect(
    clippy::ref_binding_to_reference,
    reason = "the derived templates bind every field by reference"
)]

pub mod locale;

use askama::Template;
use time::Duration;

use self::locale::Locale;
use crate::rules::code::Code;

/// An email as SES gets it, without its addresses.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The language it is written in.
    pub locale: Locale,
    /// Begins with the code, so that a notification shows it.
    pub subject: String,
    /// The plain-text part. Its first line is the code.
    pub text: String,
    /// The HTML part. Its first words are the code.
    pub html: String,
}

/// The subject, in the first line of the file, and the plain-text part.
#[derive(Template)]
enum Text<'a> {
    #[template(path = "ko.txt")]
    Korean {
        code: &'a str,
        minutes: i64,
        sender: &'a str,
    },
    #[template(path = "en.txt")]
    English {
        code: &'a str,
        minutes: i64,
        sender: &'a str,
    },
}

#[derive(Template)]
enum Html<'a> {
    #[template(path = "ko.html")]
    Korean {
        code: &'a str,
        minutes: i64,
        sender: &'a str,
    },
    #[template(path = "en.html")]
    English {
        code: &'a str,
        minutes: i64,
        sender: &'a str,
    },
}

impl Mail {
    /// Writes the email that carries `code`, which expires in `expires_in`, in the name of `sender`.
    ///
    /// # Errors
    ///
    /// Those of the templates. They are checked when they are compiled, and none is known.
    pub fn write(locale: Locale, code: &Code, expires_in: Duration, sender: &str) -> Result<Self, askama::Error> {
        let code = code.as_str();
        // Rounded down, so that a person who trusts the email is in time. Only the last minute is called a whole one.
        let minutes = expires_in.whole_minutes().max(1);
        let (text, html) = match locale {
            Locale::Korean => (
                Text::Korean { code, minutes, sender }.render()?,
                Html::Korean { code, minutes, sender }.render()?,
            ),
            Locale::English => (
                Text::English { code, minutes, sender }.render()?,
                Html::English { code, minutes, sender }.render()?,
            ),
        };
        let (subject, text) = text.split_once('\n').unwrap_or((&text, &text));
        Ok(Self {
            locale,
            subject: subject.trim_end().to_owned(),
            text: text.trim_start().to_owned(),
            html,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail(locale: Locale, seconds: i64, sender: &str) -> Mail {
        let code = Code::parse("012345", 6).expect("six digits");
        Mail::write(locale, &code, Duration::seconds(seconds), sender).expect("a mail")
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
    fn the_code_is_the_first_thing_a_phone_shows() {
        for locale in [Locale::Korean, Locale::English] {
            let mail = mail(locale, 600, "Example");
            assert!(mail.subject.starts_with("012345 "), "{}", mail.subject);
            assert!(mail.text.starts_with("012345"), "{}", mail.text);
            assert!(preview(&mail.html).starts_with("012345"), "{}", preview(&mail.html));
        }
    }

    #[test]
    fn a_korean_mail_is_korean_in_all_its_parts() {
        let mail = mail(Locale::Korean, 600, "예시");
        assert_eq!(mail.subject, "012345 예시 인증번호");
        for part in [&mail.text, &mail.html] {
            assert!(part.contains("인증번호") && part.contains("10분"), "{part}");
        }
        assert!(mail.html.contains("lang=\"ko\""));
    }

    #[test]
    fn an_english_mail_is_english_in_all_its_parts() {
        let mail = mail(Locale::English, 600, "Example");
        assert_eq!(mail.subject, "012345 is your Example code");
        for part in [&mail.text, &mail.html] {
            assert!(part.contains("10 minutes"), "{part}");
        }
        assert!(mail.html.contains("lang=\"en\""));
    }

    #[test]
    fn the_time_left_is_rounded_down_to_minutes() {
        assert!(mail(Locale::English, 119, "Example").text.contains("1 minute,"));
        assert!(mail(Locale::English, 120, "Example").text.contains("2 minutes,"));
        assert!(mail(Locale::Korean, 599, "예시").text.contains("9분"));
    }

    #[test]
    fn a_sender_name_cannot_become_markup() {
        let mail = mail(Locale::English, 600, "A&B <b>");
        assert!(!mail.html.contains("<b>"));
        assert!(mail.subject.contains("A&B <b>"));
    }

    #[test]
    fn no_image_script_or_remote_part_is_loaded() {
        for locale in [Locale::Korean, Locale::English] {
            let html = mail(locale, 600, "Example").html;
            for part in ["<img", "<script", "<link", "http:", "https:", "url("] {
                assert!(!html.contains(part), "{part}");
            }
        }
    }
}
