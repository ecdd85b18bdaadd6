//! Events that no webhook brought.

use std::time::Duration;

use domain::EventId;
use e2e::{SESSION, Stack, at};
use reconcile::{Cursor, LEASE, Stop};
use serde_json::{Value, json};
use store::Job;

use super::{DIRECTORY, a_day, catch_up, compare, known, reconciler, same_as_listed, stack};

async fn cursor(stack: &Stack) -> Option<Cursor> {
    stack.running.store.job(&Job::Events, stack.clock.now()).await.unwrap().and_then(|job| job.step)
}

fn amount(stack: &Stack, metric: &str, what: &str) -> u64 {
    let lines = stack.metrics.lines();
    let parsed = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
    parsed.filter(|line| line["what"] == what).filter_map(|line| line[metric].as_u64()).sum()
}

/// R59: everything that happened while nobody was told is found, and a second time there is nothing to find.
#[tokio::test]
async fn dropped_webhooks_are_repaired() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    same_as_listed(&stack).await;
    let events = a_day(&stack).await;
    stack.advance(300);
    let first = catch_up(deps).await;
    same_as_listed(&stack).await;
    assert_eq!((first.stop, first.read, first.open), (Stop::Done, events, 0));
    assert!(first.repaired > 10, "{first:?}");
    assert_eq!(amount(&stack, "drift_repaired", "event"), first.repaired);
    assert_eq!(first.age_seconds, Some(0));
    let before = known(&stack, true).await;
    for minutes in 1..4 {
        stack.advance(300);
        let again = catch_up(deps).await;
        let duplicates = again.outcomes.get("duplicate").copied().unwrap_or(0);
        assert_eq!((again.repaired, again.read), (0, duplicates), "{minutes}: {again:?}");
        assert_eq!(known(&stack, true).await, before);
    }
}

/// R58, R59: the session of a leaver ends although the webhook never came.
#[tokio::test]
async fn a_missed_leaver_is_out() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    let browser = stack.browser();
    browser.signed_in(at::GLOBEX, "hank@globex.com").await;
    stack
        .sandbox()
        .directory(json!({"action": "fire", "email": "hank@globex.com", "directory": DIRECTORY}))
        .await;
    assert_eq!(browser.session().await.status, 200);
    stack.advance(120);
    catch_up(deps).await;
    let answer = browser.session().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "user_inactive"));
    let page = stack.browser().sign_in(at::GLOBEX, "hank@globex.com").await;
    assert!(page.cookie(SESSION).is_none(), "{}", page.status);
}

/// R59: two at once do the work of one; who comes second while it lasts leaves it alone.
#[tokio::test]
async fn two_at_once_do_the_work_of_one() {
    let stack = stack().await;
    compare(&stack.running.reconcile).await;
    let events = a_day(&stack).await;
    stack.advance(300);
    let other = stack.deployed(&[]).await;
    let (one, two) = tokio::join!(catch_up(&stack.running.reconcile), catch_up(&other.reconcile));
    same_as_listed(&stack).await;
    let stops = [one.stop, two.stop];
    assert!(stops.contains(&Stop::Done), "{stops:?}");
    let applied = |report: &reconcile::EventsReport| report.outcomes.get("applied").copied().unwrap_or(0);
    assert_eq!(applied(&one) + applied(&two), one.repaired + two.repaired);
    assert!(applied(&one) + applied(&two) <= events);
    let before = known(&stack, true).await;
    catch_up(&other.reconcile).await;
    assert_eq!(known(&stack, true).await, before);
}

/// R59: at the end of the list its cursor is null; ours stays where the last event was.
#[tokio::test]
async fn the_end_of_the_list_takes_no_cursor_away() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    a_day(&stack).await;
    stack.advance(300);
    catch_up(deps).await;
    let first = cursor(&stack).await.unwrap();
    assert!(first.event.is_some() && first.caught_up == Some(stack.clock.now()));
    stack.advance(3600);
    catch_up(deps).await;
    let second = cursor(&stack).await.unwrap();
    assert_eq!(second.event, first.event);
    assert_eq!(second.caught_up, Some(stack.clock.now()));
}

/// R59: a cursor that WorkOS does not know falls back to its time; nothing after it is lost.
#[tokio::test]
async fn a_refused_cursor_falls_back_to_its_time() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    catch_up(deps).await;
    let now = stack.clock.now();
    let store = &stack.running.store;
    let (mut hold, _) =
        store.take_job::<Cursor>(Job::Events, "test", now, now.plus(LEASE)).await.unwrap().unwrap();
    let unknown = Cursor {
        event: Some(EventId::parse("event_01J0000000000000000UNKNOWN").unwrap()),
        event_at: Some(now),
        since: now,
        caught_up: None,
    };
    assert!(store.step_job(&mut hold, &unknown, now).await.unwrap());
    store.release_job(hold).await.unwrap();
    let events = a_day(&stack).await;
    stack.advance(300);
    let report = catch_up(deps).await;
    assert_eq!((report.stop, report.read), (Stop::Done, events));
    same_as_listed(&stack).await;
    assert_ne!(cursor(&stack).await.unwrap().event, unknown.event);
}

