//! The app on a sibling host: `app.product.localhost` beside `login.product.localhost`, with one cookie for both.
//!
//! What is proven here no HTTP client can show: which hosts Chromium gives the cookie to, and whose scripts it lets read an
//! answer. `product.localhost` stands for a registrable domain, as `example.com` is one; `localhost` itself is none, so no
//! cookie could be shared beneath it.

use e2e::at;
use serde_json::{Value, json};
use vestibule::dev::{Options, Running, start};

use super::chromium::Chromium;
use super::site::Site;

const LOGIN: &str = "login.product.localhost";
const APP: &str = "app.product.localhost";
/// Another host under the shared domain: trusted with the cookie, and with nothing else.
const NEIGHBOUR: &str = "shop.product.localhost";
const COOKIE: &str = "__Secure-session";

struct Siblings {
    browser: Chromium,
    stack: Running,
    app: Site,
}

impl Siblings {
    /// `None` where browser tests are left out.
    async fn start() -> Option<Self> {
        let browser = Chromium::start().await?;
        let page = "<title>App</title><h1>The app</h1>".to_owned();
        let app = Site::serve(&[("home", page)]).await;
        let origin = app.origin(APP);
        let settings = [
            ("SESSION_COOKIE_DOMAIN", "product.localhost"),
            ("CORS_ORIGINS", &origin),
            ("ALLOWED_RETURN_ORIGINS", &origin),
        ];
        let stack = start(Options {
            host: LOGIN.to_owned(),
            settings: settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Options::in_memory()
        })
        .await
        .unwrap();
        Some(Self { browser, stack, app })
    }

    /// From the app through the login and back.
    async fn sign_in(&self) {
        let home = self.app.page(APP, "home");
        self.browser.open(&format!("{}/login?{}&return_to={home}", self.stack.urls.app, at::OKTA)).await;
        self.browser.be("ada@acme.com").await;
        self.browser.see_heading("The app").await;
        assert_eq!(self.browser.address().await, home);
    }

    /// What a script of the open page gets for a call of the login host: the status and the body's text, or `refused`.
    async fn call(&self, path: &str, options: &Value) -> Value {
        let script = format!(
            "const done = arguments[0]; fetch('{}{path}', {options})\
             .then(async (answer) => done([answer.status, answer.type, await answer.text()]), () => done('refused'))",
            self.stack.urls.app
        );
        self.browser.client.execute_async(&script, vec![]).await.unwrap()
    }

    /// Whether the session cookie went along with the last call of this path.
    async fn went(&self, path: &str) -> bool {
        let sent = self.browser.sent().await;
        let call = sent.iter().rev().find(|sent| sent.path(&self.stack.urls.app).as_deref() == Some(path));
        call.unwrap_or_else(|| panic!("no {path} in {sent:?}")).cookies.iter().any(|name| name == COOKIE)
    }
}

fn with_cookies() -> Value {
    json!({ "credentials": "include" })
}

/// R17, R19: one cookie for the parent domain, unreadable for scripts; it goes to the app's own back end, to no other
/// site, and is gone everywhere after signing out.
#[tokio::test]
async fn sibling_hosts_share_the_cookie() {
    let Some(siblings) = Siblings::start().await else { return };
    let Siblings { browser, stack, app } = &siblings;
    siblings.sign_in().await;
    let [kept] = browser.cookies().await.try_into().unwrap();
    assert_eq!(
        (kept.name.as_str(), kept.domain.as_str(), kept.path.as_str()),
        (COOKIE, ".product.localhost", "/")
    );
    assert!(kept.secure && kept.http_only, "{kept:?}");
    assert_eq!(kept.same_site.as_deref(), Some("Lax"));
    assert_eq!(browser.run("return document.cookie").await, "");

    for (host, goes) in
        [(APP, true), (NEIGHBOUR, true), ("product.localhost", true), ("other.localhost", false)]
    {
        browser.sent().await;
        browser.open(&app.page(host, "home")).await;
        let sent = browser.sent().await;
        let page = sent.iter().find(|sent| sent.url == app.page(host, "home")).unwrap();
        assert_eq!(page.cookies.iter().any(|name| name == COOKIE), goes, "{host}: {page:?}");
    }

    browser.open(&format!("{}/auth/logout", stack.urls.app)).await;
    browser.press("Sign out").await;
    browser.see_heading("You are signed out").await;
    assert_eq!(browser.cookies().await, []);
    browser.open(&app.page(APP, "home")).await;
    let answer = siblings.call("/auth/session", &with_cookies()).await;
    assert_eq!(answer[0], 401, "readable for the app: {answer}");
}

