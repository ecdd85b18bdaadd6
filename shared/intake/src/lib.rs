//! What a genuine event comes to, whoever brings it: a webhook, the Events API, an operator.
//!
//! Everything that follows from it is written in one transaction with the mark that it was seen, so a delivery that
//! breaks anywhere is either nothing or a duplicate the next time. What means nothing here is marked as well: nobody
//! should have to guess afterwards what arrived. An event that cannot be understood is recorded with the reason and
//! answered with success, because sending it again would change nothing; it raises an alarm and can be replayed (R57).

use domain::audit::{Actor, AuditAction, AuditContext, AuditEvent};
use domain::directory::{DirectoryChange, Ignored, NoticeKind, Origin, Outcome};
use domain::{Clock, OrganizationId, Rng, RngError, TenantChange, Timestamp};
use store::{Applier, Cause, SeenEvent, Store, StoreError, TenantEvent, TenantOutcome};
use web::{Metrics, metrics};
use workos::{CertificateDue, ClientId, Event, Message, Unreadable};

/// Takes events. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Intake {
    pub store: Store,
    pub applier: Applier,
    /// The environment whose events are taken; `None` where the events come from the environment itself.
    pub client_id: Option<ClientId>,
    pub clock: Clock,
    pub rng: Rng,
    pub metrics: Metrics,
    /// Where events come in, for the audit log: `webhook`.
    pub place: &'static str,
}

/// Stable words for the metric, the answer and the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    pub outcome: &'static str,
    pub reason: Option<String>,
}

/// Why an event was not handled. It has to come again.
#[derive(Debug, thiserror::Error)]
pub enum NotHandled {
    #[error("the directory is not known and the event names no organization")]
    Unresolved {
        /// How often it has come in vain.
        tries: u64,
    },
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub const APPLIED: &str = "applied";
pub const DUPLICATE: &str = "duplicate";
const IGNORED: &str = "ignored";
const POISON: &str = "poison";

impl Intake {
    /// What comes of an event; counted by outcome. `Ok` means that it is durable.
    ///
    /// # Errors
    /// When it has to come again: nothing of it was written then, or, when an answer was lost, all of it.
    pub async fn handle(&self, event: &Event) -> Result<Handled, NotHandled> {
        let handled = self.decide(event).await;
        let outcome = match &handled {
            Ok(handled) => handled.outcome,
            Err(NotHandled::Unresolved { .. }) => Outcome::Unresolved.as_str(),
            Err(NotHandled::Store(_)) => "failed",
        };
        self.count(outcome, event.kind.label());
        handled
    }

    /// Counts an event by what became of it. Both words are of our own.
    pub fn count(&self, outcome: &str, kind: &str) {
        self.metrics.count_by_each(metrics::SCIM_SYNC, &[("outcome", outcome), ("type", kind)]);
    }

    async fn decide(&self, event: &Event) -> Result<Handled, NotHandled> {
        let now = self.clock.now();
        // Events of two WorkOS environments differ in nothing else: a secret pasted into the wrong stack shows here.
        let own = self.client_id.as_ref().map(ClientId::as_str);
        let elsewhere = own.zip(event.client_id.as_deref()).is_some_and(|(own, named)| own != named);
        let handled = if elsewhere {
            self.ignore(event, "other_environment", now).await
        } else {
            match event.read() {
                Ok(Message::Directory { origin, change }) => self.apply(event, &origin, &change, now).await,
                Ok(Message::Tenant { organization, change }) => {
                    self.change_tenant(event, &organization, &change, now).await
                }
                Ok(Message::Certificate(due)) => self.warn(event, &due, now).await,
                Ok(Message::Nothing) => self.ignore(event, "nothing_follows", now).await,
                Ok(Message::Unknown) => self.ignore(event, "unknown_type", now).await,
                Err(why) => self.poison(event, why, now).await,
            }
        }?;
        tracing::info!(
            event.id = %event.id,
            event.type = event.kind.as_str(),
            event.outcome = handled.outcome,
            event.reason = handled.reason.as_deref(),
            "event {} of type {}: {}",
            event.id,
            event.kind.as_str(),
            handled.outcome
        );
        Ok(handled)
    }

    async fn apply(
        &self,
        event: &Event,
        origin: &Origin,
        change: &DirectoryChange,
        now: Timestamp,
    ) -> Result<Handled, NotHandled> {
        let kind = event.kind.as_str();
        let report = self.applier.apply_event(Some(kind), origin, change, &event.stamp(), now).await?;
        match report.outcome {
            Outcome::Unresolved => return self.postpone(event, origin, now).await,
            Outcome::Ignored(Ignored::OtherOrganization) => {
                self.metrics.count(metrics::DIRECTORY_MISMATCH);
                tracing::warn!(
                    event.id = %event.id,
                    directory.id = %origin.directory,
                    "event {} names another organization than the one that owns directory {}",
                    event.id,
                    origin.directory
                );
            }
            Outcome::Applied { .. }
            | Outcome::NoChange
            | Outcome::Stale
            | Outcome::Duplicate
            | Outcome::Ignored(_) => {}
        }
        let leaves =
            |kind: &NoticeKind| matches!(kind, NoticeKind::UserDeactivated | NoticeKind::DirectoryDeleted);
        if report.notices.iter().any(leaves) {
            self.measure_lag(event);
        }
        Ok(Handled { outcome: report.outcome.as_str(), reason: report.outcome.reason().map(str::to_owned) })
    }

