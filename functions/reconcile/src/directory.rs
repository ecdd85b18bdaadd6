//! A whole directory compared with what WorkOS lists of it.
//!
//! For a gap that events cannot fill: a deployment that came later than the directory, or one that was away for longer
//! than events are kept. Everything listed is applied with the moment at which the listing began: what an event has said
//! since stays, and whatever still carries an older clock afterwards was not in the list. So nothing has to be remembered
//! but the place, and a run that was killed goes on where it stopped.
//!
//! A list that is wrong must not put a company out on the street. Nobody's access ends before the list is whole; if it
//! would end for more than twenty people and more than a twentieth, nothing more happens until somebody has agreed to
//! that number; and WorkOS is asked about each of them once more.

mod members;
mod people;

use std::time::Duration;

use domain::directory::{
    ChangeStamp, Directory, DirectoryChange, DirectorySource, EventClock, Ignored, Order, Origin, Outcome,
};
use domain::{DirectoryGroupId, DirectoryId, DirectoryUserId, OrganizationId, Timestamp};
use net::Deadline;
use serde::{Deserialize, Serialize};
use store::{Hold, Job};
use tokio::task::JoinSet;
use web::metrics;
use workos::DirectoryEntry;

pub use members::{Group, Walked};

use crate::{LEASE, Reconciler, Stop, Trouble, repaired};

/// Changes that are written at a time.
const AT_A_TIME: usize = 8;
/// Records that one read of ours takes.
const PAGE: u16 = 100;
/// So many people may lose their access by one comparison without anybody agreeing, or a twentieth if that is more.
const FEW: u64 = 20;
/// A listing that was begun longer ago is begun anew.
const OLD: Duration = Duration::from_secs(24 * 3600);

/// A comparison, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub began: Timestamp,
    pub step: ListingStep,
    pub counts: Counts,
    /// How many may lose their access, once that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<u64>,
    /// Somebody has to agree first.
    #[serde(default)]
    pub waits: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListingStep {
    Directory,
    People {
        after: Option<DirectoryUserId>,
    },
    Groups {
        after: Option<DirectoryGroupId>,
    },
    /// The list is whole: how many would lose their access?
    Check,
    GroupEnds {
        after: Option<String>,
    },
    Members {
        done: Option<String>,
        group: Option<Group>,
    },
    Ends {
        after: Option<String>,
    },
    Done,
}

/// What was compared, and what was put right.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub people: u64,
    pub people_changed: u64,
    pub groups: u64,
    pub groups_changed: u64,
    pub memberships: u64,
    pub memberships_changed: u64,
    /// People whose access ended.
    pub ended: u64,
}

/// Too many would lose their access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    pub would_end: u64,
    pub active: u64,
    pub allowed: u64,
}

/// What a comparison has come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DirectoryReport {
    pub stop: Stop,
    pub counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
}

/// One run of a comparison.
struct Run {
    origin: Origin,
    organization: OrganizationId,
    listing: Listing,
    confirm: Option<u64>,
    held: Option<Held>,
    time: Deadline,
}

impl Listing {
    fn new(began: Timestamp) -> Self {
        Self { began, step: ListingStep::Directory, counts: Counts::default(), allowed: None, waits: false }
    }

    /// Whether a run goes on with it. One that waits for somebody's consent only does when it is given.
    fn goes_on(&self, confirmed: bool, now: Timestamp) -> bool {
        self.step != ListingStep::Done && now.since(self.began) < OLD && (confirmed || !self.waits)
    }

    const fn stamp(&self) -> ChangeStamp {
        ChangeStamp::Listed { at: self.began }
    }

    /// Whether an item was not in the list and no event has spoken of it since.
    fn unlisted(&self, version: u64, clock: Option<&EventClock>) -> bool {
        self.stamp().order(version, clock) == Order::Newer
    }

    /// The word for the step, for people.
    pub const fn word(&self) -> &'static str {
        match self.step {
            ListingStep::Directory => "directory",
            ListingStep::People { .. } => "people",
            ListingStep::Groups { .. } => "groups",
            ListingStep::Check => "check",
            ListingStep::GroupEnds { .. } => "deleted groups",
            ListingStep::Members { .. } => "memberships",
            ListingStep::Ends { .. } => "leavers",
            ListingStep::Done => "done",
        }
    }
}

/// How many may lose their access without anybody agreeing.
fn few(active: u64) -> u64 {
    (active / 20).max(FEW)
}

impl Run {
    /// Whether so many may lose their access.
    fn agreed(&mut self, would_end: u64, active: u64) -> bool {
        let allowed = few(active).max(self.confirm.unwrap_or(0));
        if would_end <= allowed {
            self.listing.allowed = Some(allowed);
            self.listing.waits = false;
            return true;
        }
        self.listing.waits = true;
        self.held = Some(Held { would_end, active, allowed });
        false
    }
}

