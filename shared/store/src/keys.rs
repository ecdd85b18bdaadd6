//! Every key of both tables is built here and nowhere else.
//!
//! Tenant data starts with the tenant (`O#org…`), so a read with one tenant's key can never meet another's item
//! (R47). Global ids have pointer items that hold only the owner's id.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{ConnectionId, IdentityKey, OrganizationId, SessionId, Timestamp, UserId, sha256};

/// DynamoDB allows 2048 bytes for a partition key; ours stay far below by hashing what IdPs choose freely.
const LONGEST_FREE_PART: usize = 512;

pub(crate) const SESSION_PREFIX: &str = "S#";

/// Key of an item in the identity table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) pk: String,
    pub(crate) sk: String,
}

impl Key {
    fn new(pk: String, sk: impl Into<String>) -> Self {
        Self { pk, sk: sk.into() }
    }

    pub(crate) fn pk(&self) -> AttributeValue {
        AttributeValue::S(self.pk.clone())
    }

    pub(crate) fn sk(&self) -> AttributeValue {
        AttributeValue::S(self.sk.clone())
    }
}

pub(crate) fn tenant(organization: &OrganizationId) -> Key {
    Key::new(format!("O#{organization}"), "META")
}

pub(crate) fn gate(organization: &OrganizationId) -> Key {
    Key::new(format!("O#{organization}"), "GATE")
}

pub(crate) fn connection_pointer(connection: &ConnectionId) -> Key {
    Key::new(format!("C#{connection}"), "PTR")
}

pub(crate) fn user(organization: &OrganizationId, user: &UserId) -> Key {
    Key::new(format!("O#{organization}#U#{user}"), "META")
}

pub(crate) fn session(organization: &OrganizationId, user: &UserId, session: &SessionId) -> Key {
    Key::new(format!("O#{organization}#U#{user}"), format!("{SESSION_PREFIX}{session}"))
}

pub(crate) fn identity(key: &IdentityKey) -> Key {
    let IdentityKey { organization, connection, idp_id } = key;
    let idp_id =
        if idp_id.len() > LONGEST_FREE_PART { format!("h:{}", sha256(idp_id)) } else { idp_id.clone() };
    Key::new(format!("O#{organization}#I#{connection}#{idp_id}"), "LINK")
}

/// Audit items are grouped by tenant and day, so that no partition grows without end.
pub(crate) fn audit(organization: &OrganizationId, at: Timestamp, id: &str) -> Key {
    let day: String = at.rfc3339().chars().take(10).collect();
    Key::new(format!("O#{organization}#A#{day}"), id)
}

/// Only the command line writes this item; policies deny it to every function.
pub(crate) fn public_keys() -> Key {
    Key::new("K#keys".into(), "KEYS")
}

/// Pending login in the ephemeral table, by the SHA-256 of its state.
pub(crate) fn login(state_hash: &str) -> AttributeValue {
    AttributeValue::S(format!("L#{state_hash}"))
}

/// Rate counter in the ephemeral table.
pub(crate) fn counter(limit: &str, key: &str, shard: u8, minute: i64) -> AttributeValue {
    AttributeValue::S(format!("R#{limit}#{key}#{shard}#{minute}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R41, R45, R47: an identity is keyed by tenant, connection and idp id, and an IdP cannot choose its way out.
    #[test]
    fn identities_of_other_tenants_and_connections_have_other_keys() {
        let key = |organization: &str, connection: &str, idp_id: &str| {
            identity(&IdentityKey {
                organization: OrganizationId::parse(organization).unwrap(),
                connection: ConnectionId::parse(connection).unwrap(),
                idp_id: idp_id.to_owned(),
            })
        };
        let keys = [
            key("org_a", "conn_a", "1"),
            key("org_b", "conn_a", "1"),
            key("org_a", "conn_b", "1"),
            key("org_a", "conn_a", "conn_b#1"),
            key("org_a", "conn_a", &"x".repeat(5000)),
            key("org_a", "conn_a", &"x".repeat(5001)),
        ];
        for (n, one) in keys.iter().enumerate() {
            assert!(one.pk.starts_with("O#org_") && one.pk.len() < 1024);
            assert!(keys.iter().skip(n + 1).all(|other| other != one));
        }
    }
}
