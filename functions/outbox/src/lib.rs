//! The outbox: what changed in a directory or at a login leaves for the app, by its webhook, its event bus or both.
//!
//! The notice in the identity table is the truth: it is owed until the app has it, and an index finds what is owed. The
//! table's stream only makes it quick, and a schedule sweeps what the stream did not bring about: nothing is lost when a
//! record, a process or the app fails. So the app hears everything at least once, each time under the same id, and each
//! message carries the number by which the app tells what is newer.
//!
//! It must never answer that something was delivered that was not, never let one tenant's trouble hold up another's, and
//! never put a name or an address into a log line.

mod bus;
mod delivery;
mod event;
mod message;
mod purge;
mod webhook;

use aws_sdk_eventbridge::Client;
use domain::{Clock, Timestamp};
use net::Deadline;
use store::{Store, StoreError, Tables};
use tokens::WebhookSecrets;
use web::config::ConfigErrors;
use web::telemetry::Service;
use web::{Metrics, Platform, Reader, Secret, Secrets, Vars};

pub use delivery::{Tally, sweep};
pub use event::{Event, ItemFailure, Record, Response};

use bus::Bus;
use delivery::{Round, deliver};
use webhook::{Webhook, address};

/// Notices that the app has.
pub const DELIVERED: &str = "outbox_delivered";
/// Tries that failed; by `reason`.
pub const FAILED: &str = "outbox_failed";
/// Notices that nobody tries any more until an operator says so.
pub const PARKED: &str = "outbox_parked";
/// Age of the oldest notice that the app does not have, parked ones included.
pub const AGE: &str = "outbox_age";

/// Left for recording what became of the last try.
const RESERVE: std::time::Duration = std::time::Duration::from_secs(3);

/// Everything a delivery needs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Deps {
    store: Store,
    clock: Clock,
    metrics: Metrics,
    webhook: Option<Webhook>,
    bus: Option<Bus>,
}

impl Deps {
    /// # Errors
    /// With every problem of the settings.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(vars);
        let identity = reader.required("IDENTITY_TABLE");
        let url = reader.optional_with("APP_WEBHOOK_URL", address);
        // A message that nobody can prove to be ours must not leave.
        let secret = url.as_ref().and_then(|_| reader.required("APP_WEBHOOK_SECRET"));
        let webhook = url.zip(secret).map(|(url, secret)| {
            let secrets = Secrets::new(&platform.aws, platform.clock.clone());
            let secrets = Secret::new(secrets, &secret, WebhookSecrets::parse);
            Webhook { url, secrets, http: platform.http.clone() }
        });
        let bus =
            reader.optional("EVENT_BUS_NAME").map(|name| Bus { name, client: Client::new(&platform.aws) });
        let deps = identity.map(|identity| Self {
            // It has no business in the ephemeral table, and no right to it.
            store: Store::new(
                &platform.aws,
                Tables { identity, ephemeral: String::new() },
                platform.rng.clone(),
            ),
            clock: platform.clock.clone(),
            metrics: Metrics::new(Service::from_vars(vars), platform.clock.clone(), platform.metrics.clone()),
            webhook,
            bus,
        });
        reader.finish(deps)
    }

    /// Whether there is anybody to tell. If not, notices wait: for thirty days, somebody may come.
    pub const fn has_listener(&self) -> bool {
        self.webhook.is_some() || self.bus.is_some()
    }
}

/// Handles what woke the function. `ends` is when its time is over: what is not done by then is done by the next sweep.
///
/// # Errors
/// When a sweep cannot read or write the table. Records of the stream are named in the answer instead, and come again.
pub async fn handle(deps: &Deps, event: Event, ends: Timestamp) -> Result<Response, StoreError> {
    let deadline = Deadline::after(ends.since(deps.clock.now()).saturating_sub(RESERVE));
    match event {
        Event::Sweep { sweep: false } => Ok(Response::default()),
        Event::Sweep { sweep: true } => sweep(deps, deadline).await.map(|_| Response::default()),
        Event::Stream { records } => match stream(deps, &records, deadline).await {
            Ok(()) => Ok(Response::default()),
            Err(error) => {
                tracing::error!(outbox.records = records.len(), "records of the stream come again: {error}");
                let first = records.first().map(|record| record.dynamodb.sequence_number.clone());
                let again = first.into_iter().map(|item_identifier| ItemFailure { item_identifier });
                Ok(Response { batch_item_failures: again.collect() })
            }
        },
    }
}

async fn stream(deps: &Deps, records: &[Record], deadline: Deadline) -> Result<(), StoreError> {
    let now = deps.clock.now();
    let mut owed = Vec::new();
    for record in records {
        if record.is_swept() {
            purge::record(deps, record).await?;
        } else if record.is_inserted() && deps.has_listener() {
            let keys = &record.dynamodb.keys;
            owed.extend(deps.store.owed_notice(&keys.pk.text, &keys.sk.text, now).await?);
        }
    }
    deliver(deps, owed, &mut Round::new(deadline)).await.map(drop)
}