impl Reconciler {
    /// Compares a directory with WorkOS's lists and puts right what differs; goes on with a comparison that was not
    /// finished. `confirm` agrees to so many people losing their access.
    ///
    /// # Errors
    /// When WorkOS or the database does not answer, or the directory is not WorkOS's.
    pub async fn compare(
        &self,
        directory: &DirectoryId,
        confirm: Option<u64>,
        time: Deadline,
        progress: &mut (dyn FnMut(&Listing) + Send),
    ) -> Result<DirectoryReport, Trouble> {
        let now = self.now();
        let known = self.store().directory(directory).await?;
        if known.as_ref().is_some_and(|known| known.source != DirectorySource::Dsync) {
            return Err(Trouble::NotWorkOs(directory.clone()));
        }
        let job = Job::Directory(directory.clone());
        let owner = self.intake.rng.ulid(now)?;
        let taken = self.store().take_job::<Listing>(job, &owner, now, now.plus(LEASE)).await?;
        let Some((mut hold, listing)) = taken else {
            return Ok(DirectoryReport { stop: Stop::Busy, ..DirectoryReport::default() });
        };
        let compared = Box::pin(async {
            let old = listing.filter(|listing| listing.goes_on(confirm.is_some(), now));
            let listing = old.unwrap_or_else(|| Listing::new(now));
            let entry = self.entry(directory, known.as_ref(), time).await?;
            let organization = known.as_ref().map(|known| known.organization.clone());
            let named = entry.as_ref().and_then(|entry| entry.organization.clone());
            let Some(organization) = organization.or(named) else {
                return Err(Trouble::NoDirectory(directory.clone()));
            };
            let origin = Origin {
                directory: directory.clone(),
                organization: Some(organization.clone()),
                source: DirectorySource::Dsync,
            };
            let mut run = Run { origin, organization, listing, confirm, held: None, time };
            let stop = self.go_on(&mut hold, &mut run, (entry, known), progress).await;
            self.told(&run);
            match stop {
                Err(trouble) if trouble.is_later() => Ok((Stop::Later, run.listing.counts, run.held)),
                stop => Ok((stop?, run.listing.counts, run.held)),
            }
        })
        .await;
        let released = self.store().release_job(hold).await;
        let (stop, counts, held) = compared?;
        released?;
        Ok(DirectoryReport { stop, counts, held })
    }

    fn told(&self, run: &Run) {
        let directory = &run.origin.directory;
        if let Some(held) = run.held {
            self.intake.metrics.count(metrics::RECONCILE_HELD);
            tracing::error!(
                directory.id = %directory,
                directory.would_end = held.would_end,
                directory.active = held.active,
                "comparing directory {directory} would end the access of {} of {} people: somebody has to agree",
                held.would_end,
                held.active
            );
        }
        tracing::info!(
            directory.id = %directory,
            directory.step = run.listing.word(),
            directory.people = run.listing.counts.people,
            directory.ended = run.listing.counts.ended,
            "directory {directory} compared as far as {}",
            run.listing.word()
        );
    }

    /// The directory as WorkOS lists it now.
    async fn entry(
        &self,
        directory: &DirectoryId,
        known: Option<&Directory>,
        time: Deadline,
    ) -> Result<Option<DirectoryEntry>, Trouble> {
        let organization = known.map(|known| &known.organization);
        let mut after: Option<DirectoryId> = None;
        loop {
            let deadline = self.ask(time);
            let page = self.workos.directories(&self.api_key, organization, after.as_ref(), deadline).await?;
            if let Some(found) = page.directories.into_iter().find(|entry| entry.id == *directory) {
                return Ok(Some(found));
            }
            after = page.next;
            if after.is_none() {
                return Ok(None);
            }
        }
    }

    async fn go_on(
        &self,
        hold: &mut Hold,
        run: &mut Run,
        (entry, known): (Option<DirectoryEntry>, Option<Directory>),
        progress: &mut (dyn FnMut(&Listing) + Send),
    ) -> Result<Stop, Trouble> {
        if let Some(stop) = self.directory_itself(run, entry, known).await? {
            self.store().step_job(hold, &run.listing, self.now().plus(LEASE)).await?;
            return Ok(stop);
        }
        loop {
            if run.listing.step == ListingStep::Done {
                return Ok(Stop::Done);
            }
            if run.time.has_passed() {
                return Ok(Stop::Time);
            }
            let (before, counts) = (run.listing.step.clone(), run.listing.counts.clone());
            let next = match before {
                ListingStep::Directory => ListingStep::People { after: None },
                ListingStep::People { after } => self.list_people(run, after).await?,
                ListingStep::Groups { after } => self.list_groups(run, after).await?,
                ListingStep::Check => match self.check(run).await? {
                    Some(next) => next,
                    None => {
                        self.store().step_job(hold, &run.listing, self.now().plus(LEASE)).await?;
                        return Ok(Stop::Held);
                    }
                },
                ListingStep::GroupEnds { after } => self.end_groups(run, after).await?,
                ListingStep::Members { done, group } => self.compare_members(run, done, group).await?,
                ListingStep::Ends { after } => match self.end_people(run, after).await? {
                    Some(next) => next,
                    None => {
                        (run.listing.step, run.listing.waits) = (ListingStep::Check, true);
                        self.store().step_job(hold, &run.listing, self.now().plus(LEASE)).await?;
                        return Ok(Stop::Held);
                    }
                },
                ListingStep::Done => ListingStep::Done,
            };
            run.listing.step = next;
            self.count(&counts, &run.listing.counts);
            if !self.store().step_job(hold, &run.listing, self.now().plus(LEASE)).await? {
                return Ok(Stop::TakenOver);
            }
            progress(&run.listing);
        }
    }

