//! Login traces: one item an attempt, in the tenant's part of the identity table, gone after fourteen days.
//!
//! They live beside the audit items because they are listed by tenant and time, which the ephemeral table has no key
//! for. A pointer by request id, in the ephemeral table, leads from the id on an error page to the trace. A trace that
//! cannot be written must never cost anybody a login.

use std::time::Duration;

use aws_sdk_dynamodb::types::TransactWriteItem;
use domain::login_trace::LoginOutcome;
use domain::{LoginTrace, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{decode, encode, encode_at, text};
use crate::{keys, schema};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How many days a list looks back at most: as long as traces are kept.
const MOST_DAYS: usize = 15;
/// Traces that one read looks through for a success; most logins end well.
const AT_A_TIME: i32 = 50;

/// Where a trace is.
#[derive(Serialize, Deserialize)]
struct TracePointer {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    organization: Option<OrganizationId>,
    started_at: Timestamp,
    id: String,
    #[serde(with = "domain::clock::as_seconds")]
    expires_at: Timestamp,
}

/// A trace that is written over what was there. `written_as` is the tenant under which it was written before.
#[derive(Clone, Copy, Debug)]
pub struct TraceWrite<'a> {
    pub trace: &'a LoginTrace,
    pub written_as: Option<&'a OrganizationId>,
}

impl Store {
    /// Writes the trace over what was there. `written_as` is the tenant under which it was written before: once the
    /// tenant is known the item moves there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_trace(
        &self,
        trace: &LoginTrace,
        written_as: Option<&OrganizationId>,
    ) -> Result<(), StoreError> {
        let operation = "put trace";
        let key = keys::trace(trace.organization.as_ref(), trace.started_at, &trace.id);
        let put = self
            .db
            .put_item()
            .table_name(&self.tables.identity)
            .set_item(Some(encode_at(operation, &key, trace)?))
            .send();
        let old = keys::trace(written_as, trace.started_at, &trace.id);
        if old == key {
            put.await.map_err(failed(operation))?;
            return Ok(());
        }
        let delete = self
            .db
            .delete_item()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, old.pk())
            .key(schema::SORT, old.sk())
            .send();
        let (put, deleted) = tokio::join!(put, delete);
        put.map_err(failed(operation))?;
        deleted.map_err(failed(operation))?;
        Ok(())
    }

    /// As items of the transaction that ends the login well: the one is there exactly when the other is.
    pub(crate) fn add_trace(
        &self,
        operation: &'static str,
        write: &TraceWrite<'_>,
        items: &mut Vec<TransactWriteItem>,
    ) -> Result<(), StoreError> {
        let TraceWrite { trace, written_as } = write;
        let key = keys::trace(trace.organization.as_ref(), trace.started_at, &trace.id);
        items.push(self.put(operation, &key, *trace, None)?);
        let old = keys::trace(*written_as, trace.started_at, &trace.id);
        if old != key {
            items.push(self.delete(operation, &old, None)?);
        }
        Ok(())
    }

    /// Lets the id of one of its requests lead to the trace.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_trace_pointer(&self, trace: &LoginTrace, request_id: &str) -> Result<(), StoreError> {
        let operation = "put trace pointer";
        let pointer = TracePointer {
            organization: trace.organization.clone(),
            started_at: trace.started_at,
            id: trace.id.clone(),
            expires_at: trace.expires_at,
        };
        let mut item = encode(operation, &pointer)?;
        item.insert(schema::PARTITION.into(), keys::trace_pointer(request_id));
        self.db
            .put_item()
            .table_name(&self.tables.ephemeral)
            .set_item(Some(item))
            .send()
            .await
            .map_err(failed(operation))?;
        Ok(())
    }

    /// The trace that a request belongs to.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trace_of_request(
        &self,
        request_id: &str,
        now: Timestamp,
    ) -> Result<Option<LoginTrace>, StoreError> {
        let operation = "read trace pointer";
        let answer = self
            .db
            .get_item()
            .table_name(&self.tables.ephemeral)
            .key(schema::PARTITION, keys::trace_pointer(request_id))
            .send()
            .await
            .map_err(failed(operation))?;
        let Some(item) = answer.item else { return Ok(None) };
        let pointer: TracePointer = decode(operation, item)?;
        self.trace(pointer.organization.as_ref(), pointer.started_at, &pointer.id, now).await
    }

    /// A trace by its own id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn trace(
        &self,
        organization: Option<&OrganizationId>,
        started_at: Timestamp,
        id: &str,
        now: Timestamp,
    ) -> Result<Option<LoginTrace>, StoreError> {
        let operation = "read trace";
        let item = self.get(operation, &keys::trace(organization, started_at, id)).await?;
        let trace = item.map(|item| decode::<LoginTrace>(operation, item)).transpose()?;
        Ok(trace.filter(|trace| trace.expires_at > now))
    }

    /// The traces of a tenant, or of logins whose tenant was never known: newest first, back to `since`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn traces(
        &self,
        organization: Option<&OrganizationId>,
        since: Timestamp,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LoginTrace>, StoreError> {
        let operation = "list traces";
        let mut found = Vec::new();
        let mut moment = now;
        for _ in 0..MOST_DAYS {
            let mut start = None;
            loop {
                let page = self
                    .db
                    .query()
                    .table_name(&self.tables.identity)
                    .key_condition_expression("pk = :pk")
                    .expression_attribute_values(":pk", keys::trace(organization, moment, "").pk())
                    .scan_index_forward(false)
                    .set_exclusive_start_key(start)
                    .send()
                    .await
                    .map_err(failed(operation))?;
                for item in page.items.unwrap_or_default() {
                    let trace: LoginTrace = decode(operation, item)?;
                    if trace.started_at < since || found.len() >= limit {
                        return Ok(found);
                    }
                    if trace.expires_at > now {
                        found.push(trace);
                    }
                }
                start = page.last_evaluated_key.filter(|key| !key.is_empty());
                if start.is_none() {
                    break;
                }
            }
            moment = moment.minus(DAY);
            if moment.plus(DAY) < since {
                break;
            }
        }
        Ok(found)
    }

    /// When somebody of the tenant last signed in, as far back as traces go.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_success(
        &self,
        organization: &OrganizationId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        let operation = "find the last success";
        for day in 0..MOST_DAYS {
            let moment = now.minus(DAY * u32::try_from(day).unwrap_or(u32::MAX));
            let mut start = None;
            loop {
                let page = self
                    .db
                    .query()
                    .table_name(&self.tables.identity)
                    .key_condition_expression("pk = :pk")
                    .filter_expression("outcome = :succeeded")
                    .expression_attribute_values(":pk", keys::trace(Some(organization), moment, "").pk())
                    .expression_attribute_values(":succeeded", text(LoginOutcome::Succeeded.as_str()))
                    .scan_index_forward(false)
                    .limit(AT_A_TIME)
                    .set_exclusive_start_key(start)
                    .send()
                    .await
                    .map_err(failed(operation))?;
                if let Some(item) = page.items.unwrap_or_default().into_iter().next() {
                    let trace: LoginTrace = decode(operation, item)?;
                    return Ok(Some(trace.updated_at));
                }
                start = page.last_evaluated_key.filter(|key| !key.is_empty());
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(None)
    }
}
