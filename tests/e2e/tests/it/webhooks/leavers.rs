//! Hired, fired, hired again: what directories say reaches people's sessions at once.

use e2e::dsync::{directory, person, with};
use e2e::{SESSION, Stack, at};
use serde_json::{Value, json};

use super::people::counted;

/// R58, R60: a leaver is out with the very answer to WorkOS, and a returning person is the same user, whatever the
/// directory calls them now.
#[tokio::test]
async fn hired_fired_and_hired_again() {
    let stack = Stack::start().await;
    let ada = person("ADA1", "ada@acme.com");
    assert_eq!(stack.delivered(&stack.event("01", "dsync.user.created", ada.clone())).await, "applied");
    let [user] = <[_; 1]>::try_from(stack.users().await).unwrap();
    assert_eq!(user.text("email"), "ada@acme.com");

    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(browser.session().await.json()["user"]["id"], user.text("id"));
    let token = browser.session_token().unwrap();

    stack.advance(7);
    let fired = stack.event("02", "dsync.user.deleted", ada.clone());
    stack.advance(2);
    assert_eq!(stack.delivered(&fired).await, "applied");
    let over = browser.session().await;
    assert_eq!((over.status, over.code().as_str()), (401, "user_inactive"));
    let page = stack.browser().sign_in(at::OKTA, "ada@acme.com").await;
    assert_eq!((page.status, page.code().as_str()), (403, "user_deactivated"));
    assert!(page.cookie(SESSION).is_none());
    let lags: Vec<f64> = stack
        .metrics
        .lines()
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).unwrap()["deprovision_lag"].as_f64())
        .collect();
    assert_eq!(lags, [2000.0]);

    stack.advance(60);
    let rehired = person("ADA2", "ada@acme.com");
    assert_eq!(stack.delivered(&stack.event("03", "dsync.user.created", rehired)).await, "applied");
    // Whoever kept the cookie although they were told to drop it.
    let kept = format!("{SESSION}={token}");
    let again = stack.browser();
    let again =
        again.ask("GET", "/auth/session").header("accept", "application/json").header("cookie", &kept);
    let again = again.send().await;
    assert_eq!((again.status, again.code().as_str()), (401, "user_revoked"), "what was ended stays ended");
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(browser.session().await.json()["user"]["id"], user.text("id"));
    assert_eq!(stack.users().await.len(), 1);
    assert_eq!(counted(&stack, "applied", "dsync.user.created"), 2);
    assert_eq!(counted(&stack, "applied", "dsync.user.deleted"), 1);
}

/// R58: every word that is not "active" ends access, and so does the end of the directory.
#[tokio::test]
async fn every_way_of_leaving_ends_the_session() {
    for (n, (kind, data)) in [
        ("dsync.user.updated", with(person("ADA1", "ada@acme.com"), &json!({"state": "inactive"}))),
        ("dsync.user.updated", with(person("ADA1", "ada@acme.com"), &json!({"state": "suspended"}))),
        ("dsync.deleted", directory()),
    ]
    .into_iter()
    .enumerate()
    {
        let stack = Stack::start().await;
        stack.delivered(&stack.event("01", "dsync.activated", directory())).await;
        stack.delivered(&stack.event("02", "dsync.user.created", person("ADA1", "ada@acme.com"))).await;
        let browser = stack.browser();
        browser.signed_in(at::OKTA, "ada@acme.com").await;
        stack.advance(1);
        assert_eq!(stack.delivered(&stack.event("03", kind, data)).await, "applied", "{n} {kind}");
        assert_eq!(browser.session().await.status, 401, "{n} {kind}");
        let page = stack.browser().sign_in(at::OKTA, "ada@acme.com").await;
        assert_eq!(page.status, 403, "{n} {kind}: {}", page.body);
    }
}
