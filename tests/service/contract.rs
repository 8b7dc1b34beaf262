//! The document and the functions: each answer that it names is given, and its examples are the files of `events/`. That nothing
//! else is answered every test checks (`harness/contract.rs`).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use verification::rules::link::LinkTarget;
use verification::rules::trusted_callers::TrustedCallers;

use crate::harness::contract::{answers, name, operations};
use crate::harness::event::{event, follow, guess, press, read, undelivered};
use crate::harness::secrets_manager;
use crate::harness::service::{KIM, OWN_ID, Service, config};
use crate::harness::ses::Mood;

/// Gives each answer once. Returns their names.
async fn give_every_answer() -> BTreeSet<String> {
    let mut given = BTreeSet::new();
    let mut service = Service::start().await;
    service.request_pinned_code().await;
    // Where the functions look only at the event.
    for file in [
        "request-code-own-id",
        "request-code-no-email",
        "request-code-form",
        "request-code-invalid-email",
    ] {
        let event = read(file);
        given.insert(name(&event, &service.request_code_event(&event).await));
    }
    for file in [
        "verify-code-no-id",
        "verify-code-form",
        "verify-code-invalid-email",
        "verify-code-wrong",
        "verify-code-wrong-shape",
        "verify-code-unknown",
        "verify-code",
        "verify-code-jwks",
        "verify-code-discovery",
        "verify-page",
        "verify-page-cut",
        "verify-page-button",
        "verify-page-no-link",
    ] {
        let event = read(file);
        given.insert(name(&event, &service.verify_code_event(&event).await));
    }
    let mut without_domain = read("verify-code-discovery");
    without_domain["requestContext"]["domainName"].take();
    given.insert(name(&without_domain, &service.verify_code_event(&without_domain).await));
    let again = event("/request-code", json!({ "email": KIM }).to_string().as_bytes());
    given.insert(name(&again, &service.request_code_event(&again).await));

    let link = service.ses.newest_mail().sealed();
    let park = "park@example.com";
    let again = json!({ "email": park, "challenge_id": OWN_ID });
    service.request_code(again.clone()).await;
    service.bounce(&undelivered(&service.ses.newest_mail(), "Reject")).await;
    let again = event("/request-code", again.to_string().as_bytes());
    given.insert(name(&again, &service.request_code_event(&again).await));
    let attempt = guess(park, OWN_ID, "123456");
    given.insert(name(&attempt, &service.verify_code_event(&attempt).await));

    let (followed, pressed) = (follow(&format!("link={link}")), press(&format!("link={link}")));
    service.wait(3_600);
    for event in [&followed, &pressed] {
        given.insert(name(event, &service.verify_code_event(event).await));
    }
    service.return_to("https://app.example.com/verified").await;
    service.request_code(json!({ "email": KIM })).await;
    let pressed = press(&format!("link={}", service.ses.newest_mail().sealed()));
    given.insert(name(&pressed, &service.verify_code_event(&pressed).await));

    service
        .ses
        .set_mood(Mood::Refusing(429, "TooManyRequestsException", "not now"));
    let lee = event(
        "/request-code",
        json!({ "email": "lee@example.com" }).to_string().as_bytes(),
    );
    given.insert(name(&lee, &service.request_code_event(&lee).await));
    service.traffic.lose(9);
    given.insert(name(&lee, &service.request_code_event(&lee).await));
    service.traffic.lose(3);
    let attempt = guess(KIM, OWN_ID, "123456");
    given.insert(name(&attempt, &service.verify_code_event(&attempt).await));

    service.wait(60);
    service.ses.set_mood(Mood::Willing);
    service.request_code(json!({ "email": "lee@example.com" })).await;
    service.traffic.lose(3);
    let pressed = press(&format!("link={}", service.ses.newest_mail().sealed()));
    given.insert(name(&pressed, &service.verify_code_event(&pressed).await));

    service.secrets.set_mood(secrets_manager::Mood::Down);
    service.wait(1_000);
    let key_set = read("verify-code-jwks");
    given.insert(name(&key_set, &service.verify_code_event(&key_set).await));

    let mut without_links = config();
    without_links.shared.link = LinkTarget::Off;
    let service = Service::start_with(without_links).await;
    for event in [follow("link=a"), press("link=a")] {
        given.insert(name(&event, &service.verify_code_event(&event).await));
    }

    let mut closed = config();
    closed.shared.trusted_callers = TrustedCallers::parse(&format!("{} only", "0".repeat(64)));
    let service = Service::start_with(closed).await;
    given.insert(name(&lee, &service.request_code_event(&lee).await));
    given.insert(name(&attempt, &service.verify_code_event(&attempt).await));
    given
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_answer_is_given() {
    let given = give_every_answer().await;
    let missing: Vec<_> = answers()
        .into_iter()
        .filter(|answer| !given.contains(*answer))
        .collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_of_a_response_is_the_response_to_its_event() {
    let mut checked = 0;
    for (route, operation) in operations() {
        for (status, response) in operation["responses"].as_object().expect("responses") {
            for content in response["content"]
                .as_object()
                .into_iter()
                .flat_map(|content| content.values())
            {
                for (event, example) in examples(content) {
                    let service = Service::start().await;
                    service.request_pinned_code().await;
                    let response = if route.ends_with("request-code") {
                        Service::start().await.request_code_event(&read(event)).await
                    } else {
                        service.verify_code_event(&read(event)).await
                    };
                    assert_eq!(
                        (&response.status.to_string(), &response.body),
                        (status, example),
                        "{event}"
                    );
                    checked += 1;
                }
            }
        }
    }
    assert!(checked >= 3, "{checked}");
}

#[test]
fn every_example_of_a_request_is_the_body_of_its_event() {
    let mut checked = 0;
    for (route, operation) in operations() {
        for (event, example) in examples(&operation["requestBody"]["content"]["application/json"]) {
            let event = read(event);
            assert_eq!(event["routeKey"], route);
            let body: Value = serde_json::from_str(event["body"].as_str().expect("a body")).expect("JSON");
            assert_eq!(&body, example);
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked}");
}

fn examples(content: &'static Value) -> impl Iterator<Item = (&'static String, &'static Value)> {
    let examples = content["examples"].as_object().into_iter().flatten();
    examples.map(|(name, example)| (name, &example["value"]))
}
