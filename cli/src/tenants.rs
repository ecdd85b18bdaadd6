//! `vestibule tenants`: what an operator does with the customers of a deployment.
//!
//! A tenant is our record of a WorkOS organization, so most verbs talk to both: WorkOS first, because it is the truth,
//! then our tables, so that logins work while WorkOS is down. Every change is audited under the operator's name, in the
//! same transaction where there is one. Nothing here ends in a half-made tenant: what was made at WorkOS and not stored
//! is named with the command that finishes it.

pub mod args;
mod command;
mod create;
mod health;
pub mod import;
mod moves;
mod portal;
mod progress;
mod settings;
mod sync;
pub(crate) mod words;

use std::time::Duration;

use domain::audit::{AuditAction, AuditEvent};
use domain::tenant_settings::Slug;
use domain::{Clock, OrganizationId, Rng, RngError, Tenant};
use net::Deadline;
use store::{Store, StoreError, TenantRecord};
use workos::{ApiKey, Client, Kind};

use crate::operator;

pub use command::{TenantsCommandError, run};
pub use create::{CreateError, Created, NewTenant};
pub use health::{Check, HealthReport, Severity};
pub use moves::{MatchBy, MoveError, MovePlan, MoveReport};
pub use portal::PortalError;
pub use settings::{Change, SettingsError, SettingsReport};
pub use sync::{SyncError, SyncReport, Synced};

/// How long one question to WorkOS may take, tries included.
const ASK: Duration = Duration::from_secs(8);

/// An operator's way to the tenants of one deployment.
#[derive(Clone)]
pub struct Tenants {
    pub store: Store,
    pub workos: Client,
    pub api_key: std::sync::Arc<ApiKey>,
    pub clock: Clock,
    pub rng: Rng,
    /// Who is at the terminal, for the audit log.
    pub operator: String,
}

/// The tenant that was meant is not here.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    #[error("{0} is neither an organization id (org_…) nor a slug")]
    NotAName(String),
    #[error("there is no tenant {0} here; `vestibule tenants sync` fetches it if WorkOS has it")]
    Unknown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tenants {
    /// The tenant of an organization id or slug.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self, name: &str) -> Result<TenantRecord, FindError> {
        let organization = self.organization(name).await?;
        let known = self.store.tenant(&organization).await?;
        known.ok_or_else(|| FindError::Unknown(name.to_owned()))
    }

    /// The organization that a name means. An id need not be known here.
    ///
    /// # Errors
    /// When the name is neither an id nor a known slug.
    pub async fn organization(&self, name: &str) -> Result<OrganizationId, FindError> {
        if let Ok(id) = OrganizationId::parse(name) {
            return Ok(id);
        }
        let slug = Slug::parse(name).map_err(|_| FindError::NotAName(name.to_owned()))?;
        let owner = self.store.organization_by_slug(&slug).await?;
        owner.ok_or_else(|| FindError::Unknown(name.to_owned()))
    }

    /// The organization as WorkOS describes it now. `None` when WorkOS has no such organization.
    ///
    /// # Errors
    /// When WorkOS cannot be asked.
    pub async fn fetch(&self, organization: &OrganizationId) -> Result<Option<Tenant>, workos::Error> {
        let (described, connections) = tokio::join!(
            self.workos.organization(&self.api_key, organization, Deadline::after(ASK)),
            self.workos.connections(&self.api_key, organization, Deadline::after(ASK)),
        );
        let described = match described {
            Ok(described) => described,
            Err(error) if matches!(error.kind, Kind::Rejected { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(Some(described.tenant(connections?, self.clock.now())))
    }

    fn audit(
        &self,
        organization: &OrganizationId,
        action: AuditAction,
        details: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<AuditEvent, RngError> {
        let now = self.clock.now();
        operator::audit(&self.rng, now, &self.operator, organization, action, details)
    }
}
