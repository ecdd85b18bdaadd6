//! What webhooks missed is found and put right, whatever breaks on the way.

mod breakage;
mod cursor;
mod listing;

use std::collections::BTreeSet;
use std::time::Duration;

use domain::directory::DirectoryUserState;
use domain::{DirectoryId, OrganizationId};
use e2e::Stack;
use net::Deadline;
use reconcile::{Deps, EventsReport, Reconciler, Stop};
use serde_json::{Value, json};
use store::{ItemPage, Store};

pub(crate) const GLOBEX: &str = "org_01SANDBOXGLOBEX";
/// A small directory: Acme's has hundreds of groups.
pub(crate) const DIRECTORY: &str = "directory_01SANDBOXGLOBEX";

/// A stack whose sandbox tells nobody what happens, and knows no limits.
pub(crate) async fn stack() -> Stack {
    let stack = Stack::with_tenants(&[]).await;
    stack.sandbox().settings(json!({ "webhook": null, "directory_requests_per_second": null })).await;
    stack
}

pub(crate) fn time() -> Deadline {
    Deadline::after(Duration::from_secs(600))
}

pub(crate) fn directory() -> DirectoryId {
    DirectoryId::parse(DIRECTORY).unwrap()
}

pub(crate) async fn reconciler(deps: &Deps) -> Reconciler {
    deps.reconciler().await.unwrap()
}

/// Reads the events, as the schedule does.
pub(crate) async fn catch_up(deps: &Deps) -> EventsReport {
    let report = reconcile::invoke(deps, json!({ "source": "aws.scheduler" }), time()).await.unwrap();
    report.events.unwrap()
}

/// Compares Globex's directory, and has to come to its end.
pub(crate) async fn compare(deps: &Deps) -> reconcile::Counts {
    let report = reconcile::invoke(deps, json!({ "directory": DIRECTORY }), time()).await.unwrap();
    let report = report.directory.unwrap();
    assert_eq!(report.stop, Stop::Done, "{report:?}");
    report.counts
}

async fn all<T, F: Future<Output = Result<ItemPage<T>, store::StoreError>>>(
    page: impl Fn(Option<String>) -> F,
) -> Vec<T> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let mut page = page(after).await.unwrap();
        items.append(&mut page.items);
        after = page.next;
        if after.is_none() {
            return items;
        }
    }
}

/// What is known here of Globex's directory, one line for each thing. With versions, it also tells what was written.
pub(crate) async fn known(stack: &Stack, versions: bool) -> BTreeSet<String> {
    let (store, now): (&Store, _) = (&stack.running.store, stack.clock.now());
    let (organization, directory) = (OrganizationId::parse(GLOBEX).unwrap(), directory());
    let mut lines = BTreeSet::new();
    let version = |n: u64| if versions { format!(" {n}") } else { String::new() };
    let people = all(|after| {
        let (organization, directory) = (organization.clone(), directory.clone());
        async move { store.directory_users(&organization, &directory, after.as_deref(), 100, now).await }
    });
    let mut gone = BTreeSet::new();
    for user in people.await {
        if user.state == DirectoryUserState::Deleted {
            gone.insert(user.id.clone());
        }
        if user.state == DirectoryUserState::Active {
            let email = user.email.map(|email| email.to_string()).unwrap_or_default();
            let name = user.first_name.unwrap_or_default();
            lines.insert(format!("person {} {email} {name}{}", user.id, version(user.version)));
        } else if versions {
            lines.insert(format!("gone {} {}", user.id, user.version));
        }
    }
    let groups = all(|after| {
        let (organization, directory) = (organization.clone(), directory.clone());
        async move { store.directory_groups(&organization, &directory, after.as_deref(), 100, now).await }
    });
    for group in groups.await.into_iter().filter(|group| !group.deleted) {
        lines.insert(format!("group {} {}{}", group.id, group.name, version(group.version)));
        let edges = all(|after| {
            let (organization, directory, id) = (organization.clone(), directory.clone(), group.id.clone());
            async move { store.memberships(&organization, &directory, &id, after.as_deref(), 100).await }
        });
        // A leaver's memberships stay as they are and mean nothing; WorkOS does not list them.
        for edge in edges.await.into_iter().filter(|edge| edge.present && !gone.contains(&edge.member)) {
            lines.insert(format!("member {} {}{}", group.id, edge.member, version(edge.version)));
        }
    }
    lines
}

/// The same as WorkOS lists it.
pub(crate) async fn listed(stack: &Stack) -> BTreeSet<String> {
    let sandbox = stack.sandbox();
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let mut lines = BTreeSet::new();
    for user in sandbox.list(&format!("/directory_users?directory={DIRECTORY}")).await {
        if user["state"] == "active" {
            let [id, email, name] = ["id", "email", "first_name"].map(|field| text(&user, field));
            lines.insert(format!("person {id} {email} {name}"));
        }
    }
    for group in sandbox.list(&format!("/directory_groups?directory={DIRECTORY}")).await {
        let id = text(&group, "id");
        lines.insert(format!("group {id} {}", text(&group, "name")));
        for member in sandbox.list(&format!("/directory_users?group={id}")).await {
            lines.insert(format!("member {id} {}", text(&member, "id")));
        }
    }
    lines
}

/// An administrator's day at Globex: of everything something. Tells how many events came of it.
pub(crate) async fn a_day(stack: &Stack) -> u64 {
    let mut events = 0;
    for errand in [
        json!({"action": "hire", "email": "new.one@globex.com", "first_name": "New", "groups": ["Engineering", "Guild"]}),
        json!({"action": "hire", "email": "new.two@globex.com"}),
        json!({"action": "update", "email": "hank@globex.com", "first_name": "Henry", "new_email": "henry@globex.com"}),
        json!({"action": "group_add", "email": "new.two@globex.com", "group": "Guild"}),
        json!({"action": "group_rename", "group": "Guild", "new_name": "Craft"}),
        json!({"action": "group_create", "group": "Short"}),
        json!({"action": "group_add", "email": "new.one@globex.com", "group": "Short"}),
        json!({"action": "group_delete", "group": "Short"}),
        json!({"action": "group_remove", "email": "new.one@globex.com", "group": "Engineering"}),
        json!({"action": "suspend", "email": "new.two@globex.com"}),
        json!({"action": "fire", "email": "priya.raman@globex.com"}),
    ] {
        stack.advance(1);
        let mut errand = errand;
        errand["directory"] = DIRECTORY.into();
        let done = stack.sandbox().directory(errand).await;
        events += done["events_count"].as_u64().unwrap();
    }
    events
}

pub(crate) async fn same_as_listed(stack: &Stack) {
    let (ours, theirs) = (known(stack, false).await, listed(stack).await);
    let differs: Vec<_> = ours.symmetric_difference(&theirs).collect();
    assert!(differs.is_empty() && !ours.is_empty(), "{differs:#?}");
}
