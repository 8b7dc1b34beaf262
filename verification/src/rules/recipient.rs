//! The recipient: a typed email address in the normalised form that both functions agree on.

use std::fmt;

use email_address::{EmailAddress, Options};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use crate::rules::typed::{half_width, is_invisible};

/// The most octets of an address: an SMTP path takes 256 with its angle brackets (RFC 5321, 4.5.3.1.3).
const MAX_ADDRESS_BYTES: usize = 254;

/// Top-level domains that never receive email (RFC 2606, RFC 6761).
const RESERVED: [&str; 4] = ["test", "example", "invalid", "localhost"];

/// The normalised address. It is mailed, it is part of every item's name, and the proof states it.
///
/// The local part is lower case as well, although RFC 5321 lets a host tell `Kim@` from `kim@`. The address that is mailed
/// is exactly the one that is proven, so such a host cannot turn one person's mailbox into another person's proof.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(String);

/// Not an address that SES can mail.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an address that SES can mail")]
pub struct InvalidEmail;

impl Recipient {
    /// Normalises a typed address: drops white space and invisible characters around it, makes full-width characters ASCII, writes
    /// the domain as lower-case ASCII (IDNA, UTS #46) and the local part in lower case, and keeps a `+tag`.
    ///
    /// # Errors
    ///
    /// [`InvalidEmail`] for what SES cannot mail:
    ///
    /// * a local part that is no plain ASCII dot-atom (RFC 5322, 3.2.3; SES supports no SMTPUTF8) or is over 64 octets;
    /// * a domain that is no host name of at least two labels, or whose top-level domain cannot be: one letter, with a digit, or
    ///   reserved;
    /// * a display name, or an address of over 254 octets.
    pub fn parse(typed: &str) -> Result<Self, InvalidEmail> {
        let typed: String = typed
            .trim_matches(|character: char| character.is_whitespace() || is_invisible(character))
            .chars()
            .map(half_width)
            .collect();
        // UTS #46 would ignore some of these in the domain. Nobody sees what such an address is.
        if typed.contains(is_invisible) {
            return Err(InvalidEmail);
        }
        let (local, domain) = typed.rsplit_once('@').ok_or(InvalidEmail)?;
        // The parser below also accepts quoted strings and UTF-8, which SES does not. Something that looks like an encoded
        // word (RFC 2047) could be decoded on its way and become another address.
        if !local.bytes().all(is_atom_or_dot) || local.contains("=?") {
            return Err(InvalidEmail);
        }
        // Hyphens in the third and fourth place are for punycode, and stand in real shops' names as well.
        let domain = Uts46::new()
            .to_ascii(
                domain.as_bytes(),
                AsciiDenyList::STD3,
                Hyphens::CheckFirstLast,
                DnsLength::Verify,
            )
            .map_err(|_| InvalidEmail)?;
        let address = format!("{}@{domain}", local.to_ascii_lowercase());
        if !is_top_level(domain.rsplit('.').next().unwrap_or_default()) || address.len() > MAX_ADDRESS_BYTES {
            return Err(InvalidEmail);
        }
        let options = Options::default()
            .with_required_tld()
            .without_domain_literal()
            .without_display_text();
        EmailAddress::parse_with_options(&address, options).map_err(|_| InvalidEmail)?;
        Ok(Self(address))
    }

    /// The address as text. Mail it or return it to its owner; never log it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address with its local part hidden but for the first character. For a page that its owner sees.
    pub fn masked(&self) -> String {
        let (local, domain) = self.0.rsplit_once('@').unwrap_or((&self.0, ""));
        let first = local.chars().next().filter(|_| local.len() > 1);
        format!("{}•••@{domain}", first.map(String::from).unwrap_or_default())
    }

    /// The part behind the `@`.
    pub(crate) fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Whether there can be such a top-level domain: at least two letters, or punycode. Otherwise the email would surely bounce.
fn is_top_level(label: &str) -> bool {
    let is_word = label.len() >= 2 && label.bytes().all(|byte| byte.is_ascii_alphabetic());
    (is_word || label.starts_with("xn--")) && !RESERVED.contains(&label)
}

/// `atext` of RFC 5322, 3.2.3, or a dot.
fn is_atom_or_dot(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte)
}

