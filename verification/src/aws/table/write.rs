//! Makes a write alone, or several in a transaction.
//!
//! The SDK repeats a write whose response was lost. A transaction is known again by its token, a guess because it is the
//! newest of its challenge. What the SDK does not repeat is a write that collided with a transaction on the same item.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Config;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use tokio::time::Instant;

use super::attribute::Item;
use super::{Table, TableError};
use crate::rules::condition::Condition;

/// How long a lone write, or all charges of a request, are tried again when they collide.
/// [`client`](crate::aws::client) reckons with it.
pub(super) const COLLIDES_FOR: Duration = Duration::from_secs(2);
/// The first and the longest pause between two tries.
const MIN_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_millis(320);

/// A conditional write to one item, while it is put together.
pub(super) struct Write {
    /// What it does, for errors.
    step: &'static str,
    pk: String,
    set: Vec<&'static str>,
    add: Vec<&'static str>,
    remove: Vec<&'static str>,
    conditions: Vec<&'static str>,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
    is_repeatable: bool,
}

/// How a transaction ended.
pub(super) enum Transaction {
    /// All its writes were made, now or by an earlier try.
    Done,
    /// None was made. For each write: the item if its condition failed, else none.
    Failed(Vec<Option<Item>>),
}

/// The time that a request has for tries of writes that collide.
pub(super) struct Collisions {
    started: Instant,
    time_limit: Duration,
    tries: u32,
    /// Random bytes, so that two requests that collided do not collide again. Zeros for a lone write.
    jitter: [u8; 16],
}

impl Collisions {
    pub(super) fn new(jitter: [u8; 16], time_limit: Duration) -> Self {
        Self {
            started: Instant::now(),
            time_limit,
            tries: 0,
            jitter,
        }
    }

