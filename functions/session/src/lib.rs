//! The session function: who is signed in, their account page, signing out, and the public keys.
//!
//! It is also the `$default` route: what no function owns gets a page of ours instead of the gateway's.

mod account;
mod current;
mod describe;
mod discovery;
mod logout;
mod trouble;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use domain::audit::{AuditAction, AuditContext, AuditEvent};
use domain::{ReturnPolicy, RngError};
use store::{KeyCache, SessionFacts, Store, Tables};
use tokens::{Expected, KeyRing};
use web::config::{ConfigErrors, CorsOrigins, SessionSettings};
use web::cookies::SessionCookie;
use web::{Ctx, Platform, Reader, Secret, Secrets, Shared, Site, Vars, cors};
use workos::{ApiKey, BaseUrl, Client, ClientId};

/// The paths that API Gateway routes here, with any method; and every path that nobody owns.
pub const ROUTES: [&str; 8] = [
    describe::SESSION,
    account::ACCOUNT,
    account::END_ONE,
    account::END_OTHERS,
    logout::LOGOUT,
    logout::LOGOUT_ALIAS,
    discovery::JWKS,
    discovery::OPENID_CONFIGURATION,
];

/// Everything the endpoints need. Cheap to clone.
#[derive(Clone)]
pub struct Deps {
    shared: Shared,
    store: Store,
    keys: KeyCache,
    workos: Client,
    secrets: Secrets,
    api_key: Secret<ApiKey>,
    ring: Secret<KeyRing>,
    settings: Arc<Settings>,
}

struct Settings {
    cookie: SessionCookie,
    expected: Expected,
    returns: ReturnPolicy,
    cors: CorsOrigins,
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
        let cors = CorsOrigins::read(&mut reader);
        let complete = || {
            let (site, session) = (site?, session?);
            let store = Store::new(
                &platform.aws,
                Tables { identity: identity?, ephemeral: ephemeral? },
                platform.rng.clone(),
            );
            let secrets = Secrets::new(&platform.aws, platform.clock.clone());
            let (clock, rng) = (platform.clock.clone(), platform.rng.clone());
            Some(Self {
                keys: KeyCache::new(store.clone()),
                workos: Client::new(platform.http.clone(), base?, client_id?, clock, rng),
                api_key: Secret::new(secrets.clone(), &api_key?, ApiKey::from_secret),
                ring: Secret::new(secrets.clone(), &ring?, KeyRing::from_json),
                store,
                secrets,
                settings: Arc::new(Settings {
                    cookie: SessionCookie::new(session.cookie.clone()),
                    expected: Expected {
                        issuer: site.public_url.to_string(),
                        audience: session.audience,
                        token_life: session.token_life,
                        longest_session: session.absolute,
                    },
                    returns: site.returns.clone(),
                    cors,
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
        self.secrets.prefetch(&[self.ring.id(), self.api_key.id()]).await;
    }

    /// What this session's person did, for the tenant's audit log.
    fn audit(&self, facts: &SessionFacts, action: AuditAction, ctx: &Ctx) -> Result<AuditEvent, RngError> {
        let now = self.shared.clock().now();
        Ok(AuditEvent {
            id: self.shared.rng().ulid(now)?,
            organization: facts.session.organization.clone(),
            action,
            actor: facts.session.user.clone().into(),
            session: Some(facts.session.id.clone()),
            context: AuditContext {
                location: ctx.client.to_string(),
                user_agent: ctx.user_agent.clone(),
                request_id: ctx.request_id.clone(),
            },
            details: Default::default(),
            occurred_at: now,
        })
    }
}

/// The function's routes, without layers.
pub fn router(deps: &Deps) -> Router {
    let described = Router::new().route(describe::SESSION, get(describe::describe));
    cors::readable_by(described, deps.settings.cors.clone())
        .route(account::ACCOUNT, get(account::account))
        .route(account::END_ONE, post(account::end_one))
        .route(account::END_OTHERS, post(account::end_others))
        .route(logout::LOGOUT, get(logout::ask).post(logout::act))
        .route(logout::LOGOUT_ALIAS, get(logout::ask).post(logout::act))
        .route(discovery::JWKS, get(discovery::jwks))
        .route(discovery::OPENID_CONFIGURATION, get(discovery::openid_configuration))
        .with_state(deps.clone())
}
