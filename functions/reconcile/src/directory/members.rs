//! Groups of a directory, and who is in them: a group's list of members, and the difference to ours.

use domain::DirectoryGroupId;
use domain::DirectoryUserId;
use domain::directory::DirectoryChange;
use serde::{Deserialize, Serialize};
use workos::{GroupsOf, Kind, UsersOf};

use super::{ListingStep, PAGE, Run};
use crate::{Reconciler, Trouble};

/// A group whose members are being compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    pub id: DirectoryGroupId,
    /// The last member of WorkOS's list that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed: Option<DirectoryUserId>,
    /// WorkOS's list is whole: ours is walked through, up to here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walked: Option<Walked>,
}

/// A place in our own list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walked {
    pub after: Option<String>,
}

impl Reconciler {
    /// One page of groups.
    pub(super) async fn list_groups(
        &self,
        run: &mut Run,
        after: Option<DirectoryGroupId>,
    ) -> Result<ListingStep, Trouble> {
        let of = GroupsOf::Directory(&run.origin.directory);
        let deadline = self.ask(run.time);
        let page = self.workos.directory_groups(&self.api_key, of, after.as_ref(), deadline).await?;
        run.listing.counts.groups += u64::try_from(page.groups.len()).unwrap_or(0);
        let changes =
            page.groups.into_iter().map(|entry| DirectoryChange::UpsertGroup(entry.record)).collect();
        run.listing.counts.groups_changed += self.apply_all(run, changes).await?;
        Ok(match page.next {
            Some(next) => ListingStep::Groups { after: Some(next) },
            None => ListingStep::Check,
        })
    }

    /// One page of our own groups: those that were not listed are gone.
    pub(super) async fn end_groups(
        &self,
        run: &mut Run,
        after: Option<String>,
    ) -> Result<ListingStep, Trouble> {
        let (organization, directory) = (&run.organization, &run.origin.directory);
        let page = self
            .store()
            .directory_groups(organization, directory, after.as_deref(), PAGE, self.now())
            .await?;
        let gone = page
            .items
            .into_iter()
            .filter(|group| !group.deleted && run.listing.unlisted(group.version, group.clock.as_ref()));
        let changes = gone.map(|group| DirectoryChange::DeleteGroup { group: group.id }).collect();
        run.listing.counts.groups_changed += self.apply_all(run, changes).await?;
        Ok(match page.next {
            Some(next) => ListingStep::GroupEnds { after: Some(next) },
            None => ListingStep::Members { done: None, group: None },
        })
    }

    /// The next page of the members of the group in hand, or of the next group. A small group is one step.
    pub(super) async fn compare_members(
        &self,
        run: &mut Run,
        done: Option<String>,
        group: Option<Group>,
    ) -> Result<ListingStep, Trouble> {
        let (done, group) = match group {
            Some(group) => (done, group),
            None => match self.next_group(run, done).await? {
                Some((done, id)) => (done, Group { id, listed: None, walked: None }),
                None => return Ok(ListingStep::Ends { after: None }),
            },
        };
        let id = group.id.to_string();
        let group = match group.walked {
            Some(_) => Some(group),
            None => self.list_members(run, group).await?,
        };
        match group {
            Some(Group { id, walked: Some(Walked { after }), .. }) => {
                self.end_members(run, done, id, after).await
            }
            None => Ok(ListingStep::Members { done: Some(id), group: None }),
            group => Ok(ListingStep::Members { done, group }),
        }
    }

    /// The next group of ours that is not deleted, and the one before it in our list.
    async fn next_group(
        &self,
        run: &Run,
        mut done: Option<String>,
    ) -> Result<Option<(Option<String>, DirectoryGroupId)>, Trouble> {
        let (organization, directory) = (&run.organization, &run.origin.directory);
        loop {
            let page = self
                .store()
                .directory_groups(organization, directory, done.as_deref(), 1, self.now())
                .await?;
            if let Some(group) = page.items.into_iter().find(|group| !group.deleted) {
                return Ok(Some((done, group.id)));
            }
            done = page.next;
            if done.is_none() {
                return Ok(None);
            }
        }
    }

    /// A page of WorkOS's list of a group. `listed` and no `walked`: there are more pages. One that was deleted since
    /// the groups were listed has none: its event comes, or the next comparison finds it.
    async fn list_members(&self, run: &mut Run, group: Group) -> Result<Option<Group>, Trouble> {
        let Group { id, listed, .. } = group;
        self.breathe().await;
        let (of, deadline) = (UsersOf::Group(&id), self.ask(run.time));
        let page = match self.workos.directory_users(&self.api_key, of, listed.as_ref(), deadline).await {
            Ok(page) => page,
            Err(error) if matches!(error.kind, Kind::Rejected { status: 404, .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        if page.users.iter().any(|entry| entry.directory != run.origin.directory) {
            return Err(Trouble::Foreign(run.origin.directory.clone()));
        }
        run.listing.counts.memberships += u64::try_from(page.users.len()).unwrap_or(0);
        let added = |user| DirectoryChange::AddMember { group: id.clone(), user };
        let changes = page.users.into_iter().map(|entry| added(entry.record.id)).collect();
        run.listing.counts.memberships_changed += self.apply_all(run, changes).await?;
        Ok(Some(match page.next {
            Some(next) => Group { id, listed: Some(next), walked: None },
            None => Group { id, listed: None, walked: Some(Walked { after: None }) },
        }))
    }

    async fn end_members(
        &self,
        run: &mut Run,
        done: Option<String>,
        id: DirectoryGroupId,
        after: Option<String>,
    ) -> Result<ListingStep, Trouble> {
        let (organization, directory) = (&run.organization, &run.origin.directory);
        let page = self.store().memberships(organization, directory, &id, after.as_deref(), PAGE).await?;
        let gone = page
            .items
            .into_iter()
            .filter(|edge| edge.present && run.listing.unlisted(edge.version, edge.clock.as_ref()));
        let changes =
            gone.map(|edge| DirectoryChange::RemoveMember { group: id.clone(), user: edge.member }).collect();
        run.listing.counts.memberships_changed += self.apply_all(run, changes).await?;
        Ok(match page.next {
            Some(next) => {
                let group = Group { id, listed: None, walked: Some(Walked { after: Some(next) }) };
                ListingStep::Members { done, group: Some(group) }
            }
            None => ListingStep::Members { done: Some(id.to_string()), group: None },
        })
    }
}
