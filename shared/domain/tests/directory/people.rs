//! What becomes of people: joined once, out at once, back under the same id.

use std::time::Duration;

use domain::audit::AuditAction::{
    UserDeactivated, UserEmailChanged, UserLinkedByEmail, UserLinkedById, UserProvisioned, UserReactivated,
};
use domain::directory::{
    AttributeMap, ChangeStamp, ClaimKey, DirectoryChange, DirectorySource, DirectoryState,
    DirectoryUserState, Ignored, NoticeKind, Origin, Outcome, Retention, UserRecord,
};
use domain::{DirectoryId, EventId, Gate, OrganizationId, UserId};

use crate::world::{NOW, World, directory_id, group, member, named, organization, origin, person};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The nth event, one minute after the one before.
fn stamp(n: u32) -> ChangeStamp {
    ChangeStamp::Clocked {
        at: NOW.plus(Duration::from_secs(60 * u64::from(n))),
        event: EventId::parse(&format!("event_{n:04}")).unwrap(),
    }
}

fn hire(world: &mut World, n: u32, record: UserRecord) -> Outcome {
    world.apply(&origin(), &DirectoryChange::UpsertUser(record), &stamp(n))
}

fn fire(world: &mut World, n: u32, record: UserRecord) -> Outcome {
    let change = DirectoryChange::DeleteUser { user: record.id.clone(), record: Some(record) };
    world.apply(&origin(), &change, &stamp(n))
}

/// R60: a person exists before they ever sign in, and the app hears of them.
#[test]
fn a_provisioned_person_exists() {
    let mut world = World::with_tenant();
    assert_eq!(hire(&mut world, 1, person("ada", "Ada@ACME.com")), Outcome::Applied { version: 1 });
    let ada = world.user_of("ada");
    assert_eq!((ada.address().as_str(), ada.has_signed_in()), ("ada@acme.com", false));
    assert!(ada.active_in(world.gate()));
    assert_eq!(world.kinds(), [NoticeKind::UserCreated]);
    assert!(world.claims.contains_key(&ClaimKey::IdpId("idp-ada".into())));
    assert!(world.claims.contains_key(&ClaimKey::Email("ada@acme.com".into())));
    // The same words again are no news, but their clock counts.
    assert_eq!(hire(&mut world, 2, person("ada", "ada@acme.com")), Outcome::NoChange);
    assert_eq!(world.members[&member("ada")].version, 1);
    assert_eq!(world.members[&member("ada")].clock, stamp(2).clock());
    assert_eq!(world.kinds().len(), 1);
}

/// R58: every way out raises the generation in the write that ends the activity, and a way back does not undo it.
#[test]
fn every_way_out_ends_the_sessions_and_a_return_does_not_revive_them() {
    let suspended = UserRecord { state: DirectoryUserState::Suspended, ..person("ada", "ada@acme.com") };
    let inactive = UserRecord { state: DirectoryUserState::Inactive, ..person("ada", "ada@acme.com") };
    let ada = || member("ada");
    let ways = [
        DirectoryChange::UpsertUser(suspended),
        DirectoryChange::UpsertUser(inactive),
        DirectoryChange::DeactivateUser { user: ada() },
        DirectoryChange::DeleteUser { user: ada(), record: None },
        DirectoryChange::DeleteUser { user: ada(), record: Some(person("ada", "ada@acme.com")) },
    ];
    for out in ways {
        let mut world = World::with_tenant();
        hire(&mut world, 1, person("ada", "ada@acme.com"));
        let (id, before) = (world.user_of("ada").id.clone(), world.user_of("ada").generation);
        assert_eq!(world.apply(&origin(), &out, &stamp(2)), Outcome::Applied { version: 2 }, "{out:?}");
        assert!(!world.users[&id].active_in(world.gate()));
        assert!(world.users[&id].generation > before);
        let left = world.members[&member("ada")].clone();
        assert_eq!(
            (left.email, left.first_name),
            (None, None),
            "no name and no address of a leaver is kept here"
        );

        hire(&mut world, 3, person("ada", "ada@acme.com"));
        let back = &world.users[&id];
        assert!(back.active_in(world.gate()) && back.generation > before + 1);
        assert_eq!(back.expires_at, None);
        assert_eq!(
            world.kinds(),
            [NoticeKind::UserCreated, NoticeKind::UserDeactivated, NoticeKind::UserReactivated]
        );
    }
}

