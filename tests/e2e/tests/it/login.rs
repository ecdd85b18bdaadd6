//! Starting a login: what goes to WorkOS, what stays here, and what starts nothing.

use std::collections::BTreeMap;

use domain::sha256;
use e2e::{FLOW, SESSION, Stack, at};

fn parameters(url: &url::Url) -> BTreeMap<String, String> {
    let pairs: Vec<_> = url.query_pairs().into_owned().collect();
    let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(map.len(), pairs.len(), "a parameter is there twice: {url}");
    map
}

fn is_token(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// The way of every day: from the link of one's company to the dashboard that says which company that is.
#[tokio::test]
async fn a_login_ends_on_the_dashboard() {
    let stack = Stack::start().await;
    let ada = stack.browser();
    let answer = ada.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(answer.location(), stack.url("/dashboard"));
    let page = ada.get("/dashboard").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Connected to") && page.body.contains("Acme Corp"), "{}", page.body);
    assert_eq!((stack.users().await.len(), stack.sessions().await.len()), (1, 1));
    let mut actions: Vec<String> =
        stack.audit().await.iter().map(|event| event.text("action").to_owned()).collect();
    actions.sort();
    assert_eq!(actions, ["user.created", "user.signed_in"]);
    assert_eq!(stack.counted("login_success", None), 1);
}

/// R01: state and PKCE challenge carry 256 bits each, and the authorization request holds nothing else of ours.
#[tokio::test]
async fn a_login_sends_state_and_challenge() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let one = browser.depart(at::OKTA).await;
    let other = browser.depart(at::GLOBEX).await;
    assert!(one.authorize.as_str().starts_with(&format!("{}/sso/authorize?", stack.sandbox_url())));
    let sent = parameters(&one.authorize);
    let names: Vec<&str> = sent.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "client_id",
            "code_challenge",
            "code_challenge_method",
            "connection",
            "redirect_uri",
            "response_type",
            "state"
        ]
    );
    assert!(is_token(&sent["state"]) && is_token(&sent["code_challenge"]));
    assert_eq!(sent["code_challenge_method"], "S256");
    assert_eq!(sent["response_type"], "code");
    assert_eq!(sent["client_id"], sandbox::DEFAULT_CLIENT_ID);
    assert_eq!(sent["redirect_uri"], stack.url("/auth/callback").as_str());
    assert_ne!(one.state, other.state);
    assert_ne!(sent["code_challenge"], parameters(&other.authorize)["code_challenge"]);
    assert_eq!(parameters(&other.authorize)["organization"], "org_01SANDBOXGLOBEX");
}

/// R02: the browser holds a secret that is in no URL; the server holds the hash of it, and of the state, and neither itself.
#[tokio::test]
async fn state_and_cookie_secret_are_kept_as_hashes() {
    let stack = Stack::start().await;
    let departure = stack.browser().depart(at::OKTA).await;
    let cookie = departure.answer.cookie(&departure.cookie()).unwrap();
    let (_, secret) = cookie.value.split_once('.').unwrap();
    assert!(is_token(secret) && !departure.authorize.as_str().contains(secret));
    assert_eq!(
        cookie.header.split_once("; ").unwrap().1,
        "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"
    );
    let [login] = <[_; 1]>::try_from(stack.logins().await).unwrap();
    assert_eq!(login.text("pk"), format!("L#{}", sha256(&departure.state)));
    assert_eq!(login.text("browser_hash"), sha256(secret));
    let stored = login.0.to_string();
    assert!(!stored.contains(secret) && !stored.contains(&departure.state), "{stored}");
    let challenge = &parameters(&departure.authorize)["code_challenge"];
    assert_eq!(*challenge, sha256(login.text("verifier")));
}

/// R05: abandoned logins neither pile up nor break the one that matters.
#[tokio::test]
async fn fifty_abandoned_logins_leave_five_cookies() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let mut last = None;
    for _ in 0..50 {
        last = Some(browser.depart(at::OKTA).await);
        assert!(browser.flows().len() <= 5);
        stack.advance(1);
    }
    let header = browser.jar().header(&stack.url("/"));
    assert!(header.len() < 4096, "{} bytes", header.len());
    let callback = browser.at_idp(&last.unwrap(), "ada@acme.com").await;
    assert_eq!(browser.get(callback.as_str()).await.status, 303);
    assert_eq!(browser.flows().len(), 4);
}

