//! A whole directory compared with WorkOS's lists.

use std::sync::Arc;

use domain::Timestamp;
use e2e::{Stack, at};
use reconcile::{Counts, DirectoryReport, LEASE, Listing, Stop};
use serde_json::json;
use store::Job;
use tokio::sync::Notify;

use super::{DIRECTORY, a_day, compare, directory, known, reconciler, same_as_listed, stack, time};

async fn ask(stack: &Stack, confirm: Option<u64>) -> DirectoryReport {
    reconciler(&stack.running.reconcile)
        .await
        .compare(&directory(), confirm, time(), &mut |_| {})
        .await
        .unwrap()
}

async fn grow(stack: &Stack, people: u64, groups: u64, size: u64) {
    let sync = json!({"action": "sync", "directory": DIRECTORY, "people": people, "group_count": groups, "group_size": size});
    stack.sandbox().directory(sync).await;
    stack.advance(1);
}

async fn began(stack: &Stack) -> Timestamp {
    let job = stack.running.store.job::<Listing>(&Job::Directory(directory()), stack.clock.now()).await;
    job.unwrap().unwrap().step.unwrap().began
}

/// So many of the people who came by a sync leave.
async fn fire(stack: &Stack, most: usize) {
    let people = stack.sandbox().list(&format!("/directory_users?directory={DIRECTORY}")).await;
    let grown = people.iter().filter(|user| user["email"].as_str().unwrap_or_default().starts_with("person"));
    for user in grown.take(most) {
        stack
            .sandbox()
            .directory(json!({"action": "fire", "user": user["id"], "directory": DIRECTORY}))
            .await;
    }
}

/// R59: all drift is repaired without a single event, and a second time nothing is written that anybody sees.
#[tokio::test]
async fn drift_is_repaired_without_events() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    same_as_listed(&stack).await;
    a_day(&stack).await;
    stack.advance(3600);
    let counts = compare(deps).await;
    same_as_listed(&stack).await;
    assert_eq!(counts.ended, 1, "Priya; the other leaver never was here: {counts:?}");
    assert!(
        counts.people_changed >= 2 && counts.groups_changed >= 1 && counts.memberships_changed >= 2,
        "{counts:?}"
    );
    let before = known(&stack, true).await;
    stack.advance(60);
    let again = compare(deps).await;
    assert_eq!(
        (again.people_changed, again.groups_changed, again.memberships_changed, again.ended),
        (0, 0, 0, 0)
    );
    assert_eq!(known(&stack, true).await, before);
    let (one, two) = tokio::join!(ask(&stack, None), ask(&stack, None));
    assert!([one.stop, two.stop].contains(&Stop::Done));
    assert_eq!(known(&stack, true).await, before);
}

/// R59: what webhooks have brought is checked, not put right: a listing that says the same moves clocks and nothing else.
#[tokio::test]
async fn what_webhooks_brought_needs_no_repair() {
    let stack = Stack::with_tenants(&[]).await;
    stack.sandbox().settings(json!({ "directory_requests_per_second": null })).await;
    // Before the directory knows them, after, and under a new address.
    stack.browser().signed_in(at::GLOBEX, "hank@globex.com").await;
    stack.sandbox().directory(json!({"action": "sync", "directory": DIRECTORY})).await;
    grow(&stack, 12, 2, 5).await;
    a_day(&stack).await;
    stack.advance(60);
    for email in ["henry@globex.com", "new.one@globex.com"] {
        stack.browser().signed_in(at::GLOBEX, email).await;
    }
    same_as_listed(&stack).await;
    let before = known(&stack, true).await;
    // The leaver's three memberships are over, and no event says so.
    let counts = compare(&stack.running.reconcile).await;
    let changed = |counts: &Counts| {
        (counts.people_changed, counts.groups_changed, counts.memberships_changed, counts.ended)
    };
    assert_eq!(changed(&counts), (0, 0, 3, 0), "{counts:?}");
    assert!(counts.people > 10 && counts.groups > 2 && counts.memberships > 10, "{counts:?}");
    assert_eq!(stack.counted("drift_repaired", None), 3);
    assert_eq!(known(&stack, true).await, before);
    stack.advance(60);
    let again = compare(&stack.running.reconcile).await;
    assert_eq!(changed(&again), (0, 0, 0, 0), "{again:?}");
    assert_eq!(known(&stack, true).await, before);
}

/// R54, R59: what an event has said since the listing began stays.
#[tokio::test]
async fn a_listing_undoes_nothing_that_is_newer() {
    let stack = stack().await;
    compare(&stack.running.reconcile).await;
    a_day(&stack).await;
    stack.advance(60);
    super::catch_up(&stack.running.reconcile).await;
    let before = known(&stack, true).await;
    // Of the same moment as the newest event: older than it.
    compare(&stack.running.reconcile).await;
    assert_eq!(known(&stack, true).await, before);
}

