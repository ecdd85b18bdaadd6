//! The sandbox's pages: home, request log, mock IdP, consent, and one for a single message.
//!
//! Every page carries the striped banner, so that nobody takes it for the real thing. No script, no external
//! request, one inline stylesheet that the policy allows by its hash; askama escapes all that came from outside.

mod directory;
mod home;

use askama::Template;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use ring::digest;

pub(crate) use directory::directory;
pub(crate) use home::home;

use crate::log::Entry;
use crate::state::Sandbox;

static STYLE: &str = include_str!("../templates/style.css");

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    style: &'static str,
    heading: &'a str,
    text: &'a str,
    link: Option<(&'a str, &'a str)>,
    failed: bool,
}

#[derive(Template)]
#[template(path = "idp.html")]
struct IdpTemplate {
    style: &'static str,
    page: IdpPage,
}

/// One mock IdP's sign-in page.
pub(crate) struct IdpPage {
    pub(crate) action: String,
    pub(crate) product: &'static str,
    pub(crate) look: &'static str,
    pub(crate) company: Option<String>,
    pub(crate) connection: String,
    /// What the e-mail field holds: the login hint, or what was typed before.
    pub(crate) hint: String,
    /// The typed address has no account here.
    pub(crate) wrong: bool,
    pub(crate) members: Vec<Member>,
    pub(crate) errors: &'static [(&'static str, &'static str)],
}

pub(crate) struct Member {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) detail: Option<String>,
    pub(crate) hinted: bool,
    pub(crate) notes: Vec<String>,
}

#[derive(Template)]
#[template(path = "consent.html")]
struct ConsentTemplate<'a> {
    style: &'static str,
    page: &'a Consent,
}

pub(crate) struct Consent {
    pub(crate) action: String,
    pub(crate) email: String,
    /// Origin of the redirect URI.
    pub(crate) application: String,
}

#[derive(Template)]
#[template(path = "portal.html")]
struct PortalTemplate<'a> {
    style: &'static str,
    page: &'a PortalPage,
}

/// The Admin Portal stand-in of one organization.
pub(crate) struct PortalPage {
    pub(crate) action: String,
    pub(crate) company: String,
    pub(crate) intent: String,
    pub(crate) connections: Vec<PortalConnection>,
    pub(crate) domains: Vec<PortalDomain>,
    pub(crate) idps: [(&'static str, &'static str); 5],
    pub(crate) back: Option<String>,
}

pub(crate) struct PortalConnection {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) state: String,
    pub(crate) active: bool,
}

pub(crate) struct PortalDomain {
    pub(crate) domain: String,
    pub(crate) state: &'static str,
    pub(crate) verified: bool,
}

#[derive(Template)]
#[template(path = "log.html")]
struct LogTemplate {
    style: &'static str,
    entries: Vec<Entry>,
}

impl Entry {
    /// `09:30:05.120`; the date is of no use in a log that starts with the sandbox.
    fn time(&self) -> String {
        let seconds = domain::Timestamp::from_seconds(self.at.seconds()).rfc3339();
        let time = seconds.get(11..19).unwrap_or("");
        format!("{time}.{:03}", self.at.millis().rem_euclid(1000))
    }

    /// Style class of the status.
    fn tone(&self) -> &'static str {
        match self.status {
            None => "bad",
            Some(status) if status >= 500 => "bad",
            Some(status) if status >= 400 => "warn",
            Some(_) => "good",
        }
    }
}

/// A page with one message and at most one link.
pub(crate) fn message(status: StatusCode, heading: &str, text: &str, link: Option<(&str, &str)>) -> Response {
    let failed = !status.is_success();
    answer(status, &Message { style: STYLE, heading, text, link, failed })
}

pub(crate) fn idp(page: IdpPage) -> Response {
    answer(StatusCode::OK, &IdpTemplate { style: STYLE, page })
}

pub(crate) fn portal(page: PortalPage) -> Response {
    answer(StatusCode::OK, &PortalTemplate { style: STYLE, page: &page })
}

pub(crate) fn consent(page: &Consent) -> Response {
    answer(StatusCode::OK, &ConsentTemplate { style: STYLE, page })
}

/// `GET /_sandbox/log`: newest first, for reading.
pub(crate) async fn log(State(sandbox): State<Sandbox>) -> Response {
    let entries = sandbox.state().log.entries().rev().cloned().collect();
    answer(StatusCode::OK, &LogTemplate { style: STYLE, entries })
}

/// No `form-action`: browsers apply it to the redirects after a form too, and the mock IdP's form ends at the app.
/// `Referrer-Policy: same-origin` rather than none, because `no-referrer` turns a form's `Origin` into `null`.
fn answer(status: StatusCode, template: &impl Template) -> Response {
    let Ok(body) = template.render() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, STYLE.as_bytes()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
    );
    let headers = [
        (CONTENT_SECURITY_POLICY, policy.as_str()),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (status, headers, Html(body)).into_response()
}

#[cfg(test)]
mod tests;
