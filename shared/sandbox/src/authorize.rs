//! `GET /sso/authorize`: the browser arrives with the application's request and leaves for the mock IdP.
//!
//! What WorkOS can tell the application goes back in the redirect, as a documented error code. A wrong client or a
//! redirect URI that is not registered never redirects: the browser sees an error page here, as at WorkOS.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::RETRY_AFTER;
use url::{Url, form_urlencoded};

use crate::errors::{ApiError, no_such_method};
use crate::flow::{Auto, Flow, back, begin};
use crate::model::{Connection, World};
use crate::pages;
use crate::state::Sandbox;

/// A code challenge is a SHA-256 in base64url: RFC 7636 section 4.2.
const CHALLENGE_LENGTH: usize = 43;

pub(crate) fn routes() -> Router<Sandbox> {
    // `get` would also answer HEAD, and a link checker would start a sign-in.
    Router::new().route("/sso/authorize", get(authorize).head(no_such_method))
}

/// Faults of the application that has no place to be told: its developer reads this page.
#[derive(Debug, thiserror::Error)]
enum BadRequest {
    #[error("The parameter “{0}” was sent more than once.")]
    Repeated(&'static str),
    #[error("The client_id is missing or is not this sandbox's. Set WORKOS_CLIENT_ID to “{0}”.")]
    Client(String),
    #[error("The redirect_uri “{0}” is not registered with this sandbox. Nothing is sent there.")]
    RedirectUri(String),
    #[error("The response_type must be “code”.")]
    ResponseType,
    #[error("PKCE here means code_challenge_method=S256 with a code_challenge of 43 base64url characters.")]
    Challenge,
}

#[derive(Debug, thiserror::Error)]
enum AuthorizeError {
    #[error(transparent)]
    Bad(#[from] BadRequest),
    /// A documented code, to be told to the application.
    #[error("{code}")]
    Tell { redirect_uri: Url, state: Option<String>, code: &'static str },
    /// WorkOS's limit per connection: the browser sees it, the application does not.
    #[error("too many logins of one connection")]
    TooMany(i64),
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl IntoResponse for AuthorizeError {
    fn into_response(self) -> Response {
        match self {
            Self::Bad(reason) => pages::message(
                StatusCode::BAD_REQUEST,
                "This sign-in link does not work",
                &reason.to_string(),
                None,
            ),
            Self::Tell { redirect_uri, state, code } => {
                let text = crate::errors::description(code);
                back(&redirect_uri, state.as_deref(), &[("error", code), ("error_description", text)])
            }
            Self::TooMany(seconds) => {
                let text = "This connection has had too many sign-ins in this minute. Wait, then start again at the app.";
                let page = pages::message(StatusCode::TOO_MANY_REQUESTS, "Too many sign-ins", text, None);
                ([(RETRY_AFTER, seconds.to_string())], page).into_response()
            }
            Self::Api(error) => error.into_response(),
        }
    }
}

async fn authorize(
    State(sandbox): State<Sandbox>,
    RawQuery(query): RawQuery,
) -> Result<Response, AuthorizeError> {
    let query = Query::parse(query.as_deref().unwrap_or(""));
    let client = query.one("client_id")?;
    if client != Some(sandbox.client_id()) {
        return Err(BadRequest::Client(sandbox.client_id().to_owned()).into());
    }
    let uri = query.one("redirect_uri")?.unwrap_or("");
    let redirect_uri =
        sandbox.redirect_uris().accept(uri).ok_or_else(|| BadRequest::RedirectUri(uri.to_owned()))?;
    if query.one("response_type")? != Some("code") {
        return Err(BadRequest::ResponseType.into());
    }
    let challenge = challenge(&query)?;
    let state = query.one("state")?.map(str::to_owned);
    let login_hint = query.one("login_hint")?.map(str::to_owned);

    let connection = {
        let now = sandbox.now();
        let mut locked = sandbox.state();
        let selected = match select(&query, &locked.world)? {
            // A person who signs in by themselves knows where they belong; nobody is there to be asked.
            Err("ambiguous_connection_selector") => {
                by_person(&query, &locked.world, locked.auto.as_ref())?.ok_or("ambiguous_connection_selector")
            }
            selected => selected,
        };
        let selected = selected.map(|connection| connection.id.clone());
        if let Ok(connection) = &selected {
            let limit = locked.settings.logins_per_minute;
            if let Some(seconds) = locked.windows.over(connection.as_str(), limit, 60, now) {
                return Err(AuthorizeError::TooMany(seconds));
            }
        }
        selected
    };
    match connection {
        Ok(connection) => Ok(begin(
            &sandbox,
            Flow { connection, redirect_uri, state, challenge, login_hint, chosen: None },
        )?),
        Err(code) => Err(AuthorizeError::Tell { redirect_uri, state, code }),
    }
}

/// The connection that the request names, or the documented code that says why there is none.
fn select<'a>(query: &Query, world: &'a World) -> Result<Result<&'a Connection, &'static str>, BadRequest> {
    let (connection, organization) = (query.one("connection")?, query.one("organization")?);
    let (provider, domain) = (query.one("provider")?, query.one("domain")?);
    let found = match (connection, organization, provider) {
        _ if domain.is_some() => Err("domain_connection_selector_not_allowed"),
        (Some(id), None, None) => world.connection(id).ok_or("connection_invalid"),
        (None, Some(id), None) => only_connection(world, id),
        // `authkit` is a provider elsewhere, and not one here.
        (None, None, Some(name)) if !name.ends_with("OAuth") => Err("invalid_connection_selector"),
        (None, None, Some(name)) => world.environment_connection(name).ok_or("connection_invalid"),
        _ => Err("invalid_connection_selector"),
    };
    Ok(found.and_then(|found| if found.state.usable() { Ok(found) } else { Err("connection_unlinked") }))
}

/// `organization=` works while exactly one connection of it can sign people in.
fn only_connection<'a>(world: &'a World, id: &str) -> Result<&'a Connection, &'static str> {
    let organization = world.organization(id).ok_or("organization_invalid")?;
    let all: Vec<&Connection> = world.connections_of(&organization.id).collect();
    let usable: Vec<&Connection> = all.iter().copied().filter(|known| known.state.usable()).collect();
    match (usable.as_slice(), all.first()) {
        ([one], _) => Ok(one),
        ([], Some(unusable)) => Ok(unusable),
        ([], None) => Err("connection_invalid"),
        _ => Err("ambiguous_connection_selector"),
    }
}

/// Of several connections of an organization, the first that has the person of the automatic sign-in.
fn by_person<'a>(
    query: &Query,
    world: &'a World,
    auto: Option<&Auto>,
) -> Result<Option<&'a Connection>, BadRequest> {
    let Some(organization) = query.one("organization")?.and_then(|id| world.organization(id)) else {
        return Ok(None);
    };
    let Some(Auto::Person { email }) = auto else { return Ok(None) };
    let mut usable = world.connections_of(&organization.id).filter(|known| known.state.usable());
    Ok(usable.find(|known| world.member(known, email).is_some()))
}

