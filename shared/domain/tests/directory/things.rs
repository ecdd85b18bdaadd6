//! What becomes of directories and groups themselves: what is kept of them, what the app hears, and how they end.

use std::time::Duration;

use domain::directory::{
    ChangeStamp, DirectoryChange, DirectoryRecord, DirectoryState, GroupRecord, Ignored, Notice, NoticeKind,
    Outcome,
};
use domain::{EventId, Timestamp};

use crate::world::{NOW, World, directory_id, group, member, named, origin, person};

/// The nth event, one minute after the one before.
fn stamp(n: u32) -> ChangeStamp {
    ChangeStamp::Clocked {
        at: Timestamp::from_seconds(1_799_990_000 + 60 * i64::from(n)),
        event: EventId::parse(&format!("event_{n:04}")).unwrap(),
    }
}

fn introduced(name: &str, kind: &str, state: DirectoryState) -> DirectoryChange {
    DirectoryChange::DirectoryActivated(DirectoryRecord { name: name.into(), kind: kind.into(), state })
}

/// A directory is kept as it introduced itself, and the app hears of each change once.
#[test]
fn a_directory_is_introduced_changed_and_ended_once() {
    let mut world = World::with_tenant();
    let mut apply = |n, change: &DirectoryChange| world.apply(&origin(), change, &stamp(n));
    let okta = introduced("Okta", "okta scim v2.0", DirectoryState::Active);
    assert_eq!(apply(1, &okta), Outcome::Applied { version: 1 });
    assert_eq!(apply(2, &okta), Outcome::NoChange);
    assert_eq!(
        apply(3, &introduced("Okta of Acme", "okta scim v2.0", DirectoryState::Active)),
        Outcome::Applied { version: 2 }
    );
    assert_eq!(apply(3, &okta), Outcome::Duplicate);
    assert_eq!(apply(4, &DirectoryChange::DirectoryDeleted), Outcome::Applied { version: 3 });
    assert_eq!(apply(5, &DirectoryChange::DirectoryDeleted), Outcome::NoChange);
    assert_eq!(apply(6, &okta), Outcome::Ignored(Ignored::DirectoryDeleted));
    let kept = &world.directories[&directory_id()];
    assert_eq!((kept.name.as_str(), kept.kind.as_str()), ("Okta of Acme", "okta scim v2.0"));
    assert_eq!((kept.state.clone(), kept.version), (DirectoryState::Deleted, 3));
    assert_eq!(
        world.kinds(),
        [NoticeKind::DirectoryActivated, NoticeKind::DirectoryUpdated, NoticeKind::DirectoryDeleted]
    );
}

/// A person overtakes the directory: what was made up for them is no introduction, even where that says nothing new.
#[test]
fn a_directory_that_was_made_up_still_introduces_itself() {
    let mut world = World::with_tenant();
    let hire = DirectoryChange::UpsertUser(person("ada", "ada@acme.com"));
    world.apply(&origin(), &hire, &stamp(1));
    assert_eq!(world.directories[&directory_id()].version, 0);
    let nameless = introduced("", "", DirectoryState::Active);
    assert_eq!(world.apply(&origin(), &nameless, &stamp(2)), Outcome::Applied { version: 1 });
    assert_eq!(world.apply(&origin(), &nameless, &stamp(3)), Outcome::NoChange);
    assert_eq!(world.kinds(), [NoticeKind::UserCreated, NoticeKind::DirectoryActivated]);
}

/// R58: sessions that a directory's end has ended do not come back with it; a change that ended nothing ends nothing.
#[test]
fn a_directory_that_comes_back_brings_no_session_along() {
    let mut world = World::with_tenant();
    let states = [
        (DirectoryState::Active, 0),
        (DirectoryState::Inactive, 0),
        (DirectoryState::Active, 0),
        (DirectoryState::Deleting, 0),
        (DirectoryState::Active, 1),
        (DirectoryState::InvalidCredentials, 1),
    ];
    for (n, (state, generation)) in (1..).zip(states) {
        world.apply(&origin(), &introduced("Okta", "", state.clone()), &stamp(n));
        assert_eq!(world.gate().directories[&directory_id()], state);
        assert_eq!(world.gate().generation, generation, "{state:?}");
    }
}

