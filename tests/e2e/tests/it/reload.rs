//! The callback URL once more: reload, back button, a tab that was restored; and what the answers carry.

use e2e::{Answer, SESSION, Stack, at};

fn assert_hidden(answer: &Answer, secrets: &[&str]) {
    let location = answer.header("location").to_owned();
    for secret in secrets {
        assert!(!location.contains(secret), "{location}");
        assert!(!answer.body.contains(secret));
    }
}

/// R07: with a live session the browser goes on to the page its login was for, and nothing is redeemed.
#[tokio::test]
async fn a_reload_leads_on_to_the_app() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let departure = browser.depart(&format!("{}&return_to=/reports", at::OKTA)).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    browser.get(callback.as_str()).await;
    let token = browser.session_token();
    for again in [
        callback.as_str(),
        callback.as_str(),
        "/auth/callback?code=other&state=other",
        "/auth/callback?error=access_denied&state=other",
        "/auth/callback?code=other",
        "/auth/callback",
    ] {
        let answer = browser.get(again).await;
        assert_eq!((answer.status, answer.location()), (303, stack.url("/reports")), "{again}");
        assert!(answer.cookies().is_empty(), "{again}");
        assert_hidden(&answer, &["code=", "state="]);
    }
    // The token has expired and the session lives on.
    stack.advance(400);
    assert_eq!(browser.get(callback.as_str()).await.location(), stack.url("/reports"));
    assert_eq!(stack.sandbox().calls("/sso/token").await, 1);
    assert_eq!(browser.session_token(), token);
    assert_eq!(stack.sessions().await.len(), 1);
}

/// R07: without a session there is a page with a way on, and no loop.
#[tokio::test]
async fn a_reload_without_session_is_a_page() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    browser.get(callback.as_str()).await;
    browser.post_form("/auth/logout", &[]).await;
    for _ in 0..2 {
        let page = browser.get(callback.as_str()).await;
        assert_eq!((page.status, page.code().as_str()), (400, "invalid_state"));
        assert!(page.body.contains("Sign in again"));
        assert_eq!(page.button(), stack.url("/login"));
    }
    // A token whose session was ended is no session.
    let other = stack.browser();
    other.signed_in(at::OKTA, "ada@acme.com").await;
    let token = other.session_token().unwrap();
    other.post_form("/auth/logout", &[]).await;
    browser.jar().plant(&stack.url("/"), SESSION, &token);
    assert_eq!(browser.get(callback.as_str()).await.status, 400);
    // Neither is one that nobody here signed.
    browser.jar().plant(&stack.url("/"), SESSION, "eyJhbGciOiJub25lIn0.e30.AA");
    assert_eq!(browser.get(callback.as_str()).await.status, 400);
}

/// R11: nothing of a login is cached or told to others, the code goes out of the address bar with a 303, and every answer says so.
#[tokio::test]
async fn answers_of_a_login_are_private() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    let signed_in = browser.get(callback.as_str()).await;
    let reloaded = browser.get(callback.as_str()).await;
    let stranger = stack.browser();
    let refused = stranger.get(callback.as_str()).await;
    let unsolicited = stranger.get("/auth/callback?code=x").await;
    let bad_link = stranger.get("/login?connection=x").await;
    let page = stranger.get("/login").await;
    for answer in [&departure.answer, &signed_in, &reloaded, &refused, &unsolicited, &bad_link, &page] {
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.url);
        // A form's page names its own origin to its own site, so that the POST can prove where it comes from (R23).
        let form = answer.body.contains("<form");
        let policy = if form { "same-origin" } else { "no-referrer" };
        assert_eq!(answer.header("referrer-policy"), policy, "{}", answer.url);
    }
    assert_eq!((departure.answer.status, signed_in.status, reloaded.status), (303, 303, 303));
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    for answer in [&signed_in, &reloaded, &refused] {
        assert_hidden(answer, &[&code, &departure.state]);
    }
}
