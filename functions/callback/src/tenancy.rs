//! The tenant of a login: read from the store, fetched from WorkOS the first time, refreshed when it is old.
//!
//! Logins must not depend on WorkOS's organization endpoints while there is usable data: a refresh that fails lets
//! data up to a day old serve. What WorkOS refuses definitively (the organization is gone) is not trouble but
//! an answer, and is never papered over with old data.

use std::sync::Arc;

use domain::{Login, OrganizationId, Selector, Tenant, Timestamp};
use net::Deadline;
use store::{Store, StoreError, TenantRecord};
use web::Secret;
use workos::{ApiKey, Client, Connection, Organization};

/// Why there is no tenant to enter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TenancyError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    WorkOs(workos::Error),
    #[error("WorkOS knows no such organization")]
    Gone,
}

/// Where tenants come from.
#[derive(Clone, Copy)]
pub(crate) struct Tenancy<'a> {
    pub(crate) store: &'a Store,
    pub(crate) workos: &'a Client,
    pub(crate) api_key: &'a Secret<ApiKey>,
    /// The key as it was when the login came.
    pub(crate) key: &'a Arc<ApiKey>,
    pub(crate) now: Timestamp,
    pub(crate) deadline: Deadline,
}

impl Tenancy<'_> {
    /// The tenant, not older than an hour where that can be had, not older than a day in any case.
    pub(crate) async fn tenant(self, organization: &OrganizationId) -> Result<TenantRecord, TenancyError> {
        let Some(known) = self.store.tenant(organization).await? else {
            return self.first(organization).await;
        };
        if known.tenant.fresh(self.now) {
            return Ok(known);
        }
        match self.refreshed(organization, &known).await {
            Err(TenancyError::WorkOs(error)) if known.tenant.usable(self.now) => {
                tracing::warn!(
                    organization.id = %organization,
                    error = %error,
                    "tenant {organization} could not be refreshed, older data serves: {error}"
                );
                Ok(known)
            }
            other => other,
        }
    }

    /// The tenant that a login is for, as far as that is known before the profile is there. Runs beside the code
    /// exchange.
    pub(crate) async fn expected(self, login: &Login) -> Result<Option<TenantRecord>, TenancyError> {
        let organization = match (&login.organization, &login.selector) {
            (Some(id), _)
            | (None, Selector::Organization(id) | Selector::Provider { organization: id, .. }) => {
                Some(id.clone())
            }
            (None, Selector::Connection(connection)) => self.store.organization_of(connection).await?,
        };
        match organization {
            Some(organization) => self.tenant(&organization).await.map(Some),
            None => Ok(None),
        }
    }

    /// The tenant as WorkOS describes it now. For a profile that does not fit the stored data: a connection made or a
    /// domain verified a minute ago must work at once.
    pub(crate) async fn refreshed(
        self,
        organization: &OrganizationId,
        known: &TenantRecord,
    ) -> Result<TenantRecord, TenancyError> {
        let tenant = self.fetch(organization).await?;
        self.store.refresh_tenant(&known.tenant, &tenant).await?;
        Ok(TenantRecord { tenant, ..known.clone() })
    }

    async fn first(self, organization: &OrganizationId) -> Result<TenantRecord, TenancyError> {
        let tenant = self.fetch(organization).await?;
        self.store.put_tenant(&tenant).await?;
        // Somebody else may have been quicker: what is stored counts.
        self.store.tenant(organization).await?.ok_or(TenancyError::Gone)
    }

    async fn ask(
        self,
        key: &ApiKey,
        organization: &OrganizationId,
    ) -> (Result<Organization, workos::Error>, Result<Vec<Connection>, workos::Error>) {
        tokio::join!(
            self.workos.organization(key, organization, self.deadline),
            self.workos.connections(key, organization, self.deadline),
        )
    }

    async fn fetch(self, organization: &OrganizationId) -> Result<Tenant, TenancyError> {
        let (mut described, mut connections) = self.ask(self.key, organization).await;
        // The key may have been rotated a moment ago. The exchange beside this finds out in the same way.
        if described.as_ref().is_err_and(key_refused) || connections.as_ref().is_err_and(key_refused) {
            match self.api_key.refresh().await {
                Ok(current) if !Arc::ptr_eq(&current, self.key) => {
                    (described, connections) = self.ask(&current, organization).await;
                }
                _ => {}
            }
        }
        let gone = |error: workos::Error| match error.kind {
            workos::Kind::Rejected { status: 404, .. } => TenancyError::Gone,
            _ => TenancyError::WorkOs(error),
        };
        Ok(described.map_err(gone)?.tenant(connections.map_err(gone)?, self.now))
    }
}

fn key_refused(error: &workos::Error) -> bool {
    matches!(error.kind, workos::Kind::Rejected { status: 401, .. })
}
