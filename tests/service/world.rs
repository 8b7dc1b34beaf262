//! The world of the tests itself: what becomes of a call when a test says so.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use serde_json::json;
use tokio::time::Instant;

use crate::harness::service::{KIM, Service};
use crate::harness::world::call::Aws;
use crate::harness::world::fault::{Answer, Fault, Reason};
use crate::harness::world::holding::Holding;

const SECOND: Duration = Duration::from_secs(1);

/// Adds one to the count of an item, which it creates if need be.
async fn add(service: &Service, pk: &str) -> Result<UpdateItemOutput, SdkError<UpdateItemError>> {
    let client: &Client = &service.dynamodb;
    client
        .update_item()
        .table_name(service.table_name())
        .key("pk", AttributeValue::S(pk.to_owned()))
        .update_expression("ADD n :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
}

/// Adds one to the counts of two items at once, unless one of them is over its limit.
async fn add_to_both(service: &Service) -> Result<TransactWriteItemsOutput, SdkError<TransactWriteItemsError>> {
    let part = |pk: &str| {
        let update = Update::builder()
            .table_name(service.table_name())
            .key("pk", AttributeValue::S(pk.to_owned()))
            .update_expression("ADD n :one")
            .condition_expression("attribute_not_exists(n) OR n < :limit")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":limit", AttributeValue::N("2".to_owned()))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        TransactWriteItem::builder()
            .update(update.build().expect("a part"))
            .build()
    };
    let parts = Some(vec![part("left"), part("right")]);
    let transaction = service.dynamodb.transact_write_items().set_transact_items(parts);
    transaction.send().await
}

/// The reasons of a canceled transaction, each with the count of the item that came with it.
async fn reasons_of(service: &Service) -> Vec<(String, Option<String>)> {
    let error = add_to_both(service).await.expect_err("a refusal").into_service_error();
    let TransactWriteItemsError::TransactionCanceledException(canceled) = error else {
        panic!("another refusal: {error:?}");
    };
    let reasons = canceled.cancellation_reasons().iter().map(|reason| {
        let count = reason.item().map(|item| item["n"].as_n().expect("a count").clone());
        (reason.code().expect("a code").to_owned(), count)
    });
    reasons.collect()
}

fn reason(code: &str, count: Option<&str>) -> (String, Option<String>) {
    (code.to_owned(), count.map(ToOwned::to_owned))
}

#[tokio::test(start_paused = true)]
async fn a_lost_call_was_made_and_one_that_is_never_done_was_not() {
    for answer in [Answer::Http500, Answer::Break, Answer::Silence] {
        let service = Service::start().await;
        service.script.always("UpdateItem", Fault::NeverDone(answer));
        add(&service, "a").await.expect_err("no answer");
        assert!(service.items().await.is_empty(), "{answer:?}");
        assert_eq!(service.traffic.writes(), 0, "{answer:?}");
        service.script.forget("UpdateItem");
        service.script.once("UpdateItem", Fault::Lost(answer));
        add(&service, "a").await.expect("the second attempt is answered");
        assert_eq!(service.count("a", "n").await, 2, "{answer:?}: both attempts were made");
        assert_eq!(service.traffic.writes(), 2, "{answer:?}");
    }
}

/// The time limits and retries of the SDK, and all waits, are on the clock of tokio: in a test that stands still.
#[tokio::test(start_paused = true)]
async fn no_time_limit_takes_real_time() {
    let paused = Instant::now();
    let service = Service::start().await;
    service.script.always(Aws::DynamoDb, Fault::NeverDone(Answer::Silence));
    add(&service, "a").await.expect_err("no answer");
    assert_eq!(paused.elapsed().as_secs(), 2, "the limit for all attempts");
    service.script.always("SendEmail", Fault::SlowBefore(60 * SECOND));
    service.script.forget(Aws::DynamoDb);
    let refused = service.request_code(json!({ "email": KIM })).await;
    assert_eq!(refused.problem(), "503 mail-unavailable");
    assert_eq!(paused.elapsed().as_secs(), 7, "and that for SES");
}

/// The SDK gives each attempt a second.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_given_up_happens_only_if_it_lands_late() {
    let service = Service::start().await;
    service.script.always("UpdateItem", Fault::SlowBefore(3 * SECOND));
    add(&service, "slow").await.expect_err("no answer in time");
    service.script.always("UpdateItem", Fault::SlowAfter(3 * SECOND));
    add(&service, "made").await.expect_err("no answer in time");
    assert_eq!(service.count("made", "n").await, 2, "each attempt was made at once");
    service.script.always("UpdateItem", Fault::LandsLate(3 * SECOND));
    add(&service, "late").await.expect_err("no answer in time");
    assert_eq!(service.items().await.len(), 1);
    tokio::time::sleep(4 * SECOND).await;
    assert_eq!(service.count("late", "n").await, 2, "each attempt lands");
    assert_eq!(service.items().await.len(), 2, "what was slow never comes");
}

