//! Tokens that WorkOS signed: at the authorizer where their issuers are listed, at the callback where it is asked for.
//! The sandbox signs them, and its JWKS is fetched over HTTP.

use std::collections::BTreeMap;

use authorizer::{Decision, Event};
use e2e::{Deployment, SESSION, Stack, at};
use serde_json::{Value, json};

const JWKS: &str = "/sso/jwks/client_sandbox";

struct World {
    stack: Stack,
    instance: Deployment,
}

impl World {
    async fn new(settings: &[(&str, &str)]) -> Self {
        let stack = Stack::start().await;
        let instance = stack.deployed(settings).await;
        stack.sandbox().forget().await;
        Self { stack, instance }
    }

    /// The authorizer accepts what the sandbox signs.
    async fn accepting(more: &[(&str, &str)]) -> Self {
        let stack = Stack::start().await;
        let issuers = format!("https://api.workos.com, {}", stack.sandbox_url());
        let settings: Vec<_> =
            [("ACCEPTED_WORKOS_ISSUERS", issuers.as_str())].into_iter().chain(more.iter().copied()).collect();
        let instance = stack.deployed(&settings).await;
        stack.sandbox().forget().await;
        Self { stack, instance }
    }

    /// A token that the sandbox signs.
    async fn token(&self, claims: Value) -> String {
        let url = format!("{}/_sandbox/tokens", self.stack.sandbox_url());
        let answer = net::client().unwrap().post(url).json(&claims).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    /// What the gateway would get for this `Authorization` header.
    async fn answer(&self, authorization: &str) -> Value {
        let headers = BTreeMap::from([("authorization".to_owned(), authorization.to_owned())]);
        let decision =
            authorizer::authorize(&self.instance.authorizer, &Event::new(headers, Vec::new())).await;
        serde_json::to_value(decision.into_response()).unwrap()
    }

    async fn bearer(&self, claims: Value) -> Value {
        self.answer(&format!("Bearer {}", self.token(claims).await)).await
    }

    /// Why a token is denied.
    async fn denial(&self, token: &str) -> &'static str {
        let headers = BTreeMap::from([("authorization".to_owned(), format!("Bearer {token}"))]);
        let Decision(decision) =
            authorizer::authorize(&self.instance.authorizer, &Event::new(headers, Vec::new())).await;
        decision.unwrap_err().code()
    }
}

fn session() -> Value {
    json!({ "sub": "user_01WORKOS", "sid": "session_01WORKOS", "org_id": "org_01SANDBOXACME", "roles": ["admin"] })
}

/// R38: people and machines are let in, each as what they are, with a real boolean; one fetch of the keys serves all.
#[tokio::test]
async fn tokens_of_listed_issuers_are_let_in() {
    let world = World::accepting(&[]).await;
    assert_eq!(
        world.bearer(session()).await,
        json!({ "isAuthorized": true, "context": {
            "kind": "workos", "sub": "user_01WORKOS", "sid": "session_01WORKOS", "org_id": "org_01SANDBOXACME",
            "roles": ["admin"],
        }})
    );
    let machine = json!({
        "sub": "client_01MACHINE", "client_id": "client_01MACHINE", "aud": "client_sandbox",
        "org_id": "org_01SANDBOXACME", "scope": "orders:read",
    });
    assert_eq!(
        world.bearer(machine).await,
        json!({ "isAuthorized": true, "context": {
            "kind": "workos", "sub": "client_01MACHINE", "org_id": "org_01SANDBOXACME", "roles": [],
            "scope": "orders:read",
        }})
    );
    assert_eq!(world.stack.sandbox().calls(JWKS).await, 1);
}

/// R29: another issuer, another environment, a profile's token, a user's token in other hands, too old, too young.
#[tokio::test]
async fn other_tokens_are_denied() {
    let world = World::accepting(&[]).await;
    let now = world.stack.clock.now().seconds();
    let with = |name: &str, value: Value| {
        let mut claims = session();
        claims[name] = value;
        claims
    };
    for claims in [
        with("iss", json!("https://evil.example")),
        with("client_id", json!("client_other")),
        with("exp", json!(now - 60)),
        with("exp", Value::Null),
        with("nbf", json!(now + 61)),
        with("sid", Value::Null),
        json!({ "sub": "prof_01", "client_id": "client_sandbox" }),
        json!({ "sub": "user_01", "sid": "app_consent_01", "client_id": "client_app", "aud": "client_sandbox" }),
    ] {
        let token = world.token(claims.clone()).await;
        assert_eq!(world.denial(&token).await, "token_refused", "{claims}");
        assert_eq!(world.answer(&format!("Bearer {token}")).await, json!({ "isAuthorized": false }));
    }
    let mut token = world.token(session()).await;
    token.replace_range(token.len() - 6.., "AAAAAA");
    assert_eq!(world.denial(&token).await, "token_refused");
    assert_eq!(world.denial("a.b.c").await, "token_refused");
}

