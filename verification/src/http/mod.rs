//! The HTTP API. The way of a request, from the event to the response:
//!
//! * [`serve`]: the loop of a function.
//! * [`event_filter`]: the part of an API Gateway event that becomes a request.
//! * [`request`]: what a caller sent, read and checked.
//! * [`response`]: what a caller gets when a request succeeds.
//! * [`problem`]: what a caller gets when it does not.
//! * [`outcome`]: the end of a request, which logs one of both and responds.
//! * [`html`]: what a person gets who follows the link of an email.
//!
//! Only `response`, `problem` and `html` know the API's status codes. A caller's malformed request is not logged.

pub mod event_filter;
pub mod html;
pub mod outcome;
pub mod problem;
pub mod request;
pub mod response;
pub mod serve;
