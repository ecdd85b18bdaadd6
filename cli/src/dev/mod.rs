//! `vestibule dev`: the whole product on localhost, on embedded parts.
//!
//! The functions are the deployed ones, in one process: their routers, behind their layers, called with payload 2.0
//! events. Around them stand a DynamoDB engine, a stand-in for Secrets Manager, a sandbox for WorkOS and a demo app.
//! One origin everywhere, because browsers do not share cookies between `localhost` and `127.0.0.1`.

mod card;
mod command;
mod data_dir;
mod database;
mod demo;
mod demo_people;
pub mod events;
pub mod fixtures;
pub mod gateway;
mod outbox;
mod parts;
mod reconcile;
mod secrets;
mod settings;
pub mod template;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use demo_people::{People, PeopleError};
use domain::{Clock, Rng};
use serde::Serialize;
use store::Store;
use tokens::{Algorithm, Expected, WebhookSecrets};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use web::config::SessionSettings;
use web::telemetry::{self, Service, Sink};
use web::{Platform, Reader, Secret, Secrets, Site, Vars};
use workos::{ApiKey, BaseUrl, Client, ClientId};

use crate::keys::{Keys, KeysError};
use crate::secret_store::SecretStore;
use crate::tenants::Tenants;
pub use command::{CommandError, run, run_sandbox};
use data_dir::{DataDir, DataDirError, RunningStack};
pub use data_dir::{RunningFileError, RunningStack as Local};
use database::LocalDatabase;
use fixtures::{FixtureError, Fixtures, Seeder};
use gateway::Gateway;
pub use outbox::{Outbox, OutboxError};
use parts::{ListenError, listen, port, serve};
pub use secrets::LocalSecrets;
pub use settings::{
    API_KEY_SECRET, APP_WEBHOOK_SECRET, RealWorkOs, RealWorkOsError, SIGNING_KEYS_SECRET, WEBHOOK_SECRET,
    WEBHOOK_SECRET_VALUE, tables,
};
use template::Template;

/// Log lines and metrics of the functions.
const LOG: &str = "vestibule.log";
/// Where the functions are expected when they run elsewhere and no port is given.
const USUAL_PORT: u16 = 8080;

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

/// Base URLs of a running stack: what `--json` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Urls {
    pub app: String,
    pub sandbox: Option<String>,
    pub dynamodb: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secrets: Option<String>,
}

/// A running stack. Ends with [`Running::stop`] or with the process.
pub struct Running {
    pub urls: Urls,
    pub store: Store,
    pub secrets: LocalSecrets,
    /// The signing keys, for the verbs that rotate and revoke them.
    pub keys: Keys,
    /// The function that no route leads to.
    pub reconcile: ::reconcile::Deps,
    /// Copies of the sample events with fixtures in them, where there is a data directory.
    pub events: Option<PathBuf>,
    /// The outbox function behind the table's stream, where the functions are.
    pub outbox: Option<Arc<Outbox>>,
    seeder: Option<Seeder>,
    stop: watch::Sender<bool>,
    servers: Vec<JoinHandle<()>>,
    _data_dir: Option<DataDir>,
}

impl Running {
    /// Makes the fixtures of the sample events anew. `None` without a sandbox.
    ///
    /// # Errors
    /// When a part of the stack does not do its part.
    pub async fn seed(&self) -> Result<Option<Fixtures>, FixtureError> {
        match &self.seeder {
            Some(seeder) => seeder.seed().await.map(Some),
            None => Ok(None),
        }
    }

    /// Stops listening and waits until requests in flight are answered.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        for server in self.servers {
            drop(server.await);
        }
    }
}

