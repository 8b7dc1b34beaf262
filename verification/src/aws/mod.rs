//! The three AWS services behind the rules.
//!
//! * [`client`]: time limits and retries of every call, and what may be said of one that failed.
//! * [`connect`]: connections that are open before the first request needs them.
//! * [`table`]: DynamoDB, which remembers.
//! * [`mailer`]: SES, which sends the emails.
//! * [`secret`]: Secrets Manager, which keeps the secret.

pub mod client;
pub mod connect;
pub mod mailer;
pub mod secret;
pub mod table;
