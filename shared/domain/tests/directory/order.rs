//! Whatever order events come in, and however often: the end is the same.

use domain::Rng;
use domain::directory::{
    DirectoryChange, DirectoryRecord, DirectoryState, DirectoryUserState, Outcome, UserRecord,
};

use crate::world::{Event, World, group, history, member, named, origin, person};

/// Every order of the given number of things (Heap's algorithm).
fn permutations(length: usize) -> Vec<Vec<usize>> {
    let (mut order, mut counters) = ((0..length).collect::<Vec<_>>(), vec![0; length]);
    let (mut all, mut n) = (vec![order.clone()], 0);
    while n < length {
        if counters[n] < n {
            order.swap(if n % 2 == 0 { 0 } else { counters[n] }, n);
            all.push(order.clone());
            counters[n] += 1;
            n = 0;
        } else {
            counters[n] = 0;
            n += 1;
        }
    }
    all
}

/// The events in this order, with one to three of them again at later places.
fn with_duplicates(events: &[Event], order: &[usize], rng: &Rng) -> Vec<Event> {
    let mut arrived: Vec<Event> = order.iter().map(|n| events[*n].clone()).collect();
    let random: [u8; 7] = rng.bytes().unwrap();
    for again in 0..=usize::from(random[0] % 3) {
        let from = usize::from(random[1 + 2 * again]) % arrived.len();
        let to = from + usize::from(random[2 + 2 * again]) % (arrived.len() - from) + 1;
        let event = arrived[from].clone();
        arrived.insert(to, event);
    }
    arrived
}

/// R54: every permutation of six events, each also with duplicates, ends as the true order does.
fn converges(changes: Vec<DirectoryChange>) -> World {
    assert_eq!(changes.len(), 6);
    let events = history(changes);
    let mut truth = World::with_tenant();
    truth.replay(&events);
    let (rng, expected) = (Rng::seeded(54), truth.settled());
    let orders = permutations(events.len());
    assert_eq!(orders.len(), 720);
    for order in orders {
        for arrived in
            [order.iter().map(|n| events[*n].clone()).collect(), with_duplicates(&events, &order, &rng)]
        {
            let mut world = World::with_tenant();
            world.replay(&arrived);
            assert_eq!(world.settled(), expected, "{order:?}");
            orders_grow(&world);
        }
    }
    truth
}

/// Notices about one subject carry growing numbers, whatever order the events came in.
fn orders_grow(world: &World) {
    for (n, (notice, order)) in world.notices.iter().enumerate() {
        let earlier = world.notices[..n].iter().filter(|(other, _)| other.subject() == notice.subject());
        assert!(earlier.into_iter().all(|(_, before)| before < order), "{:?}", world.notices);
    }
}

fn upsert(record: UserRecord) -> DirectoryChange {
    DirectoryChange::UpsertUser(record)
}

fn in_state(state: DirectoryUserState) -> UserRecord {
    UserRecord { state, ..person("ada", "ada@acme.com") }
}

fn delete(record: UserRecord) -> DirectoryChange {
    DirectoryChange::DeleteUser { user: record.id.clone(), record: Some(record) }
}

/// R54, R58: hired, renamed, suspended, back, another address, gone.
#[test]
fn every_order_of_a_leavers_history_ends_with_them_out() {
    let married = || UserRecord { last_name: Some("Byron".into()), ..person("ada", "ada.byron@acme.com") };
    let end = converges(vec![
        upsert(person("ada", "ada@acme.com")),
        upsert(UserRecord { first_name: Some("Augusta".into()), ..person("ada", "ada@acme.com") }),
        upsert(in_state(DirectoryUserState::Suspended)),
        upsert(person("ada", "ada@acme.com")),
        upsert(married()),
        delete(married()),
    ]);
    assert!(!end.user_of("ada").active_in(end.gate()));
    assert_eq!(end.user_of("ada").address(), "ada.byron@acme.com");
}

/// R54, R60: gone and created again under the same directory user id.
#[test]
fn every_order_of_a_return_ends_with_them_in() {
    let end = converges(vec![
        upsert(person("ada", "ada@acme.com")),
        upsert(in_state(DirectoryUserState::Inactive)),
        delete(in_state(DirectoryUserState::Inactive)),
        upsert(UserRecord { email: None, ..person("ada", "") }),
        upsert(UserRecord { idp_id: Some("idp-2".into()), ..person("ada", "ada@acme.com") }),
        upsert(UserRecord { first_name: None, ..person("ada", "ada.l@acme.com") }),
    ]);
    assert!(end.user_of("ada").active_in(end.gate()));
}