/// Starts everything and returns when it answers.
///
/// # Errors
/// When a port is taken, the data directory cannot be used or a setting is wrong.
pub async fn start(options: Options) -> Result<Running, DevError> {
    let (stop, stopped) = watch::channel(false);
    let data_dir = options.data_dir.as_ref().map(|dir| DataDir::open(dir, options.fresh)).transpose()?;
    let file = |name| data_dir.as_ref().map(|dir| dir.join(name));
    let log = match file(LOG).filter(|_| options.log) {
        Some(log) => Some(start_log(&log)?),
        None => None,
    };
    // With the functions elsewhere their port is not ours to take.
    let app = if options.deps_only { None } else { Some(listen(options.port, "--port").await?) };
    let sandbox = match options.real {
        Some(_) => None,
        None => Some(listen(options.sandbox_port, "--sandbox-port").await?),
    };
    let dynamodb = listen(options.dynamodb_port, "--dynamodb-port").await?;
    let secrets = listen(options.secrets_port, "--secrets-port").await?;
    let secrets_url = format!("http://127.0.0.1:{}", port(&secrets, "--secrets-port")?);
    let sandbox_url = match &sandbox {
        Some(listener) => Some(format!("http://localhost:{}", port(listener, "--sandbox-port")?)),
        None => None,
    };
    let host = &options.host;
    let public_url = match (&options.real, &app) {
        (Some(real), _) => real.public_url.clone(),
        (None, Some(listener)) => format!("http://{host}:{}", port(listener, "--port")?),
        (None, None) if options.port == 0 => format!("http://{host}:{USUAL_PORT}"),
        (None, None) => format!("http://{host}:{}", options.port),
    };

    let database =
        LocalDatabase::start(file("dynamodb.sqlite").as_deref(), dynamodb, stopped.clone()).await?;
    let stand_in = LocalSecrets::open(file("secrets.json"), options.clock.clone(), options.rng.clone())?;
    let mut servers = vec![serve(secrets, stand_in.router(), stopped.clone())];
    let urls = Urls {
        app: public_url.clone(),
        sandbox: sandbox_url.clone(),
        dynamodb: format!("http://{}", database.address),
        secrets: options.deps_only.then(|| secrets_url.clone()),
    };
    let http = net::client()?;
    let platform = Platform {
        aws: parts::sdk_config(http.clone(), &urls.dynamodb, &secrets_url),
        http,
        clock: options.clock.clone(),
        rng: options.rng.clone(),
        metrics: log.unwrap_or(options.metrics),
    };
    let template = Template::parse(template::TEMPLATE)?;
    database::create_tables(&platform.aws, &template, &tables(), options.streams).await?;
    let keys = Keys {
        store: Store::new(&platform.aws, tables(), options.rng.clone()),
        secrets: SecretStore::new(&platform.aws),
        secret: SIGNING_KEYS_SECRET.to_owned(),
        clock: options.clock.clone(),
        rng: options.rng.clone(),
    };
    stand_in.put(API_KEY_SECRET, &settings::api_key(options.real.as_ref()))?;
    if stand_in.get(SIGNING_KEYS_SECRET).is_none() {
        stand_in.put(SIGNING_KEYS_SECRET, "{}")?;
    }
    let given = options.real.as_ref().is_some_and(RealWorkOs::has_webhook);
    if given || stand_in.get(WEBHOOK_SECRET).is_none() {
        stand_in.put(WEBHOOK_SECRET, &settings::webhook_secret(options.real.as_ref(), &options.rng)?)?;
    }
    if stand_in.get(APP_WEBHOOK_SECRET).is_none() {
        stand_in.put(APP_WEBHOOK_SECRET, &settings::app_webhook(&options.rng)?)?;
    }
    keys.create(Algorithm::Es256).await?;

    let mut given = options.settings.clone();
    if let Some(listener) = &app {
        let webhook = format!("http://127.0.0.1:{}{}", port(listener, "--port")?, demo::WEBHOOK);
        given.entry("APP_WEBHOOK_URL".to_owned()).or_insert(webhook);
    }
    let vars = settings::vars(&public_url, sandbox_url.as_deref(), options.real.as_ref(), &given);
    let (expected, idle) = session_settings(&vars)?;
    if let Some(dir) = &data_dir {
        dir.note(&RunningStack {
            dynamodb: urls.dynamodb.clone(),
            secrets: secrets_url,
            session_absolute_seconds: expected.longest_session.as_secs(),
            app: public_url.clone(),
            workos: vars.get("WORKOS_API_BASE_URL").unwrap_or_default().to_owned(),
        })?;
    }
    let redirect_uri = format!("{public_url}/auth/callback");
    if let (Some(listener), Some(url)) = (sandbox, &sandbox_url) {
        let (clock, rng) = (options.clock.clone(), options.rng.clone());
        let secret = workos::WebhookSecrets::from_secret(&stand_in.get(WEBHOOK_SECRET).unwrap_or_default())?;
        let webhook = sandbox::WebhookEndpoint {
            url: format!("{public_url}{}", settings::WEBHOOK_PATH),
            secret: secret.current().expose().to_owned(),
        };
        let sandbox = sandbox::Sandbox::new(sandbox::Options {
            clock,
            rng,
            webhook: Some(webhook),
            ..sandbox::Options::local(url, &redirect_uri)
        })?;
        if options.background_deliveries {
            servers.push(parts::until(sandbox.clone().keep_delivering(), stopped.clone()));
        }
        servers.push(serve(listener, sandbox::router(sandbox), stopped.clone()));
    }
    if let Some(sandbox) = sandbox_url.as_deref().filter(|_| options.tenants) {
        let api_key = stand_in.get(API_KEY_SECRET).unwrap_or_default();
        know_tenants(sandbox, &platform, &keys, &api_key).await?;
    }
    let seeder = sandbox_url.clone().map(|sandbox| Seeder {
        store: keys.store.clone(),
        secrets: stand_in.clone(),
        http: platform.http.clone(),
        clock: options.clock.clone(),
        rng: options.rng.clone(),
        sandbox,
        redirect_uri,
        // With the functions elsewhere the demo app is not there; this page is.
        return_to: format!("{public_url}/auth/account"),
        expected,
        idle,
    });
    let mut outbox = None;
    let mut reconciling = ::reconcile::Deps::new(&vars, &platform)?;
    if !options.reconcile {
        reconciling = reconciling.hurried();
    }
    if options.reconcile && app.is_some() {
        servers.push(reconcile::schedule(reconciling.clone(), stopped.clone()));
    }
    if let Some(app) = app {
        let secrets = Secrets::new(&platform.aws, platform.clock.clone());
        let secret = Secret::new(secrets, APP_WEBHOOK_SECRET, WebhookSecrets::parse);
        let people = People::open(secret, platform.clock.clone(), file("demo-people.jsonl"))?;
        let product = product(&vars, &platform, &template, &public_url, sandbox_url, people).await?;
        servers.push(serve(app, product, stopped.clone()));
        if options.streams {
            let deps = ::outbox::Deps::new(&vars, &platform)?;
            let patterns = template.stream_patterns()?;
            let clock = platform.clock.clone();
            let function = Arc::new(Outbox::new(deps, database.engine, &tables().identity, patterns, clock)?);
            if options.deliver {
                let function = function.clone();
                servers.push(tokio::spawn(async move { function.run(stopped).await }));
            }
            outbox = Some(function);
        }
    }
    let events = match (options.deps_only, &seeder, file("events")) {
        (true, Some(seeder), Some(dir)) => {
            events::write(&dir, &seeder.seed().await?, &urls, &options.settings)?;
            Some(dir)
        }
        _ => None,
    };
    let store = keys.store.clone();
    Ok(Running {
        urls,
        store,
        secrets: stand_in,
        keys,
        events,
        outbox,
        reconcile: reconciling,
        seeder,
        stop,
        servers,
        _data_dir: data_dir,
    })
}

