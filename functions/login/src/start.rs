//! `GET /login` (also `/auth/login`): a login begins.
//!
//! The browser gets a secret in a cookie of its own for this login, the server keeps its hash under the hash of
//! `state`, and WorkOS gets `state` and a PKCE challenge: whoever holds only one of the three can do nothing with it
//! (RFC 9700 sections 4.5, 4.7). Only a document navigation starts anything: a prefetch, a scanner's HEAD or a
//! script would fill the browser with cookies (R05, R13). No parameter of the request reaches WorkOS under its own
//! name except the hints (R14).

use axum::extract::rejection::QueryRejection;
use axum::extract::{OriginalUri, Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::login::{InvalidSelector, LOGIN_LIFETIME, PkceVerifier};
use domain::{Domain, Login, RngError, Selector, sha256};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use std::time::Duration;
use store::{StoreError, Verdict};
use web::cookies::{FlowCookie, FlowCookies, RequestCookies};
use web::pages::{BadLink, Link, Page, Refusal, Unavailable};
use web::problem::Problem;
use web::{Ctx, Navigation};
use workos::AuthorizationUrl;

use crate::Deps;

/// Longest login hint: the longest e-mail address.
const LONGEST_HINT: usize = 254;
const RETRY_AFTER: Duration = Duration::from_secs(5);

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parameters {
    #[serde(alias = "organization_id")]
    organization: Option<String>,
    /// WorkOS's own "initiate login" redirect says `connection_id`.
    #[serde(alias = "connection_id")]
    connection: Option<String>,
    provider: Option<String>,
    domain_hint: Option<String>,
    login_hint: Option<String>,
    prompt: Option<String>,
    return_to: Option<String>,
}

/// Why no login begins.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("nobody says where to sign in")]
    NoSelector,
    #[error("{0}")]
    Selector(InvalidSelector),
    #[error("the return URL is not allowed: {0}")]
    ReturnUrl(domain::return_url::RefusedReturnUrl),
    #[error("the parameter {0} is not valid")]
    Parameter(&'static str),
    #[error("the provider is not allowed here")]
    Provider,
    #[error("too many logins of one tenant")]
    TooMany(Duration),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Random(#[from] RngError),
}

pub(crate) async fn start(
    State(deps): State<Deps>,
    ctx: Ctx,
    navigation: Navigation,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    query: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    match navigation {
        Navigation::Document => {}
        Navigation::NotGet | Navigation::Prefetch => return StatusCode::NO_CONTENT.into_response(),
        Navigation::Subresource => {
            let why =
                "A login starts when a person opens this address in a tab, not when a script asks for it.";
            return Problem::new(StatusCode::BAD_REQUEST, "not_a_navigation", why).respond(&ctx);
        }
    }
    let outcome = match query {
        Ok(Query(parameters)) => begin(&deps, &headers, parameters).await,
        Err(_) => Err(Failure::Parameter("twice, or not text")),
    };
    outcome.unwrap_or_else(|failure| failure.respond(&deps, &ctx, uri.query().unwrap_or_default()))
}

async fn begin(deps: &Deps, headers: &HeaderMap, parameters: Parameters) -> Result<Response, Failure> {
    let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let settings = &deps.settings;
    let now = deps.shared.clock().now();
    let rng = deps.shared.rng();
    let returns = &deps.shared.site().returns;

    let return_to = match given(&parameters.return_to) {
        Some(text) => returns.check(&text).map_err(Failure::ReturnUrl)?,
        None => returns.default().clone(),
    };
    let selector = deps.selector(&parameters)?;
    let login_hint = given(&parameters.login_hint);
    if login_hint.as_ref().is_some_and(|hint| hint.len() > LONGEST_HINT || hint.chars().any(char::is_control))
    {
        return Err(Failure::Parameter("login_hint"));
    }
    let domain_hint = match given(&parameters.domain_hint) {
        Some(text) => Some(Domain::parse(&text).map_err(|_| Failure::Parameter("domain_hint"))?),
        None => None,
    };
    let prompt_login = match given(&parameters.prompt).as_deref() {
        None => false,
        Some("login") => true,
        Some(_) => return Err(Failure::Parameter("prompt")),
    };
    let who = match &selector {
        Selector::Organization(id) | Selector::Provider { organization: id, .. } => id.as_str(),
        Selector::Connection(id) => id.as_str(),
    };
    if let Verdict::Over { retry_after } = deps.count(who, now).await {
        return Err(Failure::TooMany(retry_after));
    }

    let state = rng.token()?;
    let verifier = PkceVerifier::new(rng.token()?);
    let flow = FlowCookie::create(&state, rng, now)?;
    let login = Login {
        selector,
        return_to: return_to.as_str().to_owned(),
        verifier,
        browser_hash: flow.browser_hash(),
        started_at: now,
        expires_at: now.plus(LOGIN_LIFETIME),
        trace: None,
    };
    deps.store.put_login(&sha256(&state), &login).await?;
    let url = AuthorizationUrl {
        base: &settings.workos,
        client_id: &settings.client_id,
        redirect_uri: &settings.redirect_uri,
        selector: &login.selector,
        state: &state,
        // No ID token comes back: the profile arrives over TLS from the token endpoint.
        nonce: None,
        code_challenge: &login.verifier.challenge(),
        login_hint: login_hint.as_deref(),
        domain_hint: domain_hint.as_ref().map(Domain::as_str),
        prompt_login,
    }
    .build();
    let mut response = (flow.set(), Redirect::to(url.as_str())).into_response();
    for evicted in FlowCookies::from_request(&RequestCookies::from_headers(headers), now).to_evict() {
        response.headers_mut().append(http::header::SET_COOKIE, evicted.header().clone());
    }
    Ok(response)
}

impl Deps {
    fn selector(&self, parameters: &Parameters) -> Result<Selector, Failure> {
        let given = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        let (organization, connection, provider) =
            (given(&parameters.organization), given(&parameters.connection), given(&parameters.provider));
        if organization.is_none() && connection.is_none() && provider.is_none() {
            return self.settings.default_selector.clone().ok_or(Failure::NoSelector);
        }
        let selector =
            Selector::from_parameters(organization.as_deref(), connection.as_deref(), provider.as_deref())
                .map_err(Failure::Selector)?;
        match &selector {
            Selector::Provider { provider, .. } if !self.settings.providers.contains(provider) => {
                Err(Failure::Provider)
            }
            _ => Ok(selector),
        }
    }

    async fn count(&self, who: &str, now: domain::Timestamp) -> Verdict {
        let limit = &self.settings.tenant_logins;
        match self.limiter.known_over(limit, who, now) {
            Some(over) => over,
            None => {
                let verdict = self.limiter.count(limit, who, now).await;
                if verdict == Verdict::Uncounted {
                    self.shared.metrics().count_by("limit_uncounted", "limit", limit.name);
                }
                verdict
            }
        }
    }
}

impl Failure {
    fn respond(self, deps: &Deps, ctx: &Ctx, query: &str) -> Response {
        match &self {
            Self::Store(_) | Self::Random(_) => {
                tracing::error!(error = %self, "a login did not start: {self}");
            }
            Self::NoSelector => {}
            Self::Selector(_)
            | Self::ReturnUrl(_)
            | Self::Parameter(_)
            | Self::Provider
            | Self::TooMany(_) => {
                tracing::warn!(error = %self, "a login was not started: {self}");
            }
        }
        let start = deps.settings.default_selector.is_some().then(|| Link::path("/login"));
        let again = || Some(Link::path("/login").with_query(query));
        let page = match self {
            Self::NoSelector => Page::SignIn { start },
            Self::Selector(_) => Page::BadLink { reason: BadLink::Selector, start },
            Self::ReturnUrl(_) => Page::BadLink { reason: BadLink::ReturnUrl, start },
            Self::Parameter(_) => Page::BadLink { reason: BadLink::Parameter, start },
            Self::Provider => Page::AccessRefused { reason: Refusal::Provider, restart: start },
            Self::TooMany(wait) => Page::TryLater { reason: Unavailable::TooMany, wait, retry: again() },
            Self::Store(_) | Self::Random(_) => {
                Page::TryLater { reason: Unavailable::Down, wait: RETRY_AFTER, retry: again() }
            }
        };
        page.respond(deps.shared.site(), ctx)
    }
}
