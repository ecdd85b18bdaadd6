//! What a connection says of a person: the `profile` of `POST /sso/token` and `GET /sso/profile`.
//!
//! Ids must be there and well formed, because the login is compared with them; an organization that is
//! malformed is an error and never "none". Everything else may be missing. The e-mail address is what an IdP
//! wrote, not yet an address. Source: WorkOS API reference, "Profile".

use std::collections::BTreeSet;
use std::fmt;

use domain::{ConnectionId, OrganizationId, ProfileId};
use serde::Deserialize;

use crate::connection::ConnectionType;
use crate::lenient;

#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Wire")]
pub struct Profile {
    pub id: ProfileId,
    pub connection_id: ConnectionId,
    pub connection_type: ConnectionType,
    /// `None` for the OAuth connections of the whole environment.
    pub organization_id: Option<OrganizationId>,
    /// The IdP's own id of the person. Never empty.
    pub idp_id: String,
    /// As the IdP wrote it; empty when it wrote none.
    pub email: String,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub name: Option<String>,
    /// Slugs of `role` and `roles`, sorted, each once.
    pub roles: Vec<String>,
    pub groups: Vec<String>,
}

/// Ids only: `{:?}` ends in logs, and the rest is personal data.
impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Profile")
            .field("id", &self.id)
            .field("connection_id", &self.connection_id)
            .field("organization_id", &self.organization_id)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Wire {
    id: ProfileId,
    connection_id: ConnectionId,
    #[serde(default, deserialize_with = "lenient::or_default")]
    connection_type: ConnectionType,
    organization_id: Option<OrganizationId>,
    idp_id: NotEmpty,
    #[serde(default, deserialize_with = "lenient::or_default")]
    email: String,
    first_name: Option<String>,
    last_name: Option<String>,
    name: Option<String>,
    #[serde(default, deserialize_with = "lenient::slugs")]
    role: Vec<String>,
    #[serde(default, deserialize_with = "lenient::slugs")]
    roles: Vec<String>,
    #[serde(default, deserialize_with = "lenient::names")]
    groups: Vec<String>,
}

/// The key under which a person is known: an empty one would make strangers one person.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct NotEmpty(String);

impl TryFrom<String> for NotEmpty {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() { Err("must not be empty") } else { Ok(Self(text)) }
    }
}

impl From<Wire> for Profile {
    fn from(wire: Wire) -> Self {
        let roles: BTreeSet<String> =
            wire.role.into_iter().chain(wire.roles).filter(|slug| !slug.is_empty()).collect();
        Self {
            id: wire.id,
            connection_id: wire.connection_id,
            connection_type: wire.connection_type,
            organization_id: wire.organization_id,
            idp_id: wire.idp_id.0,
            email: wire.email,
            first_name: wire.first_name,
            last_name: wire.last_name,
            name: wire.name,
            roles: roles.into_iter().collect(),
            groups: wire.groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Profile, serde_json::Error> {
        serde_json::from_value(value)
    }

    #[test]
    fn a_documented_profile_is_read_whole() {
        let profile = read(json!({
            "object": "profile", "id": "prof_01", "connection_id": "conn_01", "connection_type": "OktaSAML",
            "organization_id": "org_01", "idp_id": "00u1", "email": "ada@acme.com", "first_name": "Ada",
            "last_name": "Lovelace", "name": "Ada Lovelace", "role": {"slug": "member"},
            "roles": [{"slug": "member"}, {"slug": "admin"}], "groups": ["Engineers"],
            "custom_attributes": {"job_title": "Countess"}, "raw_attributes": {}, "risk_score": 3
        }))
        .unwrap();
        assert_eq!(profile.connection_type.as_str(), "OktaSAML");
        assert_eq!(profile.organization_id.as_ref().map(OrganizationId::as_str), Some("org_01"));
        assert_eq!((profile.idp_id.as_str(), profile.email.as_str()), ("00u1", "ada@acme.com"));
        assert_eq!(profile.roles, ["admin", "member"]);
        assert_eq!(profile.groups, ["Engineers"]);
        let debug = format!("{profile:?}");
        assert!(!debug.contains("ada") && !debug.contains("Ada") && debug.contains("prof_01"), "{debug}");
    }

    #[test]
    fn all_that_is_optional_may_be_absent_or_null() {
        let least = json!({"id": "prof_01", "connection_id": "conn_01", "idp_id": "1"});
        let profile = read(least).unwrap();
        assert_eq!(profile.organization_id, None);
        assert_eq!((profile.email.as_str(), profile.connection_type.as_str()), ("", ""));
        assert!(profile.roles.is_empty() && profile.groups.is_empty());
        let nulls = json!({
            "id": "prof_01", "connection_id": "conn_01", "idp_id": "1", "connection_type": null,
            "organization_id": null, "email": null, "first_name": null, "last_name": null, "name": null,
            "role": null, "roles": null, "groups": null, "custom_attributes": null, "raw_attributes": null
        });
        assert_eq!(read(nulls).unwrap(), profile);
        let odd = json!({
            "id": "prof_01", "connection_id": "conn_01", "idp_id": "1", "connection_type": "QuantumSAML",
            "role": "owner", "roles": [{"slug": null}, {}, null], "groups": ["a", null, 3, "b"]
        });
        let profile = read(odd).unwrap();
        assert_eq!(profile.connection_type.as_str(), "QuantumSAML");
        assert_eq!(
            (profile.roles, profile.groups),
            (vec!["owner".to_owned()], vec!["a".to_owned(), "b".to_owned()])
        );
    }

    #[test]
    fn one_group_may_come_without_a_list() {
        let one = json!({"id": "prof_01", "connection_id": "conn_01", "idp_id": "1", "groups": "Staff"});
        assert_eq!(read(one).unwrap().groups, ["Staff"]);
    }

    /// R12: the ids that a login is compared with are never guessed.
    #[test]
    fn a_malformed_id_is_an_error_and_never_absent() {
        for bad in [
            json!({"connection_id": "conn_01", "idp_id": "1"}),
            json!({"id": "prof_01", "idp_id": "1"}),
            json!({"id": "prof_01", "connection_id": "conn_01"}),
            json!({"id": "prof_01", "connection_id": "conn_01", "idp_id": ""}),
            json!({"id": "prof_01", "connection_id": "conn_01", "idp_id": null}),
            json!({"id": "user_01", "connection_id": "conn_01", "idp_id": "1"}),
            json!({"id": "prof_01", "connection_id": "conn_01", "idp_id": "1", "organization_id": ""}),
            json!({"id": "prof_01", "connection_id": "conn_01", "idp_id": "1", "organization_id": "acme"}),
            json!({"id": "prof_01", "connection_id": "conn_01", "idp_id": "1", "organization_id": 7}),
        ] {
            assert!(read(bad.clone()).is_err(), "{bad} was accepted");
        }
    }
}