/// What an operator does first: `vestibule tenants sync`.
async fn know_tenants(
    sandbox: &str,
    platform: &Platform,
    keys: &Keys,
    api_key: &str,
) -> Result<(), DevError> {
    let bad = |why: String| DevError::Tenants(why);
    let base = BaseUrl::parse(sandbox).map_err(|why| bad(why.to_string()))?;
    let client_id = ClientId::parse(sandbox::DEFAULT_CLIENT_ID).map_err(|why| bad(why.to_string()))?;
    let (clock, rng) = (platform.clock.clone(), platform.rng.clone());
    let tenants = Tenants {
        store: keys.store.clone(),
        workos: Client::new(platform.http.clone(), base, client_id, clock.clone(), rng.clone()),
        api_key: Arc::new(ApiKey::from_secret(api_key).map_err(|why| bad(why.to_string()))?),
        clock,
        rng,
        operator: "vestibule dev".to_owned(),
    };
    tenants.sync_all(false, &mut |_, _| {}).await.map_err(|why| bad(why.to_string()))?;
    Ok(())
}

/// The functions' log goes to a file: the terminal stays readable. Each start begins a new one.
fn start_log(file: &Path) -> Result<Sink, DevError> {
    let sink = Sink::file(file).map_err(|why| DevError::Log { file: file.display().to_string(), why })?;
    let service = Service { name: "vestibule".to_owned(), function_name: String::new(), memory_size: 0 };
    telemetry::start(service, sink.clone());
    Ok(sink)
}

