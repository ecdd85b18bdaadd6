//! `POST /portal/generate_link` and a stand-in for the Admin Portal that it leads to.
//!
//! At WorkOS a customer's administrator connects their IdP there. Here the page does the same to the sandbox's world:
//! connections appear, domains are verified. The link is a secret that lives for five minutes, as the real one.

use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use domain::tenant::ConnectionState;
use domain::{ConnectionId, EmailAddress, OrganizationId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::errors::{ApiError, no_such_method};
use crate::events::{connection_state, organization_changes};
use crate::guard::ApiKey;
use crate::model::{Connection, DomainState, Idp, Person, World};
use crate::options::web_url;
use crate::pages::{self, PortalConnection, PortalDomain, PortalPage};
use crate::state::Sandbox;

const LINK_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// What WorkOS documents.
const INTENTS: [&str; 7] = [
    "sso",
    "dsync",
    "audit_logs",
    "log_streams",
    "domain_verification",
    "certificate_renewal",
    "bring_your_own_key",
];

/// IdPs that can be connected here, by the word of the form.
const IDPS: [(&str, Idp); 5] = [
    ("okta", Idp::OktaSaml),
    ("entra", Idp::EntraIdOidc),
    ("google", Idp::GoogleOidc),
    ("onelogin", Idp::OneLoginSaml),
    ("jumpcloud", Idp::JumpCloudSaml),
];

/// What a link opens.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    organization: OrganizationId,
    intent: String,
    return_url: Option<String>,
}

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/portal/generate_link", post(generate))
        .route("/portal/{token}", get(show).head(no_such_method).post(act))
}

#[derive(Deserialize)]
struct Wanted {
    organization: String,
    intent: Option<String>,
    return_url: Option<String>,
    success_url: Option<String>,
}

async fn generate(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let invalid = |field| ApiError::Unprocessable { field, code: "invalid" };
    let Json(wanted) = wanted.map_err(|_| invalid("body"))?;
    let intent = wanted.intent.unwrap_or_else(|| "sso".to_owned());
    if !INTENTS.contains(&intent.as_str()) {
        return Err(invalid("intent"));
    }
    if wanted.return_url.iter().chain(&wanted.success_url).any(|url| web_url(url).is_none()) {
        return Err(invalid("return_url"));
    }
    let (token, now) = (sandbox.token()?, sandbox.now());
    let mut state = sandbox.state();
    let organization = state.world.organization(&wanted.organization);
    let organization = organization.ok_or(ApiError::NotFound("Organization"))?.id.clone();
    let visit = Visit { organization, intent, return_url: wanted.return_url };
    state.visits.put(token.clone(), visit, now, LINK_LIFETIME);
    let link = format!("{}/portal/{token}", sandbox.origin());
    Ok((StatusCode::CREATED, Json(json!({ "link": link }))))
}

/// One step in the portal. Which fields are given says which.
#[derive(Deserialize)]
struct Step {
    connect: Option<String>,
    activate: Option<String>,
    verify: Option<String>,
}

fn over() -> Response {
    let text = "Links to the Admin Portal live for five minutes. Ask for a new one.";
    pages::message(StatusCode::NOT_FOUND, "This link has expired", text, None)
}

async fn show(State(sandbox): State<Sandbox>, Path(token): Path<String>) -> Response {
    let state = sandbox.state();
    let Some(visit) = state.visits.get(&token, sandbox.now()) else { return over() };
    let Some(organization) = state.world.organization(visit.organization.as_str()) else { return over() };
    let connection = |known: &Connection| PortalConnection {
        id: known.id.to_string(),
        name: known.name.clone(),
        kind: known.idp.connection_type(),
        state: known.state.as_str().to_owned(),
        active: known.state == ConnectionState::Active,
    };
    pages::portal(PortalPage {
        action: format!("/portal/{token}"),
        company: organization.name.clone(),
        intent: visit.intent.clone(),
        connections: state.world.connections_of(&organization.id).map(connection).collect(),
        domains: organization
            .domains
            .iter()
            .map(|known| PortalDomain {
                domain: known.domain.to_string(),
                state: known.state.as_str(),
                verified: known.state.verified(),
            })
            .collect(),
        idps: IDPS.map(|(word, idp)| (word, idp.product())),
        back: visit.return_url.clone(),
    })
}

async fn act(
    State(sandbox): State<Sandbox>,
    Path(token): Path<String>,
    Form(step): Form<Step>,
) -> Result<Response, ApiError> {
    let now = sandbox.now();
    let id = format!("conn_{}", sandbox.ulid()?);
    let mut news = Vec::new();
    let mut state = sandbox.state();
    let Some(visit) = state.visits.get(&token, now).cloned() else { return Ok(over()) };
    let here = |known: &Connection| known.organization.as_ref() == Some(&visit.organization);
    if let Some((_, idp)) = IDPS.iter().find(|(word, _)| step.connect.as_deref() == Some(word)) {
        let id = ConnectionId::parse(&id).map_err(|_| ApiError::Internal)?;
        connect(&mut state.world, &visit.organization, id, *idp, now);
    }
    if let Some(wanted) = &step.activate {
        let mut own = state.world.connections.iter_mut();
        if let Some(connection) = own.find(|known| here(known) && known.id.as_str() == wanted) {
            let before = std::mem::replace(&mut connection.state, ConnectionState::Active);
            connection.updated_at = now;
            let connection = connection.clone();
            news.extend(connection_state(&state.world, &before, &connection));
        }
    }
    let settings = state.settings.clone();
    if let (Some(wanted), Some(organization)) =
        (&step.verify, state.world.organization_mut(&visit.organization))
    {
        let before = organization.clone();
        organization.updated_at = now;
        let mut own = organization.domains.iter_mut();
        if let Some(known) = own.find(|known| known.domain.as_str() == wanted) {
            known.state = DomainState::Verified;
        }
        news.extend(organization_changes(&before, organization, &settings, false));
    }
    let post = state.record(news, sandbox.pen())?;
    drop(state);
    sandbox.deliver_later(post);
    Ok(Redirect::to(&format!("/portal/{token}")).into_response())
}

