//! The Lambda function behind `POST /verify-code`, `/verify` and `GET /.well-known/…`.

use std::process::ExitCode;

use verification::http::serve::serve;
use verification::{clock, logging};
use verify_code::VerifyCode;

/// One thread, because Lambda hands a function one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init();
    logging::exit_code(run().await)
}

async fn run() -> Result<(), lambda_runtime::Error> {
    // Once per cold start: configuration, clients and keys.
    let function = &VerifyCode::start(clock::now()).await?;
    serve(|request| async move { function.handle(&request, clock::now()).await }).await
}
