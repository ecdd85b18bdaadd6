//! `POST /sso/token`: an authorization code, once, for a profile and a short access token.
//!
//! Strict where a lenient mock would hide a hole: the client secret is required, a code is burnt by any attempt of
//! the authenticated client, and the PKCE verifier must be there exactly when a challenge was.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Json, Router};
use domain::sha256;
use domain::tenant::ConnectionState;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::delivery::Post;
use crate::errors::ApiError;
use crate::events::connection_state;
use crate::faults::ProfileFaults;
use crate::flow::Code;
use crate::profile::Profile;
use crate::state::Sandbox;

const ACCESS_LIFETIME: Duration = Duration::from_secs(600);

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new().route("/sso/token", post(token))
}

const fn oauth(code: &'static str, description: &'static str) -> ApiError {
    ApiError::OAuth { code, description }
}

const INVALID_GRANT: ApiError = oauth("invalid_grant", "The code has expired or is invalid.");
const WRONG_VERIFIER: ApiError =
    oauth("invalid_grant", "The code verifier does not match the code challenge.");

/// The body's fields. Only the body's: secrets in a query end up in logs.
struct Fields(Vec<(String, String)>);

async fn token(
    State(sandbox): State<Sandbox>,
    Extension(faults): Extension<ProfileFaults>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let fields = Fields::read(&headers, &body)?;
    if fields.get("client_id") != Some(sandbox.client_id()) {
        return Err(oauth("invalid_client", "Invalid client ID."));
    }
    if !fields.get("client_secret").is_some_and(|secret| sandbox.is_api_key(secret)) {
        return Err(oauth("invalid_client", "Invalid client secret."));
    }
    if fields.get("grant_type") != Some("authorization_code") {
        return Err(oauth("unsupported_grant_type", "The grant type must be authorization_code."));
    }
    let code = fields.get("code").ok_or(ApiError::Unprocessable { field: "code", code: "required" })?;

    let now = sandbox.now();
    let mut state = sandbox.state();
    let code = state.codes.take(code, now).ok_or(INVALID_GRANT)?;
    prove(&code, fields.get("code_verifier"))?;
    let connection = state.world.connection(code.connection.as_str()).ok_or(INVALID_GRANT)?;
    let person = state.world.people.iter().find(|person| person.key == code.person).ok_or(INVALID_GRANT)?;
    let profile = Profile::of(connection, person);

    let access_token = sandbox.key().sign(&json!({
        "iss": sandbox.origin(),
        "sub": profile.id,
        "client_id": sandbox.client_id(),
        "iat": now.seconds(),
        "exp": now.plus(ACCESS_LIFETIME).seconds(),
        "jti": sandbox.ulid()?,
    }))?;
    let answer = json!({
        "token_type": "Bearer",
        "access_token": access_token,
        "expires_in": ACCESS_LIFETIME.as_secs(),
        "profile": faults.apply(profile.clone(), &state.world),
    });
    state.access.put(sha256(&access_token), profile, now, ACCESS_LIFETIME);
    // The first successful login is what a new connection waits for.
    let mut post = Post::default();
    if let Some(connection) = state.world.connection_mut(&code.connection)
        && connection.state == ConnectionState::Validating
    {
        let before = std::mem::replace(&mut connection.state, ConnectionState::Active);
        connection.updated_at = now;
        let connection = connection.clone();
        let news = connection_state(&state.world, &before, &connection);
        post = state.record(news.into_iter().collect(), sandbox.pen())?;
    }
    drop(state);
    sandbox.deliver_later(post);
    Ok(Json(answer))
}

/// PKCE (RFC 7636 section 4.6). A verifier without a challenge is refused too: RFC 9700 section 4.8.2.
fn prove(code: &Code, verifier: Option<&str>) -> Result<(), ApiError> {
    match (&code.challenge, verifier) {
        (None, None) => Ok(()),
        (Some(challenge), Some(verifier)) if sha256(verifier) == *challenge => Ok(()),
        _ => Err(WRONG_VERIFIER),
    }
}

