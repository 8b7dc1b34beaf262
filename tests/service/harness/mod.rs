//! What every test uses: the service on a DynamoDB engine and stand-ins for SES and Secrets Manager.
//!
//! * [`service`]: both functions, at a time that the test sets.
//! * [`event`]: what they are sent.
//! * [`response`]: what they return, and the proof in it as a backend reads it.
//! * [`dynamodb`]: a database in memory, and the traffic to it.
//! * [`broken_ses`]: a SES whose connections break.
//! * [`ses`] and [`secrets_manager`]: stand-ins, on [`stand_in`]. Their mood decides how they respond.
//! * [`log`]: everything that was logged.

pub(crate) mod broken_ses;
pub(crate) mod contract;
pub(crate) mod dynamodb;
pub(crate) mod event;
pub(crate) mod log;
pub(crate) mod response;
pub(crate) mod secrets_manager;
pub(crate) mod service;
pub(crate) mod ses;
mod stand_in;
