//! A typed address: what is accepted is what SES can mail, and stays the same however it is typed again.

use verification::rules::mailbox::Mailbox;
use verification::rules::recipient::Recipient;

pub(super) fn run(bytes: &[u8]) {
    let Ok(typed) = str::from_utf8(bytes) else { return };
    let Ok(recipient) = Recipient::parse(typed) else { return };
    let address = recipient.as_str();
    let (local, domain) = address.split_once('@').expect("an at sign");
    assert!(address.len() <= 254 && (1..=64).contains(&local.len()), "{address}");
    let is_visible = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase();
    assert!(
        address.bytes().all(is_visible) && !local.contains(['"', '(', '<', ',', ':', ';', '\\']),
        "{address}"
    );
    let labels: Vec<_> = domain.split('.').collect();
    assert!(labels.len() >= 2, "{address}");
    for label in labels {
        assert!((1..=63).contains(&label.len()), "{address}");
        assert!(!label.starts_with('-') && !label.ends_with('-'), "{address}");
        assert!(
            label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
            "{address}"
        );
    }

    let again = [
        address.to_owned(),
        address.to_ascii_uppercase(),
        typed.to_ascii_lowercase(),
        typed.to_ascii_uppercase(),
        format!(" {typed}\r\n"),
    ];
    for again in again {
        assert!(
            Recipient::parse(&again).as_ref() == Ok(&recipient),
            "{address} is another as {again:?}"
        );
    }
    let masked = recipient.masked();
    assert!(
        masked.ends_with(&format!("•••@{domain}")) && masked.chars().count() <= domain.len() + 5,
        "{masked}"
    );
    // What begins with a plus has no name that a tag could follow.
    if !local.starts_with('+')
        && let Ok(tagged) = Recipient::parse(&format!("{local}+x@{domain}"))
    {
        assert!(
            Mailbox::of(&tagged) == Mailbox::of(&recipient),
            "{address} has two mailboxes"
        );
    }
}
