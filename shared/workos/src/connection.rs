//! A connection: one IdP of one organization. `GET /connections/{id}`, `GET /connections`.
//!
//! Its state is the domain's own type, because a login is refused by it. Its type is an open list: WorkOS
//! adds IdPs without notice. Source: WorkOS API reference, "Connections".

use std::fmt;

use domain::tenant::ConnectionState;
use domain::{ConnectionId, OrganizationId};
use serde::{Deserialize, Deserializer};

use crate::lenient;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Connection {
    pub id: ConnectionId,
    /// `None` for the OAuth connections of the whole environment.
    pub organization_id: Option<OrganizationId>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub connection_type: ConnectionType,
    /// For people. Empty when WorkOS names none.
    #[serde(default, deserialize_with = "lenient::or_default")]
    pub name: String,
    /// Missing is [`ConnectionState::Unknown`] with an empty text.
    #[serde(default = "no_state", deserialize_with = "state")]
    pub state: ConnectionState,
}

/// `OktaSAML`, `EntraIdOIDC`, `GoogleOAuth`, …: open. Empty when an answer names none.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ConnectionType(String);

impl ConnectionType {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Single logout exists only for OpenID Connect.
    pub fn is_oidc(&self) -> bool {
        self.0.to_ascii_lowercase().ends_with("oidc")
    }
}

impl From<String> for ConnectionType {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<ConnectionType> for String {
    fn from(connection_type: ConnectionType) -> Self {
        connection_type.0
    }
}

impl fmt::Debug for ConnectionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn no_state() -> ConnectionState {
    ConnectionState::Unknown(String::new())
}

fn state<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ConnectionState, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(no_state))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_states_and_types_are_kept() {
        let read = |value| serde_json::from_value::<Connection>(value).unwrap();
        let known = read(json!({
            "object": "connection", "id": "conn_01", "organization_id": "org_01", "connection_type": "LoginGovOidc",
            "name": "Login.gov", "state": "validating", "status": "linked", "domains": []
        }));
        assert_eq!(known.state, ConnectionState::Validating);
        assert!(known.connection_type.is_oidc());
        let new = read(json!({"id": "conn_01", "connection_type": "QuantumSAML", "state": "entangled"}));
        assert_eq!(new.state, ConnectionState::Unknown("entangled".to_owned()));
        assert_eq!(new.connection_type.as_str(), "QuantumSAML");
        assert!(!new.connection_type.is_oidc());
        assert_eq!(format!("{:?}", new.connection_type), "QuantumSAML");
        assert_eq!(String::from(new.connection_type.clone()), "QuantumSAML");
        assert_eq!(ConnectionType::from("QuantumSAML".to_owned()), new.connection_type);
        let bare = read(json!({"id": "conn_01", "state": null, "name": null, "connection_type": null}));
        assert_eq!(bare.state, ConnectionState::Unknown(String::new()));
        assert!(!bare.state.usable());
    }
}
