//! The Lambda function behind `POST /request-code`.

use email_verification::{event, logging};
use rand::rngs::SysRng;
use request_code::RequestCode;
use time::OffsetDateTime;

/// One thread: Lambda hands a function one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    logging::init();
    // Once per cold start: configuration, clients and keys.
    let function = &RequestCode::start()
        .await
        .inspect_err(|error| tracing::error!("cannot start: {error}"))?;
    event::serve(|request| async move { function.answer(&request, OffsetDateTime::now_utc(), &mut SysRng).await }).await
}
