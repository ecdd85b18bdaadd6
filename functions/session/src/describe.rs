//! `GET /auth/session`: who is signed in, for the app's front end and back end.
//!
//! Answers JSON and a fresh session token in the cookie; the token is derived from the record each time, so there is
//! no refresh token to race or to leak. With `return_to` it is a stopover for server-rendered apps: 303 back with
//! a fresh cookie, or to the login. Infrastructure trouble is 503 and leaves the cookie alone (lesson: an outage
//! must not sign everybody out).

use std::sync::Arc;

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::directory::Attributes;
use domain::session::Ended;
use domain::{OrganizationId, SessionId, Timestamp, UserId};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use store::SessionFacts;
use tokens::{KeyRing, SessionClaims};
use url::form_urlencoded;
use web::Ctx;
use web::cookies::{RequestCookies, SetCookie};
use web::pages::{BadLink, Link, Page};
use web::problem::Problem;

use crate::Deps;
use crate::current::Current;
use crate::trouble::Trouble;

pub(crate) const SESSION: &str = "/auth/session";

/// The answer. Times are RFC 3339 in UTC.
#[derive(Serialize)]
struct Description {
    user: DescribedUser,
    organization: DescribedOrganization,
    roles: Vec<String>,
    session: DescribedSession,
    token: DescribedToken,
}

#[derive(Serialize)]
struct DescribedUser {
    id: UserId,
    email: String,
    name: String,
    first_name: Option<String>,
    last_name: Option<String>,
    /// What the tenant's map keeps of a directory's custom attributes.
    attributes: Attributes,
}

#[derive(Serialize)]
struct DescribedOrganization {
    id: OrganizationId,
    /// For a "Connected to …" banner.
    name: String,
}

#[derive(Serialize)]
struct DescribedSession {
    id: SessionId,
    amr: Vec<String>,
    auth_time: String,
    created_at: String,
    last_seen_at: String,
    /// When it ends if nobody comes back.
    idle_expires_at: String,
    /// When it ends in any case.
    expires_at: String,
}

#[derive(Serialize)]
struct DescribedToken {
    expires_at: String,
}

pub(crate) async fn describe(
    State(deps): State<Deps>,
    ctx: Ctx,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    // HEAD asks and must not keep a session alive (R13).
    if method != Method::GET {
        return StatusCode::NO_CONTENT.into_response();
    }
    let return_to = form_urlencoded::parse(query.unwrap_or_default().as_bytes())
        .find_map(|(name, value)| (name == "return_to").then(|| value.into_owned()));
    let outcome = match return_to {
        Some(return_to) => stopover(&deps, &ctx, &headers, &return_to).await,
        None => answer(&deps, &ctx, &headers).await,
    };
    outcome.unwrap_or_else(|trouble| trouble.respond(&deps, &ctx))
}

async fn answer(deps: &Deps, ctx: &Ctx, headers: &HeaderMap) -> Result<Response, Trouble> {
    let now = deps.shared.clock().now();
    let ended = match deps.current(&RequestCookies::from_headers(headers), now).await? {
        Current::Live(facts) => {
            let (tenant, cookie) =
                tokio::join!(deps.store.tenant(&facts.session.organization), deps.keep_alive(&facts));
            if let Some(cookie) = cookie? {
                let organization = tenant?.map(|record| record.tenant.name).unwrap_or_default();
                return Ok((cookie, Json(description(*facts, organization, deps))).into_response());
            }
            Some(Ended::Gone)
        }
        Current::Over(ended) => Some(ended),
        Current::Nobody => None,
    };
    let (code, message) = match ended {
        Some(ended) => (ended.code(), format!("Nobody is signed in: {ended}.")),
        None => ("not_signed_in", "Nobody is signed in.".to_owned()),
    };
    let problem = Problem::new(StatusCode::UNAUTHORIZED, code, message).respond(ctx);
    Ok(match ended {
        Some(_) => (deps.settings.cookie.clear(), problem).into_response(),
        None => problem,
    })
}

/// Sends the browser back with a fresh cookie; without a session, to the login and from there back.
async fn stopover(deps: &Deps, ctx: &Ctx, headers: &HeaderMap, return_to: &str) -> Result<Response, Trouble> {
    let Ok(url) = deps.settings.returns.check(return_to) else {
        return Ok(Page::BadLink { reason: BadLink::ReturnUrl, start: None }.respond(deps.shared.site(), ctx));
    };
    let now = deps.shared.clock().now();
    let current = deps.current(&RequestCookies::from_headers(headers), now).await?;
    if let Current::Live(facts) = &current
        && let Some(cookie) = deps.keep_alive(facts).await?
    {
        return Ok((cookie, Redirect::to(url.as_str())).into_response());
    }
    let login = Link::path("/login").with("return_to", url.as_str());
    let login = Redirect::to(login.as_str());
    Ok(match current {
        Current::Nobody => login.into_response(),
        Current::Over(_) | Current::Live(_) => (deps.settings.cookie.clear(), login).into_response(),
    })
}

impl Deps {
    /// Notes the activity and mints a token for the rest of the session. `None` when the session ended meanwhile.
    async fn keep_alive(&self, facts: &SessionFacts) -> Result<Option<SetCookie>, Trouble> {
        let now = self.shared.clock().now();
        // Before the write: activity that brings no token must not count.
        let ring = self.ring(now).await?;
        let claims = SessionClaims::of(&facts.session, &self.settings.expected, now);
        let token = ring.sign(&claims).map_err(|error| Trouble::Token(error.to_string()))?;
        let life = facts.session.expires_at.since(now);
        let cookie = self
            .settings
            .cookie
            .set(token.expose(), life)
            .map_err(|error| Trouble::Token(error.to_string()))?;
        Ok(self.store.touch_session(&facts.session, now).await?.then_some(cookie))
    }

    /// A ring whose key verifiers know. In an emergency the published keys are replaced while older rings are still
    /// remembered: what those sign nobody accepts, and the token would be worth nothing.
    async fn ring(&self, now: Timestamp) -> Result<Arc<KeyRing>, Trouble> {
        let ring = self.ring.get().await?;
        if self.keys.publishes(&ring.active(), now).await? {
            return Ok(ring);
        }
        let ring = self.ring.refresh().await?;
        if self.keys.publishes(&ring.active(), now).await? {
            Ok(ring)
        } else {
            Err(Trouble::Token("the key that signs is not published".to_owned()))
        }
    }
}

fn description(facts: SessionFacts, organization: String, deps: &Deps) -> Description {
    let now = deps.shared.clock().now();
    let SessionFacts { session, user, .. } = facts;
    let seen = domain::Session { last_seen_at: now, ..session };
    Description {
        user: DescribedUser {
            name: user.display_name(),
            email: user.address(),
            id: user.id,
            first_name: user.first_name,
            last_name: user.last_name,
            attributes: user.attributes,
        },
        organization: DescribedOrganization { id: seen.organization.clone(), name: organization },
        session: DescribedSession {
            auth_time: seen.auth_time.rfc3339(),
            created_at: seen.created_at.rfc3339(),
            last_seen_at: seen.last_seen_at.rfc3339(),
            idle_expires_at: seen.idle_ends_at().rfc3339(),
            expires_at: seen.expires_at.rfc3339(),
            id: seen.id,
            amr: seen.amr,
        },
        roles: seen.roles,
        token: DescribedToken { expires_at: now.plus(deps.settings.expected.token_life).rfc3339() },
    }
}