fn challenge(query: &Query) -> Result<Option<String>, BadRequest> {
    let base64url =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    match (query.one("code_challenge")?, query.one("code_challenge_method")?) {
        (None, None) => Ok(None),
        (Some(challenge), Some("S256")) if challenge.len() == CHALLENGE_LENGTH && base64url(challenge) => {
            Ok(Some(challenge.to_owned()))
        }
        _ => Err(BadRequest::Challenge),
    }
}

struct Query(Vec<(String, String)>);

impl Query {
    fn parse(raw: &str) -> Self {
        Self(form_urlencoded::parse(raw.as_bytes()).into_owned().collect())
    }

    /// RFC 6749 section 3.1: a parameter without a value is as if it were not there; none may be there twice.
    fn one(&self, name: &'static str) -> Result<Option<&str>, BadRequest> {
        let mut values = self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(BadRequest::Repeated(name)),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{Bench, CALLBACK, GLOBEX, OKTA};

    const START: &str = "/sso/authorize?client_id=client_sandbox&response_type=code&redirect_uri=";

    #[tokio::test]
    async fn an_organization_with_one_connection_leads_to_its_idp() {
        let bench = Bench::new();
        let page = bench.get(bench.authorize(GLOBEX).await.location()).await;
        assert_eq!(page.status, StatusCode::OK);
        assert!(page.body.contains("Google Workspace stand-in") && page.body.contains("hank@globex.com"));
        assert!(!page.body.contains("ada@acme.com"));
    }

    #[tokio::test]
    async fn what_the_application_can_be_told_is_told_with_its_state() {
        let bench = Bench::new();
        for (selector, code) in [
            ("organization=org_01SANDBOXACME", "ambiguous_connection_selector"),
            ("organization=org_nobody", "organization_invalid"),
            ("organization=org_01SANDBOXINITECH", "connection_unlinked"),
            ("connection=conn_nobody", "connection_invalid"),
            ("connection=conn_01SANDBOXINITECHONELOGIN", "connection_unlinked"),
            ("provider=AppleOAuth", "connection_invalid"),
            ("provider=authkit", "invalid_connection_selector"),
            ("domain=acme.com", "domain_connection_selector_not_allowed"),
            ("login_hint=ada@acme.com", "invalid_connection_selector"),
            ("connection=", "invalid_connection_selector"),
            (
                "connection=conn_01SANDBOXACMEOKTA&organization=org_01SANDBOXACME",
                "invalid_connection_selector",
            ),
            ("provider=GoogleOAuth&organization=org_01SANDBOXACME", "invalid_connection_selector"),
        ] {
            let answer = bench.authorize(selector).await;
            assert_eq!(answer.status, StatusCode::FOUND, "{selector}");
            assert!(answer.location().starts_with(CALLBACK), "{selector}");
            assert_eq!(answer.param("error").as_deref(), Some(code), "{selector}");
            assert_eq!(answer.param("state").as_deref(), Some("state-1"), "{selector}");
            assert!(answer.param("error_description").is_some_and(|text| text.len() > 10), "{selector}");
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }

    #[tokio::test]
    async fn nothing_is_redirected_to_a_stranger() {
        let bench = Bench::new();
        for path in [
            "/sso/authorize".to_owned(),
            format!("{START}https://evil.example/cb&{OKTA}"),
            format!("{START}&{OKTA}"),
            format!(
                "/sso/authorize?client_id=client_other&response_type=code&redirect_uri={CALLBACK}&{OKTA}"
            ),
            format!(
                "/sso/authorize?client_id=client_sandbox&response_type=token&redirect_uri={CALLBACK}&{OKTA}"
            ),
            format!("{START}{CALLBACK}&{OKTA}&redirect_uri=https://evil.example"),
            format!("{START}{CALLBACK}&{OKTA}&code_challenge=abc&code_challenge_method=S256"),
            format!("{START}{CALLBACK}&{OKTA}&code_challenge={}&code_challenge_method=plain", "a".repeat(43)),
            format!("{START}{CALLBACK}&{OKTA}&code_challenge={}", "a".repeat(43)),
        ] {
            let answer = bench.get(&path).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
            assert!(answer.headers.get("location").is_none(), "{path}");
            assert!(answer.body.contains("This sign-in link does not work"), "{path}");
        }
        let head = bench.send("HEAD", &format!("{START}{CALLBACK}&{OKTA}"), &[], "").await;
        assert_eq!(head.status, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn the_state_comes_back_byte_for_byte_and_the_redirect_uri_keeps_its_query() {
        let bench = Bench::new();
        bench.control("auto", json!({ "email": "ada@acme.com" })).await;
        let state = "a b+c/=&?#%\u{e9}\u{1f98a}\"<>";
        let encoded: String = form_urlencoded::byte_serialize(state.as_bytes()).collect();
        let answer = bench.get(&format!("{START}{CALLBACK}%3Fkeep%3D1&{OKTA}&state={encoded}")).await;
        assert_eq!(answer.param("state").as_deref(), Some(state));
        assert_eq!(answer.param("keep").as_deref(), Some("1"));
        assert!(answer.param("code").is_some());
        // No state in, none out.
        assert_eq!(bench.get(&format!("{START}{CALLBACK}&{OKTA}")).await.param("state"), None);
    }

    #[tokio::test]
    async fn automatic_sign_in_answers_at_once_until_it_is_turned_off() {
        let bench = Bench::new();
        bench.control("auto", json!({ "email": "HANK@globex.com" })).await;
        for _ in 0..2 {
            let answer = bench.authorize(GLOBEX).await;
            assert!(answer.location().starts_with(CALLBACK) && answer.param("code").is_some());
        }
        // He has no account at Acme.
        assert_eq!(bench.authorize(OKTA).await.param("error").as_deref(), Some("access_denied"));

        bench.control("auto", json!({ "error": "oauth_failed" })).await;
        let failed = bench.authorize(GLOBEX).await;
        assert_eq!((failed.param("error").as_deref(), failed.param("code")), (Some("oauth_failed"), None));

        bench.send("POST", "/_sandbox/auto", &[], "null").await;
        assert!(bench.authorize(GLOBEX).await.location().starts_with("/idp/"));
    }

    /// Nobody is there to be asked which of Acme's two connections is meant.
    #[tokio::test]
    async fn automatic_sign_in_finds_the_persons_connection_of_several() {
        let bench = Bench::new();
        bench.control("auto", json!({ "email": "ada@acme.com" })).await;
        assert!(bench.authorize("organization=org_01SANDBOXACME").await.param("code").is_some());
        bench.control("auto", json!({ "email": "hank@globex.com" })).await;
        let stranger = bench.authorize("organization=org_01SANDBOXACME").await;
        assert_eq!(stranger.param("error").as_deref(), Some("ambiguous_connection_selector"));
    }

    /// The limit is each connection's own, and over with the minute.
    #[tokio::test]
    async fn a_connection_takes_so_many_logins_in_a_minute() {
        let bench = Bench::new();
        let settings = bench.control("settings", json!({ "logins_per_minute": 2 })).await.json();
        assert_eq!(settings["logins_per_minute"], 2);
        for _ in 0..2 {
            assert_eq!(bench.authorize(OKTA).await.status, StatusCode::FOUND);
        }
        let over = bench.authorize(OKTA).await;
        assert_eq!(
            (over.status, &over.headers["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &"60".parse().unwrap())
        );
        assert_eq!(bench.authorize(GLOBEX).await.status, StatusCode::FOUND);
        bench.advance(60);
        assert_eq!(bench.authorize(OKTA).await.status, StatusCode::FOUND);
        bench.control("settings", json!({ "logins_per_minute": null })).await;
        for _ in 0..5 {
            assert_eq!(bench.authorize(OKTA).await.status, StatusCode::FOUND);
        }
    }

    #[tokio::test]
    async fn a_public_provider_knows_everybody_and_no_organization() {
        let bench = Bench::new();
        for email in ["ada@acme.com", "robin.gray@mail.example"] {
            let profile = bench.sign_in("provider=GoogleOAuth", email).await.json()["profile"].clone();
            assert_eq!(profile["organization_id"], json!(null));
            assert_eq!(profile["connection_id"], "conn_01SANDBOXGOOGLEOAUTH");
            assert_eq!(profile["connection_type"], "GoogleOAuth");
            assert_eq!(profile["email"], email);
            assert!(profile.get("groups").is_none());
        }
    }
}
