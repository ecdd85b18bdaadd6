//! Access tokens that WorkOS signed: whose they are, and whether they are for this environment.
//!
//! The signature is checked by the client's own JWKS, and that is most of the proof. The issuer must be on a list,
//! because it has several spellings and changes with a custom domain. A claim `client_id` names this environment or,
//! in a token of a machine, that machine's application; then `aud` must name this environment. `aud` is not asked for
//! otherwise: session tokens of AuthKit need not have it.
//!
//! Never a session of ours: nothing here can be revoked by us, and its user ids only look like ours. Source: WorkOS
//! documentation, "Session tokens" and "Connect: access token claims".

use std::fmt;
use std::str::FromStr;

use domain::{OrganizationId, Timestamp};
use net::Deadline;
use tokens::{Payload, TokenError};
use url::Url;

use crate::base_url::{BaseUrl, is_confidential};
use crate::client::TokenResponse;
use crate::credentials::ClientId;
use crate::error::Error;
use crate::jwks::Jwks;

/// What `iss` may say, to the letter: a slash more is another issuer.
#[derive(Clone, PartialEq, Eq)]
pub struct Issuer(String);

/// The text is no issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an issuer is an https URL without query and fragment, spelt as the tokens have it")]
pub struct InvalidIssuer;

impl FromStr for Issuer {
    type Err = InvalidIssuer;

    fn from_str(text: &str) -> Result<Self, InvalidIssuer> {
        let url = Url::parse(text).map_err(|_| InvalidIssuer)?;
        let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if is_confidential(&url) && plain { Ok(Self(text.to_owned())) } else { Err(InvalidIssuer) }
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Issuer {
    /// The spellings seen for an environment at this base URL: its origin, with and without a slash, and the form of
    /// AuthKit with the client id in the path.
    pub fn usual(base: &BaseUrl, client_id: &ClientId) -> Vec<Self> {
        let origin = base.as_url().origin().ascii_serialization();
        let authkit = format!("{origin}/user_management/{}", client_id.as_str());
        vec![Self(origin.clone()), Self(format!("{origin}/")), Self(authkit)]
    }
}

/// Verifies access tokens of one environment. Clones share the keys.
#[derive(Clone, Debug)]
pub struct AccessTokens {
    keys: Jwks,
    issuers: Vec<Issuer>,
    client_id: ClientId,
}

/// What a verified token says. Ids are WorkOS's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// A user, an application, or the profile of one login.
    pub subject: String,
    pub organization: Option<OrganizationId>,
    /// The session at WorkOS.
    pub session: Option<String>,
    /// The client that the token was made for, where it says so.
    pub client: Option<String>,
    pub roles: Vec<String>,
    /// Granted scopes, between spaces.
    pub scope: Option<String>,
}

/// Who may present a token to an API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// A person in an AuthKit session of this environment.
    Session,
    /// A machine-to-machine application, for its organization.
    Machine,
}

/// Why a token is not taken. Holds nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessTokenError {
    #[error("the keys cannot be fetched: {0}")]
    Keys(#[from] Error),
    #[error("the token was refused: {0}")]
    Token(#[from] TokenError),
    #[error("made for another client")]
    Client,
    #[error("not the token of this login")]
    Profile,
    #[error("there is no token")]
    Missing,
}

impl AccessTokens {
    pub fn new(keys: Jwks, issuers: Vec<Issuer>, client_id: ClientId) -> Self {
        Self { keys, issuers, client_id }
    }

    /// The claims of a token that this environment's WorkOS signed.
    ///
    /// # Errors
    /// With the first check that failed.
    pub async fn verify(
        &self,
        token: &str,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<AccessClaims, AccessTokenError> {
        let keys = self.keys.get(now, deadline).await?;
        let payload = match keys.verify(token, now) {
            Err(TokenError::UnknownKey) => self.keys.again(now, deadline).await?.verify(token, now)?,
            verified => verified?,
        };
        let issuer = payload.text("iss")?;
        if !self.issuers.iter().any(|known| known.0 == issuer) {
            return Err(TokenError::Issuer.into());
        }
        let claims = AccessClaims::read(&payload)?;
        let ours = |client: &str| client == self.client_id.as_str();
        match &claims.client {
            Some(client) if !ours(client) && !audience(&payload)?.iter().any(|one| ours(one)) => {
                Err(AccessTokenError::Client)
            }
            _ => Ok(claims),
        }
    }

    /// Who a verified token lets in. `None` for what must not act as a person or a machine: the token of one login's
    /// profile, and a user's token in the hands of another application, whose scopes nobody here would check.
    pub fn bearer(&self, claims: &AccessClaims) -> Option<Bearer> {
        let AccessClaims { subject, session, client, .. } = claims;
        let client = client.as_deref();
        if client.is_none_or(|client| client == self.client_id.as_str()) && session.is_some() {
            Some(Bearer::Session)
        } else if ClientId::parse(subject).is_ok() && client.is_none_or(|client| client == subject) {
            Some(Bearer::Machine)
        } else {
            None
        }
    }

    /// Verifies the token that came with the profile of a code exchange. Where it names a profile it must be this one.
    ///
    /// # Errors
    /// With the first check that failed.
    pub async fn verify_exchange(
        &self,
        answer: &TokenResponse,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<(), AccessTokenError> {
        let token = answer.access_token.as_ref().ok_or(AccessTokenError::Missing)?;
        let claims = self.verify(token.expose(), now, deadline).await?;
        let names_profile = claims.subject.starts_with("prof_");
        if names_profile && claims.subject != answer.profile.id.as_str() {
            return Err(AccessTokenError::Profile);
        }
        Ok(())
    }
}

impl AccessClaims {
    fn read(payload: &Payload) -> Result<Self, TokenError> {
        let optional = |name| match payload.is_silent(name) {
            true => Ok(None),
            false => payload.text(name).map(|text| Some(text.to_owned())),
        };
        let roles = match (payload.is_silent("roles"), optional("role")?) {
            (false, _) => payload.words("roles")?,
            (true, role) => role.into_iter().collect(),
        };
        Ok(Self {
            subject: payload.text("sub")?.to_owned(),
            organization: if payload.is_silent("org_id") { None } else { Some(payload.id("org_id")?) },
            session: optional("sid")?,
            client: optional("client_id")?,
            roles,
            scope: optional("scope")?,
        })
    }
}

/// One audience or several (RFC 7519 section 4.1.3).
fn audience(payload: &Payload) -> Result<Vec<String>, TokenError> {
    if payload.is_silent("aud") {
        return Ok(Vec::new());
    }
    payload.text("aud").map(|one| vec![one.to_owned()]).or_else(|_| payload.words("aud"))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod tests;
