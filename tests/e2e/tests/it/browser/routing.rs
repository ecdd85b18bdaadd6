//! One login address in a real browser: an e-mail address is typed, and the person ends where they belong.

use domain::{Clock, ConnectionId, Domain};
use e2e::{SESSION, at};
use fantoccini::Locator;
use vestibule::dev::{Options, Running, start};

use super::chromium::Chromium;
use super::pages::Walk;
use crate::routing::decide_at;

const FORM: &str = "Sign in to Vestibule demo";

/// A stack that knows the sandbox's organizations, with settings of the functions.
async fn stack(settings: &[(&str, &str)]) -> Running {
    let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let options = Options { tenants: true, settings: settings.collect(), ..Options::in_memory() };
    start(options).await.unwrap()
}

impl Chromium {
    /// Types the address into the form and sends it.
    async fn type_address(&self, app: &str, email: &str) {
        self.open(&format!("{app}/login?another=1")).await;
        self.see_heading(FORM).await;
        let field = self.client.find(Locator::Css("#email")).await.unwrap();
        field.clear().await.unwrap();
        field.send_keys(email).await.unwrap();
        self.press("Continue").await;
    }

    /// The page as the server sent it, without what differs from request to request.
    async fn source(&self) -> String {
        let reference = self.see("//footer//p[starts-with(normalize-space(), 'Reference')]/code").await;
        let reference = reference.text().await.unwrap();
        self.client.source().await.unwrap().replace(&reference, "REFERENCE")
    }
}

/// R16, R43: the addresses of all the sandbox's companies end at the right IdP; where two ways or companies fit the person is
/// asked, and the answer leads on to the dashboard.
#[tokio::test]
async fn every_address_ends_at_the_right_idp() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = stack(&[]).await;
    let app = stack.urls.app.as_str();
    for (email, choices, company) in [
        ("hank@globex.com", &[][..], "Globex"),
        ("FRONT.DESK@GLOBEX.COM", &[], "Globex"),
        ("ines@wayfarer.example", &[], "Wayfarer Labs"),
        ("sofia@shop.northwind.example", &[], "Northwind Retail"),
        ("ada@acme.com", &["Acme Okta"], "Acme Corp"),
        ("ben.fischer@acme.com", &["Acme Entra ID"], "Acme Corp"),
        ("nora@northwind.example", &["Northwind Traders"], "Northwind Traders"),
        ("raj@northwind.example", &["Northwind Retail"], "Northwind Retail"),
    ] {
        browser.type_address(app, email).await;
        for choice in choices {
            browser.press(choice).await;
        }
        browser.see_heading(&format!("Sign in to {company}")).await;
        // The IdP was told who comes.
        let sent =
            browser.sent().await.into_iter().find(|sent| sent.url.contains("/sso/authorize?")).unwrap();
        let (local, domain) = email.split_once('@').unwrap();
        let address = format!("{local}@{}", domain.to_lowercase());
        let hint = url::Url::parse(&sent.url).unwrap();
        let hint = hint.query_pairs().find(|(name, _)| name == "login_hint").unwrap().1.into_owned();
        assert_eq!(hint, address);
        browser.be(&email.to_lowercase()).await;
        browser.see(&format!("//*[@id='banner'][normalize-space()='Connected to {company}']")).await;
        browser.forget_cookie(app, SESSION).await;
        browser.forget_cookie(app, "__Host-last").await;
    }
    // No typed address is in the history of addresses of ours.
    let own = browser.sent().await.into_iter().filter(|sent| sent.url.starts_with(app));
    assert!(own.into_iter().all(|sent| !sent.url.contains('@') && !sent.url.contains("%40")));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// R15: whoever types an address of nobody's learns what one learns of a company without single sign-on: the same page to the
/// byte, after the same requests, and none of them went to WorkOS.
#[tokio::test]
async fn an_unknown_domain_learns_nothing() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = stack(&[]).await;
    let (app, sandbox) = (stack.urls.app.as_str(), stack.urls.sandbox.as_deref().unwrap());
    let mut seen = Vec::new();
    for email in ["a@nobody.example", "a@initech.example", "a@acme-labs.com"] {
        browser.sent().await;
        browser.type_address(app, email).await;
        browser.see_heading("Sign-in is not set up here").await;
        let sent: Vec<String> =
            browser.sent().await.into_iter().map(|sent| format!("{} {}", sent.method, sent.url)).collect();
        assert!(sent.iter().all(|sent| !sent.contains(sandbox)), "{sent:?}");
        seen.push((browser.status().await, browser.source().await, sent));
        browser.press("Try another address").await;
        browser.see_heading(FORM).await;
    }
    assert_eq!(seen[0].0, 404);
    assert_eq!(seen[1], seen[0]);
    assert_eq!(seen[2], seen[0]);
}

