//! The initial sync: everybody at once, as WorkOS tells of a directory that was just connected.
//!
//! With a number of people, so many who were not there before; they are in the directory only, so that the pages of the
//! mock IdP stay readable. Whoever of them shall sign in is added with `POST /_sandbox/people` and has the same `idp_id`.

use domain::{Domain, EmailAddress};

use super::objects::{group_json, user_json};
use super::verbs::NotDone;
use super::{Change, MOST_GROUPS, MOST_USERS, User, UserState};
use crate::model::Person;

const FIRST: [&str; 12] =
    ["Ana", "Bo", "Chidi", "Dora", "Emre", "Fay", "Goro", "Hana", "Ivo", "Jaya", "Kofi", "Lena"];
const LAST: [&str; 11] =
    ["Abe", "Bauer", "Costa", "Diaz", "Eriksen", "Fofana", "Gupta", "Haas", "Ito", "Jansen", "Kaya"];

/// How much an initial sync tells.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sync {
    pub(crate) people: usize,
    pub(crate) groups: usize,
    pub(crate) group_size: usize,
}

impl Change<'_> {
    /// New people, then new groups, then who is in them.
    pub(crate) fn grow(&mut self, sync: Sync, domain: &Domain) -> Result<(), NotDone> {
        if self.directory.users.len() + sync.people > MOST_USERS
            || self.directory.groups.len() + sync.groups > MOST_GROUPS
        {
            return Err(NotDone::Because("A directory holds at most 50000 people and 10000 groups."));
        }
        let connections = self.own_connections();
        let now = self.pen.now;
        let mut new = Vec::with_capacity(sync.people);
        let mut number = self.directory.users.len();
        while new.len() < sync.people {
            number += 1;
            let email =
                EmailAddress::parse(&format!("person{number:05}@{domain}")).map_err(|_| NotDone::Id)?;
            if !self.directory.is_free(&email, None) {
                continue;
            }
            let person = Person::newcomer(&self.directory.organization, connections.clone(), &email);
            let pick = |names: &[&str]| names.get(number % names.len()).map(|name| (*name).to_owned());
            let user = User {
                id: self.pen.user_id()?,
                idp_id: self.idp_id_of(&person),
                email: Some(email),
                first_name: pick(&FIRST),
                last_name: pick(&LAST),
                role: None,
                attributes: super::seed::attributes(Some("Associate"), Some("Operations")),
                state: UserState::Active,
                created_at: now,
                updated_at: now,
            };
            new.push(user.id.clone());
            self.directory.admit(user);
        }
        for id in &new {
            self.announce_user(id.as_str());
        }
        let mut groups = Vec::with_capacity(sync.groups);
        let mut number = 0;
        while groups.len() < sync.groups {
            number += 1;
            match self.group_create(&format!("Team {number:03}")) {
                Ok(id) => groups.push(id),
                // Taken: by an earlier sync.
                Err(NotDone::Because(_)) => {}
                Err(other) => return Err(other),
            }
        }
        let mut members = new.iter().cycle().take(if new.is_empty() { 0 } else { usize::MAX });
        for group in &groups {
            for member in members.by_ref().take(sync.group_size.min(new.len())) {
                self.join(group, member)?;
            }
        }
        Ok(())
    }

    /// Everybody and everything that is there.
    pub(crate) fn announce(&mut self) -> Result<(), NotDone> {
        let users: Vec<String> = self.directory.users.iter().map(|user| user.id.to_string()).collect();
        let groups: Vec<_> = self.directory.groups.iter().map(|group| group.id.clone()).collect();
        for id in &users {
            self.announce_user(id);
        }
        for id in &groups {
            let Some(group) = self.directory.groups.get(id.as_str()) else { continue };
            let data = group_json(self.directory, group);
            self.tell("dsync.group.created", id.as_str(), data);
        }
        for id in &groups {
            let members: Vec<_> = {
                let Some(group) = self.directory.groups.get(id.as_str()) else { continue };
                let order = self.directory.users.iter().map(|user| &user.id);
                order.filter(|user| group.members.contains(user)).cloned().collect()
            };
            for member in &members {
                self.tell_membership("dsync.group.user_added", id, member)?;
            }
        }
        Ok(())
    }

    fn announce_user(&mut self, id: &str) {
        let Some(user) = self.directory.users.get(id) else { return };
        let data = user_json(self.directory, user);
        self.tell("dsync.user.created", id, data);
    }
}
