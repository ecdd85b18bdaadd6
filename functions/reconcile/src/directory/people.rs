//! People of a directory: those who are listed, and those who are not any more.

use domain::DirectoryUserId;
use domain::directory::{DirectoryChange, DirectoryUser};
use workos::UsersOf;

use super::{Held, ListingStep, PAGE, Run};
use crate::{Reconciler, Trouble};

impl Reconciler {
    /// One page of people. Who is listed as not active is left for the end, where everybody who loses access is counted.
    pub(super) async fn list_people(
        &self,
        run: &mut Run,
        after: Option<DirectoryUserId>,
    ) -> Result<ListingStep, Trouble> {
        self.breathe().await;
        let of = UsersOf::Directory(&run.origin.directory);
        let deadline = self.ask(run.time);
        let page = self.workos.directory_users(&self.api_key, of, after.as_ref(), deadline).await?;
        run.listing.counts.people += u64::try_from(page.users.len()).unwrap_or(0);
        let active = page.users.into_iter().filter(|entry| entry.record.state.active());
        let changes = active.map(|entry| DirectoryChange::UpsertUser(entry.record)).collect();
        run.listing.counts.people_changed += self.apply_all(run, changes).await?;
        Ok(match page.next {
            Some(next) => ListingStep::People { after: Some(next) },
            None => ListingStep::Groups { after: None },
        })
    }

    /// Whether so many as are missing in the list may lose their access. `None` when somebody has to agree first.
    pub(super) async fn check(&self, run: &mut Run) -> Result<Option<ListingStep>, Trouble> {
        let (mut active, mut would_end, mut after) = (0, 0, None);
        loop {
            let page = self.own_people(run, after.as_deref()).await?;
            let here = page.items.iter().filter(|user| user.state.active());
            let (here, gone) = here.fold((0, 0), |(here, gone), user| {
                (here + 1, gone + u64::from(run.listing.unlisted(user.version, user.clock.as_ref())))
            });
            (active, would_end, after) = (active + here, would_end + gone, page.next);
            if after.is_none() {
                break;
            }
        }
        Ok(run.agreed(would_end, active).then_some(ListingStep::GroupEnds { after: None }))
    }

    /// One page of our own people: WorkOS is asked about each who was not listed. `None` when more would lose their
    /// access than was agreed to.
    pub(super) async fn end_people(
        &self,
        run: &mut Run,
        after: Option<String>,
    ) -> Result<Option<ListingStep>, Trouble> {
        let page = self.own_people(run, after.as_deref()).await?;
        let gone: Vec<DirectoryUser> = page
            .items
            .into_iter()
            .filter(|user| user.state.active() && run.listing.unlisted(user.version, user.clock.as_ref()))
            .collect();
        for user in gone {
            self.breathe().await;
            let found = self.workos.directory_user(&self.api_key, &user.id, self.ask(run.time)).await?;
            let change = match found {
                Some(entry) if entry.directory != run.origin.directory => {
                    return Err(Trouble::Foreign(run.origin.directory.clone()));
                }
                Some(entry) => DirectoryChange::UpsertUser(entry.record),
                None => DirectoryChange::DeleteUser { user: user.id.clone(), record: None },
            };
            let ends = match &change {
                DirectoryChange::UpsertUser(record) => !record.state.active(),
                _ => true,
            };
            if ends && run.listing.counts.ended >= run.listing.allowed.unwrap_or(0) {
                let (would_end, allowed) = (run.listing.counts.ended + 1, run.listing.allowed.unwrap_or(0));
                run.held = Some(Held { would_end, active: self.active(run).await?, allowed });
                return Ok(None);
            }
            let changed = self.apply_all(run, vec![change]).await?;
            if ends {
                run.listing.counts.ended += changed;
            } else {
                run.listing.counts.people_changed += changed;
            }
        }
        Ok(Some(match page.next {
            Some(next) => ListingStep::Ends { after: Some(next) },
            None => ListingStep::Done,
        }))
    }

    /// How many people of the directory are active here.
    pub(super) async fn active(&self, run: &Run) -> Result<u64, Trouble> {
        let (mut active, mut after) = (0, None);
        loop {
            let page = self.own_people(run, after.as_deref()).await?;
            let here = page.items.iter().filter(|user| user.state.active()).count();
            active += u64::try_from(here).unwrap_or(u64::MAX);
            after = page.next;
            if after.is_none() {
                return Ok(active);
            }
        }
    }

    async fn own_people(
        &self,
        run: &Run,
        after: Option<&str>,
    ) -> Result<store::ItemPage<DirectoryUser>, Trouble> {
        let (organization, directory) = (&run.organization, &run.origin.directory);
        Ok(self.store().directory_users(organization, directory, after, PAGE, self.now()).await?)
    }

    /// WorkOS takes a few questions a second about the people of one directory.
    pub(super) async fn breathe(&self) {
        if !self.pace.is_zero() {
            tokio::time::sleep(self.pace).await;
        }
    }
}
