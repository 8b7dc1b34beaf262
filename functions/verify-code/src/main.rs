//! The Lambda function behind `POST /verify-code` and `GET /.well-known/jwks.json`.

use std::process::ExitCode;

use email_verification::{event, logging};
use time::OffsetDateTime;
use verify_code::VerifyCode;

/// One thread: Lambda hands a function one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init();
    logging::exit_code(run().await)
}

async fn run() -> Result<(), lambda_http::Error> {
    // Once per cold start: configuration, client and keys.
    let function = &VerifyCode::start(OffsetDateTime::now_utc()).await?;
    event::serve(|request| async move { function.answer(&request, OffsetDateTime::now_utc()).await }).await
}
