//! The demo app: an example of an adopter's product behind the front door.
//!
//! It does what an adopter's back end does: the authorizer's code decides whether the request may come in, and
//! `/auth/session` says who it is; its list of people is what the webhook told it. It knows nothing else of Vestibule.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use askama::Template;
use authorizer::{Decision, Event};
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use domain::{Clock, Timestamp};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, REFERRER_POLICY, SET_COOKIE,
};
use http::{HeaderMap, Request, StatusCode};
use serde::Deserialize;

use super::demo_people::{LONGEST, People, Person};
use super::gateway::Gateway;

/// Where the app hears of changes.
pub(super) const WEBHOOK: &str = "/webhooks/vestibule";

const STYLE: &str = include_str!("../../templates/demo.css");
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'self'; form-action 'self' http: https:; \
    base-uri 'none'; frame-ancestors 'none'";
const ANSWER_LIMIT: usize = 64 * 1024;

#[derive(Clone)]
pub(super) struct Demo {
    pub(super) gateway: Gateway,
    pub(super) authorizer: authorizer::Deps,
    /// The sandbox's origin, when there is one.
    pub(super) sandbox: Option<String>,
    pub(super) people: People,
    pub(super) clock: Clock,
}

pub(super) fn router(demo: Demo) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/dashboard", get(dashboard))
        .route("/people", get(people))
        .route(WEBHOOK, post(receive).layer(DefaultBodyLimit::max(LONGEST)))
        .route("/demo.css", get(style))
        .with_state(demo)
}

/// What `/auth/session` answers, as far as the dashboard shows it.
#[derive(Deserialize)]
struct Described {
    user: User,
    organization: Organization,
    roles: Vec<String>,
    session: Session,
    token: Token,
}

#[derive(Deserialize)]
struct User {
    id: String,
    email: String,
    name: String,
}

#[derive(Deserialize)]
struct Organization {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Session {
    id: String,
    auth_time: String,
    idle_expires_at: String,
    expires_at: String,
}

impl Session {
    /// `2026-11-25 08:30 UTC`.
    fn signed_in(&self) -> String {
        let minutes = self.auth_time.get(..16).unwrap_or_default();
        format!("{} UTC", minutes.replace('T', " "))
    }
}

#[derive(Deserialize)]
struct Token {
    expires_at: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    sandbox: Option<String>,
}

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Dashboard {
    seen: Described,
    sandbox: Option<String>,
    idle_left: String,
    session_left: String,
    token_left: String,
}

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    seen: Described,
    sandbox: Option<String>,
    people: Vec<Person>,
}

impl PeoplePage {
    /// `3 people, 1 of them left`.
    fn counted(&self) -> String {
        let gone = self.people.iter().filter(|person| !person.active).count();
        let all = match self.people.len() {
            1 => "1 person".to_owned(),
            n => format!("{n} people"),
        };
        if gone == 0 { all } else { format!("{all}, {gone} of them left") }
    }
}

#[derive(Template)]
#[template(path = "outside.html")]
struct Outside {
    heading: &'static str,
    text: &'static str,
}

async fn home(State(demo): State<Demo>) -> Response {
    page(StatusCode::OK, &Home { sandbox: demo.sandbox })
}

async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "no-cache")], STYLE).into_response()
}

async fn dashboard(
    State(demo): State<Demo>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let (seen, refreshed) = match let_in(&demo, caller, &headers).await {
        Ok(seen) => seen,
        Err(reason) => return outside(reason),
    };
    let now = demo.clock.now();
    let page = page(
        StatusCode::OK,
        &Dashboard {
            idle_left: left(&seen.session.idle_expires_at, now),
            session_left: left(&seen.session.expires_at, now),
            token_left: left(&seen.token.expires_at, now),
            seen,
            sandbox: demo.sandbox,
        },
    );
    (refreshed, page).into_response()
}

