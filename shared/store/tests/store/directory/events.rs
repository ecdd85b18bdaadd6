//! Once, in any order, or not at all.

use domain::DirectoryId;
use domain::directory::{
    DirectoryChange, DirectoryRecord, DirectorySource, DirectoryState, GroupRecord, Ignored, NoticeKind,
    Origin, Outcome, UserRecord,
};
use store::{OUTBOX_SHARDS, SeenEvent, Store};

use super::{
    acme, applier, apply, at, delete, directory_id, event, group, member, origin, person, report, stamp,
    upsert, user_of,
};
use crate::support::{items, organization, store, tenant};

async fn ready() -> Store {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    store
}

/// R53, R54: an event is applied once; an older one is late, not a duplicate; both are remembered with their outcome.
#[tokio::test]
async fn an_event_is_applied_once_and_late_ones_are_told_apart() {
    let store = ready().await;
    assert_eq!(
        apply(&store, upsert(person("ada", "ada@acme.com")), 2).await,
        Outcome::Applied { version: 1 }
    );
    let after = items(&store).await;
    assert_eq!(apply(&store, upsert(person("ada", "evil@acme.com")), 2).await, Outcome::Duplicate);
    assert_eq!(apply(&store, upsert(person("ada", "old@acme.com")), 1).await, Outcome::Stale);
    assert_eq!(apply(&store, upsert(person("ada", "old@acme.com")), 1).await, Outcome::Duplicate);
    assert_eq!(items(&store).await, after);
    assert_eq!(user_of(&store, "ada").await.address(), "ada@acme.com");
    for (n, outcome) in [(2, "applied"), (1, "stale")] {
        let seen = store.seen_event(&event(n), at(9)).await.unwrap().unwrap();
        assert_eq!((seen.outcome.as_str(), seen.change.as_str()), (outcome, "upsert_user"));
        assert_eq!(seen.directory, Some(directory_id()));
    }
}

/// R53: twenty deliveries of one event at once have one effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_deliveries_of_one_event_have_one_effect() {
    let store = ready().await;
    let deliveries: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { apply(&store, upsert(person("ada", "ada@acme.com")), 1).await })
        })
        .collect();
    let mut applied = 0;
    for delivery in deliveries {
        match delivery.await.unwrap() {
            Outcome::Applied { version: 1 } => applied += 1,
            Outcome::Duplicate => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(applied, 1);
    assert_eq!(owed(&store).await, [NoticeKind::UserCreated]);
}

/// R54: a burst of events about one person, all at once, ends with the newest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_about_one_person_ends_with_the_newest_word() {
    let store = ready().await;
    let burst: Vec<_> = (1..=8)
        .map(|n| {
            let store = store.clone();
            let record = UserRecord {
                first_name: Some(format!("Ada {n}")),
                ..person("ada", &format!("ada{n}@acme.com"))
            };
            tokio::spawn(async move { apply(&store, upsert(record), n).await })
        })
        .collect();
    for delivery in burst {
        assert!(matches!(delivery.await.unwrap(), Outcome::Applied { .. } | Outcome::Stale));
    }
    let ada = user_of(&store, "ada").await;
    assert_eq!((ada.first_name.as_deref(), ada.address().as_str()), (Some("Ada 8"), "ada8@acme.com"));
}

/// R55: nothing of another organization, of a tombstoned directory, or of another source changes anything, and each is
/// remembered for good. What cannot be placed is not remembered: it must come again.
#[tokio::test]
async fn what_does_not_belong_changes_nothing() {
    let store = ready().await;
    store.put_tenant(&tenant("org_evil")).await.unwrap();
    apply(&store, upsert(person("ada", "ada@acme.com")), 1).await;
    let before = (items(&store).await, user_of(&store, "ada").await);
    let foreign = Origin { organization: Some(organization("org_evil")), ..origin() };
    let scim = Origin { source: DirectorySource::Scim, organization: None, ..origin() };
    let nowhere =
        Origin { directory: DirectoryId::parse("directory_9").unwrap(), organization: None, ..origin() };
    let evil = upsert(person("ada", "evil@acme.com"));
    for (n, origin, expected) in [
        (2, foreign, Outcome::Ignored(Ignored::OtherOrganization)),
        (3, scim, Outcome::Ignored(Ignored::NotAuthoritative)),
        (4, nowhere, Outcome::Unresolved),
    ] {
        let report = applier(&store).apply(&origin, &evil, &stamp(n), at(n)).await.unwrap();
        assert_eq!(report.outcome, expected);
        let seen = store.seen_event(&event(n), at(n)).await.unwrap();
        assert_eq!(seen.and_then(|seen| seen.reason).as_deref(), expected.reason());
    }
    assert_eq!((items(&store).await, user_of(&store, "ada").await), before);
    assert_eq!(store.seen_event(&event(4), at(4)).await.unwrap(), None);

    assert_eq!(apply(&store, DirectoryChange::DirectoryDeleted, 5).await, Outcome::Applied { version: 1 });
    let before = items(&store).await;
    let late = apply(&store, upsert(person("grace", "grace@acme.com")), 6).await;
    assert_eq!(late, Outcome::Ignored(Ignored::DirectoryDeleted));
    assert_eq!(items(&store).await, before);
}

