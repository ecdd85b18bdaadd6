//! What WorkOS says of a person who signed in, and `GET /sso/profile`.
//!
//! `raw_attributes` is always empty, as it is at WorkOS since April 2026; `organization_id` is null for
//! environment-level OAuth; an IdP that knows no name sends null. Clients must live with all of that.

use axum::extract::State;
use axum::routing::get;
use axum::{Extension, Json, Router};
use domain::sha256;
use http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::errors::ApiError;
use crate::faults::ProfileFaults;
use crate::guard;
use crate::identity::{idp_id, profile_id};
use crate::model::{Connection, Person, Protocol};
use crate::state::Sandbox;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Profile {
    object: &'static str,
    pub(crate) id: String,
    pub(crate) connection_id: String,
    connection_type: &'static str,
    pub(crate) organization_id: Option<String>,
    idp_id: String,
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    name: Option<String>,
    role: Option<Role>,
    roles: Option<Vec<Role>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<String>>,
    custom_attributes: Map<String, Value>,
    raw_attributes: Map<String, Value>,
}

#[derive(Clone, Debug, Serialize)]
struct Role {
    slug: String,
}

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new().route("/sso/profile", get(profile))
}

async fn profile(
    State(sandbox): State<Sandbox>,
    Extension(faults): Extension<ProfileFaults>,
    headers: HeaderMap,
) -> Result<Json<Profile>, ApiError> {
    let token = guard::bearer(&headers).ok_or(ApiError::AccessToken)?;
    let state = sandbox.state();
    let profile = state.access.get(&sha256(token), sandbox.now()).ok_or(ApiError::AccessToken)?;
    Ok(Json(faults.apply(profile.clone(), &state.world)))
}

impl Profile {
    pub(crate) fn of(connection: &Connection, person: &Person) -> Self {
        // Groups and roles are mapped per organization; a public provider has neither.
        let mapped = connection.idp.protocol() != Protocol::Oauth;
        let role = person.role.as_ref().filter(|_| mapped).map(|slug| Role { slug: slug.clone() });
        let attributes = [("job_title", &person.job_title), ("department_name", &person.department)];
        let known = |(name, value): (&str, &Option<String>)| {
            value
                .as_ref()
                .filter(|value| mapped && !value.is_empty())
                .map(|value| (name.to_owned(), Value::from(value.as_str())))
        };
        Self {
            object: "profile",
            id: profile_id(connection, person),
            connection_id: connection.id.to_string(),
            connection_type: connection.idp.connection_type(),
            organization_id: connection.organization.as_ref().map(ToString::to_string),
            idp_id: idp_id(connection, person),
            email: person.email.to_string(),
            first_name: person.first_name.clone(),
            last_name: person.last_name.clone(),
            name: person.name(),
            roles: role.clone().map(|role| vec![role]),
            role,
            groups: mapped.then(|| person.groups.clone()),
            custom_attributes: attributes.into_iter().filter_map(known).collect(),
            raw_attributes: Map::new(),
        }
    }
}
