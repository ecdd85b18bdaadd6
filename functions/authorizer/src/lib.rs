//! The authorizer: whether a request to the adopter's own HTTP API comes from somebody who is signed in.
//!
//! For API Gateway's HTTP APIs, payload 2.0, simple response. It takes the session cookie or a Bearer token. Strict
//! mode reads the session, its user and its tenant with strong consistency, so what was ended a moment ago is denied;
//! signature mode does no I/O but for the public keys, and a revoked session lives until its token expires. It fails
//! closed: whatever cannot be read is a denial (R39). Its init phase makes no call.
//!
//! Where a setting says so, it also lets tokens in that WorkOS signed (`accepted`).

mod accepted;
mod event;

use std::sync::Arc;

use domain::session::Ended;
use domain::{OrganizationId, SessionId, Timestamp, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use store::{KeyCache, Store, StoreError, Tables};
use tokens::{Expected, Expiry, PublicKeys, SessionClaims, TokenError};
use web::config::{ConfigErrors, SessionSettings};
use web::cookies::{Presented, SessionCookie};
use web::{Platform, Reader, Site, Vars};
use workos::{AccessTokenError, AccessTokens};

pub use accepted::WorkosIdentity;
pub use event::Event;

/// How much a verification costs and proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The session record decides.
    Strict,
    /// The token alone decides.
    Signature,
}

/// The text is no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: strict, signature")]
pub struct UnknownMode;

impl std::str::FromStr for Mode {
    type Err = UnknownMode;
    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "strict" => Ok(Self::Strict),
            "signature" => Ok(Self::Signature),
            _ => Err(UnknownMode),
        }
    }
}

/// Everything a decision needs. Cheap to clone.
#[derive(Clone)]
pub struct Deps {
    store: Store,
    keys: KeyCache,
    clock: domain::Clock,
    settings: Arc<Settings>,
}

struct Settings {
    mode: Mode,
    cookie: SessionCookie,
    expected: Expected,
    accepted: Option<AccessTokens>,
}

impl Deps {
    /// # Errors
    /// With every problem of the settings.
    pub fn new(vars: &Vars, platform: &Platform) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(vars);
        let site = Site::read(&mut reader);
        let session = SessionSettings::read(&mut reader, site.as_ref());
        let identity = reader.required("IDENTITY_TABLE");
        let mode = reader.parsed_or("AUTHORIZER_MODE", Mode::Strict);
        let accepted = accepted::read(&mut reader, platform);
        let complete = || {
            let (site, session) = (site?, session?);
            // The authorizer has no business in the ephemeral table, and no right to it.
            let tables = Tables { identity: identity?, ephemeral: String::new() };
            let store = Store::new(&platform.aws, tables, platform.rng.clone());
            Some(Self {
                keys: KeyCache::new(store.clone()),
                store,
                clock: platform.clock.clone(),
                settings: Arc::new(Settings {
                    mode,
                    accepted,
                    cookie: SessionCookie::new(session.cookie),
                    expected: Expected {
                        issuer: site.public_url.to_string(),
                        audience: session.audience,
                        token_life: session.token_life,
                        longest_session: session.absolute,
                    },
                }),
            })
        };
        let deps = complete();
        reader.finish(deps)
    }
}

/// Why a request is denied.
#[derive(Debug, thiserror::Error)]
pub enum Denial {
    #[error("the request carries no session")]
    NoToken,
    #[error("the token was refused: {0}")]
    Token(#[from] TokenError),
    #[error("the session is over: {0}")]
    Ended(#[from] Ended),
    #[error("the session cannot be checked: {0}")]
    Store(#[from] StoreError),
    #[error("a token of WorkOS was not taken: {0}")]
    Workos(#[from] AccessTokenError),
    #[error("a token of WorkOS is neither a session's nor a machine's")]
    NotABearer,
}

impl Denial {
    /// Stable word for logs and for pages that say why.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoToken => "no_session",
            Self::Token(TokenError::Revoked) => Ended::EnvironmentRevoked.code(),
            Self::Token(_) | Self::NotABearer => "token_refused",
            Self::Ended(ended) => ended.code(),
            Self::Store(_) | Self::Workos(AccessTokenError::Keys(_)) => "unavailable",
            Self::Workos(_) => "token_refused",
        }
    }

    /// Whether something behind us is broken: an error in the log.
    const fn is_trouble(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Workos(AccessTokenError::Keys(_)))
    }
}

/// Who is let through; what the API behind reads as `requestContext.authorizer.lambda`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Caller {
    /// Somebody who signed in here.
    Session(Identity),
    /// Somebody whom WorkOS vouches for.
    Workos(WorkosIdentity),
}

