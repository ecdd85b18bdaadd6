//! The server-side record behind a session cookie, and the rule that says whether it is alive.
//!
//! A session is bound to one user in one tenant and remembers the generations it was made under. Whatever
//! ends sessions raises a generation in the same write, so no clock and no queue stands between a decision
//! and its effect. Activity is written only when the JWT is re-minted (R28).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, as_seconds};
use crate::ids::{ConnectionId, OrganizationId, ProfileId, SessionId, UserId};
use crate::tenant::Gate;
use crate::user::User;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub user: UserId,
    pub organization: OrganizationId,
    pub connection: ConnectionId,
    /// For logout at the IdP.
    pub profile: ProfileId,
    pub roles: Vec<String>,
    /// How the person proved who they are (RFC 8176).
    pub amr: Vec<String>,
    pub auth_time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mfa_time: Option<Timestamp>,
    pub created_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub idle_seconds: u64,
    /// End of the absolute lifetime. Seconds, because DynamoDB's TTL reads it; checked in code as well.
    #[serde(with = "as_seconds")]
    pub expires_at: Timestamp,
    pub user_generation: u64,
    pub tenant_generation: u64,
    /// SHA-256 of the `state` of the login that made this session, so that its reload finds the way (R07).
    pub login_hash: String,
    /// Where that login went.
    pub return_to: String,
    /// The browser as its user agent describes it, for the account page.
    pub device: String,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    #[error("there is no such session any more")]
    Gone,
    #[error("it was idle for too long")]
    Idle,
    #[error("it reached its longest lifetime")]
    Expired,
    #[error("the user is deactivated")]
    UserInactive,
    #[error("all sessions of the user were ended")]
    UserRevoked,
    #[error("all sessions of the tenant were ended")]
    TenantRevoked,
    #[error("all sessions of the environment were ended")]
    EnvironmentRevoked,
}

impl Ended {
    /// Stable word for clients, logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Gone => "session_gone",
            Self::Idle => "session_idle",
            Self::Expired => "session_expired",
            Self::UserInactive => "user_inactive",
            Self::UserRevoked => "user_revoked",
            Self::TenantRevoked => "tenant_revoked",
            Self::EnvironmentRevoked => "environment_revoked",
        }
    }
}

impl Session {
    pub fn idle_ends_at(&self) -> Timestamp {
        self.last_seen_at.plus(Duration::from_secs(self.idle_seconds))
    }

    /// When the session ends if nobody comes back.
    pub fn ends_at(&self) -> Timestamp {
        self.idle_ends_at().min(self.expires_at)
    }

    /// Whether the session is alive, given what the store says of its user and tenant now.
    ///
    /// # Errors
    /// With the reason why it is not.
    pub fn check(
        &self,
        user: &User,
        gate: &Gate,
        not_before: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<(), Ended> {
        if now >= self.expires_at {
            Err(Ended::Expired)
        } else if now >= self.idle_ends_at() {
            Err(Ended::Idle)
        } else if !user.active_in(gate) {
            Err(Ended::UserInactive)
        } else if self.user_generation != user.generation {
            Err(Ended::UserRevoked)
        } else if self.tenant_generation != gate.generation {
            Err(Ended::TenantRevoked)
        } else if not_before.is_some_and(|floor| self.created_at < floor) {
            Err(Ended::EnvironmentRevoked)
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::EmailAddress;
    use crate::user::UserStatus;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn parts() -> (Session, User, Gate) {
        let (organization, user) =
            (OrganizationId::parse("org_1").unwrap(), UserId::parse("user_1").unwrap());
        let session = Session {
            id: SessionId::parse("sess_1").unwrap(),
            user: user.clone(),
            organization: organization.clone(),
            connection: ConnectionId::parse("conn_1").unwrap(),
            profile: ProfileId::parse("prof_1").unwrap(),
            roles: vec!["member".into()],
            amr: vec!["sso".into()],
            auth_time: at(0),
            mfa_time: None,
            created_at: at(0),
            last_seen_at: at(100),
            idle_seconds: 50,
            expires_at: at(1000),
            user_generation: 2,
            tenant_generation: 5,
            login_hash: String::new(),
            return_to: String::new(),
            device: String::new(),
        };
        let person = User {
            email: Some(EmailAddress::parse("a@acme.com").unwrap()),
            last_login_at: Some(at(0)),
            ..User::provisioned(user, organization.clone(), 2, at(0))
        };
        let gate = Gate { generation: 5, ..Gate::new(organization) };
        (session, person, gate)
    }

    /// R28: idle timeout and absolute lifetime, to the second.
    #[test]
    fn a_session_ends_when_idle_or_old() {
        let (mut session, user, gate) = parts();
        assert_eq!(session.check(&user, &gate, None, at(149)), Ok(()));
        assert_eq!(session.check(&user, &gate, None, at(150)), Err(Ended::Idle));
        session.last_seen_at = at(980);
        assert_eq!(session.check(&user, &gate, None, at(999)), Ok(()));
        assert_eq!(session.check(&user, &gate, None, at(1000)), Err(Ended::Expired));
        assert_eq!(session.ends_at(), at(1000));
    }

    /// R34, R35: whatever raises a generation ends the session at once, in both directions of difference.
    #[test]
    fn a_raised_generation_ends_the_session() {
        let (session, user, gate) = parts();
        let now = at(120);
        for generation in [1, 3] {
            let revoked = User { generation, ..user.clone() };
            assert_eq!(session.check(&revoked, &gate, None, now), Err(Ended::UserRevoked));
        }
        let leaver = User { status: UserStatus::Inactive, ..user.clone() };
        assert_eq!(session.check(&leaver, &gate, None, now), Err(Ended::UserInactive));
        let moved = Gate { generation: 6, ..gate.clone() };
        assert_eq!(session.check(&user, &moved, None, now), Err(Ended::TenantRevoked));
        assert_eq!(session.check(&user, &gate, Some(at(1)), now), Err(Ended::EnvironmentRevoked));
        assert_eq!(session.check(&user, &gate, Some(at(0)), now), Ok(()));
    }
}
