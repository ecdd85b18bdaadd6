//! `GET /events`: what a product catches up from when a webhook did not come.
//!
//! As the real one answers, not only as it is documented: oldest first whatever `order` says (a setting obeys it), a
//! null cursor at the end, nothing older than 90 days and no range longer than 30.

use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Event;
use crate::errors::ApiError;
use crate::guard::ApiKey;
use crate::state::Sandbox;

const DAY: Duration = Duration::from_secs(86_400);
const RETENTION: Duration = DAY.saturating_mul(90);
const LONGEST_RANGE: Duration = DAY.saturating_mul(30);
const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

/// Families of which every name is known here; a typing error in one of them must not look like silence.
const KNOWN: [&str; 26] = [
    "dsync.activated",
    "dsync.deactivated",
    "dsync.deleted",
    "dsync.token.created",
    "dsync.token.revoked",
    "dsync.user.created",
    "dsync.user.updated",
    "dsync.user.deleted",
    "dsync.group.created",
    "dsync.group.updated",
    "dsync.group.deleted",
    "dsync.group.user_added",
    "dsync.group.user_removed",
    "connection.activated",
    "connection.deactivated",
    "connection.deleted",
    "connection.saml_certificate_renewal_required",
    "connection.saml_certificate_renewed",
    "organization.created",
    "organization.updated",
    "organization.deleted",
    "organization_domain.created",
    "organization_domain.updated",
    "organization_domain.deleted",
    "organization_domain.verified",
    "organization_domain.verification_failed",
];

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new().route("/events", get(list))
}

#[derive(Debug, Default)]
struct Wanted {
    events: Vec<String>,
    organization: Option<String>,
    after: Option<String>,
    before: Option<String>,
    limit: Option<String>,
    order: Option<String>,
    range_start: Option<String>,
    range_end: Option<String>,
}

fn invalid(field: &'static str) -> ApiError {
    ApiError::Unprocessable { field, code: "invalid" }
}

/// Of another family, a name is whatever looks like one: WorkOS has more than a hundred.
fn is_event_name(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or("");
    match family {
        "dsync" | "connection" | "organization" | "organization_domain" => KNOWN.contains(&name),
        _ => {
            name.contains('.') && name.bytes().all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte))
        }
    }
}

impl Wanted {
    fn read(query: &str) -> Result<Self, ApiError> {
        let mut wanted = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "events" | "events[]" => wanted.events.extend(value.split(',').map(str::to_owned)),
                "organization_id" => wanted.organization = Some(value),
                "after" => wanted.after = Some(value),
                "before" => wanted.before = Some(value),
                "limit" => wanted.limit = Some(value),
                "order" => wanted.order = Some(value),
                "range_start" => wanted.range_start = Some(value),
                "range_end" => wanted.range_end = Some(value),
                // WorkOS adds parameters; a client that knows more than we do is no error.
                _ => {}
            }
        }
        if wanted.events.iter().any(|name| !is_event_name(name)) {
            return Err(invalid("events"));
        }
        if wanted.after.is_some() && wanted.range_start.is_some() {
            return Err(ApiError::Unprocessable { field: "after", code: "conflicts_with_range_start" });
        }
        if wanted.after.is_some() && wanted.before.is_some() {
            return Err(ApiError::Unprocessable { field: "before", code: "conflicts_with_after" });
        }
        Ok(wanted)
    }

    fn limit(&self) -> Result<usize, ApiError> {
        let Some(text) = &self.limit else { return Ok(DEFAULT_LIMIT) };
        text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)).ok_or_else(|| invalid("limit"))
    }

    /// Whether the newest come first, were `order` obeyed.
    fn descending(&self) -> Result<bool, ApiError> {
        match self.order.as_deref() {
            None | Some("desc") => Ok(true),
            Some("asc" | "normal") => Ok(false),
            Some(_) => Err(invalid("order")),
        }
    }

    /// From when until when, both included. One end alone means the longest range on its other side.
    fn range(&self, now: Timestamp) -> Result<(Timestamp, Timestamp), ApiError> {
        let read = |field: &'static str, text: &Option<String>| {
            text.as_deref()
                .map(|text| Timestamp::parse_rfc3339(text).ok_or_else(|| invalid(field)))
                .transpose()
        };
        let (start, end) = (read("range_start", &self.range_start)?, read("range_end", &self.range_end)?);
        let open = (now.minus(RETENTION), Timestamp::from_millis(i64::MAX));
        let (start, end) = match (start, end) {
            (Some(start), Some(end)) if end < start => return Err(invalid("range_end")),
            (Some(start), Some(end)) if end.since(start) > LONGEST_RANGE => {
                return Err(ApiError::Unprocessable { field: "range_end", code: "range_too_long" });
            }
            (Some(start), Some(end)) => (start, end),
            (Some(start), None) => (start, start.plus(LONGEST_RANGE)),
            (None, Some(end)) if self.after.is_none() => (end.minus(LONGEST_RANGE), end),
            (None, Some(end)) => (open.0, end),
            (None, None) if self.after.is_some() || self.before.is_some() => open,
            (None, None) => (now.minus(LONGEST_RANGE), open.1),
        };
        Ok((start.max(open.0), end))
    }
}

