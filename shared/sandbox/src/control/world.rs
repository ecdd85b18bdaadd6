//! Control verbs about the world: who there is, and changes to people, connections and organizations.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use domain::tenant::ConnectionState;
use domain::{ConnectionId, EmailAddress, OrganizationId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::HOME;
use super::input::{Refused, Verb};
use crate::events::{connection_state, organization_changes};
use crate::identity::{idp_id, profile_id};
use crate::model::{Connection, OrganizationDomain, Person, World};
use crate::resources::{connection_json, organization_json};
use crate::state::Sandbox;

/// Most groups a person can be given.
const MAX_GROUPS: usize = 10_000;

pub(crate) async fn people(State(sandbox): State<Sandbox>) -> Json<Value> {
    let state = sandbox.state();
    let world = &state.world;
    let organization = |organization: &crate::model::Organization| {
        json!({
            "id": organization.id,
            "name": organization.name,
            "domains": organization.domains,
            "connections": world.connections_of(&organization.id).map(connection_line).collect::<Vec<_>>(),
            "people": people_of(world, Some(&organization.id)),
        })
    };
    let public = world.connections.iter().filter(|connection| connection.organization.is_none());
    Json(json!({
        "organizations": world.organizations().map(organization).collect::<Vec<_>>(),
        // Public providers, and people who belong to no organization.
        "environment": {
            "connections": public.map(connection_line).collect::<Vec<_>>(),
            "people": people_of(world, None),
        },
    }))
}

fn connection_line(connection: &Connection) -> Value {
    json!({
        "id": connection.id,
        "name": connection.name,
        "connection_type": connection.idp.connection_type(),
        "state": connection.state,
        "idp_initiated": connection.idp_initiated,
    })
}

fn people_of(world: &World, organization: Option<&OrganizationId>) -> Vec<Value> {
    let own = world.people.iter().filter(|person| person.organization.as_ref() == organization);
    own.map(|person| person_json(world, person)).collect()
}

fn person_json(world: &World, person: &Person) -> Value {
    let here: Vec<&Connection> = world
        .connections
        .iter()
        .filter(|connection| world.members(connection).iter().any(|member| member.key == person.key))
        .collect();
    // Own IdPs first: public providers are further down the list.
    let identity = |connection: &&Connection| {
        json!({
            "connection_id": connection.id,
            "idp_id": idp_id(connection, person),
            "profile_id": profile_id(connection, person),
        })
    };
    json!({
        "email": person.email,
        "organization_id": person.organization,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "name": person.name(),
        "role": person.role,
        "groups_count": person.groups.len(),
        "blocked": person.blocked,
        "outside_verified_domains": here.iter().any(|connection| world.outside_domains(connection, person)),
        "connection_ids": here.iter().map(|connection| &connection.id).collect::<Vec<_>>(),
        "idp_id": here.first().map(|connection| idp_id(connection, person)),
        "identities": here.iter().map(identity).collect::<Vec<_>>(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PersonChange {
    email: EmailAddress,
    /// Which of several people with this address; needed to add somebody.
    organization_id: Option<OrganizationId>,
    new_email: Option<EmailAddress>,
    first_name: Option<String>,
    last_name: Option<String>,
    role: Option<String>,
    groups: Option<Vec<String>>,
    blocked: Option<bool>,
}

/// Changes everybody with this address (in this organization), or adds a person to the organization.
pub(crate) async fn change_person(
    State(sandbox): State<Sandbox>,
    verb: Verb<PersonChange>,
) -> Result<Response, Refused> {
    let change = &verb.value;
    if change.groups.as_ref().is_some_and(|groups| groups.len() > MAX_GROUPS) {
        return Err(verb.refuse("groups holds at most 10000 names."));
    }
    let mut state = sandbox.state();
    let world = &mut state.world;
    let meant = |person: &Person, email: &EmailAddress| {
        person.email.folded() == email.folded()
            && (change.organization_id.is_none() || person.organization == change.organization_id)
    };
    if !world.people.iter().any(|person| meant(person, &change.email)) {
        let Some(organization) =
            change.organization_id.as_ref().filter(|id| world.organization(id.as_str()).is_some())
        else {
            return Err(verb.refuse(
                "Nobody has this e-mail address. To add somebody, give an organization_id that exists.",
            ));
        };
        let connections =
            world.connections_of(organization).map(|connection| connection.id.clone()).collect();
        let person = Person::newcomer(organization, connections, &change.email);
        world.people.push(person);
    }
    if let Some(email) = &change.new_email {
        let taken = world.people.iter().any(|person| meant(person, email) && !meant(person, &change.email));
        if taken {
            return Err(verb.refuse("Somebody has the new e-mail address already."));
        }
    }
    for person in world.people.iter_mut().filter(|person| meant(person, &change.email)) {
        if let Some(groups) = &change.groups {
            person.groups.clone_from(groups);
        }
        person.blocked = change.blocked.unwrap_or(person.blocked);
        person.first_name = change.first_name.clone().or_else(|| person.first_name.take());
        person.last_name = change.last_name.clone().or_else(|| person.last_name.take());
        person.role = change.role.clone().or_else(|| person.role.take());
        if let Some(email) = &change.new_email {
            person.email = email.clone();
        }
    }
    let email = change.new_email.as_ref().unwrap_or(&change.email);
    let changed: Vec<Value> = world
        .people
        .iter()
        .filter(|person| meant(person, email))
        .map(|person| person_json(world, person))
        .collect();
    Ok(verb.answer(json!({ "people": changed }), HOME))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConnectionChange {
    id: ConnectionId,
    state: Option<ConnectionState>,
    idp_initiated: Option<bool>,
}

pub(crate) async fn change_connection(
    State(sandbox): State<Sandbox>,
    verb: Verb<ConnectionChange>,
) -> Result<Response, Refused> {
    let change = &verb.value;
    if matches!(change.state, Some(ConnectionState::Unknown(_))) {
        return Err(
            verb.refuse("state must be active, validating, inactive, deleting, draft or requires_type.")
        );
    }
    let (answer, post) = {
        let mut state = sandbox.state();
        let Some(connection) = state.world.connection_mut(&change.id) else {
            return Err(verb.refuse("There is no such connection."));
        };
        let before = connection.state.clone();
        connection.state = change.state.clone().unwrap_or_else(|| before.clone());
        connection.idp_initiated = change.idp_initiated.unwrap_or(connection.idp_initiated);
        connection.updated_at = sandbox.now();
        let connection = connection.clone();
        let news = connection_state(&state.world, &before, &connection).into_iter().collect();
        let post = state.record(news, sandbox.pen()).map_err(|error| verb.broken(&error))?;
        (connection_json(&state.world, &connection), post)
    };
    sandbox.deliver(&post, 1).await;
    Ok(verb.answer(answer, HOME))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationChange {
    id: OrganizationId,
    name: Option<String>,
    /// Replaces all of them.
    domains: Option<Vec<OrganizationDomain>>,
}

pub(crate) async fn change_organization(
    State(sandbox): State<Sandbox>,
    verb: Verb<OrganizationChange>,
) -> Result<Response, Refused> {
    let change = &verb.value;
    let (answer, post) = {
        let mut state = sandbox.state();
        let Some(organization) = state.world.organization_mut(&change.id) else {
            return Err(verb.refuse("There is no such organization."));
        };
        let before = organization.clone();
        if let Some(name) = &change.name {
            organization.name.clone_from(name);
        }
        if let Some(domains) = &change.domains {
            organization.domains.clone_from(domains);
        }
        organization.updated_at = sandbox.now();
        let after = organization.clone();
        let news = organization_changes(&before, &after, &state.settings, true);
        let post = state.record(news, sandbox.pen()).map_err(|error| verb.broken(&error))?;
        (organization_json(&after, &state.settings), post)
    };
    sandbox.deliver(&post, 1).await;
    Ok(verb.answer(answer, HOME))
}
