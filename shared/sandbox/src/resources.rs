//! `GET /organizations`, `GET /connections` and one of each by id: what the product knows tenants by.

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::{Domain, OrganizationId, Timestamp};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::errors::ApiError;
use crate::events::connection_deleted;
use crate::guard::ApiKey;
use crate::model::{Connection, Organization, OrganizationDomain, World};
use crate::paging::Paging;
use crate::state::{Sandbox, Settings};

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/organizations", get(organizations))
        .route("/organizations/{id}", get(organization))
        .route("/connections", get(connections))
        .route("/connections/{id}", get(connection).delete(delete_connection))
}

#[derive(Deserialize)]
struct OrganizationFilter {
    /// Comma-joined; an organization with any of them is listed.
    domains: Option<String>,
    search: Option<String>,
}

#[derive(Deserialize)]
struct ConnectionFilter {
    organization_id: Option<String>,
    connection_type: Option<String>,
    domain: Option<String>,
    search: Option<String>,
}

async fn organizations(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Query(filter): Query<OrganizationFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    let wanted = |organization: &&Organization| {
        let has = |domain: &str| organization.domains.iter().any(|known| known.domain.as_str() == domain);
        filter
            .domains
            .as_ref()
            .is_none_or(|domains| domains.split(',').any(|domain| has(&domain.to_ascii_lowercase())))
            && found(&organization.name, filter.search.as_deref())
    };
    let listed = state.world.organizations().filter(wanted);
    let items = listed.map(|known| (known.id.as_str(), known)).collect();
    Ok(Json(paging.page_of(items, |known| organization_json(known, &state.settings))?))
}

async fn organization(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    let organization = state.world.organization(&id).ok_or(ApiError::NotFound("Organization"))?;
    Ok(Json(organization_json(organization, &state.settings)))
}

async fn connections(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Query(filter): Query<ConnectionFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    let world = &state.world;
    let wanted = |connection: &&Connection| {
        let id = connection.organization.as_ref().map(OrganizationId::as_str);
        let domains = connection_domains(world, connection);
        filter.organization_id.as_ref().is_none_or(|wanted| id == Some(wanted))
            && filter
                .connection_type
                .as_ref()
                .is_none_or(|kind| connection.idp.connection_type().eq_ignore_ascii_case(kind))
            && filter
                .domain
                .as_ref()
                .is_none_or(|domain| domains.iter().any(|known| known["domain"] == *domain))
            && found(&connection.name, filter.search.as_deref())
    };
    let listed = world.connections.iter().filter(wanted);
    let items = listed.map(|known| (known.id.as_str(), known)).collect();
    Ok(Json(paging.page_of(items, |known| connection_json(world, known))?))
}

async fn connection(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    let connection = state.world.connection(&id).ok_or(ApiError::NotFound("Connection"))?;
    Ok(Json(connection_json(&state.world, connection)))
}

async fn delete_connection(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut state = sandbox.state();
    let news = {
        let connection = state.world.connection(&id).ok_or(ApiError::NotFound("Connection"))?;
        connection_deleted(&state.world, connection)
    };
    state.world.connections.retain(|known| known.id.as_str() != id);
    for person in &mut state.world.people {
        person.connections.retain(|known| known.as_str() != id);
    }
    let post = state.record(vec![news], sandbox.pen())?;
    drop(state);
    sandbox.deliver_later(post);
    Ok(StatusCode::ACCEPTED)
}

fn found(name: &str, search: Option<&str>) -> bool {
    search.is_none_or(|text| name.to_lowercase().contains(&text.to_lowercase()))
}

/// `2026-01-12T09:00:00.000Z`: WorkOS always writes milliseconds.
pub(crate) fn moment(at: Timestamp) -> String {
    let seconds = Timestamp::from_seconds(at.seconds()).rfc3339();
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), at.millis().rem_euclid(1000))
}

/// Ids of domains are made of their names, so that they are the same after every reset.
pub(crate) fn domain_id(organization: &OrganizationId, domain: &Domain) -> String {
    let owner = organization.as_str().trim_start_matches("org_").trim_start_matches("01SANDBOX");
    let name: String = owner
        .chars()
        .chain(domain.as_str().chars())
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    format!("org_domain_01SANDBOX{name}")
}

pub(crate) fn domain_json(organization: &Organization, known: &OrganizationDomain) -> Value {
    json!({
        "object": "organization_domain",
        "id": domain_id(&organization.id, &known.domain),
        "organization_id": organization.id,
        "domain": known.domain,
        "state": known.state,
        "verification_strategy": "manual",
        "created_at": moment(organization.created_at),
        "updated_at": moment(organization.updated_at),
    })
}

