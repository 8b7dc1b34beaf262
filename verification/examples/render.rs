//! Writes every email and every page, in each language, as files into a folder, for `make screenshots` and the browser tests.

use std::path::Path;
use std::{env, fs, io};

use time::Duration;
use verification::brand::{Brand, Color, Contact};
use verification::locale::Locale;
use verification::mail::{Content, Mail};
use verification::page::Page;
use verification::rules::code::Code;
use verification::rules::purpose::Purpose;

/// As long as one is, and as opaque.
const LINK: &str = "pZSDEmzW3InUtA2YESfqHw9nBWYSQID5aEUMhi1VuofHHHwri6mSa3RuD_7o6JZd2q_tHwXL3dlmeIwPWAMea9uHa4WFN6tf3JTBCgOw1CNXuVcKLKy8v7ZqqYEvhR4J_6A8FXb1VpVxOGFtVcg35dWf2IaHNoN9-6xj";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args().nth(1).ok_or("usage: render FOLDER")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    for locale in Locale::ALL {
        let name = match locale {
            Locale::Ko => "예시 앱",
            Locale::Ja => "サンプル",
            Locale::En => "Example",
        };
        write(folder, *locale, "", &brand(name, "help@example.com", "#1d4ed8"))?;
    }
    // Names and contacts that could break a layout, or out of it.
    write(
        folder,
        Locale::En,
        "markup-",
        &brand("<b>\"A\" & 'B'</b>", "<script>alert(\"1\")</script> & co", "#fee500"),
    )?;
    write(
        folder,
        Locale::En,
        "rtl-",
        &brand("תוכנה\u{202E} לדוגמה", "مساعدة ‎02-123-4567", "#ffffff"),
    )?;
    write(
        folder,
        Locale::Ko,
        "wide-",
        &brand(&"뷁".repeat(64), &"뷁".repeat(128), "#000000"),
    )?;
    write(
        folder,
        Locale::En,
        "wide-",
        &brand(&"W".repeat(64), &format!("https://{}", "w".repeat(120)), "#111827"),
    )?;
    Ok(())
}

fn brand(name: &str, support: &str, color: &str) -> Brand {
    Brand {
        name: name.to_owned(),
        color: Color::parse(color).unwrap_or_default(),
        support: Contact::new(support.to_owned()),
    }
}

/// Writes the email with and without a link, and every page.
fn write(folder: &Path, locale: Locale, kind: &str, brand: &Brand) -> Result<(), Box<dyn std::error::Error>> {
    let tag = locale.tag();
    let digits = if kind == "wide-" { "0123456789" } else { "012345" };
    let code = Code::parse(digits, u8::try_from(digits.len())?)?;
    for (name, purpose, link) in [
        ("mail", Purpose::SignUp, None),
        (
            "mail-with-link",
            // The longest sentence.
            Purpose::ChangeEmail,
            Some(format!("https://verify.example.com/verify?link={LINK}")),
        ),
    ] {
        let content = Content {
            code: &code,
            purpose: &purpose,
            expires_in: Duration::minutes(10),
            link,
        };
        let mail = Mail::write(locale, &content, brand)?;
        save(folder, &format!("{name}-{kind}{tag}.html"), &mail.html)?;
        save(
            folder,
            &format!("{name}-{kind}{tag}.txt"),
            &format!("{}\n\n{}", mail.subject, mail.text),
        )?;
    }
    let address = || "k•••@example.com".to_owned();
    let ask = |purpose, opens_app| Page::Ask {
        address: address(),
        purpose,
        link: LINK.to_owned(),
        opens_app,
    };
    for (name, page) in [
        ("page-ask", ask(Purpose::SignUp, true)),
        ("page-ask-without-app", ask(Purpose::ChangeEmail, false)),
        ("page-done", Page::Done { address: address() }),
        ("page-wrong", Page::Wrong),
        ("page-expired", Page::Expired),
        ("page-replaced", Page::Replaced),
        ("page-used", Page::Used),
        ("page-failed", Page::Failed),
    ] {
        save(
            folder,
            &format!("{name}-{kind}{tag}.html"),
            &page.write(locale, brand)?.html,
        )?;
    }
    Ok(())
}

fn save(folder: &Path, name: &str, text: &str) -> io::Result<()> {
    fs::write(folder.join(name), text)
}