impl Fields {
    /// JSON as the specification and the Rust SDK have it, or a form as the Node SDK sends it.
    fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        let kind =
            headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or("").to_ascii_lowercase();
        if !kind.contains("json") {
            return Ok(Self(form_urlencoded::parse(body).into_owned().collect()));
        }
        let unreadable = ApiError::Unprocessable { field: "body", code: "invalid_json" };
        let Ok(Value::Object(object)) = serde_json::from_slice(body) else { return Err(unreadable) };
        let text = |(name, value): (String, Value)| value.as_str().map(|value| (name, value.to_owned()));
        Ok(Self(object.into_iter().filter_map(text).collect()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::testing::{Answer, Bench, CALLBACK, GLOBEX, OKTA, VERIFIER};

    fn refusal(answer: &Answer) -> (StatusCode, String) {
        (answer.status, answer.json()["error"].as_str().unwrap().to_owned())
    }

    fn bad(code: &str) -> (StatusCode, String) {
        (StatusCode::BAD_REQUEST, code.to_owned())
    }

    #[tokio::test]
    async fn a_code_becomes_a_profile_and_an_access_token() {
        let bench = Bench::new();
        let answer = bench.sign_in(OKTA, "ada@acme.com").await.json();
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(600)));
        let profile = &answer["profile"];
        assert_eq!(profile["object"], "profile");
        assert!(profile["id"].as_str().unwrap().starts_with("prof_01SANDBOX"));
        assert_eq!(profile["organization_id"], "org_01SANDBOXACME");
        assert_eq!(profile["connection_id"], "conn_01SANDBOXACMEOKTA");
        assert_eq!(profile["connection_type"], "OktaSAML");
        assert_eq!(profile["name"], "Ada Okafor");
        assert_eq!(profile["role"], json!({ "slug": "admin" }));
        assert_eq!(profile["raw_attributes"], json!({}));
        assert_eq!(profile["custom_attributes"]["department_name"], "Platform");
        assert!(profile["groups"].as_array().unwrap().contains(&json!("Engineering")));

        let token = format!("Bearer {}", answer["access_token"].as_str().unwrap());
        let again = bench.send("GET", "/sso/profile", &[("authorization", &token)], "").await;
        assert_eq!(again.json(), *profile);
        bench.advance(600);
        let late = bench.send("GET", "/sso/profile", &[("authorization", &token)], "").await;
        assert_eq!(
            (late.status, late.json()),
            (StatusCode::UNAUTHORIZED, json!({ "error": "Unauthorized" }))
        );
    }

    #[tokio::test]
    async fn missing_names_are_null_and_many_groups_are_all_there() {
        let bench = Bench::new();
        let desk = bench.sign_in(GLOBEX, "front.desk@globex.com").await.json()["profile"].clone();
        assert_eq!(
            (&desk["first_name"], &desk["name"], &desk["role"]),
            (&Value::Null, &Value::Null, &Value::Null)
        );
        let mei = bench.sign_in(OKTA, "mei.lin@acme.com").await.json()["profile"].clone();
        assert_eq!(mei["groups"].as_array().unwrap().len(), 300);
    }

