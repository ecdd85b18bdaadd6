//! The directory projection: one change, one transaction.
//!
//! [`Applier::apply`] reads what a change may touch, asks [`domain::directory::plan()`] what follows, and writes all of
//! it at once: that the event was seen, the record with its clock, the user with their generation, the claims, the
//! notice to the app, the audit item. Each item is written on condition that it is as it was read; where one is not,
//! everything is read and asked again. So an event is applied once or not at all, whatever breaks in between, and a
//! login that met the change half way loses.

mod current;
mod failures;
mod listing;
mod outbox;
mod seen;
mod tenants;
mod writes;

use domain::directory::{
    ChangeStamp, DirectoryChange, EventClock, NoticeKind, Origin, Outcome, Report, Retention, Terms, Write,
    plan,
};
use domain::{Timestamp, UserId};

use crate::Store;
use crate::error::{Cause, StoreError};

pub use outbox::{OUTBOX_SHARDS, OutboxNotice};
pub use seen::{SeenEvent, SeenPage};
pub use tenants::{TenantEvent, TenantOutcome};
pub(crate) use writes::unchanged_claim;

/// Rounds of read, plan and conditional write. A round is lost only to somebody who changed the same person, group or
/// claim, so even a burst about one person comes through.
const ROUNDS: u32 = 12;

/// Applies changes of directories, whoever sends them.
#[derive(Clone, Debug)]
pub struct Applier {
    store: Store,
    retention: Retention,
}

impl Applier {
    pub const fn new(store: Store, retention: Retention) -> Self {
        Self { store, retention }
    }

    /// Applies one change. `Ok` means that what the report says is durable; only [`Outcome::Unresolved`] leaves no
    /// trace, and must come again.
    ///
    /// # Errors
    /// When the database does not answer, or others keep changing the same items: nothing was written then, or, when an
    /// answer was lost, all of it, which the next delivery finds out.
    pub async fn apply(
        &self,
        origin: &Origin,
        change: &DirectoryChange,
        stamp: &ChangeStamp,
        now: Timestamp,
    ) -> Result<Report, StoreError> {
        self.apply_event(None, origin, change, stamp, now).await
    }

    /// As [`Applier::apply`], for a change that came as an event of this type: the record of it says so.
    ///
    /// # Errors
    /// As [`Applier::apply`].
    pub async fn apply_event(
        &self,
        kind: Option<&str>,
        origin: &Origin,
        change: &DirectoryChange,
        stamp: &ChangeStamp,
        now: Timestamp,
    ) -> Result<Report, StoreError> {
        let operation = "apply directory change";
        let store = &self.store;
        for round in 0..ROUNDS {
            let scene = store.scene(operation, origin, change, now).await?;
            let fresh = UserId::generate(&store.rng, now)
                .map_err(|_| StoreError { operation, cause: Cause::Random })?;
            let terms = Terms { now, retention: self.retention, fresh };
            let plan = plan(origin, change, stamp, &scene.current, &terms);
            let report = |outcome, notices| Report {
                outcome,
                organization: scene.organization.clone().or_else(|| origin.organization.clone()),
                notices,
            };
            if plan.outcome == Outcome::Unresolved {
                return Ok(report(plan.outcome, Vec::new()));
            }
            let notices: Vec<NoticeKind> = plan
                .writes
                .iter()
                .filter_map(|write| match write {
                    Write::Notice(notice, _) => Some(notice.kind()),
                    _ => None,
                })
                .collect();
            let mut items = Vec::with_capacity(plan.writes.len().saturating_add(2));
            if let Some(event) = stamp.event() {
                let created = stamp.clock().as_ref().map_or(now, EventClock::at);
                let seen = SeenEvent {
                    kind: kind.map(str::to_owned),
                    reason: plan.outcome.reason().map(str::to_owned),
                    organization: scene.organization.clone().or_else(|| origin.organization.clone()),
                    directory: Some(origin.directory.clone()),
                    ..SeenEvent::other(event.clone(), change.as_str(), plan.outcome.as_str(), created, now)
                };
                items.push(store.put_seen(operation, &seen)?);
            }
            items.extend(store.items(operation, origin, stamp, &scene, plan.writes, now)?);
            if items.is_empty() {
                return Ok(report(plan.outcome, notices));
            }
            match store.transact(operation, items).await? {
                None => return Ok(report(plan.outcome, notices)),
                Some(unmet) if stamp.event().is_some() && unmet.contains(&0) => {
                    return Ok(report(Outcome::Duplicate, Vec::new()));
                }
                Some(_) => store.pause(operation, round.min(5)).await?,
            }
        }
        Err(StoreError::contention(operation))
    }
}
