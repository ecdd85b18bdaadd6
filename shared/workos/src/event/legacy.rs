//! The envelope `{"operation": "create" | "replace" | "delete", "data": {…}}`, which some integrations of long ago post
//! to `/scim/v2/Users`. WorkOS does not send it. Deprecated: it is taken only with WorkOS's own signature, and becomes
//! the same event as a webhook's.
//!
//! `data` (or `user`) is a directory user as in `dsync.user.created`. It has no event id, so the id is made of the body:
//! the same body twice is one event.

use domain::{EventId, Timestamp, sha256};
use serde_json::{Map, Value};

use super::{Event, EventKind, InvalidEvent};

/// Whether a body is of this form.
pub fn is_legacy(body: &[u8]) -> bool {
    let parsed: Option<Map<String, Value>> = serde_json::from_slice(body).ok();
    parsed.is_some_and(|object| object.contains_key("operation") && !object.contains_key("event"))
}

/// The event that the body stands for. Without a moment of its own it happened when it was signed.
///
/// # Errors
/// When the operation is none of the three, or there is no directory user.
pub fn legacy_event(body: &[u8], signed_at: Timestamp) -> Result<Event, InvalidEvent> {
    let mut object: Map<String, Value> = serde_json::from_slice(body).map_err(|_| InvalidEvent::NotJson)?;
    let kind = match object.get("operation").and_then(Value::as_str) {
        Some("create") => EventKind::UserCreated,
        Some("replace") => EventKind::UserUpdated,
        Some("delete") => EventKind::UserDeleted,
        _ => return Err(InvalidEvent::NoType),
    };
    let data = object.remove("data").or_else(|| object.remove("user"));
    let Some(Value::Object(data)) = data else { return Err(InvalidEvent::NoData) };
    let time = |value: Option<&Value>| value.and_then(Value::as_str).and_then(Timestamp::parse_rfc3339);
    let created_at = time(object.get("created_at")).or_else(|| time(data.get("updated_at")));
    let id = format!("{}legacy_{}", EventId::PREFIX, sha256(&String::from_utf8_lossy(body)));
    let id = EventId::parse(&id).map_err(|_| InvalidEvent::NoId)?;
    Ok(Event { id, kind, created_at: created_at.unwrap_or(signed_at), client_id: None, data })
}