/// The second visit is one click; "not you?" forgets; back and forward break nothing.
#[tokio::test]
async fn the_second_visit_is_one_click() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = stack(&[]).await;
    let app = stack.urls.app.as_str();
    browser.type_address(app, "ada@acme.com").await;
    browser.press("Acme Okta").await;
    browser.be("ada@acme.com").await;
    browser.see_dashboard().await;
    browser.press("Sign out").await;
    browser.press("Sign in again").await;
    browser.see_heading("Welcome back").await;
    browser.press("Continue to Acme Corp").await;
    browser.see_heading("Sign in to Acme Corp").await;
    // Changing one's mind at the IdP.
    browser.client.back().await.unwrap();
    browser.see_heading("Welcome back").await;
    browser.press("Not you? Use another account").await;
    browser.see_heading(FORM).await;
    assert!(browser.cookie("__Host-last").await.is_none());
    browser.open(&format!("{app}/login")).await;
    browser.see_heading(FORM).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// The questions of the login, wide and narrow, light and dark, in the product's colours and in a company's.
#[tokio::test]
async fn the_pages_of_the_login_are_in_order() {
    let Some(browser) = Chromium::start().await else { return };
    let settings =
        [("ALLOWED_PROVIDERS", "GoogleOAuth,MicrosoftOAuth"), ("CONNECTION_LOGINS_PER_MINUTE", "1")];
    let stack = stack(&settings).await;
    let app = stack.urls.app.as_str();
    let now = Clock::system().now();
    decide_at(&stack, now, "org_01SANDBOXACME", |_, own| {
        own.slug = Some("acme".parse().unwrap());
        own.branding.accent = Some("#0b5fff".parse().unwrap());
        own.branding.accent_dark = Some("#8ab4ff".parse().unwrap());
        own.branding.support = Some("it@acme.com".parse().unwrap());
        let okta = own.connections.entry(ConnectionId::parse("conn_01SANDBOXACMEOKTA").unwrap()).or_default();
        okta.label = Some("Okta, for everybody at headquarters and in the field".parse().unwrap());
        own.connections.entry(ConnectionId::parse("conn_01SANDBOXACMEENTRA").unwrap()).or_default().domains =
            vec![Domain::parse("acme.com").unwrap(), Domain::parse("labs.acme.com").unwrap()];
    })
    .await;
    let mut walk = Walk::new(&browser);
    browser.open(&format!("{app}/login")).await;
    walk.look("login-email", FORM).await;
    browser.run("document.querySelector('#email').type = 'text'").await;
    browser.client.find(Locator::Css("#email")).await.unwrap().send_keys("ada at acme").await.unwrap();
    browser.press("Continue").await;
    browser.see("//*[@role='alert']").await;
    walk.look("login-email-invalid", FORM).await;
    browser.type_address(app, "nora@northwind.example").await;
    walk.look("login-company", "Which company is it?").await;
    browser.open(&format!("{app}/login/acme")).await;
    walk.look("login-connection-branded", "How do you sign in?").await;
    browser.type_address(app, "a@nobody.example").await;
    walk.look("login-not-set-up", "Sign-in is not set up here").await;
    browser.open(&format!("{app}/login?{}&{}", at::ACME, at::OKTA)).await;
    walk.look("login-conflict", "This link does not work").await;

    for (email, company) in [("hank@globex.com", "Globex"), ("ines@wayfarer.example", "Wayfarer Labs")] {
        browser.type_address(app, email).await;
        browser.be(email).await;
        browser.see(&format!("//*[@id='banner'][normalize-space()='Connected to {company}']")).await;
        browser.forget_cookie(app, SESSION).await;
        if company == "Globex" {
            browser.open(&format!("{app}/login")).await;
            walk.look("login-welcome-back", "Welcome back").await;
            browser.press("Continue to Globex").await;
            walk.look("login-crowded", "One moment, please").await;
        }
    }
    walk.finish(&[app, stack.urls.sandbox.as_deref().unwrap()]).await;
}