/// R60: WorkOS sends a rehired person under a new directory user id.
#[test]
fn a_rehired_person_is_the_same_user() {
    let mut world = World::with_tenant();
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    fire(&mut world, 2, person("ada", "ada@acme.com"));
    let id = world.user_of("ada").id.clone();
    for (n, again) in [
        // With the idp id they had, and with another one but the verified address.
        (
            3,
            UserRecord {
                id: member("again"),
                email: UserRecord::address("a.byron@acme.com"),
                ..person("ada", "")
            },
        ),
        (
            5,
            UserRecord {
                id: member("third"),
                idp_id: Some("other".into()),
                ..person("ada", "a.byron@acme.com")
            },
        ),
    ] {
        let name = again.id.as_str().trim_start_matches("directory_user_").to_owned();
        hire(&mut world, n, again.clone());
        assert_eq!(world.user_of(&name).id, id);
        assert!(world.users[&id].active_in(world.gate()));
        fire(&mut world, n + 1, again);
        assert!(!world.users[&id].active_in(world.gate()));
    }
    assert_eq!(world.users.len(), 1);
}

/// R42: a person who signed in first is joined, by idp id or by verified address, and keeps their id.
#[test]
fn provisioning_joins_who_signed_in_before() {
    for (idp_id, email) in [("idp-ada", "other@acme.com"), ("another", "ada@acme.com")] {
        let mut world = World::with_tenant();
        let user = world.sign_in("user_ada", "conn_okta", idp_id, email);
        hire(&mut world, 1, person("ada", "ada@acme.com"));
        assert_eq!(world.user_of("ada").id, user);
        assert_eq!(world.users[&user].address(), "ada@acme.com");
        assert_eq!(world.users.len(), 1);
        assert_eq!(world.kinds(), [NoticeKind::UserUpdated]);
        assert_eq!(world.users[&user].generation, 0, "being joined ends no session");
        fire(&mut world, 2, person("ada", "ada@acme.com"));
        assert!(!world.users[&user].active_in(world.gate()));
    }
}

/// R46: a changed address moves nobody to another user.
#[test]
fn a_changed_address_keeps_the_user_and_frees_the_old_address() {
    let mut world = World::with_tenant();
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    hire(&mut world, 2, person("grace", "grace@acme.com"));
    let (ada, grace) = (world.user_of("ada").id.clone(), world.user_of("grace").id.clone());
    hire(&mut world, 3, person("ada", "ada.byron@acme.com"));
    hire(&mut world, 4, person("grace", "ada@acme.com"));
    assert_eq!((world.user_of("ada").id.clone(), world.user_of("grace").id.clone()), (ada, grace.clone()));
    let holders = |address: &str| {
        let claim = world.claims.get(&ClaimKey::Email(address.into()));
        claim.map(|claim| claim.users().into_iter().cloned().collect::<Vec<UserId>>())
    };
    assert_eq!(holders("ada@acme.com"), Some(vec![grace]));
    assert_eq!(holders("grace@acme.com"), None);
}

/// A leaver who is known under the same address behind a second connection, where no directory knows them.
#[test]
fn a_leavers_second_self_is_signed_out_too() {
    let mut world = World::with_tenant();
    let tenant = world.tenant.as_mut().unwrap();
    let mut second = tenant.connections[0].clone();
    second.id = crate::world::connection("conn_entra");
    tenant.connections.push(second);
    let one = world.sign_in("user_one", "conn_okta", "x", "ada@acme.com");
    let two = world.sign_in("user_two", "conn_entra", "y", "ada@acme.com");
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    assert_eq!(world.users.len(), 3, "two candidates are nobody");
    let unhired = world.clone();
    let generations = |world: &World| [&one, &two].map(|user| world.users[user].generation);
    assert_eq!(generations(&world), [0, 0], "whoever comes ends nobody's sessions");
    fire(&mut world, 2, person("ada", "ada@acme.com"));
    assert_eq!(generations(&world), [1, 1]);
    // What more is said of a leaver ends nothing that began since.
    let renamed = UserRecord {
        state: DirectoryUserState::Suspended,
        first_name: Some("Adele".into()),
        ..person("ada", "ada@acme.com")
    };
    hire(&mut world, 3, renamed);
    assert_eq!(generations(&world), [1, 1]);
    // The end may be the first that is heard of somebody.
    let mut world = unhired;
    fire(&mut world, 4, person("grace", "ada@acme.com"));
    assert_eq!(generations(&world), [1, 1]);
}

