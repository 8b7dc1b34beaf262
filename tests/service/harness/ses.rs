//! An SES in memory that records the mails it takes, and can refuse them or be slow.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::world::call::Aws;
use super::world::fault::{Fault, Refusal};
use super::world::journal::Journal;
use super::world::reply::Reply;
use super::world::script::Script;

/// What it does with the next emails.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    Willing,
    /// Refuses with this HTTP status, error code and message.
    Refusing(u16, &'static str, &'static str),
    /// Takes them, and responds after this time.
    Slow(Duration),
    /// Refuses them for now, after this time.
    SlowlyRefusing(Duration),
}

#[derive(Clone)]
pub(crate) struct Ses {
    journal: Journal,
    script: Script,
    taken: Arc<Mutex<Vec<Value>>>,
}

/// A mail that was taken, as `SendEmail` got it.
#[derive(Clone, Debug)]
pub(crate) struct SentMail(pub(crate) Value);

impl Ses {
    pub(super) fn new(journal: &Journal, script: &Script) -> Self {
        Self {
            journal: journal.clone(),
            script: script.clone(),
            taken: Arc::default(),
        }
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.script.forget(Aws::Ses);
        let (status, code, message, after) = match mood {
            Mood::Willing => return,
            Mood::Slow(delay) => return self.script.always(Aws::Ses, Fault::SlowAfter(delay)),
            Mood::Refusing(status, code, message) => (status, code, message, Duration::ZERO),
            Mood::SlowlyRefusing(delay) => (429, "TooManyRequestsException", "not now", delay),
        };
        let refusal = Refusal {
            status,
            code,
            message,
            after,
        };
        self.script.always(Aws::Ses, Fault::Refused(refusal));
    }

    /// Answers `SendEmail`.
    pub(super) fn take(&self, mail: &Value) -> Reply {
        self.taken.lock().expect("the mails").push(mail.clone());
        Reply::success(json!({ "MessageId": "0100-example" }))
    }

    pub(super) fn forget(&self) {
        self.taken.lock().expect("the mails").clear();
    }

    pub(crate) fn mails(&self) -> Vec<SentMail> {
        let taken = self.taken.lock().expect("the mails");
        taken.iter().cloned().map(SentMail).collect()
    }

    pub(crate) fn newest_mail(&self) -> SentMail {
        let taken = self.taken.lock().expect("the mails");
        SentMail(taken.last().expect("a mail").clone())
    }

    /// The newest email to an address.
    pub(crate) fn newest_mail_to(&self, address: &str) -> SentMail {
        let taken = self.taken.lock().expect("the mails");
        let to = json!([address]);
        let mail = taken.iter().rev().find(|mail| mail["Destination"]["ToAddresses"] == to);
        SentMail(mail.expect("a mail").clone())
    }

    /// How often `SendEmail` was called, whatever came of it.
    pub(crate) fn calls(&self) -> usize {
        self.journal.calls_to(Aws::Ses)
    }
}

impl SentMail {
    pub(crate) fn subject(&self) -> &str {
        self.0["Content"]["Simple"]["Subject"]["Data"]
            .as_str()
            .expect("a subject")
    }

    pub(crate) fn text(&self) -> &str {
        self.0["Content"]["Simple"]["Body"]["Text"]["Data"]
            .as_str()
            .expect("a text")
    }

    pub(crate) fn html(&self) -> &str {
        self.0["Content"]["Simple"]["Body"]["Html"]["Data"]
            .as_str()
            .expect("an HTML part")
    }

    /// The value of one of its tags.
    pub(crate) fn tag(&self, name: &str) -> &str {
        let tags = self.0["EmailTags"].as_array().expect("tags");
        let tag = tags.iter().find(|tag| tag["Name"] == name);
        tag.and_then(|tag| tag["Value"].as_str()).expect("a tag")
    }

    /// The URL of the link, read from the text part.
    pub(crate) fn link(&self) -> String {
        let mut lines = self.text().lines();
        let link = lines.find(|line| line.contains("?link=")).expect("a link");
        let escaped = link.replace('&', "&#38;");
        assert!(
            self.html().contains(&format!("<a href=\"{escaped}\"")),
            "{}",
            self.html()
        );
        link.to_owned()
    }

    /// The parameter of the link.
    pub(crate) fn sealed(&self) -> String {
        self.link().split_once("?link=").expect("a link").1.to_owned()
    }

    /// The code, read from the subject as a person would.
    pub(crate) fn code(&self) -> String {
        let mut words = self.subject().split(' ');
        let code = words
            .find(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
            .expect("a code");
        assert!(code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        code.to_owned()
    }
}