/// A session of ours is still a session of ours; a token of WorkOS's is no cookie.
#[tokio::test]
async fn sessions_and_tokens_are_never_mixed_up() {
    let world = World::accepting(&[]).await;
    let ada = world.stack.browser();
    ada.signed_in(at::OKTA, "ada@acme.com").await;
    let answer = world.answer(&format!("Bearer {}", ada.session_token().unwrap())).await;
    assert_eq!(answer["isAuthorized"], json!(true));
    assert_eq!(answer["context"]["kind"], "session");
    assert_eq!(answer["context"]["org"], "org_01SANDBOXACME");
    let cookie = format!("{SESSION}={}", world.token(session()).await);
    let Decision(decision) =
        authorizer::authorize(&world.instance.authorizer, &Event::new(BTreeMap::new(), vec![cookie])).await;
    assert_eq!(decision.unwrap_err().code(), "token_refused");
    assert_eq!(world.stack.sandbox().calls(JWKS).await, 0);
}

/// Off unless listed; and then WorkOS is not asked for anything (R77: neither is it at the start of the function).
#[tokio::test]
async fn without_a_list_nothing_of_workos_is_accepted() {
    let world = World::new(&[]).await;
    assert_eq!(world.denial(&world.token(session()).await).await, "token_refused");
    assert_eq!(world.stack.sandbox().calls(JWKS).await, 0);
    let world = World::accepting(&[]).await;
    assert_eq!(world.stack.sandbox().calls(JWKS).await, 0);
}

/// R39, lesson 14: without keys nobody is let in; with the keys of before an outage costs nothing.
#[tokio::test]
async fn an_outage_of_the_keys_denies_only_who_was_never_known() {
    let world = World::accepting(&[("WORKOS_JWKS_SECONDS", "60")]).await;
    let sandbox = world.stack.sandbox();
    let token = world.token(session()).await;
    sandbox.fault(json!({ "path": JWKS, "kind": "status", "status": 404 })).await;
    assert_eq!(world.denial(&token).await, "unavailable");
    sandbox.heal().await;
    assert_eq!(world.denial(&token).await, "unavailable", "asked again within the cooldown");
    world.stack.advance(10);
    assert_eq!(world.answer(&format!("Bearer {token}")).await["isAuthorized"], json!(true));
    sandbox.fault(json!({ "path": JWKS, "kind": "status", "status": 404 })).await;
    world.stack.advance(120);
    assert_eq!(world.answer(&format!("Bearer {token}")).await["isAuthorized"], json!(true));
}

/// The token beside the profile is verified where that is asked for, and a login without a good one does not end well.
#[tokio::test]
async fn the_callback_verifies_the_token_beside_the_profile() {
    for (settings, calls) in [(&[][..], 0), (&[("VERIFY_SSO_TOKEN", "true")][..], 1)] {
        let world = World::new(settings).await;
        let ada = world.instance.visited_by(&world.stack.browser());
        ada.signed_in(at::OKTA, "ada@acme.com").await;
        assert_eq!(world.stack.sandbox().calls(JWKS).await, calls);
    }
    let world =
        World::new(&[("VERIFY_SSO_TOKEN", "true"), ("ACCEPTED_WORKOS_ISSUERS", "https://auth.example.com")])
            .await;
    let ada = world.instance.visited_by(&world.stack.browser());
    let answer = ada.sign_in(at::OKTA, "ada@acme.com").await;
    assert!(answer.cookie(SESSION).is_none() && answer.is_page(), "{}", answer.body);
    assert_eq!(world.stack.counted("login_failure", Some("sso_token_refused")), 1);
    assert!(world.stack.users().await.is_empty());

    let world = World::new(&[("VERIFY_SSO_TOKEN", "true")]).await;
    world.stack.sandbox().fault(json!({ "path": JWKS, "kind": "status", "status": 404 })).await;
    let ada = world.instance.visited_by(&world.stack.browser());
    assert_eq!(ada.sign_in(at::OKTA, "ada@acme.com").await.status, 503);
}
