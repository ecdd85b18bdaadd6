//! Users, the identities that lead to them, and the one transaction that signs a person in.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::audit::AuditEvent;
use domain::{IdentityKey, OrganizationId, Session, SessionId, Timestamp, User, UserId};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{StoreError, cancelled, condition_failed, contended, failed};
use crate::item::{decode, number, text};
use crate::moves::{ConnectionPerson, MoveGrant};
use crate::{keys, schema};

/// Tries of a transaction that only meets other transactions: several tabs of one person at nine o'clock.
const TRIES: u32 = 6;

#[derive(Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) user: UserId,
}

/// What signing in does to the user.
#[derive(Clone, Debug)]
pub enum UserWrite {
    /// First login: the user and the identity's link are new.
    Create(User),
    /// The user exists, was active and had this generation when it was read.
    Update(User),
    /// As `Update`, and the identity is new: an operator moved the person to this connection. The grant is used up.
    Join(User, Box<MoveGrant>),
}

/// Everything a login writes, all or nothing.
#[derive(Debug)]
pub struct LoginCommit<'a> {
    pub user: UserWrite,
    pub identity: &'a IdentityKey,
    pub session: &'a Session,
    /// The session that this browser held before: it ends with the new one's start (R27).
    pub replaces: Option<&'a SessionRef>,
    pub audit: &'a [AuditEvent],
}

/// The three ids that lead to a session record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRef {
    pub organization: OrganizationId,
    pub user: UserId,
    pub session: SessionId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitOutcome {
    Committed,
    /// Another login created this identity's user meanwhile: read again and join.
    IdentityTaken,
    /// The user was deactivated or signed out everywhere since it was read: the leaver's event wins.
    UserChanged,
}

