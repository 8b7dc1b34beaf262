//! The rules of the email-verification service and the three AWS services behind it.
//!
//! # Layout
//!
//! In reading order. The rules are pure: the time and the randomness are handed in, nothing waits.
//!
//! * [`address`]: a typed address becomes a [`Recipient`](address::Recipient), the same one in both functions.
//! * [`source`]: the caller's address, an IPv6 one cut to its /64.
//! * [`challenge`]: one attempt to prove one address, and until when it can be resumed.
//! * [`code`]: the digits of a challenge, derived, and those that a person typed.
//! * [`guess`]: what the table said of one code that was handed in.
//! * [`issue`]: which challenge a request is mailed.
//! * [`limits`]: how many mails and requests there may be, and which repeats need no second mail.
//! * [`proof`]: what a right code buys, a token that any backend checks; `es256` signs it.
//! * [`keys`]: every key of the service, derived from its one secret.
//! * [`keyring`]: which version of the secret counts when, while it is rotated.
//! * [`locale`] and [`mail`]: the language of a mail, and its words.
//!
//! Then what touches the world, one file each:
//!
//! * [`config`]: the environment variables.
//! * [`aws`]: time limits and retries of every AWS call, and what may be said of one that failed.
//! * [`secret`], [`table`], [`mailer`]: Secrets Manager, DynamoDB, SES.
//! * [`event`], [`request`], [`answer`]: the HTTP API. Only [`answer`] knows status codes.
//! * [`logging`]: what may reach a log.

pub use aws_config::SdkConfig;

pub mod address;
pub mod answer;
pub mod aws;
pub mod challenge;
pub mod code;
pub mod config;
mod es256;
pub mod event;
pub mod guess;
pub mod issue;
pub mod keyring;
pub mod keys;
pub mod limits;
pub mod locale;
pub mod logging;
pub mod mail;
pub mod mailer;
pub mod proof;
pub mod request;
pub mod secret;
pub mod source;
pub mod table;
