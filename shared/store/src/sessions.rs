//! Session records: read strictly, kept alive, ended.
//!
//! Ending deletes the record and writes its audit item in one transaction. Ending "all others" raises the user's
//! generation and moves the current session to it, so that it is one write however many sessions there are. An operator
//! ends all of a person's, or of a tenant's, the same way: by one raised generation.

use aws_sdk_dynamodb::types::{Delete, TransactWriteItem, Update};
use domain::audit::AuditEvent;
use domain::session::Ended;
use domain::{Gate, OrganizationId, Session, SessionId, Timestamp, User, UserId};

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{decode, number, text};
use crate::keys::{self, Key};
use crate::schema;

/// A session with everything that decides whether it is alive, read at one moment.
#[derive(Clone, Debug)]
pub struct SessionFacts {
    pub session: Session,
    pub user: User,
    pub gate: Gate,
}

impl SessionFacts {
    /// # Errors
    /// With the reason why the session is over.
    pub fn check(&self, not_before: Option<Timestamp>, now: Timestamp) -> Result<(), Ended> {
        self.session.check(&self.user, &self.gate, not_before, now)
    }
}

impl Store {
    /// Session, user and gate: one strongly consistent batch read. `None` when any of them is missing.
    ///
    /// # Errors
    /// When the database does not answer, or leaves keys unprocessed twice.
    pub async fn session(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        session: &SessionId,
    ) -> Result<Option<SessionFacts>, StoreError> {
        let operation = "read session";
        let wanted = [
            keys::session(organization, user, session),
            keys::user(organization, user),
            keys::gate(organization),
        ];
        let (mut record, mut person, mut gate) = (None, None, None);
        for (sk, item) in self.batch_get(operation, &wanted).await? {
            match sk.as_str() {
                "META" => person = Some(decode(operation, item)?),
                "GATE" => gate = Some(decode(operation, item)?),
                _ => record = Some(decode(operation, item)?),
            }
        }
        Ok(match (record, person, gate) {
            (Some(session), Some(user), Some(gate)) => Some(SessionFacts { session, user, gate }),
            _ => None,
        })
    }

    /// All session records of a person, newest first, dead ones included.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sessions(
        &self,
        organization: &OrganizationId,
        user: &UserId,
    ) -> Result<Vec<Session>, StoreError> {
        let operation = "list sessions";
        let partition = keys::user(organization, user);
        let mut found = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .db
                .query()
                .table_name(&self.tables.identity)
                .consistent_read(true)
                .key_condition_expression("pk = :pk AND begins_with(sk, :session)")
                .expression_attribute_values(":pk", partition.pk())
                .expression_attribute_values(":session", text(keys::SESSION_PREFIX))
                .scan_index_forward(false)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(failed(operation))?;
            for item in page.items.unwrap_or_default() {
                found.push(decode(operation, item)?);
            }
            start = page.last_evaluated_key.filter(|key| !key.is_empty());
            if start.is_none() {
                return Ok(found);
            }
        }
    }

    /// Notes that the person is still here. `false` when the session has ended meanwhile: it stays ended.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn touch_session(&self, session: &Session, now: Timestamp) -> Result<bool, StoreError> {
        let operation = "touch session";
        let key = keys::session(&session.organization, &session.user, &session.id);
        let answer = self
            .db
            .update_item()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .update_expression("SET last_seen_at = :now")
            .condition_expression("attribute_exists(pk) AND user_generation = :generation")
            .expression_attribute_values(":now", number(now.millis()))
            .expression_attribute_values(":generation", number(session.user_generation))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(operation)(error)),
        }
    }

    /// Ends one session. `false` when it was gone already, which is fine (R35).
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_session(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        session: &SessionId,
        audit: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let operation = "end session";
        let items = vec![
            self.delete(
                operation,
                &keys::session(organization, user, session),
                Some("attribute_exists(pk)"),
            )?,
            self.audit(operation, audit)?,
        ];
        Ok(self.transact(operation, items).await?.is_none())
    }

    /// Ends every session of the person but this one. `false` when the user or the session changed meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_other_sessions(
        &self,
        facts: &SessionFacts,
        audit: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let operation = "end other sessions";
        let SessionFacts { session, user, .. } = facts;
        let (old, new) = (user.generation, user.generation.saturating_add(1));
        let raise = |key: Key, field: &str, condition: &str| {
            Update::builder()
                .table_name(&self.tables.identity)
                .key(schema::PARTITION, key.pk())
                .key(schema::SORT, key.sk())
                .update_expression(format!("SET {field} = :new"))
                .condition_expression(condition)
                .expression_attribute_values(":new", number(new))
                .expression_attribute_values(":old", number(old))
                .build()
                .map(|update| TransactWriteItem::builder().update(update).build())
                .map_err(|why| StoreError::unreadable(operation, why))
        };
        let person = keys::user(&user.organization, &user.id);
        let current = keys::session(&session.organization, &session.user, &session.id);
        let items = vec![
            raise(person, "generation", "generation = :old")?,
            raise(current, "user_generation", "user_generation = :old")?,
            self.audit(operation, audit)?,
        ];
        Ok(self.transact(operation, items).await?.is_none())
    }

    /// Ends every session of a person, and every sign-in of theirs that is under way. `false` when there is no such user.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_user_sessions(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        audit: &AuditEvent,
    ) -> Result<bool, StoreError> {
        self.raise_generation("end sessions of a user", &keys::user(organization, user), audit).await
    }

    /// Ends every session of a tenant. `false` when there is no such tenant.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_tenant_sessions(
        &self,
        organization: &OrganizationId,
        audit: &AuditEvent,
    ) -> Result<bool, StoreError> {
        self.raise_generation("end sessions of a tenant", &keys::gate(organization), audit).await
    }

    async fn raise_generation(
        &self,
        operation: &'static str,
        key: &Key,
        audit: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let raise = Update::builder()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .update_expression("ADD generation :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":one", number(1))
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        let items = vec![TransactWriteItem::builder().update(raise).build(), self.audit(operation, audit)?];
        Ok(self.transact(operation, items).await?.is_none())
    }

    pub(crate) fn delete(
        &self,
        operation: &'static str,
        key: &Key,
        condition: Option<&str>,
    ) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .set_condition_expression(condition.map(str::to_owned))
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }
}
