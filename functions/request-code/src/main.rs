//! The Lambda function behind `POST /request-code`.

use std::process::ExitCode;

use email_verification::{event, logging};
use rand::rngs::SysRng;
use request_code::RequestCode;
use time::OffsetDateTime;

/// One thread: Lambda hands a function one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init();
    logging::exit_code(run().await)
}

async fn run() -> Result<(), lambda_http::Error> {
    // Once per cold start: configuration, clients and keys.
    let function = &RequestCode::start(OffsetDateTime::now_utc()).await?;
    event::serve(|request| async move { function.answer(&request, OffsetDateTime::now_utc(), &mut SysRng).await }).await
}
