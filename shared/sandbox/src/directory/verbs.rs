//! What can happen in a directory, and the events that WorkOS would make of it.
//!
//! Every verb changes the directory, tells the mock IdP what it would know too (name, address, groups), and leaves the
//! news in the order in which they happened. What changes nothing is no news.

use domain::{
    ConnectionId, DirectoryGroupId, DirectoryUserId, EmailAddress, OrganizationId, Rng, RngError, Timestamp,
    sha256,
};
use serde_json::{Map, Value};

use super::objects::{self, user_json};
use super::{Directory, MOST_USERS, User, UserState};
use crate::events::News;
use crate::identity::idp_id;
use crate::model::{Connection, Person, World};

/// Time and randomness of one change.
#[derive(Clone, Copy)]
pub(crate) struct Pen<'a> {
    pub(crate) rng: &'a Rng,
    pub(crate) now: Timestamp,
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    #[error("{0}")]
    Because(&'static str),
    #[error(transparent)]
    Rng(#[from] RngError),
    #[error("an id came out wrong")]
    Id,
}

/// What is told of a person; what is absent stays as it is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    /// `Some(None)`: the directory user has no address any more.
    pub(crate) email: Option<Option<EmailAddress>>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) idp_id: Option<String>,
    /// Null takes one away.
    pub(crate) attributes: Map<String, Value>,
    /// Names or ids; they replace all. Unknown names become groups.
    pub(crate) groups: Option<Vec<String>>,
}

/// One directory being changed.
pub(crate) struct Change<'a> {
    pub(crate) directory: &'a mut Directory,
    pub(super) people: &'a mut Vec<Person>,
    connections: &'a [Connection],
    pub(super) pen: Pen<'a>,
    pub(crate) news: Vec<News>,
}

impl Pen<'_> {
    pub(crate) fn ulid(&self) -> Result<String, RngError> {
        self.rng.ulid(self.now)
    }

    pub(super) fn user_id(&self) -> Result<DirectoryUserId, NotDone> {
        DirectoryUserId::parse(&format!("directory_user_{}", self.ulid()?)).map_err(|_| NotDone::Id)
    }

    pub(super) fn group_id(&self) -> Result<DirectoryGroupId, NotDone> {
        DirectoryGroupId::parse(&format!("directory_group_{}", self.ulid()?)).map_err(|_| NotDone::Id)
    }
}

/// What the person's profile carries at the first of their connections. Without any, nothing joins it.
pub(super) fn idp_id_of(connections: &[Connection], person: &Person) -> String {
    let mut own = person.connections.iter();
    let known = own.find_map(|id| connections.iter().find(|connection| connection.id == *id));
    known.map_or_else(|| sha256(&person.key), |connection| idp_id(connection, person))
}

impl<'a> Change<'a> {
    pub(crate) fn new(world: &'a mut World, directory: &str, pen: Pen<'a>) -> Option<Self> {
        let World { directories, people, connections, .. } = world;
        let directory = directories.iter_mut().find(|known| known.id.as_str() == directory)?;
        Some(Self { directory, people, connections, pen, news: vec![] })
    }

    pub(super) fn tell(&mut self, kind: &'static str, subject: &str, data: Value) {
        let organization = Some(self.directory.organization.clone());
        self.news.push(News { kind: kind.to_owned(), organization, subject: subject.to_owned(), data });
    }

    pub(super) fn person(&mut self, email: &EmailAddress) -> Option<&mut Person> {
        let organization: &OrganizationId = &self.directory.organization;
        self.people.iter_mut().find(|person| {
            person.organization.as_ref() == Some(organization) && person.email.folded() == email.folded()
        })
    }

    pub(super) fn own_connections(&self) -> Vec<ConnectionId> {
        let own = |known: &&Connection| known.organization.as_ref() == Some(&self.directory.organization);
        self.connections.iter().filter(own).map(|known| known.id.clone()).collect()
    }

    pub(super) fn idp_id_of(&self, person: &Person) -> String {
        idp_id_of(self.connections, person)
    }

    /// A new directory user, and an account at the mock IdP for who has none.
    pub(crate) fn hire(
        &mut self,
        email: &EmailAddress,
        details: &Details,
    ) -> Result<DirectoryUserId, NotDone> {
        if !self.directory.is_free(email, None) {
            return Err(NotDone::Because("This person is in the directory already."));
        }
        if self.directory.users.len() >= MOST_USERS {
            return Err(NotDone::Because("The directory is full."));
        }
        let id = self.pen.user_id()?;
        let person = if let Some(person) = self.person(email) {
            person.clone()
        } else {
            let connections = self.own_connections();
            let person = Person::newcomer(&self.directory.organization, connections, email);
            self.people.push(person.clone());
            person
        };
        let now = self.pen.now;
        let user = User {
            id: id.clone(),
            idp_id: self.idp_id_of(&person),
            email: Some(email.clone()),
            first_name: person.first_name,
            last_name: person.last_name,
            role: person.role,
            attributes: super::seed::attributes(person.job_title.as_deref(), person.department.as_deref()),
            state: UserState::Active,
            created_at: now,
            updated_at: now,
        };
        let user = details.over(user);
        self.directory.admit(user.clone());
        self.copy_to_idp(email, &user);
        self.tell("dsync.user.created", id.as_str(), user_json(self.directory, &user));
        self.set_groups(&id, details.groups.as_ref().unwrap_or(&person.groups))?;
        Ok(id)
    }

