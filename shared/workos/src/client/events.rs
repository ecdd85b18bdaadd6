//! `GET /events`: what happened, oldest first. The way back to what a webhook missed.
//!
//! The live API is known to ignore `order` and always answers oldest first, while its description says that newest first
//! is the default: ascending order is asked for, and each page is sorted all the same. `after` and `range_start` exclude
//! each other; at the end `list_metadata.after` is null, so a reader keeps the id of the last event it has handled and
//! never what the list says.

use domain::{EventId, OrganizationId, Timestamp};
use net::Deadline;
use serde::Deserialize;
use serde_json::Value;

use super::{Client, ListMetadata, read};
use crate::credentials::ApiKey;
use crate::error::Error;
use crate::event::{Event, InvalidEvent};
use crate::lenient;

/// The most events of one page.
const MOST: u8 = 100;

/// What to read.
#[derive(Debug, Clone)]
pub struct EventsQuery<'a> {
    /// Types of events: the API wants them named. [`crate::EventKind::listed`] are those that mean something here.
    pub types: &'a [&'a str],
    pub from: EventsFrom,
    /// End of the window. The API takes 30 days at most.
    pub until: Option<Timestamp>,
    pub organization: Option<&'a OrganizationId>,
    /// 1 to 100.
    pub limit: u8,
}

/// Where to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventsFrom {
    /// Behind this event. A rejection with status 400, 404 or 422 means that WorkOS does not know it any more.
    After(EventId),
    Since(Timestamp),
}

/// A page of events, oldest first.
#[derive(Debug, Clone)]
pub struct EventPage {
    pub events: Vec<Event>,
    /// Entries without a readable envelope, and what each lacks. They have no id to be remembered by.
    pub invalid: Vec<InvalidEvent>,
    /// Whether there is more: then the last event's id leads on.
    pub more: bool,
}

#[derive(Deserialize)]
struct Answer {
    /// Required: an answer without it must not pass for "nothing happened".
    data: Vec<Value>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    list_metadata: ListMetadata,
}

impl Client {
    /// `GET /events`: one page.
    ///
    /// # Errors
    /// As every call.
    pub async fn events(
        &self,
        key: &ApiKey,
        query: &EventsQuery<'_>,
        deadline: Deadline,
    ) -> Result<EventPage, Error> {
        let mut url = self.base.join(&["events"]);
        {
            let mut pairs = url.query_pairs_mut();
            pairs
                .append_pair("order", "asc")
                .append_pair("limit", &query.limit.clamp(1, MOST).to_string())
                .append_pair("events", &query.types.join(","));
            match &query.from {
                EventsFrom::After(event) => pairs.append_pair("after", event.as_str()),
                EventsFrom::Since(at) => pairs.append_pair("range_start", &at.rfc3339()),
            };
            if let Some(until) = query.until {
                pairs.append_pair("range_end", &until.rfc3339());
            }
            if let Some(organization) = query.organization {
                pairs.append_pair("organization_id", organization.as_str());
            }
        }
        let accept = |answer: Answer| {
            let more = answer.list_metadata.after.is_some() && !answer.data.is_empty();
            let mut page =
                EventPage { events: Vec::with_capacity(answer.data.len()), invalid: Vec::new(), more };
            for entry in answer.data {
                match Event::from_value(entry) {
                    Ok(event) => page.events.push(event),
                    Err(why) => page.invalid.push(why),
                }
            }
            page.events.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
            Ok(page)
        };
        self.transport.call(&read("events", url, key.expose()), deadline, accept).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::{key, scripted, soon};
    use crate::fake::ok;
    use serde_json::json;

    fn event(id: &str, at: &str) -> Value {
        json!({"object": "event", "id": id, "event": "dsync.user.created", "created_at": at, "data": {}})
    }

    #[tokio::test]
    async fn a_page_is_sorted_and_says_whether_there_is_more() {
        let (fake, client) = scripted([
            ok(json!({"object": "list", "list_metadata": {"after": "event_2"}, "data": [
                event("event_3", "2026-11-25T08:30:00.002Z"),
                event("event_2", "2026-11-25T08:30:00.001Z"),
                event("event_1", "2026-11-25T08:30:00.001Z"),
                {"object": "event", "event": "dsync.user.created"},
            ]})),
            ok(json!({"data": [], "list_metadata": {"after": null}})),
        ])
        .await;
        let since = Timestamp::parse_rfc3339("2026-11-25T08:00:00Z").unwrap();
        let mut query = EventsQuery {
            types: &["dsync.user.created", "dsync.deleted"],
            from: EventsFrom::Since(since),
            until: Some(since),
            organization: None,
            limit: 200,
        };
        let page = client.events(&key(), &query, soon()).await.unwrap();
        let ids: Vec<&str> = page.events.iter().map(|event| event.id.as_str()).collect();
        assert_eq!(ids, ["event_1", "event_2", "event_3"]);
        assert_eq!((page.invalid, page.more), (vec![InvalidEvent::NoId], true));
        query.from = EventsFrom::After(EventId::parse("event_3").unwrap());
        query.until = None;
        let page = client.events(&key(), &query, soon()).await.unwrap();
        assert!(page.events.is_empty() && !page.more);
        let targets: Vec<String> = fake.requests().into_iter().map(|request| request.target).collect();
        let types = "order=asc&limit=100&events=dsync.user.created%2Cdsync.deleted";
        assert_eq!(
            targets,
            [
                format!(
                    "/events?{types}&range_start=2026-11-25T08%3A00%3A00Z&range_end=2026-11-25T08%3A00%3A00Z"
                ),
                format!("/events?{types}&after=event_3"),
            ]
        );
    }

    /// A reader that took one of these for "there is more" would ask for ever.
    #[tokio::test]
    async fn there_is_more_only_behind_an_event_and_where_the_list_says_so() {
        let last = event("event_1", "2026-11-25T08:30:00Z");
        let (_fake, client) = scripted([
            ok(json!({"data": [last], "list_metadata": {"after": null}})),
            ok(json!({"data": [], "list_metadata": {"after": "event_1"}})),
            ok(json!({"data": [last], "list_metadata": {"after": "event_1"}})),
        ])
        .await;
        let query = EventsQuery {
            types: &["dsync.deleted"],
            from: EventsFrom::Since(Timestamp::from_seconds(0)),
            until: None,
            organization: None,
            limit: 10,
        };
        for more in [false, false, true] {
            assert_eq!(client.events(&key(), &query, soon()).await.unwrap().more, more);
        }
    }

    #[tokio::test]
    async fn an_answer_without_data_is_no_empty_page() {
        let (_fake, client) = scripted([ok(json!({"list_metadata": {}}))]).await;
        let query = EventsQuery {
            types: &["dsync.deleted"],
            from: EventsFrom::Since(Timestamp::from_seconds(0)),
            until: None,
            organization: None,
            limit: 10,
        };
        let error = client.events(&key(), &query, soon()).await.unwrap_err();
        assert_eq!(error.kind, crate::Kind::Malformed);
    }
}
