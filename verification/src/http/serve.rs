//! The loop of a function.

use std::convert::Infallible;
use std::future::Future;

use lambda_http::tower::ServiceExt;
use lambda_http::{Adapter, Body, Request, Response};
use lambda_runtime::{LambdaEvent, service_fn};

use super::event_filter::HttpApiEvent;

/// Hands events to `handler` until Lambda ends the function.
pub async fn serve<H, F>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response<Body>> + Send,
{
    let service = service_fn(|request| {
        let response = handler(request);
        async { Ok::<_, Infallible>(response.await) }
    });
    let service = Adapter::from(service).map_request(|event: LambdaEvent<HttpApiEvent>| LambdaEvent {
        payload: event.payload.0,
        context: event.context,
    });
    lambda_runtime::run(service).await
}
