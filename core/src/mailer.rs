//! SES v2, which takes the mails.

use aws_sdk_sesv2::Client;
use aws_sdk_sesv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message, MessageHeader, MessageTag};
use email_encoding::headers::quoted_string;
use email_encoding::headers::writer::EmailWriter;

use crate::address::Recipient;
use crate::aws;
use crate::config::MailConfig;
use crate::mail::Mail;

/// Marks a mail as automatic: nobody's out-of-office note should answer it (RFC 3834, 5; the second is Exchange's).
const AUTOMATIC: [(&str, &str); 2] = [
    ("Auto-Submitted", "auto-generated"),
    ("X-Auto-Response-Suppress", "All"),
];

/// Sends mails in the name of the app.
#[derive(Clone)]
pub struct Mailer {
    client: Client,
    from: String,
    configuration_set: String,
    tags: Vec<MessageTag>,
}

/// A mail that SES did not say it took.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// SES is throttled, paused or down: another try may do.
    #[error("SES cannot take mails now: {0}")]
    Unavailable(String),
    /// SES was too slow to say: it may have taken the mail.
    #[error("SES did not say whether it took the mail: {0}")]
    Unknown(String),
    /// SES will not take this mail: a fault of the set-up, such as an unverified sender, or of this service.
    #[error("SES refused the mail: {0}")]
    Refused(String),
    /// The mail could not be put together.
    #[error("the mail could not be built: {0}")]
    Unbuilt(String),
}

impl Mailer {
    /// Sends through `client` as `config` says.
    ///
    /// # Errors
    ///
    /// [`MailError::Unbuilt`] when a tag or the sender's name cannot be encoded.
    pub fn new(client: Client, config: &MailConfig) -> Result<Self, MailError> {
        let tags = config.tags.iter().map(|(name, value)| tag(name, value));
        Ok(Self {
            client,
            from: mailbox(&config.sender_name, &config.sender_address)
                .map_err(|error| MailError::Unbuilt(error.to_string()))?,
            configuration_set: config.configuration_set.clone(),
            tags: tags.collect::<Result<_, _>>()?,
        })
    }

    /// Sends one mail. Once this returns without an error, SES has it.
    ///
    /// # Errors
    ///
    /// [`MailError`] when SES did not take it, or did not say in time that it had.
    pub async fn send(&self, recipient: &Recipient, mail: &Mail) -> Result<(), MailError> {
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
        self.client
            .send_email()
            .from_email_address(&self.from)
            .destination(Destination::builder().to_addresses(recipient.as_str()).build())
            .content(EmailContent::builder().simple(message).build())
            .configuration_set_name(&self.configuration_set)
            .set_email_tags(Some(self.tags.clone()))
            .email_tags(tag("locale", mail.locale.tag())?)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| MailError::of(&error))
    }
}

impl MailError {
    /// What a failed call means for the mail.
    /// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors>
    fn of(error: &SdkError<SendEmailError>) -> Self {
        let cause = aws::cause(error);
        match error {
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Self::Unknown(cause),
            SdkError::DispatchFailure(_) => Self::Unavailable(cause),
            SdkError::ServiceError(refusal) => {
                let throttled = matches!(refusal.err().code(), Some("Throttling" | "ThrottlingException"));
                let stopped = matches!(
                    refusal.err(),
                    SendEmailError::TooManyRequestsException(_)
                        | SendEmailError::LimitExceededException(_)
                        | SendEmailError::SendingPausedException(_)
                        | SendEmailError::AccountSuspendedException(_)
                );
                if throttled || stopped || refusal.raw().status().is_server_error() {
                    Self::Unavailable(cause)
                } else {
                    Self::Refused(cause)
                }
            }
            _ => Self::Unbuilt(cause),
        }
    }
}

/// `name <address>` as a header may carry it: a name in plain ASCII quoted (RFC 5322, 3.2.4), any other encoded
/// (RFC 2047), on one line, since SES takes a value and not a header.
fn mailbox(name: &str, address: &str) -> Result<String, std::fmt::Error> {
    let mut header = String::new();
    quoted_string::encode(name, &mut EmailWriter::new(&mut header, 0, 0, false))?;
    Ok(format!("{} <{address}>", header.replace("\r\n", "")))
}

fn tag(name: &str, value: &str) -> Result<MessageTag, MailError> {
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
        let mailbox = mailbox(&"가나다라".repeat(16), "a@example.com").expect("a mailbox");
        assert!(mailbox.is_ascii() && !mailbox.contains(char::is_control), "{mailbox}");
        assert!(
            mailbox.contains("?= =?utf-8?b?"),
            "words of at most 75 characters: {mailbox}"
        );
    }
}
