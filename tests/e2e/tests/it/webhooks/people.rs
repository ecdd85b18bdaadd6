//! What directories say, told apart and remembered.

use domain::EventId;
use e2e::dsync::{ACME, DIRECTORY, directory, group, person, with};
use e2e::{Stack, at};
use serde_json::{Value, json};

/// The record of what was done with an event.
async fn seen(stack: &Stack, id: &str) -> Option<(String, Option<String>)> {
    let id = EventId::parse(&format!("event_{id}")).unwrap();
    let seen = stack.running.store.seen_event(&id, stack.clock.now()).await.unwrap()?;
    Some((seen.outcome, seen.reason))
}

pub(super) fn counted(stack: &Stack, outcome: &str, kind: &str) -> usize {
    let lines = stack.metrics.lines();
    let parsed = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    parsed.filter(|line| line["scim_sync"] == 1 && line["outcome"] == outcome && line["type"] == kind).count()
}

async fn actions(stack: &Stack) -> Vec<String> {
    stack.audit().await.iter().map(|item| item.text("action").to_owned()).collect()
}

/// R53, R54: applied, duplicate, stale and unchanged are told apart, counted and remembered.
#[tokio::test]
async fn outcomes_are_told_apart() {
    let stack = Stack::start().await;
    let old = stack.event("01", "dsync.user.updated", person("ADA1", "old@acme.com"));
    stack.advance(1);
    let new = stack.event("02", "dsync.user.updated", person("ADA1", "ada@acme.com"));
    stack.advance(1);
    let same = stack.event("03", "dsync.user.updated", person("ADA1", "ada@acme.com"));
    for (event, outcome) in [(&new, "applied"), (&new, "duplicate"), (&old, "stale"), (&same, "no_change")] {
        assert_eq!(stack.delivered(event).await, outcome);
        assert_eq!(counted(&stack, outcome, "dsync.user.updated"), 1, "{outcome}");
    }
    for (id, outcome) in [("01", "stale"), ("02", "applied"), ("03", "no_change")] {
        assert_eq!(seen(&stack, id).await, Some((outcome.to_owned(), None)));
    }
    let listed =
        stack.running.store.seen_events(None, stack.clock.now().plus(std::time::Duration::from_secs(1)), 10);
    let kinds: Vec<_> = listed.await.unwrap().events.into_iter().filter_map(|event| event.kind).collect();
    assert_eq!(kinds, ["dsync.user.updated"; 3]);
}

/// Groups and memberships, in an order that makes no sense.
#[tokio::test]
async fn memberships_may_come_before_everything() {
    let stack = Stack::start().await;
    let edge = json!({"directory_id": DIRECTORY, "user": person("ADA1", "ada@acme.com"), "group": group("ENG", "Engineers")});
    assert_eq!(stack.delivered(&stack.event("01", "dsync.group.user_added", edge.clone())).await, "applied");
    assert_eq!(stack.users().await.len(), 0, "a part of a record makes no person");
    for (n, (kind, data)) in [
        ("dsync.group.created", group("ENG", "Engineers")),
        ("dsync.group.updated", group("ENG", "Makers")),
        ("dsync.user.created", person("ADA1", "ada@acme.com")),
        ("dsync.group.user_removed", edge),
        ("dsync.group.deleted", group("ENG", "Makers")),
    ]
    .into_iter()
    .enumerate()
    {
        stack.advance(1);
        let event = stack.event(&format!("1{n}"), kind, data);
        assert_eq!(stack.delivered(&event).await, "applied", "{kind}");
    }
    let actions = actions(&stack).await;
    for action in
        ["group.created", "group.updated", "membership.added", "membership.removed", "group.deleted"]
    {
        assert!(actions.iter().any(|found| found == action), "{action} in {actions:?}");
    }
}

/// R55: of a tombstoned directory and of another organization nothing changes, and both are on the record. A directory
/// that nobody knows is taken if the event says whose it is.
#[tokio::test]
async fn what_does_not_belong_changes_nothing() {
    let stack = Stack::start().await;
    let created = stack.event("01", "dsync.user.created", person("ADA1", "ada@acme.com"));
    assert_eq!(stack.delivered(&created).await, "applied", "the directory is taken from the event");
    let users = stack.users().await;
    let evil = with(person("ADA1", "evil@acme.com"), &json!({"organization_id": "org_01SANDBOXGLOBEX"}));
    stack.advance(1);
    assert_eq!(stack.delivered(&stack.event("02", "dsync.user.updated", evil)).await, "ignored");
    assert_eq!(seen(&stack, "02").await, Some(("ignored".to_owned(), Some("other_organization".to_owned()))));
    assert_eq!(stack.counted("directory_mismatch", None), 1);
    assert_eq!(stack.users().await, users);

    stack.delivered(&stack.event("03", "dsync.deleted", directory())).await;
    let users = stack.users().await;
    stack.advance(1);
    let late = stack.event("04", "dsync.user.updated", person("ADA1", "late@acme.com"));
    assert_eq!(stack.delivered(&late).await, "ignored");
    assert_eq!(seen(&stack, "04").await, Some(("ignored".to_owned(), Some("directory_deleted".to_owned()))));
    assert_eq!(stack.users().await, users);
}

