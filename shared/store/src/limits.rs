//! Rate limits: counters per key and minute, shared through the ephemeral table.
//!
//! A limit must never stand in the way of the people it protects, so a counter that cannot be written lets the
//! request pass (and says so). An instance remembers which keys are over until the minute ends: the request that
//! finds out still passes, the next ones are refused without any I/O. Large counters are sharded, because one
//! DynamoDB item takes about a thousand writes a second.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;
use domain::Timestamp;

use crate::Store;
use crate::error::{Cause, StoreError, failed};
use crate::item::number;
use crate::{keys, schema};

/// How many keys one instance remembers within a minute; beyond, it forgets all and starts again.
const REMEMBERED_KEYS: usize = 10_000;
const MINUTE: i64 = 60;

/// One kind of thing that is limited.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Name in keys, logs and metrics.
    pub name: &'static str,
    pub per_minute: u64,
    /// Number of items the counter is spread over; each then carries its part of the limit.
    pub shards: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Within,
    /// Over the limit; ask again after this long.
    Over {
        retry_after: Duration,
    },
    /// The counter could not be written: let pass, and count that.
    Uncounted,
}

/// Counts requests against limits. Clones share their memory.
#[derive(Clone, Debug)]
pub struct Limiter {
    store: Store,
    here: Arc<Mutex<Here>>,
}

#[derive(Debug, Default)]
struct Here {
    minute: i64,
    counts: HashMap<(&'static str, String), u64>,
}

impl Limiter {
    pub fn new(store: Store) -> Self {
        Self { store, here: Arc::default() }
    }

    /// Whether this instance already knows that the key is over. No I/O.
    pub fn known_over(&self, limit: &Limit, key: &str, now: Timestamp) -> Option<Verdict> {
        let count = self.remember(limit, key, now, |count| count);
        (count > limit.per_minute).then(|| over(now))
    }

    /// Counts in this instance alone. No I/O: for requests that are refused before any.
    pub fn count_here(&self, limit: &Limit, key: &str, now: Timestamp) -> Verdict {
        let count = self.remember(limit, key, now, |count| count.saturating_add(1));
        if count > limit.per_minute { over(now) } else { Verdict::Within }
    }

    /// Counts in the shared table. One round trip.
    pub async fn count(&self, limit: &Limit, key: &str, now: Timestamp) -> Verdict {
        let per_shard = limit.per_minute.div_ceil(u64::from(limit.shards.max(1)));
        match self.store.add_to_counter(limit, key, now).await {
            Ok(count) if count > per_shard => {
                self.remember(limit, key, now, |_| limit.per_minute.saturating_add(1));
                over(now)
            }
            Ok(_) => Verdict::Within,
            Err(error) => {
                tracing::warn!(limit.name = limit.name, error = %error, "rate limit not counted: {error}");
                Verdict::Uncounted
            }
        }
    }

    fn remember(&self, limit: &Limit, key: &str, now: Timestamp, change: impl Fn(u64) -> u64) -> u64 {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = now.seconds().div_euclid(MINUTE);
        if here.minute != minute || here.counts.len() > REMEMBERED_KEYS {
            *here = Here { minute, counts: HashMap::new() };
        }
        let entry = (limit.name, key.to_owned());
        let count = change(here.counts.get(&entry).copied().unwrap_or(0));
        if count > 0 {
            here.counts.insert(entry, count);
        }
        count
    }
}

fn over(now: Timestamp) -> Verdict {
    let left = MINUTE - now.seconds().rem_euclid(MINUTE);
    Verdict::Over { retry_after: Duration::from_secs(u64::try_from(left).unwrap_or(60)) }
}

impl Store {
    async fn add_to_counter(&self, limit: &Limit, key: &str, now: Timestamp) -> Result<u64, StoreError> {
        let operation = "count";
        let [random] = self.rng.bytes::<1>().map_err(|_| StoreError { operation, cause: Cause::Random })?;
        let shard = random % limit.shards.max(1);
        let minute = now.seconds().div_euclid(MINUTE);
        let answer = self
            .db
            .update_item()
            .table_name(&self.tables.ephemeral)
            .key(schema::PARTITION, keys::counter(limit.name, key, shard, minute))
            .update_expression("ADD n :one SET expires_at = :expires, v = :version")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":expires", number(now.seconds() + 3 * MINUTE))
            .expression_attribute_values(":version", number(1))
            .return_values(ReturnValue::UpdatedNew)
            .send()
            .await
            .map_err(failed(operation))?;
        answer
            .attributes
            .and_then(|mut item| item.remove("n"))
            .and_then(|n| n.as_n().ok().and_then(|n| n.parse().ok()))
            .ok_or_else(|| StoreError::unreadable(operation, "the counter has no number"))
    }
}
