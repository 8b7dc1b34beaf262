//! The service as a whole: both handlers, fed with API Gateway events, on a DynamoDB engine and a stand-in for SES.
//!
//! Each test has a database and a mail server of its own, and sets the time itself.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod dynamodb;
mod events;
mod faults;
mod garbage;
mod limits;
mod log;
mod mail;
mod races;
mod request_code;
mod secrecy;
mod service;
mod ses;
mod verify_code;
