//! Every key of both tables is built here and nowhere else.
//!
//! Tenant data starts with the tenant (`O#org…`), so a read with one tenant's key can never meet another's item
//! (R47). Global ids have pointer items that hold only the owner's id.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::directory::ClaimKey;
use domain::tenant_settings::Slug;
use domain::{
    ConnectionId, DirectoryGroupId, DirectoryId, DirectoryUserId, Domain, EmailAddress, EventId, IdentityKey,
    OrganizationId, SessionId, Timestamp, UserId, sha256,
};

/// DynamoDB allows 2048 bytes for a partition key; ours stay far below by hashing what IdPs choose freely.
const LONGEST_FREE_PART: usize = 512;

pub(crate) const SESSION_PREFIX: &str = "S#";
pub(crate) const TENANTS: &str = "X#tenants";
pub(crate) const SETTINGS: &str = "SETTINGS";
const NOTICE: &str = "NOTICE";
/// Stands for the tenant of a login whose tenant was never known; no organization id is spelled like this.
const NO_TENANT: &str = "-";

/// Key of an item in the identity table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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

/// What the adopter decided about the tenant.
pub(crate) fn settings(organization: &OrganizationId) -> Key {
    Key::new(format!("O#{organization}"), SETTINGS)
}

/// One item for each tenant that verified the domain. A hint: the tenant's own item decides.
pub(crate) fn domain_index(domain: &Domain, organization: &OrganizationId) -> Key {
    Key::new(format!("M#{domain}"), organization.as_str())
}

/// An entry of a list, by the list and the id that it is sorted by.
pub(crate) fn listed(partition: String, id: &str) -> Key {
    Key::new(partition, id)
}

/// Every tenant, for listing.
pub(crate) fn tenant_list(organization: &OrganizationId) -> Key {
    Key::new(TENANTS.into(), organization.as_str())
}

pub(crate) fn slug_pointer(slug: &Slug) -> Key {
    Key::new(format!("G#{slug}"), "PTR")
}

pub(crate) fn host_pointer(host: &Domain) -> Key {
    Key::new(format!("H#{host}"), "PTR")
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
    Key::new(format!("O#{organization}#I#{connection}#{}", free(idp_id)), "LINK")
}

/// A part that an IdP chooses.
fn free(text: &str) -> String {
    if text.len() > LONGEST_FREE_PART { format!("h:{}", sha256(text)) } else { text.to_owned() }
}

/// Where a login and a provisioning of one person meet. An address is hashed: keys end in logs and metrics.
pub(crate) fn claim(organization: &OrganizationId, claim: &ClaimKey) -> Key {
    let what = match claim {
        ClaimKey::IdpId(idp_id) => format!("idp#{}", free(idp_id)),
        ClaimKey::Email(folded) => format!("email#{}", sha256(folded)),
    };
    Key::new(format!("O#{organization}#J#{what}"), "CLAIM")
}

pub(crate) fn directory_pointer(directory: &DirectoryId) -> Key {
    Key::new(format!("D#{directory}"), "PTR")
}

/// What belongs to one directory of one tenant.
#[derive(Clone, Copy)]
pub(crate) struct DirectoryKeys<'a> {
    pub(crate) organization: &'a OrganizationId,
    pub(crate) directory: &'a DirectoryId,
}

impl DirectoryKeys<'_> {
    fn part(self, part: &str) -> String {
        format!("O#{}#D#{}{part}", self.organization, self.directory)
    }

    pub(crate) fn meta(self) -> Key {
        Key::new(self.part(""), "META")
    }

    /// No partition holds a whole directory's people: each has their own.
    pub(crate) fn user(self, user: &DirectoryUserId) -> Key {
        Key::new(self.part(&format!("#U#{user}")), "META")
    }

    pub(crate) fn group(self, group: &DirectoryGroupId) -> Key {
        Key::new(self.part(&format!("#G#{group}")), "META")
    }

    /// All users of the directory, by id, for listing.
    pub(crate) fn user_list(self) -> String {
        self.part("#UX")
    }

    /// All groups of the directory, by id.
    pub(crate) fn group_list(self) -> String {
        self.part("#GX")
    }

    /// The memberships of a group.
    pub(crate) fn members(self, group: &DirectoryGroupId) -> String {
        self.part(&format!("#M#{group}"))
    }

    /// The groups of a person, in the index of the reverse direction.
    pub(crate) fn groups_of(self, user: &DirectoryUserId) -> String {
        self.part(&format!("#R#{user}"))
    }
}

