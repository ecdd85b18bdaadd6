//! The mock identity providers: choose who you are, fail on purpose, consent; and tiles that start a login.
//!
//! Nobody types a password here. Each page carries the sandbox banner, so that no screenshot of it passes for a
//! real provider's, and escapes everything that came from the request (login hints are attacker's text).

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Form, Router};
use domain::EmailAddress;
use http::StatusCode;
use serde::Deserialize;

use crate::errors::{ApiError, REDIRECT_ERRORS, no_such_method};
use crate::flow::{Flow, admit, back, begin, grant, redirect};
use crate::model::{Connection, Person, Protocol, World};
use crate::pages::{self, Consent, IdpPage, Member};
use crate::state::Sandbox;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/idp/{flow}", get(show).post(choose))
        .route("/idp/{flow}/consent", get(ask_consent).post(consent))
        // `get` would also answer HEAD, and a link checker would start a sign-in.
        .route("/tile/{connection}", get(tile).head(no_such_method))
}

#[derive(Deserialize)]
struct Choice {
    email: Option<String>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Decision {
    decision: String,
}

#[derive(Deserialize)]
struct Tile {
    email: Option<String>,
}

fn too_late() -> Response {
    let text =
        "The sign-in took longer than five minutes, or never began. Go back to the app and start again.";
    pages::message(StatusCode::BAD_REQUEST, "This sign-in has ended", text, None)
}

fn page(id: &str, flow: &Flow, world: &World, connection: &Connection, wrong: Option<&str>) -> Response {
    let hint = wrong.or(flow.login_hint.as_deref()).unwrap_or("");
    let hinted = EmailAddress::parse(hint).map(|email| email.folded()).ok();
    let member = |person: &Person| Member {
        email: person.email.to_string(),
        name: person.name().unwrap_or_else(|| person.email.to_string()),
        detail: person.job_title.clone(),
        hinted: hinted.as_deref() == Some(person.email.folded().as_str()),
        notes: notes(world, connection, person),
    };
    let mut members: Vec<Member> = world.members(connection).into_iter().map(member).collect();
    members.sort_by_key(|member| !member.hinted);
    let organization = connection.organization.as_ref().and_then(|id| world.organization(id.as_str()));
    pages::idp(IdpPage {
        action: format!("/idp/{id}"),
        product: connection.idp.product(),
        look: connection.idp.look(),
        company: organization.map(|organization| organization.name.clone()),
        connection: connection.id.to_string(),
        hint: hint.to_owned(),
        wrong: wrong.is_some(),
        members,
        errors: &REDIRECT_ERRORS,
    })
}

/// What is special about a person, in the words of the pages.
pub(crate) fn notes(world: &World, connection: &Connection, person: &Person) -> Vec<String> {
    let mut notes = vec![];
    if person.blocked {
        notes.push("blocked".to_owned());
    }
    if world.outside_domains(connection, person) {
        notes.push("outside verified domains".to_owned());
    }
    if person.groups.len() >= 100 {
        notes.push(format!("{} groups", person.groups.len()));
    }
    if person.name().is_none() {
        notes.push("no name".to_owned());
    }
    notes
}

async fn show(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let state = sandbox.state();
    let Some(flow) = state.flows.get(&id, sandbox.now()) else { return too_late() };
    match state.world.connection(flow.connection.as_str()) {
        Some(connection) => page(&id, flow, &state.world, connection, None),
        None => flow.fail("connection_invalid"),
    }
}

async fn choose(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Form(choice): Form<Choice>,
) -> Result<Response, ApiError> {
    let mut state = sandbox.state();
    let now = sandbox.now();
    let Some(flow) = state.flows.get(&id, now).cloned() else { return Ok(too_late()) };
    if let Some(error) = choice.error {
        return Ok(flow.fail(&error));
    }
    let typed = choice.email.unwrap_or_default();
    let Some(connection) = state.world.connection(flow.connection.as_str()) else {
        return Ok(flow.fail("connection_invalid"));
    };
    let known = EmailAddress::parse(typed.trim())
        .ok()
        .filter(|email| state.world.member(connection, email).is_some());
    let Some(email) = known else {
        return Ok(page(&id, &flow, &state.world, connection, Some(&typed)));
    };
    if let Err(code) = admit(&state, &flow, &email) {
        return Ok(flow.fail(code));
    }
    if !state.settings.consent {
        return grant(&sandbox, &mut state, &flow, &email);
    }
    if let Some(flow) = state.flows.get_mut(&id, now) {
        flow.chosen = Some(email);
    }
    Ok(Redirect::to(&format!("/idp/{id}/consent")).into_response())
}

async fn ask_consent(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    let state = sandbox.state();
    let Some(flow) = state.flows.get(&id, sandbox.now()) else { return too_late() };
    let Some(email) = &flow.chosen else { return redirect(&format!("/idp/{id}")) };
    pages::consent(&Consent {
        action: format!("/idp/{id}/consent"),
        email: email.to_string(),
        application: flow.redirect_uri.origin().ascii_serialization(),
    })
}

async fn consent(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Form(answer): Form<Decision>,
) -> Result<Response, ApiError> {
    let mut state = sandbox.state();
    let Some(flow) = state.flows.get(&id, sandbox.now()).cloned() else { return Ok(too_late()) };
    let Some(email) = flow.chosen.clone() else { return Ok(redirect(&format!("/idp/{id}"))) };
    if answer.decision != "allow" {
        return Ok(flow.fail("signin_consent_denied"));
    }
    match admit(&state, &flow, &email) {
        Ok(()) => grant(&sandbox, &mut state, &flow, &email),
        Err(code) => Ok(flow.fail(code)),
    }
}

/// A login that starts at the IdP: it lands on the default redirect URI with a code that nobody asked for and without
/// state. SAML only; an OIDC connection always starts at the application.
async fn tile(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(tile): Query<Tile>,
) -> Result<Response, ApiError> {
    let (settings, connection) = {
        let state = sandbox.state();
        let connection = state.world.connection(&id).filter(|known| known.idp.protocol() == Protocol::Saml);
        (state.settings.clone(), connection.cloned())
    };
    let Some(connection) = connection else { return Err(ApiError::NotFound("SAML connection")) };
    let flow = Flow {
        connection: connection.id.clone(),
        redirect_uri: sandbox.default_redirect_uri().clone(),
        state: None,
        challenge: None,
        login_hint: tile.email.clone(),
        chosen: None,
    };
    if !connection.state.usable() {
        return Ok(flow.fail("connection_unlinked"));
    }
    if !settings.idp_initiated || !connection.idp_initiated {
        return Ok(idp_initiated_disabled(&flow, &connection));
    }
    if let Some(mut endpoint) = settings.sign_in_endpoint.as_deref().and_then(crate::options::web_url) {
        endpoint.query_pairs_mut().append_pair("connection_id", connection.id.as_str());
        return Ok(redirect(endpoint.as_str()));
    }
    let Some(email) = tile.email.and_then(|email| EmailAddress::parse(&email).ok()) else {
        return begin(&sandbox, flow);
    };
    let mut state = sandbox.state();
    match admit(&state, &flow, &email) {
        Ok(()) => grant(&sandbox, &mut state, &flow, &email),
        Err(code) => Ok(flow.fail(code)),
    }
}

fn idp_initiated_disabled(flow: &Flow, connection: &Connection) -> Response {
    let code = "idp_initiated_sso_disabled";
    let mut pairs = vec![("error", code), ("error_description", crate::errors::description(code))];
    pairs.push(("connection_id", connection.id.as_str()));
    if let Some(organization) = &connection.organization {
        pairs.push(("organization_id", organization.as_str()));
    }
    back(&flow.redirect_uri, None, &pairs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Bench, CALLBACK, GLOBEX, OKTA};

    const TILE: &str = "/tile/conn_01SANDBOXACMEOKTA";

    #[tokio::test]
    async fn choosing_a_person_ends_in_a_code() {
        let bench = Bench::new();
        let answer = bench.choose(OKTA, "ada@acme.com").await;
        assert_eq!(answer.status, StatusCode::FOUND);
        assert!(answer.location().starts_with(CALLBACK));
        assert_eq!(answer.param("state").as_deref(), Some("state-1"));
        assert!(answer.param("code").is_some() && answer.param("error").is_none());
    }

    #[tokio::test]
    async fn every_documented_error_can_be_chosen() {
        let bench = Bench::new();
        for (code, text) in REDIRECT_ERRORS {
            let flow = bench.authorize(OKTA).await.location().to_owned();
            let answer = bench.form(&flow, &[("error", code)]).await;
            assert_eq!(answer.param("error").as_deref(), Some(code));
            assert_eq!(answer.param("error_description").as_deref(), Some(text));
            assert_eq!(answer.param("state").as_deref(), Some("state-1"));
        }
    }

    #[tokio::test]
    async fn blocked_and_unknown_people_do_not_get_in() {
        let bench = Bench::new();
        assert_eq!(
            bench.choose(OKTA, "dana.reyes@acme.com").await.param("error").as_deref(),
            Some("access_denied")
        );
        for unknown in ["hank@globex.com", "nobody", ""] {
            let page = bench.choose(OKTA, unknown).await;
            assert_eq!(page.status, StatusCode::OK);
            assert!(page.body.contains("Nobody here has that e-mail address"), "{unknown}");
        }
    }

    /// By default the environment is relaxed, so that the product's own check is met.
    #[tokio::test]
    async fn foreign_domains_are_refused_when_the_environment_says_so() {
        let bench = Bench::new();
        let email = "casey@contractor.example";
        assert!(bench.choose(OKTA, email).await.param("code").is_some());
        bench.control("settings", json!({ "enforce_domains": true })).await;
        let refused = bench.choose(OKTA, email).await.param("error");
        assert_eq!(refused.as_deref(), Some("profile_not_allowed_outside_organization"));
        assert!(bench.choose(OKTA, "ada@acme.com").await.param("code").is_some());
    }

    #[tokio::test]
    async fn the_consent_page_stands_between_when_switched_on() {
        let bench = Bench::new();
        bench.control("settings", json!({ "consent": true })).await;
        let ask = bench.choose(GLOBEX, "hank@globex.com").await;
        assert_eq!(ask.status, StatusCode::SEE_OTHER);
        let path = ask.location().to_owned();
        let page = bench.get(&path).await;
        assert!(page.body.contains("hank@globex.com") && page.body.contains("http://localhost:8080"));
        let denied = bench.form(&path, &[("decision", "deny")]).await;
        assert_eq!(denied.param("error").as_deref(), Some("signin_consent_denied"));
        assert!(bench.form(&path, &[("decision", "allow")]).await.param("code").is_some());
    }

    #[tokio::test]
    async fn consent_without_a_choice_goes_back_to_the_idp() {
        let bench = Bench::new();
        let flow = bench.authorize(OKTA).await.location().to_owned();
        let answer = bench.form(&format!("{flow}/consent"), &[("decision", "allow")]).await;
        assert_eq!(answer.location(), flow);
    }

    #[tokio::test]
    async fn a_flow_ends_after_five_minutes() {
        let bench = Bench::new();
        let flow = bench.authorize(OKTA).await.location().to_owned();
        bench.advance(299);
        assert_eq!(bench.get(&flow).await.status, StatusCode::OK);
        bench.advance(1);
        assert_eq!(bench.get(&flow).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(bench.form(&flow, &[("email", "ada@acme.com")]).await.status, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_connection_switched_off_at_the_idp_stops_the_flow() {
        let bench = Bench::new();
        let flow = bench.authorize(OKTA).await.location().to_owned();
        bench.control("connections", json!({ "id": "conn_01SANDBOXACMEOKTA", "state": "inactive" })).await;
        let answer = bench.form(&flow, &[("email", "ada@acme.com")]).await;
        assert_eq!(answer.param("error").as_deref(), Some("connection_unlinked"));
    }

    #[tokio::test]
    async fn a_tile_lands_with_a_code_that_nobody_asked_for() {
        let bench = Bench::new();
        let answer = bench.get(&format!("{TILE}?email=ada@acme.com")).await;
        assert!(answer.location().starts_with(CALLBACK));
        assert!(answer.param("code").is_some() && answer.param("state").is_none());
        // Without a person the IdP asks.
        let flow = bench.get(TILE).await.location().to_owned();
        assert!(flow.starts_with("/idp/"));
        let chosen = bench.form(&flow, &[("email", "ada@acme.com")]).await;
        assert!(chosen.param("code").is_some() && chosen.param("state").is_none());
    }

    #[tokio::test]
    async fn a_tile_can_be_disabled_or_sent_to_the_sign_in_endpoint() {
        let bench = Bench::new();
        let code = Some("idp_initiated_sso_disabled".to_owned());
        let wayfarer = bench.get("/tile/conn_01SANDBOXWAYFARERJUMPCLOUD").await;
        assert_eq!((wayfarer.param("error"), wayfarer.param("state")), (code.clone(), None));
        assert_eq!(wayfarer.param("connection_id").as_deref(), Some("conn_01SANDBOXWAYFARERJUMPCLOUD"));
        assert_eq!(wayfarer.param("organization_id").as_deref(), Some("org_01SANDBOXWAYFARER"));

        let endpoint = "http://localhost:8080/login";
        bench.control("settings", json!({ "sign_in_endpoint": endpoint })).await;
        let sent = bench.get(TILE).await;
        assert_eq!(sent.location(), format!("{endpoint}?connection_id=conn_01SANDBOXACMEOKTA"));

        bench.control("settings", json!({ "sign_in_endpoint": null, "idp_initiated": false })).await;
        assert_eq!(bench.get(TILE).await.param("error"), code);
        // OIDC always starts at the application.
        assert_eq!(bench.get("/tile/conn_01SANDBOXGLOBEXGOOGLE").await.status, StatusCode::NOT_FOUND);
    }
}
