//! The login function: sends a browser to its company's IdP.
//!
//! It holds no secret and calls nobody but the database: an authorization URL is built, not asked for. One URL
//! serves all customers; which IdP it leads to follows from what the request names or from the domain of an e-mail
//! address, and where that leaves a choice the person is asked. Nothing is guessed.

mod failure;
mod journey;
mod leave;
mod pages;
mod request;
mod start;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use domain::{Provider, Selector};
use store::{Limit, Limiter, Store, Tables};
use url::Url;
use web::config::{ConfigErrors, Limits};
use web::{Platform, Reader, Shared, Site, Vars};
use workos::{BaseUrl, ClientId};

/// The paths that API Gateway routes here, with any method.
pub const ROUTES: [&str; 3] = ["/login", "/auth/login", "/login/{slug}"];

/// Shards of a tenant's counter: a whole company signs in at nine o'clock, and one item takes a thousand writes a
/// second.
const TENANT_SHARDS: u8 = 8;

/// Everything the endpoint needs. Cheap to clone.
#[derive(Clone)]
pub struct Deps {
    shared: Shared,
    store: Store,
    limiter: Limiter,
    settings: Arc<Settings>,
}

struct Settings {
    workos: BaseUrl,
    client_id: ClientId,
    redirect_uri: Url,
    default_selector: Option<Selector>,
    providers: Vec<Provider>,
    tenant_logins: Limit,
    connection_logins: Limit,
    lookups: Limit,
    told: Limit,
}

/// Attempts of one address that an instance writes down in a minute although they led nowhere: links that cannot work are
/// easily made up.
const TOLD: u64 = 30;

impl Deps {
    /// # Errors
    /// With every problem of the settings.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(vars);
        let site = Site::read(&mut reader);
        let identity = reader.required("IDENTITY_TABLE");
        let ephemeral = reader.required("EPHEMERAL_TABLE");
        let workos = BaseUrl::from_settings(|name| reader.optional(name));
        let workos = workos.map_err(|error| reader.problem(error.name, error.reason)).ok();
        let client_id = reader.required_with("WORKOS_CLIENT_ID", ClientId::parse);
        let default_selector = reader.optional_with("DEFAULT_SELECTOR", str::parse);
        let providers = reader.list_or("ALLOWED_PROVIDERS", "GoogleOAuth", Provider::parse);
        let limits = Limits::read(&mut reader);
        let redirect_uri = site.as_ref().and_then(|site| {
            let url = Url::parse(&format!("{}/auth/callback", site.public_url));
            url.map_err(|error| reader.problem("PUBLIC_URL", error)).ok()
        });
        let complete = || {
            let store = Store::new(
                &platform.aws,
                Tables { identity: identity?, ephemeral: ephemeral? },
                platform.rng.clone(),
            );
            Some(Self {
                shared: platform.shared(site?, vars),
                limiter: Limiter::new(store.clone()),
                store,
                settings: Arc::new(Settings {
                    workos: workos?,
                    client_id: client_id?,
                    redirect_uri: redirect_uri?,
                    default_selector,
                    providers,
                    tenant_logins: Limit {
                        name: "tenant_logins",
                        per_minute: limits.tenant_logins.into(),
                        shards: TENANT_SHARDS,
                    },
                    connection_logins: Limit {
                        name: "connection_logins",
                        per_minute: limits.connection_logins.into(),
                        shards: 1,
                    },
                    lookups: Limit { name: "lookups", per_minute: limits.lookups.into(), shards: 1 },
                    told: Limit { name: "told", per_minute: TOLD, shards: 1 },
                }),
            })
        };
        let deps = complete();
        reader.finish(deps)
    }

    pub fn shared(&self) -> &Shared {
        &self.shared
    }
}

/// The function's routes, without layers.
pub fn router(deps: &Deps) -> Router {
    Router::new()
        .route("/login", get(start::by_link).post(start::by_form))
        .route("/auth/login", get(start::by_link).post(start::by_form))
        .route("/login/{slug}", get(start::by_link))
        .with_state(deps.clone())
}
