//! The calls. Each names its endpoint; what they share is in `transport`.

mod directories;
mod events;
mod tenants;
#[cfg(test)]
mod testing;

use std::fmt;

use domain::{Clock, ConnectionId, OrganizationId, ProfileId, Rng};
use net::Deadline;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokens::IssuerKeys;
use url::Url;

use crate::base_url::{BaseUrl, is_confidential};
use crate::connection::Connection;
use crate::credentials::{AccessToken, ApiKey, ClientId};
use crate::error::Error;
use crate::lenient;
use crate::organization::Organization;
use crate::profile::Profile;
use crate::retry::Repeat;
use crate::transport::{Call, Limits, Transport};

pub use directories::{
    Directories, DirectoryEntry, DirectoryUserEntry, DirectoryUsers, GroupEntry, Groups, GroupsOf, UsersOf,
};
pub use events::{EventPage, EventsFrom, EventsQuery};
pub use tenants::{
    CertificateNotice, Connections, DraftDomain, OrganizationDraft, Organizations, PortalIntent, PortalLink,
};

/// WorkOS over HTTP. Holds no secret; clones share one connection pool.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    base: BaseUrl,
    client_id: ClientId,
}

/// What a code was worth (RFC 6749 section 5.1).
#[derive(Debug, Clone)]
pub struct TokenResponse {
    pub profile: Profile,
    /// For [`Client::profile`]; the profile itself is already here. `None` when there is none that could be
    /// used.
    pub access_token: Option<AccessToken>,
}

/// Where the browser ends its session at the IdP. The token inside is short-lived and somebody's: never
/// logged.
#[derive(Clone, PartialEq, Eq)]
pub struct LogoutUrl(Url);

impl LogoutUrl {
    /// Only for the `Location` of a redirect.
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for LogoutUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogoutUrl({}, [redacted])", self.0.host_str().unwrap_or_default())
    }
}

const PAGE: &str = "100";
/// 500 connections of one organization. More is a loop, not a customer.
const MOST_PAGES: usize = 5;

#[derive(Deserialize)]
struct TokenAnswer {
    profile: Profile,
    access_token: Option<String>,
}

#[derive(Deserialize)]
struct ConnectionPage {
    /// Required: an answer without it must not pass for an organization without connections.
    data: Vec<Connection>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    list_metadata: ListMetadata,
}

#[derive(Deserialize)]
struct OrganizationPage {
    /// Any server may answer 200; a list shows that this one is WorkOS.
    #[serde(rename = "data")]
    _data: Vec<serde::de::IgnoredAny>,
}

#[derive(Default, Deserialize)]
struct ListMetadata {
    after: Option<String>,
}

#[derive(Deserialize)]
struct LogoutAnswer {
    logout_url: String,
}

impl Client {
    /// `http` comes from `net::client`: no redirects, no proxy, a connect timeout.
    pub fn new(http: reqwest::Client, base: BaseUrl, client_id: ClientId, clock: Clock, rng: Rng) -> Self {
        Self { transport: Transport { http, clock, rng, limits: Limits::default() }, base, client_id }
    }

    /// `POST /sso/token`: turns the code of a callback into a profile. Sent once: the code is single-use, and
    /// a repeated exchange would turn a lost answer into a refusal. On failure the login starts again.
    ///
    /// # Errors
    /// `invalid_grant` for a code that is unknown, used, expired or of another verifier.
    pub async fn exchange_code(
        &self,
        key: &ApiKey,
        code: &str,
        code_verifier: &str,
        deadline: Deadline,
    ) -> Result<TokenResponse, Error> {
        let body = json!({
            "grant_type": "authorization_code",
            "client_id": self.client_id.as_str(),
            "client_secret": key.expose(),
            "code": code,
            "code_verifier": code_verifier,
        });
        let call = Call {
            operation: "exchange_code",
            method: Method::POST,
            url: self.base.join(&["sso", "token"]),
            // The key is the client secret: it is in the body, and nowhere else.
            bearer: None,
            body: Some(body),
            repeat: Repeat::Once,
        };
        let accept = |answer: TokenAnswer| {
            let access_token = answer.access_token.as_deref().and_then(AccessToken::parse);
            Ok(TokenResponse { profile: answer.profile, access_token })
        };
        self.transport.call(&call, deadline, accept).await
    }

    /// `GET /sso/profile`: the profile again, for as long as the exchange's token lives.
    ///
    /// # Errors
    /// A rejection with status 401 when the token is no longer good.
    pub async fn profile(&self, token: &AccessToken, deadline: Deadline) -> Result<Profile, Error> {
        let url = self.base.join(&["sso", "profile"]);
        self.transport.call(&read("profile", url, token.expose()), deadline, Ok).await
    }

