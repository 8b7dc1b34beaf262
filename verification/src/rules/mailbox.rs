//! The mailbox of a recipient, as far as a limit needs it.

use std::fmt;

use crate::rules::recipient::Recipient;

/// A provider that delivers several spellings of an address into one mailbox.
struct Provider {
    /// The domain that limits count by.
    domain: &'static str,
    /// Domains that lead to the same mailbox, by the same local part.
    aliases: &'static [&'static str],
    /// What the provider ignores in a local part.
    ignored: &'static [char],
    /// Two characters that it takes for one: the first is counted as the second.
    alike: Option<(char, char)>,
}

/// What providers say, or else what others found out by trying. A row that is missing lets a stranger bring more emails; a wrong
/// one lets two people share a limit. So these are missing: Outlook, Yahoo and GMX, whose domains are separate and whose dots
/// count or may count, and Naver, Kakao and Zoho, of which nothing was found.
const PROVIDERS: [Provider; 5] = [
    // Dots: <https://support.google.com/mail/answer/7436150>. The second domain: not Google's own page.
    Provider {
        domain: "gmail.com",
        aliases: &["googlemail.com"],
        ignored: &['.'],
        alike: None,
    },
    // <https://proton.me/support/change-username>, <https://proton.me/support/addresses-and-aliases>
    Provider {
        domain: "proton.me",
        aliases: &["protonmail.com", "pm.me", "protonmail.ch"],
        ignored: &['.', '_', '-'],
        alike: None,
    },
    // <https://yandex.com/support/passport/authorization/registration.html>; the six domains: not Yandex's own page.
    Provider {
        domain: "yandex.ru",
        aliases: &["yandex.com", "yandex.by", "yandex.kz", "yandex.ua", "ya.ru"],
        ignored: &[],
        alike: Some(('.', '-')),
    },
    // <https://support.apple.com/118230>, which does not say it in so many words.
    Provider {
        domain: "icloud.com",
        aliases: &["me.com", "mac.com"],
        ignored: &[],
        alike: None,
    },
    // Only what users say: <https://rachan.tistory.com/6>.
    Provider {
        domain: "daum.net",
        aliases: &["hanmail.net"],
        ignored: &[],
        alike: None,
    },
];

/// Domains of which every subdomain is a mailbox: any name at `kim.fastmail.com` reaches `kim@fastmail.com`.
/// <https://www.fastmail.help/hc/en-us/articles/360060591053>
const BY_SUBDOMAIN: [&str; 2] = ["fastmail.com", "fastmail.fm"];

/// What limits count emails by: the recipient without what makes no other mailbox.
///
/// That is a `+tag` (most hosts ignore it) and what its provider ignores. The email still goes to the recipient, and the proof
/// states the recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Mailbox(String);

impl Mailbox {
    /// The mailbox of a recipient.
    pub fn of(recipient: &Recipient) -> Self {
        let (local, domain) = recipient.as_str().rsplit_once('@').unwrap_or_default();
        if let Some((user, domain)) = domain
            .split_once('.')
            .filter(|(_, domain)| BY_SUBDOMAIN.contains(domain))
        {
            return Self(format!("{user}@{domain}"));
        }
        let untagged = match local.split_once('+') {
            // A local part that begins with a plus has no name in front of a tag.
            Some((name, _)) if !name.is_empty() => name,
            _ => local,
        };
        match PROVIDERS.iter().find(|provider| provider.has(domain)) {
            Some(provider) => Self(format!("{}@{}", provider.counted(untagged), provider.domain)),
            None => Self(format!("{untagged}@{domain}")),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl Provider {
    fn has(&self, domain: &str) -> bool {
        self.domain == domain || self.aliases.contains(&domain)
    }

    /// A local part as limits count it.
    fn counted(&self, local: &str) -> String {
        let kept = local.chars().filter(|character| !self.ignored.contains(character));
        let counted: String = kept
            .map(|character| match self.alike {
                Some((one, other)) if character == one => other,
                _ => character,
            })
            .collect();
        if counted.is_empty() { local.to_owned() } else { counted }
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
    fn what_a_provider_ignores_makes_no_other_mailbox() {
        for (spelling, counted) in [
            ("k.i.m+x@gmail.com", "kim@gmail.com"),
            ("k.im@googlemail.com", "kim@gmail.com"),
            ("v-ictim@proton.me", "victim@proton.me"),
            ("v_ictim@protonmail.com", "victim@proton.me"),
            ("v.ictim+a@pm.me", "victim@proton.me"),
            ("-_-@proton.me", "-_-@proton.me"),
            ("kim.lee@ya.ru", "kim-lee@yandex.ru"),
            ("kim-lee+a@yandex.com", "kim-lee@yandex.ru"),
            ("kim@me.com", "kim@icloud.com"),
            ("kim@hanmail.net", "kim@daum.net"),
            ("shop@kim.fastmail.com", "kim@fastmail.com"),
            ("kim+shop@fastmail.com", "kim@fastmail.com"),
        ] {
            assert_eq!(mailbox(spelling), counted);
        }
    }

    #[test]
    fn whatever_may_be_another_mailbox_stays_one() {
        for address in [
            "k.i.m@example.com",
            "k.i.m@gmail.com.example.com",
            "k.im@icloud.com",
            "k.im@outlook.com",
            "k-im@hotmail.com",
            "kim-shop@yahoo.com",
            "k.im@naver.com",
            "k.im@daum.net",
            "k.im@gmx.net",
            "kim.lee@google.com",
            "kim@shop.kim.fastmail.com",
        ] {
            assert_eq!(mailbox(address), address);
        }
        assert_ne!(mailbox("kimlee@yandex.ru"), mailbox("kim.lee@yandex.ru"));
    }

    #[test]
    fn each_domain_is_of_one_provider() {
        for provider in &PROVIDERS {
            for domain in provider.aliases.iter().chain([&provider.domain]) {
                assert_eq!(
                    PROVIDERS.iter().filter(|other| other.has(domain)).count(),
                    1,
                    "{domain}"
                );
            }
        }
    }
}
