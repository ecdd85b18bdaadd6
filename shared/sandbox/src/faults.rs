//! Faults on the wire, by path prefix: what a network, a rate limiter or a broken upstream does to a client.
//!
//! They sit outside the endpoints, so every endpoint has them all. `cut` and `malformed` let the endpoint do its
//! work and spoil the answer: a code is then spent, and a client that repeats the exchange finds out.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::Frame;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::log::Arrival;
use crate::model::World;
use crate::profile::Profile;
use crate::state::Sandbox;

const DEFAULT_DELAY_MS: u64 = 2_000;
const MAX_DELAY_MS: u64 = 120_000;
const DEFAULT_RETRY_AFTER: u64 = 2;
const MAX_RETRY_AFTER: u64 = 86_400;

/// Where faults can be: everything but the control API and the home page.
pub(crate) const PLACES: [&str; 13] = [
    "/sso/authorize",
    "/sso/token",
    "/sso/profile",
    "/sso/jwks",
    "/sso/logout",
    "/organizations",
    "/organization_domains",
    "/connections",
    "/portal",
    "/events",
    "/directories",
    "/directory_users",
    "/directory_groups",
];
/// Where an answer holds a profile.
const PROFILE_PLACES: [&str; 2] = ["/sso/token", "/sso/profile"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Delay,
    Status,
    RateLimit,
    Cut,
    Malformed,
    WrongOrganization,
    WrongConnection,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Prefix in whole segments: `/sso` and `/sso/token` both match `/sso/token`.
    pub(crate) path: String,
    pub(crate) kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) retry_after: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) delay_ms: Option<u64>,
    /// How many more requests it spoils; without it, all until it is cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidFault {
    #[error("path must be the prefix of an endpoint, such as /sso/token, /sso or /connections")]
    Path,
    #[error("{0} needs a path that covers /sso/token or /sso/profile")]
    NoProfile(&'static str),
    #[error("status goes with kind \"status\" only, and must be 400 to 599")]
    Status,
    #[error(
        "retry_after goes with kinds \"status\" and \"rate_limit\" only, and must be at most {MAX_RETRY_AFTER} seconds"
    )]
    RetryAfter,
    #[error("delay_ms must be at most {MAX_DELAY_MS}")]
    Delay,
    #[error("count must be at least 1")]
    Count,
}

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Delay,
        Self::Status,
        Self::RateLimit,
        Self::Cut,
        Self::Malformed,
        Self::WrongOrganization,
        Self::WrongConnection,
    ];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Delay => "delay",
            Self::Status => "status",
            Self::RateLimit => "rate_limit",
            Self::Cut => "cut",
            Self::Malformed => "malformed",
            Self::WrongOrganization => "wrong_organization",
            Self::WrongConnection => "wrong_connection",
        }
    }

    const fn in_profile(self) -> bool {
        matches!(self, Self::WrongOrganization | Self::WrongConnection)
    }

    /// Whether it decides the answer, so that only the first such fault of a request counts.
    const fn decides(self) -> bool {
        matches!(self, Self::Status | Self::RateLimit | Self::Cut | Self::Malformed)
    }
}

