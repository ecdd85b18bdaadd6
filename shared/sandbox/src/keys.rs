//! The sandbox's signing key, and `GET /sso/jwks/{client_id}`.
//!
//! WorkOS signs access tokens with RS256 and publishes the key with its certificate. Here the pair is embedded and
//! public (`keys/README.md`): tokens and JWKS fit together on every machine, and prove nothing.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use serde::Serialize;
use serde_json::{Value, json};

use crate::errors::ApiError;
use crate::options::InvalidOptions;
use crate::state::Sandbox;

static PRIVATE_KEY: &[u8] = include_bytes!("../keys/sandbox-only.pk8");
static CERTIFICATE: &[u8] = include_bytes!("../keys/sandbox-only.crt.der");
const KEY_ID: &str = "sso_oidc_key_pair_01SANDBOX";

pub(crate) fn routes() -> Router<Sandbox> {
    Router::new().route("/sso/jwks/{client_id}", get(jwks))
}

async fn jwks(
    State(sandbox): State<Sandbox>,
    Path(client_id): Path<String>,
) -> Result<Json<Value>, ApiError> {
    if client_id != sandbox.client_id() {
        return Err(ApiError::NotFound("Client"));
    }
    Ok(Json(sandbox.key().jwks()))
}

pub(crate) struct SigningKey(KeyPair);

impl SigningKey {
    pub(crate) fn embedded() -> Result<Self, InvalidOptions> {
        KeyPair::from_pkcs8(PRIVATE_KEY).map(Self).map_err(|_| InvalidOptions::Key)
    }

    /// A JWT with these claims, RS256.
    #[expect(
        clippy::disallowed_methods,
        reason = "ring asks for its own generator, and PKCS#1 v1.5 draws nothing from it"
    )]
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<String, ApiError> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID });
        let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let claims = serde_json::to_vec(claims).map_err(|_| ApiError::Internal)?;
        let message = format!("{}.{}", part(header.to_string().into_bytes()), part(claims));
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| ApiError::Internal)?;
        Ok(format!("{message}.{}", part(signature)))
    }

    fn jwks(&self) -> Value {
        let public = PublicKeyComponents::<Vec<u8>>::from(self.0.public());
        json!({ "keys": [{
            "alg": "RS256",
            "kty": "RSA",
            "use": "sig",
            "kid": KEY_ID,
            "n": URL_SAFE_NO_PAD.encode(public.n),
            "e": URL_SAFE_NO_PAD.encode(public.e),
            "x5c": [STANDARD.encode(CERTIFICATE)],
            "x5t#S256": URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, CERTIFICATE)),
        }]})
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};

    use super::*;
    use crate::testing::{Bench, OKTA};

    #[tokio::test]
    async fn the_published_key_verifies_an_access_token() {
        let bench = Bench::new();
        let token =
            bench.sign_in(OKTA, "ada@acme.com").await.json()["access_token"].as_str().unwrap().to_owned();
        let keys = bench.get("/sso/jwks/client_sandbox").await.json();
        let key = &keys["keys"][0];
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();

        let (message, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = message.split_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decode(header)).unwrap();
        let claims: Value = serde_json::from_slice(&decode(claims)).unwrap();
        let public = RsaPublicKeyComponents {
            n: decode(key["n"].as_str().unwrap()),
            e: decode(key["e"].as_str().unwrap()),
        };
        public.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &decode(signature)).unwrap();

        assert_eq!((header["alg"].as_str(), &header["kid"]), (Some("RS256"), &key["kid"]));
        assert_eq!(claims["iss"], "http://localhost:8081");
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        assert!(key["x5c"][0].as_str().unwrap().starts_with("MII"));
        assert_eq!(key["x5t#S256"].as_str().unwrap().len(), 43);
    }

    #[tokio::test]
    async fn another_client_has_no_keys() {
        let answer = Bench::new().get("/sso/jwks/client_other").await;
        assert_eq!(
            (answer.status, answer.json()),
            (StatusCode::NOT_FOUND, json!({ "message": "Client not found." }))
        );
    }
}
