//! Items that the service never wrote: whatever stands in one, both functions answer.
//!
//! The lines of an input are played in their order. Each changes an attribute of an item (its kind, the attribute, a type
//! such as `N`, the value), lets time pass, or is a request.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use super::stage;
use crate::harness::service::{KIM, OWN_ID, Service};
use crate::harness::ses::Mood;

/// The most lines that are played.
const MAX_LINES: usize = 12;

pub(super) fn run(bytes: &[u8]) {
    let Ok(lines) = str::from_utf8(bytes) else { return };
    let log = stage::play(
        async |service| {
            service.request_pinned_code().await;
        },
        async |service| {
            let mail = service.ses.newest_mail();
            for line in lines.lines().take(MAX_LINES) {
                match *line.splitn(4, ' ').collect::<Vec<_>>() {
                    ["ask"] => drop(
                        service
                            .request_code(json!({ "email": KIM, "challenge_id": OWN_ID }))
                            .await,
                    ),
                    ["ask-anew"] => drop(service.request_code(json!({ "email": KIM })).await),
                    ["guess"] => drop(service.verify_code(OWN_ID, "000000").await),
                    ["know"] => drop(service.verify_code(OWN_ID, &mail.code()).await),
                    ["follow"] => drop(service.follow(&mail.sealed()).await),
                    ["press"] => drop(service.press(&mail.sealed()).await),
                    ["hand-in"] => drop(service.hand_in(&mail.sealed()).await),
                    ["refuse"] => service
                        .ses
                        .set_mood(Mood::Refusing(429, "TooManyRequestsException", "not now")),
                    ["fail"] => service
                        .ses
                        .set_mood(Mood::Refusing(500, "InternalServiceErrorException", "not now")),
                    ["wait", seconds] => service.wait(seconds.parse::<u32>().unwrap_or_default().into()),
                    [kind, attribute, "remove"] => change(service, kind, attribute, None).await,
                    [kind, attribute, kind_of_value, value] => {
                        change(service, kind, attribute, read(kind_of_value, value, service.now())).await;
                    }
                    _ => {}
                }
            }
        },
    );
    assert!(!log.contains('@'), "{log}");
}

/// Changes an attribute of all items of a kind, or removes it. `at_` and the like name the one that begins so. The engine
/// refuses what no item can hold.
async fn change(service: &Service, kind: &str, attribute: &str, value: Option<AttributeValue>) {
    for item in service.items().await {
        if !item["pk"].as_s().is_ok_and(|pk| pk.starts_with(kind)) {
            continue;
        }
        let beginning = item
            .keys()
            .find(|name| attribute.ends_with('_') && name.starts_with(attribute));
        let update = service.dynamodb.update_item().table_name(service.table_name());
        let update = update.key("pk", item["pk"].clone());
        let update = update.expression_attribute_names("#it", beginning.map_or(attribute, String::as_str));
        let update = match value.clone() {
            Some(value) => update
                .update_expression("SET #it = :it")
                .expression_attribute_values(":it", value),
            None => update.update_expression("REMOVE #it"),
        };
        drop(update.send().await);
    }
}

/// The value in a line. `T 50` is the number of the second that is 50 after `now`.
fn read(kind: &str, value: &str, now: i64) -> Option<AttributeValue> {
    let words = || value.split(' ').map(ToOwned::to_owned);
    Some(match kind {
        "N" => AttributeValue::N(value.to_owned()),
        "T" => AttributeValue::N((now + i64::from(value.parse::<i32>().ok()?)).to_string()),
        "S" => AttributeValue::S(value.to_owned()),
        "B" => AttributeValue::B(Blob::new(value)),
        "BOOL" => AttributeValue::Bool(value == "true"),
        "NULL" => AttributeValue::Null(true),
        "SS" => AttributeValue::Ss(words().collect()),
        "NS" => AttributeValue::Ns(words().collect()),
        "L" => AttributeValue::L(words().map(AttributeValue::S).collect()),
        "M" => {
            let pairs = value.split(' ').filter_map(|pair| pair.split_once('='));
            AttributeValue::M(
                pairs
                    .map(|(name, number)| (name.to_owned(), AttributeValue::N(number.to_owned())))
                    .collect(),
            )
        }
        _ => return None,
    })
}
