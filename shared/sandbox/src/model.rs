//! The world the sandbox plays: organizations, their connections to identity providers, and people.
//!
//! Values only. What an IdP says of a person is derived ([`crate::identity`]), never stored, so that ids are the
//! same on every machine and after every reset.

use std::collections::HashMap;

use domain::tenant::ConnectionState;
use domain::{ConnectionId, Domain, EmailAddress, OrganizationId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::identity::profile_id;

#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    /// By id. Thousands may be made, so none is searched for.
    organizations: HashMap<OrganizationId, Organization>,
    /// Their ids, oldest first.
    order: Vec<OrganizationId>,
    external_ids: HashMap<String, OrganizationId>,
    pub(crate) connections: Vec<Connection>,
    pub(crate) people: Vec<Person>,
    pub(crate) directories: Vec<Directory>,
}

#[derive(Clone, Debug)]
pub(crate) struct Organization {
    pub(crate) id: OrganizationId,
    pub(crate) name: String,
    pub(crate) domains: Vec<OrganizationDomain>,
    /// The adopter's own id of it.
    pub(crate) external_id: Option<String>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OrganizationDomain {
    pub(crate) domain: Domain,
    pub(crate) state: DomainState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DomainState {
    Verified,
    LegacyVerified,
    Pending,
    Unverified,
    Failed,
}

#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    /// `None`: an OAuth connection of the whole environment, chosen by `provider=`.
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) name: String,
    pub(crate) idp: Idp,
    pub(crate) state: ConnectionState,
    /// Whether logins may start from the IdP's own portal.
    pub(crate) idp_initiated: bool,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
}

/// The identity providers the sandbox plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Idp {
    OktaSaml,
    EntraIdOidc,
    GoogleOidc,
    OneLoginSaml,
    JumpCloudSaml,
    GoogleOauth,
    MicrosoftOauth,
    GitHubOauth,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Saml,
    Oidc,
    Oauth,
}

#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Never changes, whatever the person is called: the root of profile ids and IdP ids.
    pub(crate) key: String,
    /// `None`: somebody with an account at a public provider and no company.
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) connections: Vec<ConnectionId>,
    pub(crate) email: EmailAddress,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) job_title: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) groups: Vec<String>,
    /// The IdP refuses this person: `access_denied`.
    pub(crate) blocked: bool,
}

impl DomainState {
    pub(crate) const fn verified(self) -> bool {
        match self {
            Self::Verified | Self::LegacyVerified => true,
            Self::Pending | Self::Unverified | Self::Failed => false,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::LegacyVerified => "legacy_verified",
            Self::Pending => "pending",
            Self::Unverified => "unverified",
            Self::Failed => "failed",
        }
    }
}

impl Idp {
    /// WorkOS's `connection_type`.
    pub(crate) const fn connection_type(self) -> &'static str {
        match self {
            Self::OktaSaml => "OktaSAML",
            Self::EntraIdOidc => "EntraIdOIDC",
            Self::GoogleOidc => "GoogleOIDC",
            Self::OneLoginSaml => "OneLoginSAML",
            Self::JumpCloudSaml => "JumpCloudSAML",
            Self::GoogleOauth => "GoogleOAuth",
            Self::MicrosoftOauth => "MicrosoftOAuth",
            Self::GitHubOauth => "GitHubOAuth",
        }
    }

    pub(crate) const fn protocol(self) -> Protocol {
        match self {
            Self::OktaSaml | Self::OneLoginSaml | Self::JumpCloudSaml => Protocol::Saml,
            Self::EntraIdOidc | Self::GoogleOidc => Protocol::Oidc,
            Self::GoogleOauth | Self::MicrosoftOauth | Self::GitHubOauth => Protocol::Oauth,
        }
    }

    /// What the stand-in's page is headed with.
    pub(crate) const fn product(self) -> &'static str {
        match self {
            Self::OktaSaml => "Okta",
            Self::EntraIdOidc => "Microsoft Entra ID",
            Self::GoogleOidc => "Google Workspace",
            Self::OneLoginSaml => "OneLogin",
            Self::JumpCloudSaml => "JumpCloud",
            Self::GoogleOauth => "Google",
            Self::MicrosoftOauth => "Microsoft",
            Self::GitHubOauth => "GitHub",
        }
    }

    /// Style class of the stand-in's page.
    pub(crate) const fn look(self) -> &'static str {
        match self {
            Self::OktaSaml => "okta",
            Self::EntraIdOidc | Self::MicrosoftOauth => "entra",
            Self::GoogleOidc | Self::GoogleOauth => "google",
            Self::OneLoginSaml | Self::JumpCloudSaml | Self::GitHubOauth => "plain",
        }
    }
}

impl Organization {
    pub(crate) fn vouches_for(&self, domain: &Domain) -> bool {
        self.domains.iter().any(|known| known.state.verified() && known.domain == *domain)
    }
}

