//! What arrived: one line per request, for the log page and for tests that count calls.
//!
//! Written on arrival and completed with the answer, so a request that the client gave up on is there too. Query
//! values are kept only where they are no secret; bodies and headers never. The sandbox's own pages are left out.

use std::collections::VecDeque;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use domain::Timestamp;
use http::{HeaderName, HeaderValue};
use serde::{Serialize, Serializer};
use url::form_urlencoded;

use crate::faults::Cut;
use crate::state::Sandbox;

const CAPACITY: usize = 1000;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Query parameters whose values tell something and unlock nothing.
const SHOWN: [&str; 23] = [
    "after",
    "before",
    "client_id",
    "code_challenge_method",
    "connection",
    "connection_type",
    "directory",
    "domain",
    "domains",
    "events",
    "group",
    "limit",
    "order",
    "organization",
    "organization_id",
    "prompt",
    "provider",
    "range_end",
    "range_start",
    "redirect_uri",
    "response_type",
    "search",
    "user",
];

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names and harmless values: `connection=conn_…&state=…`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) query: String,
    /// `None` while the answer is pending, and for good when the connection was cut or the client left.
    pub(crate) status: Option<u16>,
    #[serde(serialize_with = "rfc3339")]
    pub(crate) at: Timestamp,
    pub(crate) request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) faults: Vec<&'static str>,
}

fn rfc3339<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

/// Which entry a request is, for those who have more to say about it.
#[derive(Clone)]
pub(crate) struct Arrival(String);

#[derive(Default)]
pub(crate) struct Log(VecDeque<Entry>);

impl Log {
    fn push(&mut self, entry: Entry) {
        if self.0.len() >= CAPACITY {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        self.0.iter_mut().rev().find(|entry| entry.request_id == id)
    }

    pub(crate) fn spoiled(&mut self, arrival: &Arrival, faults: Vec<&'static str>) {
        if let Some(entry) = self.entry(&arrival.0) {
            entry.faults = faults;
        }
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Oldest first.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.0.iter()
    }
}

fn harmless(query: &str) -> String {
    let shown = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
        let value = if SHOWN.contains(&&*name) { value } else { "…".into() };
        format!("{name}={value}")
    };
    form_urlencoded::parse(query.as_bytes()).map(shown).collect::<Vec<_>>().join("&")
}

/// Gives every answer its `x-request-id`, and writes down what came and what went.
pub(crate) async fn record(State(sandbox): State<Sandbox>, mut request: Request, next: Next) -> Response {
    let id = format!("req_{}", sandbox.ulid().unwrap_or_else(|_| "UNAVAILABLE".to_owned()));
    let path = request.uri().path();
    if path != "/" && !path.starts_with("/_sandbox") {
        sandbox.state().log.push(Entry {
            method: request.method().to_string(),
            path: path.to_owned(),
            query: harmless(request.uri().query().unwrap_or("")),
            status: None,
            at: sandbox.now(),
            request_id: id.clone(),
            faults: vec![],
        });
    }
    request.extensions_mut().insert(Arrival(id.clone()));
    let mut response = next.run(request).await;
    if response.extensions().get::<Cut>().is_none()
        && let Some(entry) = sandbox.state().log.entry(&id)
    {
        entry.status = Some(response.status().as_u16());
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}
