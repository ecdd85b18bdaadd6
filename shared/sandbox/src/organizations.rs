//! Organizations and their domains, made and changed over the API: what an operator's tools do at WorkOS.
//!
//! Ids of new organizations are ULIDs, as at WorkOS. An `external_id` is unique; a domain may belong to several
//! organizations, and only once to each. A reset forgets everything that was made.

use std::sync::MutexGuard;

use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::{Domain, OrganizationId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::errors::ApiError;
use crate::events::{News, connection_deleted, organization_changes, organization_news};
use crate::guard::ApiKey;
use crate::model::{DomainState, Organization, OrganizationDomain, World};
use crate::resources::{domain_id, domain_json, organization_json};
use crate::state::{self, Sandbox};

const LONGEST_EXTERNAL_ID: usize = 128;

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/organizations", post(create))
        .route("/organizations/{id}", axum::routing::put(update).delete(delete))
        .route("/organizations/external_id/{external_id}", get(by_external_id))
        .route("/organization_domains", post(add_domain))
        .route("/organization_domains/{id}", get(domain).delete(delete_domain))
        .route("/organization_domains/{id}/verify", post(verify_domain))
}

/// `domain_data` replaces all domains.
#[derive(Deserialize)]
struct Draft {
    name: Option<String>,
    domain_data: Option<Vec<DraftDomain>>,
    external_id: Option<String>,
}

#[derive(Deserialize)]
struct DraftDomain {
    domain: String,
    state: Option<DomainState>,
}

#[derive(Deserialize)]
struct NewDomain {
    domain: String,
    organization_id: String,
}

type Body<T> = Result<Json<T>, JsonRejection>;

fn body<T>(body: Body<T>) -> Result<T, ApiError> {
    body.map(|Json(value)| value).map_err(|_| ApiError::Unprocessable { field: "body", code: "invalid" })
}

impl Draft {
    fn domains(&self) -> Result<Option<Vec<OrganizationDomain>>, ApiError> {
        let Some(drafts) = &self.domain_data else { return Ok(None) };
        let mut domains: Vec<OrganizationDomain> = Vec::new();
        for draft in drafts {
            let domain = parse_domain(&draft.domain)?;
            if domains.iter().any(|known| known.domain == domain) {
                return Err(ApiError::Conflict { code: "domain_already_exists" });
            }
            domains.push(OrganizationDomain { domain, state: draft.state.unwrap_or(DomainState::Pending) });
        }
        Ok(Some(domains))
    }

    /// `own`: the organization that may keep its external id.
    fn check_external_id(&self, world: &World, own: Option<&OrganizationId>) -> Result<(), ApiError> {
        let Some(external_id) = &self.external_id else { return Ok(()) };
        if external_id.is_empty() || external_id.len() > LONGEST_EXTERNAL_ID || !external_id.is_ascii() {
            return Err(ApiError::Unprocessable { field: "external_id", code: "invalid" });
        }
        match world.organization_by_external_id(external_id) {
            Some(other) if own != Some(&other.id) => {
                Err(ApiError::Refused { code: "external_id_already_used" })
            }
            _ => Ok(()),
        }
    }
}

fn parse_domain(text: &str) -> Result<Domain, ApiError> {
    Domain::parse(text).map_err(|_| ApiError::Unprocessable { field: "domain", code: "invalid" })
}

