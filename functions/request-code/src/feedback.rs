//! What SES says later of an email. The stack's rule hands it on, if there is to be `DeliveryFeedback`.

use verification::aws::table::TableError;
use verification::rules::undelivered::Undelivered;

use crate::RequestCode;

impl RequestCode {
    /// Notes that an email did not arrive. If this fails, Lambda hands the event over twice more, after one and two minutes.
    ///
    /// # Errors
    ///
    /// [`TableError`] when DynamoDB does not respond.
    pub async fn undelivered(&self, undelivered: &Undelivered) -> Result<(), TableError> {
        let Undelivered { message_id, reason, .. } = undelivered;
        let noted = self.table.note_undelivered(undelivered).await;
        if noted.inspect_err(|cause| tracing::error!(%cause, message_id, "a bounce is not noted"))? {
            tracing::info!(outcome = "undeliverable", %reason, message_id);
        } else {
            tracing::info!(%reason, message_id, "an email did not arrive, which is known, or a newer one was sent since");
        }
        Ok(())
    }
}
