//! Events about organizations, applied to the tenants that are known here.
//!
//! The tenant, its gate and its index items change in the transaction that marks the event as seen. Beside the tenant
//! stands the moment of the newest event that it has heard: an older one changes nothing any more, and neither does a
//! refresh that asked WorkOS before it. A refresh that asked later takes the place of all of them.

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::audit::{Actor, AuditAction, AuditContext, AuditEvent};
use domain::directory::EventClock;
use domain::{EventId, Gate, OrganizationId, Tenant, TenantChange, Timestamp};

use super::ROUNDS;
use super::seen::SeenEvent;
use crate::Store;
use crate::error::{Cause, StoreError};
use crate::item::{Item, decode, encode_at};
use crate::keys;
use crate::tenants::HEARD;

/// By how much clocks may differ before "WorkOS was asked after this event" is believed.
const SKEW: std::time::Duration = std::time::Duration::from_secs(60);
/// Who acts, in the audit log.
const WORKOS: &str = "workos";

/// What became of an event about an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantOutcome {
    Applied,
    /// It says what is known already.
    NoChange,
    /// Something newer is known.
    Stale,
    /// This very event was handled before.
    Duplicate,
    /// The organization is no tenant here yet: its first login reads it whole.
    NotATenant,
}

impl TenantOutcome {
    /// The same words as those of directories' changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NoChange => "no_change",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
            Self::NotATenant => "ignored",
        }
    }

    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::NotATenant => Some("not_a_tenant"),
            Self::Applied | Self::NoChange | Self::Stale | Self::Duplicate => None,
        }
    }
}

/// An event about an organization.
#[derive(Clone, Debug)]
pub struct TenantEvent<'a> {
    pub event: &'a EventId,
    /// Its type, as WorkOS writes it.
    pub kind: &'a str,
    pub created_at: Timestamp,
    pub organization: &'a OrganizationId,
    pub change: &'a TenantChange,
}

/// What is stored, and what is to be.
struct Step {
    outcome: TenantOutcome,
    items: Vec<TransactWriteItem>,
}

impl Store {
    /// Applies an event about an organization, once.
    ///
    /// # Errors
    /// When the database does not answer, or others keep changing the tenant: nothing was written then, or, when an
    /// answer was lost, all of it.
    pub async fn apply_tenant_event(
        &self,
        event: &TenantEvent<'_>,
        now: Timestamp,
    ) -> Result<TenantOutcome, StoreError> {
        let operation = "apply tenant event";
        for round in 0..ROUNDS {
            let Step { outcome, items } = self.tenant_step(operation, event, now).await?;
            let seen = SeenEvent {
                change: event.change.as_str().to_owned(),
                reason: outcome.reason().map(str::to_owned),
                organization: Some(event.organization.clone()),
                ..SeenEvent::other(event.event.clone(), event.kind, outcome.as_str(), event.created_at, now)
            };
            let mut all = vec![self.put_seen(operation, &seen)?];
            all.extend(items);
            match self.transact(operation, all).await? {
                None => return Ok(outcome),
                Some(unmet) if unmet.contains(&0) => return Ok(TenantOutcome::Duplicate),
                Some(_) => self.pause(operation, round.min(5)).await?,
            }
        }
        Err(StoreError::contention(operation))
    }

    async fn tenant_step(
        &self,
        operation: &'static str,
        event: &TenantEvent<'_>,
        now: Timestamp,
    ) -> Result<Step, StoreError> {
        let only = |outcome| Ok(Step { outcome, items: Vec::new() });
        let (meta, gate) = (keys::tenant(event.organization), keys::gate(event.organization));
        let read = self.batch_get(operation, &[meta.clone(), gate.clone()]).await?;
        let item = |sk: &str| read.iter().find(|(found, _)| found == sk).map(|(_, item)| item.clone());
        let (Some(known), Some(gate)) = (item(&meta.sk), item(&gate.sk)) else {
            return only(TenantOutcome::NotATenant);
        };
        let heard = known.get(HEARD).and_then(|heard| heard.as_s().ok()).cloned();
        let tenant: Tenant = decode(operation, known.clone())?;
        let gate: Gate = decode(operation, gate)?;
        // An event that is dated ahead must not keep everything else out until then.
        let clock = String::from(EventClock::new(event.created_at.min(now), Some(event.event.clone())));
        let over = matches!(event.change, TenantChange::OrganizationDeleted);
        let asked_since = event.created_at.plus(SKEW) <= tenant.refreshed_at;
        if !over && (asked_since || heard.as_ref().is_some_and(|heard| *heard > clock)) {
            return only(TenantOutcome::Stale);
        }
        let mut after = event.change.apply(&tenant);
        let changed = after != tenant || gate.connections != after.connection_states();
        if changed || over {
            after = after.due_for_refresh(now);
        }
        let mut items = vec![self.put_heard(operation, &known, &after, clock)?];
        if over || gate.connections != after.connection_states() {
            let raise = if over { " ADD generation :one" } else { "" };
            items.push(self.gate_states(operation, &after, raise)?);
        }
        if changed {
            self.add_index(operation, &after, &tenant.domains, &mut items)?;
        }
        if over {
            items.push(self.audit(operation, &self.closed(operation, event, now)?)?);
        }
        let outcome = if changed || over { TenantOutcome::Applied } else { TenantOutcome::NoChange };
        Ok(Step { outcome, items })
    }

    /// The tenant on condition that it is as it was read.
    fn put_heard(
        &self,
        operation: &'static str,
        known: &Item,
        after: &Tenant,
        clock: String,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = encode_at(operation, &keys::tenant(&after.organization), after)?;
        item.insert(HEARD.into(), AttributeValue::S(clock));
        let mut put = Put::builder().table_name(&self.tables.identity).set_item(Some(item));
        let mut condition = "attribute_not_exists(heard)";
        if let Some(heard) = known.get(HEARD) {
            condition = "heard = :heard";
            put = put.expression_attribute_values(":heard", heard.clone());
        }
        if let Some(refreshed) = known.get("refreshed_at") {
            put = put.expression_attribute_values(":refreshed", refreshed.clone());
        }
        let put = put
            .condition_expression(format!("refreshed_at = :refreshed AND {condition}"))
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    fn closed(
        &self,
        operation: &'static str,
        event: &TenantEvent<'_>,
        now: Timestamp,
    ) -> Result<AuditEvent, StoreError> {
        Ok(AuditEvent {
            id: self.rng.ulid(now).map_err(|_| StoreError { operation, cause: Cause::Random })?,
            organization: event.organization.clone(),
            action: AuditAction::TenantClosed,
            actor: Actor::operator(WORKOS),
            session: None,
            context: AuditContext {
                location: "webhook".into(),
                user_agent: String::new(),
                request_id: event.event.to_string(),
            },
            details: Default::default(),
            occurred_at: now,
        })
    }
}