/// ... and nobody else who ever had the address: not who has another one by now, nor whom another directory vouches for.
#[test]
fn a_leavers_namesakes_are_only_the_unknown_ones() {
    let mut world = World::with_tenant();
    let second = Origin { directory: DirectoryId::parse("directory_2").unwrap(), ..origin() };
    let moved = world.sign_in("user_moved", "conn_okta", "x", "ada@acme.com");
    world.users.get_mut(&moved).unwrap().email = UserRecord::address("ada.l@acme.com");
    let known =
        UserRecord { id: member("second"), idp_id: Some("y".into()), ..person("ada", "ada@acme.com") };
    world.apply(&second, &DirectoryChange::UpsertUser(known), &stamp(1));
    hire(&mut world, 2, person("ada", "ada@acme.com"));
    let known = world.user_of("second").id.clone();
    assert_ne!(world.user_of("ada").id, known);
    fire(&mut world, 3, person("ada", "ada@acme.com"));
    assert_eq!((world.users[&moved].generation, world.users[&known].generation), (0, 0));
    assert_eq!(world.user_of("ada").generation, 1);
}

/// A claim shows by its revision that somebody wrote it meanwhile: a login that read it before must read again.
#[test]
fn every_write_of_a_claim_raises_its_revision() {
    let mut world = World::with_tenant();
    let revision = |world: &World| world.claims[&ClaimKey::IdpId("idp-ada".into())].revision;
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    assert_eq!(revision(&world), 1);
    hire(&mut world, 2, person("ada", "ada.l@acme.com"));
    assert_eq!(revision(&world), 1, "nothing of it was written");
    fire(&mut world, 3, person("ada", "ada.l@acme.com"));
    assert_eq!(revision(&world), 2);
    hire(&mut world, 4, UserRecord { id: member("again"), ..person("ada", "ada.l@acme.com") });
    assert_eq!(revision(&world), 3);
}

/// Two directories know one person: out when the last of them says so.
#[test]
fn a_user_is_active_while_any_directory_has_them_active() {
    let mut world = World::with_tenant();
    let second = Origin { directory: DirectoryId::parse("directory_2").unwrap(), ..origin() };
    let there = |n: u32, world: &mut World, state| {
        let record = UserRecord { id: member("there"), state, ..person("ada", "ada@acme.com") };
        world.apply(&second, &DirectoryChange::UpsertUser(record), &stamp(n))
    };
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    there(2, &mut world, DirectoryUserState::Active);
    assert_eq!((world.users.len(), world.user_of("ada").directories.len()), (1, 2));
    fire(&mut world, 3, person("ada", "ada@acme.com"));
    assert!(world.user_of("there").active_in(world.gate()));
    assert_eq!(world.user_of("there").generation, 0);
    there(4, &mut world, DirectoryUserState::Suspended);
    assert!(!world.user_of("there").active_in(world.gate()));
}

/// R58: a deleted directory is one state in the gate; what it says afterwards is ignored, and its people come back
/// only by another directory.
#[test]
fn a_deleted_directory_takes_its_people_along_without_touching_them() {
    let mut world = World::with_tenant();
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    let untouched = world.user_of("ada").clone();
    let gone = world.apply(&origin(), &DirectoryChange::DirectoryDeleted, &stamp(2));
    assert_eq!(gone, Outcome::Applied { version: 1 });
    assert_eq!(*world.user_of("ada"), untouched);
    assert!(!untouched.active_in(world.gate()));
    assert_eq!(world.gate().directories[&directory_id()], DirectoryState::Deleted);

    let late = hire(&mut world, 3, person("grace", "grace@acme.com"));
    assert_eq!(late, Outcome::Ignored(Ignored::DirectoryDeleted));
    let again = world.apply(&origin(), &DirectoryChange::DirectoryDeactivated, &stamp(4));
    assert_eq!(again, Outcome::Ignored(Ignored::DirectoryDeleted));
    assert_eq!(world.users.len(), 1);

    let second = Origin { directory: DirectoryId::parse("directory_2").unwrap(), ..origin() };
    let record = UserRecord { id: member("new"), ..person("ada", "ada@acme.com") };
    world.apply(&second, &DirectoryChange::UpsertUser(record), &stamp(5));
    let ada = world.user_of("new");
    assert_eq!(ada.id, untouched.id);
    assert!(ada.active_in(world.gate()));
    assert!(ada.generation > untouched.generation, "sessions that ended with the directory stay dead");
}

