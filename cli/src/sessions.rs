//! `vestibule sessions`: who is signed in, and ending it (R36).
//!
//! Sessions end as they do everywhere in the product: a person's by one raised generation of the user, a customer's by
//! one of the tenant, each with its audit item in the same write. Both are read by every strict check, so nobody has to
//! wait for a cache. Everybody's end by the floor beneath all sessions, which reaches checks by signature as well, and
//! then by every tenant's generation, which reaches strict checks without the half minute that the floor takes.

pub mod args;
mod command;
mod place;

use std::time::Duration;

use domain::audit::{AuditAction, AuditEvent};
use domain::{Clock, EmailAddress, Gate, OrganizationId, Rng, RngError, SessionId, Timestamp, User, UserId};
use store::{SessionAndUser, SignInPlace, Store, StoreError};
use tokio::task::JoinSet;

use crate::operator;

pub use command::{SessionsCommandError, run};
pub use place::{NotAPlace, Place};

/// Sign-ins, and tenants, that are read at once.
const PAGE: u16 = 200;
/// Tenants whose sessions are ended at the same time.
const AT_ONCE: usize = 16;
/// Tries to set the floor while somebody rotates keys.
const ROUNDS: usize = 3;

/// An operator's way to the sessions of one deployment.
#[derive(Clone, Debug)]
pub struct Sessions {
    pub store: Store,
    pub clock: Clock,
    pub rng: Rng,
    /// Who is at the terminal, for the audit log.
    pub operator: String,
    /// How far back sign-ins are looked at.
    pub longest: Duration,
}

/// Why nothing was listed or ended.
#[derive(Debug, thiserror::Error)]
pub enum SessionsError {
    #[error("there is no tenant {0} here")]
    NoTenant(OrganizationId),
    #[error("there is no user {0} here")]
    NoUser(UserId),
    #[error("there is no session {0} of that user; it may have ended already")]
    NoSession(SessionId),
    #[error("the deployment has no signing keys yet, so nobody is signed in; see `vestibule setup`")]
    NotSetUp,
    #[error("somebody else keeps changing the keys; look with `vestibule keys show`, then try again")]
    Busy,
    #[error(
        "everybody's sessions count no more within half a minute, but not every tenant was told at once: {0}; \
         the same command again tells the others"
    )]
    Unfinished(StoreError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RngError),
}

/// Some live sessions, newest first; of several tenants, tenant by tenant.
#[derive(Debug, Default)]
pub struct SessionPage {
    pub sessions: Vec<SessionAndUser>,
    /// The next page begins after this; `None` at the end.
    pub next: Option<Place>,
}

/// What "everybody" was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Everybody {
    /// Whatever began before this counts no more.
    pub not_before: Timestamp,
    pub tenants: usize,
}

impl Sessions {
    /// The tenant of a user.
    ///
    /// # Errors
    /// When no tenant has such a user.
    pub async fn organization_of(&self, user: &UserId) -> Result<OrganizationId, SessionsError> {
        let mut after = None;
        loop {
            let page = self.store.list_tenants(after.as_ref(), PAGE).await?;
            let ids: Vec<OrganizationId> = page.tenants.into_iter().map(|entry| entry.organization).collect();
            if let Some(found) = self.store.organization_of_user(user, &ids).await? {
                return Ok(found);
            }
            after = page.next;
            if after.is_none() {
                return Err(SessionsError::NoUser(user.clone()));
            }
        }
    }

