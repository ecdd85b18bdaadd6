//! The login function: sends a browser to its company's IdP.
//!
//! It holds no secret and calls nobody but the database: an authorization URL is built, not asked for. One URL
//! serves all customers; which IdP it leads to is decided by exactly one selector, never by a guess.

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
pub const ROUTES: [&str; 2] = ["/login", "/auth/login"];

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
}

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
        .route("/login", get(start::start))
        .route("/auth/login", get(start::start))
        .with_state(deps.clone())
}
