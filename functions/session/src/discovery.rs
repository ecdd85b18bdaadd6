//! The two public documents: the keys that verify a session token, and where to find them.
//!
//! Cacheable for five minutes: a new key is published longer than that before it signs (R32).

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CACHE_CONTROL;
use serde::Serialize;
use tokens::{Jwks, OpenIdConfiguration};
use web::Ctx;

use crate::Deps;
use crate::trouble::Trouble;

pub(crate) const JWKS: &str = "/.well-known/jwks.json";
pub(crate) const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";

const CACHED: &str = "public, max-age=300";

pub(crate) async fn jwks(State(deps): State<Deps>, ctx: Ctx) -> Response {
    deps.published().await.map(cacheable).unwrap_or_else(|trouble| trouble.respond(&deps, &ctx))
}

pub(crate) async fn openid_configuration(State(deps): State<Deps>, ctx: Ctx) -> Response {
    let issuer = &deps.settings.expected.issuer;
    let document = deps.published().await.map(|keys| cacheable(OpenIdConfiguration::new(issuer, &keys)));
    document.unwrap_or_else(|trouble| trouble.respond(&deps, &ctx))
}

impl Deps {
    async fn published(&self) -> Result<Jwks, Trouble> {
        let now = self.shared.clock().now();
        Ok(self.keys.get(now).await?.jwks(now, self.settings.expected.token_life))
    }
}

fn cacheable(document: impl Serialize) -> Response {
    ([(CACHE_CONTROL, CACHED)], Json(document)).into_response()
}
