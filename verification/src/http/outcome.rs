//! The end of every request: its outcome is logged, and becomes a response.

use lambda_http::{Body, Request, Response};

use super::problem::Problem;
use super::request;
use super::response::Success;

/// What became of a request.
pub type Outcome = Result<Success, Problem>;

/// Logs an outcome.
pub fn log(outcome: &Outcome, request: &Request) {
    match outcome {
        Ok(success) => success.log(),
        Err(problem) => problem.log(request::id(request)),
    }
}

/// Logs an outcome, and turns it into a response.
pub fn respond(outcome: Outcome, request: &Request) -> Response<Body> {
    log(&outcome, request);
    match outcome {
        Ok(success) => success.respond(),
        Err(problem) => problem.respond(request::id(request)),
    }
}
