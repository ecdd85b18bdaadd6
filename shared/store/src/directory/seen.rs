//! Events that were handled, so that none is applied twice.
//!
//! The mark is written in the transaction of the effect, longer kept than any sender repeats an event, and tells an
//! operator what became of it. What cannot be handled at all is marked as well: it must not block what follows. Marks,
//! and the notes on what has failed so far, can be listed by time.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem};
use domain::audit::AuditEvent;
use domain::clock::as_seconds;
use domain::{DirectoryId, EventId, OrganizationId, Timestamp, sha256};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{Item, decode, encode, text};
use crate::{keys, schema};

/// WorkOS repeats for three days; the overlap of the Events API is read within minutes.
const REMEMBERED: Duration = Duration::from_secs(14 * 24 * 3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Parts of each day in the index.
const PARTS: u8 = 4;
/// A batch read takes a hundred keys.
const KEYS_A_BATCH: usize = 100;

/// The outcome of an event that nothing could be made of.
pub(super) const POISON: &str = "poison";

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenEvent {
    pub event: EventId,
    /// The event's type, where the change came as an event: `dsync.user.created`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
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
    /// When it arrived and was dealt with.
    pub handled_at: Timestamp,
    /// Of a note on a failure: how often it has failed. The event itself was not handled by any of those.
    #[serde(default, rename = "n", skip_serializing_if = "Option::is_none")]
    pub failures: Option<u64>,
    #[serde(with = "as_seconds")]
    pub expires_at: Timestamp,
}

/// Events by the time at which they were handled, the last one first.
#[derive(Clone, Debug)]
pub struct SeenPage {
    pub events: Vec<SeenEvent>,
    /// For the events before these; `None` at the end.
    pub next: Option<String>,
}

pub(super) fn remembered_until(now: Timestamp) -> Timestamp {
    now.plus(REMEMBERED)
}

impl SeenEvent {
    /// An event that is no change of a directory: another handler's, or of a type that nobody knows.
    pub fn other(event: EventId, kind: &str, outcome: &str, created_at: Timestamp, now: Timestamp) -> Self {
        Self {
            event,
            kind: Some(kind.to_owned()),
            change: kind.to_owned(),
            outcome: outcome.to_owned(),
            reason: None,
            organization: None,
            directory: None,
            created_at,
            handled_at: now,
            failures: None,
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

    /// Which of these events were handled, in one round trip for every hundred. For whoever reads many again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn seen_among(
        &self,
        events: &[EventId],
        now: Timestamp,
    ) -> Result<HashSet<EventId>, StoreError> {
        let mut wanted: Vec<&EventId> = events.iter().collect();
        wanted.sort_unstable();
        wanted.dedup();
        let keys = wanted.into_iter().map(keys::seen_event).collect();
        let seen = self.seen_items(keys).await?;
        Ok(seen.into_iter().filter(|seen| seen.expires_at > now).map(|seen| seen.event).collect())
    }

    /// Marks an event that is no change of a directory. `false` when it was seen before.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark_event(&self, seen: &SeenEvent) -> Result<bool, StoreError> {
        self.mark_event_with(seen, None).await
    }

    /// As [`Store::mark_event`], with what the tenant's audit log says of it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark_event_with(
        &self,
        seen: &SeenEvent,
        audit: Option<&AuditEvent>,
    ) -> Result<bool, StoreError> {
        let operation = "mark event";
        let mut items = vec![self.put_seen(operation, seen)?];
        if let Some(event) = audit {
            items.push(self.audit(operation, event)?);
        }
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

    /// Events that were handled before this moment or place, and notes on what has failed, the last one first. The
    /// index may lag behind by a moment.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn seen_events(
        &self,
        before: Option<&str>,
        now: Timestamp,
        limit: u16,
    ) -> Result<SeenPage, StoreError> {
        let limit = usize::from(limit.max(1));
        let place = before.map_or_else(|| format!("{:016}~", now.millis().max(0)), str::to_owned);
        let millis = place.get(..16).and_then(|digits| digits.parse().ok());
        let mut day = millis.map_or(now, Timestamp::from_millis);
        let oldest = now.minus(REMEMBERED).minus(DAY);
        let mut places: Vec<(String, AttributeValue)> = Vec::new();
        while places.len() < limit && day >= oldest {
            for part in 0..PARTS {
                places.extend(self.seen_places(day, part, &place, limit).await?);
            }
            day = day.minus(DAY);
        }
        // A day is read whole or up to the limit of each part, so what is first here is first of all.
        places.sort_by(|one, other| other.0.cmp(&one.0));
        let more = places.len() > limit || day >= oldest;
        places.truncate(limit);
        let next = places.last().map(|(place, _)| place.clone()).filter(|_| more);
        let mut events = self.seen_items(places.into_iter().map(|(_, pk)| pk).collect()).await?;
        events.retain(|event| event.expires_at > now);
        events.sort_by(|one, other| (other.handled_at, &other.event).cmp(&(one.handled_at, &one.event)));
        Ok(SeenPage { events, next })
    }

    /// Places in the index, and the keys of what is there.
    async fn seen_places(
        &self,
        day: Timestamp,
        part: u8,
        before: &str,
        limit: usize,
    ) -> Result<Vec<(String, AttributeValue)>, StoreError> {
        let operation = "list seen events";
        let page = self
            .db
            .query()
            .table_name(&self.tables.ephemeral)
            .index_name(schema::SEEN.name)
            .key_condition_expression("seen = :day AND handled < :before")
            .expression_attribute_values(":day", text(keys::seen_day(day, part)))
            .expression_attribute_values(":before", text(before))
            .scan_index_forward(false)
            .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(failed(operation))?;
        let place = |mut item: Item| {
            let place = item.remove(schema::SEEN.sort)?.as_s().ok()?.clone();
            Some((place, item.remove(schema::PARTITION)?))
        };
        Ok(page.items.unwrap_or_default().into_iter().filter_map(place).collect())
    }

    async fn seen_items(&self, pks: Vec<AttributeValue>) -> Result<Vec<SeenEvent>, StoreError> {
        let operation = "read seen events";
        let mut found = Vec::new();
        for some in pks.chunks(KEYS_A_BATCH) {
            let keys = some.iter().map(|pk| HashMap::from([(schema::PARTITION.to_owned(), pk.clone())]));
            let request = KeysAndAttributes::builder().set_keys(Some(keys.collect())).build();
            let mut open = Some(request.map_err(|why| StoreError::unreadable(operation, why))?);
            for _ in 0..2 {
                let Some(keys) = open.take() else { break };
                let asked = self.db.batch_get_item().request_items(&self.tables.ephemeral, keys).send().await;
                let answer = asked.map_err(failed(operation))?;
                for item in answer.responses.unwrap_or_default().into_values().flatten() {
                    found.push(decode(operation, item)?);
                }
                open = answer.unprocessed_keys.and_then(|mut keys| keys.remove(&self.tables.ephemeral));
            }
            if open.is_some() {
                return Err(StoreError::contention(operation));
            }
        }
        Ok(found)
    }

    pub(super) fn put_seen(
        &self,
        operation: &'static str,
        seen: &SeenEvent,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = seen.item(operation)?;
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

impl SeenEvent {
    /// With its place in the index, without a key.
    pub(super) fn item(&self, operation: &'static str) -> Result<Item, StoreError> {
        let part = sha256(self.event.as_str()).bytes().next().unwrap_or(0) % PARTS;
        let mut item: Item = encode(operation, self)?;
        item.insert(schema::SEEN.partition.into(), text(keys::seen_day(self.handled_at, part)));
        item.insert(schema::SEEN.sort.into(), text(keys::seen_at(self.handled_at, &self.event)));
        Ok(item)
    }
}
