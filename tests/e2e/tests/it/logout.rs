//! Signing out: here first, at the IdP where that is possible, and always with an end.

use e2e::{Answer, Browser, SESSION, Stack, at};
use serde_json::json;

async fn signed_in(stack: &Stack, selector: &str, email: &str) -> Browser {
    let browser = stack.browser();
    browser.signed_in(selector, email).await;
    browser
}

fn assert_signed_out_page(page: &Answer) {
    assert_eq!(page.status, 200);
    assert!(page.body.contains("You are signed out"), "{}", page.body);
    // Nothing starts by itself: a button, and that is all.
    assert!(
        !page.body.contains("<script")
            && !page.body.contains("http-equiv")
            && !page.headers.contains_key("refresh")
    );
    assert_eq!(page.button().path(), "/login");
}

/// R35: after signing out the old token opens nothing, for nobody, and signing out again is no error.
#[tokio::test]
async fn signing_out_is_final_and_idempotent() {
    let stack = Stack::start().await;
    for path in ["/auth/logout", "/logout"] {
        let browser = signed_in(&stack, at::OKTA, "ada@acme.com").await;
        let token = browser.session_token().unwrap();
        let answer = browser.post_form(path, &[]).await;
        assert_eq!((answer.status, answer.location()), (303, stack.url("/auth/logout")));
        assert!(answer.cookie(SESSION).unwrap().clears());
        assert_signed_out_page(&browser.get("/auth/logout").await);
        assert_eq!(stack.sessions().await.len(), 0);

        let thief = stack.browser();
        thief.jar().plant(&stack.url("/"), SESSION, &token);
        assert_eq!(thief.session().await.code(), "session_gone");
        thief.jar().plant(&stack.url("/"), SESSION, &token);
        assert_eq!(thief.get("/dashboard").await.status, 401);
        assert_eq!(thief.get("/auth/account").await.status, 401);
        for _ in 0..2 {
            thief.jar().plant(&stack.url("/"), SESSION, &token);
            let again = thief.post_form(path, &[]).await;
            assert_eq!((again.status, again.location()), (303, stack.url("/auth/logout")));
            assert!(again.cookie(SESSION).unwrap().clears());
        }
        assert_eq!(stack.browser().post_form(path, &[]).await.status, 303, "without a session");
    }
    let ended = stack.audit().await.iter().filter(|event| event.text("action") == "session.ended").count();
    assert_eq!(ended, 2);
}

/// R35: also with a session that is over already.
#[tokio::test]
async fn a_session_that_is_over_can_be_signed_out() {
    let stack = Stack::start().await;
    let browser = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    stack.advance(30_000);
    assert_signed_out_page(&browser.get("/auth/logout").await);
    let browser = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    stack.advance(30_000);
    let answer = browser.post_form("/auth/logout", &[]).await;
    assert_eq!(answer.status, 303);
    assert!(answer.cookie(SESSION).unwrap().clears());
}

/// With OpenID Connect the IdP's session ends too; our own is dead before WorkOS is asked.
#[tokio::test]
async fn an_oidc_connection_is_signed_out_at_the_idp() {
    let stack = Stack::start().await;
    let browser = signed_in(&stack, at::GLOBEX, "hank@globex.com").await;
    stack.sandbox().forget().await;
    stack.sandbox().fault(json!({"path": "/sso/logout", "kind": "delay", "delay_ms": 300, "count": 1})).await;
    let watch = async {
        while stack.sandbox().calls("/sso/logout").await == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(stack.sessions().await.len(), 0, "local first");
    };
    let (answer, ()) = tokio::join!(browser.post_form("/auth/logout", &[]), watch);
    let location = answer.location();
    assert_eq!(answer.status, 303);
    assert!(
        location.as_str().starts_with(&format!("{}/sso/logout?token=", stack.sandbox_url())),
        "{location}"
    );
    assert!(answer.cookie(SESSION).unwrap().clears());
    let signed_out = browser.get(location.as_str()).await.location();
    let page = browser.get(signed_out.as_str()).await;
    assert!(page.body.contains("Signed out of the identity provider"), "{}", page.body);
    assert_eq!(browser.session().await.status, 401);
}

/// SAML has no such thing: the way ends on our own page, and WorkOS is not asked.
#[tokio::test]
async fn a_saml_connection_ends_on_our_own_page() {
    let stack = Stack::start().await;
    let browser = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    stack.sandbox().forget().await;
    let answer = browser.post_form("/auth/logout", &[]).await;
    assert_eq!(answer.location(), stack.url("/auth/logout"));
    assert_signed_out_page(&browser.get(answer.location().as_str()).await);
    assert_eq!(stack.sandbox().requests().await, []);
}

/// R35: whatever the IdP's side does, leaving works.
#[tokio::test]
async fn leaving_works_with_everything_upstream_down() {
    let stack = Stack::start().await;
    for fault in [
        json!({"path": "/sso/logout", "kind": "status", "status": 500}),
        json!({"path": "/sso/logout", "kind": "status", "status": 400}),
        json!({"path": "/sso/logout", "kind": "status", "status": 401}),
        json!({"path": "/sso/logout", "kind": "rate_limit"}),
        json!({"path": "/sso/logout", "kind": "cut"}),
        json!({"path": "/sso/logout", "kind": "malformed"}),
    ] {
        let browser = signed_in(&stack, at::GLOBEX, "hank@globex.com").await;
        stack.sandbox().fault(fault.clone()).await;
        let answer = browser.post_form("/auth/logout", &[]).await;
        assert_eq!((answer.status, answer.location()), (303, stack.url("/auth/logout")), "{fault}");
        assert!(answer.cookie(SESSION).unwrap().clears(), "{fault}");
        assert_signed_out_page(&browser.get("/auth/logout").await);
        assert_eq!(stack.sessions().await.len(), 0, "{fault}");
        stack.sandbox().heal().await;
    }
}