    #[tokio::test]
    async fn a_form_does_as_well_and_a_query_does_not() {
        let bench = Bench::new();
        let code = bench.code(OKTA, "ada@acme.com").await;
        let fields = [
            ("client_id", "client_sandbox"),
            ("client_secret", "sk_test_sandbox"),
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("code_verifier", VERIFIER),
        ];
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let by_query = bench.send("POST", &format!("/sso/token?{query}"), &[], "").await;
        assert_eq!(refusal(&by_query), bad("invalid_client"));
        assert_eq!(bench.form("/sso/token", &fields).await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn the_client_must_prove_itself() {
        let bench = Bench::new();
        let code = bench.code(OKTA, "ada@acme.com").await;
        for wrong in [
            json!({ "code": code, "client_id": "client_other" }),
            json!({ "code": code, "client_secret": "sk_test_other" }),
            json!({ "code": code, "client_secret": null }),
            json!({ "code": code, "client_secret": "" }),
        ] {
            assert_eq!(refusal(&bench.exchange(wrong).await), bad("invalid_client"));
        }
        // A stranger's attempts do not burn the code.
        assert_eq!(bench.exchange(json!({ "code": code })).await.status, StatusCode::OK);
    }

    #[tokio::test]
    async fn the_verifier_must_be_there_and_fit() {
        let bench = Bench::new();
        for verifier in [json!(null), json!(""), json!("x".repeat(43)), json!(sha256(VERIFIER))] {
            let code = bench.code(OKTA, "ada@acme.com").await;
            let answer = bench.exchange(json!({ "code": code, "code_verifier": verifier })).await;
            assert_eq!(refusal(&answer), bad("invalid_grant"), "{verifier}");
            // The attempt burnt it.
            assert_eq!(refusal(&bench.exchange(json!({ "code": code })).await), bad("invalid_grant"));
        }
    }

    #[tokio::test]
    async fn a_verifier_without_a_challenge_is_refused() {
        let bench = Bench::new();
        bench.control("auto", json!({ "email": "ada@acme.com" })).await;
        let start = format!(
            "/sso/authorize?client_id=client_sandbox&response_type=code&redirect_uri={CALLBACK}&{OKTA}"
        );
        let code = bench.get(&start).await.param("code").unwrap();
        assert_eq!(refusal(&bench.exchange(json!({ "code": code })).await), bad("invalid_grant"));
        let code = bench.get(&start).await.param("code").unwrap();
        assert_eq!(
            bench.exchange(json!({ "code": code, "code_verifier": null })).await.status,
            StatusCode::OK
        );
    }

    #[tokio::test]
    async fn a_code_works_once_and_for_ten_minutes() {
        let bench = Bench::new();
        let code = bench.code(OKTA, "ada@acme.com").await;
        bench.advance(599);
        assert_eq!(bench.exchange(json!({ "code": code })).await.status, StatusCode::OK);
        assert_eq!(refusal(&bench.exchange(json!({ "code": code })).await), bad("invalid_grant"));
        assert_eq!(refusal(&bench.exchange(json!({ "code": "01UNKNOWN" })).await), bad("invalid_grant"));

        let late = bench.code(OKTA, "ada@acme.com").await;
        bench.advance(600);
        assert_eq!(refusal(&bench.exchange(json!({ "code": late })).await), bad("invalid_grant"));
    }

    #[tokio::test]
    async fn other_grants_and_incomplete_requests_are_refused() {
        let bench = Bench::new();
        let exchange = "urn:ietf:params:oauth:grant-type:token-exchange";
        for grant in [json!(exchange), json!("refresh_token"), json!(null)] {
            assert_eq!(
                refusal(&bench.exchange(json!({ "grant_type": grant })).await),
                bad("unsupported_grant_type")
            );
        }
        let missing = bench.exchange(json!({})).await;
        assert_eq!(
            (missing.status, &missing.json()["errors"][0]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("code"))
        );
        let broken = bench.send("POST", "/sso/token", &[("content-type", "application/json")], "{").await;
        assert_eq!(broken.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(bench.get("/sso/token").await.status, StatusCode::METHOD_NOT_ALLOWED);
    }

    #[tokio::test]
    async fn the_first_login_makes_a_new_connection_active() {
        let bench = Bench::new();
        let path = "/connections/conn_01SANDBOXWAYFARERJUMPCLOUD";
        assert_eq!(bench.api("GET", path, "").await.json()["state"], "validating");
        let answer = bench.sign_in("organization=org_01SANDBOXWAYFARER", "ines@wayfarer.example").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(bench.api("GET", path, "").await.json()["state"], "active");
    }
}
