//! The email of a request, and the link in it.

use verification::mail::{Content, Mail};
use verification::rules::challenge_to_mail::ChallengeToMail;
use verification::rules::link::{Link, LinkError, PARAMETER};
use verification::rules::repeat::LastMail;

use crate::{CodeRequest, RequestCode};

impl RequestCode {
    /// Writes the email of a charge.
    pub(crate) fn write(
        &self,
        request: &CodeRequest,
        chosen: &ChallengeToMail<'_>,
        mail: &LastMail,
    ) -> Result<Mail, lambda_runtime::Error> {
        let shared = &self.config.shared;
        let content = Content {
            code: &chosen.code,
            expires_in: chosen.challenge.expires_at - mail.sent_at,
            link: self.link(request, chosen, mail)?,
        };
        Ok(Mail::write(request.locale, &content, &shared.brand)?)
    }

    /// The URL of the link in the email of a charge, if there is to be one.
    fn link(
        &self,
        request: &CodeRequest,
        chosen: &ChallengeToMail<'_>,
        mail: &LastMail,
    ) -> Result<Option<String>, LinkError> {
        let (target, api_url) = (&self.config.link, &self.config.shared.api_url);
        let Some(url) = target.url(api_url, request.domain.as_deref())? else {
            return Ok(None);
        };
        let link = Link {
            recipient: request.recipient.clone(),
            challenge_id: chosen.reference.id(),
            code: chosen.code.clone(),
            expires_at: chosen.challenge.expires_at,
            locale: Some(request.locale),
        };
        let sealed = link.seal(chosen.reference.keys(), mail.charge)?;
        Ok(Some(format!("{url}?{PARAMETER}={sealed}")))
    }
}
