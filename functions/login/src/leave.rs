//! The browser leaves for WorkOS.
//!
//! It gets a secret in a cookie of its own for this login, the server keeps its hash under the hash of `state`, and
//! WorkOS gets `state` and a PKCE challenge: whoever holds only one of the three can do nothing with it (RFC 9700
//! sections 4.5, 4.7).

use axum::response::{IntoResponse, Redirect, Response};
use domain::login::{LOGIN_LIFETIME, PkceVerifier};
use domain::routing::Destination;
use domain::{Domain, Login, sha256};
use http::header::SET_COOKIE;
use web::cookies::{FlowCookie, FlowCookies};
use web::pages::Link;
use workos::AuthorizationUrl;

use crate::failure::Failure;
use crate::journey::Journey;
use crate::request::Request;
use crate::start::Visit;

impl Visit<'_> {
    pub(crate) async fn leave(
        &self,
        request: &Request,
        to: Destination,
        journey: &mut Journey,
    ) -> Result<Response, Failure> {
        let Self { deps, now, .. } = self;
        let Destination { selector, organization, login_hint, domain_hint } = to;
        let retry = Link::path("/login").with_query(&selector.to_query());
        let retry = request.return_to.iter().fold(retry, |link, url| link.with("return_to", url));
        self.count_login(&selector, organization.as_ref(), retry).await?;
        let rng = deps.shared.rng();
        let state = rng.token()?;
        let verifier = PkceVerifier::new(rng.token()?);
        let flow = FlowCookie::create(&state, rng, *now)?;
        let login = Login {
            selector,
            organization,
            return_to: request.target.as_str().to_owned(),
            verifier,
            browser_hash: flow.browser_hash(),
            started_at: *now,
            expires_at: now.plus(LOGIN_LIFETIME),
            trace: Some(journey.sent(*now)),
        };
        let hash = sha256(&state);
        // Side by side: whoever never comes back shall be found as well.
        let (stored, ()) =
            tokio::join!(deps.store.put_login(&hash, &login), journey.write(&deps.store, false));
        stored?;
        let settings = &deps.settings;
        let url = AuthorizationUrl {
            base: &settings.workos,
            client_id: &settings.client_id,
            redirect_uri: &settings.redirect_uri,
            selector: &login.selector,
            state: &state,
            // No ID token comes back: the profile arrives over TLS from the token endpoint.
            nonce: None,
            code_challenge: &login.verifier.challenge(),
            login_hint: login_hint.as_deref(),
            domain_hint: domain_hint.as_ref().map(Domain::as_str),
            prompt_login: request.prompt_login,
        }
        .build();
        let mut response = (flow.set(), Redirect::to(url.as_str())).into_response();
        for evicted in FlowCookies::from_request(&self.cookies, *now).to_evict() {
            response.headers_mut().append(SET_COOKIE, evicted.header().clone());
        }
        Ok(response)
    }
}
