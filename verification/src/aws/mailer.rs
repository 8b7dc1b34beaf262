//! SES v2, which sends the emails.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag};
use email_encoding::headers::quoted_string;
use email_encoding::headers::writer::EmailWriter;
use time::Duration;

use super::client;
use super::table::email::Failure;
use crate::mail::Mail;
use crate::rules::next_step::Email;
use crate::rules::recipient::Recipient;
use crate::rules::undelivered::{CHALLENGE_TAG, MAIL_TAG};

/// Headers that mark an email as automatic, so that no out-of-office note answers it (RFC 3834, 5; the second is Exchange's).
const AUTOMATIC: [(&str, &str); 2] = [
    ("Auto-Submitted", "auto-generated"),
    ("X-Auto-Response-Suppress", "All"),
];

/// `Retry-After` when SES is throttled or out of reach. It has not got the email, so a breath is enough.
const BRIEFLY: Duration = Duration::seconds(5);
/// `Retry-After` when SES did not say whether it took the email. It may be ill, and the email may still arrive.
const UNCONFIRMED: Duration = Duration::seconds(30);
/// `Retry-After` when SES has paused the account or its day's quota is used up. That takes a person, or hours.
const STOPPED: Duration = Duration::minutes(5);
/// What SES says when it is paused or its quota is used up. The last two are names of its first API, for which the second one
/// documents `SendingPausedException` alone.
const STOPPED_CODES: [&str; 5] = [
    "LimitExceededException",
    "SendingPausedException",
    "AccountSuspendedException",
    "AccountSendingPausedException",
    "ConfigurationSetSendingPausedException",
];
/// Words of the messages with which SES says the same in other errors: a spent quota is reported as throttling, and a paused account
/// as a refused message.
const STOPPED_WORDS: [&str; 2] = ["daily message quota", "sending paused"];
/// What SES says when there are too many calls.
const THROTTLED_CODES: [&str; 3] = ["TooManyRequestsException", "Throttling", "ThrottlingException"];
/// What SES says about a request that it cannot read. The second is the name of its first API.
const UNREADABLE_CODES: [&str; 2] = ["BadRequestException", "InvalidParameterValue"];
/// How its messages begin when that is about how an address is written, as people have reported them. It is the recipient's: SES has
/// verified the sender's. Any other message is about something of ours.
const ADDRESS_WORDS: [&str; 8] = [
    "local address ",
    "domain ",
    "missing final '@domain'",
    "missing domain",
    "missing local name",
    "illegal address",
    "illegal character in ",
    "invalid email address",
];
/// The most bytes of a mailbox in a header that SES takes (zulip/zulip#17558).
const MAX_MAILBOX_BYTES: usize = 320;

/// The SES message tag of every email. It tells these emails from others of the account.
const SERVICE_TAG: (&str, &str) = ("service", "email-verification");

/// Who sends the emails, and by which configuration set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailerConfig {
    /// `SENDER_ADDRESS`: the address in From. SES has verified it or its domain.
    pub sender_address: String,
    /// `CONFIGURATION_SET`: the SES configuration set of every email.
    pub configuration_set: String,
}

/// Sends emails in the name of the app.
#[derive(Clone)]
pub struct Mailer {
    client: Client,
    from: String,
    configuration_set: String,
}

/// SES did not take an email, or did not say.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// SES did not take the email, and will in a moment: it is throttled, or cannot be reached.
    #[error("SES cannot take mails now: {0}")]
    Unavailable(String),
    /// SES takes no email until a person or the clock changes that: the account is paused, or its quota is spent.
    #[error("SES takes no mails: {0}")]
    Stopped(String),
    /// SES did not say whether it took the email: it was too slow, the connection broke, or it failed itself.
    #[error("SES did not say whether it took the mail: {0}")]
    Unconfirmed(String),
    /// SES cannot mail this address, although [`Recipient::parse`] takes it.
    #[error("SES cannot mail the address: {0}")]
    BadAddress(String),
    /// SES will not take this email. The set-up is wrong (an unverified sender, for example), or this service is.
    #[error("SES refused the mail: {0}")]
    Refused(String),
    /// The email could not be put together.
    #[error("the mail could not be built: {0}")]
    Unbuilt(String),
}

impl Mailer {
    /// Sends through `client` as `config` says, in the name of `sender_name`.
    pub fn new(client: Client, config: &MailerConfig, sender_name: &str) -> Result<Self, MailError> {
        let from = mailbox(sender_name, &config.sender_address);
        Ok(Self {
            client,
            from: from.map_err(|error| MailError::Unbuilt(error.to_string()))?,
            configuration_set: config.configuration_set.clone(),
        })
    }