/// R54, R60: the directory's record ends, and a second one of the same person begins.
#[test]
fn every_order_of_a_rehire_ends_with_one_active_user() {
    let again = || UserRecord { id: member("ada2"), ..person("ada", "ada@acme.com") };
    let events = history(vec![
        upsert(person("ada", "ada@acme.com")),
        delete(person("ada", "ada@acme.com")),
        upsert(again()),
        upsert(UserRecord { first_name: Some("Augusta".into()), ..again() }),
    ]);
    for order in permutations(events.len()) {
        let arrived: Vec<Event> = order.iter().map(|n| events[*n].clone()).collect();
        let mut world = World::with_tenant();
        world.replay(&arrived);
        assert_eq!(world.users.len(), 1, "{order:?}");
        assert_eq!(world.user_of("ada").id, world.user_of("ada2").id);
        assert!(world.user_of("ada2").active_in(world.gate()), "{order:?}");
        assert_eq!(world.user_of("ada2").first_name.as_deref(), Some("Augusta"), "{order:?}");
    }
}

/// R54: a group with its memberships, in every order: memberships need neither group nor member.
#[test]
fn every_order_of_a_groups_history_ends_alike() {
    let (ada, staff) = (member("ada"), group("staff"));
    let add = || DirectoryChange::AddMember { group: staff.clone(), user: ada.clone() };
    let remove = || DirectoryChange::RemoveMember { group: staff.clone(), user: ada.clone() };
    let end = converges(vec![
        upsert(person("ada", "ada@acme.com")),
        DirectoryChange::UpsertGroup(named("staff", "Staff")),
        add(),
        remove(),
        add(),
        DirectoryChange::UpsertGroup(named("staff", "Everybody")),
    ]);
    assert_eq!(end.groups[&staff].name, "Everybody");
    assert!(end.memberships[&(staff.clone(), ada.clone())].present);

    let gone = converges(vec![
        DirectoryChange::UpsertGroup(named("staff", "Staff")),
        upsert(person("ada", "ada@acme.com")),
        add(),
        remove(),
        DirectoryChange::DeleteGroup { group: staff.clone() },
        delete(person("ada", "ada@acme.com")),
    ]);
    assert!(gone.groups[&staff].deleted);
    assert!(!gone.memberships[&(staff, ada)].present);
}

/// A directory whose people come before it does, and which changes its state, is as if it had come first.
#[test]
fn every_order_of_a_directorys_own_history_ends_alike() {
    let record = |name: &str, state| {
        DirectoryChange::DirectoryActivated(DirectoryRecord {
            name: name.into(),
            kind: "okta scim v2.0".into(),
            state,
        })
    };
    let end = converges(vec![
        record("Okta", DirectoryState::Validating),
        record("Okta", DirectoryState::Active),
        upsert(person("ada", "ada@acme.com")),
        DirectoryChange::DirectoryDeactivated,
        record("Okta of Acme", DirectoryState::Active),
        upsert(person("grace", "grace@acme.com")),
    ]);
    assert_eq!(end.directories.values().next().unwrap().name, "Okta of Acme");
    assert!(end.user_of("grace").active_in(end.gate()));
}

/// The same event twice changes nothing, not even with another body; an older one is told apart from it.
#[test]
fn duplicates_and_late_events_are_told_apart() {
    let events = history(vec![
        upsert(person("ada", "ada@acme.com")),
        upsert(person("ada", "ada.l@acme.com")),
        upsert(person("ada", "ada.b@acme.com")),
    ]);
    let mut world = World::with_tenant();
    let mut apply = |n: usize| world.apply(&origin(), &events[n].change, &events[n].stamp);
    assert_eq!(apply(1), Outcome::Applied { version: 1 });
    assert_eq!(apply(1), Outcome::Duplicate);
    assert_eq!(apply(0), Outcome::Stale);
    assert_eq!(apply(0), Outcome::Duplicate);
    assert_eq!(apply(2), Outcome::Applied { version: 2 });
    // Even when the record of seen events is lost.
    world.seen.clear();
    let again = world.apply(&origin(), &events[2].change, &events[2].stamp);
    assert_eq!(again, Outcome::Duplicate);
}
