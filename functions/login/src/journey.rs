//! The trace of a login as far as this function takes it: what was asked, what was decided, how it was answered.
//!
//! The callback goes on with it (`domain::Login::trace`), so that an attempt is one record. Nothing here can cost
//! anybody a login: what cannot be written in a moment is let go. An attempt without a company looks the same in the
//! store, whether the domain is nobody's or has no single sign-on (R15).

use std::time::Duration;

use domain::login_trace::Step;
use domain::{LoginTrace, OrganizationId, Selector, Timestamp};
use store::Store;

use crate::Deps;
use crate::request::Request;

/// How long an answer waits for its trace.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct Journey {
    trace: LoginTrace,
}

impl Journey {
    pub(crate) fn begin(deps: &Deps, request_id: &str, now: Timestamp) -> Self {
        // Without random bytes the request's own id must do; then only its pointer leads to the trace.
        let id = deps.shared.rng().ulid(now).unwrap_or_else(|_| request_id.to_owned());
        Self { trace: LoginTrace::begin(id, request_id, now) }
    }

    /// What the request named.
    pub(crate) fn asked(&mut self, request: &Request, now: Timestamp) {
        self.trace.step(Step::Asked, Some(&request.named()), now);
        if let Some(address) = request.asked.typed.clone().or_else(|| request.hinted()) {
            self.trace.by(&address);
        }
        let tenant = request.asked.place.as_ref().or(request.asked.organization.as_ref());
        self.trace.organization = tenant.cloned();
        self.trace.connection.clone_from(&request.asked.connection);
    }

    /// The way is decided.
    pub(crate) fn routed(
        &mut self,
        selector: &Selector,
        organization: Option<&OrganizationId>,
        now: Timestamp,
    ) {
        self.trace.step(Step::Routed, Some(&selector.to_query()), now);
        if let Selector::Connection(connection) = selector {
            self.trace.connection = Some(connection.clone());
        }
        if let Some(organization) = organization.or_else(|| selector.organization()) {
            self.trace.organization = Some(organization.clone());
        }
    }

    /// The browser is about to leave. The trace as the login carries it.
    pub(crate) fn sent(&mut self, now: Timestamp) -> LoginTrace {
        self.trace.step(Step::SentToWorkos, None, now);
        self.trace.clone()
    }

    /// The person was asked something.
    pub(crate) async fn answered(&mut self, store: &Store, what: &str, now: Timestamp) {
        self.trace.step(Step::Answered, Some(what), now);
        self.write(store, false).await;
    }

    pub(crate) async fn failed(&mut self, store: &Store, reason: &str, now: Timestamp) {
        self.trace.failed(reason, None, now);
        self.write(store, true).await;
    }

    /// Writes the trace; with `pointed`, the id on the page leads to it.
    pub(crate) async fn write(&self, store: &Store, pointed: bool) {
        let trace = &self.trace;
        let pointer = async {
            match trace.requests.first().filter(|_| pointed) {
                Some(request) => store.put_trace_pointer(trace, request).await,
                None => Ok(()),
            }
        };
        let written = async {
            tokio::try_join!(store.put_trace(trace, trace.organization.as_ref()), pointer).map(drop)
        };
        match tokio::time::timeout(PATIENCE, written).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "the trace of a login is lost: {error}"),
            Err(_) => tracing::warn!("the trace of a login is lost: the database took too long"),
        }
    }
}
