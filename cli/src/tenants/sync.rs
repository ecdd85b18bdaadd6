//! Our tenants brought up to date with WorkOS, on demand.
//!
//! Logins refresh what they touch; this is for what no login touches: a domain verified or a connection switched on
//! since, an organization made in the dashboard, one that was deleted. All of an environment is read with a few hundred
//! calls however many tenants there are. A tenant is closed only when it was asked for and WorkOS says, about this very
//! organization, that it does not exist.

use std::collections::{HashMap, HashSet};

use domain::audit::AuditAction;
use domain::{ConnectionId, OrganizationId, RngError, Tenant};
use net::Deadline;
use serde::Serialize;
use store::{StoreError, TenantRecord};
use workos::Connection;

use super::create::CreateError;
use super::{ASK, Tenants};

/// Tenants that are read and compared at a time.
const AT_A_TIME: usize = 32;
/// Entries of our list that one read takes.
const LIST_PAGE: u16 = 200;

/// What became of one organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Synced {
    Added {
        organization: OrganizationId,
        name: String,
    },
    /// Something of it had changed.
    Changed {
        organization: OrganizationId,
        name: String,
        what: Vec<String>,
    },
    Unchanged {
        organization: OrganizationId,
    },
    /// WorkOS does not have it any more.
    Gone {
        organization: OrganizationId,
        /// Nobody enters any more, since now or before.
        closed: bool,
    },
}

impl Synced {
    fn organization(&self) -> &OrganizationId {
        match self {
            Self::Added { organization, .. }
            | Self::Changed { organization, .. }
            | Self::Unchanged { organization }
            | Self::Gone { organization, .. } => organization,
        }
    }
}

/// What became of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SyncReport {
    pub added: usize,
    pub changed: usize,
    pub unchanged: usize,
    pub gone: usize,
    /// All but the unchanged ones.
    pub tenants: Vec<Synced>,
}

