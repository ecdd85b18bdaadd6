//! The whole product in memory, on free ports, under a clock that the test moves.

use std::time::Duration;

use axum::Router;
use domain::{Clock, Timestamp};
use tokio::net::TcpListener;
use url::Url;
use vestibule::dev::{self, Options, Running};
use web::telemetry::Sink;

use crate::{Browser, DatabaseProxy, Deployment, Jar, SandboxControl};

/// A running product with its database, secrets and sandbox. Ends with the test's runtime.
pub struct Stack {
    pub running: Running,
    pub clock: Clock,
    pub metrics: Sink,
    pub(crate) http: reqwest::Client,
    app: Url,
}

impl Stack {
    /// # Panics
    /// When it does not start.
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With settings of the functions that differ from the usual ones.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn with(settings: &[(&str, &str)]) -> Self {
        Self::made(settings, |_| {}).await
    }

    /// A deployment whose operator ran `vestibule tenants sync`: the sandbox's organizations are tenants.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn with_tenants(settings: &[(&str, &str)]) -> Self {
        Self::made(settings, |options| options.tenants = true).await
    }

    /// For thousands of writes: without the table's stream, and so without deliveries to the app.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn without_streams() -> Self {
        Self::made(&[], |options| options.streams = false).await
    }

    async fn made(settings: &[(&str, &str)], change: impl FnOnce(&mut Options)) -> Self {
        // The engine's own TTL sweep looks at the real time: a clock in the past would lose items under a test's hands.
        let clock = Clock::manual(Timestamp::from_seconds(Clock::system().now().seconds()));
        let metrics = Sink::memory();
        let mut options = Options {
            settings: settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            clock: clock.clone(),
            metrics: metrics.clone(),
            ..Options::in_memory()
        };
        change(&mut options);
        let running = dev::start(options).await.expect("the stack starts");
        let app = Url::parse(&running.urls.app).expect("the stack has a URL");
        Self { running, clock, metrics, http: net::client().expect("an HTTP client"), app }
    }

    /// A new browser.
    pub fn browser(&self) -> Browser {
        Browser::new(self.app.clone(), self.http.clone(), Jar::new(self.clock.clone()))
    }

    /// Origin of the product, without a slash at the end.
    pub fn origin(&self) -> String {
        self.app.origin().ascii_serialization()
    }

    /// # Panics
    /// When the path makes no URL.
    pub fn url(&self, path: &str) -> Url {
        self.app.join(path).expect("a URL")
    }

    pub fn sandbox_url(&self) -> &str {
        self.running.urls.sandbox.as_deref().unwrap_or_default()
    }

    pub fn sandbox(&self) -> SandboxControl {
        SandboxControl::new(self.sandbox_url().to_owned(), self.http.clone())
    }

    pub fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Another deployment of the functions on the same database, secrets and sandbox, with settings of its own.
    pub async fn deployed(&self, settings: &[(&str, &str)]) -> Deployment {
        Deployment::new(self, settings, &self.running.urls.dynamodb).await
    }

    /// As [`Stack::deployed`], with a proxy between the functions and their database.
    pub async fn behind(&self, proxy: &DatabaseProxy, settings: &[(&str, &str)]) -> Deployment {
        Deployment::new(self, settings, &proxy.url).await
    }

    pub async fn proxy(&self) -> DatabaseProxy {
        DatabaseProxy::start(&self.running.urls.dynamodb, self.http.clone()).await
    }

    /// How often the functions counted this metric; with a reason, how often for it.
    ///
    /// # Panics
    /// When a line is not JSON.
    pub fn counted(&self, metric: &str, reason: Option<&str>) -> usize {
        let lines = self.metrics.lines();
        let parsed = lines.iter().map(|line| serde_json::from_str(line).expect("metrics are JSON"));
        parsed
            .filter(|line: &serde_json::Value| {
                line.get(metric).is_some() && reason.is_none_or(|reason| line["reason"] == reason)
            })
            .count()
    }
}

/// Serves a router on a free port for the rest of the test. Gives its base URL.
pub(crate) async fn serve(router: Router) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}
