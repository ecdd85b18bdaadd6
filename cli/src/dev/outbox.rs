//! What Lambda does with the identity table's stream, done here: records that the template's filters let through become
//! events for the outbox function, in batches, and a schedule tells it to sweep.
//!
//! The engine's own stream is read, so what is delivered is what was committed, with the sweep of what has expired.

use std::time::Duration;

use domain::{Clock, Timestamp};
use dynoxide::Database;
use dynoxide::actions::describe_stream::DescribeStreamRequest;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use serde_json::{Value, json};
use store::StoreError;
use tokio::sync::{Mutex, watch};

/// The function's own limit in the template.
const TIMEOUT: Duration = Duration::from_secs(60);
/// As in the template.
const BATCH: usize = 100;
/// How soon what was written is noticed.
const NOTICED: Duration = Duration::from_millis(250);
/// Ticks between two sweeps.
const SWEEP_EVERY: u32 = 40;

/// The outbox function behind its stream.
pub struct Outbox {
    deps: ::outbox::Deps,
    clock: Clock,
    patterns: Vec<Value>,
    stream: Mutex<Stream>,
}

/// Where in the stream we are.
struct Stream {
    engine: Database,
    iterator: Option<String>,
}

/// The stream cannot be read, or the function failed.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("the stream of the embedded database: {0}")]
    Stream(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Outbox {
    /// Begins at the end of the table's stream; what was owed before is found by a sweep.
    ///
    /// # Errors
    /// When the table has no stream.
    pub(super) fn new(
        deps: ::outbox::Deps,
        engine: Database,
        table: &str,
        patterns: Vec<Value>,
        clock: Clock,
    ) -> Result<Self, OutboxError> {
        let bad = |why: dynoxide::DynoxideError| OutboxError::Stream(why.to_string());
        let none = || OutboxError::Stream(format!("{table} has none"));
        let listed =
            ListStreamsRequest { table_name: Some(table.to_owned()), ..ListStreamsRequest::default() };
        let stream = engine.list_streams(listed).map_err(bad)?.streams.into_iter().next().ok_or_else(none)?;
        let described = DescribeStreamRequest {
            stream_arn: stream.stream_arn.clone(),
            ..DescribeStreamRequest::default()
        };
        let shards = engine.describe_stream(described).map_err(bad)?.stream_description.shards;
        let shard = shards.into_iter().next_back().ok_or_else(none)?;
        let iterator = engine
            .get_shard_iterator(GetShardIteratorRequest {
                stream_arn: stream.stream_arn,
                shard_id: shard.shard_id,
                shard_iterator_type: "LATEST".to_owned(),
                sequence_number: None,
            })
            .map_err(bad)?
            .shard_iterator;
        Ok(Self { deps, clock, patterns, stream: Mutex::new(Stream { engine, iterator }) })
    }

    /// Hands everything to the function that was written since the last time. Gives how many records that were.
    ///
    /// # Errors
    /// When the stream cannot be read.
    pub async fn deliver(&self) -> Result<usize, OutboxError> {
        let mut stream = self.stream.lock().await;
        let mut handed = 0;
        loop {
            let records = stream.next().await?;
            let read = records.len();
            let wanted: Vec<Value> = records
                .into_iter()
                .filter(|record| self.patterns.iter().any(|pattern| matches(pattern, record)))
                .collect();
            if !wanted.is_empty() {
                handed += wanted.len();
                self.invoke(json!({ "Records": wanted })).await?;
            }
            if read < BATCH {
                return Ok(handed);
            }
        }
    }

    /// What the schedule does.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn sweep(&self) -> Result<(), OutboxError> {
        self.invoke(json!({ "sweep": true })).await
    }

    async fn invoke(&self, event: Value) -> Result<(), OutboxError> {
        let event = serde_json::from_value(event).map_err(|why| OutboxError::Stream(why.to_string()))?;
        let ends: Timestamp = self.clock.now().plus(TIMEOUT);
        let answer = Box::pin(::outbox::handle(&self.deps, event, ends)).await?;
        for failure in answer.batch_item_failures {
            // Lambda would hand it over again; here the next sweep finds what is owed.
            tracing::warn!(record = failure.item_identifier, "a record of the stream was not handled");
        }
        Ok(())
    }

    /// Goes on until told to stop.
    pub(super) async fn run(&self, mut stop: watch::Receiver<bool>) {
        let mut tick = tokio::time::interval(NOTICED);
        for n in 0_u32.. {
            tokio::select! {
                _ = tick.tick() => {}
                _ = stop.changed() => return,
            }
            let swept = if n.is_multiple_of(SWEEP_EVERY) { self.sweep().await } else { Ok(()) };
            if let Err(why) = swept.and(self.deliver().await.map(drop)) {
                tracing::warn!("the outbox: {why}");
            }
        }
    }
}

impl Stream {
    /// The next records, as Lambda hands them over.
    async fn next(&mut self) -> Result<Vec<Value>, OutboxError> {
        let Some(iterator) = self.iterator.clone() else { return Ok(Vec::new()) };
        let engine = self.engine.clone();
        let request = GetRecordsRequest { shard_iterator: iterator, limit: Some(BATCH) };
        let read = tokio::task::spawn_blocking(move || engine.get_records(request)).await;
        let page = read
            .map_err(|why| OutboxError::Stream(why.to_string()))?
            .map_err(|why| OutboxError::Stream(why.to_string()))?;
        self.iterator = page.next_shard_iterator;
        let records = page.records.iter().map(serde_json::to_value).collect::<Result<Vec<_>, _>>();
        records.map_err(|why| OutboxError::Stream(why.to_string()))
    }
}

/// Lambda's filter, as far as the template uses it: an object narrows, a list names the values that count.
fn matches(pattern: &Value, record: &Value) -> bool {
    match pattern {
        Value::Object(wanted) => {
            wanted.iter().all(|(name, pattern)| record.get(name).is_some_and(|value| matches(pattern, value)))
        }
        Value::Array(values) => values.contains(record),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::template::{TEMPLATE, Template};

    /// Only notices and people who were swept away wake the function.
    #[test]
    fn the_templates_filters_let_through_what_matters() {
        let patterns = Template::parse(TEMPLATE).unwrap().stream_patterns().unwrap();
        let woken = |record: Value| patterns.iter().any(|pattern| matches(pattern, &record));
        let record = |event: &str, sk: &str| json!({"eventName": event, "dynamodb": {"Keys": {"pk": {"S": "O#org_1"}, "sk": {"S": sk}}}});
        assert!(woken(record("INSERT", "NOTICE")));
        for other in [record("MODIFY", "NOTICE"), record("INSERT", "META"), record("REMOVE", "META")] {
            assert!(!woken(other.clone()), "{other}");
        }
        let swept = |principal: &str, status: &str| {
            json!({"eventName": "REMOVE", "userIdentity": {"type": "Service", "principalId": principal},
                "dynamodb": {"Keys": {"sk": {"S": "META"}}, "OldImage": {"status": {"S": status}}}})
        };
        assert!(woken(swept("dynamodb.amazonaws.com", "inactive")));
        assert!(!woken(swept("dynamodb.amazonaws.com", "active")));
        assert!(!woken(swept("somebody", "inactive")));
    }
}
