//! The mailbox of a recipient, as far as a limit needs it.

use std::fmt;

use crate::rules::recipient::Recipient;

/// The domains that ignore dots in the local part, and deliver to each other.
/// <https://support.google.com/mail/answer/7436150>
const DOTLESS: [&str; 2] = ["gmail.com", "googlemail.com"];

/// What limits count emails by: the recipient without what makes no other mailbox.
///
/// That is a `+tag` (most hosts ignore it) and, where the domain ignores them, dots. The email still goes to the recipient, and
/// the proof states the recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox(String);

impl Mailbox {
    /// The mailbox of a recipient.
    pub fn of(recipient: &Recipient) -> Self {
        let (local, domain) = recipient.as_str().rsplit_once('@').unwrap_or_default();
        let untagged = match local.split_once('+') {
            // A local part that begins with a plus has no name in front of a tag.
            Some((name, _)) if !name.is_empty() => name,
            _ => local,
        };
        if DOTLESS.contains(&domain) {
            let dotless: String = untagged.chars().filter(|character| *character != '.').collect();
            Self(format!("{dotless}@{}", DOTLESS[0]))
        } else {
            Self(format!("{untagged}@{domain}"))
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Hides the address, so that no log or panic message can carry it.
impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(address: &str) -> String {
        Mailbox::of(&Recipient::parse(address).expect("a plain address")).0
    }

    #[test]
    fn a_tag_makes_no_other_mailbox() {
        assert_eq!(mailbox("kim+shop@example.com"), "kim@example.com");
        assert_eq!(mailbox("kim+a+b@example.com"), "kim@example.com");
        assert_eq!(mailbox("Kim@Example.com"), "kim@example.com");
        assert_eq!(mailbox("+kim@example.com"), "+kim@example.com");
    }

    #[test]
    fn dots_count_only_where_the_domain_reads_them() {
        assert_eq!(mailbox("k.i.m+x@gmail.com"), "kim@gmail.com");
        assert_eq!(mailbox("k.im@googlemail.com"), "kim@gmail.com");
        assert_eq!(mailbox("k.i.m@example.com"), "k.i.m@example.com");
        assert_eq!(mailbox("k.i.m@gmail.com.example.com"), "k.i.m@gmail.com.example.com");
    }
}
