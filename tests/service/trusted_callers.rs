//! Trusted callers: whose token is right may name the person's IP address, and nobody else may.

use serde_json::{Value, json};
use verification::rules::trusted_callers::TrustedCallers;

use crate::harness::event::{event, follow, guess, press, read};
use crate::harness::log;
use crate::harness::response::Response;
use crate::harness::service::{KIM, OWN_ID, Service, config};

const TOKEN: &str = "3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// The SHA-256 of it.
const DIGEST: &str = "8c544a522abd1bb1a3b983faf2dab0c8e0511ec2a963e1fc7d92c5d1ca8b3672";

async fn start(setting: &str) -> Service {
    let mut config = config();
    config.shared.trusted_callers = Some(TrustedCallers::parse(setting).expect("a digest"));
    Service::start_with(config).await
}

fn with(mut event: Value, headers: &[(&str, &str)]) -> Value {
    for (name, value) in headers {
        event["headers"][*name] = json!(value);
    }
    event
}

/// Asks for Kim's code under a new id, with these headers. All calls come from one IP address.
async fn ask(service: &Service, headers: &[(&str, &str)]) -> Response {
    let body = json!({ "email": KIM }).to_string();
    let event = with(event("/request-code", body.as_bytes()), headers);
    service.request_code_event(&event).await
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backend_that_calls_for_its_users_names_their_addresses() {
    let service = start(DIGEST).await;
    let token = bearer(TOKEN);
    for address in [
        "198.51.100.1",
        "198.51.100.2:46532",
        "2001:db8:1:2::3",
        "[2001:db8:1:3::3]:443",
    ] {
        let asked = ask(&service, &[("authorization", &token), ("person-address", address)]).await;
        assert_eq!(asked.status, 202, "{address}: {}", asked.text);
    }
    let again = ask(
        &service,
        &[("Authorization", &token), ("Person-Address", "2001:db8:1:2::4")],
    )
    .await;
    assert_eq!(again.body["limit"], "pause", "the same /64 is the same person");
    let unnamed = ask(&service, &[("authorization", &token)]).await;
    assert_eq!(unnamed.status, 202, "the backend's own address is one more");
    assert_eq!(ask(&service, &[("authorization", &token)]).await.body["limit"], "pause");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_names_an_address() {
    for token in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        TOKEN,
        &format!("Basic {TOKEN}"),
        &bearer(DIGEST),
        &bearer(&TOKEN[1..]),
    ] {
        let service = start(DIGEST).await;
        assert_eq!(ask(&service, &[]).await.status, 202);
        let asked = ask(
            &service,
            &[("authorization", token), ("person-address", "198.51.100.1")],
        )
        .await;
        assert_eq!(asked.body["limit"], "pause", "{token:?}");
    }
    // Nor does anybody without the parameter.
    let service = Service::start().await;
    assert_eq!(ask(&service, &[]).await.status, 202);
    let asked = ask(
        &service,
        &[("authorization", &bearer(TOKEN)), ("person-address", "198.51.100.1")],
    )
    .await;
    assert_eq!(asked.body["limit"], "pause");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_is_said_and_mails_nothing() {
    let service = start(DIGEST).await;
    let token = bearer(TOKEN);
    for address in [
        "",
        "kim",
        "198.51.100.1, 198.51.100.2",
        "198.51.100.1,198.51.100.2",
        "198.51.100",
        "for=198.51.100.1",
    ] {
        let asked = ask(&service, &[("authorization", &token), ("person-address", address)]).await;
        assert_eq!(asked.problem(), "400 malformed-request", "{address:?}");
        assert_eq!(asked.body["detail"], "the header Person-Address must be an IP address");
    }
    assert_eq!(service.ses.calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_they_are_served_everybody_else_is_refused_but_pages_and_keys_are_there() {
    let service = start(&format!("{DIGEST} only")).await;
    for token in ["", "Bearer wrong", TOKEN] {
        let refused = ask(&service, &[("authorization", token)]).await;
        assert_eq!((refused.status, &refused.body["type"]), (403, &json!("about:blank")));
        let attempt = with(guess(KIM, OWN_ID, "123456"), &[("authorization", token)]);
        assert_eq!(service.verify_code_event(&attempt).await.status, 403);
    }
    assert_eq!((service.ses.calls(), service.traffic.calls()), (0, 0));

    let token = bearer(TOKEN);
    let asked = ask(
        &service,
        &[("authorization", &token), ("person-address", "198.51.100.1")],
    )
    .await;
    let mail = service.ses.newest_mail();
    let link = format!("link={}", mail.sealed());
    assert_eq!(service.verify_code_event(&follow(&link)).await.status, 200);
    assert_eq!(service.verify_code_event(&press(&link)).await.status, 200);
    assert_eq!(service.key_set().await.status, 200);
    assert_eq!(
        service.verify_code_event(&read("verify-code-discovery")).await.status,
        200
    );
    let attempt = guess(KIM, &asked.challenge_id(), &mail.code());
    let right = with(attempt, &[("authorization", &token)]);
    assert_eq!(service.verify_code_event(&right).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_token_nor_an_address_is_in_the_log_or_a_response() {
    let service = start(&format!("{DIGEST} only")).await;
    let token = bearer(TOKEN);
    let mut texts = String::new();
    for (token, address) in [
        (token.as_str(), "198.51.100.77"),
        (&token, "garbage-198.51.100.77"),
        ("Bearer wrong-3q2-7w", "x"),
    ] {
        texts += &ask(&service, &[("authorization", token), ("person-address", address)])
            .await
            .text;
    }
    texts += &log::text();
    for secret in [TOKEN, "wrong-3q2-7w", "198.51.100.77", DIGEST] {
        assert!(!texts.contains(secret), "{secret}");
    }
}
