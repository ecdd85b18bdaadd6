//! Which requests of the login address are heard at all, and what becomes of what they bring.

use std::collections::BTreeMap;

use e2e::{FLOW, Stack};

use super::{parameters, typed};

/// R14: the form brings nothing past us either.
#[tokio::test]
async fn a_form_cannot_bring_reserved_parameters_along() {
    let stack = Stack::with_tenants(&[]).await;
    let browser = stack.browser();
    let fields = [
        ("email", "hank@globex.com"),
        ("client_id", "client_evil"),
        ("redirect_uri", "https://evil.example/"),
        ("state", "mine"),
        ("code_challenge", "mine"),
        ("provider_scopes", "all"),
    ];
    let sent = parameters(&browser.post_form("/login", &fields).await.location());
    let names: Vec<&str> = sent.keys().map(String::as_str).collect();
    let ours = [
        "client_id",
        "code_challenge",
        "code_challenge_method",
        "connection",
        "domain_hint",
        "login_hint",
        "redirect_uri",
        "response_type",
        "state",
    ];
    assert_eq!(names, ours);
    assert_eq!(sent["redirect_uri"], stack.url("/auth/callback").as_str());
    assert_ne!(sent["state"], "mine");
    // Twice is not text.
    let twice = [("email", "hank@globex.com"), ("email", "ada@acme.com")];
    assert_eq!(browser.post_form("/login", &twice).await.code(), "invalid_parameter");
}

/// R23: only our own pages post an address here; whatever else does starts nothing and reads nothing.
#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let stack = Stack::with_tenants(&[]).await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let origin = stack.origin();
    for headers in [
        &[][..],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-site"), ("origin", origin.as_str())],
        &[("origin", "null")],
        &[("sec-fetch-site", "none")],
    ] {
        let browser = deployment.visited_by(&stack.browser());
        for path in ["/login", "/auth/login"] {
            let request = browser.ask("POST", path).navigating().form(&[("email", "hank@globex.com")]);
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            let page = request.send().await;
            assert_eq!(
                (page.status, page.code().as_str()),
                (403, "cross_site_request"),
                "{path} {headers:?}"
            );
            assert!(page.cookies().is_empty());
        }
    }
    assert_eq!(proxy.calls(), BTreeMap::new());
}

/// R13: scanners and prefetches start and read nothing, whatever address of the login they are given.
#[tokio::test]
async fn only_a_person_makes_a_look_up_happen() {
    let stack = Stack::with_tenants(&[]).await;
    let proxy = stack.proxy().await;
    let browser = stack.behind(&proxy, &[]).await.visited_by(&stack.browser());
    for link in
        ["/login?login_hint=hank@globex.com", "/login?domain_hint=globex.com", "/login/globex", "/auth/login"]
    {
        for (method, status) in [("HEAD", 204), ("OPTIONS", 405)] {
            let answer = browser.ask(method, link).navigating().send().await;
            assert_eq!((answer.status, answer.cookies().len()), (status, 0), "{method} {link}");
        }
        for purpose in ["prefetch", "prefetch;prerender"] {
            let answer = browser.ask("GET", link).navigating().header("sec-purpose", purpose).send().await;
            assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{purpose} {link}");
        }
    }
    assert_eq!(proxy.calls(), BTreeMap::new());
}

/// R11: no answer on the way is kept or told on, and a typed address stands in no address bar, link or referrer of ours.
#[tokio::test]
async fn a_typed_address_stays_out_of_addresses() {
    let stack = Stack::with_tenants(&[]).await;
    let browser = stack.browser();
    for email in
        ["hank@globex.com", "ada@acme.com", "nora@northwind.example", "robin.gray@mail.example", "no address"]
    {
        let answer = typed(&browser, email).await;
        assert_eq!(answer.header("cache-control"), "no-store", "{email}");
        let referrer = answer.header("referrer-policy");
        assert!(["no-referrer", "same-origin"].contains(&referrer), "{email}: {referrer}");
        for link in answer.body.split("href=\"").chain(answer.body.split("action=\"")).skip(1) {
            let link = link.split('"').next().unwrap();
            assert!(!link.contains('@') && !link.contains("%40"), "{email}: {link}");
        }
        match answer.status {
            303 => assert_eq!(answer.location().path(), "/sso/authorize"),
            _ => assert!(!answer.headers.contains_key("location")),
        }
        assert!(answer.cookies().iter().all(|cookie| cookie.name.starts_with(FLOW)), "{email}");
    }
    let lines = stack.metrics.lines().join("\n");
    assert!(!lines.contains("globex.com") && !lines.contains("hank"), "{lines}");
}
