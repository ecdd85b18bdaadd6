//! Tokens signed with the sandbox's key pair, as WorkOS would sign them; everything but the signature may be wrong.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Clock, Rng};
use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Value, json};

use super::*;
use crate::client::Client;
use crate::fake::{Fake, ok};
use crate::jwks::JwksFreshness;

static PRIVATE_KEY: &[u8] = include_bytes!("../../../sandbox/keys/sandbox-only.pk8");
pub(super) const KID: &str = "sso_oidc_key_pair_01";
pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const OWN: &str = "client_sandbox";

fn pair() -> KeyPair {
    KeyPair::from_pkcs8(PRIVATE_KEY).unwrap()
}

pub(crate) fn jwks_of(kid: &str) -> Value {
    let public = PublicKeyComponents::<Vec<u8>>::from(pair().public());
    json!({ "keys": [{
        "alg": "RS256", "kty": "RSA", "use": "sig", "kid": kid,
        "n": URL_SAFE_NO_PAD.encode(public.n), "e": URL_SAFE_NO_PAD.encode(public.e),
    }]})
}

#[expect(clippy::disallowed_methods, reason = "ring asks for its own generator; PKCS#1 v1.5 draws nothing")]
fn sign(kid: &str, claims: &Value) -> String {
    let header = json!({ "alg": "RS256", "kid": kid }).to_string();
    let message =
        format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; pair().public().modulus_len()];
    pair().sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A session token as the documentation shows it.
fn session() -> Value {
    json!({
        "iss": "https://api.workos.com", "sub": "user_01", "org_id": "org_01", "role": "member",
        "roles": ["member", "billing"], "permissions": ["posts:read"], "sid": "session_01", "jti": "01",
        "iat": NOW, "exp": NOW + 300,
    })
}

