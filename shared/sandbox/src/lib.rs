//! A WorkOS to develop against: standalone SSO with mock identity providers, and directories, on its own port.
//!
//! Local development and tests talk to it over HTTP exactly as production talks to `api.workos.com`, so the code
//! under test is the code that ships. It also breaks on demand (see `faults`): late, cut off, malformed, wrong tenant.
//!
//! It signs anybody in as anybody. It must never be reachable from, linked into or enabled in a deployed function
//! (R79): only the command line and tests depend on this crate, and its key pair, client id and API key are public.

mod authorize;
mod control;
mod delivery;
mod directory;
mod errors;
mod events;
mod faults;
mod flow;
mod guard;
mod identity;
mod idp;
mod keys;
mod limits;
mod log;
mod logout;
mod model;
mod options;
mod organizations;
mod pages;
mod paging;
mod portal;
mod profile;
mod resources;
mod seed;
mod state;
#[cfg(test)]
mod testing;
mod token;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

pub use delivery::{WebhookEndpoint, signature};
pub use options::{DEFAULT_API_KEY, DEFAULT_CLIENT_ID, InvalidOptions, Options, RedirectUris};
pub use state::Sandbox;

/// Everything the sandbox serves: WorkOS's endpoints, the mock identity providers, the pages and the control API.
pub fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/", get(pages::home))
        .merge(authorize::routes())
        .merge(idp::routes())
        .merge(token::routes())
        .merge(profile::routes())
        .merge(keys::routes())
        .merge(resources::routes())
        .merge(organizations::routes())
        .merge(portal::routes())
        .merge(directory::routes())
        .merge(events::routes())
        .merge(logout::routes())
        .merge(control::routes(&sandbox))
        .fallback(errors::no_such_endpoint)
        .method_not_allowed_fallback(errors::no_such_method)
        .layer(from_fn_with_state(sandbox.clone(), faults::inject))
        .layer(from_fn_with_state(sandbox.clone(), log::record))
        .with_state(sandbox)
}
