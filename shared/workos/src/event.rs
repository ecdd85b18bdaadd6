//! Events: what WorkOS tells of what happened, in a webhook's body and in the Events API alike.
//!
//! Reading takes two steps. [`Event::parse`] takes the envelope, without which nothing can even be remembered. Then
//! [`Event::read`] says what the event means here; data that cannot be read is the event's own failure, recorded with a
//! reason, and never an absent value: an organization that is malformed must not become "no organization". New fields,
//! states and event types appear without notice and are no failures.
//!
//! Source: WorkOS API reference, "Events" and "Directory Sync".

mod data;
mod kind;
mod legacy;

use std::fmt;

use domain::directory::{ChangeStamp, DirectoryChange, Origin};
use domain::{EventId, OrganizationId, TenantChange, Timestamp};
use serde_json::{Map, Value};

pub use data::CertificateDue;
pub(crate) use data::{DirectoryData, GroupData, UserData};
pub use kind::EventKind;
pub use legacy::{is_legacy, legacy_event};

/// One event. Its data is personal and is in no `Debug` output.
#[derive(Clone, PartialEq)]
pub struct Event {
    pub id: EventId,
    pub kind: EventKind,
    pub created_at: Timestamp,
    /// The client id of the environment that it came from, where it says so.
    pub client_id: Option<String>,
    data: Map<String, Value>,
}

/// What an event means here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A directory, or something in it, changed.
    Directory { origin: Origin, change: DirectoryChange },
    /// An organization changed.
    Tenant { organization: OrganizationId, change: TenantChange },
    /// A certificate of a connection runs out.
    Certificate(CertificateDue),
    /// Known, and nothing follows from it here.
    Nothing,
    /// Of a type that this version does not know.
    Unknown,
}

/// The text is no event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEvent {
    #[error("it is no JSON object")]
    NotJson,
    #[error("it has no event id")]
    NoId,
    #[error("it has no event type")]
    NoType,
    #[error("it does not say when it happened")]
    NoTime,
    #[error("it has no data")]
    NoData,
}

/// Why an event's data cannot be read: a stable word, never a part of the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub(crate) &'static str);

impl Unreadable {
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl Event {
    /// Reads the body of a webhook.
    ///
    /// # Errors
    /// When the envelope is not one. Such a text has no id under which it could be remembered.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidEvent> {
        let value = serde_json::from_slice(body).map_err(|_| InvalidEvent::NotJson)?;
        Self::from_value(value)
    }

    /// Reads an entry of the Events API.
    ///
    /// # Errors
    /// As [`Event::parse`].
    pub fn from_value(value: Value) -> Result<Self, InvalidEvent> {
        let Value::Object(mut event) = value else { return Err(InvalidEvent::NotJson) };
        let text = |name: &str| event.get(name).and_then(Value::as_str);
        let id = text("id").and_then(|id| EventId::parse(id).ok()).ok_or(InvalidEvent::NoId)?;
        let kind = text("event").and_then(EventKind::parse).ok_or(InvalidEvent::NoType)?;
        let created_at = text("created_at").and_then(Timestamp::parse_rfc3339).ok_or(InvalidEvent::NoTime)?;
        let client_id = event.get("context").and_then(|context| context.get("client_id"));
        let client_id = client_id.and_then(Value::as_str).map(str::to_owned);
        let Some(Value::Object(data)) = event.remove("data") else { return Err(InvalidEvent::NoData) };
        Ok(Self { id, kind, created_at, client_id, data })
    }

    /// What puts the change in order with others.
    pub fn stamp(&self) -> ChangeStamp {
        ChangeStamp::Clocked { at: self.created_at, event: self.id.clone() }
    }

    /// What it means here.
    ///
    /// # Errors
    /// When its type is known and its data cannot be read.
    pub fn read(&self) -> Result<Message, Unreadable> {
        data::read(&self.kind, &self.data)
    }
}

/// No data: it is about people.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
