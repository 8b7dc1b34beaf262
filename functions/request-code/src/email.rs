//! The email of a request: its text, its link, and what becomes of it.

use verification::aws::mailer::MailError;
use verification::aws::table::email::{Payers, Unsent};
use verification::http::problem::Problem;
use verification::http::response::MailedBy;
use verification::mail::{Content, Mail};
use verification::rules::link::{Link, LinkError, PARAMETER};
use verification::rules::next_step::Email;

use crate::{CodeRequest, RequestCode};

impl RequestCode {
    /// Sends an email that is charged, and settles it if SES does not confirm it.
    pub(crate) async fn send(
        &self,
        request: &CodeRequest,
        email: &Email<'_>,
        payers: &Payers,
    ) -> Result<MailedBy, Problem> {
        if request.test_code.is_some() {
            return Ok(MailedBy::Nobody);
        }
        let sent = match self.write(request, email) {
            Ok(mail) => self.mailer.send(&request.recipient, &mail).await,
            Err(error) => Err(MailError::Unbuilt(error.to_string())),
        };
        let error = match sent {
            Ok(message_id) => {
                let locale = request.locale.tag();
                return Ok(MailedBy::ThisRequest { locale, message_id });
            }
            Err(error) => error,
        };
        let unsent = if error.is_unconfirmed() {
            Unsent::Unconfirmed
        } else {
            Unsent::NotTaken
        };
        match self.table.settle(unsent, email, payers).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!("an email stays charged: its code was used, guessed at or asked for again"),
            Err(cause) => tracing::error!(%cause, "an email stays charged"),
        }
        Err(match error.retry_after() {
            Some(retry_after) => Problem::MailUnavailable {
                cause: error.to_string(),
                retry_after,
            },
            None => Problem::internal(error),
        })
    }

    fn write(&self, request: &CodeRequest, email: &Email<'_>) -> Result<Mail, lambda_runtime::Error> {
        let content = Content {
            code: &email.code,
            expires_in: email.ends_at - email.now,
            link: self.link(request, email)?,
        };
        Ok(Mail::write(request.locale, &content, &self.config.shared.brand)?)
    }

    /// The URL of the link, if there is to be one.
    fn link(&self, request: &CodeRequest, email: &Email<'_>) -> Result<Option<String>, LinkError> {
        let (target, api_url) = (&self.config.link, &self.config.shared.api_url);
        let Some(url) = target.url(api_url, request.domain.as_deref())? else {
            return Ok(None);
        };
        let link = Link {
            recipient: request.recipient.clone(),
            challenge_id: email.challenge.id(),
            code: email.code.clone(),
            expires_at: email.ends_at,
            locale: Some(request.locale),
        };
        let sealed = link.seal(email.challenge.keys(), email.id)?;
        Ok(Some(format!("{url}?{PARAMETER}={sealed}")))
    }
}
