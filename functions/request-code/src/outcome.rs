//! How a request for a code ends.

use time::UtcDateTime;
use verification::aws::mailer::BRIEFLY;
use verification::http::problem::Problem;
use verification::http::response::Mailed;
use verification::rules::challenge_to_mail::{ChallengeToMail, Requested};
use verification::rules::limits::Limits;
use verification::rules::repeat::SendRecord;

use crate::RequestCode;

/// Why a request ends before its email.
pub(crate) enum Stop {
    /// The code is in an email already.
    AlreadyMailed(Mailed),
    /// It cannot be mailed.
    Problem(Problem),
}

impl RequestCode {
    /// Responds to a request that the limits of source and mailbox refused. A repeat gets the response of the first request, any
    /// other request a 429.
    pub(crate) fn refused_by_pair(&self, requested: &Requested, record: &SendRecord, now: UtcDateTime) -> Stop {
        let limits = &self.config.limits;
        let resend_in = limits.resend_in(record, now);
        match record.already_mailed(requested, limits, self.config.code_rules(), now) {
            Some(mail) => Stop::AlreadyMailed(Mailed {
                challenge_id: mail.challenge_id,
                expires_in: mail.expires_at - now,
                resend_in,
            }),
            None => Stop::Problem(Problem::TooManyRequests {
                limit: "source-and-mailbox",
                retry_after: resend_in,
            }),
        }
    }

    /// The response to a request whose challenge was mailed within the pause for another source.
    pub(crate) fn mailed_by_another(&self, requested: &Requested, now: UtcDateTime) -> Option<Mailed> {
        let Requested::Named(reference, challenge) = requested else {
            return None;
        };
        let limits = &self.config.limits;
        let mail = challenge.already_mailed(reference.id(), limits, self.config.shared.max_guesses, now)?;
        Some(Mailed {
            challenge_id: mail.challenge_id,
            expires_in: mail.expires_at - now,
            resend_in: limits.pause_left(mail.sent_at, now),
        })
    }

    /// The response to a request whose code was mailed now.
    pub(crate) fn mailed(
        &self,
        chosen: &ChallengeToMail<'_>,
        record: &SendRecord,
        mails_today: u32,
        now: UtcDateTime,
    ) -> Mailed {
        let limits = &self.config.limits;
        let resend_in = if mails_today >= limits.mails_per_day {
            Limits::until_tomorrow(now)
        } else {
            limits.resend_in(record, now)
        };
        Mailed {
            challenge_id: chosen.reference.id(),
            expires_in: chosen.challenge.expires_at - now,
            resend_in,
        }
    }
}

pub(crate) fn internal(cause: impl ToString) -> Stop {
    Stop::Problem(Problem::internal(cause))
}

pub(crate) fn unavailable(cause: String) -> Stop {
    let retry_after = BRIEFLY;
    Stop::Problem(Problem::MailUnavailable { cause, retry_after })
}
