//! From what a login knows (a domain, a slug, a host) to the tenants it may mean, and the list of all of them.
//!
//! Index items hold ids alone and are hints: whoever comes by them reads the tenant and asks it. A look-up by domain
//! takes the same two reads whether the domain is somebody's or nobody's, so that the number of calls tells nothing
//! (R15), and it does not grow with the number of tenants.

use domain::tenant_settings::Slug;
use domain::{Domain, OrganizationId};

use crate::error::{StoreError, failed};
use crate::item::{decode, text};
use crate::keys;
use crate::tenants::{Pointer, TenantEntry, TenantRecord};
use crate::{Store, schema};

/// More tenants than this do not share a domain in earnest; a picker of them would be a directory of customers.
const MOST_SHARERS: usize = 30;
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
        let most = i32::try_from(MOST_SHARERS + 1).unwrap_or(i32::MAX);
        let nobody = OrganizationId::parse(NOBODY).map_err(|why| StoreError::unreadable(operation, why))?;
        let page = self
            .db
            .query()
            .table_name(&self.tables.identity)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", keys::domain_index(domain, &nobody).pk())
            .limit(most)
            .send()
            .await
            .map_err(failed(operation))?;
        let mut wanted = page
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| decode::<Pointer>(operation, item).map(|pointer| pointer.organization))
            .collect::<Result<Vec<_>, _>>()?;
        if wanted.len() > MOST_SHARERS {
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
        let page = self
            .db
            .query()
            .table_name(&self.tables.identity)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(keys::TENANTS))
            .limit(limit.max(1).into())
            .set_exclusive_start_key(after.map(|id| {
                let key = keys::tenant_list(id);
                [(schema::PARTITION.into(), key.pk()), (schema::SORT.into(), key.sk())].into()
            }))
            .send()
            .await
            .map_err(failed(operation))?;
        let tenants: Vec<TenantEntry> = page
            .items
            .unwrap_or_default()
            .into_iter()
            .map(|item| decode(operation, item))
            .collect::<Result<_, _>>()?;
        let more = page.last_evaluated_key.is_some_and(|key| !key.is_empty());
        let next = tenants.last().filter(|_| more).map(|last| last.organization.clone());
        Ok(TenantPage { tenants, next })
    }
}
