//! The loop of a function.

use std::future::Future;

use lambda_http::request::LambdaRequest;
use lambda_http::tower::{Service, ServiceExt};
use lambda_http::{Adapter, Body, Context, Request, RequestExt, Response};
use lambda_runtime::{Error, LambdaEvent, Runtime, service_fn};
use serde::Serialize;
use tracing::{Instrument, Span};

use super::event_filter::{HttpApiEvent, RequestCodeEvent};
use crate::rules::undelivered::Undelivered;

/// Hands requests to `handler` until Lambda ends the function.
pub async fn serve<H, F>(handler: H) -> Result<(), Error>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response<Body>> + Send,
{
    let service = of_requests(handler).map_request(|event: LambdaEvent<HttpApiEvent>| LambdaEvent {
        payload: event.payload.0,
        context: event.context,
    });
    // Not `lambda_runtime::run`: its span has X-Ray's trace id as well, which makes a log line half as long again.
    Runtime::new(service).run().await
}

/// Hands requests to `handler`, and what SES says of emails to `feedback`, until Lambda ends the function.
pub async fn serve_with_feedback<H, F, B, G, E>(handler: H, feedback: B) -> Result<(), Error>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response<Body>> + Send,
    B: Fn(Undelivered) -> G,
    G: Future<Output = Result<(), E>>,
    E: std::error::Error + Send + Sync + 'static,
{
    let mut requests = of_requests(handler);
    let service = service_fn(|LambdaEvent { payload, context }| {
        let work = match payload {
            RequestCodeEvent::Request(event) => Work::Request(requests.call(LambdaEvent::new(event.0, context))),
            RequestCodeEvent::Undelivered(undelivered) => {
                Work::Feedback(feedback(undelivered).instrument(span(Some(&context))))
            }
        };
        async {
            match work {
                Work::Request(response) => response.await.map(Answer::Response),
                Work::Feedback(noted) => noted.await.map(|()| Answer::Nothing).map_err(Error::from),
            }
        }
    });
    Runtime::new(service).run().await
}

/// What an event asks for.
enum Work<R, F> {
    Request(R),
    Feedback(F),
}

/// What Lambda gets back.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer<R> {
    Response(R),
    Nothing,
}

fn of_requests<'a, H, F>(
    handler: H,
) -> impl Service<LambdaEvent<LambdaRequest>, Response: Serialize, Error = Error, Future: Send>
where
    H: Fn(Request) -> F,
    F: Future<Output = Response<Body>> + Send + 'a,
{
    Adapter::from(service_fn(move |request: Request| {
        let span = span(request.lambda_context_ref());
        let response = handler(request);
        async { Ok::<_, Error>(response.await) }.instrument(span)
    }))
}

/// Gives each line of the log Lambda's `requestId`. It is of the coarsest level, so that lines of every level have it.
fn span(context: Option<&Context>) -> Span {
    tracing::error_span!(
        "request",
        requestId = context.map(|context| context.request_id.as_str())
    )
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;
    use crate::logging::tests::logged;

    #[test]
    fn a_line_has_lambdas_request_id_at_every_level() {
        let mut context = Context::default();
        context.request_id = "r-1".to_owned();
        for (json, level) in [(true, Level::INFO), (true, Level::ERROR), (false, Level::ERROR)] {
            let lines = logged(json, level, || {
                span(Some(&context)).in_scope(|| tracing::error!("a line"));
            });
            assert!(
                lines.contains("a line") && lines.contains("requestId") && lines.contains("r-1"),
                "{lines}"
            );
        }
    }
}
