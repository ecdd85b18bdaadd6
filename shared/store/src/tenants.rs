//! Tenants: what WorkOS said of an organization, what the adopter decided about it, and the gate that logins and strict
//! checks read.
//!
//! A tenant and its index items (its domains, its place in the list, its connections' pointers) are written in one
//! transaction, so that none is ever there without the other. Readers that come by an index check it against the
//! tenant all the same.

use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, TransactWriteItem, Update};
use domain::audit::AuditEvent;
use domain::directory::EventClock;
use domain::tenant::TenantDomain;
use domain::{ConnectionId, Domain, Gate, OrganizationId, Tenant, TenantSettings};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{StoreError, cancelled, condition_failed, failed};
use crate::item::{Item, decode, encode_at, number, text};
use crate::keys::{self, Key};
use crate::schema;

/// A tenant with its gate and settings, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRecord {
    pub tenant: Tenant,
    pub gate: Gate,
    pub settings: TenantSettings,
    /// Revision of the settings: what a change of them must have read. 0 before the first.
    pub revision: u64,
}

/// What a pointer or index item holds: its owner, and nothing of it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub(crate) organization: OrganizationId,
}

/// An entry of the list of tenants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantEntry {
    pub organization: OrganizationId,
    pub name: String,
}

/// Connections and domains beyond these get no index items: a transaction holds a hundred items.
const MOST_POINTERS: usize = 45;
const MOST_DOMAINS: usize = 40;
/// Tenants that one batch read takes: it holds a hundred keys, a tenant has three.
const TENANTS_A_BATCH: usize = 33;

pub(crate) const REVISION: &str = "revision";
/// In a tenant's item: the moment of the newest event that changed it since WorkOS was asked.
pub(crate) const HEARD: &str = "heard";

