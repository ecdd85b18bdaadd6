//! From what a login knows (a domain, a slug, a host) to the tenants it may mean, and the list of all of them.
//!
//! Index items hold ids alone and are hints: whoever comes by them reads the tenant and asks it. A look-up by domain
//! takes the same two reads whether the domain is somebody's or nobody's, so that the number of calls tells nothing
//! (R15), and it does not grow with the number of tenants.

use domain::tenant_settings::Slug;
use domain::{Domain, OrganizationId};

use crate::error::StoreError;
use crate::keys;
use crate::tenants::{Pointer, TenantEntry, TenantRecord};
use crate::{ItemPage, Store};

/// More tenants than this do not share a domain in earnest; a picker of them would be a directory of customers.
const MOST_SHARERS: u16 = 30;
/// Read in the place of a tenant when a domain is nobody's.
const NOBODY: &str = "org_nobody";

/// One page of the list of tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantPage {
    pub tenants: Vec<TenantEntry>,
    /// For the next page; `None` at the end.
    pub next: Option<OrganizationId>,
}

impl Store {
    /// The tenants that verified the domain. Always two round trips. Nobody, when too many did.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenants_by_domain(&self, domain: &Domain) -> Result<Vec<TenantRecord>, StoreError> {
        let operation = "find tenants by domain";
        let nobody = OrganizationId::parse(NOBODY).map_err(|why| StoreError::unreadable(operation, why))?;
        let partition = keys::domain_index(domain, &nobody).pk;
        let page =
            self.page(operation, partition, None, MOST_SHARERS + 1).await?.decoded::<Pointer>(operation)?;
        let mut wanted: Vec<OrganizationId> =
            page.items.into_iter().map(|pointer| pointer.organization).collect();
        if wanted.len() > MOST_SHARERS.into() {
            tracing::warn!(email.domain = %domain, "more than {MOST_SHARERS} tenants verified {domain}");
            wanted.clear();
        }
        if wanted.is_empty() {
            wanted.push(nobody);
        }
        let mut tenants = self.tenants_of(&wanted).await?;
        tenants.retain(|known| known.tenant.vouches_for(domain));
        Ok(tenants)
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn organization_by_slug(&self, slug: &Slug) -> Result<Option<OrganizationId>, StoreError> {
        self.owner("read slug", &keys::slug_pointer(slug)).await
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn organization_by_host(&self, host: &Domain) -> Result<Option<OrganizationId>, StoreError> {
        self.owner("read host", &keys::host_pointer(host)).await
    }

    /// Tenants in the order of their ids, after this one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_tenants(
        &self,
        after: Option<&OrganizationId>,
        limit: u16,
    ) -> Result<TenantPage, StoreError> {
        let operation = "list tenants";
        let place = after.map(OrganizationId::as_str);
        let page = self.page(operation, keys::TENANTS.to_owned(), place, limit).await?;
        let ItemPage { items: tenants, next } = page.decoded::<TenantEntry>(operation)?;
        let next = tenants.last().filter(|_| next.is_some()).map(|last| last.organization.clone());
        Ok(TenantPage { tenants, next })
    }
}
