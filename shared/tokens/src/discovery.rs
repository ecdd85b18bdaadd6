//! The two public documents: the JWKS (RFC 7517) and `openid-configuration` (OpenID Connect Discovery 1.0).
//!
//! They exist so that anything that verifies JWTs, API Gateway's own authorizer among it, can be pointed at the
//! issuer. They promise only what is served: there is no token endpoint, so none is named.

use serde::Serialize;

use crate::key::{Algorithm, Numbers};
use crate::public_keys::PublicKey;

/// Body of `/.well-known/jwks.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwks {
    pub keys: Vec<Jwk>,
}

/// One public key as others read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwk {
    kid: String,
    alg: Algorithm,
    #[serde(rename = "use")]
    usage: &'static str,
    #[serde(flatten)]
    key: KeyType,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kty")]
enum KeyType {
    #[serde(rename = "EC")]
    Ec { crv: &'static str, x: String, y: String },
    #[serde(rename = "RSA")]
    Rsa { n: String, e: String },
}

impl Jwk {
    pub(crate) fn of(public: &PublicKey) -> Self {
        let key = match &public.key {
            Numbers::Es256 { x, y } => KeyType::Ec { crv: "P-256", x: x.clone(), y: y.clone() },
            Numbers::Rs256 { n, e } => KeyType::Rsa { n: n.clone(), e: e.clone() },
        };
        Self { kid: public.kid.to_string(), alg: public.algorithm(), usage: "sig", key }
    }
}

/// Body of `/.well-known/openid-configuration`: the members that Discovery section 3 requires, no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenIdConfiguration {
    issuer: String,
    authorization_endpoint: String,
    jwks_uri: String,
    /// `none`: signing in answers with the cookie, never with a code or token in a URL.
    response_types_supported: [&'static str; 1],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: Vec<Algorithm>,
}

impl OpenIdConfiguration {
    /// `issuer` is the product's origin, without a slash at its end: exactly the `iss` of the tokens.
    pub fn new(issuer: &str, jwks: &Jwks) -> Self {
        let mut algorithms: Vec<Algorithm> = jwks.keys.iter().map(|key| key.alg).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        Self {
            issuer: issuer.to_owned(),
            authorization_endpoint: format!("{issuer}/login"),
            jwks_uri: format!("{issuer}/.well-known/jwks.json"),
            response_types_supported: ["none"],
            subject_types_supported: ["public"],
            id_token_signing_alg_values_supported: algorithms,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::public_keys::{KeyState, PublicKeys};
    use domain::Timestamp;
    use serde_json::json;
    use std::time::Duration;

    fn jwks(numbers: &[Numbers]) -> Jwks {
        let state = KeyState::Next { published_at: Timestamp::from_seconds(0) };
        let keys = numbers.iter().map(|numbers| PublicKey::new(numbers, state)).collect();
        PublicKeys { keys, sessions_not_before: None }
            .jwks(Timestamp::from_seconds(1), Duration::from_secs(300))
    }

    /// RFC 7517 section 4, RFC 7518 section 6. Nothing of our own (state, times) is shown.
    #[test]
    fn a_jwk_has_the_standard_members_only() {
        let ec = Numbers::Es256 { x: "eks".into(), y: "ypsilon".into() };
        let rsa = Numbers::Rs256 { n: "en".into(), e: "AQAB".into() };
        let kids = [ec.key_id(), rsa.key_id()];
        assert_eq!(
            serde_json::to_value(jwks(&[ec, rsa])).unwrap(),
            json!({ "keys": [
                { "kid": kids[0], "alg": "ES256", "use": "sig", "kty": "EC", "crv": "P-256", "x": "eks", "y": "ypsilon" },
                { "kid": kids[1], "alg": "RS256", "use": "sig", "kty": "RSA", "n": "en", "e": "AQAB" },
            ] })
        );
    }

    #[test]
    fn the_configuration_names_what_is_served() {
        let rsa = |n: &str| Numbers::Rs256 { n: n.into(), e: "AQAB".into() };
        let configuration = OpenIdConfiguration::new("https://app.example.com", &jwks(&[rsa("a"), rsa("b")]));
        assert_eq!(
            serde_json::to_value(configuration).unwrap(),
            json!({
                "issuer": "https://app.example.com",
                "authorization_endpoint": "https://app.example.com/login",
                "jwks_uri": "https://app.example.com/.well-known/jwks.json",
                "response_types_supported": ["none"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            })
        );
    }
}
