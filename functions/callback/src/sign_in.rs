//! From an admitted profile to a session: who it is, then user, session, audit and trace in one go.
//!
//! The write is conditional on what was read. Another login, or a directory, that created the user first is joined; a
//! user who was deactivated or signed out everywhere in between is read again, and the leaver's event wins. The gate is
//! no condition: transactions with one item in common cancel each other, and all logins of a company have it in common.
//! A directory that ends after the gate was read leaves a session that the next look at the gate refuses. Who a person is
//! stands in [`domain::entry`].

use std::time::Duration;

use domain::audit::{AuditAction, AuditContext, AuditEvent};
use domain::directory::{Evidence, Known, Notice, UserNotice};
use domain::entry::{Arrival, Barred, Entry};
use domain::{
    Gate, IdentityKey, Profile, Rng, RngError, Session, SessionId, Tenant, Timestamp, User, UserId,
};
use store::{
    CommitOutcome, Door, LoginCommit, Register, SessionRef, Store, StoreError, TraceWrite, UserWrite,
};

use crate::journey::Journey;

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
    #[error(transparent)]
    Barred(#[from] Barred),
    #[error("the user kept changing while signing in")]
    Contended,
}

/// One person at the door, admitted to the tenant behind `gate`.
pub(crate) struct SignIn<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) tenant: &'a Tenant,
    pub(crate) gate: &'a Gate,
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) login_hash: &'a str,
    pub(crate) return_to: &'a str,
    pub(crate) replaces: Option<&'a SessionRef>,
    pub(crate) context: &'a AuditContext,
    pub(crate) journey: &'a Journey,
    pub(crate) now: Timestamp,
}

/// What a login writes about the user, what it leaves in the audit log, and what the app hears.
struct Decision {
    write: UserWrite,
    actions: Vec<AuditAction>,
    notice: Option<Notice>,
}

impl SignIn<'_> {
    pub(crate) async fn commit(&self, store: &Store, rng: &Rng) -> Result<Session, SignInError> {
        let identity = IdentityKey {
            organization: self.gate.organization.clone(),
            connection: self.profile.connection.clone(),
            idp_id: self.profile.idp_id.clone(),
        };
        for _ in 0..ROUNDS {
            let door = store.door(&identity, &self.profile.email, self.now).await?;
            let gate = door.gate.as_ref().unwrap_or(self.gate);
            let Decision { write, actions, notice } = self.decide(&door, gate, rng)?;
            let user = write.user();
            let session = self.session(user, gate, rng)?;
            let audit = actions
                .iter()
                .map(|action| self.audit(*action, &session, rng))
                .collect::<Result<Vec<_>, RngError>>()?;
            let claims = door.claims(&identity, &self.profile.email, user);
            let told = self.journey.succeeded(&user.id);
            let trace = TraceWrite { trace: &told, written_as: self.journey.written_as() };
            let register = Register {
                claims: &claims,
                notice: notice.as_ref(),
                forgotten: door.forgotten(),
                trace: Some(&trace),
            };
            let commit = LoginCommit {
                user: write,
                identity: &identity,
                session: &session,
                replaces: self.replaces,
                audit: &audit,
                register,
            };
            match store.commit_login(&commit).await? {
                CommitOutcome::Committed => return Ok(session),
                CommitOutcome::IdentityTaken | CommitOutcome::UserChanged => {}
            }
        }
        Err(SignInError::Contended)
    }

    fn decide(&self, door: &Door, gate: &Gate, rng: &Rng) -> Result<Decision, SignInError> {
        let known = Known {
            idp: door.by_idp_id(),
            email: door.by_email(),
            users: &door.users,
            tenant: self.tenant,
            gate,
        };
        let grant = door.grant.as_ref();
        let (linked, granted) = (door.linked.as_ref(), grant.map(|grant| &grant.user));
        let entry = Arrival { profile: self.profile, linked, granted, known }.entry()?;
        let (before, joined) = match entry {
            Entry::New => {
                let id = UserId::generate(rng, self.now)?;
                let user = User::new(id, gate.organization.clone(), self.profile, self.now);
                return Ok(Decision {
                    notice: Some(Notice::UserCreated(UserNotice::of(&user, gate))),
                    write: UserWrite::Create(user),
                    actions: vec![AuditAction::UserCreated, AuditAction::UserSignedIn],
                });
            }
            Entry::Known(before) => (before, None),
            Entry::Joins(before, Evidence::IdpId) => (before, Some(AuditAction::UserLinkedById)),
            Entry::Joins(before, Evidence::Email) => (before, Some(AuditAction::UserLinkedByEmail)),
            Entry::Moves(before) => (before, Some(AuditAction::UserIdentityMoved)),
        };
        let user = before.signed_in_again(self.profile, self.now);
        let mut actions = vec![AuditAction::UserSignedIn];
        if user.email != before.email {
            actions.push(AuditAction::UserEmailChanged);
        }
        actions.extend(joined);
        let news = user.revision != before.revision;
        Ok(Decision {
            notice: news.then(|| Notice::UserUpdated(UserNotice::of(&user, gate))),
            write: match (joined, grant) {
                (None, _) => UserWrite::Update(user),
                (Some(AuditAction::UserIdentityMoved), Some(grant)) => {
                    UserWrite::Join(user, Box::new(grant.clone()))
                }
                (Some(_), _) => UserWrite::Link(user),
            },
            actions,
        })
    }

    fn session(&self, user: &User, gate: &Gate, rng: &Rng) -> Result<Session, RngError> {
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
            tenant_generation: gate.generation,
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
