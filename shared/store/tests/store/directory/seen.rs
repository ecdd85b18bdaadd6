//! What arrived, and what was done with it.

use std::time::Duration;

use domain::{EventId, Timestamp};
use store::{SeenEvent, Store};

use super::{acme, applier, at, event, origin, person, stamp, upsert};
use crate::support::{NOW, store, tenant};

fn unknown(n: u32, handled: Timestamp) -> SeenEvent {
    SeenEvent::other(event(n), "flag.created", "ignored", at(n), handled)
}

async fn listed(store: &Store, now: Timestamp, limit: u16) -> Vec<EventId> {
    let (mut ids, mut before) = (Vec::new(), None);
    loop {
        let page = store.seen_events(before.as_deref(), now, limit).await.unwrap();
        assert!(page.events.len() <= usize::from(limit));
        ids.extend(page.events.into_iter().map(|event| event.event));
        match page.next {
            Some(next) => before = Some(next),
            None => return ids,
        }
    }
}

/// R57: events are listed by the time at which they were handled, over days and whatever the size of a page.
#[tokio::test]
async fn events_are_listed_the_last_one_first() {
    let store = store().await;
    let hours = |n: u32| NOW.plus(Duration::from_secs(u64::from(n) * 3600));
    for n in 1..=60 {
        assert!(store.mark_event(&unknown(n, hours(n))).await.unwrap());
    }
    let expected: Vec<EventId> = (1..=60).rev().map(event).collect();
    for limit in [1, 7, 60, 200] {
        assert_eq!(listed(&store, hours(61), limit).await, expected, "{limit}");
    }
    assert_eq!(listed(&store, hours(30), 9).await, expected[30..], "nothing of the future");
    assert!(listed(&store, hours(24 * 20), 50).await.is_empty(), "forgotten after fourteen days");
}

/// R57: a failure is noted with its reason and its number, and does not count as handling.
#[tokio::test]
async fn failures_are_noted_beside_what_was_handled() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let failed = SeenEvent {
        reason: Some("directory_unknown".into()),
        ..SeenEvent::other(event(1), "dsync.user.created", "unresolved", at(1), at(2))
    };
    store.note_failure(&failed).await.unwrap();
    store.note_failure(&SeenEvent { handled_at: at(3), ..failed }).await.unwrap();
    assert_eq!(store.seen_event(&event(1), at(4)).await.unwrap(), None);
    assert_eq!(store.count_failure(&event(1), at(4)).await.unwrap(), 3);
    let created = upsert(person("ada", "ada@acme.com"));
    let report =
        applier(&store).apply_event(Some("dsync.user.created"), &origin(), &created, &stamp(1), at(5)).await;
    assert_eq!(report.unwrap().outcome.as_str(), "applied");
    let page = store.seen_events(None, at(9), 10).await.unwrap();
    let told: Vec<_> = page
        .events
        .iter()
        .map(|seen| (seen.outcome.as_str(), seen.reason.as_deref(), seen.failures, seen.handled_at))
        .collect();
    assert_eq!(
        told,
        [("applied", None, None, at(5)), ("unresolved", Some("directory_unknown"), Some(3), at(3))]
    );
    assert_eq!(page.events[0].kind.as_deref(), Some("dsync.user.created"));
    assert_eq!(page.events[0].organization, Some(acme()));
}