/// A new connection waits for its first login, as at WorkOS. A company without anybody gets somebody to try it with.
fn connect(
    world: &mut World,
    organization: &OrganizationId,
    id: ConnectionId,
    idp: Idp,
    now: domain::Timestamp,
) {
    let Some(company) = world.organization(organization.as_str()) else { return };
    let (name, domain) = (company.name.clone(), company.domains.first().map(|known| known.domain.clone()));
    world.connections.push(Connection {
        id: id.clone(),
        organization: Some(organization.clone()),
        name: format!("{name} {}", idp.product()),
        idp,
        state: ConnectionState::Validating,
        idp_initiated: true,
        created_at: now,
        updated_at: now,
    });
    let mut someone = false;
    for person in world.people.iter_mut().filter(|known| known.organization.as_ref() == Some(organization)) {
        person.connections.push(id.clone());
        someone = true;
    }
    let email = domain.and_then(|domain| EmailAddress::parse(&format!("admin@{domain}")).ok());
    if let (false, Some(email)) = (someone, email) {
        world.people.push(Person {
            key: format!("{organization} {}", email.folded()),
            organization: Some(organization.clone()),
            connections: vec![id],
            email,
            first_name: Some("Robin".to_owned()),
            last_name: Some("Admin".to_owned()),
            role: Some("admin".to_owned()),
            job_title: Some("Administrator".to_owned()),
            department: None,
            groups: vec![],
            blocked: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    async fn link(bench: &Bench, body: Value) -> String {
        let answer = bench.api("POST", "/portal/generate_link", &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.json()["link"].as_str().unwrap().trim_start_matches("http://localhost:8081").to_owned()
    }

    /// What an administrator does there is what the product sees over the API afterwards.
    #[tokio::test]
    async fn an_idp_is_connected_and_a_domain_verified() {
        let bench = Bench::new();
        let made = json!({ "name": "Hooli", "domain_data": [{ "domain": "hooli.com", "state": "pending" }] });
        let made = bench.api("POST", "/organizations", &made.to_string()).await.json();
        let id = made["id"].as_str().unwrap();
        let sso = link(&bench, json!({ "organization": id, "return_url": "https://app.example/done" })).await;
        let page = bench.get(&sso).await;
        assert!(
            page.body.contains("Hooli") && page.body.contains("https://app.example/done"),
            "{}",
            page.body
        );
        assert_eq!(bench.form(&sso, &[("connect", "okta")]).await.location(), sso);
        let connections = bench.api("GET", &format!("/connections?organization_id={id}"), "").await.json();
        let connection = &connections["data"][0];
        assert_eq!(
            (&connection["state"], &connection["connection_type"]),
            (&json!("validating"), &json!("OktaSAML"))
        );
        let own = format!("connection={}", connection["id"].as_str().unwrap());
        assert_eq!(bench.sign_in(&own, "admin@hooli.com").await.json()["profile"]["organization_id"], id);

        let domains = link(&bench, json!({ "organization": id, "intent": "domain_verification" })).await;
        bench.form(&domains, &[("verify", "hooli.com")]).await;
        let hooli = bench.api("GET", &format!("/organizations/{id}"), "").await.json();
        assert_eq!(hooli["domains"][0]["state"], "verified");
        let initech = link(&bench, json!({ "organization": "org_01SANDBOXINITECH" })).await;
        // Another company's connection is not touched.
        bench.form(&domains, &[("activate", "conn_01SANDBOXINITECHONELOGIN")]).await;
        let state = || async {
            bench.api("GET", "/connections/conn_01SANDBOXINITECHONELOGIN", "").await.json()["state"].clone()
        };
        assert_eq!(state().await, "inactive");
        bench.form(&initech, &[("activate", "conn_01SANDBOXINITECHONELOGIN")]).await;
        assert_eq!(state().await, "active");
    }

    #[tokio::test]
    async fn a_link_lives_for_five_minutes_and_needs_the_key() {
        let bench = Bench::new();
        let body = json!({ "organization": "org_01SANDBOXACME", "intent": "sso" });
        let acme = link(&bench, body.clone()).await;
        bench.advance(299);
        assert_eq!(bench.get(&acme).await.status, StatusCode::OK);
        bench.advance(1);
        assert_eq!(bench.get(&acme).await.status, StatusCode::NOT_FOUND);
        assert_eq!(bench.form(&acme, &[("connect", "okta")]).await.status, StatusCode::NOT_FOUND);
        let stranger = bench.send("POST", "/portal/generate_link", &[], &body.to_string()).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
        for (wrong, status) in [
            (json!({ "organization": "org_nobody" }), StatusCode::NOT_FOUND),
            (json!({ "organization": "org_01SANDBOXACME", "intent": "x" }), StatusCode::UNPROCESSABLE_ENTITY),
            (
                json!({ "organization": "org_01SANDBOXACME", "return_url": "javascript:1" }),
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
        ] {
            assert_eq!(
                bench.api("POST", "/portal/generate_link", &wrong.to_string()).await.status,
                status,
                "{wrong}"
            );
        }
    }
}