/// R55: events that do not belong change nothing; one that cannot be placed must come again.
#[test]
fn what_does_not_belong_changes_nothing() {
    let mut world = World::with_tenant();
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    let before = world.settled();
    let ada = || DirectoryChange::UpsertUser(person("ada", "evil@acme.com"));
    let foreign = Origin { organization: Some(OrganizationId::parse("org_evil").unwrap()), ..origin() };
    let scim = Origin { source: DirectorySource::Scim, ..origin() };
    let nowhere =
        Origin { directory: DirectoryId::parse("directory_9").unwrap(), organization: None, ..origin() };
    // Only an operator makes a SCIM directory, whatever its client says of the organization.
    let unmade = Origin { directory: DirectoryId::parse("directory_9").unwrap(), ..scim.clone() };
    for (origin, expected) in [
        (foreign, Outcome::Ignored(Ignored::OtherOrganization)),
        (scim, Outcome::Ignored(Ignored::NotAuthoritative)),
        (nowhere, Outcome::Unresolved),
        (unmade, Outcome::Unresolved),
    ] {
        assert_eq!(world.apply(&origin, &ada(), &stamp(2)), expected);
        assert_eq!(world.settled(), before);
        world.seen.clear();
    }
}

/// An organization nobody has met: the tenant, its gate and the directory are made by the first word of it.
#[test]
fn an_unknown_directory_that_names_its_organization_is_made() {
    let mut world = World::default();
    assert_eq!(hire(&mut world, 1, person("ada", "ada@acme.com")), Outcome::Applied { version: 1 });
    assert!(world.user_of("ada").active_in(world.gate()));
    assert_eq!(world.directories[&directory_id()].organization, organization());
    assert!(!world.tenant.as_ref().unwrap().usable(NOW), "WorkOS must be asked before anybody signs in");
}

/// The end of a person nobody has heard of: their address and idp id are refused at the door from now on.
#[test]
fn an_end_without_a_beginning_is_kept() {
    let mut world = World::with_tenant();
    assert_eq!(fire(&mut world, 2, person("ada", "ada@acme.com")), Outcome::Applied { version: 1 });
    assert!(!world.user_of("ada").active_in(world.gate()));
    assert_eq!(hire(&mut world, 1, person("ada", "ada@acme.com")), Outcome::Stale);

    let change = DirectoryChange::DeleteUser { user: member("grace"), record: None };
    assert_eq!(world.apply(&origin(), &change, &stamp(3)), Outcome::NoChange);
    assert_eq!(hire(&mut world, 0, person("grace", "grace@acme.com")), Outcome::Stale);
}

/// A deactivated person's data ends after the retention, clocks and claims outlive it, and a return long after finds
/// the same user id with a generation no session of old can have.
#[test]
fn data_of_leavers_ends_and_a_late_return_finds_the_same_id() {
    let mut world = World::with_tenant();
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    let (id, old) = (world.user_of("ada").id.clone(), world.user_of("ada").generation);
    fire(&mut world, 2, person("ada", "ada@acme.com"));
    let end = world.users[&id].expires_at.unwrap();
    assert_eq!(end, NOW.plus(90 * DAY));
    let claim = &world.claims[&ClaimKey::Email("ada@acme.com".into())];
    assert!(claim.expires_at.unwrap() > end && world.members[&member("ada")].expires_at.unwrap() > end);

    let later = NOW.plus(95 * DAY);
    let stale = DirectoryChange::UpsertUser(person("ada", "ada@acme.com"));
    assert_eq!(world.apply_at(&origin(), &stale, &stamp(1), later), Outcome::Duplicate);
    // Words about somebody who is gone and forgotten bring nothing back.
    let word = DirectoryChange::DeactivateUser { user: member("ada") };
    world.apply_at(&origin(), &word, &stamp(3), later);
    assert!(world.users[&id].expired(later));
    // Under a new directory user id, by the claims alone.
    let again = UserRecord { id: member("again"), ..person("ada", "ada@acme.com") };
    let at = ChangeStamp::Clocked { at: later, event: EventId::parse("event_9").unwrap() };
    world.apply_at(&origin(), &DirectoryChange::UpsertUser(again), &at, later);
    let back = world.user_of("again");
    assert_eq!((back.id.clone(), back.expires_at), (id, None));
    assert!(back.active_in(world.gate()) && back.generation > old + 1);
}

