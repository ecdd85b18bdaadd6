//! How the local stack is to run, and why it does not.

use std::collections::BTreeMap;
use std::path::PathBuf;

use domain::{Clock, Rng};
use web::telemetry::Sink;

use super::data_dir::DataDirError;
use super::demo_people::PeopleError;
use super::fixtures::FixtureError;
use super::outbox::OutboxError;
use super::parts::ListenError;
use super::settings::RealWorkOs;
use super::{database, events, secrets, template};
use crate::keys::KeysError;

/// How the local stack is to run.
#[derive(Debug)]
pub struct Options {
    /// 0 for any free port.
    pub port: u16,
    /// Name under which the product is called: `localhost` or a name that ends in `.localhost`.
    pub host: String,
    pub sandbox_port: u16,
    pub dynamodb_port: u16,
    pub secrets_port: u16,
    /// Where state survives a restart; `None` keeps it in memory.
    pub data_dir: Option<PathBuf>,
    /// Forget the state of earlier runs.
    pub fresh: bool,
    /// A real WorkOS environment instead of the sandbox.
    pub real: Option<RealWorkOs>,
    /// Start what the functions need, with fixtures for the sample events, and not the functions.
    pub deps_only: bool,
    /// The tables have their streams, and the outbox runs on them. The engine looks through all records of a stream for every
    /// write, so what measures thousands of writes does without.
    pub streams: bool,
    /// Deliver notices to the app by themselves, as a deployment does. Without it only [`Running::outbox`] delivers.
    pub deliver: bool,
    /// The sandbox's organizations are tenants from the start, as after `vestibule tenants sync`.
    pub tenants: bool,
    /// Settings of the functions that differ from the usual ones.
    pub settings: BTreeMap<String, String>,
    pub clock: Clock,
    pub rng: Rng,
    /// Where the functions' metrics go.
    pub metrics: Sink,
    /// Webhooks that were not accepted, or are late, are sent when it is time. Tests ask the sandbox for them instead.
    pub background_deliveries: bool,
    /// Reconcile by schedule. Tests call the function instead.
    pub reconcile: bool,
    /// Write log lines and metrics of the functions to a file in the data directory instead. One stack of a process may.
    pub log: bool,
}

impl Options {
    /// In memory and on free ports: for tests.
    pub fn in_memory() -> Self {
        Self {
            port: 0,
            host: "localhost".to_owned(),
            sandbox_port: 0,
            dynamodb_port: 0,
            secrets_port: 0,
            data_dir: None,
            fresh: false,
            real: None,
            deps_only: false,
            deliver: false,
            tenants: false,
            streams: true,
            settings: BTreeMap::new(),
            clock: Clock::system(),
            rng: Rng::system(),
            metrics: Sink::Discard,
            background_deliveries: false,
            reconcile: false,
            log: false,
        }
    }
}

/// Why the local stack did not start.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("the signing keys cannot be used: {0}; start over with --fresh")]
    SigningKeys(#[from] KeysError),
    #[error("the settings are not right; give others with --set NAME=VALUE:\n{0}")]
    Settings(#[from] web::config::ConfigErrors),
    #[error("cannot write the log {file}: {why}; choose another directory with --data-dir")]
    Log { file: String, why: std::io::Error },
    #[error(transparent)]
    Template(#[from] template::TemplateError),
    #[error("{0}; start over with --fresh")]
    Database(#[from] database::DatabaseError),
    #[error("{0}; start over with --fresh")]
    Store(#[from] store::StoreError),
    #[error("{0}; start over with --fresh")]
    Secrets(#[from] secrets::LocalSecretsError),
    #[error("the sandbox does not start: {0}")]
    Sandbox(#[from] sandbox::InvalidOptions),
    #[error("the webhook secret cannot be used; start over with --fresh")]
    Webhook(#[from] workos::InvalidWebhookSecret),
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] net::BuildError),
    #[error("the sandbox's organizations did not become tenants: {0}")]
    Tenants(String),
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    #[error("{0}; start over with --fresh")]
    People(#[from] PeopleError),
    #[error(transparent)]
    Random(#[from] domain::RngError),
    #[error("the fixtures of the sample events: {0}")]
    Fixtures(#[from] FixtureError),
    #[error(transparent)]
    Events(#[from] events::EventsError),
}