    /// `GET /sso/jwks/{client_id}`: the keys that sign access tokens of this environment. Public: no key is sent.
    /// For whoever verifies tokens: [`crate::Jwks`], which remembers them.
    ///
    /// # Errors
    /// A rejection with status 404 when WorkOS does not know the client.
    pub(crate) async fn jwks(&self, deadline: Deadline) -> Result<IssuerKeys, Error> {
        let call = Call {
            operation: "jwks",
            method: Method::GET,
            url: self.base.join(&["sso", "jwks", self.client_id.as_str()]),
            bearer: None,
            body: None,
            repeat: Repeat::Idempotent,
        };
        let accept = |answer: Value| IssuerKeys::from_jwks(&answer).ok_or("no RS256 key is in the answer");
        self.transport.call(&call, deadline, accept).await
    }

    /// `GET /organizations/{id}`.
    ///
    /// # Errors
    /// A rejection with status 404 when there is no such organization.
    pub async fn organization(
        &self,
        key: &ApiKey,
        id: &OrganizationId,
        deadline: Deadline,
    ) -> Result<Organization, Error> {
        let url = self.base.join(&["organizations", id.as_str()]);
        let call = read("organization", url, key.expose());
        let accept = |organization: Organization| same(organization.id == *id, organization);
        self.transport.call(&call, deadline, accept).await
    }

    /// `GET /organizations?limit=1`: whether the key opens an environment at all. Changes nothing there.
    ///
    /// # Errors
    /// A rejection with status 401 when WorkOS does not know the key.
    pub async fn check_key(&self, key: &ApiKey, deadline: Deadline) -> Result<(), Error> {
        let mut url = self.base.join(&["organizations"]);
        url.query_pairs_mut().append_pair("limit", "1");
        let accept = |_: OrganizationPage| Ok(());
        self.transport.call(&read("check_key", url, key.expose()), deadline, accept).await
    }

    /// `GET /connections/{id}`.
    ///
    /// # Errors
    /// A rejection with status 404 when there is no such connection.
    pub async fn connection(
        &self,
        key: &ApiKey,
        id: &ConnectionId,
        deadline: Deadline,
    ) -> Result<Connection, Error> {
        let url = self.base.join(&["connections", id.as_str()]);
        let call = read("connection", url, key.expose());
        let accept = |connection: Connection| same(connection.id == *id, connection);
        self.transport.call(&call, deadline, accept).await
    }

    /// `GET /connections?organization_id=`: all connections of an organization, page by page.
    ///
    /// # Errors
    /// More than 500 connections are [`crate::Kind::Malformed`]: a list that is cut short would pass for
    /// whole.
    pub async fn connections(
        &self,
        key: &ApiKey,
        organization: &OrganizationId,
        deadline: Deadline,
    ) -> Result<Vec<Connection>, Error> {
        let mut all = Vec::new();
        let mut after: Option<String> = None;
        for page in 1.. {
            let mut url = self.base.join(&["connections"]);
            url.query_pairs_mut()
                .append_pair("organization_id", organization.as_str())
                .append_pair("limit", PAGE)
                .extend_pairs(after.iter().map(|after| ("after", after)));
            let accept = |answer: ConnectionPage| {
                let next = answer.list_metadata.after.filter(|_| !answer.data.is_empty());
                if next.is_some() && page == MOST_PAGES {
                    Err("too many pages")
                } else {
                    Ok((answer.data, next))
                }
            };
            let call = read("connections", url, key.expose());
            let (data, next) = self.transport.call(&call, deadline, accept).await?;
            // A server that does not know the filter ignores it: another organization's connection is never
            // ours.
            let foreign = |of: &Option<OrganizationId>| of.as_ref().is_some_and(|id| id != organization);
            all.extend(data.into_iter().filter(|connection| !foreign(&connection.organization_id)));
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// `POST /sso/logout/authorize`: where the browser ends the IdP's session. Exists for OpenID Connect
    /// connections that support it; the local session must be dead before this is asked.
    ///
    /// # Errors
    /// A rejection with code `connection_invalid` when the connection cannot do it. A URL that is not https
    /// (or http on loopback) is [`crate::Kind::Malformed`].
    pub async fn logout_authorize(
        &self,
        key: &ApiKey,
        profile: &ProfileId,
        deadline: Deadline,
    ) -> Result<LogoutUrl, Error> {
        let call = Call {
            operation: "logout_authorize",
            method: Method::POST,
            url: self.base.join(&["sso", "logout", "authorize"]),
            bearer: Some(key.expose()),
            body: Some(json!({ "profile_id": profile.as_str() })),
            repeat: Repeat::Once,
        };
        let accept = |answer: LogoutAnswer| match Url::parse(&answer.logout_url) {
            Ok(url) if is_confidential(&url) => Ok(LogoutUrl(url)),
            _ => Err("the logout URL is not https"),
        };
        self.transport.call(&call, deadline, accept).await
    }
}

fn read<'a>(operation: &'static str, url: Url, bearer: &'a str) -> Call<'a> {
    Call { operation, method: Method::GET, url, bearer: Some(bearer), body: None, repeat: Repeat::Idempotent }
}

/// An answer about something else than was asked is no answer.
fn same<T>(same: bool, answer: T) -> Result<T, &'static str> {
    if same { Ok(answer) } else { Err("the answer is about something else") }
}

#[cfg(test)]
mod tests;