impl Store {
    /// The tenant with its gate and settings, strongly consistent, in one round trip.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenant(&self, organization: &OrganizationId) -> Result<Option<TenantRecord>, StoreError> {
        Ok(self.tenants_of(std::slice::from_ref(organization)).await?.pop())
    }

    /// The tenants among these organizations, in no order. One round trip for every thirty-three.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenants_of(
        &self,
        organizations: &[OrganizationId],
    ) -> Result<Vec<TenantRecord>, StoreError> {
        let operation = "read tenants";
        let mut records = Vec::new();
        for some in organizations.chunks(TENANTS_A_BATCH) {
            let wanted: Vec<Key> =
                some.iter().flat_map(|id| [keys::tenant(id), keys::gate(id), keys::settings(id)]).collect();
            let mut items = self.batch_get(operation, &wanted).await?;
            for organization in some {
                let partition = keys::tenant(organization).pk();
                let (own, others) = std::mem::take(&mut items)
                    .into_iter()
                    .partition(|(_, item)| item.get(schema::PARTITION) == Some(&partition));
                items = others;
                records.extend(record(operation, own)?);
            }
        }
        Ok(records)
    }

    /// The organization that a connection belongs to, if it is known here.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organization_of(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<OrganizationId>, StoreError> {
        self.owner("read connection pointer", &keys::connection_pointer(connection)).await
    }

    pub(crate) async fn owner(
        &self,
        operation: &'static str,
        pointer: &Key,
    ) -> Result<Option<OrganizationId>, StoreError> {
        let item = self.get(operation, pointer).await?;
        item.map(|item| decode::<Pointer>(operation, item).map(|pointer| pointer.organization)).transpose()
    }

    /// Stores a tenant seen for the first time. `false` when somebody else was quicker: theirs stays.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_tenant(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        self.put_tenant_with(tenant, None).await
    }

    /// As [`Store::put_tenant`], by an operator.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_tenant_with(
        &self,
        tenant: &Tenant,
        audit: Option<&AuditEvent>,
    ) -> Result<bool, StoreError> {
        let operation = "put tenant";
        let gate = Gate { connections: tenant.connection_states(), ..Gate::new(tenant.organization.clone()) };
        let absent = "attribute_not_exists(pk)";
        let mut items = vec![
            self.put(operation, &keys::tenant(&tenant.organization), tenant, Some(absent))?,
            self.put(operation, &keys::gate(&tenant.organization), &gate, Some(absent))?,
        ];
        self.add_index(operation, tenant, &[], &mut items)?;
        if let Some(event) = audit {
            items.push(self.audit(operation, event)?);
        }
        match self.db.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match cancelled(&error) {
                Some(reasons) if condition_failed(reasons, 0) || condition_failed(reasons, 1) => Ok(false),
                _ => Err(failed(operation)(error)),
            },
        }
    }

    /// Brings a stored tenant up to date with WorkOS. The gate keeps its generation and policy. A refresh that is
    /// older than what is stored changes nothing. `known` is the tenant as it was read: its domains that are gone leave
    /// the index.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh_tenant(&self, known: &Tenant, tenant: &Tenant) -> Result<(), StoreError> {
        let operation = "refresh tenant";
        let mut items = vec![self.newer_tenant(operation, tenant)?, self.gate_states(operation, tenant, "")?];
        self.add_index(operation, tenant, &known.domains, &mut items)?;
        self.write_newer(operation, items).await.map(drop)
    }

    /// Closes a tenant whose organization is gone: no connection, no domain, and every session ends. `false` when a newer
    /// answer of WorkOS was stored meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn close_tenant(
        &self,
        known: &Tenant,
        now: domain::Timestamp,
        audit: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let operation = "close tenant";
        let closed = Tenant { domains: vec![], connections: vec![], refreshed_at: now, ..known.clone() };
        let mut items = vec![
            self.newer_tenant(operation, &closed)?,
            self.gate_states(operation, &closed, " ADD generation :one")?,
        ];
        self.add_index(operation, &closed, &known.domains, &mut items)?;
        items.push(self.audit(operation, audit)?);
        self.write_newer(operation, items).await
    }

    fn newer_tenant(
        &self,
        operation: &'static str,
        tenant: &Tenant,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::tenant(&tenant.organization);
        let put = Put::builder()
            .table_name(&self.tables.identity)
            .set_item(Some(encode_at(operation, &key, tenant)?))
            // What was asked before the newest event does not know of it.
            .condition_expression(
                "attribute_exists(pk) AND refreshed_at < :refreshed \
                 AND (attribute_not_exists(heard) OR heard < :asked)",
            )
            .expression_attribute_values(":refreshed", number(tenant.refreshed_at.millis()))
            .expression_attribute_values(
                ":asked",
                text(String::from(EventClock::new(tenant.refreshed_at, None))),
            )
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    pub(crate) fn gate_states(
        &self,
        operation: &'static str,
        tenant: &Tenant,
        more: &str,
    ) -> Result<TransactWriteItem, StoreError> {
        let gate = keys::gate(&tenant.organization);
        let states = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(tenant.connection_states())
            .map_err(|why| StoreError::unreadable(operation, why))?;
        let mut update = Update::builder()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, gate.pk())
            .key(schema::SORT, gate.sk())
            .update_expression(format!("SET connections = :states{more}"))
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":states", states);
        if !more.is_empty() {
            update = update.expression_attribute_values(":one", number(1));
        }
        let update = update.build().map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// `false` when what is stored is newer.
    async fn write_newer(
        &self,
        operation: &'static str,
        items: Vec<TransactWriteItem>,
    ) -> Result<bool, StoreError> {
        match self.db.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match cancelled(&error) {
                Some(reasons) if condition_failed(reasons, 0) => Ok(false),
                _ => Err(failed(operation)(error)),
            },
        }
    }

    /// Everything that leads to the tenant. `before` are domains that may be in the index already.
    pub(crate) fn add_index(
        &self,
        operation: &'static str,
        tenant: &Tenant,
        before: &[TenantDomain],
        items: &mut Vec<TransactWriteItem>,
    ) -> Result<(), StoreError> {
        let organization = &tenant.organization;
        let pointer = Pointer { organization: organization.clone() };
        let entry = TenantEntry { organization: organization.clone(), name: tenant.name.clone() };
        items.push(self.put(operation, &keys::tenant_list(organization), &entry, None)?);
        for connection in tenant.connections.iter().take(MOST_POINTERS) {
            items.push(self.put(operation, &keys::connection_pointer(&connection.id), &pointer, None)?);
        }
        let now = verified(&tenant.domains);
        for domain in &now {
            items.push(self.put(operation, &keys::domain_index(domain, organization), &pointer, None)?);
        }
        let gone = verified(before).into_iter().filter(|domain| !now.contains(domain));
        for domain in gone.take(MOST_DOMAINS.saturating_sub(now.len())) {
            items.push(self.delete(operation, &keys::domain_index(domain, organization), None)?);
        }
        Ok(())
    }

    pub(crate) fn put<T: Serialize>(
        &self,
        operation: &'static str,
        key: &Key,
        value: &T,
        condition: Option<&str>,
    ) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(&self.tables.identity)
            .set_item(Some(encode_at(operation, key, value)?))
            .set_condition_expression(condition.map(str::to_owned))
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    pub(crate) async fn get(&self, operation: &'static str, key: &Key) -> Result<Option<Item>, StoreError> {
        let answer = self
            .db
            .get_item()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .consistent_read(true)
            .send()
            .await
            .map_err(failed(operation))?;
        Ok(answer.item)
    }

    /// Strongly consistent read of a few items; unprocessed keys are asked for once more, then it is an error.
    pub(crate) async fn batch_get(
        &self,
        operation: &'static str,
        wanted: &[Key],
    ) -> Result<Vec<(String, Item)>, StoreError> {
        let mut request = KeysAndAttributes::builder().consistent_read(true);
        for key in wanted {
            let key = [(schema::PARTITION.into(), key.pk()), (schema::SORT.into(), key.sk())];
            request = request.keys(key.into());
        }
        let mut open = Some(request.build().map_err(|why| StoreError::unreadable(operation, why))?);
        let mut found = Vec::new();
        for _ in 0..2 {
            let Some(keys) = open.take() else { break };
            let answer = self
                .db
                .batch_get_item()
                .request_items(&self.tables.identity, keys)
                .send()
                .await
                .map_err(failed(operation))?;
            for item in answer.responses.unwrap_or_default().into_values().flatten() {
                let sk = item.get(schema::SORT).and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
                found.push((sk, item));
            }
            open = answer.unprocessed_keys.and_then(|mut keys| keys.remove(&self.tables.identity));
        }
        if open.is_some() { Err(StoreError::contention(operation)) } else { Ok(found) }
    }
}

fn verified(domains: &[TenantDomain]) -> Vec<&Domain> {
    let mut verified: Vec<&Domain> =
        domains.iter().filter(|known| known.verified).map(|known| &known.domain).collect();
    verified.sort_unstable();
    verified.dedup();
    verified.truncate(MOST_DOMAINS);
    verified
}

fn record(operation: &'static str, items: Vec<(String, Item)>) -> Result<Option<TenantRecord>, StoreError> {
    let (mut tenant, mut gate) = (None, None);
    let (mut settings, mut revision) = (TenantSettings::default(), 0);
    for (sk, item) in items {
        match sk.as_str() {
            "META" => tenant = Some(decode(operation, item)?),
            keys::SETTINGS => {
                revision = item
                    .get(REVISION)
                    .and_then(|revision| revision.as_n().ok())
                    .and_then(|revision| revision.parse().ok())
                    .unwrap_or(0);
                settings = decode(operation, item)?;
            }
            _ => gate = Some(decode(operation, item)?),
        }
    }
    Ok(tenant.zip(gate).map(|(tenant, gate)| TenantRecord { tenant, gate, settings, revision }))
}