/// Hides the address, so that no log or panic message can carry it.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recipient(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalised(typed: &str) -> Result<String, InvalidEmail> {
        Recipient::parse(typed).map(|recipient| recipient.0)
    }

    #[test]
    fn an_address_is_trimmed_and_lowered_and_keeps_its_tag() {
        for (typed, expected) in [
            ("kim@example.com", "kim@example.com"),
            (" Kim+App@Example.COM\n", "kim+app@example.com"),
            ("kim\u{40}bücher.com", "kim@xn--bcher-kva.com"),
            ("kim@한국.com", "kim@xn--3e0b707e.com"),
            ("kim@예시.한국", "kim@xn--vv4b11d.xn--3e0b707e"),
            ("kim@EXAMPLE。com", "kim@example.com"),
            ("o'hara/x=y@sub.example.co.kr", "o'hara/x=y@sub.example.co.kr"),
            // Copied and pasted.
            ("\u{FEFF}kim@example.com\u{200B}", "kim@example.com"),
            ("\u{202A}kim@example.com\u{202C}\u{2060}\n\u{200F}", "kim@example.com"),
            // A Korean or Japanese keyboard.
            ("kim＠example.com", "kim@example.com"),
            ("ｋｉｍ＋ａ@example．com", "kim+a@example.com"),
            ("kim@my--shop.co.kr", "kim@my--shop.co.kr"),
        ] {
            assert_eq!(normalised(typed).as_deref(), Ok(expected), "{typed:?}");
        }
    }

    #[test]
    fn what_ses_cannot_mail_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("kim@{}.com", "a".repeat(64));
        let long_domain = format!("kim@{}com", "abcdefgh.".repeat(28));
        for typed in [
            "",
            "@",
            "kim",
            "kim@",
            "@example.com",
            "kim@localhost",
            "kim@example.com.",
            "kim@exa mple.com",
            "kim@-example.com",
            "kim@exa_mple.com",
            "kim@example..com",
            "kim@192.0.2.1",
            "kim@[192.0.2.1]",
            "kim@example.123",
            "kim@gmail.c",
            "kim@gmail.x1",
            "kim@example.invalid",
            "kim@example.localhost",
            "kim@example.test",
            "kim@mail.example",
            "k\u{200B}im@example.com",
            "kim@exam\u{200B}ple.com",
            "kim\u{FEFF}@example.com",
            "kim@exam\u{202E}ple.com\u{202C}x",
            "kim。lee@example.com",
            "kim@xn--a.com",
            ".kim@example.com",
            "kim.@example.com",
            "k..im@example.com",
            "k im@example.com",
            "김@example.com",
            "\"kim\"@example.com",
            "\"k im\"@example.com",
            "kim(comment)@example.com",
            "Kim <kim@example.com>",
            "<kim@example.com>",
            "kim@example.com,lee@example.com",
            "kim@example.com\r\nBcc: lee@example.com",
            "kim\0@example.com",
            "kim@exam\0ple.com",
            "kim@lee@example.com",
            "=?utf-8?q?lee=40example.org?=@example.com",
            &long_local,
            &long_label,
            &long_domain,
        ] {
            assert_eq!(normalised(typed), Err(InvalidEmail), "{typed:?}");
        }
    }

    #[test]
    fn the_longest_address_has_254_octets() {
        let of_length = |length: usize| format!("kim@{}com", "abcdefgh.".repeat(27) + &"a".repeat(length - 251) + ".");
        let (longest, longer) = (of_length(254), of_length(255));
        assert_eq!((longest.len(), longer.len()), (254, 255));
        assert_eq!(normalised(&longest), Ok(longest));
        assert_eq!(normalised(&longer), Err(InvalidEmail));
        let longest_local = format!("{}@example.com", "a".repeat(64));
        assert_eq!(normalised(&longest_local), Ok(longest_local));
    }

    #[test]
    fn a_masked_address_shows_its_domain_and_one_character() {
        for (typed, masked) in [
            ("kim@example.com", "k•••@example.com"),
            ("k@example.com", "•••@example.com"),
        ] {
            assert_eq!(Recipient::parse(typed).expect("an address").masked(), masked);
        }
    }

    #[test]
    fn the_debug_form_shows_no_address() {
        let recipient = Recipient::parse("kim@example.com").expect("a plain address");
        assert_eq!(format!("{recipient:?}"), "Recipient(…)");
    }

    proptest! {
        /// An app may send back the address from a response. Both functions then mean the same recipient.
        #[test]
        fn normalising_twice_changes_nothing(typed in r"\PC{0,20}@\PC{0,20}|[A-Za-z.+'-]{1,10}@[a-zA-Zé한.]{1,12}\.[a-zA-Z]{2,5}") {
            if let Ok(once) = normalised(&typed) {
                prop_assert_eq!(normalised(&once), Ok(once.clone()));
                prop_assert!(once.is_ascii() && once.len() <= MAX_ADDRESS_BYTES);
                prop_assert!(!once.contains(char::is_whitespace) && !once.contains(char::is_uppercase));
            }
        }

        /// However an address is typed, request-code and verify-code see one recipient.
        #[test]
        fn case_and_white_space_make_no_difference(local in "[a-z][a-z0-9+]{0,10}", domain in r"[a-z]{1,8}\.(com|kr|shop)", upper in any::<bool>(), left in r"[ \t\n\u{3000}]{0,3}", right in r"[ \t\n]{0,3}") {
            let plain = format!("{local}@{domain}");
            let typed = if upper { plain.to_uppercase() } else { plain.clone() };
            prop_assert_eq!(normalised(&format!("{left}{typed}{right}")), Ok(plain));
        }
    }
}
