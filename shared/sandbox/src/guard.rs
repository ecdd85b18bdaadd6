//! Who may call, and how often: the API key of WorkOS's API, and no cross-site page on the control API.
//!
//! The sandbox listens on localhost, where every page that a developer's browser visits can reach it. Without the
//! second check any website could reset it or make it sign in as somebody. Tools send neither header and are welcome.

use axum::Json;
use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use serde_json::json;
use url::Url;

use crate::errors::ApiError;
use crate::options::loopback;
use crate::state::Sandbox;

pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The caller has shown the API key. A handler that takes this cannot forget the check.
pub(crate) struct ApiKey;

impl FromRequestParts<Sandbox> for ApiKey {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Sandbox) -> Result<Self, ApiError> {
        let offered = bearer(&parts.headers).ok_or(ApiError::ApiKey)?;
        if !sandbox.is_api_key(offered) {
            return Err(ApiError::ApiKey);
        }
        let now = sandbox.now();
        let mut state = sandbox.state();
        let limit = state.settings.requests_per_minute;
        match state.windows.over("requests", limit, 60, now) {
            Some(seconds) => Err(ApiError::TooMany(seconds)),
            None => Ok(Self),
        }
    }
}

/// Refuses state changes that a browser sends on behalf of another site.
pub(crate) async fn same_site_only(State(sandbox): State<Sandbox>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads || same_site(&sandbox, request.headers()) {
        return next.run(request).await;
    }
    let body = json!({ "error": "cross_site", "message": "Another site's page may not change the sandbox." });
    (StatusCode::FORBIDDEN, Json(body)).into_response()
}

fn same_site(sandbox: &Sandbox, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
    // `Origin` is compared with names of this machine, not with `Host`: a rebound DNS name would match that.
    let origin =
        text(ORIGIN.as_str()).is_none_or(|origin| origin == sandbox.origin() || neighbour(sandbox, origin));
    site && origin
}

/// Another loopback spelling of our own origin, same port: `http://127.0.0.1:8081` for `http://localhost:8081`.
fn neighbour(sandbox: &Sandbox, origin: &str) -> bool {
    let (Ok(theirs), Ok(ours)) = (Url::parse(origin), Url::parse(sandbox.origin())) else { return false };
    loopback(&theirs) && loopback(&ours) && theirs.port_or_known_default() == ours.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn control_refuses_pages_of_other_sites() {
        let bench = Bench::new();
        for (name, value, expected) in [
            ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
            ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
            ("sec-fetch-site", "same-origin", StatusCode::OK),
            ("sec-fetch-site", "none", StatusCode::OK),
            ("origin", "http://localhost:8081", StatusCode::OK),
            ("origin", "http://127.0.0.1:8081", StatusCode::OK),
            ("origin", "http://localhost:9999", StatusCode::FORBIDDEN),
            ("origin", "http://rebound.example:8081", StatusCode::FORBIDDEN),
            ("origin", "null", StatusCode::FORBIDDEN),
            ("x-nothing", "curl", StatusCode::OK),
        ] {
            let answer = bench.send("POST", "/_sandbox/reset", &[(name, value)], "").await;
            assert_eq!(answer.status, expected, "{name}: {value}");
        }
        let read = bench.send("GET", "/_sandbox/people", &[("sec-fetch-site", "cross-site")], "").await;
        assert_eq!(read.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn the_api_wants_its_key() {
        let bench = Bench::new();
        for path in
            ["/organizations", "/organizations/org_01SANDBOXACME", "/connections", "/connections/conn_x"]
        {
            for key in ["", "Bearer sk_test_other", "Basic sk_test_sandbox", "sk_test_sandbox"] {
                let answer = bench.send("GET", path, &[("authorization", key)], "").await;
                assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path} {key}");
                assert_eq!(answer.json(), json!({ "message": "Unauthorized" }));
            }
        }
        assert_eq!(
            bench.send("POST", "/sso/logout/authorize", &[], "{}").await.status,
            StatusCode::UNAUTHORIZED
        );
    }
}