    /// Sends one email. Returns the id that SES gave it when it took it.
    ///
    /// SES's events of it name the challenge and the email of `traced`, if it is given: see
    /// [`undelivered`](crate::rules::undelivered).
    ///
    /// SES is called a second time only if no connection was made: `SendEmail` has no idempotency token.
    ///
    /// # Errors
    ///
    /// [`MailError`] when SES did not take it, or did not say in time that it had.
    pub async fn send(
        &self,
        recipient: &Recipient,
        mail: &Mail,
        traced: Option<&Email<'_>>,
    ) -> Result<String, MailError> {
        let body = Body::builder().text(utf8(&mail.text)?).html(utf8(&mail.html)?).build();
        let headers = AUTOMATIC.map(|(name, value)| MessageHeader::builder().name(name).value(value).build());
        let headers = headers
            .into_iter()
            .collect::<Result<_, _>>()
            .map_err(|error| MailError::Unbuilt(error.to_string()))?;
        let message = Message::builder()
            .subject(utf8(&mail.subject)?)
            .body(body)
            .set_headers(Some(headers))
            .build();
        let mut tags = vec![tag(SERVICE_TAG)?, tag(("locale", mail.locale.tag()))?];
        if let Some(email) = traced {
            tags.push(tag((CHALLENGE_TAG, &email.challenge.item_name().to_string()))?);
            tags.push(tag((MAIL_TAG, &email.id.to_string()))?);
        }
        let call = self
            .client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(recipient.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .configuration_set_name(&self.configuration_set)
            .set_email_tags(Some(tags));
        let sent = match Box::pin(call.clone().send()).await {
            Err(error) if client::was_never_connected(&error) => Box::pin(call.send()).await,
            sent => sent,
        };
        let output = sent.map_err(|error| MailError::from_call(&error))?;
        Ok(output.message_id.unwrap_or_default())
    }
}

impl MailError {
    /// What that means for the charge of the email.
    pub const fn failure(&self) -> Failure {
        match self {
            Self::Unconfirmed(_) => Failure::Unconfirmed,
            _ => Failure::NotTaken,
        }
    }

    /// When to try again. None if that cannot help.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable(_) => Some(BRIEFLY),
            Self::Stopped(_) => Some(STOPPED),
            Self::Unconfirmed(_) => Some(UNCONFIRMED),
            Self::BadAddress(_) | Self::Refused(_) | Self::Unbuilt(_) => None,
        }
    }

    /// What a failed call means for the email.
    /// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors>
    fn from_call(error: &SdkError<SendEmailError>) -> Self {
        let cause = client::cause(error);
        match error {
            error if client::was_never_connected(error) => Self::Unavailable(cause),
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) | SdkError::DispatchFailure(_) => {
                Self::Unconfirmed(cause)
            }
            SdkError::ServiceError(refusal) => {
                // It is never logged: it may have the address.
                let said = refusal.err().message().unwrap_or_default().to_ascii_lowercase();
                let is_stopped = STOPPED_WORDS.iter().any(|word| said.contains(word));
                let is_about_address = ADDRESS_WORDS.iter().any(|word| said.starts_with(word));
                match refusal.err().code().unwrap_or_default() {
                    code if is_stopped || STOPPED_CODES.contains(&code) => Self::Stopped(cause),
                    code if THROTTLED_CODES.contains(&code) => Self::Unavailable(cause),
                    code if is_about_address && UNREADABLE_CODES.contains(&code) => Self::BadAddress(cause),
                    _ if refusal.raw().status().is_server_error() => Self::Unconfirmed(cause),
                    _ => Self::Refused(cause),
                }
            }
            _ => Self::Unbuilt(cause),
        }
    }
}

/// Writes `name <address>` as a header may carry it. A name in plain ASCII is quoted (RFC 5322, 3.2.4), any other is encoded
/// (RFC 2047). It stays on one line, because SES takes a value and not a whole header. A name that is too long for SES loses its end.
fn mailbox(name: &str, address: &str) -> Result<String, std::fmt::Error> {
    let mut name = name.to_owned();
    loop {
        let mut header = String::new();
        quoted_string::encode(&name, &mut EmailWriter::new(&mut header, 0, 0, false))?;
        let mailbox = format!("{} <{address}>", header.replace("\r\n", ""));
        if mailbox.len() <= MAX_MAILBOX_BYTES || name.pop().is_none() {
            return Ok(mailbox);
        }
    }
}

fn tag((name, value): (&str, &str)) -> Result<MessageTag, MailError> {
    let tag = MessageTag::builder().name(name).value(value).build();
    tag.map_err(|error| MailError::Unbuilt(error.to_string()))
}

fn utf8(text: &str) -> Result<Content, MailError> {
    let content = Content::builder().data(text).charset("UTF-8").build();
    content.map_err(|error| MailError::Unbuilt(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_stays_readable_and_any_other_is_encoded() {
        assert_eq!(
            mailbox("Example", "a@example.com").as_deref(),
            Ok("Example <a@example.com>")
        );
        assert_eq!(
            mailbox("Kim's, \"App\"", "a@example.com").as_deref(),
            Ok("=?utf-8?b?S2ltJ3MsICJBcHAi?= <a@example.com>")
        );
        assert_eq!(
            mailbox("예시", "a@example.com").as_deref(),
            Ok("=?utf-8?b?7JiI7Iuc?= <a@example.com>")
        );
    }

    #[test]
    fn a_long_name_stays_on_one_line() {
        let mailbox = mailbox(&"가나다라".repeat(15), "a@example.com").expect("a mailbox");
        assert!(mailbox.is_ascii() && !mailbox.contains(char::is_control), "{mailbox}");
        assert!(
            mailbox.contains("?= =?utf-8?b?"),
            "words of at most 75 characters: {mailbox}"
        );
    }

    #[test]
    fn a_name_that_is_too_long_for_ses_loses_its_end() {
        for (name, address) in [
            ("가".repeat(64), "no-reply@mail.example.com"),
            ("😀".repeat(64), "a@example.com"),
        ] {
            let mailbox = mailbox(&name, address).expect("a mailbox");
            assert!(
                mailbox.len() > 280 && mailbox.len() <= MAX_MAILBOX_BYTES,
                "{}",
                mailbox.len()
            );
            assert!(mailbox.ends_with(&format!("?= <{address}>")), "{mailbox}");
        }
    }
}
