//! The rules of the service. Pure functions, which are given the time and the randomness and never wait.
//!
//! In reading order:
//!
//! * [`recipient`]: a typed address becomes the normalised one that both functions agree on.
//! * [`mailbox`]: the recipient as limits count it.
//! * [`source`]: the caller's IP address, as far as a limit needs it.
//! * [`challenge_id`]: what names a challenge, and a challenge's reference: its id, its recipient and its keys.
//! * [`challenge`]: one attempt to prove one address, and until when it can be resumed.
//! * [`code`]: the digits of a challenge, derived from it, and the digits that a person types.
//! * [`challenge_to_mail`]: the challenge that a request is about, and whether to resume or replace it.
//! * [`charge`]: the id by which a charge recognises its own repeat.
//! * [`limits`]: how many emails and requests there may be, and when the next one may follow.
//! * [`repeat`]: what a source has sent to a mailbox, and which repeats of a request need no second email.
//! * [`guess`]: what follows from a submitted code.
//! * [`api_url`]: the URL under which the outside reaches the API.
//! * [`link`]: the link in an email, which is as good as the code.
//! * [`proof`]: what a right code is worth, a signed token that any backend can verify.
//! * [`test_recipient`]: addresses that get a fixed code and no email.
//! * [`condition`]: how a conditional write ended.

pub mod api_url;
pub mod challenge;
pub mod challenge_id;
pub mod challenge_to_mail;
pub mod charge;
pub mod code;
pub mod condition;
pub mod guess;
pub mod limits;
pub mod link;
pub mod mailbox;
pub mod proof;
pub mod recipient;
pub mod repeat;
pub mod source;
pub mod test_recipient;