/// The people of the visitor's own company.
async fn people(
    State(demo): State<Demo>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Response {
    let (seen, refreshed) = match let_in(&demo, caller, &headers).await {
        Ok(seen) => seen,
        Err(reason) => return outside(reason),
    };
    let people = demo.people.of(&seen.organization.id);
    (refreshed, page(StatusCode::OK, &PeoplePage { seen, people, sandbox: demo.sandbox })).into_response()
}

async fn receive(State(demo): State<Demo>, headers: HeaderMap, body: Bytes) -> StatusCode {
    demo.people.receive(&headers, &body).await
}

/// Who is there, and the fresh cookie; or the code of the reason why nobody is.
async fn let_in(
    demo: &Demo,
    caller: SocketAddr,
    headers: &HeaderMap,
) -> Result<(Described, HeaderMap), &'static str> {
    let cookies: Vec<String> =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).map(str::to_owned).collect();
    let Decision(decision) =
        authorizer::authorize(&demo.authorizer, &Event::new(BTreeMap::new(), cookies.clone())).await;
    if let Err(denial) = decision {
        return Err(denial.code());
    }
    described(demo, caller, &cookies).await.ok_or("unavailable")
}

/// Asks `/auth/session` with the browser's own cookies, as a server-rendered app does, and passes the fresh cookie on.
async fn described(demo: &Demo, caller: SocketAddr, cookies: &[String]) -> Option<(Described, HeaderMap)> {
    let request = Request::get("/auth/session").header(COOKIE, cookies.join("; ")).body(Bytes::new()).ok()?;
    let answer = demo.gateway.call(caller, request).await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let mut refreshed = HeaderMap::new();
    for cookie in answer.headers().get_all(SET_COOKIE) {
        refreshed.append(SET_COOKIE, cookie.clone());
    }
    let body = to_bytes(answer.into_body(), ANSWER_LIMIT).await.ok()?;
    Some((serde_json::from_slice(&body).ok()?, refreshed))
}

/// A page for everybody who may not come in, with the reason in plain words.
fn outside(reason: &str) -> Response {
    let (status, heading, text) = match reason {
        "no_session" => (StatusCode::UNAUTHORIZED, "Please sign in", "This page is for signed-in people."),
        "session_idle" => (
            StatusCode::UNAUTHORIZED,
            "You were signed out",
            "Nobody used this session for a while, so it ended.",
        ),
        "session_expired" => {
            (StatusCode::UNAUTHORIZED, "You were signed out", "Your session reached its longest lifetime.")
        }
        "user_inactive" => (
            StatusCode::UNAUTHORIZED,
            "You were signed out",
            "Your company has closed your account for this app. Ask your administrator if that is a mistake.",
        ),
        "user_revoked" | "tenant_revoked" | "environment_revoked" => {
            (StatusCode::UNAUTHORIZED, "You were signed out", "This session was ended from somewhere else.")
        }
        "unavailable" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "One moment, please",
            "We cannot check your session right now. You are still signed in.",
        ),
        _ => (StatusCode::UNAUTHORIZED, "You are signed out", "Sign in again to go on."),
    };
    page(status, &Outside { heading, text })
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    let headers =
        [(CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "same-origin")];
    match template.render() {
        Ok(html) => (status, headers, Html(html)).into_response(),
        Err(_) => Redirect::to("/").into_response(),
    }
}

/// `7 h 59 min`, `4 min 58 s`.
fn left(end: &str, now: Timestamp) -> String {
    let left = Timestamp::parse_rfc3339(end).map_or(Duration::ZERO, |end| end.since(now)).as_secs();
    match left {
        0..60 => format!("{left} s"),
        60..3600 => format!("{} min {} s", left / 60, left % 60),
        _ => format!("{} h {} min", left / 3600, left % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_reads_like_a_clock() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let at = |seconds| left(&now.plus(Duration::from_secs(seconds)).rfc3339(), now);
        assert_eq!((at(59), at(298), at(28_799)), ("59 s".into(), "4 min 58 s".into(), "7 h 59 min".into()));
        assert_eq!(left("never", now), "0 s");
    }
}
