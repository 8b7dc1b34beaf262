//! The email of a request: its text, its link, and what becomes of it.

use verification::aws::mailer::MailError;
use verification::aws::table::email::Account;
use verification::http::problem::Problem;
use verification::http::response::MailedBy;
use verification::mail::{Content, Mail};
use verification::rules::link::{Link, LinkError, PARAMETER};
use verification::rules::next_step::Email;

use crate::{CodeRequest, RequestCode};

impl RequestCode {
    /// Sends an email that is charged. If SES fails, undoes the charge.
    pub(crate) async fn send(
        &self,
        request: &CodeRequest,
        email: &Email<'_>,
        account: &Account,
    ) -> Result<MailedBy, Problem> {
        if request.test_code.is_some() {
            return Ok(MailedBy::Nobody);
        }
        let sent = match self.compose(request, email) {
            Ok(mail) => {
                let traced = self.config.delivery_feedback.then_some(email);
                self.mailer.send(&request.challenge.recipient, &mail, traced).await
            }
            Err(error) => Err(MailError::Unbuilt(error.to_string())),
        };
        let error = match sent {
            Ok(message_id) => {
                let locale = request.locale.tag();
                return Ok(MailedBy::ThisRequest { locale, message_id });
            }
            Err(error) => error,
        };
        match self.table.undo(error.failure(), email, account).await {
            Ok(true) => {}
            Ok(false) => tracing::warn!("an email stays charged: its challenge has changed since"),
            Err(cause) => tracing::error!(%cause, "an email stays charged"),
        }
        if let MailError::BadAddress(cause) = &error {
            // A caller may type as many as they like, so it wakes nobody.
            let challenge_id = request.challenge.id;
            tracing::warn!(outcome = "bad-address", %challenge_id, %cause, "SES cannot mail an address that this service takes for one");
            return Err(Problem::InvalidEmail);
        }
        Err(match error.retry_after() {
            Some(retry_after) => Problem::MailUnavailable {
                cause: error.to_string(),
                retry_after,
                is_stopped: matches!(error, MailError::Stopped(_)),
            },
            None => Problem::internal(error),
        })
    }

    fn compose(&self, request: &CodeRequest, email: &Email<'_>) -> Result<Mail, lambda_runtime::Error> {
        let content = Content {
            code: &email.code,
            purpose: &request.challenge.purpose,
            expires_in: email.ends_at - email.now,
            link: self.link(request, email)?,
        };
        Ok(Mail::write(request.locale, &content, &self.config.shared.brand)?)
    }

    /// The URL of the link, if there is to be one.
    fn link(&self, request: &CodeRequest, email: &Email<'_>) -> Result<Option<String>, LinkError> {
        let (target, api_url) = (&self.config.shared.link, &self.config.shared.api_url);
        let Some(url) = target.url(api_url, request.domain.as_deref())? else {
            return Ok(None);
        };
        let link = Link {
            challenge: request.challenge.clone(),
            code: email.code.clone(),
            expires_at: email.ends_at,
            locale: Some(request.locale),
        };
        let sealed = link.seal(email.challenge.keys(), email.id)?;
        Ok(Some(format!("{url}?{PARAMETER}={sealed}")))
    }
}
