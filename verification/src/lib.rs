//! The library of the email-verification service: what both functions share.
//!
//! Each folder is one layer, in reading order. A layer uses those above it, and [`http`] and [`aws`] do not use each other.
//!
//! * [`keys`]: every key, derived from the service's one secret, and which version of the secret counts when.
//! * [`locale`]: the languages of email and page.
//! * [`rules`]: what is allowed and what follows from it: addresses, challenges, codes, links, guesses, limits, the next step,
//!   proofs.
//!   Pure functions, which are given the time and the randomness and never wait.
//! * [`brand`]: what makes email and page the app's own.
//! * [`mail`]: the email.
//! * [`page`]: the page behind the link of an email.
//! * [`aws`]: DynamoDB, SES and Secrets Manager.
//! * [`http`]: events, requests and responses of the HTTP API. Status codes are known here and nowhere else.
//!
//! Beside them: [`config`] reads the environment variables, [`clock`] the time, and [`logging`] decides what may reach a
//! log.

pub mod aws;
pub mod brand;
pub mod clock;
pub mod config;
pub mod http;
pub mod keys;
pub mod locale;
pub mod logging;
pub mod mail;
pub mod page;
pub mod rules;
