//! The directory function: WorkOS's signed events become people, groups, and the end of people's sessions.
//!
//! It believes nobody without a signature, calls nobody, and answers success only for what is written. It reads one
//! secret, the webhook's; it can read no key that signs sessions and none that opens WorkOS.

mod addresses;
mod credential;
mod refusal;
mod webhook;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use domain::directory::Retention;
use intake::Intake;
use store::{Applier, Store, Tables};
use web::config::ConfigErrors;
use web::{Platform, Reader, Secret, Secrets, Shared, Site, Vars};
use workos::{ClientId, WebhookSecrets};

use addresses::Addresses;

/// The paths that API Gateway routes here, with any method.
pub const ROUTES: [&str; 2] = [webhook::WEBHOOK, webhook::USERS];

/// Everything the endpoints need. Cheap to clone.
#[derive(Clone)]
pub struct Deps {
    shared: Shared,
    intake: Intake,
    secrets: Secrets,
    webhook: Secret<WebhookSecrets>,
    settings: Arc<Settings>,
}

struct Settings {
    /// From where webhooks are taken; `None` from everywhere.
    allowed: Option<Addresses>,
}

impl Deps {
    /// # Errors
    /// With every problem of the settings.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(vars);
        let site = Site::read(&mut reader);
        let identity = reader.required("IDENTITY_TABLE");
        let ephemeral = reader.required("EPHEMERAL_TABLE");
        let client_id = reader.required_with("WORKOS_CLIENT_ID", ClientId::parse);
        let webhook = reader.required("WORKOS_WEBHOOK_SECRET");
        let allowed = Addresses::read(&mut reader);
        let days = reader.parsed_or("DEACTIVATED_USER_RETENTION_DAYS", 90_u32);
        let complete = || {
            let store = Store::new(
                &platform.aws,
                Tables { identity: identity?, ephemeral: ephemeral? },
                platform.rng.clone(),
            );
            let secrets = Secrets::new(&platform.aws, platform.clock.clone());
            let shared = platform.shared(site?, vars);
            Some(Self {
                intake: Intake {
                    applier: Applier::new(store.clone(), Retention::days(days)),
                    store,
                    client_id: Some(client_id?),
                    clock: platform.clock.clone(),
                    rng: platform.rng.clone(),
                    metrics: shared.metrics().clone(),
                    place: "webhook",
                },
                webhook: Secret::new(secrets.clone(), &webhook?, WebhookSecrets::from_secret),
                secrets,
                settings: Arc::new(Settings { allowed }),
                shared,
            })
        };
        let deps = complete();
        reader.finish(deps)
    }

    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Fetches the secret during the init phase, which Lambda does not throttle.
    pub async fn prefetch(&self) {
        self.secrets.prefetch(&[self.webhook.id()]).await;
    }
}

/// The function's routes, without layers.
pub fn router(deps: &Deps) -> Router {
    Router::new()
        .route(webhook::WEBHOOK, post(webhook::webhook))
        .route(webhook::USERS, post(webhook::users))
        .with_state(deps.clone())
}
