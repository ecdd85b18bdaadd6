//! The trace of a login on its last stretch: what happened between the browser's return and the page or the app.
//!
//! It goes on with the trace that the login began, so that an attempt is one record. A success is written by the very
//! transaction that makes the session; a failure beside its page, with a pointer from every reference that the person
//! may quote. Nothing here can cost anybody a login: what cannot be written in a moment is counted and let go. It holds
//! no code, no state and no whole address (R73).

use std::time::Duration;

use domain::login_trace::Step;
use domain::{Clock, Login, LoginTrace, OrganizationId, Profile, Rng, Selector, UserId};
use net::Deadline;
use store::{Store, StoreError};

/// How long a page waits for its trace, and how long when the request's time is over.
const PATIENCE: Duration = Duration::from_millis(500);
const LEAST: Duration = Duration::from_millis(100);
/// The latest requests of a login that lead to its trace: pages that asked, and the one that failed.
const MOST_POINTERS: usize = 4;

#[derive(Debug)]
pub(crate) struct Journey {
    trace: LoginTrace,
    /// The trace that the login began was stored, under this tenant if any.
    stored: Option<Option<OrganizationId>>,
    clock: Clock,
}

impl Journey {
    /// An attempt of which nothing is known but that it came here.
    pub(crate) fn stray(request: &str, clock: &Clock, rng: &Rng) -> Self {
        let now = clock.now();
        // Without random bytes the request's own id must do; then only its pointer leads to the trace.
        let id = rng.ulid(now).unwrap_or_else(|_| request.to_owned());
        let mut trace = LoginTrace::begin(id, request, now);
        trace.step(Step::CameBack, None, now);
        Self { trace, stored: None, clock: clock.clone() }
    }

    /// The browser came back to this login.
    pub(crate) fn resumed(mut self, login: &Login) -> Self {
        if let Some(begun) = &login.trace {
            let here = std::mem::replace(&mut self.trace, begun.clone());
            self.stored = Some(begun.organization.clone());
            for request in &here.requests {
                self.trace.request(request);
            }
            self.step(Step::CameBack, None);
        }
        if let Selector::Connection(connection) = &login.selector {
            self.trace.connection.get_or_insert_with(|| connection.clone());
        }
        let organization = self.trace.organization.take().or_else(|| login.selector.organization().cloned());
        self.trace.organization = organization;
        self
    }

    pub(crate) fn step(&mut self, did: Step, detail: Option<&str>) {
        self.trace.step(did, detail, self.clock.now());
    }

    /// Whom the IdP says it is.
    pub(crate) fn profile(&mut self, profile: &Profile) {
        self.trace.by(&profile.email);
        self.trace.connection = Some(profile.connection.clone());
        self.step(Step::Exchanged, Some(profile.connection.as_str()));
    }

    /// The tenant is certain now.
    pub(crate) fn tenant(&mut self, organization: &OrganizationId) {
        self.trace.organization = Some(organization.clone());
    }

    /// The trace as it will be once this user is signed in.
    pub(crate) fn succeeded(&self, user: &UserId) -> LoginTrace {
        let mut trace = self.trace.clone();
        trace.succeeded(user, self.clock.now());
        trace
    }

    /// The tenant that the stored trace lies under; without one, where it is going to lie.
    pub(crate) fn written_as(&self) -> Option<&OrganizationId> {
        match &self.stored {
            Some(stored) => stored.as_ref(),
            None => self.trace.organization.as_ref(),
        }
    }

    /// Writes down how it ended. `false` when that was not possible in a moment.
    pub(crate) async fn failed(
        mut self,
        store: &Store,
        reason: &str,
        workos_request: Option<&str>,
        deadline: Deadline,
    ) -> bool {
        self.trace.failed(reason, workos_request, self.clock.now());
        let patience = deadline.cap(PATIENCE).max(LEAST);
        match tokio::time::timeout(patience, self.write(store)).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "the trace of a login is lost: {error}");
                false
            }
            Err(_) => {
                tracing::warn!("the trace of a login is lost: the database took too long");
                false
            }
        }
    }

    async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let trace = &self.trace;
        let requests: Vec<&str> =
            trace.requests.iter().rev().take(MOST_POINTERS).map(String::as_str).collect();
        let pointers = async {
            for request in requests {
                store.put_trace_pointer(trace, request).await?;
            }
            Ok(())
        };
        tokio::try_join!(store.put_trace(trace, self.written_as()), pointers).map(drop)
    }
}
