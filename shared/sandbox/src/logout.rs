//! Single logout: `POST /sso/logout/authorize` with the API key, then the browser at `GET /sso/logout?token=`.
//!
//! As at WorkOS only OIDC connections have it; for SAML the answer is `connection_invalid`, and ending the local
//! session is all that an application can do.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::errors::{ApiError, no_such_method};
use crate::flow::redirect;
use crate::guard::ApiKey;
use crate::model::Protocol;
use crate::pages;
use crate::state::Sandbox;

const LOGOUT_LIFETIME: Duration = Duration::from_secs(5 * 60);

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new()
        .route("/sso/logout/authorize", post(authorize))
        .route("/sso/logout", get(logout).head(no_such_method))
        .route("/idp/signed-out", get(signed_out))
}

#[derive(Deserialize)]
struct LogoutRequest {
    profile_id: String,
}

#[derive(Deserialize)]
struct LogoutQuery {
    token: Option<String>,
    /// Not documented; the Rust SDK appends it.
    return_to: Option<String>,
}

async fn authorize(_: ApiKey, State(sandbox): State<Sandbox>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let request: LogoutRequest = serde_json::from_slice(&body)
        .map_err(|_| ApiError::Unprocessable { field: "profile_id", code: "required" })?;
    let mut state = sandbox.state();
    let (connection, _) =
        state.world.profile_owner(&request.profile_id).ok_or(ApiError::NotFound("Profile"))?;
    if connection.idp.protocol() != Protocol::Oidc {
        return Err(ApiError::OAuth {
            code: "connection_invalid",
            description: "Only OIDC connections support single logout.",
        });
    }
    let token = sandbox.token()?;
    state.logouts.put(token.clone(), (), sandbox.now(), LOGOUT_LIFETIME);
    let logout_url = format!("{}/sso/logout?token={token}", sandbox.origin());
    Ok(Json(json!({ "logout_url": logout_url, "logout_token": token })))
}

async fn logout(State(sandbox): State<Sandbox>, Query(query): Query<LogoutQuery>) -> Response {
    let token = query.token.unwrap_or_default();
    if sandbox.state().logouts.take(&token, sandbox.now()).is_none() {
        let text = "The sign-out link is unknown, used or older than five minutes.";
        return pages::message(StatusCode::BAD_REQUEST, "This sign-out link does not work", text, None);
    }
    match query.return_to.and_then(|url| trusted(&sandbox, &url)) {
        Some(url) => {
            let mut target = url::form_urlencoded::Serializer::new(String::from("/idp/signed-out?"));
            redirect(&target.append_pair("return_to", url.as_str()).finish())
        }
        None => redirect("/idp/signed-out"),
    }
}

async fn signed_out(State(sandbox): State<Sandbox>, Query(query): Query<LogoutQuery>) -> Response {
    let home = || format!("{}/", sandbox.default_redirect_uri().origin().ascii_serialization());
    let link = query.return_to.and_then(|url| trusted(&sandbox, &url)).map_or_else(home, String::from);
    let text = "The mock identity provider has ended its session, as an OIDC provider would.";
    pages::message(
        StatusCode::OK,
        "Signed out of the identity provider",
        text,
        Some(("Back to the app", &link)),
    )
}

/// Only pages of the application: a link to anywhere would lend the sandbox's name to it.
fn trusted(sandbox: &Sandbox, url: &str) -> Option<Url> {
    crate::options::web_url(url).filter(|url| sandbox.redirect_uris().same_origin_as_one(url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Bench, GLOBEX, OKTA};

    async fn profile(bench: &Bench, selector: &str, email: &str) -> String {
        bench.sign_in(selector, email).await.json()["profile"]["id"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn an_oidc_connection_signs_out_at_the_idp_once() {
        let bench = Bench::new();
        let id = profile(&bench, GLOBEX, "hank@globex.com").await;
        let answer =
            bench.api("POST", "/sso/logout/authorize", &json!({ "profile_id": id }).to_string()).await.json();
        let url =
            answer["logout_url"].as_str().unwrap().strip_prefix("http://localhost:8081").unwrap().to_owned();
        assert!(url.ends_with(answer["logout_token"].as_str().unwrap()));

        let gone = bench.get(&url).await;
        assert_eq!((gone.status, gone.location()), (StatusCode::FOUND, "/idp/signed-out"));
        let page = bench.get("/idp/signed-out").await;
        assert!(page.body.contains(r#"href="http://localhost:8080/""#), "{}", page.body);
        assert_eq!(bench.get(&url).await.status, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn the_way_back_leads_only_to_the_application() {
        let bench = Bench::new();
        let link = |target: &str| format!("/idp/signed-out?return_to={target}");
        let own = bench.get(&link("http://localhost:8080/signed-out")).await;
        assert!(own.body.contains(r#"href="http://localhost:8080/signed-out""#));
        for foreign in ["https://evil.example/", "javascript:alert(1)", "//evil.example"] {
            let page = bench.get(&link(foreign)).await;
            assert!(
                page.body.contains(r#"href="http://localhost:8080/""#) && !page.body.contains("evil"),
                "{foreign}"
            );
        }
    }

    #[tokio::test]
    async fn a_saml_connection_has_no_single_logout() {
        let bench = Bench::new();
        let id = profile(&bench, OKTA, "ada@acme.com").await;
        let answer =
            bench.api("POST", "/sso/logout/authorize", &json!({ "profile_id": id }).to_string()).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (StatusCode::BAD_REQUEST, &json!("connection_invalid"))
        );
        let nobody = bench.api("POST", "/sso/logout/authorize", r#"{"profile_id":"prof_nobody"}"#).await;
        assert_eq!(nobody.status, StatusCode::NOT_FOUND);
        assert_eq!(
            bench.api("POST", "/sso/logout/authorize", "{}").await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
    }
}
