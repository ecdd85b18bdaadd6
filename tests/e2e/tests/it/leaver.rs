//! Somebody is deactivated while signing in. Whichever step it hits, there is no session afterwards.

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::{Browser, Item, SESSION, Stack, at};
use serde_json::json;

async fn ada(stack: &Stack) -> Item {
    let [user] = <[_; 1]>::try_from(stack.users().await).unwrap();
    user
}

async fn callback(browser: &Browser) -> String {
    let departure = browser.depart(at::OKTA).await;
    browser.at_idp(&departure, "ada@acme.com").await.to_string()
}

/// A deactivated person is refused, and a session from before is dead at the next look.
#[tokio::test]
async fn a_deactivated_person_stays_outside() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    stack.deactivate(&ada(&stack).await).await;
    let answer = browser.session().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "user_inactive"));
    assert_eq!(browser.get("/dashboard").await.status, 401);
    let page = stack.browser().sign_in(at::OKTA, "ada@acme.com").await;
    assert_eq!((page.status, page.code().as_str()), (403, "user_deactivated"));
    assert!(page.cookie(SESSION).is_none());
    assert_eq!(stack.counted("login_failure", Some("user_deactivated")), 1);
    assert_eq!(stack.sessions().await.len(), 1, "no new one");
}

/// Between the exchange and the reading of the user.
#[tokio::test]
async fn deactivated_during_the_exchange() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    let before = stack.sessions().await;
    let browser = stack.browser();
    let url = callback(&browser).await;
    stack.sandbox().forget().await;
    stack.sandbox().fault(json!({"path": "/sso/token", "kind": "delay", "delay_ms": 300, "count": 1})).await;
    let deactivate = async {
        while stack.sandbox().calls("/sso/token").await == 0 {
            tokio::task::yield_now().await;
        }
        stack.deactivate(&ada(&stack).await).await;
    };
    let (page, ()) = tokio::join!(browser.get(&url), deactivate);
    assert_eq!((page.status, page.code().as_str()), (403, "user_deactivated"));
    assert!(page.cookie(SESSION).is_none());
    assert_eq!(stack.sessions().await, before);
}

/// Between the reading of the user and the writing of the session: the leaver's event wins.
#[tokio::test]
async fn deactivated_between_read_and_write() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    let before = stack.sessions().await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = deployment.visited_by(&stack.browser());
    let url = callback(&browser).await;
    let mut held = proxy.hold("TransactWriteItems");
    let deactivate = async {
        held.arrived().await;
        stack.deactivate(&ada(&stack).await).await;
        held.let_go();
    };
    let (page, ()) = tokio::join!(browser.get(&url), deactivate);
    assert_eq!((page.status, page.code().as_str()), (403, "user_deactivated"));
    assert!(page.cookie(SESSION).is_none());
    assert_eq!(stack.sessions().await, before);
    let actions = stack.audit().await.iter().filter(|event| event.text("action") == "user.signed_in").count();
    assert_eq!(actions, 1, "what did not happen is in no log");
}

/// Signed out everywhere in that moment, and still active: the login goes on with what is true now.
#[tokio::test]
async fn signed_out_everywhere_between_read_and_write() {
    let stack = Stack::start().await;
    let elsewhere = stack.browser();
    elsewhere.signed_in(at::OKTA, "ada@acme.com").await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = deployment.visited_by(&stack.browser());
    let url = callback(&browser).await;
    let mut held = proxy.hold("TransactWriteItems");
    let raise = async {
        held.arrived().await;
        stack.set(&ada(&stack).await, "generation", AttributeValue::N("7".to_owned())).await;
        held.let_go();
    };
    let (answer, ()) = tokio::join!(browser.get(&url), raise);
    assert_eq!(answer.status, 303);
    assert_eq!(browser.session().await.status, 200);
    assert_eq!(elsewhere.session().await.code(), "user_revoked");
    assert_eq!(ada(&stack).await.number("generation"), 7);
}

/// Somebody else's login created this very user in that moment: one user, and both are signed in.
#[tokio::test]
async fn created_between_read_and_write() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let (slow, quick) = (deployment.visited_by(&stack.browser()), stack.browser());
    let url = callback(&slow).await;
    let mut held = proxy.hold("TransactWriteItems");
    let overtake = async {
        held.arrived().await;
        quick.signed_in(at::OKTA, "ada@acme.com").await;
        held.let_go();
    };
    let (answer, ()) = tokio::join!(slow.get(&url), overtake);
    assert_eq!(answer.status, 303);
    assert_eq!(stack.users().await.len(), 2);
    let (one, other) = (slow.session().await.json(), quick.session().await.json());
    assert_eq!(one["user"]["id"], other["user"]["id"]);
}