/// R22: a script of the app reads who is signed in and keeps the session alive; without credentials it reads that nobody
/// is; what changes something it cannot call.
#[tokio::test]
async fn the_apps_scripts_read_the_session() {
    let Some(siblings) = Siblings::start().await else { return };
    let browser = &siblings.browser;
    siblings.sign_in().await;
    let before = browser.cookie(COOKIE).await.unwrap();

    browser.sent().await;
    let read = siblings.call("/auth/session", &with_cookies()).await;
    assert_eq!((&read[0], &read[1]), (&json!(200), &json!("cors")), "{read}");
    let session: Value = serde_json::from_str(read[2].as_str().unwrap()).unwrap();
    assert_eq!(session["user"]["email"], "ada@acme.com");
    assert!(siblings.went("/auth/session").await);
    // The fresh token that came with it was kept: it may differ from the first, and is the only one.
    let after = browser.cookie(COOKIE).await.unwrap();
    assert_eq!(after.domain, before.domain);
    assert_eq!(browser.cookies().await.len(), 1);

    let anonymous = siblings.call("/auth/session", &json!({ "credentials": "omit" })).await;
    assert_eq!((&anonymous[0], &anonymous[1]), (&json!(401), &json!("cors")));
    assert!(!siblings.went("/auth/session").await);

    let posted = siblings.call("/auth/session", &json!({ "credentials": "include", "method": "POST" })).await;
    assert_eq!(posted[0], 405, "there is nothing to post to: {posted}");
    for options in [
        json!({ "credentials": "include", "method": "DELETE" }),
        json!({ "credentials": "include", "headers": { "x-custom": "1" } }),
    ] {
        assert_eq!(siblings.call("/auth/session", &options).await, "refused", "{options}");
    }
    for path in ["/auth/logout", "/auth/account/end-others"] {
        let options = json!({ "credentials": "include", "method": "POST", "mode": "no-cors" });
        siblings.call(path, &options).await;
        assert!(siblings.went(path).await, "only our own check stands in its way: {path}");
        assert_eq!(siblings.call(path, &with_cookies()).await, "refused", "{path} is nobody else's to read");
    }
    assert_eq!(siblings.call("/auth/session", &with_cookies()).await[0], 200, "still signed in");
}

/// R22: no third origin reads the session: not a neighbour whose requests carry the very cookie, not the app's host on another
/// port, not another site.
#[tokio::test]
async fn no_third_origin_reads_the_session() {
    let Some(siblings) = Siblings::start().await else { return };
    let Siblings { browser, app, .. } = &siblings;
    siblings.sign_in().await;
    let elsewhere = Site::serve(&[("home", "<title>Elsewhere</title>".to_owned())]).await;
    for (page, goes) in [
        (app.page(NEIGHBOUR, "home"), true),
        (app.page("product.localhost", "home"), true),
        (app.page("app.product.localhost.product.localhost", "home"), true),
        (elsewhere.page(APP, "home"), true),
        (elsewhere.page("other.localhost", "home"), false),
        (elsewhere.page("127.0.0.1", "home"), false),
    ] {
        browser.open(&page).await;
        browser.sent().await;
        assert_eq!(siblings.call("/auth/session", &with_cookies()).await, "refused", "{page}");
        assert_eq!(siblings.went("/auth/session").await, goes, "{page}");
        assert_eq!(
            siblings.call("/auth/session", &json!({ "credentials": "omit" })).await,
            "refused",
            "{page}"
        );
        // What can be sent without permission is opaque: no status, no text.
        let opaque =
            siblings.call("/auth/session", &json!({ "credentials": "include", "mode": "no-cors" })).await;
        assert_eq!(opaque, json!([0, "opaque", ""]), "{page}");
    }
    browser.open(&app.page(APP, "home")).await;
    assert_eq!(siblings.call("/auth/session", &with_cookies()).await[0], 200);
}