/// Whoever drops the future of a request ends the instance in the middle of it.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_makes_no_further_call() {
    let service = Service::start().await;
    service.script.always("SendEmail", Fault::Lost(Answer::Silence));
    let request = service.request_code(json!({ "email": KIM }));
    tokio::time::timeout(SECOND, request)
        .await
        .expect_err("an instance that dies");
    service.traffic.forget();
    tokio::time::sleep(60 * SECOND).await;
    assert_eq!((service.ses.mails().len(), service.traffic.calls()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_write_is_throttled_or_collides_and_is_not_made() {
    let service = Service::start().await;
    for (fault, code, calls) in [
        (Fault::Throttled, "ThrottlingException", 3),
        (Fault::Collided(&[]), "TransactionConflictException", 1),
        (Fault::refused(400, "AccessDeniedException"), "AccessDeniedException", 1),
    ] {
        service.script.always("UpdateItem", fault);
        service.traffic.forget();
        let error = add(&service, "a").await.expect_err("a refusal");
        assert_eq!((error.code(), service.traffic.calls()), (Some(code), calls));
    }
    service.script.always("TransactWriteItems", Fault::InProgress);
    service.traffic.forget();
    let error = add_to_both(&service).await.expect_err("a refusal");
    assert_eq!(error.code(), Some("TransactionInProgressException"));
    assert_eq!(service.traffic.calls(), 3, "the SDK tries that again");
    assert!(service.items().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_transaction_collides_in_the_parts_that_are_named() {
    let service = Service::start().await;
    service.script.once("TransactWriteItems", Fault::Collided(&[1]));
    let (fine, collided) = (reason("None", None), reason("TransactionConflict", None));
    assert_eq!(reasons_of(&service).await, [fine, collided]);
    add_to_both(&service).await.expect("the second is made");
    assert_eq!(service.traffic.calls(), 2, "the SDK does not try that again");
}

/// What the engine says itself when a condition fails is said in the same form.
#[tokio::test(start_paused = true)]
async fn a_transaction_is_canceled_for_any_mix_of_reasons_with_the_items_as_they_are() {
    let service = Service::start().await;
    add(&service, "left").await.expect("a write");
    for (left, right, told) in [
        (
            Reason::ConditionFailed,
            Reason::Collided,
            [
                reason("ConditionalCheckFailed", Some("1")),
                reason("TransactionConflict", None),
            ],
        ),
        (
            Reason::ConditionFailedWithoutItem,
            Reason::ConditionFailed,
            [
                reason("ConditionalCheckFailed", None),
                reason("ConditionalCheckFailed", None),
            ],
        ),
        (
            Reason::None,
            Reason::Throttled,
            [reason("None", None), reason("ThrottlingError", None)],
        ),
    ] {
        let canceled = Fault::Canceled(vec![left, right]);
        service.script.always("TransactWriteItems", canceled);
        assert_eq!(reasons_of(&service).await, told);
    }
    service.script.forget("TransactWriteItems");
    add(&service, "left").await.expect("a write");
    let by_the_engine = [reason("ConditionalCheckFailed", Some("2")), reason("None", None)];
    assert_eq!(reasons_of(&service).await, by_the_engine);
}

/// A transaction holds its items for 10 ms, and those of a canceled one as well, save what failed its condition.
#[tokio::test(start_paused = true)]
async fn a_held_item_collides_until_it_is_let_go() {
    let held = reason("TransactionConflict", None);
    let refused = reason("ConditionalCheckFailed", Some("2"));
    for (holds_refused, left) in [(false, refused.clone()), (true, held.clone())] {
        let service = Service::start().await;
        let holding = Holding::new(Duration::from_millis(10), Duration::from_millis(2), holds_refused);
        service.world.direct_by(Arc::new(holding));
        let later = async |time, service| {
            tokio::time::sleep(Duration::from_millis(time)).await;
            reasons_of(service).await
        };
        let last = async {
            tokio::time::sleep(Duration::from_millis(9)).await;
            let error = add(&service, "left").await.expect_err("a collision");
            assert_eq!(error.code(), Some("TransactionConflictException"));
        };
        let (made, told, ()) = tokio::join!(add_to_both(&service), later(1, &service), last);
        made.expect("the first is made");
        assert_eq!(told, [held.clone(), held.clone()]);
        add(&service, "left").await.expect("it is let go");
        let (first, second) = tokio::join!(reasons_of(&service), later(9, &service));
        assert_eq!(first, [refused.clone(), reason("None", None)]);
        assert_eq!(second, [left, held.clone()]);
        assert_eq!(service.count("right", "n").await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_meets_the_call_that_is_meant() {
    let service = Service::start().await;
    service
        .script
        .nth(2, "UpdateItem", Fault::refused(400, "AccessDeniedException"));
    let mut outcomes = Vec::new();
    for _ in 0..3 {
        outcomes.push(add(&service, "a").await.is_ok());
    }
    assert_eq!(outcomes, [true, false, true]);
    service.script.once(Aws::SecretsManager, Fault::Throttled);
    service.secrets.calls();
    service.start_verify_code().await;
    assert_eq!(service.secrets.calls(), 2, "the SDK tries that again");
}