    async fn change_tenant(
        &self,
        event: &Event,
        organization: &OrganizationId,
        change: &TenantChange,
        now: Timestamp,
    ) -> Result<Handled, NotHandled> {
        let told = TenantEvent {
            event: &event.id,
            kind: event.kind.as_str(),
            created_at: event.created_at,
            organization,
            change,
        };
        let outcome = self.store.apply_tenant_event(&told, now).await?;
        if outcome == TenantOutcome::Applied && *change == TenantChange::OrganizationDeleted {
            self.measure_lag(event);
        }
        Ok(Handled { outcome: outcome.as_str(), reason: outcome.reason().map(str::to_owned) })
    }

    /// A certificate that runs out ends every login of a company on a known day: the alarm is the use of it.
    async fn warn(&self, event: &Event, due: &CertificateDue, now: Timestamp) -> Result<Handled, NotHandled> {
        let organization = match &due.organization {
            Some(organization) => Some(organization.clone()),
            None => self.store.organization_of(&due.connection).await?,
        };
        let audit = match &organization {
            Some(organization) => Some(self.certificate_audit(event, due, organization, now)?),
            None => None,
        };
        let seen = SeenEvent { organization, ..mark(event, APPLIED, now) };
        if !self.store.mark_event_with(&seen, audit.as_ref()).await? {
            return Ok(Handled { outcome: DUPLICATE, reason: None });
        }
        self.metrics.count(metrics::CERTIFICATE_DUE);
        tracing::warn!(
            connection.id = %due.connection,
            certificate.expired = due.expired,
            certificate.expires = due.expires.map(Timestamp::rfc3339),
            "the certificate of connection {} runs out",
            due.connection
        );
        Ok(Handled { outcome: APPLIED, reason: None })
    }

    fn certificate_audit(
        &self,
        event: &Event,
        due: &CertificateDue,
        organization: &OrganizationId,
        now: Timestamp,
    ) -> Result<AuditEvent, StoreError> {
        let random = |_: RngError| StoreError { operation: "warn of a certificate", cause: Cause::Random };
        let details = [
            ("connection", Some(due.connection.to_string())),
            ("certificate", Some(due.kind.clone()).filter(|kind| !kind.is_empty())),
            ("expires", due.expires.map(Timestamp::rfc3339)),
            ("expired", Some(due.expired.to_string())),
        ];
        Ok(AuditEvent {
            id: self.rng.ulid(now).map_err(random)?,
            organization: organization.clone(),
            action: AuditAction::ConnectionCertificateDue,
            actor: Actor::operator("workos"),
            session: None,
            context: AuditContext {
                location: self.place.to_owned(),
                user_agent: String::new(),
                request_id: event.id.to_string(),
            },
            details: details
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect(),
            occurred_at: now,
        })
    }

    async fn ignore(&self, event: &Event, reason: &str, now: Timestamp) -> Result<Handled, NotHandled> {
        let seen = SeenEvent { reason: Some(reason.to_owned()), ..mark(event, IGNORED, now) };
        let first = self.store.mark_event(&seen).await?;
        let outcome = if first { IGNORED } else { DUPLICATE };
        Ok(Handled { outcome, reason: first.then(|| reason.to_owned()) })
    }

    async fn poison(&self, event: &Event, why: Unreadable, now: Timestamp) -> Result<Handled, NotHandled> {
        Ok(self.give_up(event, why.as_str(), now).await?)
    }

    /// Records an event that nothing can be made of. It is not tried again unless an operator replays it.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn give_up(&self, event: &Event, reason: &str, now: Timestamp) -> Result<Handled, StoreError> {
        let kind = event.kind.as_str();
        let seen = SeenEvent::poison(event.id.clone(), kind, reason, event.created_at, now);
        if !self.store.mark_event(&seen).await? {
            return Ok(Handled { outcome: DUPLICATE, reason: None });
        }
        tracing::error!(
            event.id = %event.id,
            event.type = kind,
            event.reason = reason,
            "event {} of type {kind} cannot be read: {reason}",
            event.id
        );
        Ok(Handled { outcome: POISON, reason: Some(reason.to_owned()) })
    }

    /// Nobody says yet whose directory it is. Noted, and to come again: by then the directory may have introduced itself.
    async fn postpone(&self, event: &Event, origin: &Origin, now: Timestamp) -> Result<Handled, NotHandled> {
        let note = SeenEvent {
            reason: Some("directory_unknown".to_owned()),
            directory: Some(origin.directory.clone()),
            ..mark(event, Outcome::Unresolved.as_str(), now)
        };
        let tries = self.store.note_failure(&note).await?;
        Err(NotHandled::Unresolved { tries })
    }

    /// From the moment of the event to now, when its effect is written (R58).
    fn measure_lag(&self, event: &Event) {
        let lag = self.clock.now().since(event.created_at);
        self.metrics.millis(metrics::DEPROVISION_LAG, lag);
    }
}

fn mark(event: &Event, outcome: &str, now: Timestamp) -> SeenEvent {
    SeenEvent::other(event.id.clone(), event.kind.as_str(), outcome, event.created_at, now)
}
