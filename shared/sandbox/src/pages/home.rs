//! `GET /`: what the sandbox is, who is in it, and its switches.

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::tenant::ConnectionState;
use http::StatusCode;

use super::{STYLE, answer};
use crate::errors::REDIRECT_ERRORS;
use crate::faults::{Fault, Kind, PLACES};
use crate::flow::Auto;
use crate::idp::notes;
use crate::model::{Connection, DomainState, Organization, Person, Protocol, World};
use crate::state::{Sandbox, Settings};

/// States that the page offers.
const STATES: [ConnectionState; 6] = [
    ConnectionState::Active,
    ConnectionState::Validating,
    ConnectionState::Inactive,
    ConnectionState::Deleting,
    ConnectionState::Draft,
    ConnectionState::RequiresType,
];

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    style: &'static str,
    origin: String,
    client_id: String,
    app: String,
    settings: Settings,
    auto: Option<String>,
    faults: Vec<FaultLine>,
    requests: usize,
    organizations: Vec<OrganizationCard>,
    public: OrganizationCard,
    states: &'static [ConnectionState],
    errors: &'static [(&'static str, &'static str)],
    kinds: &'static [Kind],
    places: &'static [&'static str],
}

struct FaultLine {
    what: String,
}

struct OrganizationCard {
    name: String,
    id: String,
    domains: Vec<(String, DomainState)>,
    connections: Vec<ConnectionLine>,
    people: Vec<PersonLine>,
    directory: bool,
}

struct ConnectionLine {
    id: String,
    name: String,
    kind: &'static str,
    state: ConnectionState,
    usable: bool,
    /// A tile in the IdP's portal: SAML only.
    tile: bool,
    idp_initiated: bool,
    /// Belongs to the environment: its state is nothing to play with here.
    public: bool,
}

struct PersonLine {
    email: String,
    name: String,
    detail: Option<String>,
    notes: Vec<String>,
}

impl From<&Fault> for FaultLine {
    fn from(fault: &Fault) -> Self {
        let mut what = format!("{} on {}", fault.kind.as_str(), fault.path);
        let mut add = |text: String| {
            what.push_str(" · ");
            what.push_str(&text);
        };
        if let Some(status) = fault.status {
            add(format!("status {status}"));
        }
        if let Some(seconds) = fault.retry_after {
            add(format!("Retry-After {seconds} s"));
        }
        if let Some(delay) = fault.delay_ms {
            add(format!("{delay} ms"));
        }
        if let Some(count) = fault.count {
            add(format!("{count} more"));
        }
        Self { what }
    }
}

fn connection_line(connection: &Connection) -> ConnectionLine {
    ConnectionLine {
        id: connection.id.to_string(),
        name: connection.name.clone(),
        kind: connection.idp.connection_type(),
        state: connection.state.clone(),
        usable: connection.state.usable(),
        tile: connection.idp.protocol() == Protocol::Saml,
        idp_initiated: connection.idp_initiated,
        public: connection.organization.is_none(),
    }
}

fn person_line(world: &World, person: &Person) -> PersonLine {
    let connection = person.connections.first().and_then(|id| world.connection(id.as_str()));
    PersonLine {
        email: person.email.to_string(),
        name: person.name().unwrap_or_else(|| "(no name)".to_owned()),
        detail: person.job_title.clone(),
        notes: connection.map(|connection| notes(world, connection, person)).unwrap_or_default(),
    }
}

fn organization_card(world: &World, organization: &Organization) -> OrganizationCard {
    let own = |person: &&Person| person.organization.as_ref() == Some(&organization.id);
    OrganizationCard {
        name: organization.name.clone(),
        id: organization.id.to_string(),
        domains: organization.domains.iter().map(|known| (known.domain.to_string(), known.state)).collect(),
        connections: world.connections_of(&organization.id).map(connection_line).collect(),
        people: world.people.iter().filter(own).map(|person| person_line(world, person)).collect(),
        directory: world.directory_of(&organization.id).is_some(),
    }
}

fn public_card(world: &World) -> OrganizationCard {
    let connections = world.connections.iter().filter(|connection| connection.organization.is_none());
    let people = world.people.iter().filter(|person| person.organization.is_none());
    OrganizationCard {
        name: "Public providers".to_owned(),
        id: "provider=GoogleOAuth, MicrosoftOAuth, GitHubOAuth".to_owned(),
        domains: vec![],
        connections: connections.map(connection_line).collect(),
        people: people.map(|person| person_line(world, person)).collect(),
        directory: false,
    }
}

pub(crate) async fn home(State(sandbox): State<Sandbox>) -> Response {
    let state = sandbox.state();
    let world = &state.world;
    let auto = state.auto.as_ref().map(|auto| match auto {
        Auto::Person { email } => format!("as {email}"),
        Auto::Error { error, .. } => format!("with the error {error}"),
    });
    let page = Home {
        style: STYLE,
        origin: sandbox.origin().to_owned(),
        client_id: sandbox.client_id().to_owned(),
        app: sandbox.default_redirect_uri().origin().ascii_serialization(),
        settings: state.settings.clone(),
        auto,
        faults: state.faults.list().iter().map(FaultLine::from).collect(),
        requests: state.log.entries().count(),
        organizations: world.organizations().map(|known| organization_card(world, known)).collect(),
        public: public_card(world),
        states: &STATES,
        errors: &REDIRECT_ERRORS,
        kinds: &Kind::ALL,
        places: &PLACES,
    };
    answer(StatusCode::OK, &page)
}
