//! The service as a whole: both functions get API Gateway events and run on a DynamoDB engine and on stand-ins for SES and
//! Secrets Manager.
//!
//! Each test has a database and a mail server of its own, and sets the time itself. [`harness`] provides all this; each other
//! file tests one topic.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod calls;
mod clocks;
mod collisions;
mod contract;
mod dynamodb_faults;
mod events;
mod garbage;
mod harness;
mod leaks;
mod limits;
mod link;
mod mail;
mod proof;
mod races;
mod request_code;
mod rotation;
mod secrets_manager_faults;
mod ses_faults;
mod simulation;
mod strangers;
mod test_recipients;
mod verify_code;
mod world;