impl Person {
    /// Of whom nothing is known yet but the address.
    pub(crate) fn newcomer(
        organization: &OrganizationId,
        connections: Vec<ConnectionId>,
        email: &EmailAddress,
    ) -> Self {
        Self {
            key: format!("{organization} {}", email.folded()),
            organization: Some(organization.clone()),
            connections,
            email: email.clone(),
            first_name: None,
            last_name: None,
            role: None,
            job_title: None,
            department: None,
            groups: vec![],
            blocked: false,
        }
    }

    pub(crate) fn name(&self) -> Option<String> {
        let parts: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

impl World {
    pub(crate) fn new(
        organizations: Vec<Organization>,
        connections: Vec<Connection>,
        people: Vec<Person>,
    ) -> Self {
        let mut world = Self { connections, people, ..Self::default() };
        organizations.into_iter().for_each(|organization| world.add_organization(organization));
        world
    }

    /// Oldest first.
    pub(crate) fn organizations(&self) -> impl DoubleEndedIterator<Item = &Organization> {
        self.order.iter().filter_map(|id| self.organizations.get(id))
    }

    pub(crate) fn organization(&self, id: &str) -> Option<&Organization> {
        self.organizations.get(&OrganizationId::parse(id).ok()?)
    }

    pub(crate) fn organization_by_external_id(&self, external_id: &str) -> Option<&Organization> {
        // An id may have been given up meanwhile.
        let known = self.organizations.get(self.external_ids.get(external_id)?)?;
        (known.external_id.as_deref() == Some(external_id)).then_some(known)
    }

    pub(crate) fn organization_mut(&mut self, id: &OrganizationId) -> Option<&mut Organization> {
        self.organizations.get_mut(id)
    }

    pub(crate) fn add_organization(&mut self, organization: Organization) {
        self.name_external_id(&organization.id, organization.external_id.as_deref());
        self.order.push(organization.id.clone());
        self.organizations.insert(organization.id.clone(), organization);
    }

    pub(crate) fn name_external_id(&mut self, id: &OrganizationId, external_id: Option<&str>) {
        if let Some(external_id) = external_id {
            self.external_ids.insert(external_id.to_owned(), id.clone());
        }
    }

    /// With its connections; its people have no company then.
    pub(crate) fn remove_organization(&mut self, id: &str) -> bool {
        let Some(id) = self.organization(id).map(|known| known.id.clone()) else { return false };
        self.connections.retain(|known| known.organization.as_ref() != Some(&id));
        self.people.retain(|known| known.organization.as_ref() != Some(&id));
        self.directories.retain(|known| known.organization != id);
        self.order.retain(|known| *known != id);
        self.organizations.remove(&id).is_some()
    }

    /// The domain of invented addresses: the first verified one, else the first.
    pub(crate) fn first_domain(&self, id: &OrganizationId) -> Option<Domain> {
        let domains = &self.organization(id.as_str())?.domains;
        let verified = domains.iter().find(|known| known.state.verified());
        match verified.or(domains.first()) {
            Some(known) => Some(known.domain.clone()),
            None => Domain::parse("company.example").ok(),
        }
    }

    pub(crate) fn connection(&self, id: &str) -> Option<&Connection> {
        self.connections.iter().find(|known| known.id.as_str() == id)
    }

    pub(crate) fn connection_mut(&mut self, id: &ConnectionId) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|known| known.id == *id)
    }

    /// The environment's connection for `provider=`.
    pub(crate) fn environment_connection(&self, provider: &str) -> Option<&Connection> {
        self.connections
            .iter()
            .find(|known| known.organization.is_none() && known.idp.connection_type() == provider)
    }

    pub(crate) fn connections_of<'a>(
        &'a self,
        id: &'a OrganizationId,
    ) -> impl Iterator<Item = &'a Connection> {
        self.connections.iter().filter(move |known| known.organization.as_ref() == Some(id))
    }

    /// Who can sign in there: an organization's IdP knows its own people, a public provider knows everybody once.
    pub(crate) fn members(&self, connection: &Connection) -> Vec<&Person> {
        if connection.organization.is_some() {
            return self.people.iter().filter(|person| person.connections.contains(&connection.id)).collect();
        }
        let mut members: Vec<&Person> = vec![];
        for person in &self.people {
            if !members.iter().any(|known| known.email.folded() == person.email.folded()) {
                members.push(person);
            }
        }
        members
    }

    pub(crate) fn member(&self, connection: &Connection, email: &EmailAddress) -> Option<&Person> {
        self.members(connection).into_iter().find(|person| person.email.folded() == email.folded())
    }

    /// Whose profile this is, and at which connection.
    pub(crate) fn profile_owner(&self, id: &str) -> Option<(&Connection, &Person)> {
        self.connections.iter().find_map(|connection| {
            let person =
                self.members(connection).into_iter().find(|person| profile_id(connection, person) == id)?;
            Some((connection, person))
        })
    }

    /// Whether the person's address is outside the verified domains of the connection's organization.
    pub(crate) fn outside_domains(&self, connection: &Connection, person: &Person) -> bool {
        let organization = connection.organization.as_ref().and_then(|id| self.organization(id.as_str()));
        organization.is_some_and(|organization| !organization.vouches_for(person.email.domain()))
    }
}