/// R05: scripts, frames and images start no login: their cookies would push out a person's own.
#[tokio::test]
async fn only_documents_start_a_login() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    for (mode, dest) in [
        ("cors", "empty"),
        ("no-cors", "image"),
        ("navigate", "iframe"),
        ("same-origin", "empty"),
        ("navigate", "object"),
    ] {
        let request = browser.ask("GET", format!("/login?{}", at::OKTA));
        let answer = request.header("sec-fetch-mode", mode).header("sec-fetch-dest", dest).send().await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "not_a_navigation"), "{mode} {dest}");
        assert!(answer.cookies().is_empty(), "{mode} {dest}");
    }
    assert_eq!(stack.ephemeral().await.len(), 0);
    // A browser from before these headers, or curl.
    assert_eq!(browser.ask("GET", format!("/login?{}", at::OKTA)).send().await.status, 303);
}

/// R13: scanners and prefetches start nothing, on either address of the login.
#[tokio::test]
async fn head_options_and_prefetch_start_nothing() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    for path in ["/login", "/auth/login"] {
        let link = format!("{path}?{}", at::OKTA);
        for (method, status) in [("HEAD", 204), ("OPTIONS", 405), ("POST", 403), ("PUT", 405), ("TRACE", 405)]
        {
            let answer = browser.ask(method, &link).send().await;
            assert_eq!(answer.status, status, "{method} {path}");
            assert!(answer.cookies().is_empty(), "{method} {path}");
        }
        for (name, value) in [
            ("sec-purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("x-purpose", "preview"),
            ("x-moz", "prefetch"),
        ] {
            let answer = browser.ask("GET", &link).navigating().header(name, value).send().await;
            assert_eq!(answer.status, 204, "{name}: {value}");
            assert!(
                answer.cookies().is_empty() && !answer.headers.contains_key("location"),
                "{name}: {value}"
            );
        }
    }
    assert_eq!(stack.ephemeral().await.len(), 0);
}

/// R14: what WorkOS is asked is decided here. A visitor's own parameters reach it neither beside ours nor inside a hint.
#[tokio::test]
async fn reserved_parameters_cannot_be_brought_along() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let reserved = "client_id=client_evil&redirect_uri=https%3A%2F%2Fevil.example%2F&state=mine&response_type=token\
                    &code_challenge=mine&code_challenge_method=plain&nonce=mine&scope=all&provider_scopes=all\
                    &screen_hint=sign-up&invitation_token=x";
    let hint = "a%26client_id%3Dclient_evil%26redirect_uri%3Dhttps%3A%2F%2Fevil.example%23x";
    let departure = browser.depart(&format!("{}&{reserved}&login_hint={hint}&prompt=login", at::OKTA)).await;
    let sent = parameters(&departure.authorize);
    let names: Vec<&str> = sent.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "client_id",
            "code_challenge",
            "code_challenge_method",
            "connection",
            "login_hint",
            "prompt",
            "redirect_uri",
            "response_type",
            "state"
        ]
    );
    assert_eq!(sent["client_id"], sandbox::DEFAULT_CLIENT_ID);
    assert_eq!(sent["redirect_uri"], stack.url("/auth/callback").as_str());
    assert_eq!((sent["response_type"].as_str(), sent["code_challenge_method"].as_str()), ("code", "S256"));
    assert!(is_token(&sent["state"]) && is_token(&sent["code_challenge"]));
    assert_eq!(sent["login_hint"], "a&client_id=client_evil&redirect_uri=https://evil.example#x");
}

