//! What is typed and pasted: invisible characters, full-width ones, and the digits of other scripts.

use unicode_general_category::{GeneralCategory, get_general_category};

/// Invisible characters that are copied with a text: soft hyphens, zero-width characters, marks of direction, byte order marks.
pub(crate) fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{AD}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}'
    )
}

/// The ASCII character that a full-width one stands for, as Korean and Japanese keyboards type it (U+FF01 to U+FF5E). Any other
/// character as it is.
pub(crate) fn half_width(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(character) - 0xFEE0).unwrap_or(character),
        _ => character,
    }
}

/// The ASCII digit that a decimal digit of any script stands for (Unicode category Nd): a phone's number pad may be Arabic.
pub(crate) fn ascii_digit(character: char) -> Option<char> {
    let is_digit = |character: char| get_general_category(character) == GeneralCategory::DecimalNumber;
    if !is_digit(character) {
        return None;
    }
    // The digits of a script stand in a row from 0 to 9, and so do rows that follow each other (Unicode, 4.6).
    let before = (0..u32::from(character)).rev().map_while(char::from_u32);
    let distance = before.take_while(|before| is_digit(*before)).count();
    char::from_digit(u32::try_from(distance % 10).ok()?, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_of_any_script_are_read() {
        for digits in [
            "0123456789",
            "０１２３４５６７８９",
            "٠١٢٣٤٥٦٧٨٩",
            "۰۱۲۳۴۵۶۷۸۹",
            "०१२३४५६७८९",
            "๐๑๒๓๔๕๖๗๘๙",
            "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
            "𝟶𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾𝟿",
            "🯰🯱🯲🯳🯴🯵🯶🯷🯸🯹",
        ] {
            let read: Option<String> = digits.chars().map(ascii_digit).collect();
            assert_eq!(read.as_deref(), Some("0123456789"), "{digits}");
        }
        for other in ['a', '①', '²', '½', '一', '零', 'Ⅳ', '〇', ' '] {
            assert_eq!(ascii_digit(other), None, "{other}");
        }
    }

    #[test]
    fn full_width_ascii_becomes_ascii() {
        let full_width: String = ('\u{FF01}'..='\u{FF5E}').map(half_width).collect();
        let ascii: String = ('!'..='~').collect();
        assert_eq!(full_width, ascii);
        assert_eq!(half_width('。'), '。');
    }
}
