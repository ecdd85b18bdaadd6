//! A click on a tile in the IdP's portal: a code that nobody here asked for.

use e2e::{Browser, SESSION, Stack, at};
use serde_json::json;

const TILE: &str = "/tile/conn_01SANDBOXACMEOKTA?email=ada@acme.com";

async fn click(stack: &Stack, browser: &Browser, tile: &str) -> url::Url {
    browser.get(format!("{}{tile}", stack.sandbox_url())).await.location()
}

/// R06: by default the code is thrown away and a page says where to start.
#[tokio::test]
async fn an_unsolicited_code_is_never_redeemed() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let callback = click(&stack, &browser, TILE).await;
    assert!(callback.query().unwrap().starts_with("code=") && !callback.query().unwrap().contains("state"));
    let page = browser.get(callback.as_str()).await;
    assert_eq!((page.status, page.code().as_str()), (400, "start_from_here"));
    assert!(page.body.contains("Invalid state"));
    // Bare `/login` leads nowhere here, so the button does not lead there.
    assert_eq!(page.button().path(), "/dashboard");
    assert_eq!(browser.get_json(callback.as_str()).await.code(), "start_from_here");
    // Not even beside a login of the browser's own.
    browser.depart(at::OKTA).await;
    for spoiled in [callback.to_string(), format!("{callback}&state=")] {
        let page = browser.get(&spoiled).await;
        assert_eq!(page.status, 400);
        assert!(page.cookies().is_empty());
    }
    assert_eq!(stack.sandbox().calls("/sso/token").await, 0);
    assert_eq!((stack.sessions().await.len(), stack.users().await.len()), (0, 0));
}

/// R06: where it is allowed, a login of our own starts, once a minute and browser.
#[tokio::test]
async fn a_restart_happens_once() {
    let stack = Stack::with(&[("IDP_INITIATED", "restart"), ("DEFAULT_SELECTOR", at::OKTA)]).await;
    let browser = stack.browser();
    let callback = click(&stack, &browser, TILE).await;
    let bounce = browser.get(callback.as_str()).await;
    assert_eq!((bounce.status, bounce.location()), (303, stack.url(&format!("/login?{}", at::OKTA))));
    // Once more within the minute: a connection that answers logins with tiles would go round for ever.
    let again = click(&stack, &browser, TILE).await;
    let page = browser.get(again.as_str()).await;
    assert_eq!((page.status, page.code().as_str()), (400, "start_from_here"));
    // The login that was started ends like any other.
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(stack.sandbox().calls("/sso/token").await, 1);

    let later = stack.browser();
    assert_eq!(later.get(callback.as_str()).await.status, 303);
    stack.advance(61);
    assert_eq!(later.get(callback.as_str()).await.status, 303);
}

/// R06: the connection that the IdP's error names is the one to start with; anything else named there is not followed.
#[tokio::test]
async fn the_named_connection_is_started() {
    let stack = Stack::with(&[("IDP_INITIATED", "restart")]).await;
    // Wayfarer's connection takes no logins from the portal and says so, with its id.
    let callback =
        click(&stack, &stack.browser(), "/tile/conn_01SANDBOXWAYFARERJUMPCLOUD?email=ines@wayfarer.example")
            .await;
    assert!(callback.query().unwrap().contains("error=idp_initiated_sso_disabled"));
    let bounce = stack.browser().get(callback.as_str()).await;
    assert_eq!(bounce.location(), stack.url("/login?connection=conn_01SANDBOXWAYFARERJUMPCLOUD"));
    for (query, status) in [
        ("code=x", 400),
        ("code=x&connection_id=https://evil.example", 400),
        ("code=x&connection_id=org_01SANDBOXACME", 400),
        ("code=x&connection_id=conn_a%26return_to%3Dhttps://evil.example", 400),
        ("code=x&connection_id=conn_a&connection_id=conn_b", 400),
        ("error=idp_initiated_sso_disabled", 400),
    ] {
        let answer = stack.browser().get(format!("/auth/callback?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.cookies().is_empty(), "{query}");
    }
    let bounce = stack
        .browser()
        .get("/auth/callback?code=x&connection_id=conn_a&return_to=https://evil.example")
        .await;
    assert_eq!(bounce.location(), stack.url("/login?connection=conn_a"));
}

/// R06: a tenant may decide otherwise than the environment.
#[tokio::test]
async fn a_tenant_decides_for_itself() {
    let stack = Stack::with(&[("DEFAULT_SELECTOR", at::OKTA)]).await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    let callback = click(&stack, &stack.browser(), TILE).await;
    assert_eq!(stack.browser().get(callback.as_str()).await.status, 400);
    stack.set_policy(json!({ "idp_initiated": "restart" })).await;
    assert_eq!(stack.browser().get(callback.as_str()).await.status, 303);
}

/// R06, R07: somebody who is signed in and clicks the tile is not disturbed.
#[tokio::test]
async fn a_tile_with_a_live_session_leads_to_the_app() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let callback = click(&stack, &browser, TILE).await;
    let answer = browser.get(callback.as_str()).await;
    assert_eq!((answer.status, answer.location()), (303, stack.url("/dashboard")));
    assert!(answer.cookie(SESSION).is_none());
    assert_eq!(browser.session().await.json()["user"]["email"], "ben.fischer@acme.com");
}