async fn list(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    let wanted = Wanted::read(query.as_deref().unwrap_or(""))?;
    let (limit, descending) = (wanted.limit()?, wanted.descending()?);
    let now = sandbox.now();
    let (start, end) = wanted.range(now)?;
    let state = sandbox.state();
    let journal = &state.journal;
    // A cursor is an event that can still be told; anything else is refused, and the client begins anew by time.
    let cursor = |id: &Option<String>| match id {
        None => Ok(None),
        Some(id) => {
            let known = journal.number(id).and_then(|number| journal.get(number));
            let alive = known.filter(|event| event.created_at >= now.minus(RETENTION));
            alive.map(|event| Some(event.number)).ok_or(ApiError::Invalid("The cursor is not valid."))
        }
    };
    let (after, before) = (cursor(&wanted.after)?, cursor(&wanted.before)?);
    let shown = |event: &&Event| {
        (wanted.events.is_empty() || wanted.events.contains(&event.kind))
            && wanted.organization.as_deref().is_none_or(|id| {
                event.organization.as_ref().is_some_and(|organization| organization.as_str() == id)
            })
            && (start..=end).contains(&event.created_at)
    };
    let newest_first = state.settings.events_obey_order && descending;
    let (found, more) = match (before, newest_first) {
        (None, false) => {
            let mut found: Vec<&Event> = journal.after_number(after).filter(shown).take(limit + 1).collect();
            let more = found.len() > limit;
            found.truncate(limit);
            (found, more)
        }
        _ => {
            let found: Vec<&Event> = journal.iter().filter(shown).collect();
            around(found, newest_first, after, before, limit)
        }
    };
    let next = found.last().filter(|_| more).map(|event| event.id.clone());
    let data: Vec<Value> = found.iter().filter_map(|event| serde_json::from_str(&event.body).ok()).collect();
    Ok(Json(json!({ "object": "list", "data": data, "list_metadata": { "after": next } })))
}

/// The page that a cursor means where the whole list has to be looked at, and whether something comes after it.
fn around(
    mut found: Vec<&Event>,
    newest_first: bool,
    after: Option<u64>,
    before: Option<u64>,
    limit: usize,
) -> (Vec<&Event>, bool) {
    if newest_first {
        found.reverse();
    }
    let beyond = |event: &Event, cursor: u64| {
        if newest_first { event.number < cursor } else { event.number > cursor }
    };
    if let Some(cursor) = after {
        found.retain(|event| beyond(event, cursor));
    }
    if let Some(cursor) = before {
        found.retain(|event| event.number != cursor && !beyond(event, cursor));
        found.drain(..found.len().saturating_sub(limit));
    }
    let more = found.len() > limit || (before.is_some() && !found.is_empty());
    found.truncate(limit);
    (found, more)
}
