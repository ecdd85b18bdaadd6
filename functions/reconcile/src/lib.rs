//! The reconcile function: what a webhook missed is found and put right.
//!
//! Every few minutes it reads WorkOS's list of events from where it stopped and hands each to the same intake that takes
//! webhooks, so that an event counts once whichever way it came. Tenants that nobody signs in to are refreshed. On
//! demand a whole directory is compared with what WorkOS lists of it. One runner at a time; it stops before its time is
//! up and the next one goes on (R59). It serves no HTTP and cannot read a key that signs sessions.

mod directory;
mod events;
mod replay;
mod tenants;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use domain::directory::Retention;
use domain::{DirectoryId, Timestamp};
use intake::Intake;
use net::Deadline;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{Applier, Store, Tables};
use web::config::ConfigErrors;
use web::telemetry::Service;
use web::{Metrics, Platform, Reader, Secret, Secrets, Vars, metrics};
use workos::{ApiKey, BaseUrl, Client, ClientId};

pub use directory::{Counts, DirectoryReport, Group, Held, Listing, ListingStep, Walked};
pub use events::{Cursor, EventsReport};
pub use replay::ReplayError;
pub use tenants::{TenantsReport, Walk};
pub use trouble::Trouble;

/// How long a job is held without a sign of life: longer than the function may run.
pub const LEASE: Duration = Duration::from_secs(270);
/// The longest wait for one answer of WorkOS, the waits that it asks for included.
const PATIENCE: Duration = Duration::from_secs(60);
/// WorkOS takes four questions a second about the people of one directory.
const PACE: Duration = Duration::from_millis(270);

/// Why a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// All is done.
    #[default]
    Done,
    /// Somebody else is at it.
    Busy,
    /// The time was up; the next run goes on.
    Time,
    /// WorkOS was asked too often and wants to be asked later.
    Later,
    /// Somebody else took over.
    TakenOver,
    /// Somebody has to agree first.
    Held,
}

/// Everything a repair needs, in the function and on the command line alike. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reconciler {
    pub intake: Intake,
    pub workos: Client,
    pub api_key: Arc<ApiKey>,
    pub patience: Duration,
    /// Between two questions about the people of a directory.
    pub pace: Duration,
}

impl Reconciler {
    pub const fn new(intake: Intake, workos: Client, api_key: Arc<ApiKey>) -> Self {
        Self { intake, workos, api_key, patience: PATIENCE, pace: PACE }
    }

    fn store(&self) -> &Store {
        &self.intake.store
    }

    fn now(&self) -> Timestamp {
        self.intake.clock.now()
    }

    /// The end of one question to WorkOS.
    fn ask(&self, time: Deadline) -> Deadline {
        time.within(self.patience)
    }
}

/// The function's settings. Cheap to clone.
#[derive(Clone)]
pub struct Deps {
    intake: Intake,
    workos: Client,
    api_key: Secret<ApiKey>,
    patience: Duration,
    pace: Duration,
}

impl Deps {
    /// # Errors
    /// With every problem of the settings.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(vars);
        let identity = reader.required("IDENTITY_TABLE");
        let ephemeral = reader.required("EPHEMERAL_TABLE");
        let base = BaseUrl::from_settings(|name| reader.optional(name));
        let base = base.map_err(|error| reader.problem(error.name, error.reason)).ok();
        let client_id = reader.required_with("WORKOS_CLIENT_ID", ClientId::parse);
        let api_key = reader.required("WORKOS_API_KEY_SECRET");
        let days = reader.parsed_or("DEACTIVATED_USER_RETENTION_DAYS", 90_u32);
        let complete = || {
            let (clock, rng) = (platform.clock.clone(), platform.rng.clone());
            let store = Store::new(
                &platform.aws,
                Tables { identity: identity?, ephemeral: ephemeral? },
                platform.rng.clone(),
            );
            let secrets = Secrets::new(&platform.aws, platform.clock.clone());
            let client_id = client_id?;
            Some(Self {
                workos: Client::new(
                    platform.http.clone(),
                    base?,
                    client_id.clone(),
                    clock.clone(),
                    rng.clone(),
                ),
                api_key: Secret::new(secrets, &api_key?, ApiKey::from_secret),
                intake: Intake {
                    applier: Applier::new(store.clone(), Retention::days(days)),
                    store,
                    client_id: Some(client_id),
                    clock,
                    rng,
                    metrics: Metrics::new(
                        Service::from_vars(vars),
                        platform.clock.clone(),
                        platform.metrics.clone(),
                    ),
                    place: "events",
                },
                patience: PATIENCE,
                pace: PACE,
            })
        };
        let deps = complete();
        reader.finish(deps)
    }

    /// Without waiting for anything: for tests, whose WorkOS is theirs alone.
    #[must_use]
    pub fn hurried(self) -> Self {
        Self { patience: Duration::from_secs(5), pace: Duration::ZERO, ..self }
    }

    /// With the key as it is now.
    ///
    /// # Errors
    /// When there is none to be had.
    pub async fn reconciler(&self) -> Result<Reconciler, Trouble> {
        Ok(Reconciler {
            intake: self.intake.clone(),
            workos: self.workos.clone(),
            api_key: self.api_key.get().await?,
            patience: self.patience,
            pace: self.pace,
        })
    }
}

