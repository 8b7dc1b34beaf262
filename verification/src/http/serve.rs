//! The loop of a function.

use std::convert::Infallible;
use std::future::Future;

use lambda_http::tower::ServiceExt;
use lambda_http::{Adapter, Body, Request, RequestExt, Response};
use lambda_runtime::{LambdaEvent, Runtime, service_fn};
use tracing::{Instrument, Span};

use super::event_filter::HttpApiEvent;

/// Hands events to `handler` until Lambda ends the function.
pub async fn serve<H, F>(handler: H) -> Result<(), lambda_runtime::Error>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response<Body>> + Send,
{
    let service = service_fn(|request| {
        let span = span(&request);
        let response = handler(request);
        async { Ok::<_, Infallible>(response.await) }.instrument(span)
    });
    let service = Adapter::from(service).map_request(|event: LambdaEvent<HttpApiEvent>| LambdaEvent {
        payload: event.payload.0,
        context: event.context,
    });
    // Not `lambda_runtime::run`: its span has X-Ray's trace id as well, which makes a log line half as long again.
    Runtime::new(service).run().await
}

/// Gives each line of the log Lambda's `requestId`. It is of the coarsest level, so that lines of every level have it.
fn span(request: &Request) -> Span {
    let context = request.lambda_context_ref();
    tracing::error_span!(
        "request",
        requestId = context.map(|context| context.request_id.as_str())
    )
}

#[cfg(test)]
mod tests {
    use lambda_http::Context;
    use tracing::Level;

    use super::*;
    use crate::logging::tests::logged;

    #[test]
    fn a_line_has_lambdas_request_id_at_every_level() {
        let mut context = Context::default();
        context.request_id = "r-1".to_owned();
        let request = Request::default().with_lambda_context(context);
        for (json, level) in [(true, Level::INFO), (true, Level::ERROR), (false, Level::ERROR)] {
            let lines = logged(json, level, || span(&request).in_scope(|| tracing::error!("a line")));
            assert!(
                lines.contains("a line") && lines.contains("requestId") && lines.contains("r-1"),
                "{lines}"
            );
        }
    }
}
