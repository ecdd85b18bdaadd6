//! `GET /directories`, `/directory_users`, `/directory_groups` and one of each: the state that events lead to.
//!
//! Read-only, as at WorkOS, but for the deletion of a directory. Users of one directory may be asked for only so often.

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use domain::DirectoryUserId;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::objects::{directory_json, group_json, listed_user};
use super::{Directory, Group, User};
use crate::errors::ApiError;
use crate::guard::ApiKey;
use crate::model::World;
use crate::paging::Paging;
use crate::state::{self, Sandbox};

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/directories", get(directories))
        .route("/directories/{id}", get(directory).delete(delete))
        .route("/directory_users", get(users))
        .route("/directory_users/{id}", get(user))
        .route("/directory_groups", get(groups))
        .route("/directory_groups/{id}", get(group))
}

#[derive(Deserialize)]
struct DirectoryFilter {
    organization_id: Option<String>,
    domain: Option<String>,
    search: Option<String>,
}

#[derive(Deserialize)]
struct UserFilter {
    directory: Option<String>,
    group: Option<String>,
    idp_id: Option<String>,
    email: Option<String>,
}

#[derive(Deserialize)]
struct GroupFilter {
    directory: Option<String>,
    user: Option<String>,
}

async fn directories(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Query(filter): Query<DirectoryFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    let world = &state.world;
    let wanted = |directory: &&Directory| {
        let organization = world.organization(directory.organization.as_str());
        let has = |domain: &String| {
            organization.is_some_and(|known| known.domains.iter().any(|own| own.domain.as_str() == domain))
        };
        let named = |text: &String| directory.name.to_lowercase().contains(&text.to_lowercase());
        filter.organization_id.as_deref().is_none_or(|id| directory.organization.as_str() == id)
            && filter.domain.as_ref().is_none_or(has)
            && filter.search.as_ref().is_none_or(named)
    };
    let items = world.directories.iter().filter(wanted).map(|known| (known.id.as_str(), known)).collect();
    Ok(Json(paging.page_of(items, |known| directory_json(world, known))?))
}

async fn directory(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    Ok(Json(directory_json(&state.world, known(&state.world, &id)?)))
}

async fn delete(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    let mut state = sandbox.state();
    let news = state.world.delete_directory(&id).ok_or(ApiError::NotFound("Directory"))?;
    let post = state.record(vec![news], sandbox.pen())?;
    drop(state);
    sandbox.deliver_later(post);
    Ok(StatusCode::ACCEPTED)
}

fn known<'a>(world: &'a World, id: &str) -> Result<&'a Directory, ApiError> {
    world.directory(id).ok_or(ApiError::NotFound("Directory"))
}

impl World {
    fn directory_user(&self, id: &str) -> Option<(&Directory, &User)> {
        self.directories.iter().find_map(|directory| Some((directory, directory.users.get(id)?)))
    }

    fn directory_group(&self, id: &str) -> Option<(&Directory, &Group)> {
        self.directories.iter().find_map(|directory| Some((directory, directory.groups.get(id)?)))
    }
}

/// WorkOS counts requests for users by directory.
fn count(sandbox: &Sandbox, state: &mut state::State, directory: &str) -> Result<(), ApiError> {
    let limit = state.settings.directory_requests_per_second;
    let over = state.windows.over(directory, limit, 1, sandbox.now());
    over.map_or(Ok(()), |seconds| Err(ApiError::DirectoryTooMany(seconds)))
}

async fn users(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Query(filter): Query<UserFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, ApiError> {
    let mut state = sandbox.state();
    // Both are unique in one directory only.
    for (field, given) in [("idp_id", &filter.idp_id), ("email", &filter.email)] {
        if given.is_some() && filter.directory.is_none() {
            return Err(ApiError::Unprocessable { field, code: "directory_required" });
        }
    }
    let group = match &filter.group {
        None => None,
        Some(id) => {
            let (directory, group) =
                state.world.directory_group(id).ok_or(ApiError::NotFound("Directory Group"))?;
            Some((directory.id.to_string(), group.members.clone()))
        }
    };
    let of = filter.directory.clone().or_else(|| group.as_ref().map(|(directory, _)| directory.clone()));
    if let Some(id) = &of {
        known(&state.world, id)?;
        count(&sandbox, &mut state, id)?;
    }
    let wanted = |user: &&User| {
        group.as_ref().is_none_or(|(_, members)| members.contains(&user.id))
            && filter.idp_id.as_ref().is_none_or(|id| user.idp_id == *id)
            && filter.email.as_ref().is_none_or(|text| {
                user.email.as_ref().is_some_and(|email| email.to_string().eq_ignore_ascii_case(text))
            })
    };
    let directories = state.world.directories.iter();
    let directories = directories.filter(|known| of.as_deref().is_none_or(|id| known.id.as_str() == id));
    let items = directories
        .flat_map(|directory| directory.users.iter().map(move |user| (directory, user)))
        .filter(|(_, user)| wanted(user))
        .map(|(directory, user)| (user.id.as_str(), (directory, user)))
        .collect();
    Ok(Json(paging.page_of(items, |(directory, user)| listed_user(directory, user))?))
}

async fn user(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    const MISSING: ApiError = ApiError::NotFound("Directory User");
    let mut state = sandbox.state();
    let directory = state.world.directory_user(&id).ok_or(MISSING)?.0.id.to_string();
    count(&sandbox, &mut state, &directory)?;
    let (directory, user) = state.world.directory_user(&id).ok_or(MISSING)?;
    Ok(Json(listed_user(directory, user)))
}

async fn groups(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Query(filter): Query<GroupFilter>,
    Query(paging): Query<Paging>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    if let Some(id) = &filter.directory {
        known(&state.world, id)?;
    }
    let user: Option<DirectoryUserId> = match &filter.user {
        None => None,
        Some(id) => {
            let (_, user) = state.world.directory_user(id).ok_or(ApiError::NotFound("Directory User"))?;
            Some(user.id.clone())
        }
    };
    let directories = state.world.directories.iter();
    let items = directories
        .filter(|known| filter.directory.as_deref().is_none_or(|id| known.id.as_str() == id))
        .flat_map(|directory| directory.groups.iter().map(move |group| (directory, group)))
        .filter(|(_, group)| user.as_ref().is_none_or(|user| group.members.contains(user)))
        .map(|(directory, group)| (group.id.as_str(), (directory, group)))
        .collect();
    Ok(Json(paging.page_of(items, |(directory, group)| group_json(directory, group))?))
}

async fn group(
    _: ApiKey,
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let state = sandbox.state();
    let found = state.world.directory_group(&id).ok_or(ApiError::NotFound("Directory Group"))?;
    Ok(Json(group_json(found.0, found.1)))
}