pub(crate) fn organization_json(organization: &Organization, settings: &Settings) -> Value {
    json!({
        "object": "organization",
        "id": organization.id,
        "name": organization.name,
        "allow_profiles_outside_organization": !settings.enforce_domains,
        "domains": organization.domains.iter().map(|known| domain_json(organization, known)).collect::<Vec<_>>(),
        "metadata": {},
        "external_id": organization.external_id,
        "created_at": moment(organization.created_at),
        "updated_at": moment(organization.updated_at),
    })
}

fn connection_domains(world: &World, connection: &Connection) -> Vec<Value> {
    let organization = connection.organization.as_ref().and_then(|id| world.organization(id.as_str()));
    let Some(organization) = organization else { return vec![] };
    let object = |known: &OrganizationDomain| {
        let id = domain_id(&organization.id, &known.domain);
        json!({ "object": "connection_domain", "id": id, "domain": known.domain })
    };
    organization.domains.iter().filter(|known| known.state.verified()).map(object).collect()
}

pub(crate) fn connection_json(world: &World, connection: &Connection) -> Value {
    let mut object = json!({
        "object": "connection",
        "id": connection.id,
        "connection_type": connection.idp.connection_type(),
        "name": connection.name,
        "state": connection.state,
        "status": if connection.state.usable() { "linked" } else { "unlinked" },
        "domains": connection_domains(world, connection),
        "created_at": moment(connection.created_at),
        "updated_at": moment(connection.updated_at),
    });
    // Absent, not null, for connections of the environment.
    if let (Some(id), Some(fields)) = (&connection.organization, object.as_object_mut()) {
        fields.insert("organization_id".to_owned(), json!(id));
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn organizations_are_listed_filtered_and_read() {
        let bench = Bench::new();
        let all = bench.api("GET", "/organizations?order=asc", "").await.json();
        assert_eq!(all["data"].as_array().unwrap().len(), 6);
        assert_eq!(all["object"], "list");

        let acme = bench.api("GET", "/organizations?domains=nowhere.example,acme.com", "").await.json();
        let acme = &acme["data"][0];
        assert_eq!((&acme["id"], &acme["name"]), (&json!("org_01SANDBOXACME"), &json!("Acme Corp")));
        assert_eq!(acme["created_at"], "2026-01-12T09:00:00.000Z");
        let states: Vec<&Value> =
            acme["domains"].as_array().unwrap().iter().map(|known| &known["state"]).collect();
        assert_eq!(states, ["verified", "pending"]);

        let one = bench.api("GET", "/organizations/org_01SANDBOXACME", "").await.json();
        assert_eq!(one, *acme);
        let none = bench.api("GET", "/organizations/org_nobody", "").await;
        assert_eq!(
            (none.status, none.json()),
            (StatusCode::NOT_FOUND, json!({ "message": "Organization not found." }))
        );
    }

    #[tokio::test]
    async fn connections_are_listed_by_organization_and_page_by_page() {
        let bench = Bench::new();
        let acme = bench
            .api("GET", "/connections?organization_id=org_01SANDBOXACME&limit=1&order=asc", "")
            .await
            .json();
        assert_eq!(acme["data"][0]["id"], "conn_01SANDBOXACMEOKTA");
        assert_eq!(acme["data"][0]["domains"][0]["domain"], "acme.com");
        let cursor = acme["list_metadata"]["after"].as_str().unwrap();
        let path = format!("/connections?organization_id=org_01SANDBOXACME&limit=1&order=asc&after={cursor}");
        let next = bench.api("GET", &path, "").await.json();
        assert_eq!(next["data"][0]["connection_type"], "EntraIdOIDC");
        assert_eq!(next["list_metadata"]["after"], Value::Null);

        let initech = bench.api("GET", "/connections?domain=initech.example", "").await.json();
        assert_eq!(
            (&initech["data"][0]["state"], &initech["data"][0]["status"]),
            (&json!("inactive"), &json!("unlinked"))
        );
        let google = bench.api("GET", "/connections?connection_type=GoogleOAuth", "").await.json();
        assert!(google["data"][0].get("organization_id").is_none());
        assert_eq!(
            bench.api("GET", "/connections?limit=0", "").await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        assert_eq!(bench.api("GET", "/connections/conn_nobody", "").await.status, StatusCode::NOT_FOUND);
    }
}
