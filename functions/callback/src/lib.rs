//! The callback function: the browser comes back from the IdP and leaves with a session.
//!
//! The only function that redeems codes. It reads the WorkOS API key and the signing keys, and writes users, sessions,
//! audit items and traces; an e-mail address alone never leads it to an account that somebody signs in to.

mod arrival;
mod callback;
mod exchange;
mod failure;
mod journey;
mod sign_in;
mod sso_token;
mod tenancy;
mod unasked;
mod upstream;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use domain::tenant::{IdpInitiated, UnverifiedDomainPolicy};
use domain::{Login, Provider, Selector};
use store::{KeyCache, Limit, Limiter, Store, Tables};
use tokens::{Expected, KeyRing};
use web::config::{ConfigErrors, Limits, SessionSettings};
use web::cookies::SessionCookie;
use web::{Link, Platform, Reader, Secret, Secrets, Shared, Site, Vars};
use workos::{AccessTokens, ApiKey, BaseUrl, Client, ClientId};

/// The paths that API Gateway routes here, with any method.
pub const ROUTES: [&str; 1] = ["/auth/callback"];

/// Everything the endpoint needs. Cheap to clone.
#[derive(Clone)]
pub struct Deps {
    shared: Shared,
    store: Store,
    limiter: Limiter,
    keys: KeyCache,
    workos: Client,
    sso_tokens: Option<AccessTokens>,
    secrets: Secrets,
    api_key: Secret<ApiKey>,
    ring: Secret<KeyRing>,
    settings: Arc<Settings>,
}

struct Settings {
    session: SessionSettings,
    cookie: SessionCookie,
    expected: Expected,
    default_selector: Option<Selector>,
    providers: Vec<Provider>,
    unverified_domains: UnverifiedDomainPolicy,
    idp_initiated: IdpInitiated,
    callbacks: Limit,
    invalid_states: Limit,
    /// Traces of callbacks that belong to no login.
    stray_traces: Limit,
}

impl Deps {
    /// # Errors
    /// With every problem of the settings.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(vars);
        let site = Site::read(&mut reader);
        let session = SessionSettings::read(&mut reader, site.as_ref());
        let identity = reader.required("IDENTITY_TABLE");
        let ephemeral = reader.required("EPHEMERAL_TABLE");
        let base = BaseUrl::from_settings(|name| reader.optional(name));
        let base = base.map_err(|error| reader.problem(error.name, error.reason)).ok();
        let client_id = reader.required_with("WORKOS_CLIENT_ID", ClientId::parse);
        let api_key = reader.required("WORKOS_API_KEY_SECRET");
        let ring = reader.required("SIGNING_KEYS_SECRET");
        let default_selector = reader.optional_with("DEFAULT_SELECTOR", str::parse);
        let providers = reader.list_or("ALLOWED_PROVIDERS", "GoogleOAuth", Provider::parse);
        let unverified_domains =
            reader.parsed_or("UNVERIFIED_DOMAIN_POLICY", UnverifiedDomainPolicy::default());
        let idp_initiated = reader.parsed_or("IDP_INITIATED", IdpInitiated::default());
        let limits = Limits::read(&mut reader);
        let sso_token = sso_token::read(&mut reader);
        let complete = || {
            let (site, session) = (site?, session?);
            let store = Store::new(
                &platform.aws,
                Tables { identity: identity?, ephemeral: ephemeral? },
                platform.rng.clone(),
            );
            let secrets = Secrets::new(&platform.aws, platform.clock.clone());
            let (clock, rng) = (platform.clock.clone(), platform.rng.clone());
            let (base, client_id) = (base?, client_id?);
            let workos = Client::new(platform.http.clone(), base.clone(), client_id.clone(), clock, rng);
            Some(Self {
                limiter: Limiter::new(store.clone()),
                keys: KeyCache::new(store.clone()),
                sso_tokens: sso_token.map(|wanted| wanted.verifier(&workos, &base, &client_id)),
                workos,
                api_key: Secret::new(secrets.clone(), &api_key?, ApiKey::from_secret),
                ring: Secret::new(secrets.clone(), &ring?, KeyRing::from_json),
                store,
                secrets,
                settings: Arc::new(Settings {
                    cookie: SessionCookie::new(session.cookie.clone()),
                    expected: Expected {
                        issuer: site.public_url.to_string(),
                        audience: session.audience.clone(),
                        token_life: session.token_life,
                        longest_session: session.absolute,
                    },
                    session,
                    default_selector,
                    providers,
                    unverified_domains,
                    idp_initiated,
                    callbacks: Limit { name: "callbacks", per_minute: limits.callbacks.into(), shards: 1 },
                    invalid_states: Limit {
                        name: "invalid_states",
                        per_minute: limits.invalid_states.into(),
                        shards: 1,
                    },
                    stray_traces: Limit {
                        name: "stray_traces",
                        per_minute: limits.invalid_states.into(),
                        shards: 1,
                    },
                }),
                shared: platform.shared(site, vars),
            })
        };
        let deps = complete();
        reader.finish(deps)
    }

    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Fetches the secrets during the init phase, which Lambda does not throttle.
    pub async fn prefetch(&self) {
        self.secrets.prefetch(&[self.api_key.id(), self.ring.id()]).await;
    }

    /// Where a login starts again: the same company and the same page, where they are known.
    fn restart(&self, login: Option<&Login>) -> Link {
        let start = Link::path("/login");
        match login {
            Some(login) => start.with_query(&login.selector.to_query()).with("return_to", &login.return_to),
            None => start,
        }
    }
}

/// The function's routes, without layers.
pub fn router(deps: &Deps) -> Router {
    Router::new().route("/auth/callback", get(callback::callback)).with_state(deps.clone())
}
