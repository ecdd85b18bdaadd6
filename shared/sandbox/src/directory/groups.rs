//! The verbs of groups: made, renamed, deleted, and who is in them.
//!
//! A deleted group takes its memberships along without a word, as at WorkOS; a membership event says who it is about and
//! no more.

use domain::{DirectoryGroupId, DirectoryUserId};
use serde_json::json;

use super::objects::{group_json, member_json};
use super::verbs::NotDone;
use super::{Change, Group, MOST_GROUPS};

impl Change<'_> {
    fn copy_groups_to_idp(&mut self, id: &DirectoryUserId) {
        let groups: Vec<String> = self.directory.groups_of(id).map(|group| group.name.clone()).collect();
        let email = self.directory.users.get(id.as_str()).and_then(|user| user.email.clone());
        if let Some(person) = email.and_then(|email| self.person(&email)) {
            person.groups = groups;
        }
    }

    pub(crate) fn group_create(&mut self, name: &str) -> Result<DirectoryGroupId, NotDone> {
        if self.directory.groups.iter().any(|group| group.name == name) {
            return Err(NotDone::Because("The directory has a group of that name already."));
        }
        if self.directory.groups.len() >= MOST_GROUPS {
            return Err(NotDone::Because("The directory has too many groups already."));
        }
        let now = self.pen.now;
        let group = Group {
            id: self.pen.group_id()?,
            idp_id: name.to_owned(),
            name: name.to_owned(),
            members: Default::default(),
            created_at: now,
            updated_at: now,
        };
        let id = group.id.clone();
        self.tell("dsync.group.created", id.as_str(), group_json(self.directory, &group));
        self.directory.groups.insert(id.to_string(), group);
        Ok(id)
    }

    pub(crate) fn group_rename(&mut self, id: &DirectoryGroupId, name: &str) -> Result<(), NotDone> {
        let now = self.pen.now;
        let group = self.directory.groups.get_mut(id.as_str()).ok_or(NotDone::Id)?;
        let old = std::mem::replace(&mut group.name, name.to_owned());
        if old == name {
            return Ok(());
        }
        group.updated_at = now;
        let group = group.clone();
        self.rename_at_idp(&old, Some(name));
        let mut data = group_json(self.directory, &group);
        if let Some(fields) = data.as_object_mut() {
            fields.insert("previous_attributes".to_owned(), json!({ "name": old }));
        }
        self.tell("dsync.group.updated", id.as_str(), data);
        Ok(())
    }

    /// The memberships go without a word, as at WorkOS.
    pub(crate) fn group_delete(&mut self, id: &DirectoryGroupId) -> Result<(), NotDone> {
        let group = self.directory.groups.remove(id.as_str()).ok_or(NotDone::Id)?;
        self.rename_at_idp(&group.name, None);
        self.tell("dsync.group.deleted", id.as_str(), group_json(self.directory, &group));
        Ok(())
    }

    fn rename_at_idp(&mut self, old: &str, new: Option<&str>) {
        let organization = &self.directory.organization;
        for person in
            self.people.iter_mut().filter(|person| person.organization.as_ref() == Some(organization))
        {
            person.groups = std::mem::take(&mut person.groups)
                .into_iter()
                .filter_map(|name| if name == old { new.map(str::to_owned) } else { Some(name) })
                .collect();
        }
    }

    pub(crate) fn group_add(&mut self, id: &DirectoryGroupId, user: &DirectoryUserId) -> Result<(), NotDone> {
        self.join(id, user)?;
        self.copy_groups_to_idp(user);
        Ok(())
    }

    pub(crate) fn group_remove(
        &mut self,
        id: &DirectoryGroupId,
        user: &DirectoryUserId,
    ) -> Result<(), NotDone> {
        self.leave(id, user)?;
        self.copy_groups_to_idp(user);
        Ok(())
    }

    pub(super) fn join(&mut self, id: &DirectoryGroupId, user: &DirectoryUserId) -> Result<(), NotDone> {
        let group = self.directory.groups.get_mut(id.as_str()).ok_or(NotDone::Id)?;
        if group.members.insert(user.clone()) {
            self.tell_membership("dsync.group.user_added", id, user)
        } else {
            Ok(())
        }
    }

    fn leave(&mut self, id: &DirectoryGroupId, user: &DirectoryUserId) -> Result<(), NotDone> {
        let group = self.directory.groups.get_mut(id.as_str()).ok_or(NotDone::Id)?;
        if group.members.remove(user) {
            self.tell_membership("dsync.group.user_removed", id, user)
        } else {
            Ok(())
        }
    }

    pub(super) fn tell_membership(
        &mut self,
        kind: &'static str,
        id: &DirectoryGroupId,
        user: &DirectoryUserId,
    ) -> Result<(), NotDone> {
        let directory = &*self.directory;
        let group = directory.groups.get(id.as_str()).ok_or(NotDone::Id)?;
        let member = directory.users.get(user.as_str()).ok_or(NotDone::Id)?;
        let data = json!({
            "directory_id": directory.id,
            "user": member_json(directory, member),
            "group": group_json(directory, group),
        });
        self.tell(kind, &format!("{id} {user}"), data);
        Ok(())
    }

    /// Makes these the person's groups; only what differs is news.
    pub(super) fn set_groups(&mut self, user: &DirectoryUserId, wanted: &[String]) -> Result<(), NotDone> {
        let mut ids = Vec::new();
        for name in wanted {
            let known = self.directory.group(name).map(|group| group.id.clone());
            ids.push(known.map_or_else(|| self.group_create(name), Ok)?);
        }
        let old: Vec<DirectoryGroupId> =
            self.directory.groups_of(user).map(|group| group.id.clone()).collect();
        for id in old.iter().filter(|id| !ids.contains(id)) {
            self.leave(id, user)?;
        }
        for id in &ids {
            self.join(id, user)?;
        }
        self.copy_groups_to_idp(user);
        Ok(())
    }
}