/// R54, R60: a group is kept whole, is forgotten but for its clock when it ends, and may come back.
#[test]
fn a_group_is_kept_ended_and_made_again() {
    let mut world = World::with_tenant();
    let mut apply = |n, change: &DirectoryChange| world.apply(&origin(), change, &stamp(n));
    let staff = |idp_id: Option<&str>| {
        DirectoryChange::UpsertGroup(GroupRecord {
            idp_id: idp_id.map(str::to_owned),
            ..named("staff", "Staff")
        })
    };
    let end = DirectoryChange::DeleteGroup { group: group("staff") };
    assert_eq!(apply(1, &staff(Some("g-1"))), Outcome::Applied { version: 1 });
    assert_eq!(apply(2, &staff(Some("g-1"))), Outcome::NoChange);
    assert_eq!(apply(3, &staff(Some("g-2"))), Outcome::Applied { version: 2 });
    let kept = world.groups[&group("staff")].clone();
    assert_eq!((kept.name.as_str(), kept.idp_id.as_deref()), ("Staff", Some("g-2")));
    assert_eq!((kept.deleted, kept.expires_at), (false, None));

    assert_eq!(world.apply(&origin(), &end, &stamp(4)), Outcome::Applied { version: 3 });
    let gone = world.groups[&group("staff")].clone();
    assert_eq!((gone.name.as_str(), gone.idp_id, gone.deleted), ("", None, true));
    assert!(gone.expires_at.unwrap() > NOW.plus(Duration::from_secs(90 * 86_400)));
    assert_eq!(world.apply(&origin(), &end, &stamp(5)), Outcome::NoChange);
    let Some((Notice::GroupDeleted(told), _)) = world.notices.last() else { panic!("{:?}", world.kinds()) };
    assert_eq!(
        (told.name.as_str(), told.idp_id.as_deref()),
        ("Staff", Some("g-2")),
        "what it was, not what is left"
    );

    // An idp id without a character is none.
    assert_eq!(world.apply(&origin(), &staff(Some("")), &stamp(6)), Outcome::Applied { version: 4 });
    let back = &world.groups[&group("staff")];
    assert_eq!((back.idp_id.clone(), back.deleted, back.expires_at), (None, false, None));
    assert_eq!(
        world.kinds(),
        [
            NoticeKind::GroupCreated,
            NoticeKind::GroupUpdated,
            NoticeKind::GroupDeleted,
            NoticeKind::GroupCreated
        ]
    );
}

/// R54: a membership that ended keeps its clock for as long as something older may come; one that lasts has no end.
#[test]
fn only_a_membership_that_ended_has_an_end() {
    let mut world = World::with_tenant();
    let edge = (group("staff"), member("ada"));
    let add = DirectoryChange::AddMember { group: edge.0.clone(), user: edge.1.clone() };
    let remove = DirectoryChange::RemoveMember { group: edge.0.clone(), user: edge.1.clone() };
    assert_eq!(world.apply(&origin(), &add, &stamp(1)), Outcome::Applied { version: 1 });
    assert_eq!(world.memberships[&edge].expires_at, None);
    assert_eq!(world.apply(&origin(), &add, &stamp(2)), Outcome::NoChange);
    assert_eq!(world.memberships[&edge].version, 1);
    assert_eq!(world.apply(&origin(), &remove, &stamp(3)), Outcome::Applied { version: 2 });
    assert!(world.memberships[&edge].expires_at.unwrap() > NOW.plus(Duration::from_secs(90 * 86_400)));
    assert_eq!(world.apply(&origin(), &remove, &stamp(4)), Outcome::NoChange);
    assert_eq!(world.apply(&origin(), &add, &stamp(2)), Outcome::Duplicate);
    assert_eq!(world.kinds(), [NoticeKind::MembershipAdded, NoticeKind::MembershipRemoved]);
}
