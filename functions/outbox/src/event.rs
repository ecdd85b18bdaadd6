//! What wakes the outbox: records of the identity table's stream, or a schedule that says to sweep.
//!
//! Only keys and what a purge is told by are read of a record; whether a notice is owed, the table says. Anything
//! missing or of another form makes a record that means nothing, never an error: an error would be sent again for ever.
//! Source: DynamoDB API reference, "Record"; Lambda developer guide, "Batch item failures".

use domain::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Event {
    Stream {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    },
    /// `{"sweep": true}`.
    Sweep { sweep: bool },
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Record {
    #[serde(rename = "eventID")]
    pub event_id: String,
    pub event_name: String,
    pub user_identity: Option<UserIdentity>,
    pub dynamodb: Change,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserIdentity {
    pub principal_id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Change {
    pub keys: Keys,
    pub old_image: Option<Image>,
    pub sequence_number: String,
    /// Seconds since 1970, with or without a fraction.
    pub approximate_creation_date_time: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Keys {
    pub pk: Text,
    pub sk: Text,
}

/// A removed item, as far as a purge tells of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Image {
    pub organization: Text,
    pub id: Text,
}

/// `{"S": "text"}`; empty for every other type.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Text {
    #[serde(rename = "S")]
    pub text: String,
}

/// The sweep of what has expired is DynamoDB's own, and signs with this.
const SWEEPER: &str = "dynamodb.amazonaws.com";

impl Record {
    /// Whether an expired item was removed, and not by a person or a program.
    pub(crate) fn is_swept(&self) -> bool {
        self.event_name == "REMOVE"
            && self.user_identity.as_ref().is_some_and(|identity| identity.principal_id == SWEEPER)
    }

    pub(crate) fn is_inserted(&self) -> bool {
        self.event_name == "INSERT"
    }

    pub(crate) fn at(&self) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "a float saturates, and any moment will do")]
        Timestamp::from_millis((self.dynamodb.approximate_creation_date_time * 1000.0) as i64)
    }
}

/// Which records are to be sent again. After a sweep: none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    pub batch_item_failures: Vec<ItemFailure>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemFailure {
    pub item_identifier: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_records_mean_nothing() {
        let event: Event = serde_json::from_str(
            r#"{"Records": [{}, {"eventName": "INSERT", "dynamodb": {"Keys": {"pk": {"N": "1"}}}},
                {"eventName": "REMOVE", "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
                 "dynamodb": {"ApproximateCreationDateTime": 1764059400.25}}]}"#,
        )
        .unwrap();
        let Event::Stream { records } = event else { panic!("records are a stream's") };
        assert!(records[0].dynamodb.keys.pk.text.is_empty() && !records[0].is_swept());
        assert!(records[1].is_inserted() && records[1].dynamodb.keys.pk.text.is_empty());
        assert!(records[2].is_swept());
        assert_eq!(records[2].at(), Timestamp::from_millis(1_764_059_400_250));
    }

    #[test]
    fn a_schedule_says_to_sweep() {
        let event: Event = serde_json::from_str(r#"{"sweep": true}"#).unwrap();
        assert!(matches!(event, Event::Sweep { sweep: true }));
    }

    #[test]
    fn failures_are_named_as_lambda_reads_them() {
        let failed = Response { batch_item_failures: vec![ItemFailure { item_identifier: "7".into() }] };
        assert_eq!(
            serde_json::to_string(&failed).unwrap(),
            r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#
        );
    }
}
