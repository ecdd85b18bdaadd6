//! An operator's desk: a deployment's tables, its WorkOS environment and the key to it, in reach.

use std::sync::Arc;

use domain::{Clock, Rng};
use secrecy::ExposeSecret;
use store::Store;
use web::Vars;
use workos::{ApiKey, BaseUrl, Client, ClientId, InvalidApiKey};

use crate::args::DeploymentArgs;
use crate::dev::RunningFileError;
use crate::operator::{self, OperatorError};
use crate::secret_store::{SecretStore, SecretStoreError};
use crate::target::{self, TargetError};
use crate::tenants::Tenants;

/// Why there is nothing to work with.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error(transparent)]
    Local(#[from] RunningFileError),
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    #[error(
        "the stored WorkOS API key cannot be used ({0}); `vestibule setup --rotate-api-key` stores another"
    )]
    ApiKey(#[from] InvalidApiKey),
    #[error("{0}: {1}")]
    Setting(&'static str, String),
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] net::BuildError),
}

/// Everything at hand.
pub(crate) struct Desk {
    pub(crate) tenants: Tenants,
    pub(crate) public_url: Option<String>,
    /// How the deployment is named on the command line.
    pub(crate) flags: String,
}

/// Tables, WorkOS and its key.
pub(crate) async fn open(args: &DeploymentArgs, vars: &Vars) -> Result<Desk, DeskError> {
    let http = net::client()?;
    let (clock, rng) = (Clock::system(), Rng::system());
    let operator = operator::name(vars);
    let place = target::place(args, &http).await?;
    let base = match &place.workos_base_url {
        Some(url) => {
            BaseUrl::parse(url).map_err(|why| DeskError::Setting("WorkosApiBaseUrl", why.to_string()))?
        }
        // What the functions use counts; the environment helps where only outputs are known.
        None => BaseUrl::from_settings(|name| vars.get(name).map(str::to_owned))
            .map_err(|why| DeskError::Setting(why.name, why.reason.to_string()))?,
    };
    // No call made here sends it.
    let client_id =
        ClientId::parse("client_unknown").map_err(|why| DeskError::Setting("client id", why.to_string()))?;
    let stored = SecretStore::new(&place.config).read(&place.api_key_secret).await?;
    let api_key = ApiKey::from_secret(stored.text.expose_secret())?;
    Ok(Desk {
        tenants: Tenants {
            store: Store::new(&place.config, place.tables, rng.clone()),
            workos: Client::new(http, base, client_id, clock.clone(), rng.clone()),
            api_key: Arc::new(api_key),
            clock,
            rng,
            operator,
        },
        public_url: Some(place.public_url),
        flags: place.flags,
    })
}

/// The tables alone: for verbs that only read.
pub(crate) async fn open_tables(args: &DeploymentArgs) -> Result<Store, DeskError> {
    let http = net::client()?;
    let place = target::place(args, &http).await?;
    Ok(Store::new(&place.config, place.tables, Rng::system()))
}
