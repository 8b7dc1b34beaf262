//! The HTTP API. The way of a request, from the event to the response:
//!
//! * [`event`]: the loop of a function, and what of an API Gateway event becomes a request.
//! * [`request`]: what a caller sent, read and checked.
//! * [`response`]: what a caller gets when a request succeeds.
//! * [`problem`]: what a caller gets when it does not.
//!
//! Only the last two know status codes. They also write the log line of each outcome; its field `outcome` is what metrics
//! count.

pub mod event;
pub mod problem;
pub mod request;
pub mod response;