/// An organization that nobody has met, and a directory that has not introduced itself.
#[tokio::test]
async fn an_unknown_directory_that_names_its_organization_is_made() {
    let store = store().await;
    assert_eq!(
        apply(&store, upsert(person("ada", "ada@acme.com")), 2).await,
        Outcome::Applied { version: 1 }
    );
    let record = store.tenant(&acme()).await.unwrap().unwrap();
    assert!(user_of(&store, "ada").await.active_in(&record.gate));
    assert!(!record.tenant.usable(at(2)), "WorkOS must be asked before anybody signs in");
    assert!(!store.put_tenant(&tenant("org_acme")).await.unwrap());
    store.refresh_tenant(&record.tenant, &tenant("org_acme")).await.unwrap();
    let refreshed = store.tenant(&acme()).await.unwrap().unwrap();
    assert_eq!((refreshed.tenant.name.as_str(), refreshed.gate.directories.len()), ("Acme Corp", 1));

    let known =
        DirectoryRecord { name: "Okta".into(), kind: "okta scim v2.0".into(), state: DirectoryState::Active };
    let introduced = apply(&store, DirectoryChange::DirectoryActivated(known), 1).await;
    assert_eq!(introduced, Outcome::Applied { version: 1 });
    let directory = store.directory(&directory_id()).await.unwrap().unwrap();
    assert_eq!((directory.name.as_str(), directory.organization), ("Okta", acme()));
    // With the organization left out it is found by its pointer.
    let quiet = Origin { organization: None, ..origin() };
    let change = upsert(person("grace", "grace@acme.com"));
    let report = applier(&store).apply(&quiet, &change, &stamp(3), at(3)).await.unwrap();
    assert_eq!((report.outcome, report.organization), (Outcome::Applied { version: 1 }, Some(acme())));
}

/// Memberships stand on their own: before group and member, and against their own clocks.
#[tokio::test]
async fn memberships_need_neither_group_nor_member() {
    let store = ready().await;
    let add = || DirectoryChange::AddMember { group: group("staff"), user: member("ada") };
    let remove = || DirectoryChange::RemoveMember { group: group("staff"), user: member("ada") };
    assert_eq!(apply(&store, add(), 5).await, Outcome::Applied { version: 1 });
    assert_eq!(apply(&store, remove(), 4).await, Outcome::Stale);
    let staff = GroupRecord { id: group("staff"), name: "Staff".into(), idp_id: None };
    assert_eq!(apply(&store, DirectoryChange::UpsertGroup(staff), 1).await, Outcome::Applied { version: 1 });
    apply(&store, upsert(person("ada", "ada@acme.com")), 2).await;
    let (acme, directory) = (acme(), directory_id());
    assert_eq!(store.groups_of(&acme, &directory, &member("ada")).await.unwrap(), [group("staff")]);
    assert_eq!(apply(&store, remove(), 6).await, Outcome::Applied { version: 2 });
    assert_eq!(apply(&store, add(), 5).await, Outcome::Duplicate);
    assert_eq!(store.groups_of(&acme, &directory, &member("ada")).await.unwrap(), []);
    let edges = store.memberships(&acme, &directory, &group("staff"), None, 10).await.unwrap().items;
    assert_eq!(edges.iter().map(|edge| edge.present).collect::<Vec<_>>(), [false]);
    apply(&store, DirectoryChange::DeleteGroup { group: group("staff") }, 7).await;
    let groups = store.directory_groups(&acme, &directory, None, 10, at(7)).await.unwrap().items;
    assert!(groups[0].deleted && groups[0].name.is_empty());
}

/// A group of hundreds is renamed and deleted by one write: nothing is written per member.
#[tokio::test]
async fn a_group_is_renamed_and_deleted_without_touching_its_members() {
    let store = ready().await;
    let named = |name: &str| {
        DirectoryChange::UpsertGroup(GroupRecord { id: group("all"), name: name.into(), idp_id: None })
    };
    apply(&store, named("All"), 1).await;
    for n in 0..30 {
        let add = DirectoryChange::AddMember { group: group("all"), user: member(&n.to_string()) };
        apply(&store, add, 10 + n).await;
    }
    for (n, change) in
        [(100, named("Everybody")), (101, DirectoryChange::DeleteGroup { group: group("all") })]
    {
        let before = items(&store).await;
        apply(&store, change, n).await;
        assert_eq!(items(&store).await, before + 2, "a notice and an audit item");
    }
}

