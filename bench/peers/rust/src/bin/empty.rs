//! A function that calls nothing: what Lambda's own crates take.

use lambda_http::{Body, Error, Request, Response, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(answer)).await
}

async fn answer(request: Request) -> Result<Response<Body>, Error> {
    let status = match request.uri().path() {
        "/request-code" => 202,
        _ if String::from_utf8_lossy(request.body()).contains("000000") => 401,
        _ => 200,
    };
    Ok(Response::builder().status(status).body("{}".into())?)
}
