//! An organization as WorkOS keeps it: `GET /organizations/{id}`.
//!
//! Its verified domains decide which e-mail addresses may come through its connections. A state that is
//! unknown or missing verifies nothing. Source: WorkOS API reference, "Organizations" and "Organization
//! domains".

use domain::tenant::{TenantConnection, TenantDomain};
use domain::{Domain, OrganizationId, Tenant, Timestamp};
use serde::Deserialize;

use crate::connection::Connection;
use crate::lenient;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Organization {
    pub id: OrganizationId,
    /// For people. Empty when WorkOS names none.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub domains: Vec<OrganizationDomain>,
    /// The adopter's own id of the organization, where one was given.
    pub external_id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OrganizationDomain {
    /// As WorkOS writes it, not yet parsed.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub domain: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub state: DomainState,
}

/// How far the proof of a domain has come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum DomainState {
    Verified,
    /// Verified before WorkOS kept proofs.
    LegacyVerified,
    Pending,
    Unverified,
    Failed,
    /// A state this version does not know, or none (then empty).
    Unknown(String),
}

impl Organization {
    /// Our record of the organization. A domain that does not parse can vouch for nobody and is left out; so is a
    /// connection that says it is another organization's.
    pub fn tenant(self, connections: Vec<Connection>, now: Timestamp) -> Tenant {
        let domain = |known: &OrganizationDomain| {
            let domain = Domain::parse(&known.domain).ok()?;
            Some(TenantDomain { domain, verified: known.state.is_verified() })
        };
        let own = |known: &Connection| known.organization_id.as_ref().is_none_or(|id| *id == self.id);
        let connection = |known: Connection| TenantConnection {
            id: known.id,
            name: known.name,
            connection_type: known.connection_type.into(),
            state: known.state,
        };
        Tenant {
            domains: self.domains.iter().filter_map(domain).collect(),
            connections: connections.into_iter().filter(own).map(connection).collect(),
            organization: self.id,
            name: self.name,
            refreshed_at: now,
        }
    }
}

impl DomainState {
    /// Whether the organization has proved that the domain is its own.
    pub fn is_verified(&self) -> bool {
        match self {
            Self::Verified | Self::LegacyVerified => true,
            Self::Pending | Self::Unverified | Self::Failed | Self::Unknown(_) => false,
        }
    }
}

impl From<String> for DomainState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "verified" => Self::Verified,
            "legacy_verified" => Self::LegacyVerified,
            "pending" => Self::Pending,
            "unverified" => Self::Unverified,
            "failed" => Self::Failed,
            _ => Self::Unknown(text),
        }
    }
}

impl Default for DomainState {
    fn default() -> Self {
        Self::Unknown(String::new())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_and_missing_states_verify_nothing() {
        let organization: Organization = serde_json::from_value(json!({
            "object": "organization", "id": "org_01", "name": "Acme Corp", "metadata": {"tier": "gold"},
            "domains": [
                {"object": "organization_domain", "id": "org_domain_1", "domain": "acme.com", "state": "verified"},
                {"domain": "old.acme.com", "state": "legacy_verified"},
                {"domain": "new.acme.com", "state": "pending"},
                {"domain": "odd.acme.com", "state": "blessed"},
                {"domain": "bare.acme.com"},
                {"domain": null, "state": null}
            ]
        }))
        .unwrap();
        let verified: Vec<&str> = organization
            .domains
            .iter()
            .filter(|domain| domain.state.is_verified())
            .map(|domain| domain.domain.as_str())
            .collect();
        assert_eq!(verified, ["acme.com", "old.acme.com"]);
        for (word, state) in [
            ("pending", DomainState::Pending),
            ("unverified", DomainState::Unverified),
            ("failed", DomainState::Failed),
        ] {
            assert_eq!(DomainState::from(word.to_owned()), state);
        }
        assert_eq!(organization.domains[3].state, DomainState::Unknown("blessed".to_owned()));
    }

    /// R43, R47: what cannot be trusted is not part of the tenant.
    #[test]
    fn a_tenant_is_made_of_what_parses_and_belongs_to_it() {
        let organization: Organization = serde_json::from_value(json!({
            "id": "org_01", "name": "Acme Corp", "domains": [
                {"domain": "Acme.com", "state": "verified"},
                {"domain": "new.acme.com", "state": "pending"},
                {"domain": "a@b.com", "state": "verified"},
            ]
        }))
        .unwrap();
        let connection = |value| serde_json::from_value::<Connection>(value).unwrap();
        let connections = vec![
            connection(json!({"id": "conn_1", "organization_id": "org_01", "state": "active"})),
            connection(json!({"id": "conn_2", "organization_id": "org_02", "state": "active"})),
        ];
        let tenant = organization.tenant(connections, Timestamp::from_seconds(7));
        let domains: Vec<_> =
            tenant.domains.iter().map(|known| (known.domain.as_str(), known.verified)).collect();
        assert_eq!(domains, [("acme.com", true), ("new.acme.com", false)]);
        let own: Vec<&str> = tenant.connections.iter().map(|connection| connection.id.as_str()).collect();
        assert_eq!(own, ["conn_1"]);
        assert_eq!(tenant.refreshed_at, Timestamp::from_seconds(7));
    }

    #[test]
    fn an_organization_is_its_id() {
        let bare: Organization = serde_json::from_value(json!({"id": "org_01", "domains": null})).unwrap();
        assert_eq!((bare.name.as_str(), bare.domains.len(), bare.external_id), ("", 0, None));
        assert!(serde_json::from_value::<Organization>(json!({"name": "Acme Corp"})).is_err());
    }
}