impl Store {
    /// The user behind an identity.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn linked_user(&self, identity: &IdentityKey) -> Result<Option<UserId>, StoreError> {
        let operation = "read identity";
        let item = self.get(operation, &keys::identity(identity)).await?;
        item.map(|item| decode::<Link>(operation, item).map(|link| link.user)).transpose()
    }

    /// # Errors
    /// When the database does not answer.
    pub async fn user(
        &self,
        organization: &OrganizationId,
        user: &UserId,
    ) -> Result<Option<User>, StoreError> {
        let operation = "read user";
        let item = self.get(operation, &keys::user(organization, user)).await?;
        item.map(|item| decode(operation, item)).transpose()
    }

    /// Writes user, identity, session and audit items in one transaction.
    ///
    /// # Errors
    /// When the database does not answer, or other transactions on the same user keep winning.
    pub async fn commit_login(&self, commit: &LoginCommit<'_>) -> Result<CommitOutcome, StoreError> {
        let operation = "commit login";
        let LoginCommit { user, identity, session, replaces, audit } = commit;
        let absent = Some("attribute_not_exists(pk)");
        let mut items = Vec::with_capacity(audit.len() + 3);
        match user {
            UserWrite::Create(user) => {
                let link = Link { user: user.id.clone() };
                items.push(self.put(operation, &keys::identity(identity), &link, absent)?);
                items.push(self.put(operation, &keys::user(&user.organization, &user.id), user, absent)?);
                items.push(self.person_of_connection(operation, identity, &user.id)?);
            }
            UserWrite::Update(user) => items.push(self.signed_in_again(operation, user)?),
            UserWrite::Join(user, grant) => {
                let link = Link { user: user.id.clone() };
                items.push(self.put(operation, &keys::identity(identity), &link, absent)?);
                items.push(self.signed_in_again(operation, user)?);
                let grant = keys::move_grant(&grant.organization, &grant.to, &grant.email);
                items.push(self.delete(operation, &grant, Some("attribute_exists(pk)"))?);
                items.push(self.person_of_connection(operation, identity, &user.id)?);
            }
        }
        let key = keys::session(&session.organization, &session.user, &session.id);
        items.push(self.put(operation, &key, session, absent)?);
        if let Some(SessionRef { organization, user, session }) = replaces {
            items.push(self.delete(operation, &keys::session(organization, user, session), None)?);
        }
        for event in *audit {
            items.push(self.audit(operation, event)?);
        }
        let reasons = self.transact(operation, items).await?;
        let unmet = |index: usize| reasons.as_ref().is_some_and(|unmet| unmet.contains(&index));
        Ok(match user {
            UserWrite::Create(_) if unmet(0) => CommitOutcome::IdentityTaken,
            UserWrite::Update(_) if unmet(0) => CommitOutcome::UserChanged,
            // The grant is gone because somebody was quicker with it.
            UserWrite::Join(..) if unmet(0) || unmet(2) => CommitOutcome::IdentityTaken,
            UserWrite::Join(..) if unmet(1) => CommitOutcome::UserChanged,
            UserWrite::Create(_) | UserWrite::Update(_) | UserWrite::Join(..) => CommitOutcome::Committed,
        })
    }

    /// Lists the person under the connection, so that an operator can move the connection's people.
    pub(crate) fn person_of_connection(
        &self,
        operation: &'static str,
        identity: &IdentityKey,
        user: &UserId,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::person_of(&identity.organization, &identity.connection, user);
        let person = ConnectionPerson { user: user.clone(), idp_id: identity.idp_id.clone() };
        self.put(operation, &key, &person, None)
    }

    /// Only the attributes that a login may change: whatever else the item holds is not ours to overwrite.
    fn signed_in_again(&self, operation: &'static str, user: &User) -> Result<TransactWriteItem, StoreError> {
        let key = keys::user(&user.organization, &user.id);
        let name = |name: &Option<String>| name.clone().map_or(AttributeValue::Null(true), AttributeValue::S);
        let update = Update::builder()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .update_expression(
                "SET email = :email, first_name = :first, last_name = :last, last_login_at = :now",
            )
            .condition_expression("#status = :active AND generation = :generation")
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", text("active"))
            .expression_attribute_values(":generation", number(user.generation))
            .expression_attribute_values(":email", text(user.address()))
            .expression_attribute_values(":first", name(&user.first_name))
            .expression_attribute_values(":last", name(&user.last_name))
            .expression_attribute_values(":now", number(user.last_login_at.map_or(0, Timestamp::millis)))
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    pub(crate) fn audit(
        &self,
        operation: &'static str,
        event: &AuditEvent,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::audit(&event.organization, event.occurred_at, &event.id);
        self.put(operation, &key, event, Some("attribute_not_exists(pk)"))
    }

    /// Runs a transaction, again while it only meets other transactions. `Some` lists the items whose condition
    /// was not met; nothing was written then.
    pub(crate) async fn transact(
        &self,
        operation: &'static str,
        items: Vec<TransactWriteItem>,
    ) -> Result<Option<Vec<usize>>, StoreError> {
        for attempt in 0..TRIES {
            let answer = self.db.transact_write_items().set_transact_items(Some(items.clone())).send().await;
            let Err(error) = answer else { return Ok(None) };
            match cancelled(&error) {
                Some(reasons) if contended(reasons) => self.pause(operation, attempt).await?,
                Some(reasons) => {
                    let failed_conditions: Vec<usize> =
                        (0..reasons.len()).filter(|index| condition_failed(reasons, *index)).collect();
                    if failed_conditions.is_empty() {
                        return Err(failed(operation)(error));
                    }
                    return Ok(Some(failed_conditions));
                }
                None => return Err(failed(operation)(error)),
            }
        }
        Err(StoreError::contention(operation))
    }

    /// Full jitter: up to 10, 20, 40, … milliseconds, so that the losers of one round do not meet again.
    pub(crate) async fn pause(&self, operation: &'static str, attempt: u32) -> Result<(), StoreError> {
        let [random] =
            self.rng.bytes::<1>().map_err(|_| StoreError { operation, cause: crate::Cause::Random })?;
        let longest = 10u64 << attempt;
        tokio::time::sleep(Duration::from_millis(longest * u64::from(random) / 255)).await;
        Ok(())
    }
}
