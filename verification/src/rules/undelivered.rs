//! What SES says of an email that did not arrive.

use std::fmt;

use serde::Deserialize;

use crate::rules::challenge_id::ItemName;
use crate::rules::mail_id::MailId;

/// The tag of an email with the name of its challenge's item. SES's events carry the tags of their email.
pub const CHALLENGE_TAG: &str = "challenge";
/// The tag with the id of the email.
pub const MAIL_TAG: &str = "mail";

/// Why an email did not arrive, as the app is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There is no such mailbox, or SES sends nothing to it any more.
    Mailbox,
    /// The mailbox was full, or its server took no email until SES gave up. A person who is out of office may look the same,
    /// although they got the email.
    Temporary,
    /// The mailbox's server, or SES, did not take what the email says.
    Content,
}

/// An email that did not arrive. The stack's rule makes this of an event of SES, and leaves the address out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Event")]
pub struct Undelivered {
    /// The challenge whose code it carries.
    pub challenge: ItemName,
    /// Its id.
    pub mail: MailId,
    /// The id that SES gave it.
    pub message_id: String,
    /// Why it did not arrive.
    pub reason: Reason,
}

/// The same, as the stack's rule writes it.
#[derive(Deserialize)]
struct Event {
    /// A tag is a list of one value.
    challenge: [String; 1],
    mail: [String; 1],
    message_id: String,
    /// SES's `eventType` and, of a bounce, `bounceType` and `bounceSubType`, with spaces between them.
    kind: String,
}

impl Reason {
    /// As it is stored and as the app gets it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mailbox => "mailbox",
            Self::Temporary => "temporary",
            Self::Content => "content",
        }
    }

    /// Reads the reason from an item.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut all = [Self::Mailbox, Self::Temporary, Self::Content].into_iter();
        all.find(|reason| reason.as_str() == text)
    }

    /// What a kind of event means.
    /// <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html#event-publishing-retrieving-sns-contents-bounce-object>
    fn of(kind: &str) -> Option<Self> {
        let mut words = kind.split(' ');
        match (words.next()?, words.next(), words.next()) {
            ("Reject", ..) | ("Bounce", _, Some("MessageTooLarge" | "ContentRejected" | "AttachmentRejected")) => {
                Some(Self::Content)
            }
            // The rule lets complaints through only of an email that SES did not send.
            ("Bounce", Some("Permanent"), _) | ("Complaint", ..) => Some(Self::Mailbox),
            ("Bounce", ..) => Some(Self::Temporary),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error names no value: it might be an address.
impl TryFrom<Event> for Undelivered {
    type Error = &'static str;

    fn try_from(event: Event) -> Result<Self, Self::Error> {
        let ([challenge], [mail]) = (event.challenge, event.mail);
        let is_plain = event
            .message_id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        Ok(Self {
            challenge: ItemName::parse(challenge).ok_or("challenge is no name of an item")?,
            mail: MailId::parse(&mail).ok_or("mail is no id")?,
            message_id: Some(event.message_id)
                .filter(|_| is_plain)
                .ok_or("message_id is none of SES")?,
            reason: Reason::of(&event.kind).ok_or("kind is none that is known")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn event() -> Value {
        json!({
            "challenge": ["a".repeat(43)],
            "mail": ["00000000000040008000000000000001"],
            "message_id": "0100-example",
            "kind": "Bounce Permanent NoEmail",
        })
    }

    #[test]
    fn each_kind_has_its_reason() {
        for (kind, reason) in [
            ("Bounce Permanent General", "mailbox"),
            ("Bounce Permanent NoEmail", "mailbox"),
            ("Bounce Permanent Suppressed", "mailbox"),
            ("Bounce Permanent OnAccountSuppressionList", "mailbox"),
            ("Bounce Permanent EmailValidationSuppressed", "mailbox"),
            ("Complaint  ", "mailbox"),
            ("Bounce Transient General", "temporary"),
            ("Bounce Transient MailboxFull", "temporary"),
            ("Bounce Transient CustomTimeoutExceeded", "temporary"),
            ("Bounce Undetermined Undetermined", "temporary"),
            ("Bounce Transient MessageTooLarge", "content"),
            ("Bounce Transient ContentRejected", "content"),
            ("Bounce Transient AttachmentRejected", "content"),
            ("Reject", "content"),
            ("Reject  ", "content"),
        ] {
            let read = Reason::of(kind).expect(kind);
            assert_eq!(read.as_str(), reason, "{kind}");
            assert_eq!(Reason::parse(reason), Some(read));
        }
        assert_eq!(Reason::of("Delivery"), None);
        assert_eq!(Reason::of(""), None);
        assert_eq!(Reason::parse("Mailbox"), None);
    }

    #[test]
    fn an_event_that_is_not_the_rules_is_refused() {
        assert!(serde_json::from_value::<Undelivered>(event()).is_ok());
        for member in ["challenge", "mail", "message_id", "kind"] {
            for wrong in [json!("kim@example.com"), json!(["kim@example.com"]), json!(null)] {
                let mut event = event();
                event[member] = wrong;
                assert!(serde_json::from_value::<Undelivered>(event).is_err(), "{member}");
            }
        }
        for length in [0, 42, 44] {
            let mut event = event();
            event["challenge"] = json!(["a".repeat(length)]);
            assert!(serde_json::from_value::<Undelivered>(event).is_err());
        }
    }
}
