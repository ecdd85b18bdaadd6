//! Users, the identities that lead to them, and the one transaction that signs a person in.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use domain::audit::AuditEvent;
use domain::directory::Notice;
use domain::{IdentityKey, OrganizationId, Session, SessionId, Timestamp, User, UserId};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::door::ClaimWrite;
use crate::error::{StoreError, cancelled, condition_failed, contended, failed};
use crate::item::{decode, encode_at, number, text};
use crate::moves::{ConnectionPerson, MoveGrant};
use crate::traces::TraceWrite;
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
    /// As `Update`, and the identity is new: a directory knows the person.
    Link(User),
    /// As `Update`, and the identity is new: an operator moved the person to this connection. The grant is used up.
    Join(User, Box<MoveGrant>),
}

impl UserWrite {
    /// The user as they will be.
    pub const fn user(&self) -> &User {
        match self {
            Self::Create(user) | Self::Update(user) | Self::Link(user) | Self::Join(user, _) => user,
        }
    }
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
    pub register: Register<'a>,
}

/// What a login puts down where directories look for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register<'a> {
    /// The person's claims, as far as they are new.
    pub claims: &'a [ClaimWrite],
    /// What the app hears. An existing user's name and address are written only with it, and only over the revision
    /// that was read.
    pub notice: Option<&'a Notice>,
    /// The user whom the identity led to and who has been forgotten: the identity is free again.
    pub forgotten: Option<&'a UserId>,
    /// What is told of this login afterwards.
    pub trace: Option<&'a TraceWrite<'a>>,
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
    /// Another login created this identity's user meanwhile, or a directory brought the person: read again and join.
    IdentityTaken,
    /// The user was changed, deactivated or signed out everywhere since it was read: the leaver's event wins.
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
        let LoginCommit { user, identity, session, replaces, audit, register } = commit;
        let absent = Some("attribute_not_exists(pk)");
        let mut items = Vec::with_capacity(audit.len() + 3);
        match user {
            UserWrite::Create(user) => {
                items.push(self.link(operation, identity, &user.id, register.forgotten)?);
                items.push(self.put(operation, &keys::user(&user.organization, &user.id), user, absent)?);
                items.push(self.person_of_connection(operation, identity, &user.id)?);
            }
            UserWrite::Update(user) => items.push(self.signed_in_again(operation, user, register)?),
            UserWrite::Link(user) => {
                items.push(self.link(operation, identity, &user.id, register.forgotten)?);
                items.push(self.signed_in_again(operation, user, register)?);
                items.push(self.person_of_connection(operation, identity, &user.id)?);
            }
            UserWrite::Join(user, grant) => {
                items.push(self.link(operation, identity, &user.id, None)?);
                items.push(self.signed_in_again(operation, user, register)?);
                let grant = keys::move_grant(&grant.organization, &grant.to, &grant.email);
                items.push(self.delete(operation, &grant, Some("attribute_exists(pk)"))?);
                items.push(self.person_of_connection(operation, identity, &user.id)?);
            }
        }
        let key = keys::session(&session.organization, &session.user, &session.id);
        let own = items.len();
        items.push(self.put(operation, &key, session, absent)?);
        if let Some(SessionRef { organization, user, session }) = replaces {
            items.push(self.delete(operation, &keys::session(organization, user, session), None)?);
        }
        for event in *audit {
            items.push(self.audit(operation, event)?);
        }
        if let Some(notice) = register.notice {
            let (person, now) = (user.user(), session.created_at);
            items.push(self.put_notice(operation, &person.organization, notice, person.revision, now)?);
        }
        if let Some(trace) = register.trace {
            self.add_trace(operation, trace, &mut items)?;
        }
        for claim in register.claims {
            items.push(self.put_claim(operation, &identity.organization, claim)?);
        }
        let Some(unmet) = self.transact(operation, items).await? else { return Ok(CommitOutcome::Committed) };
        // Nobody else makes this session's id: it is there because a try whose answer was lost had come through.
        if unmet.contains(&own) {
            return Ok(CommitOutcome::Committed);
        }
        let changed = match user {
            UserWrite::Create(_) => None,
            UserWrite::Update(_) => Some(0),
            UserWrite::Link(_) | UserWrite::Join(..) => Some(1),
        };
        Ok(match changed {
            Some(index) if unmet.contains(&index) => CommitOutcome::UserChanged,
            // Somebody put the same person down a moment ago, or was quicker with the grant.
            _ => CommitOutcome::IdentityTaken,
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

    /// The identity's way to its user. One that leads to somebody forgotten may be taken over.
    fn link(
        &self,
        operation: &'static str,
        identity: &IdentityKey,
        user: &UserId,
        forgotten: Option<&UserId>,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::identity(identity);
        let put = Put::builder().table_name(&self.tables.identity).set_item(Some(encode_at(
            operation,
            &key,
            &Link { user: user.clone() },
        )?));
        let put = match forgotten {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(gone) => put
                .condition_expression("attribute_not_exists(pk) OR #user = :gone")
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":gone", text(gone.as_str())),
        };
        let put = put.build().map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Only the attributes that a login may change: whatever else the item holds is not ours to overwrite. Name and
    /// address only when they changed: a directory may have written newer ones since they were read.
    fn signed_in_again(
        &self,
        operation: &'static str,
        user: &User,
        register: &Register<'_>,
    ) -> Result<TransactWriteItem, StoreError> {
        let key = keys::user(&user.organization, &user.id);
        let mut set = "last_login_at = :now".to_owned();
        let mut condition = "#status = :active AND generation = :generation".to_owned();
        let mut update = Update::builder()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .expression_attribute_names("#status", "status")
            .expression_attribute_values(":active", text("active"))
            .expression_attribute_values(":generation", number(user.generation))
            .expression_attribute_values(":now", number(user.last_login_at.map_or(0, Timestamp::millis)));
        if register.notice.is_some() {
            let name =
                |name: &Option<String>| name.clone().map_or(AttributeValue::Null(true), AttributeValue::S);
            set.push_str(", email = :email, first_name = :first, last_name = :last, revision = :revision");
            condition.push_str(" AND (revision = :read OR attribute_not_exists(revision))");
            update = update
                .expression_attribute_values(":email", text(user.address()))
                .expression_attribute_values(":first", name(&user.first_name))
                .expression_attribute_values(":last", name(&user.last_name))
                .expression_attribute_values(":revision", number(user.revision))
                .expression_attribute_values(":read", number(user.revision.saturating_sub(1)));
        }
        let update = update
            .update_expression(format!("SET {set}"))
            .condition_expression(condition)
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
