//! Directories: what a company's directory says of people and groups, kept as WorkOS would have it.
//!
//! A directory user is not a [`Person`](crate::model::Person): firing somebody here leaves the account at the mock IdP
//! as it is, so that the race between a leaver and a login can be played. What joins the two is `idp_id`, which is the
//! one that the person's profile carries at sign-in.

mod bulk;
mod endpoints;
mod groups;
mod objects;
mod roll;
mod seed;
mod verbs;

use std::collections::{HashMap, HashSet};

use domain::{DirectoryGroupId, DirectoryId, DirectoryUserId, EmailAddress, OrganizationId, Timestamp};
use serde_json::{Map, Value};

use crate::model::{Connection, Person, World};

pub(crate) use bulk::Sync;
pub(crate) use endpoints::routes;
pub(crate) use objects::{group_json, user_json};
use roll::Roll;
pub(crate) use seed::directories;
pub(crate) use verbs::{Change, Details, NotDone, Pen};

/// More than any bench needs, and less than would trouble a laptop.
pub(crate) const MOST_USERS: usize = 50_000;
pub(crate) const MOST_GROUPS: usize = 10_000;

#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) id: DirectoryId,
    pub(crate) organization: OrganizationId,
    pub(crate) name: String,
    /// WorkOS's `type`: `okta scim v2.0`.
    pub(crate) kind: &'static str,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) users: Roll<User>,
    pub(crate) groups: Roll<Group>,
    /// By folded address, of those who are in the directory.
    by_email: HashMap<String, DirectoryUserId>,
    /// Who was deleted, the last one last: whom "rehire" brings back.
    pub(crate) leavers: Vec<User>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct User {
    pub(crate) id: DirectoryUserId,
    pub(crate) idp_id: String,
    pub(crate) email: Option<EmailAddress>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) role: Option<String>,
    /// `custom_attributes`.
    pub(crate) attributes: Map<String, Value>,
    pub(crate) state: UserState,
    pub(crate) created_at: Timestamp,
    /// Memberships do not move it, as at WorkOS.
    pub(crate) updated_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UserState {
    Active,
    Suspended,
    /// Only where the environment keeps inactive users; elsewhere they are deleted.
    Inactive,
}

#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) id: DirectoryGroupId,
    /// The name at creation, as WorkOS has it for most directories. A renamed group keeps it.
    pub(crate) idp_id: String,
    pub(crate) name: String,
    pub(crate) members: HashSet<DirectoryUserId>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

impl UserState {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Inactive => "inactive",
        }
    }
}

impl User {
    pub(crate) fn name(&self) -> Option<String> {
        let parts: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

impl Directory {
    pub(crate) fn user_by_email(&self, email: &EmailAddress) -> Option<&User> {
        self.users.get(self.by_email.get(&email.folded())?.as_str())
    }

    /// Whether nobody else here has the address.
    pub(crate) fn is_free(&self, email: &EmailAddress, own: Option<&DirectoryUserId>) -> bool {
        self.by_email.get(&email.folded()).is_none_or(|holder| own == Some(holder))
    }

    pub(crate) fn leaver(&self, email: &EmailAddress) -> Option<&User> {
        let has = |user: &&User| user.email.as_ref().is_some_and(|own| own.folded() == email.folded());
        self.leavers.iter().rev().find(has)
    }

    /// By id, or by name where one group alone has it.
    pub(crate) fn group(&self, wanted: &str) -> Option<&Group> {
        let mut named = self.groups.iter().filter(|group| group.name == wanted);
        self.groups.get(wanted).or_else(|| named.next().filter(|_| named.next().is_none()))
    }

    /// Oldest first.
    pub(crate) fn groups_of<'a>(&'a self, user: &'a DirectoryUserId) -> impl Iterator<Item = &'a Group> {
        self.groups.iter().filter(|group| group.members.contains(user))
    }

    pub(crate) fn count(&self, state: UserState) -> usize {
        self.users.iter().filter(|user| user.state == state).count()
    }

    pub(super) fn admit(&mut self, user: User) {
        if let Some(email) = &user.email {
            self.by_email.insert(email.folded(), user.id.clone());
        }
        self.users.insert(user.id.to_string(), user);
    }

    /// Takes a user out, with the memberships.
    fn dismiss(&mut self, id: &DirectoryUserId) -> Option<User> {
        let user = self.users.remove(id.as_str())?;
        if let Some(email) = &user.email {
            self.by_email.remove(&email.folded());
        }
        for group in self.groups.iter_mut() {
            group.members.remove(id);
        }
        self.leavers.push(user.clone());
        Some(user)
    }

    /// The same user under another address.
    fn readdress(&mut self, id: &DirectoryUserId, email: Option<EmailAddress>) {
        let Some(user) = self.users.get_mut(id.as_str()) else { return };
        if let Some(old) = std::mem::replace(&mut user.email, email.clone()) {
            self.by_email.remove(&old.folded());
        }
        if let Some(email) = email {
            self.by_email.insert(email.folded(), id.clone());
        }
    }
}

impl World {
    /// Whether the person is active in the directory of the connection's organization, where there is one.
    pub(crate) fn active_in_directory(&self, connection: &Connection, person: &Person) -> bool {
        let directory = connection.organization.as_ref().and_then(|id| self.directory_of(id));
        directory.is_none_or(|directory| {
            directory.user_by_email(&person.email).is_some_and(|user| user.state == UserState::Active)
        })
    }
}

#[cfg(test)]
mod tests;
