//! From an admitted profile to a session: resolve the identity, then write user, session and audit in one go.
//!
//! The write is conditional on what was read. Another login that created the user first is joined; a user who was
//! deactivated or signed out everywhere in between is read again, and the leaver's event wins.

use std::time::Duration;

use domain::audit::{AuditAction, AuditContext, AuditEvent};
use domain::{Gate, IdentityKey, Profile, Rng, RngError, Session, SessionId, Timestamp, User, UserId};
use store::{CommitOutcome, LoginCommit, SessionRef, Store, StoreError, UserWrite};

/// Rounds of read and conditional write; each round lost means that somebody else changed this very user.
const ROUNDS: usize = 3;
/// How the person proved who they are: single sign-on at the company's IdP.
const AMR_SSO: &str = "sso";
/// Everybody is at least a member; more comes from the IdP's role assignment.
const DEFAULT_ROLE: &str = "member";

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SignInError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RngError),
    #[error("the user is deactivated")]
    Deactivated,
    #[error("the user kept changing while signing in")]
    Contended,
}

/// One person at the door, admitted to the tenant behind `gate`.
pub(crate) struct SignIn<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) gate: &'a Gate,
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) login_hash: &'a str,
    pub(crate) return_to: &'a str,
    pub(crate) replaces: Option<&'a SessionRef>,
    pub(crate) context: &'a AuditContext,
    pub(crate) now: Timestamp,
}

impl SignIn<'_> {
    pub(crate) async fn commit(&self, store: &Store, rng: &Rng) -> Result<Session, SignInError> {
        let identity = IdentityKey {
            organization: self.gate.organization.clone(),
            connection: self.profile.connection.clone(),
            idp_id: self.profile.idp_id.clone(),
        };
        for _ in 0..ROUNDS {
            let known = match store.linked_user(&identity).await? {
                Some(id) => store.user(&identity.organization, &id).await?,
                None => None,
            };
            if known.as_ref().is_some_and(|user| !user.active()) {
                return Err(SignInError::Deactivated);
            }
            let (write, user, actions) = self.write(known, rng)?;
            let session = self.session(&user, rng)?;
            let audit = actions
                .iter()
                .map(|action| self.audit(*action, &session, rng))
                .collect::<Result<Vec<_>, RngError>>()?;
            let commit = LoginCommit {
                user: write,
                identity: &identity,
                session: &session,
                replaces: self.replaces,
                audit: &audit,
            };
            match store.commit_login(&commit).await? {
                CommitOutcome::Committed => return Ok(session),
                CommitOutcome::IdentityTaken | CommitOutcome::UserChanged => {}
            }
        }
        Err(SignInError::Contended)
    }

    fn write(&self, known: Option<User>, rng: &Rng) -> Result<(UserWrite, User, Vec<AuditAction>), RngError> {
        Ok(match known {
            None => {
                let id = UserId::generate(rng, self.now)?;
                let user = User::new(id, self.gate.organization.clone(), self.profile, self.now);
                (
                    UserWrite::Create(user.clone()),
                    user,
                    vec![AuditAction::UserCreated, AuditAction::UserSignedIn],
                )
            }
            Some(before) => {
                let user = before.signed_in_again(self.profile, self.now);
                let mut actions = vec![AuditAction::UserSignedIn];
                if user.email != before.email {
                    actions.push(AuditAction::UserEmailChanged);
                }
                (UserWrite::Update(user.clone()), user, actions)
            }
        })
    }

    fn session(&self, user: &User, rng: &Rng) -> Result<Session, RngError> {
        let mut roles = tokens::clip_roles(self.profile.roles.iter().cloned());
        if roles.is_empty() {
            roles.push(DEFAULT_ROLE.to_owned());
        }
        Ok(Session {
            id: SessionId::generate(rng, self.now)?,
            user: user.id.clone(),
            organization: user.organization.clone(),
            connection: self.profile.connection.clone(),
            profile: self.profile.id.clone(),
            roles,
            amr: vec![AMR_SSO.to_owned()],
            auth_time: self.now,
            mfa_time: None,
            created_at: self.now,
            last_seen_at: self.now,
            idle_seconds: self.idle.as_secs(),
            expires_at: self.now.plus(self.absolute),
            user_generation: user.generation,
            tenant_generation: self.gate.generation,
            login_hash: self.login_hash.to_owned(),
            return_to: self.return_to.to_owned(),
            device: self.context.user_agent.clone(),
        })
    }

    fn audit(&self, action: AuditAction, session: &Session, rng: &Rng) -> Result<AuditEvent, RngError> {
        Ok(AuditEvent {
            id: rng.ulid(self.now)?,
            organization: session.organization.clone(),
            action,
            actor: session.user.clone().into(),
            session: Some(session.id.clone()),
            context: self.context.clone(),
            details: Default::default(),
            occurred_at: self.now,
        })
    }
}
