//! A change of a tenant's settings and policy: all of it or nothing, over the revision that was read.
//!
//! Slugs and hosts are unique in the deployment by claim items: two tenants that want the same one meet in the
//! transaction, and the second is told. The audit item is part of the change.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use domain::audit::AuditEvent;
use domain::tenant::TenantPolicy;
use domain::{Domain, OrganizationId, TenantSettings};

use crate::Store;
use crate::error::StoreError;
use crate::item::{encode_at, number, text};
use crate::keys::{self, Key};
use crate::schema;
use crate::tenants::{Pointer, REVISION, TenantRecord};

/// What became of a change of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsOutcome {
    Saved,
    /// Somebody else changed them meanwhile: read again.
    Changed,
    SlugTaken,
    HostTaken(Domain),
}

/// What an item of the transaction was for, so that its failed condition can be named.
enum Part {
    Settings,
    Slug,
    Host(Domain),
    Other,
}

impl Store {
    /// Writes settings and policy over what was read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn change_settings(
        &self,
        read: &TenantRecord,
        settings: &TenantSettings,
        policy: &TenantPolicy,
        audit: &AuditEvent,
    ) -> Result<SettingsOutcome, StoreError> {
        let operation = "change settings";
        let organization = &read.tenant.organization;
        let mut parts = vec![
            (Part::Settings, self.settings_over(operation, read, settings)?),
            (Part::Other, self.gate_policy(operation, organization, policy)?),
            (Part::Other, self.audit(operation, audit)?),
        ];
        let before = &read.settings;
        if settings.slug != before.slug {
            if let Some(slug) = &settings.slug {
                parts.push((Part::Slug, self.claim(operation, &keys::slug_pointer(slug), organization)?));
            }
            if let Some(slug) = &before.slug {
                parts.push((Part::Other, self.unclaim(operation, &keys::slug_pointer(slug))?));
            }
        }
        for host in settings.hosts.iter().filter(|host| !before.hosts.contains(host)) {
            let claim = self.claim(operation, &keys::host_pointer(host), organization)?;
            parts.push((Part::Host(host.clone()), claim));
        }
        for host in before.hosts.iter().filter(|host| !settings.hosts.contains(host)) {
            parts.push((Part::Other, self.unclaim(operation, &keys::host_pointer(host))?));
        }
        let (parts, items): (Vec<Part>, Vec<TransactWriteItem>) = parts.into_iter().unzip();
        let Some(unmet) = self.transact(operation, items).await? else { return Ok(SettingsOutcome::Saved) };
        Ok(match unmet.first().and_then(|index| parts.into_iter().nth(*index)) {
            Some(Part::Slug) => SettingsOutcome::SlugTaken,
            Some(Part::Host(host)) => SettingsOutcome::HostTaken(host),
            Some(Part::Settings | Part::Other) | None => SettingsOutcome::Changed,
        })
    }

    fn settings_over(
        &self,
        operation: &'static str,
        read: &TenantRecord,
        settings: &TenantSettings,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::settings(&read.tenant.organization);
        let mut item = encode_at(operation, &key, settings)?;
        item.insert(REVISION.into(), number(read.revision.saturating_add(1)));
        let mut put = Put::builder().table_name(&self.tables.identity).set_item(Some(item));
        put = match read.revision {
            0 => put.condition_expression("attribute_not_exists(pk)"),
            revision => put
                .condition_expression("revision = :read")
                .expression_attribute_values(":read", number(revision)),
        };
        let put = put.build().map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn gate_policy(
        &self,
        operation: &'static str,
        organization: &OrganizationId,
        policy: &TenantPolicy,
    ) -> Result<TransactWriteItem, StoreError> {
        let gate = keys::gate(organization);
        let policy = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(policy)
            .map_err(|why| StoreError::unreadable(operation, why))?;
        let update = Update::builder()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, gate.pk())
            .key(schema::SORT, gate.sk())
            .update_expression("SET #policy = :policy")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#policy", "policy")
            .expression_attribute_values(":policy", policy)
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    fn claim(
        &self,
        operation: &'static str,
        key: &Key,
        organization: &OrganizationId,
    ) -> Result<TransactWriteItem, StoreError> {
        let pointer = Pointer { organization: organization.clone() };
        let put = Put::builder()
            .table_name(&self.tables.identity)
            .set_item(Some(encode_at(operation, key, &pointer)?))
            .condition_expression("attribute_not_exists(pk) OR organization = :own")
            .expression_attribute_values(":own", text(organization.as_str()))
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// The settings that named it are ours by their revision, so the claim is too.
    fn unclaim(&self, operation: &'static str, key: &Key) -> Result<TransactWriteItem, StoreError> {
        self.delete(operation, key, None)
    }
}
