//! What an event costs does not depend on how large the directory is, nor on how many people are in a group.
//!
//! Times say little in a test, so what goes to the database is counted: calls, items asked for, items written.

use std::collections::BTreeMap;

use e2e::dsync::{directory, group, membership, person, with};
use e2e::{Stack, Traffic};
use serde_json::{Value, json};

/// What each of these events sends to the database, in a directory of so many people who are all in one group.
async fn traffic(people: usize) -> BTreeMap<&'static str, Traffic> {
    let stack = Stack::without_streams().await;
    let everybody = group("ALL", "Everybody");
    stack.delivered(&stack.event("dir", "dsync.activated", directory())).await;
    stack.delivered(&stack.event("all", "dsync.group.created", everybody.clone())).await;
    for n in 0..people {
        let one = person(&format!("{n:05}"), &format!("p{n}@acme.com"));
        let created = stack.event(&format!("u{n}"), "dsync.user.created", one.clone());
        assert_eq!(stack.delivered(&created).await, "applied");
        let added = stack.event(&format!("m{n}"), "dsync.group.user_added", membership(&one, &everybody));
        assert_eq!(stack.delivered(&added).await, "applied");
    }
    stack.advance(1);

    let proxy = stack.proxy().await;
    let door = stack.behind(&proxy, &[]).await.visited_by(&stack.browser());
    let (ada, new) = (person("00000", "p0@acme.com"), person("NEW", "new@acme.com"));
    let events: [(&str, Value); 9] = [
        ("dsync.user.created", new.clone()),
        ("dsync.group.user_added", membership(&new, &everybody)),
        ("dsync.user.updated", with(ada.clone(), &json!({"first_name": "Adele"}))),
        ("dsync.group.user_removed", membership(&ada, &everybody)),
        ("dsync.user.deleted", with(ada, &json!({"state": "inactive"}))),
        ("dsync.group.created", group("MORE", "More")),
        ("dsync.group.updated", group("ALL", "All of us")),
        ("dsync.group.deleted", group("ALL", "All of us")),
        ("dsync.deleted", directory()),
    ];
    let mut all = BTreeMap::new();
    for (n, (kind, data)) in events.into_iter().enumerate() {
        proxy.forget();
        let answer = stack.deliver_to(&door, &stack.event(&format!("e{n}"), kind, data)).await;
        assert_eq!(answer.json()["outcome"], "applied", "{kind}: {}", answer.body);
        all.insert(kind, proxy.traffic());
    }
    all
}

/// R53, R58: one batch of reads and one transaction, whoever else is in the directory or the group: renaming or deleting a
/// group and ending a whole directory touch nobody of it one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_costs_more_in_a_larger_directory() {
    let (small, large) = tokio::join!(traffic(10), traffic(200));
    assert_eq!(small, large);
    let written: BTreeMap<_, _> = large.iter().map(|(kind, traffic)| (*kind, traffic.written)).collect();
    let expected = [
        ("dsync.group.updated", 4),
        ("dsync.group.deleted", 5),
        ("dsync.deleted", 5),
        ("dsync.group.user_added", 4),
    ];
    for (kind, items) in expected {
        assert_eq!(written[kind], items, "{kind}");
    }
    for (kind, traffic) in &large {
        let person = kind.starts_with("dsync.user.");
        let most = if person { 3 } else { 2 };
        assert!(traffic.total() <= most && traffic.read <= 12, "{kind}: {traffic:?}");
        assert_eq!(traffic.calls["TransactWriteItems"], 1, "{kind}");
    }
}
