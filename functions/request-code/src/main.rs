//! The Lambda function behind `POST /request-code`.

use std::process::ExitCode;

use rand::rngs::SysRng;
use request_code::RequestCode;
use verification::http::serve::serve_with_feedback;
use verification::{clock, logging};

/// One thread, because Lambda hands a function one request at a time.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    logging::init();
    logging::exit_code(run().await)
}

async fn run() -> Result<(), lambda_runtime::Error> {
    // Once per cold start: configuration, clients and keys.
    let function = &RequestCode::start(clock::now()).await?;
    serve_with_feedback(
        |request| async move { function.handle(&request, clock::now(), &mut SysRng).await },
        |undelivered| async move { function.undelivered(&undelivered).await },
    )
    .await
}