    /// Waits until the next try. False if there is no time for one.
    async fn wait(&mut self) -> bool {
        let longest = MAX_BACKOFF.min(MIN_BACKOFF * (1 << self.tries.min(8)));
        let random = self.jitter.iter().cycle().nth(self.tries as usize);
        let pause = longest / 2 + longest * u32::from(random.copied().unwrap_or_default()) / 512;
        self.tries += 1;
        if self.started.elapsed() + pause > self.time_limit {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

impl Table {
    /// Makes one write. Returns the item as it is now, or the one that failed the condition; empty if there is none.
    pub(super) async fn write(&self, write: Write) -> Result<Condition<Item>, TableError> {
        let call = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_update_expression(Some(write.update_expression()).filter(|update| !update.is_empty()))
            .condition_expression(write.condition_expression())
            .key("pk", AttributeValue::S(write.pk))
            .set_expression_attribute_names(unless_empty(write.names))
            .set_expression_attribute_values(unless_empty(write.values))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let mut collisions = Collisions::new([0; 16], COLLIDES_FOR);
        loop {
            // Boxed, because the future of an SDK call is large, and each step's would be as large.
            let mut call = call.clone().customize();
            if !write.is_repeatable {
                call = call.config_override(Config::builder().retry_config(RetryConfig::disabled()));
            }
            let error = match Box::pin(call.send()).await {
                Ok(output) => return Ok(Condition::Held(output.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            if let Some(UpdateItemError::ConditionalCheckFailedException(failure)) = error.as_service_error() {
                return Ok(Condition::Failed(failure.item().cloned().unwrap_or_default()));
            }
            if !is_collision(error.code()) || !collisions.wait().await {
                return Err(TableError::call(write.step, &error));
            }
        }
    }

    /// Makes all of `writes` or none. `token` names them: with the same token they are made once, however often they arrive.
    pub(super) async fn transact(
        &self,
        token: String,
        writes: Vec<Write>,
        collisions: &mut Collisions,
    ) -> Result<Transaction, TableError> {
        let step = writes.first().map_or("", |write| write.step);
        let items = writes.into_iter().map(|write| write.into_part(&self.name));
        let items = items.collect::<Result<_, _>>()?;
        let call = self
            .client
            .transact_write_items()
            .client_request_token(token)
            .set_transact_items(Some(items));
        loop {
            let Err(error) = Box::pin(call.clone().send()).await else {
                return Ok(Transaction::Done);
            };
            let reasons = match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    cancelled.cancellation_reasons()
                }
                _ => &[],
            };
            if let Some(items) = failed_conditions(reasons) {
                return Ok(Transaction::Failed(items));
            }
            if !is_collision(error.code()) && !reasons.iter().any(|reason| is_collision(reason.code())) {
                return Err(TableError::call(step, &error));
            }
            if !collisions.wait().await {
                return Err(TableError::Collided(step));
            }
        }
    }
}

impl Write {
    pub(super) fn new(step: &'static str, pk: String) -> Self {
        Self {
            step,
            pk,
            set: vec![],
            add: vec![],
            remove: vec![],
            conditions: vec![],
            names: HashMap::new(),
            values: HashMap::new(),
            is_repeatable: true,
        }
    }

    /// Adds to `SET` of the update expression.
    pub(super) fn set(mut self, assignments: &'static str) -> Self {
        self.set.push(assignments);
        self
    }

    /// Adds to `ADD` of the update expression.
    pub(super) fn add(mut self, amounts: &'static str) -> Self {
        self.add.push(amounts);
        self
    }

    /// Adds to `REMOVE` of the update expression.
    pub(super) fn remove(mut self, attributes: &'static str) -> Self {
        self.remove.push(attributes);
        self
    }

    /// Adds to what must hold for the write to be made.
    pub(super) fn require(mut self, condition: &'static str) -> Self {
        self.conditions.push(condition);
        self
    }

    /// The name of an attribute that is not called the same in every item.
    pub(super) fn name(mut self, placeholder: &str, name: &str) -> Self {
        self.names.insert(placeholder.to_owned(), name.to_owned());
        self
    }

    pub(super) fn value(mut self, placeholder: &str, value: AttributeValue) -> Self {
        self.values.insert(placeholder.to_owned(), value);
        self
    }

    /// The SDK must not repeat this write: nothing tells that it was made. If the outcome is unknown, it is let go.
    pub(super) const fn unrepeated(mut self) -> Self {
        self.is_repeatable = false;
        self
    }

    fn update_expression(&self) -> String {
        let clauses = [("SET", &self.set), ("ADD", &self.add), ("REMOVE", &self.remove)];
        let clauses = clauses.into_iter().filter(|(_, parts)| !parts.is_empty());
        let clauses: Vec<_> = clauses
            .map(|(name, parts)| format!("{name} {}", parts.join(", ")))
            .collect();
        clauses.join(" ")
    }

    fn condition_expression(&self) -> String {
        self.conditions.join(" AND ")
    }

    fn into_part(self, table: &str) -> Result<TransactWriteItem, TableError> {
        let update = Update::builder()
            .table_name(table)
            .update_expression(self.update_expression())
            .condition_expression(self.condition_expression())
            .key("pk", AttributeValue::S(self.pk))
            .set_expression_attribute_names(unless_empty(self.names))
            .set_expression_attribute_values(unless_empty(self.values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| TableError::Unbuilt(error.to_string()))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }
}

/// DynamoDB takes no empty map of placeholders.
fn unless_empty<T>(placeholders: HashMap<String, T>) -> Option<HashMap<String, T>> {
    Some(placeholders).filter(|placeholders| !placeholders.is_empty())
}

/// What a cancelled transaction says, once that is final.
///
/// The first write is the challenge's, which tells a repeat from a request that a limit refuses. So if it collided, nothing is
/// decided yet. Otherwise a failed condition is final, whatever else collided: a flood of refused requests must not multiply
/// itself.
fn failed_conditions(reasons: &[CancellationReason]) -> Option<Vec<Option<Item>>> {
    let is_open = reasons.first().is_some_and(|first| is_collision(first.code()));
    let failed = |reason: &CancellationReason| {
        let has_failed = reason.code() == Some("ConditionalCheckFailed");
        has_failed.then(|| reason.item().cloned().unwrap_or_default())
    };
    let items: Vec<_> = reasons.iter().map(failed).collect();
    (!is_open && items.iter().any(Option::is_some)).then_some(items)
}

/// Whether a write collided or was throttled. Then it was not made, or its own earlier try is still under way.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html#API_TransactWriteItems_Errors>
fn is_collision(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "TransactionConflict"
                | "TransactionConflictException"
                | "TransactionInProgressException"
                | "ThrottlingError"
                | "ThrottlingException"
                | "ProvisionedThroughputExceeded"
                | "ProvisionedThroughputExceededException"
                | "RequestLimitExceeded"
        )
    )
}
