//! Every page as people meet it: wide and narrow, light and dark, with a keyboard alone.
//!
//! The test walks through the pages and holds each against what a machine can say about accessibility. What it cannot say,
//! somebody has to look at: with `VESTIBULE_SCREENSHOTS=folder` each page is also saved as an image, four times.

use std::collections::BTreeSet;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use e2e::{SESSION, at};
use serde_json::json;
use vestibule::dev::{Options, start};
use web::Vars;

use super::chromium::Chromium;
use super::site::Site;

/// Reads the page and returns what is wrong with it.
const INSPECTION: &str = include_str!("inspection.js");

/// The narrowest screen that WCAG asks for (1.4.10), and a usual one.
const WIDTHS: [u32; 2] = [320, 1280];
const THEMES: [&str; 2] = ["light", "dark"];

/// A walk through pages, with what was found wrong on the way.
pub(super) struct Walk<'a> {
    browser: &'a Chromium,
    folder: Option<PathBuf>,
    problems: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(browser: &'a Chromium) -> Self {
        let folder = Vars::from_process().get("VESTIBULE_SCREENSHOTS").map(PathBuf::from);
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
        }
        Self { browser, folder, problems: Vec::new() }
    }

    /// Waits for the heading, and looks at the page in all its forms.
    pub(super) async fn look(&mut self, name: &str, heading: &str) {
        self.browser.see_heading(heading).await;
        for width in WIDTHS {
            let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
            self.browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
            for theme in THEMES {
                let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
                self.browser.devtools("Emulation.setEmulatedMedia", media).await;
                let found = self.browser.run(INSPECTION).await;
                let found: Vec<String> = serde_json::from_value(found).unwrap();
                self.problems
                    .extend(found.into_iter().map(|what| format!("{name}, {width} px, {theme}: {what}")));
                self.keep_image(&format!("{name}-{width}-{theme}.png"), width).await;
            }
        }
        self.tab_through(name).await;
        self.browser.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    async fn keep_image(&self, file: &str, width: u32) {
        let Some(folder) = &self.folder else { return };
        let height = self.browser.run("return document.documentElement.scrollHeight").await;
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let image = json!({ "captureBeyondViewport": true, "clip": clip });
        let answer = self.browser.devtools("Page.captureScreenshot", image).await;
        std::fs::write(folder.join(file), BASE64.decode(answer["data"].as_str().unwrap()).unwrap()).unwrap();
    }

    /// WCAG 2.1.1, 2.4.7: the tab key reaches everything that can be used, and each time one sees where it is.
    async fn tab_through(&mut self, name: &str) {
        const USABLE: &str = "a[href], button, input:not([type=hidden]), select, summary, [tabindex='0']";
        let usable = format!(
            "return [...document.querySelectorAll(\"{USABLE}\")].filter((e) => e.checkVisibility()).length"
        );
        let usable = self.browser.run(&usable).await.as_u64().unwrap();
        let mut reached = BTreeSet::new();
        for _ in 0..usable {
            for kind in ["keyDown", "keyUp"] {
                let key = json!({ "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 });
                self.browser.devtools("Input.dispatchKeyEvent", key).await;
            }
            let focus = format!(
                "const e = document.activeElement, style = getComputedStyle(e);\
                 return [[...document.querySelectorAll(\"{USABLE}\")].indexOf(e), style.outlineStyle, e.outerHTML.slice(0, 80)]"
            );
            let focus = self.browser.run(&focus).await;
            reached.insert(focus[0].as_i64());
            if focus[1] == "none" {
                self.problems.push(format!("{name}: focus cannot be seen on {}", focus[2]));
            }
        }
        reached.remove(&Some(-1));
        if u64::try_from(reached.len()).ok() != Some(usable) {
            self.problems.push(format!("{name}: the tab key reaches {} of {usable} elements", reached.len()));
        }
    }

    /// Nothing was found, nothing was loaded from elsewhere, and no policy of ours was in the way.
    pub(super) async fn finish(mut self, origins: &[&str]) {
        for sent in self.browser.sent().await {
            let known =
                sent.url.starts_with("data:") || origins.iter().any(|origin| sent.url.starts_with(origin));
            if !known {
                self.problems.push(format!("a request to elsewhere: {}", sent.url));
            }
        }
        self.problems.extend(self.browser.complaints().await);
        assert!(self.problems.is_empty(), "{} problems:\n{}", self.problems.len(), self.problems.join("\n"));
    }
}

/// The pages of the product and of the demo app.
#[tokio::test]
async fn the_pages_of_the_product_are_in_order() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let (app, sandbox) = (stack.urls.app.as_str(), stack.urls.sandbox.as_deref().unwrap());
    let okta = format!("{app}/login?{}", at::OKTA);
    let mut walk = Walk::new(&browser);

    for (path, name, heading) in [
        ("/", "home", "Sign in through the front door"),
        ("/dashboard", "dashboard-signed-out", "Please sign in"),
        ("/login", "sign-in", "Sign in to Vestibule demo"),
        ("/login?organization=nobody", "bad-link", "This link does not work"),
        ("/auth/callback?code=c&state=s", "invalid-state", "Invalid state"),
        ("/auth/callback?code=c", "start-from-here", "Invalid state"),
        ("/auth/account", "not-signed-in", "You are not signed in"),
        ("/nothing", "not-found", "There is nothing here"),
    ] {
        browser.open(&format!("{app}{path}")).await;
        walk.look(name, heading).await;
    }
    for (email, name, heading) in [
        ("casey@contractor.example", "access-refused", "You do not have access"),
        ("dana.reyes@acme.com", "sign-in-failed", "Sign-in did not finish"),
    ] {
        browser.open(&okta).await;
        browser.be(email).await;
        walk.look(name, heading).await;
    }
    let http = net::client().unwrap();
    let faults = format!("{sandbox}/_sandbox/faults");
    let fault = json!({ "path": "/sso/token", "kind": "status", "status": 500 });
    assert!(http.post(&faults).json(&fault).send().await.unwrap().status().is_success());
    browser.open(&okta).await;
    browser.be("ada@acme.com").await;
    walk.look("try-again-later", "Please try again shortly").await;
    assert!(http.delete(&faults).send().await.unwrap().status().is_success());

    browser.sign_in(app, "alexandra@acme.com").await;
    browser.open(&format!("{app}/auth/account")).await;
    walk.look("account-long-name", "Your account").await;
    browser.sign_in(app, "ada@acme.com").await;
    browser.forget_cookie(app, SESSION).await;
    browser.sign_in(app, "ada@acme.com").await;
    walk.look("dashboard", "Hello, Ada Okafor").await;
    browser.press("Account").await;
    walk.look("account", "Your account").await;
    browser.press("End all others").await;
    browser.see("//*[@role='status']").await;
    walk.look("account-ended", "Your account").await;
    browser.press("Sign out").await;
    walk.look("confirm-sign-out", "Sign out of Vestibule demo?").await;
    browser.press("Sign out").await;
    walk.look("signed-out", "You are signed out").await;

    let form = format!(
        "<form method=post action=\"{app}/auth/logout\"></form><script>document.forms[0].submit()</script>"
    );
    let site = Site::serve(&[("evil", form)]).await;
    let evil = site.page("127.0.0.1", "evil");
    browser.open(&evil).await;
    walk.look("cross-site", "Please try that again here").await;
    walk.finish(&[app, sandbox, &evil]).await;
}

/// The pages of the sandbox.
#[tokio::test]
async fn the_pages_of_the_sandbox_are_in_order() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let (app, sandbox) = (stack.urls.app.as_str(), stack.urls.sandbox.as_deref().unwrap());
    let mut walk = Walk::new(&browser);
    browser.open(sandbox).await;
    walk.look("sandbox-home", "A WorkOS to develop against").await;
    browser.open(&format!("{app}/login?{}&login_hint=nobody@acme.com", at::OKTA)).await;
    walk.look("idp", "Sign in to Acme Corp").await;
    browser.press("Continue").await;
    browser.see("//*[@role='alert']").await;
    walk.look("idp-nobody", "Sign in to Acme Corp").await;

    let settings = json!({ "consent": true });
    let http = net::client().unwrap();
    let answer = http.post(format!("{sandbox}/_sandbox/settings")).json(&settings).send().await.unwrap();
    assert!(answer.status().is_success());
    browser.open(&format!("{app}/login?{}", at::GLOBEX)).await;
    walk.look("idp-google", "Sign in to Globex").await;
    browser.be("hank@globex.com").await;
    walk.look("consent", "Sign in to this app?").await;
    browser.press("Continue").await;
    browser.see_heading("Hello, Hank Moreau").await;
    browser.press("Sign out").await;
    walk.look("idp-signed-out", "Signed out of the identity provider").await;
    browser.open(&format!("{sandbox}/sso/authorize")).await;
    walk.look("idp-bad-link", "This sign-in link does not work").await;
    browser.open(&format!("{sandbox}/_sandbox/log")).await;
    walk.look("sandbox-log", "Requests").await;
    walk.finish(&[app, sandbox]).await;
}