/// A notice to the app. Each in a partition of its own: ten thousand people may be hired in a minute.
pub(crate) fn notice(organization: &OrganizationId, id: &str) -> Key {
    Key::new(format!("O#{organization}#E#{id}"), NOTICE)
}

/// Whether a key is one of [`notice`]'s.
pub(crate) fn is_notice(key: &Key) -> bool {
    key.sk == NOTICE && key.pk.starts_with("O#") && notice_id(key).is_some()
}

/// The id in the key of a notice.
pub(crate) fn notice_id(key: &Key) -> Option<&str> {
    key.pk.rsplit_once("#E#").map(|(_, id)| id)
}

/// Who came through a connection: one item each, so that an operator can move them to another.
pub(crate) fn people_of(organization: &OrganizationId, connection: &ConnectionId) -> String {
    format!("O#{organization}#P#{connection}")
}

pub(crate) fn person_of(organization: &OrganizationId, connection: &ConnectionId, user: &UserId) -> Key {
    Key::new(people_of(organization, connection), user.as_str())
}

/// Leave to join an existing user at the first login through this connection.
pub(crate) fn move_grant(organization: &OrganizationId, to: &ConnectionId, email: &EmailAddress) -> Key {
    Key::new(format!("O#{organization}#V#{to}#{}", sha256(&email.folded())), "GRANT")
}

/// Login traces are grouped by tenant and day, like audit items.
pub(crate) fn trace(organization: Option<&OrganizationId>, started: Timestamp, id: &str) -> Key {
    let organization = organization.map_or(NO_TENANT, OrganizationId::as_str);
    Key::new(format!("O#{organization}#T#{}", day(started)), id)
}

/// Audit items are grouped by tenant and day, so that no partition grows without end.
pub(crate) fn audit(organization: &OrganizationId, at: Timestamp, id: &str) -> Key {
    Key::new(format!("O#{organization}#A#{}", day(at)), id)
}

/// `2027-01-15`.
fn day(at: Timestamp) -> String {
    at.rfc3339().chars().take(10).collect()
}

/// Only the command line writes this item; policies deny it to every function.
pub(crate) fn public_keys() -> Key {
    Key::new("K#keys".into(), "KEYS")
}

/// Work that one runner at a time does.
pub(crate) fn job(name: &str) -> Key {
    Key::new(format!("W#{name}"), "JOB")
}

/// Pending login in the ephemeral table, by the SHA-256 of its state.
pub(crate) fn login(state_hash: &str) -> AttributeValue {
    AttributeValue::S(format!("L#{state_hash}"))
}

/// Which trace belongs to a request id, in the ephemeral table.
pub(crate) fn trace_pointer(request_id: &str) -> AttributeValue {
    AttributeValue::S(format!("T#{request_id}"))
}

/// An event that was handled, in the ephemeral table.
pub(crate) fn seen_event(event: &EventId) -> AttributeValue {
    AttributeValue::S(format!("V#{event}"))
}

/// A part of one day's events in the index by time: so many parts that an initial sync meets no partition's limit.
pub(crate) fn seen_day(at: Timestamp, part: u8) -> String {
    format!("{}#{part}", day(at))
}

/// The place of an event in its day. Sorts by time.
pub(crate) fn seen_at(at: Timestamp, event: &EventId) -> String {
    format!("{:016}#{event}", at.millis().max(0))
}

/// How often handling an event has failed, in the ephemeral table.
pub(crate) fn failed_event(event: &EventId) -> AttributeValue {
    AttributeValue::S(format!("F#{event}"))
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
