//! What the app reads: one JSON object, the same at every try, so that whoever keeps it by its id keeps it once.

use serde::Serialize;
use serde_json::value::RawValue;
use store::OutboxNotice;

/// The body of the webhook, and the detail of the event on the bus.
#[derive(Debug, Serialize)]
struct Message<'a> {
    /// The `webhook-id` as well.
    id: &'a str,
    #[serde(rename = "type")]
    kind: &'a str,
    /// When it happened.
    timestamp: String,
    organization_id: &'a str,
    /// Whom or what it is about, and the number that grows with every message about them.
    subject: &'a str,
    order: u64,
    data: &'a RawValue,
}

/// The stored notice: `{"type": …, "data": {…}}`.
#[derive(serde::Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

/// # Errors
/// When the stored text is no notice.
pub(crate) fn body(notice: &OutboxNotice) -> Result<String, serde_json::Error> {
    let stored: Stored<'_> = serde_json::from_str(&notice.body)?;
    serde_json::to_string(&Message {
        id: &notice.id,
        kind: notice.kind.as_str(),
        timestamp: notice.occurred_at.rfc3339(),
        organization_id: notice.organization.as_str(),
        subject: &notice.subject,
        order: notice.order,
        data: stored.data,
    })
}
