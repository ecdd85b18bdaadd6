//! A pending login: what was asked for when the browser left for the IdP, and what its return must match.
//!
//! Kept on the server under the hash of `state`, bound to one browser by the hash of a cookie secret, used
//! once, dead after ten minutes (R02-R04). The state itself and the cookie secret are never stored.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, as_seconds};
use crate::ids::{ConnectionId, OrganizationId};
use crate::login_trace::LoginTrace;

/// How long a login may take, from `/login` to `/auth/callback`. WorkOS's codes live as long.
pub const LOGIN_LIFETIME: Duration = Duration::from_secs(600);

/// Which IdP a login goes to. Exactly one, decided before the browser leaves (R16).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selector {
    /// The only connection of an organization.
    Organization(OrganizationId),
    /// One connection.
    Connection(ConnectionId),
    /// An OAuth provider of the whole WorkOS environment, to sign in to one organization. The profile that
    /// comes back names no organization, so the tenant is the one asked for here, never one found by e-mail.
    Provider { provider: Provider, organization: OrganizationId },
}

/// Name of an environment-level OAuth provider, as `GET /sso/authorize` spells it: `GoogleOAuth`.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Provider(String);

/// The text is not a selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelector {
    #[error("exactly one of organization, connection or provider is needed")]
    NotExactlyOne,
    #[error("a provider needs the organization to sign in to")]
    ProviderWithoutOrganization,
    #[error("the organization id is not valid")]
    Organization,
    #[error("the connection id is not valid")]
    Connection,
    #[error("the provider is not an OAuth provider's name")]
    Provider,
}

impl Provider {
    /// # Errors
    /// When the text is not a name like `GoogleOAuth`. `authkit` is not a provider of `/sso/authorize`.
    pub fn parse(text: &str) -> Result<Self, InvalidSelector> {
        let word = text.len() <= 40 && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if word && text.len() > 5 && text.ends_with("OAuth") {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSelector::Provider)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As people call it: `Google`.
    pub fn name(&self) -> &str {
        self.0.strip_suffix("OAuth").unwrap_or(&self.0)
    }
}

impl TryFrom<String> for Provider {
    type Error = InvalidSelector;
    fn try_from(text: String) -> Result<Self, InvalidSelector> {
        Self::parse(&text)
    }
}

impl From<Provider> for String {
    fn from(provider: Provider) -> Self {
        provider.0
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Provider {
    type Err = InvalidSelector;
    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        Self::parse(text)
    }
}

impl Selector {
    /// Builds the selector from the three parameters of a login URL.
    ///
    /// # Errors
    /// When none or several are given, or one is not well formed.
    pub fn from_parameters(
        organization: Option<&str>,
        connection: Option<&str>,
        provider: Option<&str>,
    ) -> Result<Self, InvalidSelector> {
        let parse_organization = |id| OrganizationId::parse(id).map_err(|_| InvalidSelector::Organization);
        match (organization, connection, provider) {
            (Some(id), None, None) => Ok(Self::Organization(parse_organization(id)?)),
            (None, Some(id), None) => {
                ConnectionId::parse(id).map(Self::Connection).map_err(|_| InvalidSelector::Connection)
            }
            (Some(id), None, Some(name)) => {
                Ok(Self::Provider { provider: Provider::parse(name)?, organization: parse_organization(id)? })
            }
            (None, None, Some(_)) => Err(InvalidSelector::ProviderWithoutOrganization),
            (None, None, None) | (_, Some(_), _) => Err(InvalidSelector::NotExactlyOne),
        }
    }

    /// The organization, where the selector names it.
    pub fn organization(&self) -> Option<&OrganizationId> {
        match self {
            Self::Organization(id) | Self::Provider { organization: id, .. } => Some(id),
            Self::Connection(_) => None,
        }
    }

