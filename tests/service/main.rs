//! The service as a whole: both handlers, fed with API Gateway events, on a DynamoDB engine and
//! stand-ins for SES and Secrets Manager.
//!
//! Each test has a database and a mail server of its own, and sets the time itself.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod answer;
mod dynamodb;
mod events;
mod faults;
mod garbage;
mod limits;
mod log;
mod mail;
mod proof;
mod races;
mod request_code;
mod rotation;
mod secrecy;
mod secret_faults;
mod secrets;
mod service;
mod ses;
mod stand_in;
mod verify_code;
