//! The authorizer in front of the adopter's own API: the same sessions, two strengths of checking.

use std::collections::BTreeMap;

use authorizer::{Decision, Event};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{Browser, Deployment, SESSION, Stack, at};
use serde_json::{Value, json};
use tokens::{KeyRing, PrivateKey, SessionClaims};

const SIGNATURE: &[(&str, &str)] = &[("AUTHORIZER_MODE", "signature")];

pub(crate) fn cookie(token: &str) -> Event {
    Event::new(BTreeMap::new(), vec!["theme=dark".to_owned(), format!("{SESSION}={token}")])
}

fn bearer(token: &str) -> Event {
    Event::new([("Authorization".to_owned(), format!("Bearer {token}"))].into(), Vec::new())
}

/// What the gateway would be answered.
async fn verdict(deployment: &Deployment, event: &Event) -> Value {
    let response = authorizer::authorize(&deployment.authorizer, event).await.into_response();
    serde_json::to_value(response).unwrap()
}

pub(crate) async fn reason(deployment: &Deployment, event: &Event) -> &'static str {
    match authorizer::authorize(&deployment.authorizer, event).await {
        Decision(Ok(_)) => "allowed",
        Decision(Err(denial)) => denial.code(),
    }
}

async fn ada(stack: &Stack) -> (Browser, String) {
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let token = browser.session_token().unwrap();
    (browser, token)
}

/// The claims of this token with some of them changed, signed with the product's own key.
pub(crate) fn forged(stack: &Stack, token: &str, change: impl FnOnce(&mut SessionClaims)) -> String {
    let secret = stack.running.secrets.get(e2e::SIGNING_KEYS_SECRET).unwrap();
    let mut claims = claims(token);
    change(&mut claims);
    KeyRing::from_json(&secret).unwrap().sign(&claims).unwrap().expose().to_owned()
}

fn claims(token: &str) -> SessionClaims {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let said: Value = serde_json::from_slice(&payload).unwrap();
    let text = |name: &str| said[name].as_str().unwrap().to_owned();
    let words = |name: &str| {
        said[name].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
    };
    let number = |name: &str| said[name].as_i64().unwrap();
    SessionClaims {
        iss: text("iss"),
        aud: text("aud"),
        sub: text("sub").try_into().unwrap(),
        org: text("org").try_into().unwrap(),
        sid: text("sid").try_into().unwrap(),
        roles: words("roles"),
        amr: words("amr"),
        auth_time: number("auth_time"),
        mfa_time: None,
        iat: number("iat"),
        nbf: number("nbf"),
        exp: number("exp"),
    }
}

/// R38: yes is `true` with a context, no is `false` with none, whatever the route: an answer may be cached for another route.
#[tokio::test]
async fn verdicts_are_booleans_and_the_same_on_every_route() {
    let stack = Stack::start().await;
    let (browser, token) = ada(&stack).await;
    let said = browser.session().await.json();
    for settings in [&[][..], SIGNATURE] {
        let deployment = stack.deployed(settings).await;
        let mut verdicts = Vec::new();
        for (method, path) in [("GET", "/reports"), ("DELETE", "/users/1"), ("POST", "/")] {
            let event = json!({
                "version": "2.0", "type": "REQUEST", "routeKey": format!("{method} {path}"), "rawPath": path,
                "routeArn": format!("arn:aws:execute-api:eu-west-1:1:api/$default/{method}{path}"),
                "identitySource": [], "cookies": [format!("{SESSION}={token}")], "headers": {"host": "api.example.com"},
                "requestContext": {"http": {"method": method, "path": path}}, "stageVariables": {}
            });
            verdicts.push(verdict(&deployment, &serde_json::from_value(event).unwrap()).await);
        }
        let expected = json!({
            "isAuthorized": true,
            "context": {
                "kind": "session", "sub": said["user"]["id"], "org": "org_01SANDBOXACME", "sid": said["session"]["id"],
                "roles": ["admin"], "amr": ["sso"], "auth_time": stack.clock.now().seconds(),
            }
        });
        assert!(verdicts.iter().all(|verdict| *verdict == expected), "{verdicts:?}");
        assert_eq!(verdict(&deployment, &bearer(&token)).await, expected);
        for nobody in
            [Event::default(), cookie(""), cookie("junk"), cookie("a.b.c"), bearer("a.b.c"), bearer("")]
        {
            assert_eq!(verdict(&deployment, &nobody).await, json!({"isAuthorized": false}));
        }
    }
}