    /// Somebody who was deleted comes back, as another directory user.
    pub(crate) fn rehire(
        &mut self,
        email: &EmailAddress,
        details: &Details,
    ) -> Result<DirectoryUserId, NotDone> {
        if self.directory.user_by_email(email).is_some_and(|user| user.state == UserState::Inactive) {
            return Err(NotDone::Because(
                "This person is still in the directory, inactive: reactivate them.",
            ));
        }
        let Some(leaver) = self.directory.leaver(email).cloned() else {
            return Err(NotDone::Because("Nobody with this address has left the directory: hire them."));
        };
        let details = Details {
            idp_id: details.idp_id.clone().or(Some(leaver.idp_id)),
            first_name: details.first_name.clone().or(leaver.first_name),
            last_name: details.last_name.clone().or(leaver.last_name),
            role: details.role.clone().or(leaver.role),
            attributes: leaver.attributes.into_iter().chain(details.attributes.clone()).collect(),
            ..details.clone()
        };
        self.hire(email, &details)
    }

    pub(crate) fn update(&mut self, id: &DirectoryUserId, details: &Details) -> Result<(), NotDone> {
        if let Some(Some(email)) = &details.email
            && !self.directory.is_free(email, Some(id))
        {
            return Err(NotDone::Because("Somebody in the directory has the new e-mail address already."));
        }
        let old = self.directory.users.get(id.as_str()).cloned().ok_or(NotDone::Id)?;
        let new = details.over(old.clone());
        self.directory.readdress(id, new.email.clone());
        if let Some(known) = &old.email {
            self.copy_to_idp(known, &new);
        }
        self.amend(&old, new);
        match &details.groups {
            Some(groups) => self.set_groups(id, groups),
            None => Ok(()),
        }
    }

    pub(crate) fn set_state(&mut self, id: &DirectoryUserId, state: UserState) -> Result<(), NotDone> {
        let old = self.directory.users.get(id.as_str()).cloned().ok_or(NotDone::Id)?;
        let new = User { state, ..old.clone() };
        self.amend(&old, new);
        Ok(())
    }

    /// Deletes the user, as WorkOS does with whom a directory calls inactive; or keeps the user and takes the memberships.
    /// `dsync.user.deleted` is all there is to hear then: the memberships go without a word.
    pub(crate) fn fire(&mut self, id: &DirectoryUserId, keep: bool) -> Result<(), NotDone> {
        if keep {
            self.set_state(id, UserState::Inactive)?;
            return self.set_groups(id, &[]);
        }
        let user = self.directory.dismiss(id).ok_or(NotDone::Id)?;
        self.tell("dsync.user.deleted", id.as_str(), user_json(self.directory, &user));
        Ok(())
    }

    fn amend(&mut self, old: &User, new: User) {
        if *old == new {
            return;
        }
        let new = User { updated_at: self.pen.now, ..new };
        let mut data = user_json(self.directory, &new);
        let previous = objects::previous(&user_json(self.directory, old), &data);
        if let Some(fields) = data.as_object_mut() {
            fields.insert("previous_attributes".to_owned(), previous);
        }
        if let Some(user) = self.directory.users.get_mut(new.id.as_str()) {
            *user = new.clone();
        }
        self.tell("dsync.user.updated", new.id.as_str(), data);
    }

    /// The mock IdP is the same source: whoever signs in next has the new name.
    fn copy_to_idp(&mut self, email: &EmailAddress, user: &User) {
        let Some(person) = self.person(email) else { return };
        person.first_name.clone_from(&user.first_name);
        person.last_name.clone_from(&user.last_name);
        person.role.clone_from(&user.role);
        if let Some(email) = &user.email {
            person.email.clone_from(email);
        }
        let text = |name: &str| user.attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        person.job_title = text("job_title");
        person.department = text("department_name");
    }
}

impl Details {
    fn over(&self, user: User) -> User {
        let mut attributes = user.attributes;
        let work = [("job_title", &self.job_title), ("department_name", &self.department)];
        let work =
            work.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
        attributes.extend(work.chain(self.attributes.clone()));
        attributes.retain(|_, value| !value.is_null());
        User {
            email: self.email.clone().unwrap_or(user.email),
            first_name: self.first_name.clone().or(user.first_name),
            last_name: self.last_name.clone().or(user.last_name),
            role: self.role.clone().or(user.role),
            idp_id: self.idp_id.clone().unwrap_or(user.idp_id),
            attributes,
            ..user
        }
    }
}

impl World {
    pub(crate) fn directory(&self, id: &str) -> Option<&Directory> {
        self.directories.iter().find(|known| known.id.as_str() == id)
    }

    pub(crate) fn directory_of(&self, organization: &OrganizationId) -> Option<&Directory> {
        self.directories.iter().find(|known| known.organization == *organization)
    }

    /// Its users and groups go without a word of their own.
    pub(crate) fn delete_directory(&mut self, id: &str) -> Option<News> {
        let at = self.directories.iter().position(|known| known.id.as_str() == id)?;
        let directory = self.directories.remove(at);
        Some(News {
            kind: "dsync.deleted".to_owned(),
            organization: Some(directory.organization.clone()),
            subject: directory.id.to_string(),
            data: objects::deleted(&directory),
        })
    }

    /// `dsync.activated` for a directory that is there.
    pub(crate) fn activated(&self, directory: &Directory) -> News {
        News {
            kind: "dsync.activated".to_owned(),
            organization: Some(directory.organization.clone()),
            subject: directory.id.to_string(),
            data: objects::activated(self, directory),
        }
    }
}