/// Attributes are kept as the tenant's map names them, and a membership's partial user never clears them.
#[test]
fn attributes_follow_the_map_and_memberships_leave_them_alone() {
    let mut world = World::with_tenant();
    let map = AttributeMap::new([("department".to_owned(), "department_name".to_owned())].into()).unwrap();
    world.gate = Some(Gate {
        policy: domain::tenant::TenantPolicy { attributes: map, ..Default::default() },
        ..Gate::new(organization())
    });
    let custom = [("department_name".to_owned(), "R&D".to_owned()), ("salary".to_owned(), "1".to_owned())];
    hire(&mut world, 1, UserRecord { custom: custom.into(), ..person("ada", "ada@acme.com") });
    let change = DirectoryChange::AddMember { group: group("staff"), user: member("ada") };
    assert_eq!(world.apply(&origin(), &change, &stamp(3)), Outcome::Applied { version: 1 });
    let ada = world.user_of("ada");
    assert_eq!(ada.attributes.iter().collect::<Vec<_>>(), [("department", "R&D")]);
    let change = DirectoryChange::DeleteGroup { group: group("staff") };
    assert_eq!(world.apply(&origin(), &change, &stamp(4)), Outcome::NoChange);
    let change = DirectoryChange::UpsertGroup(named("staff", "Staff"));
    assert_eq!(world.apply(&origin(), &change, &stamp(2)), Outcome::Stale);
}

/// A full listing wins over older events only, and counts for nothing against newer ones.
#[test]
fn a_listing_repairs_what_is_older_than_its_start() {
    let mut world = World::with_tenant();
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    hire(&mut world, 5, person("grace", "grace@acme.com"));
    let listed = ChangeStamp::Listed { at: NOW.plus(Duration::from_secs(150)) };
    for (id, expected) in [("ada", Outcome::Applied { version: 2 }), ("grace", Outcome::Stale)] {
        let change = DirectoryChange::DeleteUser { user: member(id), record: None };
        assert_eq!(world.apply(&origin(), &change, &listed), expected);
    }
    assert!(!world.user_of("ada").active_in(world.gate()));
    assert!(world.user_of("grace").active_in(world.gate()));
}

/// A SCIM client names the version that it saw.
#[test]
fn a_versioned_change_needs_the_version_it_names() {
    let mut world = World::with_tenant();
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    let mut directory = world.directories[&directory_id()].clone();
    directory.source = DirectorySource::Scim;
    world.directories.insert(directory.id.clone(), directory);
    let scim = Origin { source: DirectorySource::Scim, ..origin() };
    let rename = |name: &str| {
        DirectoryChange::UpsertUser(UserRecord {
            first_name: Some(name.into()),
            ..person("ada", "ada@acme.com")
        })
    };
    let over = |expected| ChangeStamp::Versioned { expected };
    assert_eq!(world.apply(&scim, &rename("A"), &over(Some(7))), Outcome::Stale);
    assert_eq!(world.apply(&scim, &rename("A"), &over(Some(1))), Outcome::Applied { version: 2 });
    assert_eq!(world.apply(&scim, &rename("A"), &over(Some(2))), Outcome::NoChange);
    assert_eq!(world.apply(&scim, &rename("B"), &over(None)), Outcome::Applied { version: 3 });
    let off = DirectoryChange::DeactivateUser { user: member("ada") };
    world.apply(&scim, &off, &over(Some(3)));
    let kept = &world.members[&member("ada")];
    assert_eq!((kept.first_name.as_deref(), kept.expires_at), (Some("B"), None), "the client reads it back");
    assert!(!world.user_of("ada").active_in(world.gate()));
}