/// The session and its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Identity {
    pub sub: UserId,
    pub org: OrganizationId,
    pub sid: SessionId,
    pub roles: Vec<String>,
    pub amr: Vec<String>,
    pub auth_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa_time: Option<i64>,
}

/// The verdict on one request.
#[derive(Debug)]
pub struct Decision(pub Result<Caller, Denial>);

/// The simple response of payload 2.0. `isAuthorized` is a real boolean: text would count as true (R38).
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Response {
    #[serde(rename = "isAuthorized")]
    is_authorized: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Caller>,
}

impl Decision {
    pub fn into_response(self) -> Response {
        match self.0 {
            Ok(caller) => Response { is_authorized: true, context: Some(caller) },
            Err(_) => Response { is_authorized: false, context: None },
        }
    }
}

/// Decides on one request. Never fails: what goes wrong is a denial.
pub async fn authorize(deps: &Deps, event: &Event) -> Decision {
    let decided = Box::pin(decide(deps, event)).await;
    match &decided {
        Ok(_) => {}
        Err(error) if error.is_trouble() => tracing::error!(denial.reason = error.code(), "denied: {error}"),
        Err(error) => tracing::info!(denial.reason = error.code(), "denied: {error}"),
    }
    Decision(decided)
}

async fn decide(deps: &Deps, event: &Event) -> Result<Caller, Denial> {
    let now = deps.clock.now();
    // A Bearer token that is wrong is not made good by a cookie.
    let Some(token) = event.bearer() else {
        let token = cookie(deps, event).ok_or(Denial::NoToken)?;
        return Ok(Caller::Session(session(deps, &token, now).await?));
    };
    match &deps.settings.accepted {
        Some(accepted) if !tokens::claims_to_be_session(token) => {
            Ok(Caller::Workos(accepted::identify(accepted, token, now).await?))
        }
        _ => Ok(Caller::Session(session(deps, &token.into(), now).await?)),
    }
}

fn cookie(deps: &Deps, event: &Event) -> Option<SecretString> {
    match deps.settings.cookie.read(&event.cookies()) {
        Presented::Token(token) => Some(token),
        Presented::Nothing | Presented::Undecodable => None,
    }
}

async fn session(deps: &Deps, token: &SecretString, now: Timestamp) -> Result<Identity, Denial> {
    let expiry = match deps.settings.mode {
        Mode::Strict => Expiry::Waived,
        Mode::Signature => Expiry::Enforced,
    };
    let keys = deps.keys.get(now).await?;
    let verify =
        |keys: &PublicKeys| tokens::verify(token.expose_secret(), keys, &deps.settings.expected, now, expiry);
    let (claims, keys) = match verify(&keys) {
        // Signed with a key younger than what is remembered here, or made up: asked for once per cooldown (R33).
        Err(TokenError::UnknownKey) => {
            let keys = deps.keys.again(now).await?;
            (verify(&keys)?, keys)
        }
        verified => (verified?, keys),
    };
    match deps.settings.mode {
        Mode::Signature => Ok(Identity::from(claims)),
        Mode::Strict => {
            let facts =
                deps.store.session(&claims.org, &claims.sub, &claims.sid).await?.ok_or(Ended::Gone)?;
            facts.check(keys.sessions_not_before, now)?;
            // Roles as the record has them now, not as the token had them.
            Ok(Identity { roles: facts.session.roles, ..Identity::from(claims) })
        }
    }
}

impl From<SessionClaims> for Identity {
    fn from(claims: SessionClaims) -> Self {
        let SessionClaims { sub, org, sid, roles, amr, auth_time, mfa_time, .. } = claims;
        Self { sub, org, sid, roles, amr, auth_time, mfa_time }
    }
}
