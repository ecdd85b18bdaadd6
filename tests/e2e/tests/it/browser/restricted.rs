//! Browsers that do less: no scripts, no cookies.

use serde_json::json;
use vestibule::dev::{Options, start};

use super::chromium::{Chromium, Setup};

/// Chromium's number for "block" in its content settings.
const BLOCK: u8 = 2;

fn blocking(what: &str) -> Setup {
    let setting = format!("profile.managed_default_content_settings.{what}");
    Setup { preferences: json!({ setting: BLOCK }), ..Setup::default() }
}

/// Every page works without scripts: login, account, signing out.
#[tokio::test]
async fn everything_works_without_scripts() {
    let Some(browser) = Chromium::start_with(blocking("javascript")).await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    browser.open("data:text/html,<h1>Without</h1><script>document.write('<h1>With</h1>')</script>").await;
    browser.see_heading("Without").await;
    assert!(!browser.text().await.contains("With\n"), "scripts are not blocked");

    browser.open(app).await;
    browser.press("Sign in with Okta").await;
    browser.be("ada@acme.com").await;
    browser.see_dashboard().await;
    browser.press("Account").await;
    browser.see_heading("Your account").await;
    browser.press("Sign out").await;
    browser.see_heading("Sign out of Vestibule demo?").await;
    browser.press("Sign out").await;
    browser.see_heading("You are signed out").await;
}

/// R07: with cookies blocked a login cannot work; the page says what to check, and nothing goes round in circles.
#[tokio::test]
async fn without_cookies_the_page_says_so() {
    let Some(browser) = Chromium::start_with(blocking("cookies")).await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    browser.open(&stack.urls.app).await;
    browser.press("Sign in with Okta").await;
    browser.be("ada@acme.com").await;
    browser.see_heading("Invalid state").await;
    assert!(browser.text().await.contains("check that your browser accepts cookies"));
    let sent = browser.sent().await;
    let logins = sent.iter().filter(|sent| sent.path(&stack.urls.app).as_deref() == Some("/login"));
    assert_eq!(logins.count(), 1, "{sent:?}");
}
