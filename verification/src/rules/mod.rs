//! The rules of the service. Pure functions, which are given the time and the randomness and never wait.
//!
//! In reading order:
//!
//! * `typed`: the characters that people type and paste, and what they stand for.
//! * [`recipient`]: a typed address becomes the normalised one that both functions agree on.
//! * [`mailbox`]: the recipient as limits count it.
//! * [`source`]: the caller's IP address, as far as a limit needs it.
//! * [`code`]: the digits that are mailed, and the digits that a person types.
//! * [`mail_id`]: the id of an email.
//! * [`purpose`]: what a proof is for.
//! * [`challenge_id`]: what names a challenge, and all that is derived from its name.
//! * [`challenge`]: one attempt to prove one address, and until when its code can be mailed again.
//! * [`limits`]: how many emails there may be, and when the next one may follow.
//! * [`next_step`]: what a request for a code does next: which email it sends, if any.
//! * [`guess`]: what follows from a submitted code.
//! * [`undelivered`]: what SES says of an email that did not arrive.
//! * [`api_url`]: the URL under which the outside reaches the API.
//! * [`link`]: the link in an email, which is as good as the code.
//! * [`proof`]: what a right code is worth, a signed token that any backend can verify.
//! * [`test_recipient`]: addresses that get a fixed code and no email.
//! * [`trusted_callers`]: callers that speak for people, whose IP address they name.
//! * [`condition`]: how a conditional write ended.

pub mod api_url;
pub mod challenge;
pub mod challenge_id;
pub mod code;
pub mod condition;
pub mod guess;
pub mod limits;
pub mod link;
pub mod mail_id;
pub mod mailbox;
pub mod next_step;
pub mod proof;
pub mod purpose;
pub mod recipient;
pub mod source;
pub mod test_recipient;
pub mod trusted_callers;
mod typed;
pub mod undelivered;