/// R16: exactly one selector, or an error that says so; never the first of several.
#[tokio::test]
async fn a_link_names_exactly_one_company() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    for (query, code) in [
        (format!("{}&{}", at::ACME, at::OKTA), "several_selectors"),
        (format!("{}&provider=GoogleOAuth", at::OKTA), "several_selectors"),
        (format!("{}&{}&provider=GoogleOAuth", at::ACME, at::OKTA), "several_selectors"),
        ("provider=GoogleOAuth".into(), "provider_without_organization"),
        ("organization=acme".into(), "invalid_selector"),
        ("organization=conn_01SANDBOXACMEOKTA".into(), "invalid_selector"),
        ("connection=conn_%3Cscript%3E".into(), "invalid_selector"),
        ("organization=org_1%00".into(), "invalid_selector"),
        (format!("{}&provider=authkit", at::ACME), "invalid_selector"),
        (format!("{}&organization=org_01SANDBOXGLOBEX", at::ACME), "invalid_parameter"),
        (format!("{}&connection_id=conn_1", at::OKTA), "invalid_parameter"),
        (format!("{}&prompt=none", at::OKTA), "invalid_parameter"),
        (format!("{}&domain_hint=a%0D%0Ab", at::OKTA), "invalid_parameter"),
        (format!("{}&login_hint={}", at::OKTA, "x".repeat(300)), "invalid_parameter"),
        (format!("{}&login_hint=a%0D%0Aset-cookie:x", at::OKTA), "invalid_parameter"),
    ] {
        let page = browser.get(format!("/login?{query}")).await;
        assert_eq!((page.status, page.code().as_str()), (400, code), "{query}");
        assert!(page.is_page() && page.cookies().is_empty(), "{query}");
    }
    assert_eq!(stack.logins().await.len(), 0);
    // An empty parameter is none, and a company with two connections is for WorkOS to say.
    browser.depart(&format!("organization=&{}", at::OKTA)).await;
    let page = browser.sign_in(at::ACME, "ada@acme.com").await;
    assert_eq!((page.status, page.code().as_str()), (400, "sign_in_not_set_up"));
    assert!(page.cookie(SESSION).is_none());
}

/// R16: without a selector there is a page that asks, and no guess.
#[tokio::test]
async fn a_bare_login_is_a_page() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    for query in ["", "?", "?organization=&connection=", "?login_hint=ada", "?another=1"] {
        let page = browser.get(format!("/login{query}")).await;
        assert_eq!(page.status, 200);
        assert!(page.body.contains("Work e-mail address"), "{}", page.body);
        assert!(page.cookies().iter().all(e2e::SetCookie::clears));
    }
    assert_eq!(stack.ephemeral().await.len(), 0);
}

/// The setting `DEFAULT_SELECTOR` makes a bare `/login` redirect; a link that names a company is stronger.
#[tokio::test]
async fn a_default_selector_serves_the_bare_login() {
    for default in [at::OKTA, at::GLOBEX, at::ACME_BY_GOOGLE] {
        let stack = Stack::with(&[("DEFAULT_SELECTOR", default)]).await;
        let browser = stack.browser();
        let (name, value) = default.split('&').next().unwrap().split_once('=').unwrap();
        assert_eq!(parameters(&browser.depart("").await.authorize)[name], value);
        let chosen = parameters(&browser.depart(at::WAYFARER).await.authorize);
        assert_eq!(chosen["organization"], "org_01SANDBOXWAYFARER");
        // What is wrong with a link is not made good by the default.
        assert_eq!(browser.get(format!("/login?{}&{}", at::ACME, at::OKTA)).await.status, 400);
    }
}

/// A provider of the whole environment needs the policy's consent and a company to sign in to.
#[tokio::test]
async fn providers_need_consent() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let sent = parameters(&browser.depart(at::ACME_BY_GOOGLE).await.authorize);
    assert_eq!(sent["provider"], "GoogleOAuth");
    assert!(!sent.contains_key("organization"));
    let page = browser.get("/login?provider=MicrosoftOAuth&organization=org_01SANDBOXACME").await;
    assert_eq!((page.status, page.code().as_str()), (403, "provider_not_allowed"));
    assert!(page.cookies().is_empty());

    let open = stack.deployed(&[("ALLOWED_PROVIDERS", "MicrosoftOAuth")]).await;
    let browser = open.visited_by(&stack.browser());
    browser.depart("provider=MicrosoftOAuth&organization=org_01SANDBOXACME").await;
    assert_eq!(browser.get(format!("/login?{}", at::ACME_BY_GOOGLE)).await.status, 403);
}

/// The alias serves the same login.
#[tokio::test]
async fn the_alias_starts_the_same_login() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let answer = browser.get(format!("/auth/login?{}&return_to=/dashboard?tab=1", at::OKTA)).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.cookies().iter().filter(|cookie| cookie.name.starts_with(FLOW)).count(), 1);
    let sent = parameters(&answer.location());
    assert_eq!(sent["redirect_uri"], stack.url("/auth/callback").as_str());
}
