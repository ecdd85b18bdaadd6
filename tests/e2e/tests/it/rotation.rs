//! Secrets change while the functions run. Nobody is signed out, nothing is deployed.

use std::time::Duration;

use e2e::{API_KEY_SECRET, SESSION, SIGNING_KEYS_SECRET, Stack, at};
use secrecy::ExposeSecret;
use serde_json::json;
use tokens::{KeyRing, PrivateKey};

/// R70: the API key is rotated at WorkOS and in its secret; the next login finds out by itself, with the code untouched.
#[tokio::test]
async fn a_new_api_key_is_picked_up() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    let good = stack.running.secrets.get(API_KEY_SECRET).unwrap();
    stack
        .running
        .secrets
        .put(API_KEY_SECRET, &json!({"api_key": "sk_test_of_yesterday"}).to_string())
        .unwrap();
    let deployment = stack.deployed(&[]).await;
    stack.running.secrets.put(API_KEY_SECRET, &good).unwrap();
    stack.advance(11);
    let browser = deployment.visited_by(&stack.browser());
    stack.sandbox().forget().await;
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let exchanges: Vec<_> =
        stack.sandbox().requests().await.into_iter().filter(|call| call.path == "/sso/token").collect();
    assert_eq!(exchanges.iter().map(|call| call.status).collect::<Vec<_>>(), [Some(400), Some(200)]);
    // From now on it is the key.
    stack.sandbox().forget().await;
    deployment.visited_by(&stack.browser()).signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(stack.sandbox().calls("/sso/token").await, 1);
}

/// R70: so does the first login of a company, whose organization is asked for with the old key beside the exchange.
#[tokio::test]
async fn a_new_api_key_is_picked_up_by_the_first_login_of_a_company() {
    let stack = Stack::start().await;
    let good = stack.running.secrets.get(API_KEY_SECRET).unwrap();
    let old = json!({"api_key": "sk_test_of_yesterday"}).to_string();
    stack.running.secrets.put(API_KEY_SECRET, &old).unwrap();
    let deployment = stack.deployed(&[]).await;
    stack.running.secrets.put(API_KEY_SECRET, &good).unwrap();
    stack.advance(11);
    stack.sandbox().forget().await;
    deployment.visited_by(&stack.browser()).signed_in(at::GLOBEX, "hank@globex.com").await;
    let asked: Vec<_> = stack.sandbox().requests().await;
    let statuses = |path: &str| {
        asked.iter().filter(|call| call.path.starts_with(path)).map(|call| call.status).collect::<Vec<_>>()
    };
    assert_eq!(statuses("/organizations/"), [Some(401), Some(200)]);
    assert_eq!(statuses("/sso/token"), [Some(400), Some(200)]);
}

/// R70: also without any refusal, within five minutes.
#[tokio::test]
async fn a_secret_is_read_again_after_five_minutes() {
    let stack = Stack::start().await;
    let deployment = stack.deployed(&[]).await;
    stack.running.secrets.put(API_KEY_SECRET, &json!({"api_key": "sk_test_wrong"}).to_string()).unwrap();
    stack.advance(299);
    deployment.visited_by(&stack.browser()).signed_in(at::OKTA, "ada@acme.com").await;
    stack.advance(2);
    let page = deployment.visited_by(&stack.browser()).sign_in(at::OKTA, "ada@acme.com").await;
    assert_eq!((page.status, page.code().as_str()), (503, "try_later"), "a wrong key is trouble of ours");
}

/// R32: publish, wait, promote. Sessions from before live on, new tokens carry the new key, and no moment refuses anybody.
#[tokio::test]
async fn signing_keys_follow_one_another() {
    let stack = Stack::start().await;
    let (store, secrets) = (&stack.running.store, &stack.running.secrets);
    let (strict, signature) =
        (stack.deployed(&[]).await, stack.deployed(&[("AUTHORIZER_MODE", "signature")]).await);
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let old = browser.session_token().unwrap();
    let allowed = |token: &str| {
        let event = authorizer::Event::new(Default::default(), vec![format!("{SESSION}={token}")]);
        let (strict, signature) = (strict.authorizer.clone(), signature.authorizer.clone());
        async move {
            let (strict, signature) = tokio::join!(
                authorizer::authorize(&strict, &event),
                authorizer::authorize(&signature, &event)
            );
            (strict.0.is_ok(), signature.0.is_ok())
        }
    };
    assert_eq!(allowed(&old).await, (true, true));

    let ring = || KeyRing::from_json(&secrets.get(SIGNING_KEYS_SECRET).unwrap()).unwrap();
    let first = ring().active();
    let published = ring().publish(PrivateKey::generate_es256().unwrap(), stack.clock.now()).unwrap();
    let (_, revision) = store.public_keys_at().await.unwrap().unwrap();
    assert!(store.publish_keys(&published.public(None), Some(revision)).await.unwrap());
    secrets.put(SIGNING_KEYS_SECRET, published.to_json().unwrap().expose_secret()).unwrap();
    stack.advance(300);
    let promoted = ring().promote(stack.clock.now(), Duration::from_secs(300)).unwrap();
    secrets.put(SIGNING_KEYS_SECRET, promoted.to_json().unwrap().expose_secret()).unwrap();
    let (_, revision) = store.public_keys_at().await.unwrap().unwrap();
    assert!(store.publish_keys(&promoted.public(None), Some(revision)).await.unwrap());
    assert_ne!(promoted.active(), first);

    // An instance that still holds the old ring, and one that starts now, side by side.
    let instance = stack.deployed(&[]).await;
    let new = instance.visited_by(&stack.browser());
    new.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(allowed(&new.session_token().unwrap()).await, (true, true));
    assert_eq!(allowed(&old).await, (true, true), "within the leeway of its expiry");
    assert_eq!(browser.session().await.status, 200);
    assert_eq!(allowed(&browser.session_token().unwrap()).await, (true, true));
    stack.advance(301);
    assert_eq!(browser.session().await.status, 200);
    let renewed = browser.session_token().unwrap();
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(header(&renewed), header(&old), "signed with the new key");
    assert_eq!(header(&renewed), header(&new.session_token().unwrap()));
    // Hours later the retired key still opens a living session, for strict checks only.
    stack.advance(20_000);
    assert_eq!(browser.session().await.status, 200);
    assert_eq!(allowed(&old).await, (true, false));
    let keys = browser.get_json("/.well-known/jwks.json").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1, "outside verifiers need it no more");
}
