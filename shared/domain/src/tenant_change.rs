//! What an event says of an organization, and what that makes of the tenant.
//!
//! Events come late, twice and in any order, and each shows one part. So an event is a hint that is believed at once
//! and checked soon: the tenant changes by what it says, and is due for a refresh, in which WorkOS's own answer counts.
//! The end of an organization is final: it needs no second opinion, and everybody's sessions end with it.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::email::Domain;
use crate::ids::ConnectionId;
use crate::tenant::{TENANT_FRESH_FOR, Tenant, TenantConnection, TenantDomain};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantChange {
    /// The organization itself. `None` where the event does not speak of domains.
    Organization {
        name: String,
        domains: Option<Vec<TenantDomain>>,
    },
    OrganizationDeleted,
    /// A connection as it is now, new or changed.
    Connection(TenantConnection),
    ConnectionDeleted(ConnectionId),
    /// A domain as it is now.
    Domain(TenantDomain),
    DomainDeleted(Domain),
}

impl TenantChange {
    /// Stable word for logs and the record of a seen event.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Organization { .. } => "organization",
            Self::OrganizationDeleted => "organization_deleted",
            Self::Connection(_) => "connection",
            Self::ConnectionDeleted(_) => "connection_deleted",
            Self::Domain(_) => "domain",
            Self::DomainDeleted(_) => "domain_deleted",
        }
    }

    /// The tenant after it. The same where it says nothing new.
    pub fn apply(&self, tenant: &Tenant) -> Tenant {
        let mut after = tenant.clone();
        match self {
            Self::Organization { name, domains } => {
                name.clone_into(&mut after.name);
                if let Some(domains) = domains {
                    domains.clone_into(&mut after.domains);
                }
            }
            Self::OrganizationDeleted => {
                after.domains.clear();
                after.connections.clear();
            }
            Self::Connection(connection) => {
                let known = after.connections.iter_mut().find(|known| known.id == connection.id);
                match known {
                    Some(known) => connection.clone_into(known),
                    None => after.connections.push(connection.clone()),
                }
            }
            Self::ConnectionDeleted(id) => after.connections.retain(|known| known.id != *id),
            Self::Domain(domain) => {
                let known = after.domains.iter_mut().find(|known| known.domain == domain.domain);
                match known {
                    Some(known) => domain.clone_into(known),
                    None => after.domains.push(domain.clone()),
                }
            }
            Self::DomainDeleted(domain) => after.domains.retain(|known| known.domain != *domain),
        }
        after
    }
}

impl Tenant {
    /// The same tenant, to be refreshed at the next login. While WorkOS cannot be asked it serves as before.
    #[must_use]
    pub fn due_for_refresh(mut self, now: Timestamp) -> Self {
        let due = now.minus(TENANT_FRESH_FOR).minus(Duration::from_millis(1));
        self.refreshed_at = self.refreshed_at.min(due);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OrganizationId;
    use crate::tenant::ConnectionState;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn domain(text: &str, verified: bool) -> TenantDomain {
        TenantDomain { domain: Domain::parse(text).unwrap(), verified }
    }

    fn connection(id: &str, state: ConnectionState) -> TenantConnection {
        TenantConnection {
            id: ConnectionId::parse(id).unwrap(),
            name: "Okta".into(),
            connection_type: "OktaSAML".into(),
            state,
        }
    }

    fn tenant() -> Tenant {
        Tenant {
            organization: OrganizationId::parse("org_acme").unwrap(),
            name: "Acme".into(),
            domains: vec![domain("acme.com", true)],
            connections: vec![connection("conn_1", ConnectionState::Active)],
            refreshed_at: NOW,
        }
    }

    #[test]
    fn each_change_touches_its_own_part() {
        let before = tenant();
        let renamed = TenantChange::Organization { name: "Acme Corp".into(), domains: None };
        assert_eq!(renamed.apply(&before), Tenant { name: "Acme Corp".into(), ..tenant() });
        let replaced =
            TenantChange::Organization { name: "Acme".into(), domains: Some(vec![domain("acme.io", false)]) };
        assert_eq!(replaced.apply(&before), Tenant { domains: vec![domain("acme.io", false)], ..tenant() });
        let off = TenantChange::Connection(connection("conn_1", ConnectionState::Inactive));
        assert!(!off.apply(&before).connections[0].state.usable());
        let second = TenantChange::Connection(connection("conn_2", ConnectionState::Active));
        assert_eq!(second.apply(&before).connections.len(), 2);
        let gone = TenantChange::ConnectionDeleted(ConnectionId::parse("conn_1").unwrap());
        assert!(gone.apply(&before).connections.is_empty());
        let unproven = TenantChange::Domain(domain("acme.com", false));
        assert!(!unproven.apply(&before).has_verified_domain());
        let dropped = TenantChange::DomainDeleted(Domain::parse("acme.com").unwrap());
        assert!(dropped.apply(&before).domains.is_empty());
        let closed = TenantChange::OrganizationDeleted.apply(&before);
        assert!(closed.domains.is_empty() && closed.connections.is_empty());
    }

    #[test]
    fn changes_have_words_of_their_own() {
        let words = [
            (TenantChange::Organization { name: String::new(), domains: None }, "organization"),
            (TenantChange::OrganizationDeleted, "organization_deleted"),
            (TenantChange::Connection(connection("conn_1", ConnectionState::Active)), "connection"),
            (TenantChange::ConnectionDeleted(ConnectionId::parse("conn_1").unwrap()), "connection_deleted"),
            (TenantChange::Domain(domain("acme.com", true)), "domain"),
            (TenantChange::DomainDeleted(Domain::parse("acme.com").unwrap()), "domain_deleted"),
        ];
        for (change, word) in words {
            assert_eq!(change.as_str(), word);
        }
    }

    #[test]
    fn a_tenant_that_is_due_is_not_fresh_and_still_usable() {
        let due = tenant().due_for_refresh(NOW);
        assert!(!due.fresh(NOW) && due.usable(NOW));
        let old = Tenant { refreshed_at: Timestamp::from_seconds(5), ..tenant() };
        assert_eq!(old.clone().due_for_refresh(NOW), old, "never younger than it is");
    }
}
