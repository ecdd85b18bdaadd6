//! How often handling an event has failed: after a few tries the one that reads events in order marks it as poison and
//! goes on, so that it blocks nobody (R57). The note says what was known of the event, and is listed with those that
//! were handled; it never counts as one of them.

use aws_sdk_dynamodb::types::ReturnValue;
use domain::{EventId, Timestamp};

use super::seen::{SeenEvent, remembered_until};
use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{Item, number};
use crate::{keys, schema};

impl Store {
    /// Counts one more failure of this event and says how many there are.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn count_failure(&self, event: &EventId, now: Timestamp) -> Result<u64, StoreError> {
        let operation = "count failure of an event";
        let answer = self
            .db
            .update_item()
            .table_name(&self.tables.ephemeral)
            .key(schema::PARTITION, keys::failed_event(event))
            .update_expression("ADD n :one SET #ends = :ends, v = :version")
            .expression_attribute_names("#ends", schema::TTL)
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":ends", number(remembered_until(now).seconds()))
            .expression_attribute_values(":version", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(failed(operation))?;
        counted(operation, answer.attributes)
    }

    /// Notes that an event came and could not be handled yet, and why. It may come again and be handled. Says how often
    /// it has failed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_failure(&self, seen: &SeenEvent) -> Result<u64, StoreError> {
        let operation = "note failure of an event";
        let mut update = self
            .db
            .update_item()
            .table_name(&self.tables.ephemeral)
            .key(schema::PARTITION, keys::failed_event(&seen.event))
            .expression_attribute_values(":one", number(1));
        let mut set = Vec::new();
        let note = SeenEvent { failures: None, ..seen.clone() };
        for (index, (name, value)) in note.item(operation)?.into_iter().enumerate() {
            set.push(format!("#a{index} = :a{index}"));
            update = update
                .expression_attribute_names(format!("#a{index}"), name)
                .expression_attribute_values(format!(":a{index}"), value);
        }
        let answer = update
            .update_expression(format!("ADD n :one SET {}", set.join(", ")))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(failed(operation))?;
        counted(operation, answer.attributes)
    }
}

fn counted(operation: &'static str, attributes: Option<Item>) -> Result<u64, StoreError> {
    let count = attributes.and_then(|mut item| item.remove("n"));
    count
        .and_then(|n| n.as_n().ok().and_then(|n| n.parse().ok()))
        .ok_or_else(|| StoreError::unreadable(operation, "the counter has no number"))
}