    /// The query string that starts a login with this selector again.
    pub fn to_query(&self) -> String {
        match self {
            Self::Organization(id) => format!("organization={id}"),
            Self::Connection(id) => format!("connection={id}"),
            Self::Provider { provider, organization } => {
                format!("provider={}&organization={organization}", provider.as_str())
            }
        }
    }
}

/// Reads the form of [`Selector::to_query`]: the setting `DEFAULT_SELECTOR`.
impl FromStr for Selector {
    type Err = InvalidSelector;
    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let (mut organization, mut connection, mut provider) = (None, None, None);
        for pair in text.split('&') {
            let (name, value) = pair.split_once('=').ok_or(InvalidSelector::NotExactlyOne)?;
            let slot = match name {
                "organization" => &mut organization,
                "connection" => &mut connection,
                "provider" => &mut provider,
                _ => return Err(InvalidSelector::NotExactlyOne),
            };
            if slot.replace(value).is_some() {
                return Err(InvalidSelector::NotExactlyOne);
            }
        }
        Self::from_parameters(organization, connection, provider)
    }
}

/// A pending login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    pub selector: Selector,
    /// The tenant that it is for, where that was known when it began: nobody comes back as somebody of another (R12).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    /// Where the person goes afterwards; checked again when it is used (R09).
    pub return_to: String,
    pub verifier: PkceVerifier,
    /// SHA-256 of the secret in the flow cookie.
    pub browser_hash: String,
    pub started_at: Timestamp,
    /// Seconds, because DynamoDB's TTL reads it; checked in code as well.
    #[serde(with = "as_seconds")]
    pub expires_at: Timestamp,
    /// What is told of this login afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<LoginTrace>,
}

/// The PKCE code verifier (RFC 7636). A secret until the exchange: `Debug` does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PkceVerifier(String);

impl PkceVerifier {
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The S256 challenge that goes with the authorization request.
    pub fn challenge(&self) -> String {
        crate::rng::sha256(&self.0)
    }

    /// For the token request only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PkceVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[verifier]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R16: one selector or an explicit error, never the first of several.
    #[test]
    fn a_selector_is_exactly_one_of_three() {
        let (org, conn) = (Some("org_1"), Some("conn_1"));
        let google = Some("GoogleOAuth");
        type Case = (
            Option<&'static str>,
            Option<&'static str>,
            Option<&'static str>,
            Result<&'static str, InvalidSelector>,
        );
        let cases: [Case; 12] = [
            (org, None, None, Ok("organization=org_1")),
            (None, conn, None, Ok("connection=conn_1")),
            (org, None, google, Ok("provider=GoogleOAuth&organization=org_1")),
            (None, None, None, Err(InvalidSelector::NotExactlyOne)),
            (org, conn, None, Err(InvalidSelector::NotExactlyOne)),
            (None, conn, google, Err(InvalidSelector::NotExactlyOne)),
            (org, conn, google, Err(InvalidSelector::NotExactlyOne)),
            (None, None, google, Err(InvalidSelector::ProviderWithoutOrganization)),
            (org, None, Some("authkit"), Err(InvalidSelector::Provider)),
            (org, None, Some("OAuth"), Err(InvalidSelector::Provider)),
            (Some("acme"), None, None, Err(InvalidSelector::Organization)),
            (None, Some("org_1"), None, Err(InvalidSelector::Connection)),
        ];
        for (organization, connection, provider, expected) in cases {
            let selector = Selector::from_parameters(organization, connection, provider);
            assert_eq!(selector.clone().map(|s| s.to_query()), expected.map(str::to_owned));
            if let Ok(selector) = selector {
                assert_eq!(selector.to_query().parse(), Ok(selector));
            }
        }
        assert!("organization=org_1&organization=org_2".parse::<Selector>().is_err());
        assert!("organization=org_1&next=x".parse::<Selector>().is_err());
    }

    #[test]
    fn the_verifier_does_not_show_in_debug_output() {
        assert_eq!(format!("{:?}", PkceVerifier::new("secret".into())), "[verifier]");
    }
}