/// A Bearer token that is wrong is not made good by a cookie, and a cookie under another name is none.
#[tokio::test]
async fn only_the_presented_token_counts() {
    let stack = Stack::start().await;
    let (_, token) = ada(&stack).await;
    let deployment = stack.deployed(&[]).await;
    let headers = |value: &str| [("authorization".to_owned(), value.to_owned())].into();
    let cookies = || vec![format!("{SESSION}={token}")];
    assert_eq!(reason(&deployment, &Event::new(headers("Bearer junk"), cookies())).await, "token_refused");
    assert_eq!(reason(&deployment, &Event::new(headers("Basic YTpi"), cookies())).await, "allowed");
    for name in ["session", "__Secure-session", "__host-session", "__Host-Session", "__%48ost-session"] {
        let event = Event::new(BTreeMap::new(), vec![format!("{name}={token}")]);
        assert_eq!(reason(&deployment, &event).await, "no_session", "{name}");
    }
}

/// R31, R29: the leeway is sixty seconds in both directions. Strict mode takes an expired token of a living session.
#[tokio::test]
async fn times_are_taken_to_the_second() {
    let stack = Stack::start().await;
    let (_, token) = ada(&stack).await;
    let (strict, signature) = (stack.deployed(&[]).await, stack.deployed(SIGNATURE).await);
    let now = stack.clock.now().seconds();
    for (ahead, expected) in [(59, "allowed"), (60, "allowed"), (61, "token_refused")] {
        let early = forged(&stack, &token, |claims| claims.nbf = now + ahead);
        assert_eq!(reason(&signature, &bearer(&early)).await, expected, "nbf {ahead}");
        assert_eq!(reason(&strict, &bearer(&early)).await, expected, "nbf {ahead}");
    }
    stack.advance(300 + 59);
    assert_eq!(reason(&signature, &cookie(&token)).await, "allowed");
    stack.advance(2);
    assert_eq!(reason(&signature, &cookie(&token)).await, "token_refused");
    assert_eq!(reason(&strict, &cookie(&token)).await, "allowed");
    stack.advance(28_800);
    assert_eq!(reason(&strict, &cookie(&token)).await, "session_idle");
}

/// R29, R47: another issuer's or audience's token, and one whose ids do not belong together, open nothing.
#[tokio::test]
async fn forged_claims_open_nothing() {
    let stack = Stack::start().await;
    let (_, token) = ada(&stack).await;
    let hank = stack.browser();
    hank.signed_in(at::GLOBEX, "hank@globex.com").await;
    let other = claims(&hank.session_token().unwrap());
    let strict = stack.deployed(&[]).await;
    let (org, sub, sid) = (other.org.clone(), other.sub.clone(), other.sid.clone());
    for (why, forged, expected) in [
        (
            "issuer",
            forged(&stack, &token, |claims| claims.iss = "https://evil.example".into()),
            "token_refused",
        ),
        (
            "audience",
            forged(&stack, &token, |claims| claims.aud = "https://evil.example".into()),
            "token_refused",
        ),
        ("organization", forged(&stack, &token, |claims| claims.org = org), "session_gone"),
        ("user", forged(&stack, &token, |claims| claims.sub = sub), "session_gone"),
        ("session", forged(&stack, &token, |claims| claims.sid = sid), "session_gone"),
    ] {
        assert_eq!(reason(&strict, &bearer(&forged)).await, expected, "{why}");
        let browser = stack.browser();
        let answer =
            browser.ask("GET", "/auth/session").header("cookie", &format!("{SESSION}={forged}")).send().await;
        assert_eq!(answer.status, 401, "{why}");
    }
    // Roles are the record's, not the token's.
    let promoted =
        forged(&stack, &hank.session_token().unwrap(), |claims| claims.roles = vec!["owner".into()]);
    assert_eq!(verdict(&strict, &bearer(&promoted)).await["context"]["roles"], json!(["admin"]));
}

/// R35, R28: whatever ends a session ends it at the next strict check; signature mode lets it live until its token expires.
#[tokio::test]
async fn strict_checks_see_the_end_at_once() {
    let stack = Stack::start().await;
    let (strict, signature) = (stack.deployed(&[]).await, stack.deployed(SIGNATURE).await);
    let (browser, token) = ada(&stack).await;
    browser.post_form("/auth/logout", &[]).await;
    assert_eq!(reason(&strict, &cookie(&token)).await, "session_gone");
    assert_eq!(reason(&signature, &cookie(&token)).await, "allowed");
    stack.advance(361);
    assert_eq!(reason(&signature, &cookie(&token)).await, "token_refused");

    let (browser, token) = ada(&stack).await;
    let (_, elsewhere) = ada(&stack).await;
    browser.post_form("/auth/account/end-others", &[]).await;
    assert_eq!(reason(&strict, &cookie(&elsewhere)).await, "user_revoked");
    assert_eq!(reason(&strict, &cookie(&token)).await, "allowed");
    stack.deactivate(&stack.users().await[0]).await;
    assert_eq!(reason(&strict, &cookie(&token)).await, "user_inactive");
    stack.advance(86_400);
    assert_eq!(reason(&strict, &cookie(&token)).await, "session_expired");
    // No session lasts longer than this, so the record is not even looked for.
    stack.advance(61);
    assert_eq!(reason(&strict, &cookie(&token)).await, "token_refused");
}

