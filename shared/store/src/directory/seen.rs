//! Events that were handled, so that none is applied twice.
//!
//! The mark is written in the transaction of the effect, longer kept than any sender repeats an event, and tells an
//! operator what became of it. What cannot be handled at all is marked as well: it must not block what follows.

use std::time::Duration;

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::clock::as_seconds;
use domain::{DirectoryId, EventId, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{Item, decode, encode};
use crate::{keys, schema};

/// WorkOS repeats for three days; the overlap of the Events API is read within minutes.
const REMEMBERED: Duration = Duration::from_secs(14 * 24 * 3600);

/// The outcome of an event that nothing could be made of.
pub(super) const POISON: &str = "poison";

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenEvent {
    pub event: EventId,
    /// The change it was read as, or its type where it was none.
    pub change: String,
    /// The word of an [`domain::directory::Outcome`], `poison`, or what other handlers say.
    pub outcome: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryId>,
    pub created_at: Timestamp,
    pub handled_at: Timestamp,
    #[serde(with = "as_seconds")]
    pub expires_at: Timestamp,
}

pub(super) fn remembered_until(now: Timestamp) -> Timestamp {
    now.plus(REMEMBERED)
}

impl SeenEvent {
    /// An event that is no change of a directory: another handler's, or of a type that nobody knows.
    pub fn other(event: EventId, kind: &str, outcome: &str, created_at: Timestamp, now: Timestamp) -> Self {
        Self {
            event,
            change: kind.to_owned(),
            outcome: outcome.to_owned(),
            reason: None,
            organization: None,
            directory: None,
            created_at,
            handled_at: now,
            expires_at: remembered_until(now),
        }
    }

    /// An event that nothing can be made of, and why.
    pub fn poison(event: EventId, kind: &str, reason: &str, created_at: Timestamp, now: Timestamp) -> Self {
        Self { reason: Some(reason.to_owned()), ..Self::other(event, kind, POISON, created_at, now) }
    }
}

impl Store {
    /// What became of an event, if it was seen.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn seen_event(&self, event: &EventId, now: Timestamp) -> Result<Option<SeenEvent>, StoreError> {
        let operation = "read seen event";
        let answer = self
            .db
            .get_item()
            .table_name(&self.tables.ephemeral)
            .key(schema::PARTITION, keys::seen_event(event))
            .consistent_read(true)
            .send()
            .await
            .map_err(failed(operation))?;
        let seen: Option<SeenEvent> = answer.item.map(|item| decode(operation, item)).transpose()?;
        Ok(seen.filter(|seen| seen.expires_at > now))
    }

    /// Marks an event that is no change of a directory. `false` when it was seen before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark_event(&self, seen: &SeenEvent) -> Result<bool, StoreError> {
        let operation = "mark event";
        let items = vec![self.put_seen(operation, seen)?];
        Ok(self.transact(operation, items).await?.is_none())
    }

    /// Forgets that an event was seen, so that it can be handled again. Its clock still keeps it from undoing what is
    /// newer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_event(&self, event: &EventId) -> Result<(), StoreError> {
        self.db
            .delete_item()
            .table_name(&self.tables.ephemeral)
            .key(schema::PARTITION, keys::seen_event(event))
            .send()
            .await
            .map_err(failed("forget event"))?;
        Ok(())
    }

    pub(super) fn put_seen(
        &self,
        operation: &'static str,
        seen: &SeenEvent,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item: Item = encode(operation, seen)?;
        item.insert(schema::PARTITION.into(), keys::seen_event(&seen.event));
        let put = Put::builder()
            .table_name(&self.tables.ephemeral)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}
