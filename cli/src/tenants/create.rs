//! A new tenant: the organization at WorkOS, then our record of it.

use domain::audit::AuditAction;
use domain::{Domain, OrganizationId, RngError, Tenant};
use net::Deadline;
use store::{StoreError, TenantRecord};
use workos::{DraftDomain, OrganizationDraft};

use super::settings::{Change, SettingsError};
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

/// Why there is no new tenant.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("a tenant needs a name")]
    NoName,
    #[error("WorkOS has an organization with the external id {0} already")]
    ExternalIdTaken(String),
    #[error("WorkOS did not make the organization: {0}")]
    WorkOs(workos::Error),
    #[error(
        "the organization {organization} was made at WorkOS but not stored here ({why}); \
         `vestibule tenants sync {organization}` stores it"
    )]
    NotStored { organization: OrganizationId, why: StoreError },
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
    pub async fn create(&self, new: &NewTenant) -> Result<TenantRecord, CreateError> {
        let name = Some(new.name.trim()).filter(|name| !name.is_empty()).ok_or(CreateError::NoName)?;
        let domains = new.domains.iter().map(|domain| DraftDomain { domain, verified: new.verified });
        let draft = OrganizationDraft {
            name: Some(name),
            domains: Some(domains.collect()),
            external_id: new.external_id.as_deref(),
        };
        let made = self.workos.create_organization(&self.api_key, &draft, Deadline::after(ASK)).await;
        let organization = made.map_err(|error| match (error.code(), &new.external_id) {
            (Some("external_id_already_used"), Some(id)) => CreateError::ExternalIdTaken(id.clone()),
            _ => CreateError::WorkOs(error),
        })?;
        // A new organization has no connection yet.
        let tenant = organization.tenant(Vec::new(), self.clock.now());
        let record = self.store_new(&tenant).await?;
        if new.settings.is_empty() {
            return Ok(record);
        }
        let organization = tenant.organization;
        let saved = self.change_settings(record, &new.settings).await;
        saved.map(|report| report.record).map_err(|why| CreateError::Settings { organization, why })
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
