//! What pages of other sites can and cannot do to somebody who is signed in (R02, R21, R22, R23), and that ordinary links
//! from other sites and an IdP on another site work (lesson: `SameSite=Strict` is an endless login, and HTTP clients
//! do not notice).

use std::collections::BTreeMap;

use e2e::{SESSION, at};
use serde_json::json;
use vestibule::dev::{Options, sandbox_alone, start};

use super::chromium::Chromium;
use super::page::Sent;
use super::site::Site;
use super::stored;

/// Another origin of the same site, whose requests carry our cookies, and two other sites.
const HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "evil.localhost"];

/// A page that sends a form by itself.
fn forged(action: &str, fields: &str) -> String {
    format!(
        "<title>Win a prize</title><form method=post action=\"{action}\">{fields}</form>\
         <script>document.forms[0].submit()</script>"
    )
}

fn posted(sent: &[Sent], url: &str) -> Sent {
    let found = sent.iter().find(|sent| sent.method == "POST" && sent.url == url);
    found.unwrap_or_else(|| panic!("no POST to {url} in {sent:?}")).clone()
}

/// R23: forms of other sites sign nobody out and end no session, whether or not the cookie comes along.
#[tokio::test]
async fn forged_forms_change_nothing() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    browser.sign_in(app, "ada@acme.com").await;
    let ada = browser.shown_user().await;
    let [other] = stored::live_sessions(&stack, &ada).await.try_into().unwrap();
    browser.forget_cookie(app, SESSION).await;
    browser.sign_in(app, "ada@acme.com").await;
    assert_eq!(stored::live_sessions(&stack, &ada).await.len(), 2);

    let targets = ["/auth/logout", "/logout", "/auth/account/end-others", "/auth/account/end"];
    let field = format!("<input name=session value=\"{other}\">");
    let pages: Vec<(&str, String)> = ["logout", "alias", "others", "one"]
        .into_iter()
        .zip(targets.map(|to| forged(&format!("{app}{to}"), &field)))
        .collect();
    let site = Site::serve(&pages).await;
    for host in HOSTS {
        for ((name, _), target) in pages.iter().zip(targets) {
            browser.sent().await;
            browser.open(&site.page(host, name)).await;
            browser.see_heading("Please try that again here").await;
            assert_eq!(browser.status().await, 403);
            // The refusal is ours where the cookie came along, and Chromium's as well where it did not.
            let sent = posted(&browser.sent().await, &format!("{app}{target}"));
            let went = sent.cookies.iter().any(|name| name == SESSION);
            let withheld = sent.withheld.iter().any(|(name, _)| name == SESSION);
            assert_eq!((went, withheld), (host == "localhost", host != "localhost"), "{host}: {sent:?}");
            browser.open(&format!("{app}/dashboard")).await;
            browser.see_dashboard().await;
            assert_eq!(stored::live_sessions(&stack, &ada).await.len(), 2, "{host} {target}");
        }
    }
}

/// R22, R23: nor do scripts of other sites, and they read nothing.
#[tokio::test]
async fn scripts_of_other_sites_read_and_change_nothing() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    browser.sign_in(app, "ada@acme.com").await;
    let site = Site::serve(&[("evil", "<title>Win a prize</title>".to_owned())]).await;
    for host in HOSTS {
        browser.open(&site.page(host, "evil")).await;
        for (target, mode, expected) in [
            ("/auth/session", "cors", "refused"),
            ("/auth/account", "cors", "refused"),
            // It is answered; only nobody may read it.
            ("/auth/session", "no-cors", "0"),
        ] {
            let script = format!(
                "const done = arguments[0]; fetch('{app}{target}', {{ mode: '{mode}', credentials: 'include' }})\
                 .then((answer) => done(String(answer.status)), () => done('refused'))"
            );
            let answer = browser.client.execute_async(&script, vec![]).await.unwrap();
            assert_eq!(answer, expected, "{target} {mode} from {host}");
        }
        let script = format!(
            "const done = arguments[0]; fetch('{app}/auth/logout', {{ method: 'POST', mode: 'no-cors', credentials: 'include' }})\
             .then(() => done('sent'), () => done('failed'))"
        );
        assert_eq!(browser.client.execute_async(&script, vec![]).await.unwrap(), "sent");
        // What a prefetching mail program or an image does.
        browser.run(&format!("new Image().src = '{app}/auth/logout'")).await;
        browser.open(&format!("{app}/dashboard")).await;
        browser.see_dashboard().await;
    }
}

