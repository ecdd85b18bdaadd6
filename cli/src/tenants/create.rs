//! A new tenant: the organization at WorkOS, then our record of it.
//!
//! Typed twice it makes one tenant: an organization with the same external id, or with the same domain and name, is
//! taken as it is.

use domain::audit::AuditAction;
use domain::{Domain, OrganizationId, RngError, Tenant};
use net::Deadline;
use store::{StoreError, TenantRecord};
use workos::{DraftDomain, Organization, OrganizationDraft};

use super::settings::{Change, SettingsError};
use super::sync::SyncError;
use super::{ASK, Tenants};

/// What a new tenant is made of.
#[derive(Clone, Debug, Default)]
pub struct NewTenant {
    pub name: String,
    pub domains: Vec<Domain>,
    /// The operator vouches for the domains; else WorkOS waits for their proof.
    pub verified: bool,
    pub external_id: Option<String>,
    pub settings: Change,
}

/// The tenant, and whether WorkOS had its organization before.
#[derive(Clone, Debug)]
pub struct Created {
    pub record: TenantRecord,
    pub existed: bool,
}

/// Why there is no new tenant.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("a tenant needs a name")]
    NoName,
    #[error("the external id {id} belongs to {organization} at WorkOS, which has another name")]
    ExternalIdTaken { id: String, organization: OrganizationId },
    #[error("WorkOS could not be asked, and nothing was made: {0}")]
    NotAsked(workos::Error),
    #[error("WorkOS did not make the organization: {0}")]
    WorkOs(workos::Error),
    #[error(
        "the organization {organization} was made at WorkOS but not stored here ({why}); \
         `vestibule tenants sync {organization}` stores it"
    )]
    NotStored { organization: OrganizationId, why: StoreError },
    #[error("the organization {organization} is at WorkOS but was not stored here: {why}")]
    NotTaken { organization: OrganizationId, why: Box<SyncError> },
    #[error("the tenant {organization} exists now, but its settings were not saved: {why}")]
    Settings { organization: OrganizationId, why: SettingsError },
    #[error(transparent)]
    Random(#[from] RngError),
    #[error("the tenant {0} was there a moment ago and is gone")]
    Gone(OrganizationId),
}

impl Tenants {
    /// Makes the organization and stores the tenant.
    ///
    /// # Errors
    /// When either fails; the error says how far it got.
    pub async fn create(&self, new: &NewTenant) -> Result<Created, CreateError> {
        let name = Some(new.name.trim()).filter(|name| !name.is_empty()).ok_or(CreateError::NoName)?;
        let (record, existed) = match self.same(name, new).await? {
            Some(known) => (self.taken(&known.id).await?, true),
            None => (self.made(name, new).await?, false),
        };
        if new.settings.is_empty() {
            return Ok(Created { record, existed });
        }
        let organization = record.tenant.organization.clone();
        let saved = self.change_settings(record, &new.settings).await;
        let report = saved.map_err(|why| CreateError::Settings { organization, why })?;
        Ok(Created { record: report.record, existed })
    }

    /// The organization that an earlier try made, or somebody in the dashboard.
    async fn same(&self, name: &str, new: &NewTenant) -> Result<Option<Organization>, CreateError> {
        if let Some(id) = &new.external_id {
            let found =
                self.workos.organization_by_external_id(&self.api_key, id, Deadline::after(ASK)).await;
            return match found.map_err(CreateError::NotAsked)? {
                Some(known) if known.name != name => {
                    Err(CreateError::ExternalIdTaken { id: id.clone(), organization: known.id })
                }
                found => Ok(found),
            };
        }
        let Some(domain) = new.domains.first() else { return Ok(None) };
        let found = self.workos.organizations_with_domain(&self.api_key, domain, Deadline::after(ASK)).await;
        Ok(found.map_err(CreateError::NotAsked)?.into_iter().find(|known| known.name == name))
    }

    async fn made(&self, name: &str, new: &NewTenant) -> Result<TenantRecord, CreateError> {
        let domains = new.domains.iter().map(|domain| DraftDomain { domain, verified: new.verified });
        let draft = OrganizationDraft {
            name: Some(name),
            domains: Some(domains.collect()),
            external_id: new.external_id.as_deref(),
        };
        let made = self.workos.create_organization(&self.api_key, &draft, Deadline::after(ASK)).await;
        // A new organization has no connection yet.
        self.store_new(&made.map_err(CreateError::WorkOs)?.tenant(Vec::new(), self.clock.now())).await
    }

    async fn taken(&self, organization: &OrganizationId) -> Result<TenantRecord, CreateError> {
        let only = [organization.clone()];
        let synced = self.sync(&only, false, &mut |_, _| {}).await;
        synced.map_err(|why| CreateError::NotTaken {
            organization: organization.clone(),
            why: Box::new(why),
        })?;
        let lost = |why| CreateError::NotStored { organization: organization.clone(), why };
        self.store
            .tenant(organization)
            .await
            .map_err(lost)?
            .ok_or_else(|| CreateError::Gone(organization.clone()))
    }

    pub(super) async fn store_new(&self, tenant: &Tenant) -> Result<TenantRecord, CreateError> {
        let organization = &tenant.organization;
        let lost = |why| CreateError::NotStored { organization: organization.clone(), why };
        let event = self.audit(organization, AuditAction::TenantCreated, [("name", tenant.name.clone())])?;
        self.store.put_tenant_with(tenant, Some(&event)).await.map_err(lost)?;
        let stored = self.store.tenant(organization).await.map_err(lost)?;
        stored.ok_or_else(|| CreateError::Gone(organization.clone()))
    }
}