    fn count(&self, before: &Counts, after: &Counts) {
        let metrics = &self.intake.metrics;
        for (what, before, after) in [
            ("person", before.people_changed, after.people_changed),
            ("group", before.groups_changed, after.groups_changed),
            ("membership", before.memberships_changed, after.memberships_changed),
            ("leaver", before.ended, after.ended),
        ] {
            repaired(metrics, what, after.saturating_sub(before));
        }
    }

    /// The directory introduces itself, or is gone: then all its people would lose their access at once.
    async fn directory_itself(
        &self,
        run: &mut Run,
        entry: Option<DirectoryEntry>,
        known: Option<Directory>,
    ) -> Result<Option<Stop>, Trouble> {
        let live = entry.as_ref().is_some_and(|entry| entry.record.state.live());
        if !live && known.is_some_and(|known| known.state.live()) {
            let active = self.active(run).await?;
            if !run.agreed(active, active) {
                run.listing.step = ListingStep::Directory;
                return Ok(Some(Stop::Held));
            }
            run.listing.counts.ended = active;
        }
        let change = match &entry {
            Some(entry) => DirectoryChange::DirectoryActivated(entry.record.clone()),
            None => DirectoryChange::DirectoryDeleted,
        };
        // Of the directory itself this is a listing of now.
        let stamp = ChangeStamp::Listed { at: self.now() };
        let report = self.intake.applier.apply(&run.origin, &change, &stamp, self.now()).await?;
        if entry.is_none() {
            run.listing.step = ListingStep::Done;
        }
        match report.outcome {
            Outcome::Ignored(Ignored::DirectoryDeleted) => {
                Err(Trouble::Deleted(run.origin.directory.clone()))
            }
            Outcome::Ignored(_) | Outcome::Unresolved => {
                Err(Trouble::NotWorkOs(run.origin.directory.clone()))
            }
            _ if entry.is_none() => Ok(Some(Stop::Done)),
            _ => Ok(None),
        }
    }

    /// Applies what was listed, a few at a time. Gives the number of those that changed something.
    async fn apply_all(&self, run: &Run, changes: Vec<DirectoryChange>) -> Result<u64, Trouble> {
        let (stamp, now) = (run.listing.stamp(), self.now());
        let mut changed = 0;
        let mut open = changes.into_iter();
        let mut writing = JoinSet::new();
        loop {
            while writing.len() < AT_A_TIME
                && let Some(change) = open.next()
            {
                let (applier, origin, stamp) =
                    (self.intake.applier.clone(), run.origin.clone(), stamp.clone());
                writing.spawn(async move { Box::pin(applier.apply(&origin, &change, &stamp, now)).await });
            }
            let Some(written) = writing.join_next().await else { return Ok(changed) };
            let report = written.map_err(|_| Trouble::Broken)??;
            changed += u64::from(matches!(report.outcome, Outcome::Applied { .. }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R59: a wrong list must not end a company's access.
    #[test]
    fn a_few_may_go_without_anybody_agreeing() {
        for (active, allowed) in [(0, 20), (100, 20), (400, 20), (401, 20), (420, 21), (10_000, 500)] {
            assert_eq!(few(active), allowed, "{active}");
        }
    }

    #[test]
    fn a_comparison_that_waits_goes_on_only_with_consent() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let at = |step| Listing { step, ..Listing::new(now) };
        let middle = at(ListingStep::People { after: None });
        assert!(middle.goes_on(false, now) && middle.goes_on(true, now));
        assert!(!middle.goes_on(true, now.plus(OLD)), "it is too old");
        assert!(at(ListingStep::Check).goes_on(false, now));
        let waiting = Listing { waits: true, ..at(ListingStep::Check) };
        assert!(!waiting.goes_on(false, now) && waiting.goes_on(true, now));
        assert!(!at(ListingStep::Done).goes_on(true, now));
    }
}