/// A token of a machine-to-machine application as the documentation shows it.
fn machine() -> Value {
    json!({
        "iss": "https://acme.authkit.app", "aud": OWN, "sub": "client_machine", "client_id": "client_machine",
        "org_id": "org_01", "scope": "orders:read orders:write", "jti": "01", "iat": NOW, "exp": NOW + 300,
    })
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

pub(super) struct Bench {
    fake: Fake,
    tokens: AccessTokens,
}

impl Bench {
    pub(super) async fn new() -> Self {
        let fake = Fake::start([ok(jwks_of(KID)), ok(jwks_of("younger"))]).await;
        let base = BaseUrl::parse(&fake.base).unwrap();
        let client_id = ClientId::parse(OWN).unwrap();
        let clock = Clock::manual(Timestamp::from_seconds(NOW));
        let client = Client::new(net::client().unwrap(), base, client_id.clone(), clock, Rng::seeded(5));
        let issuers =
            ["https://api.workos.com", "https://acme.authkit.app"].map(|text| text.parse().unwrap());
        let keys = Jwks::new(client, JwksFreshness::default());
        Self { fake, tokens: AccessTokens::new(keys, issuers.to_vec(), client_id) }
    }

    async fn at(&self, seconds: i64, kid: &str, claims: &Value) -> Result<AccessClaims, AccessTokenError> {
        let deadline = Deadline::after(Duration::from_secs(4));
        self.tokens.verify(&sign(kid, claims), Timestamp::from_seconds(seconds), deadline).await
    }

    pub(super) async fn verify(&self, claims: &Value) -> Result<AccessClaims, AccessTokenError> {
        self.at(NOW, KID, claims).await
    }

    /// Who is let in; `None` when the token is refused or good for nothing here.
    async fn bearer(&self, claims: &Value) -> Option<Bearer> {
        self.verify(claims).await.ok().and_then(|claims| self.tokens.bearer(&claims))
    }
}

#[tokio::test]
async fn sessions_and_machines_are_told_apart() {
    let bench = Bench::new().await;
    let claims = bench.verify(&session()).await.unwrap();
    assert_eq!(bench.tokens.bearer(&claims), Some(Bearer::Session));
    assert_eq!((claims.subject.as_str(), claims.session.as_deref()), ("user_01", Some("session_01")));
    assert_eq!(claims.organization.as_ref().map(OrganizationId::as_str), Some("org_01"));
    assert_eq!(claims.roles, ["member", "billing"]);

    let claims = bench.verify(&machine()).await.unwrap();
    assert_eq!(bench.tokens.bearer(&claims), Some(Bearer::Machine));
    assert_eq!((claims.session, claims.scope.as_deref()), (None, Some("orders:read orders:write")));
    assert_eq!(bench.fake.requests().len(), 1);
}

#[tokio::test]
async fn what_is_optional_may_be_absent_or_null() {
    let bench = Bench::new().await;
    let mut claims = session();
    for name in ["org_id", "roles", "client_id", "aud", "scope"] {
        claims = with(claims, name, Value::Null);
    }
    let read = bench.verify(&claims).await.unwrap();
    assert_eq!((read.organization, read.roles), (None, vec!["member".to_owned()]));
    for (name, odd) in [
        ("org_id", json!("acme")),
        ("roles", json!("admin")),
        ("sid", json!(7)),
        ("sub", Value::Null),
        ("client_id", json!(["client_sandbox"])),
    ] {
        let refused = bench.verify(&with(session(), name, odd)).await;
        assert_eq!(refused, Err(TokenError::InvalidClaim(name).into()), "{name}");
    }
}

/// An allow-list, compared to the letter.
#[tokio::test]
async fn other_issuers_are_refused() {
    let bench = Bench::new().await;
    for issuer in
        ["https://api.workos.com/", "https://API.workos.com", "https://evil.example", "", "api.workos.com"]
    {
        let refused = bench.verify(&with(session(), "iss", json!(issuer))).await;
        assert_eq!(refused, Err(TokenError::Issuer.into()), "{issuer}");
    }
}

/// Tokens of other environments, and of users in the hands of other applications, let nobody in.
#[tokio::test]
async fn tokens_for_somebody_else_let_nobody_in() {
    let bench = Bench::new().await;
    assert_eq!(bench.bearer(&with(session(), "client_id", json!(OWN))).await, Some(Bearer::Session));
    let foreign = with(session(), "client_id", json!("client_other"));
    assert_eq!(bench.verify(&foreign).await, Err(AccessTokenError::Client));
    let foreign = with(machine(), "aud", json!(["client_other", "https://api.example.com"]));
    assert_eq!(bench.verify(&foreign).await, Err(AccessTokenError::Client));
    assert_eq!(
        bench.bearer(&with(machine(), "aud", json!(["https://x.example", OWN]))).await,
        Some(Bearer::Machine)
    );

    let delegated = with(with(machine(), "sub", json!("user_01")), "sid", json!("app_consent_01"));
    assert!(bench.verify(&delegated).await.is_ok());
    assert_eq!(bench.bearer(&delegated).await, None);
    let mut profile = session();
    profile.as_object_mut().unwrap().remove("sid");
    assert_eq!(bench.bearer(&with(profile, "sub", json!("prof_01"))).await, None);
}

/// R33: a key of a minute ago is found; a made-up one costs no second call.
#[tokio::test]
async fn a_rotated_key_is_found() {
    let bench = Bench::new().await;
    assert!(bench.verify(&session()).await.is_ok());
    let later = with(session(), "exp", json!(NOW + 600));
    assert_eq!(bench.at(NOW + 1, "younger", &later).await, Err(TokenError::UnknownKey.into()));
    assert!(bench.at(NOW + 10, "younger", &later).await.is_ok());
    assert_eq!(bench.at(NOW + 11, "invented", &later).await, Err(TokenError::UnknownKey.into()));
    assert_eq!(bench.fake.requests().len(), 2);
}

#[tokio::test]
async fn the_token_of_an_exchange_must_be_about_its_profile() {
    let bench = Bench::new().await;
    let mut answer: TokenResponse = TokenResponse {
        profile: serde_json::from_value(
            json!({ "id": "prof_01", "connection_id": "conn_01", "idp_id": "1" }),
        )
        .unwrap(),
        access_token: None,
    };
    let now = Timestamp::from_seconds(NOW);
    let deadline = Deadline::after(Duration::from_secs(4));
    assert_eq!(bench.tokens.verify_exchange(&answer, now, deadline).await, Err(AccessTokenError::Missing));
    for (subject, wanted) in
        [("prof_01", Ok(())), ("user_of_the_idp", Ok(())), ("prof_02", Err(AccessTokenError::Profile))]
    {
        let token = sign(KID, &with(session(), "sub", json!(subject)));
        answer.access_token = crate::AccessToken::parse(&token);
        assert_eq!(bench.tokens.verify_exchange(&answer, now, deadline).await, wanted, "{subject}");
    }
}

#[test]
fn issuers_are_urls_to_the_letter() {
    for good in ["https://api.workos.com", "https://api.workos.com/", "http://localhost:8081"] {
        assert_eq!(format!("{:?}", good.parse::<Issuer>().unwrap()), good);
    }
    for bad in
        ["", "api.workos.com", "http://api.workos.com", "https://a@b.example", "https://a.example/?x", "*"]
    {
        assert_eq!(bad.parse::<Issuer>(), Err(InvalidIssuer), "{bad}");
    }
    let base = BaseUrl::parse("https://api.workos.com").unwrap();
    let usual = Issuer::usual(&base, &ClientId::parse("client_01").unwrap());
    let spelt: Vec<String> = usual.iter().map(|issuer| format!("{issuer:?}")).collect();
    assert_eq!(
        spelt,
        [
            "https://api.workos.com",
            "https://api.workos.com/",
            "https://api.workos.com/user_management/client_01"
        ]
    );
}