/// Two directories name one person differently: the last word counts, even where its own directory said it before.
#[test]
fn the_last_word_counts_though_it_is_not_new() {
    let mut world = World::with_tenant();
    let second = Origin { directory: DirectoryId::parse("directory_2").unwrap(), ..origin() };
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    let other = UserRecord {
        id: member("ada2"),
        first_name: Some("Augusta".into()),
        ..person("ada", "ada@acme.com")
    };
    let other = DirectoryChange::UpsertUser(other);
    world.apply(&second, &other, &stamp(3));
    assert_eq!(world.user_of("ada").first_name.as_deref(), Some("Augusta"));
    // Between the two: new to its directory, and too late for the person.
    let late = UserRecord { first_name: Some("Adele".into()), ..person("ada", "ada@acme.com") };
    assert_eq!(hire(&mut world, 2, late.clone()), Outcome::Applied { version: 2 });
    assert_eq!(world.members[&member("ada")].first_name.as_deref(), Some("Adele"));
    assert_eq!(world.user_of("ada").first_name.as_deref(), Some("Augusta"));
    // After both: nothing new to its directory, and the person's name from now on.
    assert_eq!(hire(&mut world, 4, late), Outcome::Applied { version: 3 });
    assert_eq!(world.user_of("ada").first_name.as_deref(), Some("Adele"));
}

/// Of a leaver's record only what identifies them in their directory is kept: name and address are personal data.
#[test]
fn a_leavers_record_keeps_no_name_and_no_address() {
    let mut world = World::with_tenant();
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    fire(&mut world, 2, person("ada", "ada@acme.com"));
    let kept = &world.members[&member("ada")];
    assert_eq!(kept.idp_id.as_deref(), Some("idp-ada"));
    assert_eq!((kept.email.as_ref(), kept.first_name.as_ref(), kept.last_name.as_ref()), (None, None, None));
    assert!(kept.attributes.is_empty());
}

/// Who keeps everything still forgets the clock of somebody deleted, and nothing of somebody who may come back.
#[test]
fn without_retention_only_the_deleted_end() {
    let mut world = World::with_tenant();
    world.retention = Retention::days(0);
    hire(&mut world, 1, person("ada", "ada@acme.com"));
    let inactive = UserRecord { state: DirectoryUserState::Inactive, ..person("ada", "ada@acme.com") };
    hire(&mut world, 2, inactive);
    assert_eq!((world.members[&member("ada")].expires_at, world.user_of("ada").expires_at), (None, None));
    fire(&mut world, 3, person("ada", "ada@acme.com"));
    assert!(world.members[&member("ada")].expires_at.is_some());
    assert_eq!(world.user_of("ada").expires_at, None);
}

/// R75: the audit log tells how somebody came, what of them changed, and that they left and came back: each once.
#[test]
fn each_step_of_a_person_is_audited_once() {
    let mut world = World::with_tenant();
    let audited = |world: &mut World, n, record: UserRecord| {
        hire(world, n, record);
        std::mem::take(&mut world.audited)
    };
    let ada = |email: &str| person("ada", email);
    let off = UserRecord { state: DirectoryUserState::Suspended, ..ada("ada.l@acme.com") };
    assert_eq!(audited(&mut world, 1, ada("ada@acme.com")), [UserProvisioned]);
    assert_eq!(audited(&mut world, 2, ada("ada@acme.com")), []);
    let renamed = UserRecord { first_name: Some("Adele".into()), ..ada("ada@acme.com") };
    assert_eq!(audited(&mut world, 3, renamed), []);
    assert_eq!(audited(&mut world, 4, ada("ada.l@acme.com")), [UserEmailChanged]);
    assert_eq!(audited(&mut world, 5, off.clone()), [UserDeactivated]);
    assert_eq!(audited(&mut world, 6, off), []);
    assert_eq!(audited(&mut world, 7, ada("ada.l@acme.com")), [UserReactivated]);
    // Under another id of the directory, by what identifies them.
    let again =
        |id: &str, idp_id: &str| UserRecord { idp_id: Some(idp_id.into()), ..person(id, "ada.l@acme.com") };
    assert_eq!(audited(&mut world, 8, again("second", "idp-ada")), [UserLinkedById]);
    world.sign_in("user_grace", "conn_okta", "idp-g", "grace@acme.com");
    assert_eq!(audited(&mut world, 9, person("third", "grace@acme.com")), [UserLinkedByEmail]);
}
