//! A sign-in in progress at WorkOS: from the authorization request to the redirect back.
//!
//! The flow lives here, not in hidden form fields, so that pages cannot change where the code goes. It ends in a
//! code that can be redeemed once, or in one of WorkOS's error codes; nothing about it reaches the browser but its id.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use domain::{ConnectionId, EmailAddress};
use http::StatusCode;
use http::header::{CACHE_CONTROL, LOCATION};
use serde::Serialize;
use url::Url;

use crate::errors::{ApiError, description};
use crate::state::{Sandbox, State};

/// WorkOS gives up on a sign-in after this long.
const FLOW_LIFETIME: Duration = Duration::from_secs(5 * 60);
const CODE_LIFETIME: Duration = Duration::from_secs(10 * 60);

#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) connection: ConnectionId,
    pub(crate) redirect_uri: Url,
    /// Echoed byte for byte. `None` when the IdP's portal started it.
    pub(crate) state: Option<String>,
    /// PKCE, `S256`.
    pub(crate) challenge: Option<String>,
    pub(crate) login_hint: Option<String>,
    /// Whom the IdP vouched for, while the consent page waits.
    pub(crate) chosen: Option<EmailAddress>,
}

/// What an authorization code stands for.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) connection: ConnectionId,
    pub(crate) person: String,
    pub(crate) challenge: Option<String>,
}

/// How authorization requests complete by themselves while it is set.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Auto {
    Person { email: EmailAddress },
    Error { error: String, error_description: String },
}

/// Sends the browser on. Never cached: the target carries a code or a state.
pub(crate) fn redirect(to: &str) -> Response {
    (StatusCode::FOUND, [(LOCATION, to), (CACHE_CONTROL, "no-store")]).into_response()
}

impl Flow {
    fn back(&self, pairs: &[(&str, &str)]) -> Response {
        back(&self.redirect_uri, self.state.as_deref(), pairs)
    }

    pub(crate) fn fail(&self, code: &str) -> Response {
        self.fail_with(code, description(code))
    }

    pub(crate) fn fail_with(&self, code: &str, text: &str) -> Response {
        self.back(&[("error", code), ("error_description", text)])
    }
}

/// The redirect back to the application: the URI as it was given, plus these parameters, plus the state if there was one.
pub(crate) fn back(redirect_uri: &Url, state: Option<&str>, pairs: &[(&str, &str)]) -> Response {
    let mut target = redirect_uri.clone();
    {
        let mut query = target.query_pairs_mut();
        query.extend_pairs(pairs);
        if let Some(state) = state {
            query.append_pair("state", state);
        }
    }
    redirect(target.as_str())
}

/// Starts a flow: completes it at once when `auto` says so, else shows the IdP's page.
pub(crate) fn begin(sandbox: &Sandbox, flow: Flow) -> Result<Response, ApiError> {
    let id = sandbox.ulid()?;
    let mut state = sandbox.state();
    match state.auto.clone() {
        Some(Auto::Person { email }) => match admit(&state, &flow, &email) {
            Ok(()) => grant(sandbox, &mut state, &flow, &email),
            Err(code) => Ok(flow.fail(code)),
        },
        Some(Auto::Error { error, error_description }) => Ok(flow.fail_with(&error, &error_description)),
        None => {
            state.flows.put(id.clone(), flow, sandbox.now(), FLOW_LIFETIME);
            Ok(redirect(&format!("/idp/{id}")))
        }
    }
}

/// Whether IdP and WorkOS let this person through; else the error code.
pub(crate) fn admit(state: &State, flow: &Flow, email: &EmailAddress) -> Result<(), &'static str> {
    let world = &state.world;
    let connection = world.connection(flow.connection.as_str()).ok_or("connection_invalid")?;
    // The connection may have been switched off while the browser was at the IdP.
    if !connection.state.usable() {
        return Err("connection_unlinked");
    }
    let person = world.member(connection, email).filter(|person| !person.blocked).ok_or("access_denied")?;
    if state.settings.directory_decides_sign_in && !world.active_in_directory(connection, person) {
        return Err("access_denied");
    }
    if state.settings.enforce_domains && world.outside_domains(connection, person) {
        return Err("profile_not_allowed_outside_organization");
    }
    Ok(())
}

/// Ends the flow in a code. Call after [`admit`].
pub(crate) fn grant(
    sandbox: &Sandbox,
    state: &mut State,
    flow: &Flow,
    email: &EmailAddress,
) -> Result<Response, ApiError> {
    let world = &state.world;
    let member =
        world.connection(flow.connection.as_str()).and_then(|connection| world.member(connection, email));
    let Some(person) = member.map(|person| person.key.clone()) else {
        return Ok(flow.fail("access_denied"));
    };
    let code = sandbox.ulid()?;
    let meaning = Code { connection: flow.connection.clone(), person, challenge: flow.challenge.clone() };
    state.codes.put(code.clone(), meaning, sandbox.now(), CODE_LIFETIME);
    Ok(flow.back(&[("code", &code)]))
}