/// Why tenants are not up to date.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    #[error("there is no organization {0} at WorkOS, and no such tenant here")]
    Unknown(OrganizationId),
    #[error("WorkOS could not be asked: {0}")]
    WorkOs(#[from] workos::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error(transparent)]
    Random(#[from] RngError),
}

impl SyncReport {
    /// Tenants that WorkOS has no more and that are open here.
    pub(super) fn open_and_gone(&self) -> impl Iterator<Item = &OrganizationId> {
        self.tenants.iter().filter_map(|synced| match synced {
            Synced::Gone { organization, closed: false } => Some(organization),
            _ => None,
        })
    }

    /// Takes over what became of those that were closed.
    pub(super) fn closed(&mut self, closing: &Self) {
        for synced in &mut self.tenants {
            if let Synced::Gone { organization, .. } = synced
                && let Some(done) = closing.tenants.iter().find(|done| done.organization() == organization)
            {
                *synced = done.clone();
            }
        }
    }

    fn add(&mut self, synced: Synced) {
        match synced {
            Synced::Added { .. } => self.added += 1,
            Synced::Changed { .. } => self.changed += 1,
            Synced::Gone { .. } => self.gone += 1,
            Synced::Unchanged { .. } => {
                self.unchanged += 1;
                return;
            }
        }
        self.tenants.push(synced);
    }
}

impl Tenants {
    /// Brings these organizations up to date. `progress` is called after each.
    ///
    /// # Errors
    /// When WorkOS or the database does not answer.
    pub async fn sync(
        &self,
        organizations: &[OrganizationId],
        close: bool,
        progress: &mut (dyn FnMut(usize, Option<usize>) + Send),
    ) -> Result<SyncReport, SyncError> {
        let mut report = SyncReport::default();
        for (done, organization) in organizations.iter().enumerate() {
            let (fetched, known) = tokio::join!(self.fetch(organization), self.store.tenant(organization));
            let synced = match (fetched?, known?) {
                (Some(tenant), known) => self.bring(&tenant, known.as_ref()).await?,
                (None, Some(known)) => self.gone(organization, Some(&known), close).await?,
                (None, None) => return Err(SyncError::Unknown(organization.clone())),
            };
            report.add(synced);
            progress(done + 1, Some(organizations.len()));
        }
        Ok(report)
    }

    /// Brings the whole environment up to date.
    ///
    /// # Errors
    /// When WorkOS or the database does not answer.
    pub async fn sync_all(
        &self,
        close: bool,
        progress: &mut (dyn FnMut(usize, Option<usize>) + Send),
    ) -> Result<SyncReport, SyncError> {
        let mut connections = self.connections_by_organization().await?;
        let mut report = SyncReport::default();
        let mut seen: HashSet<OrganizationId> = HashSet::new();
        let mut after: Option<OrganizationId> = None;
        loop {
            let deadline = Deadline::after(ASK);
            let page = self.workos.organizations(&self.api_key, after.as_ref(), deadline).await?;
            let now = self.clock.now();
            let tenants: Vec<Tenant> = page
                .organizations
                .into_iter()
                .map(|organization| {
                    let own = connections.remove(&organization.id).unwrap_or_default();
                    organization.tenant(own, now)
                })
                .collect();
            for some in tenants.chunks(AT_A_TIME) {
                let ids: Vec<OrganizationId> =
                    some.iter().map(|tenant| tenant.organization.clone()).collect();
                let known = self.store.tenants_of(&ids).await?;
                let known: HashMap<&OrganizationId, &TenantRecord> =
                    known.iter().map(|record| (&record.tenant.organization, record)).collect();
                for tenant in some {
                    report.add(self.bring(tenant, known.get(&tenant.organization).copied()).await?);
                }
                seen.extend(ids);
                progress(seen.len(), None);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        self.missing(&seen, close, &mut report).await?;
        Ok(report)
    }

    /// One call for every hundred connections, not one for every organization.
    async fn connections_by_organization(
        &self,
    ) -> Result<HashMap<OrganizationId, Vec<Connection>>, workos::Error> {
        let mut found: HashMap<OrganizationId, Vec<Connection>> = HashMap::new();
        let mut after: Option<ConnectionId> = None;
        loop {
            let deadline = Deadline::after(ASK);
            let page = self.workos.all_connections(&self.api_key, after.as_ref(), deadline).await?;
            for connection in page.connections {
                if let Some(organization) = connection.organization_id.clone() {
                    found.entry(organization).or_default().push(connection);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Tenants of ours that the list did not name: WorkOS is asked about each before anything is said of it.
    async fn missing(
        &self,
        seen: &HashSet<OrganizationId>,
        close: bool,
        report: &mut SyncReport,
    ) -> Result<(), SyncError> {
        let mut after: Option<OrganizationId> = None;
        loop {
            let page = self.store.list_tenants(after.as_ref(), LIST_PAGE).await?;
            for entry in page.tenants.iter().filter(|entry| !seen.contains(&entry.organization)) {
                let known = self.store.tenant(&entry.organization).await?;
                let synced = match self.fetch(&entry.organization).await? {
                    Some(tenant) => self.bring(&tenant, known.as_ref()).await?,
                    None => self.gone(&entry.organization, known.as_ref(), close).await?,
                };
                report.add(synced);
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    pub(super) async fn bring(
        &self,
        tenant: &Tenant,
        known: Option<&TenantRecord>,
    ) -> Result<Synced, SyncError> {
        let (organization, name) = (tenant.organization.clone(), tenant.name.clone());
        let Some(known) = known else {
            self.store_new(tenant).await?;
            return Ok(Synced::Added { organization, name });
        };
        self.store.refresh_tenant(&known.tenant, tenant).await?;
        let what = differences(&known.tenant, tenant);
        Ok(if what.is_empty() {
            Synced::Unchanged { organization }
        } else {
            Synced::Changed { organization, name, what }
        })
    }

    async fn gone(
        &self,
        organization: &OrganizationId,
        known: Option<&TenantRecord>,
        close: bool,
    ) -> Result<Synced, SyncError> {
        let open =
            known.filter(|known| !(known.tenant.connections.is_empty() && known.tenant.domains.is_empty()));
        if let Some(known) = open.filter(|_| close) {
            let event = self.audit(organization, AuditAction::TenantClosed, [])?;
            self.store.close_tenant(&known.tenant, self.clock.now(), &event).await?;
        }
        Ok(Synced::Gone { organization: organization.clone(), closed: close || open.is_none() })
    }
}

/// What is different, in words.
fn differences(before: &Tenant, after: &Tenant) -> Vec<String> {
    let mut what = Vec::new();
    if before.name != after.name {
        what.push(format!("name {} → {}", before.name, after.name));
    }
    for known in &after.domains {
        match before.domains.iter().find(|old| old.domain == known.domain) {
            None => what.push(format!("domain {} added", known.domain)),
            Some(old) if old.verified != known.verified => {
                let word = if known.verified { "verified" } else { "no longer verified" };
                what.push(format!("domain {} {word}", known.domain));
            }
            Some(_) => {}
        }
    }
    for old in &before.domains {
        if after.domains.iter().all(|known| known.domain != old.domain) {
            what.push(format!("domain {} gone", old.domain));
        }
    }
    for known in &after.connections {
        match before.connection(&known.id) {
            None => what.push(format!("connection {} added, {}", known.id, known.state.as_str())),
            Some(old) if old.state != known.state => {
                let (from, to) = (old.state.as_str(), known.state.as_str());
                what.push(format!("connection {} {from} → {to}", known.id));
            }
            Some(old) if old.name != known.name || old.connection_type != known.connection_type => {
                what.push(format!("connection {} is now {}", known.id, known.display_name()));
            }
            Some(_) => {}
        }
    }
    for old in &before.connections {
        if after.connection(&old.id).is_none() {
            what.push(format!("connection {} gone", old.id));
        }
    }
    what
}
