//! `POST /_sandbox/tokens`: an access token such as WorkOS signs for AuthKit sessions and for machines.
//!
//! The sandbox speaks standalone SSO alone and has no sign-in that would bring such a token. An API that accepts them
//! still has to be tested, with right claims and with wrong ones: whatever is given is signed.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::HOME;
use super::input::{Refused, Verb};
use crate::state::Sandbox;

const LIFETIME: Duration = Duration::from_secs(300);

/// The given claims over the usual ones; `null` takes one out.
pub(super) async fn mint(
    State(sandbox): State<Sandbox>,
    verb: Verb<Map<String, Value>>,
) -> Result<Response, Refused> {
    let now = sandbox.now();
    let id = sandbox.ulid().map_err(|_| verb.refuse("No random number was to be had."))?;
    let mut claims = json!({
        "iss": sandbox.origin(),
        "iat": now.seconds(),
        "exp": now.plus(LIFETIME).seconds(),
        "jti": id,
    });
    if let Some(fields) = claims.as_object_mut() {
        fields.extend(verb.value.clone());
        fields.retain(|_, value| !value.is_null());
    }
    let token = sandbox.key().sign(&claims).map_err(|_| verb.refuse("The token was not signed."))?;
    Ok(verb.answer(json!({ "access_token": token, "claims": claims }), HOME))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use http::StatusCode;

    use super::*;
    use crate::testing::Bench;

    #[tokio::test]
    async fn given_claims_stand_over_the_usual_ones() {
        let bench = Bench::new();
        let wanted =
            json!({ "sub": "user_01", "sid": "session_01", "roles": ["admin"], "exp": 7, "jti": null });
        let answer = bench.control("tokens", wanted).await.json();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        let payload = token.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(claims, answer["claims"]);
        assert_eq!(
            claims,
            json!({
                "iss": "http://localhost:8081", "iat": 1_800_000_000, "exp": 7, "sub": "user_01",
                "sid": "session_01", "roles": ["admin"],
            })
        );
        let refused = bench.send("POST", "/_sandbox/tokens", &[], "[1]").await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    }
}
