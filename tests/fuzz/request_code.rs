//! An event for request-code: only a 202 calls AWS, and mails exactly the address in the body.

use serde_json::{Value, json};
use verification::http::event_filter::RequestCodeEvent;
use verification::rules::recipient::Recipient;

use super::{request, stage};

const CALLS: [&str; 2] = ["TransactWriteItems", "SendEmail"];

pub(super) fn run(bytes: &[u8]) {
    // It may be anything, and is read without a panic.
    let _ = serde_json::from_slice::<RequestCodeEvent>(bytes);
    let Some(event) = request::read(bytes) else { return };
    let body: Value = serde_json::from_slice(&request::body(&event)).unwrap_or_default();
    let log = stage::play(
        async |_| (),
        async |service| {
            let Some((response, calls)) = request::send(service, event, "/request-code").await else {
                return;
            };
            match response.status {
                202 => {
                    assert_eq!(calls, CALLS);
                    let typed = body["email"].as_str().expect("an address");
                    let recipient = Recipient::parse(typed).expect("a valid one");
                    let mail = service.ses.newest_mail();
                    assert_eq!(mail.0["Destination"], json!({ "ToAddresses": [recipient.as_str()] }));
                    let named = body["challenge_id"].as_str().map(str::to_ascii_lowercase);
                    assert!(named.is_none_or(|named| named == response.challenge_id()));
                }
                // Without a domain there is no link. That is noticed late, and undone.
                500 => {}
                _ => assert!(calls.is_empty(), "{} after {calls:?}", response.status),
            }
        },
    );
    assert!(!log.contains('@'), "{log}");
}
