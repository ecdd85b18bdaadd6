//! Many tabs: logins side by side, abandoned logins, and what must not begin one (R05, R13).

use domain::Rng;
use e2e::at;
use fantoccini::wd::WindowHandle;
use vestibule::dev::{Options, start};

use super::chromium::Chromium;
use super::site::Site;

/// Shuffled the same way in every run.
fn shuffled<T>(mut items: Vec<T>) -> Vec<T> {
    let rng = Rng::seeded(3);
    let mut mixed = Vec::new();
    while !items.is_empty() {
        let [byte] = rng.bytes().unwrap();
        mixed.push(items.swap_remove(usize::from(byte) % items.len()));
    }
    mixed
}

/// R05: four tabs begin, finish in another order, and each ends where it wanted to go.
#[tokio::test]
async fn four_tabs_finish_in_any_order() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    let mut tabs: Vec<(WindowHandle, String)> = Vec::new();
    for tab in 1..=4 {
        let handle = browser.another_tab().await;
        let wanted = format!("{app}/dashboard?tab={tab}");
        browser.open(&format!("{app}/login?{}&return_to=/dashboard?tab={tab}", at::OKTA)).await;
        browser.see_heading("Sign in to Acme Corp").await;
        tabs.push((handle, wanted));
    }
    assert_eq!(browser.flow_cookies().await.len(), 4);
    let order = shuffled(tabs.clone());
    assert_ne!(order, tabs);
    for (done, (tab, wanted)) in order.iter().enumerate() {
        browser.switch_to(tab).await;
        browser.be("ada@acme.com").await;
        browser.see_dashboard().await;
        assert_eq!(browser.address().await, *wanted);
        assert_eq!(browser.flow_cookies().await.len(), 3 - done, "each login clears its own cookie");
    }
    // And all four go on working.
    for (tab, _) in &tabs {
        browser.switch_to(tab).await;
        browser.client.refresh().await.unwrap();
        browser.see_dashboard().await;
    }
}

/// R05: 50 abandoned logins leave five cookies and a short header; the last login still works.
#[tokio::test]
async fn abandoned_logins_do_not_pile_up() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let login = format!("{}/login?{}", stack.urls.app, at::OKTA);
    for _ in 0..50 {
        browser.open(&login).await;
    }
    let flows = browser.flow_cookies().await;
    assert_eq!(flows.len(), 5);
    let header: usize =
        browser.cookies().await.iter().map(|kept| kept.name.len() + kept.value.len() + 3).sum();
    assert!(header < 4096, "{header} bytes");
    browser.be("ada@acme.com").await;
    browser.see_dashboard().await;
}

/// R05, R13: images, frames, scripts and prefetches of a neighbour begin no login. The neighbour is of the same site, so
/// that Chromium would keep their cookies.
#[tokio::test]
async fn only_a_page_load_begins_a_login() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let login = format!("{}/login?{}", stack.urls.app, at::OKTA);
    let html = format!(
        "<title>Neighbour</title><link rel=prefetch href=\"{login}&from=prefetch\"><img src=\"{login}&from=image\">\
         <iframe src=\"{login}&from=frame\"></iframe><script src=\"{login}&from=script\"></script>"
    );
    let site = Site::serve(&[("neighbour", html)]).await;
    browser.open(&site.page("localhost", "neighbour")).await;
    let fetched = format!(
        "const done = arguments[0]; fetch('{login}&from=fetch', {{ mode: 'no-cors', credentials: 'include' }})\
         .then(() => done('answered'), () => done('failed'))"
    );
    assert_eq!(browser.client.execute_async(&fetched, vec![]).await.unwrap(), "answered");
    let sent = browser.sent().await;
    for from in ["prefetch", "image", "frame", "script", "fetch"] {
        assert!(sent.iter().any(|sent| sent.url.ends_with(&format!("from={from}"))), "no {from} in {sent:?}");
    }
    assert!(!sent.iter().any(|sent| sent.url.contains("/sso/authorize")), "{sent:?}");
    assert_eq!(browser.cookies().await, []);

    browser.open(&login).await;
    browser.see_heading("Sign in to Acme Corp").await;
    assert_eq!(browser.flow_cookies().await.len(), 1);
}
