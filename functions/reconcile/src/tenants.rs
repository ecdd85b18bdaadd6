//! Tenants that nobody signs in to are kept young, so that a login finds usable data while WorkOS is down.
//!
//! Logins and events refresh what they touch. This walks through the rest, a few at a time: each tenant that is older
//! than six hours is read anew. One that WorkOS does not have any more is named and left as it is: its end comes as an
//! event, or by an operator.

use std::time::Duration;

use domain::{OrganizationId, Tenant, Timestamp};
use net::Deadline;
use serde::{Deserialize, Serialize};
use store::{Hold, Job};
use workos::Kind;

use crate::{LEASE, Reconciler, Stop, Trouble, repaired};

/// A tenant older than this is read anew.
const OLD: Duration = Duration::from_secs(6 * 3600);
/// Between the end of one walk and the next.
const REST: Duration = Duration::from_secs(3600);
const PAGE: u16 = 50;

/// How far a walk through the tenants has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Walk {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<OrganizationId>,
    /// When the last walk came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
}

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TenantsReport {
    pub stop: Stop,
    pub refreshed: u64,
    /// Of these, tenants of which something had changed.
    pub changed: u64,
    /// Tenants that WorkOS does not have.
    pub missing: u64,
}

impl Reconciler {
    /// Goes on with the walk through the tenants, when it is time for one.
    ///
    /// # Errors
    /// When WorkOS or the database does not answer.
    pub async fn refresh_tenants(&self, time: Deadline) -> Result<TenantsReport, Trouble> {
        let now = self.now();
        let mut report = TenantsReport::default();
        if time.has_passed() {
            return Ok(TenantsReport { stop: Stop::Time, ..report });
        }
        let owner = self.intake.rng.ulid(now)?;
        let taken = self.store().take_job::<Walk>(Job::Tenants, &owner, now, now.plus(LEASE)).await?;
        let Some((mut hold, walk)) = taken else {
            return Ok(TenantsReport { stop: Stop::Busy, ..report });
        };
        let mut walk = walk.unwrap_or(Walk { after: None, finished: None });
        let walked = Box::pin(self.walk(&mut hold, &mut walk, &mut report, time)).await;
        let released = self.store().release_job(hold).await;
        repaired(&self.intake.metrics, "tenant", report.changed);
        match walked {
            Ok(stop) => report.stop = stop,
            Err(trouble) if trouble.is_later() => report.stop = Stop::Later,
            Err(trouble) => return Err(trouble),
        }
        released?;
        Ok(report)
    }

    async fn walk(
        &self,
        hold: &mut Hold,
        walk: &mut Walk,
        report: &mut TenantsReport,
        time: Deadline,
    ) -> Result<Stop, Trouble> {
        let rested = walk.finished.is_none_or(|finished| self.now().since(finished) >= REST);
        if walk.after.is_none() && !rested {
            return Ok(Stop::Done);
        }
        loop {
            let page = self.store().list_tenants(walk.after.as_ref(), PAGE).await?;
            let ids: Vec<OrganizationId> = page.tenants.into_iter().map(|entry| entry.organization).collect();
            let mut known = self.store().tenants_of(&ids).await?;
            known.sort_by(|one, other| one.tenant.organization.cmp(&other.tenant.organization));
            for record in known {
                if self.now().since(record.tenant.refreshed_at) < OLD {
                    continue;
                }
                if time.has_passed() {
                    return Ok(Stop::Time);
                }
                self.refresh(&record.tenant, report, time).await?;
            }
            walk.after = page.next;
            if walk.after.is_none() {
                walk.finished = Some(self.now());
            }
            if !self.store().step_job(hold, walk, self.now().plus(LEASE)).await? {
                return Ok(Stop::TakenOver);
            }
            if walk.after.is_none() {
                return Ok(Stop::Done);
            }
        }
    }

    async fn refresh(
        &self,
        known: &Tenant,
        report: &mut TenantsReport,
        time: Deadline,
    ) -> Result<(), Trouble> {
        let organization = &known.organization;
        let (described, connections) = tokio::join!(
            self.workos.organization(&self.api_key, organization, self.ask(time)),
            self.workos.connections(&self.api_key, organization, self.ask(time)),
        );
        let described = match described {
            Ok(described) => described,
            Err(error) if matches!(error.kind, Kind::Rejected { status: 404, .. }) => {
                report.missing += 1;
                tracing::warn!(organization.id = %organization, "WorkOS does not have organization {organization}");
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let tenant = described.tenant(connections?, self.now());
        let same = Tenant { refreshed_at: known.refreshed_at, ..tenant.clone() } == *known;
        self.store().refresh_tenant(known, &tenant).await?;
        report.refreshed += 1;
        report.changed += u64::from(!same);
        Ok(())
    }
}