fn covers(prefix: &str, path: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Fault {
    pub(crate) fn check(&self) -> Result<(), InvalidFault> {
        let covers_any = |places: &[&str]| {
            places.iter().any(|place| covers(&self.path, place) || covers(place, &self.path))
        };
        if !self.path.starts_with('/')
            || !(covers_any(&PLACES) || covers("/idp", &self.path) || covers("/tile", &self.path))
        {
            return Err(InvalidFault::Path);
        }
        if self.kind.in_profile() && !covers_any(&PROFILE_PLACES) {
            return Err(InvalidFault::NoProfile(self.kind.as_str()));
        }
        if self.status.is_some_and(|status| self.kind != Kind::Status || !(400..=599).contains(&status)) {
            return Err(InvalidFault::Status);
        }
        let waits = matches!(self.kind, Kind::Status | Kind::RateLimit);
        if self.retry_after.is_some_and(|seconds| !waits || seconds > MAX_RETRY_AFTER) {
            return Err(InvalidFault::RetryAfter);
        }
        if self.delay_ms.is_some_and(|delay| delay > MAX_DELAY_MS) {
            return Err(InvalidFault::Delay);
        }
        if self.count == Some(0) { Err(InvalidFault::Count) } else { Ok(()) }
    }

    fn delay(&self) -> Duration {
        let default = if self.kind == Kind::Delay { DEFAULT_DELAY_MS } else { 0 };
        Duration::from_millis(self.delay_ms.unwrap_or(default))
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Faults(Vec<Fault>);

/// What happens to one request.
#[derive(Default)]
struct Effect {
    kinds: Vec<&'static str>,
    delay: Duration,
    profile: ProfileFaults,
    answer: Option<Fault>,
}

impl Faults {
    /// A fault of the same path and kind is replaced.
    pub(crate) fn set(&mut self, fault: Fault) {
        self.0.retain(|known| known.path != fault.path || known.kind != fault.kind);
        self.0.push(fault);
    }

    /// Clears all, or those that were set for exactly this path.
    pub(crate) fn clear(&mut self, path: Option<&str>) {
        self.0.retain(|known| path.is_some_and(|path| known.path != path));
    }

    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    fn meet(&mut self, path: &str) -> Effect {
        let mut effect = Effect::default();
        for fault in &mut self.0 {
            let here = covers(&fault.path, path)
                && (!fault.kind.in_profile() || PROFILE_PLACES.contains(&path))
                && !(fault.kind.decides() && effect.answer.is_some());
            if !here {
                continue;
            }
            if let Some(count) = &mut fault.count {
                *count = count.saturating_sub(1);
            }
            effect.kinds.push(fault.kind.as_str());
            effect.delay += fault.delay();
            match fault.kind {
                Kind::Delay => {}
                Kind::WrongOrganization => effect.profile.organization = true,
                Kind::WrongConnection => effect.profile.connection = true,
                Kind::Status | Kind::RateLimit | Kind::Cut | Kind::Malformed => {
                    effect.answer = Some(fault.clone())
                }
            }
        }
        self.0.retain(|fault| fault.count != Some(0));
        effect
    }
}

/// Faults inside a profile, for the two endpoints that answer with one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProfileFaults {
    organization: bool,
    connection: bool,
}

impl ProfileFaults {
    /// Swaps the ids for those of somebody else who exists: a mix-up, not a typing error.
    pub(crate) fn apply(self, mut profile: Profile, world: &World) -> Profile {
        if self.organization {
            let mut others = world.organizations().map(|other| other.id.to_string());
            profile.organization_id = others.find(|other| profile.organization_id.as_ref() != Some(other));
        }
        if self.connection {
            let mut others = world.connections.iter().map(|other| other.id.to_string());
            profile.connection_id = others.find(|other| *other != profile.connection_id).unwrap_or_default();
        }
        profile
    }
}

/// The connection ends without an answer; the log has no status for it.
#[derive(Clone, Copy)]
pub(crate) struct Cut;

pub(crate) async fn inject(State(sandbox): State<Sandbox>, mut request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let own = path == "/" || covers("/_sandbox", &path);
    let effect = if own { Effect::default() } else { sandbox.state().faults.meet(&path) };
    if let Some(arrival) = request.extensions().get::<Arrival>().filter(|_| !effect.kinds.is_empty()) {
        sandbox.state().log.spoiled(arrival, effect.kinds);
    }
    if !effect.delay.is_zero() {
        tokio::time::sleep(effect.delay).await;
    }
    request.extensions_mut().insert(effect.profile);
    let Some(fault) = effect.answer else { return next.run(request).await };
    match fault.kind {
        Kind::Cut => {
            next.run(request).await;
            let mut response = Body::new(BrokenBody).into_response();
            response.extensions_mut().insert(Cut);
            response
        }
        Kind::Malformed => {
            next.run(request).await;
            let broken = r#"{"object":"profile","id":"prof_01SANDBOX","organization_id":"#;
            ([(CONTENT_TYPE, "application/json; charset=utf-8")], broken).into_response()
        }
        Kind::RateLimit => {
            let wait = fault.retry_after.unwrap_or(DEFAULT_RETRY_AFTER);
            refuse(StatusCode::TOO_MANY_REQUESTS, "Too many requests.", Some(wait))
        }
        Kind::Status | Kind::Delay | Kind::WrongOrganization | Kind::WrongConnection => {
            let status = fault.status.and_then(|status| StatusCode::from_u16(status).ok());
            let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            refuse(status, status.canonical_reason().unwrap_or("Fault"), fault.retry_after)
        }
    }
}

fn refuse(status: StatusCode, message: &str, retry_after: Option<u64>) -> Response {
    let headers: Vec<(HeaderName, HeaderValue)> =
        retry_after.map(|wait| (RETRY_AFTER, wait.into())).into_iter().collect();
    let mut response = (status, Json(json!({ "message": message }))).into_response();
    response.headers_mut().extend(headers);
    response
}

/// Fails before its first byte. The server has not flushed the head by then, so the client sees the connection close.
struct BrokenBody;

impl http_body::Body for BrokenBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
    }
}

#[cfg(test)]
mod tests;
