//! What every test uses: the service in a world of its own.
//!
//! * [`service`]: both functions, at a time that the test sets. [`instance`] starts them, set up as [`settings`] says.
//! * [`event`]: what they are sent.
//! * [`response`]: what they return, and the proof in it as a backend reads it.
//! * [`world`]: all of AWS in memory, with what may go wrong in it.
//! * [`ses`] and [`secrets_manager`]: what of it is not a database. Their mood decides how they answer.
//! * [`traffic`]: the calls to the database. [`items`]: what is in it.
//! * [`broken_ses`]: a SES whose connections break, which takes real connections.
//! * [`rule`]: what becomes of an event of SES before request-code gets it.
//! * [`constant`]: randomness that is the same each time.
//! * [`log`]: everything that was logged.

pub(crate) mod broken_ses;
pub(crate) mod constant;
pub(crate) mod contract;
pub(crate) mod event;
pub(crate) mod instance;
pub(crate) mod items;
pub(crate) mod log;
pub(crate) mod response;
pub(crate) mod rule;
pub(crate) mod secrets_manager;
pub(crate) mod service;
pub(crate) mod ses;
mod settings;
pub(crate) mod traffic;
pub(crate) mod world;
