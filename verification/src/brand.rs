//! What makes email and page the app's own: its name, its colour, and whom to ask.

use std::fmt;

use crate::rules::recipient::Recipient;

/// The looks of email and page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brand {
    /// `SENDER_NAME`, 1 to 64 characters: the app's name in From, subject, text and page.
    pub name: String,
    /// `BRAND_COLOR`, such as `#1d4ed8`: of the button, and the edge of email and page.
    pub color: Color,
    /// `SUPPORT_CONTACT`, up to 128 characters, or empty.
    pub support: Option<Contact>,
}

/// A colour of sRGB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Color {
    red: u8,
    green: u8,
    blue: u8,
}

/// Whom to ask: an email address, an https URL, or any words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact(String);

impl Brand {
    /// The name as a sentence can hold it. See [`isolated`].
    pub fn isolated_name(&self) -> String {
        isolated(&self.name)
    }
}

impl Color {
    /// Reads the form `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Some(Self { red, green, blue })
    }

    /// Black or white, whichever reads better on this colour. The contrast is at least 4.58, for any colour; text needs 4.5
    /// (WCAG 2.2, 1.4.3).
    pub fn text(self) -> Self {
        let (black, white) = (
            Self::default(),
            Self {
                red: 255,
                green: 255,
                blue: 255,
            },
        );
        if self.contrast(white) >= self.contrast(black) {
            white
        } else {
            black
        }
    }

    /// The contrast ratio (WCAG 2.2, <https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio>).
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The relative luminance (<https://www.w3.org/TR/WCAG22/#dfn-relative-luminance>).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.04045 {
                channel / 12.92
            } else {
                ((channel + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }
}

/// The form `#rrggbb`.
impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }
}

impl Contact {
    /// Takes the text as it is. None when it is empty.
    pub fn new(text: String) -> Option<Self> {
        Some(Self(text)).filter(|contact| !contact.0.is_empty())
    }

    /// The text as a sentence can hold it. See [`isolated`].
    pub fn text(&self) -> String {
        isolated(&self.0)
    }

    /// Where it leads, if it is an address or an https URL.
    pub fn href(&self) -> Option<String> {
        if self.0.starts_with("https://") && !self.0.contains(char::is_whitespace) {
            return Some(self.0.clone());
        }
        Recipient::parse(&self.0)
            .ok()
            .map(|address| format!("mailto:{}", address.as_str()))
    }
}

/// A text that cannot reorder the words around it. Marks that change the direction are taken out, and a text that is written from
/// right to left stands between U+2068 and U+2069 (Unicode Bidirectional Algorithm, UAX #9, 2.4).
pub fn isolated(text: &str) -> String {
    let text = text.replace(is_direction_mark, "");
    if text.contains(is_right_to_left) {
        format!("\u{2068}{text}\u{2069}")
    } else {
        text
    }
}

fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character is of a script that is written from right to left.
fn is_right_to_left(character: char) -> bool {
    matches!(character,
        '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}' | '\u{10800}'..='\u{10FFF}'
        | '\u{1E800}'..='\u{1EFFF}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn brand(name: &str) -> Brand {
        Brand {
            name: name.to_owned(),
            color: Color::default(),
            support: None,
        }
    }

    #[test]
    fn a_color_is_read_and_written() {
        assert_eq!(
            Color::parse("#1D4ed8").map(|color| color.to_string()).as_deref(),
            Some("#1d4ed8")
        );
        for wrong in [
            "", "#", "1d4ed8", "#1d4ed", "#1d4ed88", "#1d4edg", "#+d4ed8", "red", "#한국",
        ] {
            assert_eq!(Color::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_text_on_a_color_is_the_one_that_reads_better() {
        for (color, text) in [
            ("#fee500", "#000000"),
            ("#03c75a", "#000000"),
            ("#1d4ed8", "#ffffff"),
            ("#000000", "#ffffff"),
        ] {
            assert_eq!(
                Color::parse(color).expect("a color").text().to_string(),
                text,
                "{color}"
            );
        }
        let (black, white) = (Color::default(), Color::parse("#ffffff").expect("a color"));
        assert!((black.contrast(white) - 21.0).abs() < 1e-9);
    }

    /// The values of the W3C's formula, worked out apart. `#0a0a0a` is the lightest grey in its straight part.
    #[test]
    fn the_contrast_is_that_of_wcag() {
        for (color, with_white, with_black) in [
            ("#ff0000", 3.998_5, 5.252_0),
            ("#00ff00", 1.372_2, 15.304_0),
            ("#0000ff", 8.592_5, 2.444_0),
            ("#0a0a0a", 19.798_1, 1.060_7),
            ("#0b0b0b", 19.682_6, 1.066_9),
            ("#1d4ed8", 6.701_6, 3.133_6),
        ] {
            let color = Color::parse(color).expect("a color");
            let (black, white) = (Color::default(), Color::parse("#ffffff").expect("a color"));
            assert!(
                (color.contrast(white) - with_white).abs() < 1e-3,
                "{color}: {}",
                color.contrast(white)
            );
            assert!(
                (color.contrast(black) - with_black).abs() < 1e-3,
                "{color}: {}",
                color.contrast(black)
            );
        }
    }

    #[test]
    fn a_contact_leads_somewhere_if_it_can() {
        for (text, href) in [
            ("help@example.com", Some("mailto:help@example.com")),
            ("https://example.com/help", Some("https://example.com/help")),
            ("02-123-4567", None),
            ("javascript:alert(1)", None),
            ("https://example.com help", None),
        ] {
            let contact = Contact::new(text.to_owned()).expect("a contact");
            assert_eq!(contact.href().as_deref(), href);
        }
        assert_eq!(Contact::new(String::new()), None);
    }

    #[test]
    fn a_name_from_right_to_left_is_isolated() {
        assert_eq!(brand("예시 앱").isolated_name(), "예시 앱");
        assert_eq!(brand("דוגמה").isolated_name(), "\u{2068}דוגמה\u{2069}");
        assert_eq!(brand("a\u{2069}\u{202E}b").isolated_name(), "ab");
    }

    proptest! {
        #[test]
        fn text_can_be_read_on_any_color(red in any::<u8>(), green in any::<u8>(), blue in any::<u8>()) {
            let color = Color { red, green, blue };
            prop_assert!(color.contrast(color.text()) >= 4.5);
        }
    }
}
