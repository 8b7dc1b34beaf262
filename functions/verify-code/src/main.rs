//! The Lambda function behind `POST /verify-code`.

use email_verification::{event, logging};
use time::OffsetDateTime;
use verify_code::VerifyCode;

/// One thread: Lambda hands a function one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    logging::init();
    // Once per cold start: configuration, client and keys.
    let function = &VerifyCode::start()
        .await
        .inspect_err(|error| tracing::error!("cannot start: {error}"))?;
    event::serve(|request| async move { function.answer(&request, OffsetDateTime::now_utc()).await }).await
}
