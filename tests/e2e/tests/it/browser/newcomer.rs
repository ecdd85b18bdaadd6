//! The path of somebody who has just typed `cargo run`, and what people do with a browser on the way.

use e2e::{SESSION, at};
use vestibule::dev::{Options, start};

use super::chromium::Chromium;
use super::stored;

/// The callback's addresses that the browser went to since the last time.
async fn callbacks(browser: &Chromium, app: &str) -> Vec<String> {
    let sent = browser.sent().await.into_iter();
    sent.filter(|sent| sent.path(app).as_deref() == Some("/auth/callback")).map(|sent| sent.url).collect()
}

/// R07, R11, R27, R35: from the front page through the mock Okta to the dashboard; reload, back, a second tab, a second
/// login; out by the button, and nothing starts again by itself.
#[tokio::test]
async fn a_newcomer_comes_in_looks_around_and_leaves() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    let dashboard = format!("{app}/dashboard");

    browser.open(app).await;
    browser.press("Sign in with Okta").await;
    browser.see_heading("Sign in to Acme Corp").await;
    browser.be("ada@acme.com").await;
    browser.see_dashboard().await;
    assert_eq!(browser.address().await, dashboard, "no code and no state stay in the address bar");

    let id = browser.shown_user().await;
    let user = stored::user(&stack, &id).await;
    assert!(user.active());
    assert_eq!((user.address().as_str(), user.display_name().as_str()), ("ada@acme.com", "Ada Okafor"));
    let [first] = stored::live_sessions(&stack, &id).await.try_into().unwrap();

    // Reload.
    browser.client.refresh().await.unwrap();
    browser.see_dashboard().await;

    // Back to the IdP's page, and forward.
    browser.client.back().await.unwrap();
    browser.see_heading("Sign in to Acme Corp").await;
    browser.client.forward().await.unwrap();
    browser.see_dashboard().await;

    // The callback's own address once more, as a restored window asks for it: on to the app, nothing is redeemed.
    let [callback] = callbacks(&browser, app).await.try_into().unwrap();
    browser.open(&callback).await;
    browser.see_dashboard().await;
    assert_eq!(browser.address().await, dashboard);
    assert_eq!(stored::live_sessions(&stack, &id).await, std::slice::from_ref(&first));

    // A second tab is signed in already.
    let first_tab = browser.client.window().await.unwrap();
    browser.another_tab().await;
    browser.open(&dashboard).await;
    browser.see_dashboard().await;

    // A second login in it: the person is the same, the session a new one, and the first tab goes on with it.
    browser.sign_in(app, "ada@acme.com").await;
    let [second] = stored::live_sessions(&stack, &id).await.try_into().unwrap();
    assert_ne!(second, first);
    browser.switch_to(&first_tab).await;
    browser.client.refresh().await.unwrap();
    browser.see_dashboard().await;
    assert_eq!(browser.shown_user().await, id);

    browser.sent().await;
    browser.press("Sign out").await;
    browser.see_heading("You are signed out").await;
    assert_eq!(browser.address().await, format!("{app}/auth/logout"));
    assert_eq!(stored::live_sessions(&stack, &id).await, []);
    browser.open(&dashboard).await;
    browser.see_heading("Please sign in").await;
    assert_eq!((browser.address().await, browser.status().await), (dashboard, 401));
    // Nor does the callback let anybody in, and it does not go round in circles.
    browser.open(&callback).await;
    browser.see_heading("Invalid state").await;
    assert_eq!(browser.status().await, 400);
    let paths: Vec<String> = browser.sent().await.iter().filter_map(|sent| sent.path(app)).collect();
    assert!(!paths.iter().any(|path| path.contains("login")), "a login began by itself: {paths:?}");

    browser.press("Sign in again").await;
    browser.open(app).await;
    browser.press("Sign in with Okta").await;
    browser.be("ada@acme.com").await;
    browser.see_dashboard().await;
    assert_eq!(browser.shown_user().await, id, "whoever comes back is the same person");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// R07: choosing a person again after "back" is a late callback, and ends on the dashboard.
#[tokio::test]
async fn going_back_and_choosing_again_ends_on_the_dashboard() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    browser.sign_in(&stack.urls.app, "ada@acme.com").await;
    let id = browser.shown_user().await;
    let before = stored::live_sessions(&stack, &id).await;
    browser.client.back().await.unwrap();
    browser.be("ada@acme.com").await;
    browser.see_dashboard().await;
    assert_eq!(stored::live_sessions(&stack, &id).await, before);
}

/// R35: where the connection can end the IdP's session too, the way out leads through it: a form's redirect to another
/// origin, which the pages' content security policy has to allow.
#[tokio::test]
async fn signing_out_of_openid_connect_passes_by_the_idp() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    // From the app's own button, and from the page that asks.
    for page in ["/dashboard", "/auth/logout"] {
        browser.open(&format!("{app}/login?{}", at::GLOBEX)).await;
        browser.be("hank@globex.com").await;
        browser.see("//*[@id='banner'][normalize-space()='Connected to Globex']").await;
        browser.open(&format!("{app}{page}")).await;
        browser.press("Sign out").await;
        browser.see_heading("Signed out of the identity provider").await;
        assert!(browser.cookie(SESSION).await.is_none());
        browser.press("Back to the app").await;
        browser.open(&format!("{app}/dashboard")).await;
        browser.see_heading("Please sign in").await;
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// R36: one's other sessions are listed and can be ended, all of them or one.
#[tokio::test]
async fn other_sessions_are_ended_from_the_account_page() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    browser.sign_in(app, "ada@acme.com").await;
    let id = browser.shown_user().await;
    for (button, notice) in
        [("End", "The session was ended."), ("End all others", "All other sessions were ended.")]
    {
        // A browser that forgot its cookie stands for another device.
        browser.forget_cookie(app, SESSION).await;
        browser.sign_in(app, "ada@acme.com").await;
        browser.press("Account").await;
        browser.see_heading("Your account").await;
        browser.press(button).await;
        browser.see(&format!("//*[normalize-space()=\"{notice}\"]")).await;
        browser.open(&format!("{app}/dashboard")).await;
        browser.see_dashboard().await;
    }
    assert_eq!(stored::live_sessions(&stack, &id).await.len(), 1);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