/// R39, R65: it fails closed. A strict check is one consistent batch read; signature mode reads the keys and nothing else, and its
/// init phase reads nothing at all (R77).
#[tokio::test]
async fn what_cannot_be_read_is_a_denial() {
    let stack = Stack::start().await;
    let (_, token) = ada(&stack).await;
    let proxy = stack.proxy().await;
    let (strict, signature) = (stack.behind(&proxy, &[]).await, stack.behind(&proxy, SIGNATURE).await);
    assert!(proxy.calls().is_empty(), "{:?}", proxy.calls());
    proxy.lose_everything();
    assert_eq!(reason(&strict, &cookie(&token)).await, "unavailable");
    assert_eq!(reason(&signature, &cookie(&token)).await, "unavailable");
    assert_eq!(verdict(&strict, &cookie(&token)).await, json!({"isAuthorized": false}));
    proxy.heal();
    proxy.forget();
    assert_eq!(reason(&strict, &cookie(&token)).await, "allowed");
    assert_eq!(proxy.calls(), BTreeMap::from([("BatchGetItem".to_owned(), 1), ("GetItem".to_owned(), 1)]));
    assert_eq!(reason(&signature, &cookie(&token)).await, "allowed");
    proxy.lose_everything();
    proxy.forget();
    assert_eq!(reason(&strict, &cookie(&token)).await, "unavailable");
    assert_eq!(reason(&signature, &cookie(&token)).await, "allowed");
    assert!(!proxy.calls().contains_key("GetItem"), "the keys are remembered");
    // An item of a shape that nobody knows is no reason to let somebody in.
    proxy.heal();
    let session = stack.sessions().await.remove(0);
    stack.set(&session, "v", aws_sdk_dynamodb::types::AttributeValue::N("99".to_owned())).await;
    assert_eq!(reason(&strict, &cookie(&token)).await, "unavailable");
}

/// R33: tokens with made-up key ids make one read per cooldown, not one each.
#[tokio::test]
async fn unknown_keys_are_asked_for_once() {
    let stack = Stack::start().await;
    let (_, token) = ada(&stack).await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    assert_eq!(reason(&deployment, &cookie(&token)).await, "allowed");
    let strangers: Vec<String> = (0..10)
        .map(|_| {
            let ring = KeyRing::new(PrivateKey::generate_es256().unwrap(), stack.clock.now());
            ring.sign(&claims(&token)).unwrap().expose().to_owned()
        })
        .collect();
    for wait in [0, 11, 5] {
        stack.advance(wait);
        proxy.forget();
        for stranger in &strangers {
            assert_eq!(reason(&deployment, &bearer(stranger)).await, "token_refused");
        }
        let reads = proxy.calls().get("GetItem").copied().unwrap_or_default();
        assert_eq!(reads, usize::from(wait > 10), "after {wait} s");
    }
}

/// R34: the floor ends every session of the environment within half a minute, in strict mode and at `/auth/session`.
#[tokio::test]
async fn everybody_is_ended_within_a_minute() {
    let stack = Stack::start().await;
    let (browser, token) = ada(&stack).await;
    let deployment = stack.deployed(&[]).await;
    assert_eq!(reason(&deployment, &cookie(&token)).await, "allowed");
    stack.advance(5);
    let (mut keys, revision) = stack.running.store.public_keys_at().await.unwrap().unwrap();
    keys.sessions_not_before = Some(stack.clock.now());
    assert!(stack.running.store.publish_keys(&keys, Some(revision)).await.unwrap());
    stack.advance(31);
    assert_eq!(reason(&deployment, &cookie(&token)).await, "environment_revoked");
    let answer = browser.session().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "environment_revoked"));
    assert!(answer.cookie(SESSION).unwrap().clears());
    let (_, new) = ada(&stack).await;
    assert_eq!(reason(&deployment, &cookie(&new)).await, "allowed");
}
