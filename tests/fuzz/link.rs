//! A link: what was sealed is what opens, whatever was changed does not, and anything else is no link.
//!
//! The lines of an input: the link's expiry, a place in it that is changed, the code, the address.

use std::sync::LazyLock;

use time::UtcDateTime;
use verification::keys::Keys;
use verification::locale::Locale;
use verification::rules::challenge_id::{ChallengeId, ChallengeName};
use verification::rules::code::Code;
use verification::rules::link::Link;
use verification::rules::mail_id::MailId;
use verification::rules::purpose::Purpose;
use verification::rules::recipient::Recipient;

use super::stage;
use crate::harness::constant::Constant;
use crate::harness::event;
use crate::harness::secrets_manager::TEXTS;
use crate::harness::service::OWN_ID;

/// The link of `events/`.
static SEALED: LazyLock<String> = LazyLock::new(|| {
    let event = event::read("verify-page");
    event["queryStringParameters"]["link"]
        .as_str()
        .expect("a link")
        .to_owned()
});

pub(super) fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let keys = Keys::derive(TEXTS[0].as_bytes()).expect("keys");
    assert!(
        Link::open(&keys, text).is_none() || text == *SEALED,
        "a link that nobody sealed"
    );
    let Some((link, position)) = read(text) else { return };

    let mail = MailId::draw(&mut Constant::byte(8)).expect("an id");
    let sealed = link.seal(&keys, mail).expect("a sealed link");
    if sealed.len() > 4_096 {
        return;
    }
    let opened = Link::open(&keys, &sealed).expect("an opened link");
    let parts = |link: &Link| {
        let ChallengeName { recipient, id, purpose } = link.challenge.clone();
        let texts = (recipient.as_str().to_owned(), link.code.as_str().to_owned());
        (texts, id, purpose, link.expires_at, link.locale)
    };
    assert_eq!(parts(&opened), parts(&link));

    let last = sealed.len() - 1;
    for at in [position % sealed.len(), last] {
        assert!(Link::open(&keys, &sealed[..at]).is_none());
        for bit in 0..8 {
            let mut changed = sealed.clone().into_bytes();
            changed[at] ^= 1 << bit;
            let changed = String::from_utf8_lossy(&changed);
            assert!(Link::open(&keys, &changed).is_none(), "a link with another bit");
        }
    }

    stage::play(
        async |_| (),
        async |service| {
            let is_expired = link.is_expired(service.time());
            let page = if is_expired { 410 } else { 200 };
            assert_eq!(service.follow(&sealed).await.status, page);
            assert_eq!(service.press(&sealed).await.status, 410);
            assert_eq!(service.hand_in(&sealed).await.problem(), "401 code-expired");
        },
    );
}

fn read(text: &str) -> Option<(Link, usize)> {
    let mut lines = text.splitn(4, '\n');
    let expires_at = UtcDateTime::from_unix_timestamp(lines.next()?.parse().ok()?).ok()?;
    let position: usize = lines.next()?.parse().ok()?;
    let code = lines.next()?;
    let link = Link {
        code: Code::parse(code, u8::try_from(code.len()).ok()?).ok()?,
        challenge: ChallengeName {
            recipient: Recipient::parse(lines.next()?).ok()?,
            id: ChallengeId::parse(OWN_ID).ok()?,
            purpose: Purpose::SignIn,
        },
        expires_at,
        locale: Locale::ALL.get(position % (Locale::ALL.len() + 1)).copied(),
    };
    Some((link, position))
}
