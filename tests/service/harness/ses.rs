//! A stand-in for SES that records the mails it takes and can refuse them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::{Request, Respond, ResponseTemplate};

use super::stand_in::StandIn;

/// What the stand-in does with the next emails.
#[derive(Clone, Copy, Default)]
pub(crate) enum Mood {
    #[default]
    Willing,
    /// Refuses with this HTTP status, error code and message.
    Refusing(u16, &'static str, &'static str),
    /// Takes them, and responds after this time.
    Slow(Duration),
    /// Refuses them for now, after this time.
    SlowlyRefusing(Duration),
}

#[derive(Default)]
struct State {
    mood: Mood,
    requests: Vec<Value>,
    taken: Vec<Value>,
}

pub(crate) struct Ses {
    stand_in: StandIn,
    state: Arc<Mutex<State>>,
}

/// A mail that was taken, as `SendEmail` got it.
#[derive(Clone, Debug)]
pub(crate) struct SentMail(pub(crate) Value);

impl Ses {
    pub(crate) async fn start() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let stand_in = StandIn::start("/v2/email/outbound-emails", Recorder(Arc::clone(&state))).await;
        Self { stand_in, state }
    }

    pub(crate) fn url(&self) -> &str {
        self.stand_in.url()
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state.lock().expect("the state").mood = mood;
    }

    pub(crate) fn mails(&self) -> Vec<SentMail> {
        self.state
            .lock()
            .expect("the state")
            .taken
            .iter()
            .cloned()
            .map(SentMail)
            .collect()
    }

    pub(crate) fn newest_mail(&self) -> SentMail {
        let state = self.state.lock().expect("the state");
        SentMail(state.taken.last().expect("a mail").clone())
    }

    /// The newest email to an address.
    pub(crate) fn newest_mail_to(&self, address: &str) -> SentMail {
        let state = self.state.lock().expect("the state");
        let to = json!([address]);
        let mut mails = state.taken.iter().rev();
        let mail = mails.find(|mail| mail["Destination"]["ToAddresses"] == to);
        SentMail(mail.expect("a mail").clone())
    }

    /// How often `SendEmail` was called, whatever came of it.
    pub(crate) fn calls(&self) -> usize {
        self.state.lock().expect("the state").requests.len()
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
        let code = self.subject().split(' ').next().expect("a first word");
        assert!(code.bytes().all(|byte| byte.is_ascii_digit()), "{code}");
        code.to_owned()
    }
}

struct Recorder(Arc<Mutex<State>>);

impl Respond for Recorder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mail: Value = request.body_json().expect("JSON");
        let mut state = self.0.lock().expect("the state");
        state.requests.push(mail.clone());
        let taken = ResponseTemplate::new(200).set_body_json(json!({ "MessageId": "0100-example" }));
        match state.mood {
            Mood::Refusing(status, code, message) => ResponseTemplate::new(status)
                .insert_header("x-amzn-errortype", code)
                .set_body_json(json!({ "message": message })),
            Mood::Willing => {
                state.taken.push(mail);
                taken
            }
            Mood::SlowlyRefusing(delay) => ResponseTemplate::new(429)
                .insert_header("x-amzn-errortype", "TooManyRequestsException")
                .set_body_json(json!({ "message": "not now" }))
                .set_delay(delay),
            Mood::Slow(delay) => {
                state.taken.push(mail);
                taken.set_delay(delay)
            }
        }
    }
}
