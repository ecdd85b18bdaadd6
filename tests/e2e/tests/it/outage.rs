//! What is behind the functions is away: WorkOS's directory for hours, or our own database.

use e2e::{Browser, SESSION, Stack, at};
use serde_json::json;

async fn break_directory(stack: &Stack) {
    for path in ["/organizations", "/connections"] {
        stack.sandbox().fault(json!({"path": path, "kind": "status", "status": 500})).await;
    }
}

/// While WorkOS cannot say what a tenant looks like, what it said within a day serves, and older words do not.
#[tokio::test]
async fn a_days_old_tenant_serves_through_an_outage() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    break_directory(&stack).await;
    stack.sandbox().forget().await;
    stack.advance(3600);
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(stack.sandbox().calls("/organizations").await, 0, "fresh for an hour");
    stack.advance(1);
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    assert!(stack.sandbox().calls("/organizations").await > 0);
    stack.advance(82_799);
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    stack.advance(1);
    let page = stack.browser().sign_in(at::OKTA, "ada@acme.com").await;
    assert_eq!((page.status, page.code().as_str()), (503, "try_later"));
    stack.sandbox().heal().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
}

/// Without its database every function says 503 and when to come back; nobody loses a cookie, and afterwards all goes on.
#[tokio::test]
async fn without_the_database_nobody_is_signed_out() {
    let stack = Stack::start().await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let ada = deployment.visited_by(&stack.browser());
    ada.signed_in(at::OKTA, "ada@acme.com").await;
    let (token, newcomer) = (ada.session_token(), deployment.visited_by(&stack.browser()));
    let departure = newcomer.depart(at::OKTA).await;
    let callback = newcomer.at_idp(&departure, "ben.fischer@acme.com").await;

    proxy.lose_everything();
    for path in ["/auth/session", "/auth/session?return_to=/dashboard", "/auth/account", "/auth/logout"] {
        let page = ada.get(path).await;
        assert_eq!((page.status, page.code().as_str()), (503, "try_later"), "{path}");
        assert!(page.cookies().is_empty(), "{path}");
        assert_eq!(page.header("retry-after"), "5", "{path}");
        assert_eq!(ada.get_json(path).await.code(), "try_later", "{path}");
    }
    for path in ["/auth/logout", "/auth/account/end-others"] {
        let page = ada.post_form(path, &[]).await;
        assert_eq!(
            (page.status, page.cookies().len()),
            (503, 0),
            "{path}: success is not answered for what was not done"
        );
    }
    let page = newcomer.get(format!("/login?{}", at::OKTA)).await;
    assert_eq!((page.status, page.cookies().len()), (503, 0));
    let page = newcomer.get(callback.as_str()).await;
    assert_eq!((page.status, page.code().as_str()), (503, "try_later"));
    assert!(page.cookie(SESSION).is_none());
    let page = ada.get("/auth/callback?code=x&state=y").await;
    assert_eq!(page.status, 503, "somebody who may be signed in is not told that the state is invalid");
    assert_eq!(ada.session_token(), token);

    proxy.heal();
    assert_eq!(ada.session().await.status, 200);
    assert_eq!(newcomer.get(callback.as_str()).await.status, 303, "the login was not spent");
}

/// Each write of a login is lost once: 503 and nothing half written, or nobody notices.
#[tokio::test]
async fn a_lost_write_leaves_nothing_half_done() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    for operation in ["TransactWriteItems", "GetItem", "BatchGetItem"] {
        let browser = deployment.visited_by(&stack.browser());
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.at_idp(&departure, "ada@acme.com").await;
        proxy.lose(operation);
        let page = browser.get(callback.as_str()).await;
        assert_eq!((page.status, page.code().as_str()), (503, "try_later"), "{operation}");
        assert!(page.cookie(SESSION).is_none(), "{operation}");
        assert_eq!((stack.users().await.len(), stack.sessions().await.len()), (1, 1), "{operation}");
        proxy.heal();
    }
    deployment.visited_by(&stack.browser()).signed_in(at::OKTA, "ada@acme.com").await;
}

/// R03: taking the login is tried once. When its answer is lost nobody is told that the state was wrong, and it is not done twice.
#[tokio::test]
async fn a_lost_answer_of_the_one_time_delete_is_trouble() {
    let stack = Stack::start().await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = deployment.visited_by(&stack.browser());
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    proxy.forget();
    proxy.lose_answer("DeleteItem");
    let page = browser.get(callback.as_str()).await;
    assert_eq!((page.status, page.code().as_str()), (503, "try_later"));
    assert_eq!(proxy.calls()["DeleteItem"], 1);
    assert_eq!(stack.logins().await.len(), 0);
    assert_eq!(stack.sandbox().calls("/sso/token").await, 0);
    proxy.heal();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
}

/// The answer of the commit is lost: the SDK asks again, and there is one user and one session that the browser holds.
#[tokio::test]
async fn a_lost_answer_of_the_commit_makes_one_user() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = deployment.visited_by(&stack.browser());
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    proxy.lose_one_answer("TransactWriteItems");
    let answer = browser.get(callback.as_str()).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(browser.session().await.json()["user"]["email"], "ada@acme.com");
    assert_eq!((stack.users().await.len(), stack.links().await.len()), (2, 2));
}

/// A function whose secrets could not be fetched at the start says 503 and spends nothing, until they are there.
#[tokio::test]
async fn without_secrets_nothing_is_spent() {
    let stack = Stack::start().await;
    for name in ["WORKOS_API_KEY_SECRET", "SIGNING_KEYS_SECRET"] {
        let secret =
            if name == "WORKOS_API_KEY_SECRET" { e2e::API_KEY_SECRET } else { e2e::SIGNING_KEYS_SECRET };
        let value = stack.running.secrets.get(secret).unwrap();
        let elsewhere = format!("elsewhere/{name}");
        let deployment = stack.deployed(&[(name, &elsewhere)]).await;
        let browser: Browser = deployment.visited_by(&stack.browser());
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.at_idp(&departure, "ada@acme.com").await;
        stack.sandbox().forget().await;
        let page = browser.get(callback.as_str()).await;
        assert_eq!((page.status, page.code().as_str()), (503, "try_later"), "{name}");
        assert_eq!(stack.sandbox().requests().await, [], "{name}");
        assert_eq!(browser.flows().len(), 1, "{name}");
        stack.running.secrets.put(&elsewhere, &value).unwrap();
        assert_eq!(browser.get(callback.as_str()).await.status, 303, "{name}");
    }
}
