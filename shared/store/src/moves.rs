//! Moving a tenant from one connection to another without losing its people.
//!
//! An identity is keyed by its connection, so a new connection starts with nobody (R45). An operator may arrange that
//! the people of the old one keep their accounts. Where both IdPs call a person by the same id, the link is made at
//! once. Else a grant waits for the first login through the new connection with the person's e-mail address; it is
//! used once, ends after a while, and the address must be in a domain that the tenant verified (R42). Nothing here
//! takes the old links away: they end with the old connection.

use domain::clock::as_seconds;
use domain::{ConnectionId, EmailAddress, IdentityKey, OrganizationId, Timestamp, UserId};
use serde::{Deserialize, Serialize};

use crate::error::{StoreError, failed};
use crate::item::{decode, encode_at, number, text};
use crate::keys;
use crate::users::Link;
use crate::{ItemPage, Store};

/// Somebody who came through a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionPerson {
    pub user: UserId,
    pub idp_id: String,
}

/// One page of the people of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeoplePage {
    pub people: Vec<ConnectionPerson>,
    /// For the next page; `None` at the end.
    pub next: Option<UserId>,
}

/// Leave to join `user` at the first login through `to` with `email`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveGrant {
    pub organization: OrganizationId,
    pub from: ConnectionId,
    pub to: ConnectionId,
    pub email: EmailAddress,
    pub user: UserId,
    /// Seconds, because DynamoDB's TTL reads it; checked in code as well.
    #[serde(with = "as_seconds")]
    pub expires_at: Timestamp,
}

/// What became of one person's move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moved {
    Done,
    /// It was done before: running a move twice changes nothing.
    Already,
    /// Somebody else holds that identity, or that address has a grant for somebody else.
    Taken,
}

impl Store {
    /// People of a connection in the order of their ids, after this one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn people_of(
        &self,
        organization: &OrganizationId,
        connection: &ConnectionId,
        after: Option<&UserId>,
        limit: u16,
    ) -> Result<PeoplePage, StoreError> {
        let operation = "list people of a connection";
        let partition = keys::people_of(organization, connection);
        let page = self.page(operation, partition, after.map(UserId::as_str), limit).await?;
        let ItemPage { items: people, next } = page.decoded::<ConnectionPerson>(operation)?;
        let next = people.last().filter(|_| next.is_some()).map(|last| last.user.clone());
        Ok(PeoplePage { people, next })
    }

    /// Links an identity to a user who exists.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn link_identity(&self, identity: &IdentityKey, user: &UserId) -> Result<Moved, StoreError> {
        let operation = "link identity";
        let link = Link { user: user.clone() };
        let items = vec![
            self.put(operation, &keys::identity(identity), &link, Some("attribute_not_exists(pk)"))?,
            self.person_of_connection(operation, identity, user)?,
        ];
        if self.transact(operation, items).await?.is_none() {
            return Ok(Moved::Done);
        }
        let holder = self.linked_user(identity).await?;
        Ok(if holder.as_ref() == Some(user) { Moved::Already } else { Moved::Taken })
    }

    /// Lets a person keep their account at the first login through another connection. An old grant for the same person
    /// is renewed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn put_move_grant(&self, grant: &MoveGrant, now: Timestamp) -> Result<Moved, StoreError> {
        let operation = "put move grant";
        let key = keys::move_grant(&grant.organization, &grant.to, &grant.email);
        let before = self.read_grant(operation, &key).await?.filter(|known| known.expires_at > now);
        match before {
            Some(known) if known.user != grant.user => return Ok(Moved::Taken),
            Some(_) => return Ok(Moved::Already),
            None => {}
        }
        let put = self
            .db
            .put_item()
            .table_name(&self.tables.identity)
            .set_item(Some(encode_at(operation, &key, grant)?))
            .condition_expression("attribute_not_exists(pk) OR expires_at <= :now OR #user = :user")
            .expression_attribute_names("#user", "user")
            .expression_attribute_values(":now", number(now.seconds()))
            .expression_attribute_values(":user", text(grant.user.as_str()));
        match put.send().await {
            Ok(_) => Ok(Moved::Done),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(Moved::Taken)
            }
            Err(error) => Err(failed(operation)(error)),
        }
    }

    /// The grant for somebody who comes through this connection for the first time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn move_grant(
        &self,
        organization: &OrganizationId,
        to: &ConnectionId,
        email: &EmailAddress,
        now: Timestamp,
    ) -> Result<Option<MoveGrant>, StoreError> {
        let operation = "read move grant";
        let grant = self.read_grant(operation, &keys::move_grant(organization, to, email)).await?;
        Ok(grant.filter(|grant| grant.expires_at > now))
    }

    async fn read_grant(
        &self,
        operation: &'static str,
        key: &keys::Key,
    ) -> Result<Option<MoveGrant>, StoreError> {
        let item = self.get(operation, key).await?;
        item.map(|item| decode(operation, item)).transpose()
    }
}