/// Nobody says whose directory it is: not success, so WorkOS sends it again; by then the directory is known.
#[tokio::test]
async fn an_event_without_a_home_comes_again() {
    let stack = Stack::start().await;
    let homeless = with(person("ADA1", "ada@acme.com"), &json!({"organization_id": null}));
    let event = stack.event("02", "dsync.user.created", homeless);
    for tries in 1..=2 {
        let answer = stack.deliver(&event).await;
        assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"));
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(seen(&stack, "02").await, None, "it was not handled");
        assert_eq!(counted(&stack, "unresolved", "dsync.user.created"), tries);
    }
    let noted =
        stack.running.store.seen_events(None, stack.clock.now().plus(std::time::Duration::from_secs(1)), 9);
    let noted = noted.await.unwrap().events;
    let told: Vec<_> =
        noted.iter().map(|note| (note.outcome.as_str(), note.reason.as_deref(), note.failures)).collect();
    assert_eq!(told, [("unresolved", Some("directory_unknown"), Some(2))]);
    stack.delivered(&stack.event("01", "dsync.activated", directory())).await;
    assert_eq!(stack.delivered(&event).await, "applied");
    assert_eq!(stack.users().await.len(), 1);
}

/// R56, R57: what is not known is counted, what cannot be read is recorded with its reason, and neither is sent again;
/// an event of another WorkOS environment counts for nothing.
#[tokio::test]
async fn odd_events_are_taken_and_recorded() {
    let stack = Stack::start().await;
    let elsewhere = with(
        stack.event("04", "dsync.user.created", person("ADA1", "ada@acme.com")),
        &json!({"context": {"client_id": "client_other"}}),
    );
    for (id, event, outcome, reason, kind) in [
        ("01", stack.event("01", "flag.created", json!({"x": 1})), "ignored", "unknown_type", "other"),
        (
            "02",
            stack.event("02", "dsync.token.created", json!({})),
            "ignored",
            "nothing_follows",
            "dsync.token.created",
        ),
        (
            "03",
            stack.event("03", "dsync.user.created", json!({"id": "directory_user_1"})),
            "poison",
            "it names no directory",
            "dsync.user.created",
        ),
        ("04", elsewhere, "ignored", "other_environment", "dsync.user.created"),
    ] {
        assert_eq!(stack.delivered(&event).await, outcome, "{id}");
        assert_eq!(seen(&stack, id).await, Some((outcome.to_owned(), Some(reason.to_owned()))));
        assert_eq!(counted(&stack, outcome, kind), 1, "{id}");
        assert_eq!(stack.delivered(&event).await, "duplicate", "{id}");
    }
    assert_eq!(stack.users().await.len(), 0);
}

/// Signed, and no event: nothing to remember it by, and sending it again helps nobody.
#[tokio::test]
async fn signed_nonsense_is_refused() {
    let stack = Stack::start().await;
    for nonsense in [json!(null), json!([]), json!({}), json!({"id": "x"}), json!({"operation": "create"})] {
        let answer = stack.deliver(&nonsense).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_event"), "{nonsense}");
    }
    assert_eq!(counted(&stack, "malformed", "other"), 5);
}

/// A certificate that runs out is on the record of its tenant, once, and raises the alarm's metric.
#[tokio::test]
async fn a_certificate_that_runs_out_is_told() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    for (id, connection) in [
        ("01", json!({"id": "conn_01SANDBOXACMEOKTA", "organization_id": ACME})),
        // By its connection, where the event names no organization.
        ("02", json!({"id": "conn_01SANDBOXACMEOKTA"})),
        ("03", json!({"id": "conn_01NOBODY"})),
    ] {
        let data = json!({"connection": connection, "days_until_expiry": 10, "certificate": {
            "certificate_type": "ResponseSigning", "expiry_date": "2027-01-01T00:00:00.000Z", "is_expired": false}});
        let event = stack.event(id, "connection.saml_certificate_renewal_required", data);
        assert_eq!(stack.delivered(&event).await, "applied");
        assert_eq!(stack.delivered(&event).await, "duplicate");
    }
    assert_eq!(stack.counted("certificate_due", None), 3);
    let due: Vec<_> = stack
        .audit()
        .await
        .into_iter()
        .filter(|item| item.text("action") == "connection.certificate_due")
        .collect();
    assert_eq!(due.len(), 2);
    assert_eq!(due[0].0["details"]["expires"], "2027-01-01T00:00:00Z");
}
