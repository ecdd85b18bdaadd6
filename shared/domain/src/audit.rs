//! What happened, typed, for the tenant's audit log.
//!
//! The item is written in the same transaction as the thing it tells of, so neither exists without the
//! other. Its fields are those that WorkOS Audit Logs ask for: action, actor, targets, context, metadata.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::{OrganizationId, SessionId, UserId};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditAction {
    #[serde(rename = "user.created")]
    UserCreated,
    #[serde(rename = "user.email_changed")]
    UserEmailChanged,
    #[serde(rename = "user.signed_in")]
    UserSignedIn,
    #[serde(rename = "session.ended")]
    SessionEnded,
    #[serde(rename = "user.sessions_ended")]
    UserSessionsEnded,
}

impl AuditAction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserCreated => "user.created",
            Self::UserEmailChanged => "user.email_changed",
            Self::UserSignedIn => "user.signed_in",
            Self::SessionEnded => "session.ended",
            Self::UserSessionsEnded => "user.sessions_ended",
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
    /// The user who acted; in these events also the one acted upon.
    pub actor: UserId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    pub context: AuditContext,
    pub occurred_at: Timestamp,
}