    /// The live sessions of a person, newest first.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn of_user(
        &self,
        organization: &OrganizationId,
        user: &UserId,
    ) -> Result<Vec<SessionAndUser>, SessionsError> {
        let judge = self.judge(organization).await?;
        let person = self.store.user(organization, user).await?;
        let user = person.ok_or_else(|| SessionsError::NoUser(user.clone()))?;
        let sessions = self.store.sessions(organization, &user.id).await?;
        let all = sessions.into_iter().map(|session| SessionAndUser { session, user: user.clone() });
        Ok(all.filter(|one| judge.alive(one)).collect())
    }

    /// The live sessions of a tenant, at most so many.
    ///
    /// # Errors
    /// When there is no such tenant.
    pub async fn of_tenant(
        &self,
        organization: &OrganizationId,
        after: Option<SignInPlace>,
        limit: Option<u16>,
    ) -> Result<SessionPage, SessionsError> {
        let judge = self.judge(organization).await?;
        let since = judge.now.minus(self.longest);
        let mut found = SessionPage::default();
        let mut after = after;
        loop {
            let page = self.store.sign_ins(organization, since, judge.now, after.as_ref(), PAGE).await?;
            let mut live = self.store.sessions_of(organization, &page.sign_ins).await?;
            live.retain(|one| judge.alive(one));
            let room =
                limit.map_or(usize::MAX, |limit| usize::from(limit).saturating_sub(found.sessions.len()));
            let (cut, full) = (live.len() > room, live.len() >= room);
            live.truncate(room);
            let last = live.last().map(|last| last.session.id.clone());
            found.sessions.extend(live);
            after = page.next;
            if full && (cut || after.is_some()) {
                let place_of = |id| page.sign_ins.into_iter().find(|one| one.session == id);
                let after = last.and_then(place_of).map(|one| one.place);
                found.next = Some(Place { organization: organization.clone(), after });
            }
            if full || after.is_none() {
                return Ok(found);
            }
        }
    }

    /// The live sessions of everybody, tenant by tenant, at most so many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of_everybody(
        &self,
        after: Option<Place>,
        limit: Option<u16>,
    ) -> Result<SessionPage, SessionsError> {
        let mut found = SessionPage::default();
        let mut listed: Option<OrganizationId> = None;
        if let Some(place) = after {
            let Place { organization, after } = place;
            found = self.of_tenant(&organization, after, limit).await?;
            listed = Some(organization);
        }
        loop {
            if found.next.is_some() {
                return Ok(found);
            }
            let page = self.store.list_tenants(listed.as_ref(), PAGE).await?;
            for entry in page.tenants {
                let room = limit.map(|limit| {
                    limit.saturating_sub(u16::try_from(found.sessions.len()).unwrap_or(u16::MAX))
                });
                if room == Some(0) {
                    found.next = Some(Place { organization: entry.organization, after: None });
                    return Ok(found);
                }
                let some = self.of_tenant(&entry.organization, None, room).await?;
                found.sessions.extend(some.sessions);
                found.next = some.next;
                if found.next.is_some() {
                    return Ok(found);
                }
            }
            listed = page.next;
            if listed.is_none() {
                return Ok(found);
            }
        }
    }

    /// The accounts of a tenant with this address that may have sessions: those that signed in lately.
    ///
    /// # Errors
    /// When there is no such tenant.
    pub async fn accounts(
        &self,
        organization: &OrganizationId,
        email: &EmailAddress,
    ) -> Result<Vec<User>, SessionsError> {
        let judge = self.judge(organization).await?;
        let since = judge.now.minus(self.longest);
        let mut accounts: Vec<User> = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.sign_ins(organization, since, judge.now, after.as_ref(), PAGE).await?;
            for SessionAndUser { user, .. } in self.store.sessions_of(organization, &page.sign_ins).await? {
                let same = user.email.as_ref().is_some_and(|own| own.folded() == email.folded());
                if same && accounts.iter().all(|known| known.id != user.id) {
                    accounts.push(user);
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(accounts);
            }
        }
    }

    /// Ends one session of a person.
    ///
    /// # Errors
    /// When it is not there.
    pub async fn end_one(
        &self,
        organization: &OrganizationId,
        user: &UserId,
        session: &SessionId,
    ) -> Result<(), SessionsError> {
        let details = [("user", user.to_string())];
        let audit = AuditEvent {
            session: Some(session.clone()),
            ..self.audit(organization, AuditAction::SessionEnded, details)?
        };
        let ended = self.store.end_session(organization, user, session, &audit).await?;
        if ended { Ok(()) } else { Err(SessionsError::NoSession(session.clone())) }
    }

    /// Ends all sessions of a person.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn end_user(&self, organization: &OrganizationId, user: &UserId) -> Result<(), SessionsError> {
        let audit = self.audit(organization, AuditAction::UserSessionsEnded, [("user", user.to_string())])?;
        let ended = self.store.end_user_sessions(organization, user, &audit).await?;
        if ended { Ok(()) } else { Err(SessionsError::NoUser(user.clone())) }
    }

    /// Ends all sessions of a tenant.
    ///
    /// # Errors
    /// When there is no such tenant.
    pub async fn end_tenant(&self, organization: &OrganizationId) -> Result<(), SessionsError> {
        let audit = self.audit(organization, AuditAction::TenantSessionsEnded, [])?;
        let ended = self.store.end_tenant_sessions(organization, &audit).await?;
        if ended { Ok(()) } else { Err(SessionsError::NoTenant(organization.clone())) }
    }

    /// Ends everybody's sessions. The signing keys stay. `progress` is called after some tenants.
    ///
    /// # Errors
    /// When the floor cannot be set, or not every tenant could be told.
    pub async fn end_everybody(
        &self,
        progress: &mut (dyn FnMut(usize) + Send),
    ) -> Result<Everybody, SessionsError> {
        let not_before = self.raise_floor().await?;
        let mut tenants = 0;
        let mut after = None;
        loop {
            let unfinished = SessionsError::Unfinished;
            let page = self.store.list_tenants(after.as_ref(), PAGE).await.map_err(unfinished)?;
            for some in page.tenants.chunks(AT_ONCE) {
                let mut running = JoinSet::new();
                for entry in some {
                    let organization = entry.organization.clone();
                    let audit = self.audit(
                        &organization,
                        AuditAction::TenantSessionsEnded,
                        [("reason", "all sessions of the environment were ended".to_owned())],
                    )?;
                    let store = self.store.clone();
                    // A tenant that went away meanwhile has no sessions either.
                    running.spawn(async move { store.end_tenant_sessions(&organization, &audit).await });
                }
                for told in running.join_all().await {
                    told.map_err(SessionsError::Unfinished)?;
                    tenants += 1;
                }
                progress(tenants);
            }
            after = page.next;
            if after.is_none() {
                return Ok(Everybody { not_before, tenants });
            }
        }
    }

    /// Sessions from before this moment count no more; an earlier floor is never lowered.
    async fn raise_floor(&self) -> Result<Timestamp, SessionsError> {
        for _ in 0..ROUNDS {
            let (mut keys, revision) = self.store.public_keys_at().await?.ok_or(SessionsError::NotSetUp)?;
            let floor = keys.sessions_not_before.map_or(self.clock.now(), |old| old.max(self.clock.now()));
            keys.sessions_not_before = Some(floor);
            if self.store.publish_keys(&keys, Some(revision)).await? {
                return Ok(floor);
            }
        }
        Err(SessionsError::Busy)
    }

    async fn judge(&self, organization: &OrganizationId) -> Result<Judge, SessionsError> {
        let (tenant, keys) = tokio::try_join!(self.store.tenant(organization), self.store.public_keys())?;
        let gate = tenant.ok_or_else(|| SessionsError::NoTenant(organization.clone()))?.gate;
        Ok(Judge { gate, floor: keys.and_then(|keys| keys.sessions_not_before), now: self.clock.now() })
    }

    fn audit(
        &self,
        organization: &OrganizationId,
        action: AuditAction,
        details: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Result<AuditEvent, RngError> {
        operator::audit(&self.rng, self.clock.now(), &self.operator, organization, action, details)
    }
}

/// What decides over the sessions of a tenant at one moment.
struct Judge {
    gate: Gate,
    floor: Option<Timestamp>,
    now: Timestamp,
}

impl Judge {
    fn alive(&self, one: &SessionAndUser) -> bool {
        one.session.check(&one.user, &self.gate, self.floor, self.now).is_ok()
    }
}