async fn create(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    draft: Body<Draft>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let draft = body(draft)?;
    let name = draft.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    let name = name.ok_or(ApiError::Unprocessable { field: "name", code: "required" })?.to_owned();
    let domains = draft.domains()?.unwrap_or_default();
    let id = OrganizationId::parse(&format!("org_{}", sandbox.ulid()?)).map_err(|_| ApiError::Internal)?;
    let now = sandbox.now();
    let mut state = sandbox.state();
    draft.check_external_id(&state.world, None)?;
    let organization =
        Organization { id, name, domains, external_id: draft.external_id, created_at: now, updated_at: now };
    let answer = organization_json(&organization, &state.settings);
    let bare = Organization { domains: vec![], ..organization.clone() };
    let mut news = vec![organization_news("organization.created", &organization, &state.settings)];
    news.extend(organization_changes(&bare, &organization, &state.settings, false));
    state.world.add_organization(organization);
    let post = state.record(news, sandbox.pen())?;
    drop(state);
    sandbox.deliver_later(post);
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn update(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    draft: Body<Draft>,
) -> Result<Json<Value>, ApiError> {
    let draft = body(draft)?;
    let domains = draft.domains()?;
    let now = sandbox.now();
    let mut state = sandbox.state();
    let settings = state.settings.clone();
    let id = state.world.organization(&id).ok_or(ApiError::NotFound("Organization"))?.id.clone();
    draft.check_external_id(&state.world, Some(&id))?;
    state.world.name_external_id(&id, draft.external_id.as_deref());
    let organization = state.world.organization_mut(&id).ok_or(ApiError::NotFound("Organization"))?;
    let before = organization.clone();
    if let Some(name) = draft.name {
        organization.name = name;
    }
    if let Some(domains) = domains {
        organization.domains = domains;
    }
    if draft.external_id.is_some() {
        organization.external_id = draft.external_id;
    }
    organization.updated_at = now;
    let answer = organization_json(organization, &settings);
    let news = organization_changes(&before, organization, &settings, true);
    let post = state.record(news, sandbox.pen())?;
    drop(state);
    sandbox.deliver_later(post);
    Ok(Json(answer))
}

async fn delete(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut state = sandbox.state();
    let gone = state.world.organization(&id).ok_or(ApiError::NotFound("Organization"))?.clone();
    let mut news: Vec<News> = Vec::new();
    if let Some(directory) = state.world.directory_of(&gone.id).map(|known| known.id.clone()) {
        news.extend(state.world.delete_directory(directory.as_str()));
    }
    let connections = state.world.connections_of(&gone.id);
    news.extend(connections.map(|connection| connection_deleted(&state.world, connection)));
    news.push(organization_news("organization.deleted", &gone, &state.settings));
    state.world.remove_organization(&id);
    let post = state.record(news, sandbox.pen())?;
    drop(state);
    sandbox.deliver_later(post);
    Ok(StatusCode::ACCEPTED)
}

async fn by_external_id(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(external_id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    let found = state.world.organization_by_external_id(&external_id);
    let organization = found.ok_or(ApiError::NotFound("Organization"))?;
    Ok(Json(organization_json(organization, &state.settings)))
}

async fn add_domain(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    new: Body<NewDomain>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    let new = body(new)?;
    let domain = parse_domain(&new.domain)?;
    let now = sandbox.now();
    let mut state = sandbox.state();
    let id = state.world.organization(&new.organization_id).ok_or(ApiError::NotFound("Organization"))?;
    let id = id.id.clone();
    let organization = state.world.organization_mut(&id).ok_or(ApiError::NotFound("Organization"))?;
    if organization.domains.iter().any(|known| known.domain == domain) {
        return Err(ApiError::Conflict { code: "domain_already_exists" });
    }
    let new = OrganizationDomain { domain, state: DomainState::Pending };
    let before = organization.clone();
    organization.domains.push(new.clone());
    organization.updated_at = now;
    let answer = domain_json(organization, &new);
    tell(&sandbox, state, &before)?;
    Ok((StatusCode::CREATED, Json(answer)))
}

async fn domain(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    let (organization, domain) = state.world.domain(&id).ok_or(ApiError::NotFound("Organization domain"))?;
    Ok(Json(domain_json(organization, domain)))
}

/// What follows needs the organization and the domain as values: the world is about to change.
fn found(world: &World, id: &str) -> Result<(OrganizationId, Domain), ApiError> {
    let (organization, domain) = world.domain(id).ok_or(ApiError::NotFound("Organization domain"))?;
    Ok((organization.id.clone(), domain.domain.clone()))
}

async fn delete_domain(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut state = sandbox.state();
    let (organization, domain) = found(&state.world, &id)?;
    let organization = state.world.organization_mut(&organization).ok_or(ApiError::Internal)?;
    let before = organization.clone();
    organization.domains.retain(|known| known.domain != domain);
    tell(&sandbox, state, &before)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Here the proof always succeeds: there is no DNS to ask.
async fn verify_domain(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let now = sandbox.now();
    let mut state = sandbox.state();
    let (organization, domain) = found(&state.world, &id)?;
    let organization = state.world.organization_mut(&organization).ok_or(ApiError::Internal)?;
    let before = organization.clone();
    organization.updated_at = now;
    let known = organization.domains.iter_mut().find(|known| known.domain == domain);
    let known = known.ok_or(ApiError::Internal)?;
    if known.state.verified() {
        return Err(ApiError::Refused { code: "domain_already_verified" });
    }
    known.state = DomainState::Verified;
    let known = known.clone();
    let answer = domain_json(organization, &known);
    tell(&sandbox, state, &before)?;
    Ok(Json(answer))
}

/// Domains that were changed on their own are told on their own.
fn tell(
    sandbox: &Sandbox,
    mut state: MutexGuard<'_, state::State>,
    before: &Organization,
) -> Result<(), ApiError> {
    let after = state.world.organization(before.id.as_str()).ok_or(ApiError::Internal)?;
    let news = organization_changes(before, after, &state.settings, false);
    let post = state.record(news, sandbox.pen())?;
    drop(state);
    sandbox.deliver_later(post);
    Ok(())
}

impl World {
    fn domain(&self, id: &str) -> Option<(&Organization, &OrganizationDomain)> {
        self.organizations().find_map(|organization| {
            let mut own = organization.domains.iter();
            let domain = own.find(|known| domain_id(&organization.id, &known.domain) == id)?;
            Some((organization, domain))
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn organizations_are_made_found_changed_and_deleted() {
        let bench = Bench::new();
        let draft = json!({ "name": "Hooli", "external_id": "crm/7", "domain_data": [
            { "domain": "Hooli.com", "state": "verified" }, { "domain": "hooli.example" }] });
        let made = bench.api("POST", "/organizations", &draft.to_string()).await;
        assert_eq!(made.status, StatusCode::CREATED);
        let made = made.json();
        let id = made["id"].as_str().unwrap();
        assert!(OrganizationId::parse(id).is_ok());
        let states: Vec<&Value> =
            made["domains"].as_array().unwrap().iter().map(|domain| &domain["state"]).collect();
        assert_eq!(states, ["verified", "pending"]);
        let found = bench.api("GET", "/organizations/external_id/crm%2F7", "").await.json();
        assert_eq!(found, made);
        let listed = bench.api("GET", "/organizations?domains=hooli.com", "").await.json();
        assert_eq!(listed["data"], json!([made]));

        let again = bench.api("POST", "/organizations", &draft.to_string()).await;
        assert_eq!(
            (again.status, &again.json()["code"]),
            (StatusCode::BAD_REQUEST, &json!("external_id_already_used"))
        );
        let path = format!("/organizations/{id}");
        let changed = json!({ "name": "Hooli XYZ", "external_id": "crm/7" }).to_string();
        let changed = bench.api("PUT", &path, &changed).await.json();
        assert_eq!((&changed["name"], &changed["domains"]), (&json!("Hooli XYZ"), &made["domains"]));
        assert_eq!(bench.api("DELETE", &path, "").await.status, StatusCode::ACCEPTED);
        assert_eq!(bench.api("GET", &path, "").await.status, StatusCode::NOT_FOUND);

        for wrong in [
            json!({}),
            json!({ "name": " " }),
            json!({ "name": "X", "external_id": "é" }),
            json!({ "name": "X", "domain_data": [{ "domain": "not a domain" }] }),
            json!({ "name": "X", "domain_data": [{ "domain": "x.com", "state": "odd" }] }),
        ] {
            let answer = bench.api("POST", "/organizations", &wrong.to_string()).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_domain_is_added_verified_and_taken_away() {
        let bench = Bench::new();
        let new = json!({ "domain": "globex.org", "organization_id": "org_01SANDBOXGLOBEX" }).to_string();
        let added = bench.api("POST", "/organization_domains", &new).await;
        assert_eq!((added.status, &added.json()["state"]), (StatusCode::CREATED, &json!("pending")));
        let twice = bench.api("POST", "/organization_domains", &new).await;
        assert_eq!(
            (twice.status, &twice.json()["code"]),
            (StatusCode::CONFLICT, &json!("domain_already_exists"))
        );
        let path = format!("/organization_domains/{}", added.json()["id"].as_str().unwrap());
        let verified = bench.api("POST", &format!("{path}/verify"), "").await.json();
        assert_eq!(verified["state"], "verified");
        let twice = bench.api("POST", &format!("{path}/verify"), "").await;
        assert_eq!(twice.json()["code"], "domain_already_verified");
        assert_eq!(bench.api("GET", &path, "").await.json(), verified);
        assert_eq!(bench.api("DELETE", &path, "").await.status, StatusCode::NO_CONTENT);
        assert_eq!(bench.api("GET", &path, "").await.status, StatusCode::NOT_FOUND);
        // The same domain of two organizations is two domains.
        let listed = bench.api("GET", "/organizations?domains=northwind.example", "").await.json();
        let ids: Vec<&Value> =
            listed["data"].as_array().unwrap().iter().map(|known| &known["domains"][0]["id"]).collect();
        assert_eq!(ids.len(), 2);
        assert_ne!(ids[0], ids[1]);
    }

    /// Thousands of organizations are made and listed without the sandbox slowing down.
    #[tokio::test]
    async fn a_reset_forgets_new_organizations_and_many_are_no_trouble() {
        let bench = Bench::new();
        for n in 0..2_000 {
            let draft = json!({ "name": format!("Company {n}"), "external_id": n.to_string() }).to_string();
            assert_eq!(bench.api("POST", "/organizations", &draft).await.status, StatusCode::CREATED);
        }
        let (mut seen, mut after) = (0, String::new());
        loop {
            let page =
                bench.api("GET", &format!("/organizations?limit=100&order=asc{after}"), "").await.json();
            seen += page["data"].as_array().unwrap().len();
            match page["list_metadata"]["after"].as_str() {
                Some(id) => after = format!("&after={id}"),
                None => break,
            }
        }
        assert_eq!(seen, 2_006);
        bench.control("reset", json!({})).await;
        let all = bench.api("GET", "/organizations?limit=100", "").await.json();
        assert_eq!(all["data"].as_array().unwrap().len(), 6);
    }
}
