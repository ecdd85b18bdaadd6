//! What a process gives its function: the way to AWS, the way out, time, randomness, metrics.
//!
//! Under Lambda all of it comes from the environment; the local stack and tests put their own together, and the
//! function cannot tell. Nothing here talks to anybody yet: a function's init phase costs no call it did not ask for.

use aws_config::SdkConfig;
use domain::{Clock, Rng};

use crate::aws;
use crate::config::{AwsSettings, ConfigErrors, Reader, Site, Vars};
use crate::edge::Edge;
use crate::layers::Shared;
use crate::metrics::Metrics;
use crate::telemetry::{Service, Sink};

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Platform {
    pub aws: SdkConfig,
    /// The one HTTP client: WorkOS goes through it, and so does the AWS SDK.
    pub http: reqwest::Client,
    pub clock: Clock,
    pub rng: Rng,
    /// Where metrics go.
    pub metrics: Sink,
}

impl Platform {
    /// A deployed function's: starts its log as well, so that what is wrong with the settings is logged.
    ///
    /// # Errors
    /// With what is wrong with the settings.
    pub fn from_process(vars: &Vars) -> Result<Self, crate::lambda::Error> {
        crate::telemetry::init(vars);
        let http = net::client()?;
        let mut reader = Reader::new(vars);
        let settings = AwsSettings::read(&mut reader);
        let settings = logged(reader.finish(settings))?;
        Ok(Self {
            aws: aws::sdk_config(&settings, net::SdkHttp::new(http.clone())),
            http,
            clock: Clock::system(),
            rng: Rng::system(),
            metrics: Sink::Stdout,
        })
    }

    /// What the layers around a function's router need.
    pub fn shared(&self, site: Site, vars: &Vars) -> Shared {
        let metrics = Metrics::new(Service::from_vars(vars), self.clock.clone(), self.metrics.clone());
        let secret = site.edge_secret.as_deref();
        let edge = secret.map(|secret| Edge::new(&self.aws, self.clock.clone(), secret));
        Shared::new(site, self.clock.clone(), self.rng.clone(), metrics, edge)
    }
}

/// One log line for each problem of the settings.
///
/// # Errors
/// The errors themselves.
pub fn logged<T>(outcome: Result<T, ConfigErrors>) -> Result<T, ConfigErrors> {
    if let Err(errors) = &outcome {
        for problem in errors.lines() {
            tracing::error!(settings.problem = problem, "a setting is wrong: {problem}");
        }
    }
    outcome
}
