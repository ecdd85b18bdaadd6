//! `vestibule dev`: the whole product on localhost, on embedded parts.
//!
//! The functions are the deployed ones, in one process: their routers, behind their layers, called with payload 2.0
//! events. Around them stand a DynamoDB engine, a stand-in for Secrets Manager, a sandbox for WorkOS and a demo app.
//! One origin everywhere, because browsers do not share cookies between `localhost` and `127.0.0.1`.

mod alone;
mod card;
mod command;
mod data_dir;
mod database;
mod demo;
mod demo_people;
pub mod events;
pub mod fixtures;
pub mod gateway;
mod options;
mod outbox;
mod parts;
mod product;
mod reconcile;
mod secrets;
mod settings;
pub mod template;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use demo_people::People;
use serde::Serialize;
use store::Store;
use tokens::{Algorithm, Expected, WebhookSecrets};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use web::config::SessionSettings;
use web::telemetry::{self, Service, Sink};
use web::{Platform, Reader, Secret, Secrets, Site, Vars};

use crate::keys::Keys;
use crate::secret_store::SecretStore;
pub use alone::{SandboxAlone, sandbox_alone};
pub use command::{CommandError, run, run_sandbox};
use data_dir::{DataDir, RunningStack};
pub use data_dir::{RunningFileError, RunningStack as Local};
use database::LocalDatabase;
use fixtures::{FixtureError, Fixtures, Seeder};
pub use options::{DevError, Options};
pub use outbox::{Outbox, OutboxError};
use parts::{listen, port, serve};
use product::{know_tenants, product};
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