/// R59: what a crash left in hand is taken over once it is let go by time, and whoever comes back late moves nothing.
#[tokio::test]
async fn a_dead_runner_is_followed() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    a_day(&stack).await;
    stack.advance(60);
    let (store, now) = (&stack.running.store, stack.clock.now());
    let taken = store.take_job::<Cursor>(Job::Events, "dead", now, now.plus(LEASE)).await.unwrap();
    let (mut hold, cursor_then) = taken.unwrap();
    assert_eq!(catch_up(deps).await.stop, Stop::Busy);
    stack.clock.advance(LEASE);
    assert_eq!(catch_up(deps).await.stop, Stop::Done);
    same_as_listed(&stack).await;
    let before = cursor(&stack).await;
    let now = stack.clock.now();
    let back = Cursor { event: None, event_at: None, since: now, caught_up: None };
    assert!(!store.step_job(&mut hold, &cursor_then.unwrap_or(back), now.plus(LEASE)).await.unwrap());
    store.release_job(hold).await.unwrap();
    assert_eq!(cursor(&stack).await, before);
}

/// R57, R59: what cannot be handled holds nobody up, and is recorded after five tries.
#[tokio::test]
async fn one_bad_event_holds_nobody_up() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    catch_up(deps).await;
    stack.advance(10);
    let nobodys =
        json!({"id": "directory_user_01NOBODYS", "directory_id": "directory_01NOBODYS", "state": "active"});
    let sent = stack.sandbox().event("dsync.user.created", nobodys).await;
    let id = EventId::parse(sent["events"][0]["id"].as_str().unwrap()).unwrap();
    a_day(&stack).await;
    for n in 1..=5 {
        stack.advance(300);
        let report = catch_up(deps).await;
        same_as_listed(&stack).await;
        assert_eq!(report.open, u64::from(n < 5), "{n}: {report:?}");
    }
    let seen = stack.running.store.seen_event(&id, stack.clock.now()).await.unwrap().unwrap();
    assert_eq!((seen.outcome.as_str(), seen.reason.as_deref()), ("poison", Some("failed_repeatedly")));
    stack.advance(300);
    let after = catch_up(deps).await;
    assert_eq!((after.open, after.age_seconds), (0, Some(0)));
}

/// A person may be told of before anybody said whose directory it is: then WorkOS is asked.
#[tokio::test]
async fn a_directory_that_nobody_introduced_is_looked_up() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    catch_up(deps).await;
    let data = json!({"id": "directory_user_01EARLY", "directory_id": DIRECTORY, "email": "early@globex.com", "state": "active"});
    stack.sandbox().event("dsync.user.created", data).await;
    stack.advance(300);
    let report = catch_up(deps).await;
    assert_eq!((report.open, report.outcomes["applied"]), (0, 1));
    assert!(known(&stack, false).await.contains("person directory_user_01EARLY early@globex.com "));
}

/// R63, R59: who is asked too often is asked later, and the next run goes on.
#[tokio::test]
async fn a_limit_of_workos_is_kept() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    a_day(&stack).await;
    stack.advance(300);
    let limit = json!({"path": "/events", "kind": "rate_limit", "retry_after": 30});
    stack.sandbox().fault(limit).await;
    stack.sandbox().forget().await;
    assert_eq!(catch_up(deps).await.stop, Stop::Later);
    assert_eq!(stack.sandbox().calls("/events").await, 1, "a wait that does not fit is not begun");
    stack.sandbox().heal().await;
    assert_eq!(catch_up(deps).await.stop, Stop::Done);
    same_as_listed(&stack).await;
}

/// An event is replayed from WorkOS's list, and undoes nothing that is newer.
#[tokio::test]
async fn one_event_is_replayed() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    compare(deps).await;
    let sandbox = stack.sandbox();
    stack.advance(1);
    let update = json!({"action": "update", "email": "hank@globex.com", "first_name": "Older", "directory": DIRECTORY});
    let done = sandbox.directory(update).await;
    let id = EventId::parse(done["events"][0]["id"].as_str().unwrap()).unwrap();
    stack.advance(1);
    sandbox.directory(json!({"action": "update", "email": "hank@globex.com", "first_name": "Newer", "directory": DIRECTORY})).await;
    stack.advance(300);
    catch_up(deps).await;
    let before = known(&stack, true).await;
    let (event, handled) = reconciler(deps).await.replay(&id, super::time()).await.unwrap();
    assert_eq!((event.id, handled.outcome), (id, "stale"));
    assert_eq!(known(&stack, true).await, before);
    let unknown = EventId::parse("event_01ARZ3NDEKTSV4RRFFQ69G5FAV").unwrap();
    assert!(reconciler(deps).await.replay(&unknown, super::time()).await.is_err());
}

/// Tenants that nobody signs in to stay young; a walk that is over rests.
#[tokio::test]
async fn tenants_are_kept_young() {
    let stack = stack().await;
    let deps = &stack.running.reconcile;
    let young = reconciler(deps).await.refresh_tenants(super::time()).await.unwrap();
    assert_eq!((young.stop, young.refreshed), (Stop::Done, 0));
    stack.clock.advance(Duration::from_secs(7 * 3600));
    let old = reconciler(deps).await.refresh_tenants(super::time()).await.unwrap();
    assert!(old.refreshed >= 3 && old.missing == 0, "{old:?}");
    stack.sandbox().forget().await;
    reconciler(deps).await.refresh_tenants(super::time()).await.unwrap();
    assert_eq!(stack.sandbox().requests().await, []);
}
