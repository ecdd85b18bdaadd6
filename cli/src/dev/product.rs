//! The product as it is deployed: the functions behind their gateway, with the demo app beside them, and tenants that the
//! operator knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use web::{Platform, Vars};
use workos::{ApiKey, BaseUrl, Client, ClientId};

use super::demo_people::People;
use super::gateway::Gateway;
use super::template::Template;
use super::{DevError, demo};
use crate::keys::Keys;
use crate::tenants::Tenants;

/// What an operator does first: `vestibule tenants sync`.
pub(super) async fn know_tenants(
    sandbox: &str,
    platform: &Platform,
    keys: &Keys,
    api_key: &str,
) -> Result<(), DevError> {
    let bad = |why: String| DevError::Tenants(why);
    let base = BaseUrl::parse(sandbox).map_err(|why| bad(why.to_string()))?;
    let client_id = ClientId::parse(sandbox::DEFAULT_CLIENT_ID).map_err(|why| bad(why.to_string()))?;
    let (clock, rng) = (platform.clock.clone(), platform.rng.clone());
    let tenants = Tenants {
        store: keys.store.clone(),
        workos: Client::new(platform.http.clone(), base, client_id, clock.clone(), rng.clone()),
        api_key: Arc::new(ApiKey::from_secret(api_key).map_err(|why| bad(why.to_string()))?),
        clock,
        rng,
        operator: "vestibule dev".to_owned(),
    };
    tenants.sync_all(false, &mut |_, _| {}).await.map_err(|why| bad(why.to_string()))?;
    Ok(())
}

/// The functions behind their gateway, and the demo app beside them.
pub(super) async fn product(
    vars: &Vars,
    platform: &Platform,
    template: &Template,
    public_url: &str,
    sandbox_url: Option<String>,
    people: People,
) -> Result<Router, DevError> {
    let login = login::Deps::new(vars, platform)?;
    let callback = callback::Deps::new(vars, platform)?;
    let session = session::Deps::new(vars, platform)?;
    let scim = scim::Deps::new(vars, platform)?;
    let authorizer = authorizer::Deps::new(vars, platform)?;
    tokio::join!(callback.prefetch(), session.prefetch(), scim.prefetch());
    let functions = BTreeMap::from([
        ("login".to_owned(), web::layers(login::router(&login), login.shared())),
        ("callback".to_owned(), web::layers(callback::router(&callback), callback.shared())),
        ("session".to_owned(), web::layers(session::router(&session), session.shared())),
        ("scim".to_owned(), web::layers(scim::router(&scim), scim.shared())),
    ]);
    let domain = public_url.split_once("://").map_or(public_url, |(_, host)| host).to_owned();
    let (clock, rng) = (platform.clock.clone(), platform.rng.clone());
    let gateway = Gateway::new(domain, template.routes()?, functions, clock.clone(), rng);
    let demo = demo::router(demo::Demo {
        gateway: gateway.clone(),
        authorizer,
        sandbox: sandbox_url,
        people,
        clock,
    });
    Ok(gateway.serve(demo))
}
