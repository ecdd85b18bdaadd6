//! Our cookies as Chromium keeps them (R17, R19).

use e2e::{SESSION, at};
use vestibule::dev::{Options, start};

use super::chromium::Chromium;
use super::page::{Kept, LAST};

/// What a cookie of ours looks like, whatever it holds.
fn assert_is_ours(cookie: &Kept) {
    assert!(cookie.secure && cookie.http_only, "{cookie:?}");
    assert_eq!((cookie.same_site.as_deref(), cookie.path.as_str()), (Some("Lax"), "/"), "{cookie:?}");
    assert_eq!(cookie.domain, "localhost", "of this host alone: {cookie:?}");
}

/// R17, R19: during the login one cookie for it, afterwards the session's, and after signing out none.
#[tokio::test]
async fn cookies_come_and_go_with_login_and_session() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    assert_eq!(browser.cookies().await, []);

    browser.open(&format!("{app}/login?{}", at::OKTA)).await;
    browser.see_heading("Sign in to Acme Corp").await;
    let [flow] = browser.flow_cookies().await.try_into().unwrap();
    assert_is_ours(&flow);
    assert_eq!(browser.cookies().await.len(), 1);

    browser.be("ada@acme.com").await;
    browser.see_dashboard().await;
    let [session] = browser.cookies().await.try_into().unwrap();
    assert_eq!(session.name, SESSION);
    assert_is_ours(&session);
    assert!(session.name.len() + session.value.len() <= 1536, "{} bytes", session.value.len());
    assert!(session.expires > flow.expires, "it lives as long as the session");
    assert_eq!(browser.run("return document.cookie").await, "", "no script can read it");

    browser.press("Sign out").await;
    browser.see_heading("You are signed out").await;
    assert_eq!(browser.cookies().await, []);
    // What is left says where, not who.
    let last = browser.cookie(LAST).await.unwrap();
    assert_is_ours(&last);
    assert_eq!(last.value, "org_01SANDBOXACME.conn_01SANDBOXACMEOKTA");
}

/// R18: a person with 300 groups, and one with a name in four-byte letters, get a cookie that Chromium keeps.
#[tokio::test]
async fn a_person_with_many_groups_gets_a_cookie_that_fits() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    for email in ["mei.lin@acme.com", "alexandra@acme.com"] {
        browser.sign_in(&stack.urls.app, email).await;
        let session = browser.cookie(SESSION).await.unwrap();
        assert!(session.name.len() + session.value.len() <= 1536, "{} bytes", session.value.len());
    }
}

/// R19: a cookie that nobody can read is cleared, and does not stay in the way of signing in.
#[tokio::test]
async fn an_unreadable_cookie_is_cleared() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    browser.keep_cookie(app, SESSION, "not.a.token").await;
    browser.open(&format!("{app}/auth/account")).await;
    browser.see_heading("You are not signed in").await;
    assert_eq!(browser.cookies().await, []);

    browser.keep_cookie(app, SESSION, "not.a.token").await;
    browser.sign_in(app, "ada@acme.com").await;
    assert_ne!(browser.cookie(SESSION).await.unwrap().value, "not.a.token");
}
