//! A company whose directory is synchronised for the first time, and what happens in one afterwards.

use domain::Timestamp;
use e2e::dsync::{directory, event_at, group, membership, person, with};
use serde_json::{Value, json};

/// Members of each group.
const EACH: usize = 50;

/// So many people, in groups of fifty, everybody in one.
#[derive(Clone, Copy)]
pub(crate) struct Company {
    pub(crate) people: usize,
}

impl Company {
    pub(crate) const fn groups(self) -> usize {
        self.people / EACH
    }

    pub(crate) const fn memberships(self) -> usize {
        self.groups() * EACH
    }

    /// The directory, its people, its groups, its memberships.
    pub(crate) const fn events(self) -> usize {
        1 + self.people + self.groups() + self.memberships()
    }

    /// One of these events, in the order in which WorkOS makes them.
    pub(crate) fn event(self, at: Timestamp, n: usize) -> Value {
        let id = format!("sync{n:07}");
        let Some(n) = n.checked_sub(1) else { return event_at(at, &id, "dsync.activated", directory()) };
        if n < self.people {
            return event_at(at, &id, "dsync.user.created", employee(n));
        }
        let n = n - self.people;
        if n < self.groups() {
            return event_at(at, &id, "dsync.group.created", team(n));
        }
        let n = n - self.groups();
        event_at(at, &id, "dsync.group.user_added", membership(&employee(n), &team(n / EACH)))
    }
}

pub(crate) fn employee(n: usize) -> Value {
    person(&format!("P{n:05}"), &format!("p{n}@acme.com"))
}

pub(crate) fn team(n: usize) -> Value {
    group(&format!("T{n:05}"), &format!("Team {n}"))
}

/// What happens to one person and one group, event by event: everything that WorkOS tells of them.
pub(crate) fn life(at: Timestamp, n: usize) -> Vec<(&'static str, Value)> {
    let one = person(&format!("L{n:05}"), &format!("life{n}@acme.com"));
    let renamed = with(one.clone(), &json!({"first_name": "Adele"}));
    let team = group(&format!("L{n:05}"), &format!("Project {n}"));
    let edge = membership(&one, &team);
    let data = [
        ("dsync.user.created", one.clone()),
        ("dsync.user.updated", renamed),
        ("dsync.group.created", team.clone()),
        ("dsync.group.user_added", edge.clone()),
        ("dsync.group.updated", with(team.clone(), &json!({"name": format!("Programme {n}")}))),
        ("dsync.group.user_removed", edge),
        ("dsync.group.deleted", team),
        ("dsync.user.deleted", with(one, &json!({"state": "inactive"}))),
    ];
    // Later ones have later ids, so they are newer though the stack's clock stands.
    let event = |(k, (kind, data)): (usize, (&'static str, Value))| {
        (kind, event_at(at, &format!("life{n:05}x{k}"), kind, data))
    };
    data.into_iter().enumerate().map(event).collect()
}