/// What is to be done. The schedule's own event says nothing of it: then events are read and tenants refreshed.
#[derive(Debug, Default, Deserialize)]
struct Request {
    directory: Option<DirectoryId>,
    confirm: Option<u64>,
    /// The schedule's event has one.
    source: Option<String>,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<EventsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenants: Option<TenantsReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<DirectoryReport>,
}

/// Answers one event of the function.
///
/// # Errors
/// When something behind it does not answer; the next run goes on where this one stopped.
pub async fn invoke(deps: &Deps, event: Value, time: Deadline) -> Result<Report, Trouble> {
    let done = Box::pin(run(deps, event, time)).await;
    if let Err(trouble) = &done {
        tracing::error!(error = %trouble, "a run ended early: {trouble}");
    }
    done
}

async fn run(deps: &Deps, event: Value, time: Deadline) -> Result<Report, Trouble> {
    let request = request(event)?;
    let reconciler = deps.reconciler().await?;
    let Some(directory) = request.directory else {
        let events = reconciler.catch_up(time).await;
        // Trouble with events is no reason to let tenants grow old.
        let tenants = reconciler.refresh_tenants(time).await;
        return Ok(Report { events: Some(events?), tenants: Some(tenants?), directory: None });
    };
    let report = reconciler.compare(&directory, request.confirm, time, &mut |_| {}).await?;
    Ok(Report { directory: Some(report), ..Report::default() })
}

/// A misspelt wish must not pass for the schedule's.
fn request(event: Value) -> Result<Request, Trouble> {
    let empty = event.as_object().is_none_or(serde_json::Map::is_empty);
    let request: Request = if event.is_null() {
        Request::default()
    } else {
        serde_json::from_value(event).map_err(|_| Trouble::Request)?
    };
    if request.directory.is_none() && (request.confirm.is_some() || (request.source.is_none() && !empty)) {
        return Err(Trouble::Request);
    }
    Ok(request)
}

/// Repairs of one kind, as a metric.
fn repaired(metrics: &Metrics, what: &str, amount: u64) {
    if amount > 0 {
        metrics.add_by(metrics::DRIFT_REPAIRED, amount, "what", what);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_misspelt_wish_is_refused() {
        for fine in [
            json!({}),
            json!(null),
            json!({"source": "aws.events", "detail": {}}),
            json!({"source": "aws.scheduler"}),
        ] {
            assert!(request(fine.clone()).unwrap().directory.is_none(), "{fine}");
        }
        let wish = request(json!({"directory": "directory_1", "confirm": 30})).unwrap();
        assert_eq!((wish.directory.unwrap().as_str(), wish.confirm), ("directory_1", Some(30)));
        for wrong in [
            json!({"direcotry": "directory_1"}),
            json!({"directory": "user_1"}),
            json!({"directory": 7}),
            json!({"confirm": 30}),
            json!({"confirm": -1, "directory": "directory_1"}),
            json!("directory_1"),
        ] {
            assert!(request(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