/// R57: what nothing can be made of is marked with its reason and can be handled again; what was handled stays as it is.
#[tokio::test]
async fn poison_is_marked_counted_and_can_be_replayed() {
    let store = ready().await;
    for expected in 1..=3 {
        assert_eq!(store.count_failure(&event(1), at(1)).await.unwrap(), expected);
    }
    let poison = SeenEvent::poison(event(1), "dsync.user.created", "no directory id", at(0), at(1));
    assert!(store.mark_event(&poison).await.unwrap());
    assert!(!store.mark_event(&poison).await.unwrap());
    assert_eq!(store.seen_event(&event(1), at(1)).await.unwrap(), Some(poison));
    assert_eq!(apply(&store, upsert(person("ada", "ada@acme.com")), 1).await, Outcome::Duplicate);
    store.forget_event(&event(1)).await.unwrap();
    assert_eq!(
        apply(&store, upsert(person("ada", "ada@acme.com")), 1).await,
        Outcome::Applied { version: 1 }
    );

    store.forget_event(&event(1)).await.unwrap();
    let before = items(&store).await;
    assert_eq!(apply(&store, delete(person("ada", "ada@acme.com")), 1).await, Outcome::Duplicate);
    assert_eq!(items(&store).await, before);
}

/// What the app is owed is found until it is delivered, in the order of each subject, and not before it is due.
#[tokio::test]
async fn notices_are_owed_until_they_are_delivered() {
    let store = ready().await;
    let created = report(&store, upsert(person("ada", "ada@acme.com")), 1).await;
    assert_eq!(created.notices, [NoticeKind::UserCreated]);
    let gone = report(&store, delete(person("ada", "ada@acme.com")), 2).await;
    assert_eq!(gone.notices, [NoticeKind::UserDeactivated]);
    assert_eq!(owed(&store).await, [NoticeKind::UserCreated, NoticeKind::UserDeactivated]);

    let mut all = Vec::new();
    for part in 0..OUTBOX_SHARDS {
        all.extend(store.owed_notices(part, at(9), 10).await.unwrap());
    }
    assert!(all[0].order < all[1].order && all[0].subject == all[1].subject);
    assert_eq!(all[0].notice().unwrap().kind(), NoticeKind::UserCreated);
    assert!(store.notice_delivered(&all[0], at(3)).await.unwrap());
    assert!(!store.notice_delivered(&all[0], at(3)).await.unwrap());
    assert!(!store.postpone_notice(&all[0], at(4)).await.unwrap());
    assert!(store.postpone_notice(&all[1], at(60)).await.unwrap());
    assert_eq!(owed(&store).await, []);
    let late = store.owed_notices(part_of(&store).await, at(60), 10).await.unwrap();
    assert_eq!(late.iter().map(|notice| notice.attempts).collect::<Vec<_>>(), [1]);
}

async fn part_of(store: &Store) -> u8 {
    for part in 0..OUTBOX_SHARDS {
        if !store.owed_notices(part, at(600), 10).await.unwrap().is_empty() {
            return part;
        }
    }
    panic!("nothing is owed")
}

async fn owed(store: &Store) -> Vec<NoticeKind> {
    let mut kinds = Vec::new();
    for part in 0..OUTBOX_SHARDS {
        kinds.extend(store.owed_notices(part, at(9), 10).await.unwrap().iter().map(|notice| notice.kind));
    }
    kinds
}

/// Lists page through in the order of ids, ended records included.
#[tokio::test]
async fn lists_page_through_everything_once() {
    let store = ready().await;
    for n in 0..7 {
        apply(&store, upsert(person(&n.to_string(), &format!("p{n}@acme.com"))), n).await;
    }
    apply(&store, delete(person("3", "p3@acme.com")), 20).await;
    let (mut seen, mut after) = (Vec::new(), None::<String>);
    loop {
        let page =
            store.directory_users(&acme(), &directory_id(), after.as_deref(), 3, at(20)).await.unwrap();
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let ids: Vec<_> = seen.iter().map(|user| user.id.clone()).collect();
    assert_eq!(ids, (0..7).map(|n| member(&n.to_string())).collect::<Vec<_>>());
    assert_eq!(seen.iter().filter(|user| user.state.active()).count(), 6);
}
