//! A link into a customer's set-up pages at WorkOS.
//!
//! It lets its holder change how the company signs in, for five minutes. So it is audited before it is made, opened
//! rather than sent on, and never logged.

use domain::OrganizationId;
use domain::RngError;
use domain::audit::AuditAction;
use net::Deadline;
use store::StoreError;
use workos::{Kind, PortalIntent, PortalLink};

use super::{ASK, Tenants};

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    #[error("WorkOS has no such organization")]
    Unknown,
    #[error("WorkOS made no link: {0}")]
    WorkOs(workos::Error),
    #[error("the audit log could not be written, so no link was made: {0}")]
    Audit(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RngError),
}

impl Tenants {
    /// # Errors
    /// When the audit log cannot be written, or WorkOS refuses.
    pub async fn portal_link(
        &self,
        organization: &OrganizationId,
        intent: PortalIntent,
        return_url: Option<&str>,
    ) -> Result<PortalLink, PortalError> {
        let details = [("intent", intent.as_str().to_owned())];
        let event = self.audit(organization, AuditAction::TenantPortalOpened, details)?;
        self.store.record(&event).await?;
        let deadline = Deadline::after(ASK);
        let link = self.workos.portal_link(&self.api_key, organization, intent, return_url, deadline).await;
        link.map_err(|error| match error.kind {
            Kind::Rejected { status: 404, .. } => PortalError::Unknown,
            _ => PortalError::WorkOs(error),
        })
    }
}
