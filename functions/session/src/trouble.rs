//! What can be broken behind this function. Always 503 with the cookie left alone: trouble passes, and nobody may be
//! signed out by it.

use std::time::Duration;

use axum::response::Response;
use domain::RngError;
use store::StoreError;
use web::Ctx;
use web::pages::{Page, Unavailable};
use web::secrets::SecretError;

use crate::Deps;

const RETRY_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Random(#[from] RngError),
    #[error("the session token was not made: {0}")]
    Token(String),
}

impl Trouble {
    pub(crate) fn respond(self, deps: &Deps, ctx: &Ctx) -> Response {
        tracing::error!(error = %self, "a session request failed: {self}");
        Page::TryLater { reason: Unavailable::Down, wait: RETRY_AFTER, retry: None }
            .respond(deps.shared.site(), ctx)
    }
}
