//! What a request is charged, and how it is taken back when something fails.
//!
//! What fails here costs the person one of the day's emails, or lets a repeat wait for the pause. The log says so.

use verification::aws::table::TableError;
use verification::aws::table::challenge::{ChallengeItem, Opening};
use verification::aws::table::mailbox::MailboxItem;
use verification::aws::table::pair::PairItem;
use verification::aws::table::source::SourceItem;
use verification::rules::condition::Condition;
use verification::rules::repeat::LastMail;

/// The counts that a request is charged to.
pub(crate) struct Charges<'a> {
    pub(crate) source: SourceItem<'a>,
    pub(crate) pair: PairItem<'a>,
    pub(crate) mailbox: MailboxItem<'a>,
    /// The email that they are charged with.
    pub(crate) mail: LastMail,
}

/// A challenge on its way into an email.
pub(crate) struct Sending<'a> {
    pub(crate) item: ChallengeItem<'a>,
    pub(crate) opening: Opening,
    /// Whether this email is the first of the challenge, which was only reserved before.
    pub(crate) was_reserved: bool,
}

impl Charges<'_> {
    /// After a step 1 of which nobody knows what was charged. A source that refused was not.
    pub(crate) async fn cancel_first_step(&self, source_refused: bool) {
        let source = async {
            if source_refused {
                Ok(())
            } else {
                self.source.refund(self.mail.charge).await
            }
        };
        let (source, pair) = tokio::join!(source, self.pair.cancel(&self.mail));
        log_failed([source, pair]);
    }

    /// After a step 2 of which nobody knows whether the mailbox was charged.
    pub(crate) async fn cancel_mailbox(&self) {
        let (source, pair, mailbox) = tokio::join!(
            self.source.refund(self.mail.charge),
            self.pair.refund(&self.mail),
            self.mailbox.cancel(self.mail.charge),
        );
        log_failed([source, pair, mailbox]);
    }

    /// After a limit refused the request, or another request has mailed the challenge. The source stays charged.
    pub(crate) async fn refund_pair(&self) {
        log_failed([self.pair.refund(&self.mail).await]);
    }

    /// After another request has mailed the challenge at the same time. The source stays charged.
    pub(crate) async fn refund_pair_and_mailbox(&self) {
        let (pair, mailbox) = tokio::join!(self.pair.refund(&self.mail), self.mailbox.refund(self.mail.charge));
        log_failed([pair, mailbox]);
    }

    /// After SES did not take the email, once the challenge was `closed`.
    ///
    /// If it could not be closed because somebody guessed at it, everything stays charged: nobody else would have paid for the
    /// guesses, and whoever guesses at a code that was never mailed could use up a mailbox at no cost.
    pub(crate) async fn refund_all(&self, closed: Result<Condition<()>, TableError>) {
        if let Ok(Condition::Failed(())) = closed {
            return;
        }
        let mailbox = async {
            closed?;
            self.mailbox.refund(self.mail.charge).await
        };
        let (source, pair, mailbox) = tokio::join!(
            self.source.refund(self.mail.charge),
            self.pair.refund(&self.mail),
            mailbox
        );
        log_failed([source, pair, mailbox]);
    }

    /// After SES said that it failed. The email may have arrived all the same, so the challenge stays open, and it goes on to
    /// count as sent.
    pub(crate) async fn forgive(&self, sending: &Sending<'_>) {
        let (source, pair, mailbox, challenge) = tokio::join!(
            self.source.refund(self.mail.charge),
            self.pair.forgive(&self.mail),
            self.mailbox.forgive(self.mail.charge),
            sending.item.end_pause_unpaid(&sending.opening),
        );
        log_failed([source, pair, mailbox, challenge]);
    }

    /// After SES did not say what became of the email. It may have arrived, so the challenge stays open. The first one of a day
    /// stays charged, so that a sick SES costs a person one email at most. The pause ends.
    pub(crate) async fn settle_unknown(&self, sending: &Sending<'_>) {
        let (noted, challenge) = tokio::join!(
            self.mailbox.note_unconfirmed(self.mail.charge),
            sending.item.end_pause(&sending.opening),
        );
        if let Ok(Condition::Failed(())) = noted {
            let (pair, mailbox) = tokio::join!(self.pair.forgive(&self.mail), self.mailbox.forgive(self.mail.charge));
            log_failed([pair, mailbox, challenge]);
        } else {
            log_failed([noted.map(drop), self.pair.end_pause(&self.mail).await, challenge]);
        }
    }
}

fn log_failed<const N: usize>(refunds: [Result<(), TableError>; N]) {
    for error in refunds.into_iter().filter_map(Result::err) {
        tracing::error!(cause = %error, "a refund failed");
    }
}
