//! The service as a whole: both functions get API Gateway events and run on a DynamoDB engine, an SES and a Secrets Manager in
//! memory.
//!
//! Each test has a world of its own, and sets the time itself. [`harness`] provides all this; each other file tests one
//! topic.

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
#[path = "../fuzz/mod.rs"]
mod fuzz;
mod garbage;
mod harness;
mod hot;
mod instances;
mod interleavings;
mod leaks;
mod limits;
mod link;
mod link_used;
mod mail;
mod proof;
mod purpose;
mod races;
mod request_code;
mod rotation;
mod secrets_manager_faults;
mod ses_connections;
mod ses_faults;
mod ses_refusals;
mod simulation;
mod start_connections;
mod strangers;
mod test_recipients;
mod trusted_callers;
mod undelivered;
mod verify_code;
mod world;
