//! Tenants: what WorkOS said of an organization, and the gate that logins and strict checks read.

use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, TransactWriteItem, Update};
use domain::{ConnectionId, Gate, OrganizationId, Tenant};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{StoreError, cancelled, condition_failed, failed};
use crate::item::{Item, decode, encode_at, number};
use crate::keys::{self, Key};
use crate::schema;

/// A tenant and its gate, read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantRecord {
    pub tenant: Tenant,
    pub gate: Gate,
}

#[derive(Serialize, Deserialize)]
struct Pointer {
    organization: OrganizationId,
}

/// Connections beyond this get no pointer item of their own: a transaction holds a hundred items.
const POINTERS: usize = 90;

impl Store {
    /// The tenant and its gate, strongly consistent, in one round trip.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tenant(&self, organization: &OrganizationId) -> Result<Option<TenantRecord>, StoreError> {
        let operation = "read tenant";
        let items =
            self.batch_get(operation, &[keys::tenant(organization), keys::gate(organization)]).await?;
        let (mut tenant, mut gate) = (None, None);
        for (sk, item) in items {
            match sk.as_str() {
                "META" => tenant = Some(decode(operation, item)?),
                _ => gate = Some(decode(operation, item)?),
            }
        }
        Ok(tenant.zip(gate).map(|(tenant, gate)| TenantRecord { tenant, gate }))
    }

    /// The organization that a connection belongs to, if it is known here.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn organization_of(
        &self,
        connection: &ConnectionId,
    ) -> Result<Option<OrganizationId>, StoreError> {
        let operation = "read connection pointer";
        let item = self.get(operation, &keys::connection_pointer(connection)).await?;
        item.map(|item| decode::<Pointer>(operation, item).map(|pointer| pointer.organization)).transpose()
    }

    /// Stores a tenant seen for the first time. `false` when somebody else was quicker: theirs stays.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_tenant(&self, tenant: &Tenant) -> Result<bool, StoreError> {
        let operation = "put tenant";
        let gate = Gate {
            organization: tenant.organization.clone(),
            generation: 0,
            connections: tenant.connection_states(),
            policy: Default::default(),
        };
        let absent = "attribute_not_exists(pk)";
        let mut items = vec![
            self.put(operation, &keys::tenant(&tenant.organization), tenant, Some(absent))?,
            self.put(operation, &keys::gate(&tenant.organization), &gate, Some(absent))?,
        ];
        self.add_pointers(operation, tenant, &mut items)?;
        match self.db.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(true),
            Err(error) => match cancelled(&error) {
                Some(reasons) if condition_failed(reasons, 0) || condition_failed(reasons, 1) => Ok(false),
                _ => Err(failed(operation)(error)),
            },
        }
    }

    /// Brings a stored tenant up to date with WorkOS. The gate keeps its generation and policy. A refresh that is
    /// older than what is stored changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn refresh_tenant(&self, tenant: &Tenant) -> Result<(), StoreError> {
        let operation = "refresh tenant";
        let newer = "attribute_exists(pk) AND refreshed_at < :refreshed";
        let key = keys::tenant(&tenant.organization);
        let broken = |why: aws_sdk_dynamodb::error::BuildError| StoreError::unreadable(operation, why);
        let put = Put::builder()
            .table_name(&self.tables.identity)
            .set_item(Some(encode_at(operation, &key, tenant)?))
            .condition_expression(newer)
            .expression_attribute_values(":refreshed", number(tenant.refreshed_at.millis()))
            .build()
            .map_err(broken)?;
        let gate = keys::gate(&tenant.organization);
        let states = serde_dynamo::aws_sdk_dynamodb_1::to_attribute_value(tenant.connection_states())
            .map_err(|why| StoreError::unreadable(operation, why))?;
        let update = Update::builder()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, gate.pk())
            .key(schema::SORT, gate.sk())
            .update_expression("SET connections = :states")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":states", states)
            .build()
            .map_err(broken)?;
        let mut items = vec![
            TransactWriteItem::builder().put(put).build(),
            TransactWriteItem::builder().update(update).build(),
        ];
        self.add_pointers(operation, tenant, &mut items)?;
        match self.db.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(()),
            Err(error) => match cancelled(&error) {
                Some(reasons) if condition_failed(reasons, 0) => Ok(()),
                _ => Err(failed(operation)(error)),
            },
        }
    }

    fn add_pointers(
        &self,
        operation: &'static str,
        tenant: &Tenant,
        items: &mut Vec<TransactWriteItem>,
    ) -> Result<(), StoreError> {
        let pointer = Pointer { organization: tenant.organization.clone() };
        for connection in tenant.connections.iter().take(POINTERS) {
            items.push(self.put(operation, &keys::connection_pointer(&connection.id), &pointer, None)?);
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
