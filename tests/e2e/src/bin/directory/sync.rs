//! The first synchronisation of a directory: as many events as WorkOS makes of it, several at once.
//!
//! Each size runs in a process of its own, so that its memory and processor time are its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use domain::directory::DirectoryUserState;
use domain::{DirectoryGroupId, DirectoryId, OrganizationId};
use e2e::dsync::{ACME, DIRECTORY};
use e2e::{Stack, measure};
use serde_json::{Value, json};

use crate::company::{Company, team};
use crate::courier::{Courier, LANES};
use crate::webhook::{as_json, counted, one_by_one};

/// What the first argument of the other process is.
pub(crate) const CHILD: &str = "--sync";

/// The other process: synchronises, looks whether everything is there, and gives what it took.
pub(crate) async fn child(people: usize) -> Value {
    let stack = Stack::without_streams().await;
    let company = Company { people };
    let (courier, at) = (Courier::of(&stack), stack.clock.now());
    courier.expects("applied", &company.event(at, 0)).await;
    let before = as_json(&counted(&stack, 0).await);
    let small = one_by_one(&stack, 1000).await;
    let (started, processor) = (Instant::now(), measure::processor_seconds("self"));
    let times = courier.floods(company.events() - 1, move |n| company.event(at, n + 1)).await;
    let took = started.elapsed();
    let processor = measure::processor_seconds("self") - processor;
    let peak = measure::peak_kib("self");
    let found = projection(&stack, company).await;
    let expected = json!([company.people, company.groups(), company.memberships()]);
    assert_eq!(found, expected, "people, groups and memberships that are there");
    let after = as_json(&counted(&stack, 1).await);
    let large = one_by_one(&stack, 2000).await;
    json!({
        "events": company.events(), "people": company.people, "groups": company.groups(),
        "memberships": company.memberships(), "seconds": took.as_secs_f64(), "processor": processor, "peak_kib": peak,
        "p50": times.millis(50), "p99": times.millis(99), "same": before == after,
        "write": [small.0, large.0], "event": [small.1, large.1],
    })
}

/// People who are active and are a user of ours each, groups, and memberships, by the projection's own lists. The person
/// and the group of the counted events are gone by then.
async fn projection(stack: &Stack, company: Company) -> Value {
    let store = &stack.running.store;
    let organization = OrganizationId::parse(ACME).expect("an organization");
    let directory = DirectoryId::parse(DIRECTORY).expect("a directory");
    let now = stack.clock.now();
    let (mut users, mut after) = (BTreeSet::new(), None);
    loop {
        let page = store.directory_users(&organization, &directory, after.as_deref(), 100, now).await;
        let page = page.expect("the engine answers");
        let active = page.items.into_iter().filter(|user| user.state == DirectoryUserState::Active);
        users.extend(active.filter_map(|user| user.user));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let (mut groups, mut after) = (0, None);
    loop {
        let page = store.directory_groups(&organization, &directory, after.as_deref(), 100, now).await;
        let page = page.expect("the engine answers");
        groups += page.items.iter().filter(|group| !group.deleted).count();
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut memberships = 0;
    for n in 0..company.groups() {
        let name = team(n)["id"].as_str().unwrap_or_default().to_owned();
        let group = DirectoryGroupId::parse(&name).expect("a group");
        let page = store.memberships(&organization, &directory, &group, None, 100).await;
        memberships += page.expect("the engine answers").items.iter().filter(|edge| edge.present).count();
    }
    json!([users.len(), groups, memberships])
}

/// Database calls of a whole synchronisation: whether those who come at once stand in each other's way.
async fn calls(company: Company) -> usize {
    let stack = Stack::without_streams().await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let courier = Courier::by(&stack, deployment.visited_by(&stack.browser()));
    let at = stack.clock.now();
    courier.expects("applied", &company.event(at, 0)).await;
    proxy.forget();
    courier.floods(company.events() - 1, move |n| company.event(at, n + 1)).await;
    proxy.traffic().total()
}

/// One size, in a process of its own.
async fn of_size(people: usize) -> Value {
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args([CHILD, &people.to_string()]).stdin(Stdio::null()).stderr(Stdio::inherit());
    let ran = tokio::task::spawn_blocking(move || child.output()).await.expect("a thread");
    let ran = ran.expect("a process");
    assert!(ran.status.success(), "the synchronisation of {people} people failed");
    serde_json::from_slice(&ran.stdout).expect("figures")
}

/// Everything of this section, in Markdown.
pub(crate) async fn measured(sizes: &[usize]) -> String {
    let mut text = format!(
        "**The first synchronisation**, over HTTP, {LANES} deliveries at once, without streams. Processor time and memory \
         are those of everything together: sender, function, and the engine with its tables in memory.\n\n"
    );
    text.push_str(
        "| people + groups + memberships | events | took | an event | p50 | p99 | processor time an event | peak memory |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let mut all = Vec::new();
    for people in sizes {
        let told = of_size(*people).await;
        let number = |name: &str| told[name].as_f64().expect("a number");
        let _ = writeln!(
            text,
            "| {} + {} + {} | {} | {:.1} s | {:.2} ms | {:.1} ms | {:.1} ms | {:.2} ms | {:.0} MB |",
            told["people"],
            told["groups"],
            told["memberships"],
            told["events"],
            number("seconds"),
            number("seconds") * 1000.0 / number("events"),
            number("p50"),
            number("p99"),
            number("processor") * 1000.0 / number("events"),
            number("peak_kib") / 1024.0,
        );
        all.push(told);
    }
    text.push('\n');
    for pair in all.windows(2) {
        let [small, large] = pair else { continue };
        let ratio =
            |name: &str| large[name].as_f64().expect("a number") / small[name].as_f64().expect("a number");
        let _ = writeln!(
            text,
            "* From {} to {} people: {:.1} x the events, {:.1} x the time; an event takes {:.2} x the time and {:.2} x the \
             processor time.",
            small["people"],
            large["people"],
            ratio("events"),
            ratio("seconds"),
            ratio("seconds") / ratio("events"),
            ratio("processor") / ratio("events"),
        );
    }
    for told in &all {
        let millis = |name: &str, n: usize| told[name][n].as_f64().expect("a number");
        let _ = writeln!(
            text,
            "* One after another, medians, before and after {} people: an event {:.2} ms and {:.2} ms, one item written by the \
             SDK alone {:.2} ms and {:.2} ms.",
            told["people"],
            millis("event", 0),
            millis("event", 1),
            millis("write", 0),
            millis("write", 1),
        );
    }
    let few = Company { people: sizes.iter().copied().min().unwrap_or_default().min(1000) };
    let (events, calls) = (few.events() - 1, calls(few).await);
    let _ = writeln!(
        text,
        "* {events} of these events, {LANES} at once, make {calls} database calls: {:.2} each.",
        calls as f64 / events as f64,
    );
    let same = all.iter().all(|told| told["same"] == json!(true));
    let _ = writeln!(
        text,
        "* Afterwards exactly these people (each a user of ours), groups and memberships are there. Calls, items read and \
         items written of every event of the table above {} before and after.\n",
        if same { "are the same" } else { "DIFFER" },
    );
    text
}