/// R21: no page of ours shows inside a page of somebody else.
#[tokio::test]
async fn our_pages_are_not_framed() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let app = stack.urls.app.as_str();
    browser.sign_in(app, "ada@acme.com").await;
    let paths = ["/auth/account", "/auth/logout", "/login", "/auth/callback", "/nothing", "/dashboard"];
    let frames: String = paths.map(|path| format!("<iframe src=\"{app}{path}\"></iframe>")).concat();
    let control = "<iframe src=\"control\"></iframe>";
    let site =
        Site::serve(&[("evil", format!("{frames}{control}")), ("control", "<h1>Framed</h1>".to_owned())])
            .await;
    for host in HOSTS {
        browser.open(&site.page(host, "evil")).await;
        for (index, path) in paths.iter().enumerate() {
            browser.client.enter_frame(index.try_into().unwrap()).await.unwrap();
            let shown = browser.run("return document.URL").await;
            assert_eq!(shown, "chrome-error://chromewebdata/", "{path} in a frame of {host}");
            browser.client.enter_parent_frame().await.unwrap();
        }
        browser.client.enter_frame(paths.len().try_into().unwrap()).await.unwrap();
        browser.see_heading("Framed").await;
        browser.client.enter_parent_frame().await.unwrap();
    }
}

/// R02: somebody else's login, brought to an end in this browser, signs nobody in (login CSRF).
#[tokio::test]
async fn a_login_of_somebody_else_cannot_be_finished_here() {
    let Some(browser) = Chromium::start().await else { return };
    let stack = start(Options::in_memory()).await.unwrap();
    let (app, sandbox) = (stack.urls.app.as_str(), stack.urls.sandbox.clone().unwrap());
    // The attacker's own browser gets as far as the callback's address, and stops.
    let attacker = net::client().unwrap();
    let auto = json!({ "email": "ben.fischer@acme.com" });
    attacker.post(format!("{sandbox}/_sandbox/auto")).json(&auto).send().await.unwrap();
    let mut url = format!("{app}/login?{}", at::OKTA);
    for _ in 0..2 {
        let answer = attacker.get(&url).send().await.unwrap();
        url = answer.headers()["location"].to_str().unwrap().to_owned();
    }
    assert!(url.starts_with(&format!("{app}/auth/callback?")) && url.contains("code="), "{url}");

    let site = Site::serve(&[("evil", format!("<script>location = {}</script>", json!(url)))]).await;
    for host in HOSTS {
        browser.open(&site.page(host, "evil")).await;
        browser.see_heading("Invalid state").await;
        assert_eq!(browser.status().await, 400);
        assert_eq!(browser.cookies().await, []);
    }
    // Somebody who is signed in stays who they are.
    attacker.post(format!("{sandbox}/_sandbox/auto")).json(&json!(null)).send().await.unwrap();
    browser.sign_in(app, "ada@acme.com").await;
    browser.open(&site.page("evil.localhost", "evil")).await;
    browser.see_dashboard().await;
    assert_eq!(browser.see("//*[@id='email']").await.text().await.unwrap(), "ada@acme.com");
}

/// R07, R17: a link on an intranet page begins a login, the IdP is on another site again, and the way back across sites
/// brings the cookies along. Signed in, such a link leads straight in.
#[tokio::test]
async fn links_and_identity_providers_of_other_sites_work() {
    let Some(browser) = Chromium::start().await else { return };
    // The sandbox under a name that is another site than the product's.
    let idp = sandbox_alone(0, "http://localhost:1/auth/callback").await.unwrap();
    let idp_url = idp.url.replace("localhost", "127.0.0.1");
    let settings = BTreeMap::from([("WORKOS_API_BASE_URL".to_owned(), idp_url.clone())]);
    let stack = start(Options { settings, ..Options::in_memory() }).await.unwrap();
    let app = stack.urls.app.as_str();
    let link = |path: &str| format!("<a href=\"{app}{path}\">Our app</a>");
    let intranet = Site::serve(&[
        ("start", link(&format!("/login?{}", at::OKTA))),
        ("app", link("/dashboard")),
        ("leave", link("/auth/logout")),
    ])
    .await;

    browser.open(&intranet.page("intranet.localhost", "start")).await;
    browser.press("Our app").await;
    browser.see_heading("Sign in to Acme Corp").await;
    assert!(browser.address().await.starts_with(&idp_url));
    browser.be("ada@acme.com").await;
    browser.see_dashboard().await;

    browser.open(&intranet.page("intranet.localhost", "app")).await;
    browser.press("Our app").await;
    browser.see_dashboard().await;

    // A link can ask to sign out, and the person decides.
    browser.open(&intranet.page("intranet.localhost", "leave")).await;
    browser.press("Our app").await;
    browser.see_heading("Sign out of Vestibule demo?").await;
    browser.press("Stay signed in").await;
    browser.see_dashboard().await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