/// R59: more than a few leavers at once need somebody's consent to their number; until then nobody's access ends.
#[tokio::test]
async fn a_mass_of_leavers_waits_for_consent() {
    let stack = stack().await;
    grow(&stack, 60, 2, 30).await;
    compare(&stack.running.reconcile).await;
    fire(&stack, 30).await;
    stack.advance(60);
    let before = known(&stack, true).await;
    for confirm in [None, Some(29), None] {
        let held = ask(&stack, confirm).await;
        assert_eq!(held.stop, Stop::Held, "{held:?}");
        let numbers = held.held.unwrap();
        assert_eq!((numbers.would_end, numbers.allowed), (30, confirm.unwrap_or(20)));
        assert_eq!(known(&stack, true).await, before, "not even groups: the list may be wrong");
    }
    assert_eq!(stack.counted("reconcile_held", None), 3);
    let agreed = ask(&stack, Some(30)).await;
    assert_eq!((agreed.stop, agreed.counts.ended), (Stop::Done, 30));
    same_as_listed(&stack).await;
}

/// A few leavers need nobody's consent, whether they are gone or only not active any more.
#[tokio::test]
async fn a_few_leavers_need_no_consent() {
    let stack = stack().await;
    stack.sandbox().settings(json!({ "keep_inactive_users": true })).await;
    grow(&stack, 40, 0, 0).await;
    compare(&stack.running.reconcile).await;
    fire(&stack, 20).await;
    stack.advance(60);
    let counts = compare(&stack.running.reconcile).await;
    assert_eq!(counts.ended, 20);
    same_as_listed(&stack).await;
}

/// R59: a directory that WorkOS does not have any more ends everybody's access, with consent.
#[tokio::test]
async fn a_directory_that_is_gone_waits_for_consent() {
    let stack = stack().await;
    grow(&stack, 30, 0, 0).await;
    compare(&stack.running.reconcile).await;
    let active =
        u64::try_from(known(&stack, false).await.iter().filter(|line| line.starts_with("person")).count());
    stack.sandbox().directory(json!({"action": "directory_delete", "directory": DIRECTORY})).await;
    stack.advance(60);
    let held = ask(&stack, None).await;
    assert_eq!((held.stop, held.held.unwrap().would_end), (Stop::Held, active.unwrap()));
    let live = || async { stack.running.store.directory(&directory()).await.unwrap().unwrap().state.live() };
    assert!(live().await);
    let active = held.held.unwrap().would_end;
    assert_eq!(ask(&stack, Some(active)).await.stop, Stop::Done);
    assert!(!live().await);
}

/// R59: killed between two pages, it goes on where it was, once its hold has run out.
#[tokio::test]
async fn killed_between_pages_it_goes_on() {
    let stack = stack().await;
    grow(&stack, 250, 3, 120).await;
    let total = stack.sandbox().list(&format!("/directory_users?directory={DIRECTORY}")).await.len();
    let reconciler = reconciler(&stack.running.reconcile).await;
    let mut first = None;
    for step in ["people", "groups", "memberships", "leavers"] {
        let reached = Arc::new(Notify::new());
        let seen = reached.clone();
        let mut progress = move |listing: &Listing| {
            if listing.word() == step {
                seen.notify_one();
            }
        };
        let directory = directory();
        let killed = async {
            tokio::select! {
                biased;
                () = reached.notified() => true,
                _ = reconciler.compare(&directory, None, time(), &mut progress) => false,
            }
        };
        assert!(Box::pin(killed).await, "{step}");
        assert_eq!(ask(&stack, None).await.stop, Stop::Busy, "{step}");
        stack.clock.advance(LEASE);
        let own = began(&stack).await;
        assert_eq!(*first.get_or_insert(own), own, "{step}: it began anew");
    }
    let report = ask(&stack, None).await;
    assert_eq!((report.stop, report.counts.people), (Stop::Done, total as u64));
    assert_eq!(began(&stack).await, first.unwrap());
    same_as_listed(&stack).await;
}

/// R47, R59: a list that breaks off ends nobody's access.
#[tokio::test]
async fn a_list_that_breaks_off_ends_nobodys_access() {
    let stack = stack().await;
    compare(&stack.running.reconcile).await;
    stack
        .sandbox()
        .directory(json!({"action": "fire", "email": "hank@globex.com", "directory": DIRECTORY}))
        .await;
    stack.advance(60);
    let before = known(&stack, true).await;
    for path in ["/directory_users", "/directory_groups", "/directories"] {
        stack.sandbox().fault(json!({"path": path, "kind": "malformed"})).await;
        let reconciler = reconciler(&stack.running.reconcile).await;
        assert!(reconciler.compare(&directory(), None, time(), &mut |_| {}).await.is_err(), "{path}");
        assert_eq!(known(&stack, true).await, before, "{path}");
        stack.sandbox().heal().await;
    }
    compare(&stack.running.reconcile).await;
    same_as_listed(&stack).await;
}
