//! Uses everything that the service does, then searches the table and the logs for what must stay out of them.

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::harness::event::{event, ses_event};
use crate::harness::log;
use crate::harness::response::Token;
use crate::harness::rule;
use crate::harness::secrets_manager;
use crate::harness::service::{OWN_ID, Service, config};
use crate::harness::ses::Mood;

const LEE: &str = "lee.at.home@example.com";

/// Uses everything that the service does, good and bad. Returns what was mailed, typed and proven.
async fn use_everything(service: &Service) -> Vec<String> {
    let ask = async |body: Value| service.request_code(body).await;
    let hand_in = async |id: &str, code: &str| {
        let body = json!({ "email": LEE, "challenge_id": id, "code": code }).to_string();
        service.verify_code_event(&event("/verify-code", body.as_bytes())).await
    };
    let id = ask(json!({ "email": LEE })).await.challenge_id();
    let code = service.ses.mails()[0].code();
    let mut codes = vec![
        "9182736450".to_owned(),
        "9182736451".to_owned(),
        "9182736452".to_owned(),
    ];
    for wrong in &codes[..2] {
        hand_in(&id, wrong).await;
    }
    let bounced = ses_event("bounce-permanent-general", &service.ses.newest_mail());
    let bounced = rule::apply(&bounced).expect("a match");
    service.traffic.lose(3);
    service.handle_at(0, &bounced, 0).await;
    for _ in 0..2 {
        service.bounce(&bounced).await;
    }
    ask(json!({ "email": LEE, "challenge_id": id })).await;
    hand_in(&id, &codes[1]).await;
    service.wait(60);
    service
        .request_code(json!({ "email": LEE, "challenge_id": id, "locale": "ko" }))
        .await;
    ask(json!({ "email": LEE, "challenge_id": id })).await;
    ask(json!({ "email": LEE })).await;
    service
        .request_code(json!({ "email": "not-lee@localhost", "challenge_id": LEE }))
        .await;
    let link = service.ses.newest_mail().sealed();
    service.follow(&link).await;
    service.press(&link).await;
    service.hand_in(&link).await;
    service.press(&format!("{link}A")).await;
    hand_in(&id, &code).await;
    let Token(token) = hand_in(&id, &code).await.token();
    service.key_set().await;
    service.wait(61);
    hand_in(&id, &code).await;
    hand_in("lee.at.home@example.com", &code).await;
    ask(json!({ "email": LEE, "challenge_id": id })).await;
    service.wait(61);
    for (status, error) in [(400, "MessageRejected"), (429, "TooManyRequestsException")] {
        let message = "Email address is not verified: lee.at.home@example.com, no-reply@example.com";
        service.ses.set_mood(Mood::Refusing(status, error, message));
        service
            .request_code(json!({ "email": LEE, "challenge_id": OWN_ID }))
            .await;
    }
    service.ses.set_mood(Mood::Willing);
    service.traffic.lose(9);
    service
        .request_code(json!({ "email": LEE, "challenge_id": OWN_ID }))
        .await;
    service.traffic.lose(3);
    hand_in(OWN_ID, &codes[2]).await;
    service.secrets.rotate(service.now());
    service.wait(300);
    service.key_set().await;
    service.secrets.set_mood(secrets_manager::Mood::Down);
    service.wait(300);
    service.key_set().await;
    let table = format!("{:?}", service.items().await);
    for id in [&*id, OWN_ID] {
        for form in forms(id).into_iter().chain(forms(&id.replace('-', ""))) {
            assert!(!table.contains(&form), "the table names a challenge: {table}");
        }
    }
    codes.extend(service.ses.mails().iter().map(crate::harness::ses::SentMail::code));
    codes.extend(service.ses.mails().iter().map(crate::harness::ses::SentMail::sealed));
    // The token's claims, which hold the address, and its signature.
    codes.extend(token.split('.').skip(1).map(ToOwned::to_owned));
    codes
}

/// The text itself, and its digests that need no key.
fn forms(text: &str) -> Vec<String> {
    let digest = Sha256::digest(text.as_bytes());
    vec![
        text.to_owned(),
        HEXLOWER.encode(&digest),
        BASE64.encode(&digest),
        BASE64URL_NOPAD.encode(&digest),
    ]
}

/// The log holds the lines of every test so far. The codes are long, so that no time or id in it looks like one by chance.
#[tokio::test(flavor = "multi_thread")]
async fn no_address_code_or_keyless_digest_is_in_the_table_or_the_logs() {
    let mut config = config();
    config.shared.code_digits = 10;
    let service = Service::start_with(config).await;
    let codes = use_everything(&service).await;
    let log = log::text();
    let table = format!("{:?}", service.items().await);

    for outcome in [
        "mailed",
        "already-mailed",
        "too-many-requests",
        "verified",
        "invalid-code",
        "code-expired",
        "secret-rotated",
        "undeliverable",
        "told-undeliverable",
    ] {
        assert!(
            log.contains(&format!("{outcome:?}")),
            "{outcome} is not in the log: {log}"
        );
    }
    for cause in [
        "MessageRejected",
        "mail-unavailable",
        "a bounce is not noted",
        "DynamoDB did not charge an email",
        "JKJaXmPLvHcESHA=",
        "the secret could not be read again",
    ] {
        assert!(log.contains(cause), "{cause} is not in the log: {log}");
    }
    assert!(table.contains("code_digest") && table.contains("paid_by"));

    let mut confidential: Vec<_> = codes.iter().flat_map(|code| forms(code)).collect();
    for text in [
        LEE,
        "lee.at.home",
        "not-lee",
        "example.com",
        "203.0.113.7",
        "link=",
        "/verify",
    ] {
        confidential.extend(forms(text));
    }
    confidential.extend(secrets_manager::TEXTS.map(ToOwned::to_owned));
    for code in &codes {
        confidential.extend(forms(&format!("{LEE}{code}")));
    }
    for secret in confidential {
        assert!(!log.contains(&secret), "{secret} is in the log: {log}");
        assert!(!table.contains(&secret), "{secret} is in the table: {table}");
    }
}
