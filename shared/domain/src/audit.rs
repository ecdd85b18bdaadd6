//! What happened, typed, for the tenant's audit log.
//!
//! The item is written in the same transaction as the thing it tells of, so neither exists without the
//! other. Its fields are those that WorkOS Audit Logs ask for: action, actor, targets, context, metadata.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{DirectoryId, InvalidId, OrganizationId, SessionId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditAction {
    #[serde(rename = "user.created")]
    UserCreated,
    #[serde(rename = "user.email_changed")]
    UserEmailChanged,
    /// Written with every new session: the sessions of a tenant are found by it.
    #[serde(rename = "user.signed_in")]
    UserSignedIn,
    #[serde(rename = "session.ended")]
    SessionEnded,
    #[serde(rename = "user.sessions_ended")]
    UserSessionsEnded,
    /// An operator ended all sessions of the tenant.
    #[serde(rename = "tenant.sessions_ended")]
    TenantSessionsEnded,
    /// The person came through another connection, as an operator had arranged.
    #[serde(rename = "user.identity_moved")]
    UserIdentityMoved,
    #[serde(rename = "tenant.created")]
    TenantCreated,
    #[serde(rename = "tenant.changed")]
    TenantChanged,
    /// The organization is gone at WorkOS: nobody enters any more.
    #[serde(rename = "tenant.closed")]
    TenantClosed,
    #[serde(rename = "tenant.connection_moved")]
    TenantConnectionMoved,
    /// Somebody was let into the organization's set-up pages at WorkOS.
    #[serde(rename = "tenant.portal_opened")]
    TenantPortalOpened,
    /// WorkOS warns that the certificate of a connection runs out.
    #[serde(rename = "connection.certificate_due")]
    ConnectionCertificateDue,
    /// A directory brought a person nobody knew.
    #[serde(rename = "user.provisioned")]
    UserProvisioned,
    /// A directory's record and a user were joined by their idp id.
    #[serde(rename = "user.linked_by_idp_id")]
    UserLinkedById,
    /// They were joined by a verified e-mail address (R42).
    #[serde(rename = "user.linked_by_email")]
    UserLinkedByEmail,
    #[serde(rename = "user.deactivated")]
    UserDeactivated,
    #[serde(rename = "user.reactivated")]
    UserReactivated,
    /// The data of a deactivated person reached the end of its retention.
    #[serde(rename = "user.purged")]
    UserPurged,
    #[serde(rename = "group.created")]
    GroupCreated,
    #[serde(rename = "group.updated")]
    GroupUpdated,
    #[serde(rename = "group.deleted")]
    GroupDeleted,
    #[serde(rename = "membership.added")]
    MembershipAdded,
    #[serde(rename = "membership.removed")]
    MembershipRemoved,
    #[serde(rename = "directory.activated")]
    DirectoryActivated,
    #[serde(rename = "directory.updated")]
    DirectoryUpdated,
    #[serde(rename = "directory.deleted")]
    DirectoryDeleted,
}

impl AuditAction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserEmailChanged => "user.email_changed",
            Self::UserSignedIn => "user.signed_in",
            Self::SessionEnded => "session.ended",
            Self::UserSessionsEnded => "user.sessions_ended",
            Self::TenantSessionsEnded => "tenant.sessions_ended",
            Self::UserIdentityMoved => "user.identity_moved",
            Self::TenantCreated => "tenant.created",
            Self::TenantChanged => "tenant.changed",
            Self::TenantClosed => "tenant.closed",
            Self::TenantConnectionMoved => "tenant.connection_moved",
            Self::TenantPortalOpened => "tenant.portal_opened",
            Self::ConnectionCertificateDue => "connection.certificate_due",
            Self::UserProvisioned => "user.provisioned",
            Self::UserLinkedById => "user.linked_by_idp_id",
            Self::UserLinkedByEmail => "user.linked_by_email",
            Self::UserDeactivated => "user.deactivated",
            Self::UserReactivated => "user.reactivated",
            Self::UserPurged => "user.purged",
            Self::GroupCreated => "group.created",
            Self::GroupUpdated => "group.updated",
            Self::GroupDeleted => "group.deleted",
            Self::MembershipAdded => "membership.added",
            Self::MembershipRemoved => "membership.removed",
            Self::DirectoryActivated => "directory.activated",
            Self::DirectoryUpdated => "directory.updated",
            Self::DirectoryDeleted => "directory.deleted",
        }
    }
}

/// Where the request came from: WorkOS Audit Logs want a location for every event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditContext {
    pub location: String,
    pub user_agent: String,
    pub request_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEvent {
    /// ULID: unique, and sorts by time.
    pub id: String,
    pub organization: OrganizationId,
    pub action: AuditAction,
    /// Who acted; in the events of a user also the one acted upon.
    pub actor: Actor,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    pub context: AuditContext,
    /// What else belongs to the story: ids, counts and settings, never a secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
    pub occurred_at: Timestamp,
}

/// A person of the tenant, one of its directories, or whoever operates the deployment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Actor {
    User(UserId),
    Directory(DirectoryId),
    Operator(String),
}

const OPERATOR: &str = "operator:";
/// Longest operator's name that is kept, in characters.
const LONGEST_OPERATOR: usize = 100;

impl Actor {
    /// Somebody at the command line. Control characters are left out: the name ends in tables and logs.
    pub fn operator(name: &str) -> Self {
        Self::Operator(name.chars().filter(|c| !c.is_control()).take(LONGEST_OPERATOR).collect())
    }
}

impl From<UserId> for Actor {
    fn from(user: UserId) -> Self {
        Self::User(user)
    }
}

impl TryFrom<String> for Actor {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        match text.strip_prefix(OPERATOR) {
            Some(name) => Ok(Self::operator(name)),
            None if text.starts_with(DirectoryId::PREFIX) => DirectoryId::parse(&text).map(Self::Directory),
            None => UserId::parse(&text).map(Self::User),
        }
    }
}

impl From<Actor> for String {
    fn from(actor: Actor) -> Self {
        actor.to_string()
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Directory(directory) => directory.fmt(f),
            Self::Operator(name) => write!(f, "{OPERATOR}{name}"),
        }
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actors_are_people_directories_or_operators() {
        let user = UserId::parse("user_1").unwrap();
        let read = |text: &str| serde_json::from_value::<Actor>(text.into());
        assert_eq!(read("user_1").unwrap(), Actor::User(user));
        assert_eq!(read("directory_1").unwrap().to_string(), "directory_1");
        assert_eq!(read("operator:ops\u{1}@host").unwrap().to_string(), "operator:ops@host");
        assert!(read("org_1").is_err());
    }
}