/// What a session token has to be under these settings, and how long a session may idle.
fn session_settings(vars: &Vars) -> Result<(Expected, Duration), DevError> {
    let mut reader = Reader::new(vars);
    let site = Site::read(&mut reader);
    let session = SessionSettings::read(&mut reader, site.as_ref());
    let (site, session) = reader.finish(site.zip(session))?;
    let expected = Expected {
        issuer: site.public_url.to_string(),
        audience: session.audience,
        token_life: session.token_life,
        longest_session: session.absolute,
    };
    Ok((expected, session.idle))
}

/// The stack that runs on a data directory, in another process.
///
/// # Errors
/// When none does.
pub fn running(data_dir: &Path) -> Result<Local, RunningFileError> {
    RunningStack::of(data_dir)
}

/// A sandbox without the product, for anybody's tests.
pub struct SandboxAlone {
    pub url: String,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
    deliveries: JoinHandle<()>,
}

impl SandboxAlone {
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        drop(self.server.await);
        drop(self.deliveries.await);
    }
}

/// Starts the sandbox alone. `redirect_uri` is where logins that start at the IdP land.
///
/// # Errors
/// When the port is taken or the redirect URI is not one.
pub async fn sandbox_alone(wanted: u16, redirect_uri: &str) -> Result<SandboxAlone, DevError> {
    let (stop, stopped) = watch::channel(false);
    let listener: TcpListener = listen(wanted, "--port").await?;
    let url = format!("http://localhost:{}", port(&listener, "--port")?);
    let sandbox = sandbox::Sandbox::new(sandbox::Options::local(&url, redirect_uri))?;
    let deliveries = parts::until(sandbox.clone().keep_delivering(), stopped.clone());
    let server = serve(listener, sandbox::router(sandbox), stopped);
    Ok(SandboxAlone { url, stop, server, deliveries })
}

/// The functions behind their gateway, and the demo app beside them.
async fn product(
    vars: &Vars,
    platform: &Platform,
    template: &Template,
    public_url: &str,
    sandbox_url: Option<String>,
    people: People,
) -> Result<Router, DevError> {
    let login = login::Deps::new(vars, platform)?;
    let callback = callback::Deps::new(vars, platform)?;
    let session = session::Deps::new(vars, platform)?;
    let scim = scim::Deps::new(vars, platform)?;
    let authorizer = authorizer::Deps::new(vars, platform)?;
    tokio::join!(callback.prefetch(), session.prefetch(), scim.prefetch());
    let functions = BTreeMap::from([
        ("login".to_owned(), web::layers(login::router(&login), login.shared())),
        ("callback".to_owned(), web::layers(callback::router(&callback), callback.shared())),
        ("session".to_owned(), web::layers(session::router(&session), session.shared())),
        ("scim".to_owned(), web::layers(scim::router(&scim), scim.shared())),
    ]);
    let domain = public_url.split_once("://").map_or(public_url, |(_, host)| host).to_owned();
    let (clock, rng) = (platform.clock.clone(), platform.rng.clone());
    let gateway = Gateway::new(domain, template.routes()?, functions, clock.clone(), rng);
    let demo = demo::router(demo::Demo {
        gateway: gateway.clone(),
        authorizer,
        sandbox: sandbox_url,
        people,
        clock,
    });
    Ok(gateway.serve(demo))
}
