//! What every answer carries, whatever was asked.

use std::collections::BTreeSet;

use e2e::{Answer, SESSION, Stack, at};
use vestibule::dev::template::{TEMPLATE, Template};

/// The paths that the deployment routes to functions, and some that it does not.
fn paths() -> Vec<String> {
    let routes = Template::parse(TEMPLATE).unwrap().routes().unwrap();
    let mut paths: Vec<String> = routes
        .iter()
        .filter_map(|route| route.key.split_once(' '))
        .map(|(_, path)| path.to_owned())
        .collect();
    assert!(paths.len() >= 11, "{paths:?}");
    for unknown in [
        "/nothing",
        "/auth",
        "/auth/",
        "/login/",
        "/auth/session/x",
        "/.well-known/x",
        "/.//evil.example",
        "/%2e%2e/x",
        "/auth%2Fsession",
    ] {
        paths.push(unknown.to_owned());
    }
    paths
}

fn assert_headers(answer: &Answer, why: &str) {
    assert_eq!(answer.header("strict-transport-security"), "max-age=31536000; includeSubDomains", "{why}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{why}");
    let policy = answer.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{why}: {policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{why}: {policy}");
    assert!(["no-store", "public, max-age=300"].contains(&answer.header("cache-control")), "{why}");
    assert!(["no-referrer", "same-origin"].contains(&answer.header("referrer-policy")), "{why}");
    assert!(!answer.header("x-request-id").is_empty(), "{why}");
    if answer.is_page() {
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{why}");
        assert!(policy.contains("style-src 'sha256-"), "{why}: {policy}");
    }
    for leak in ["server", "x-powered-by", "via"] {
        assert!(!answer.headers.contains_key(leak), "{why}: {leak}");
    }
}

/// R76: the id in the header is the one that people can quote from the answer.
fn assert_request_id(answer: &Answer, why: &str) {
    let id = answer.header("x-request-id");
    if answer.status >= 400 && !answer.body.is_empty() {
        assert!(answer.body.contains(id), "{why}");
        if !answer.is_page() {
            let body = answer.json();
            let names: Vec<&String> = body.as_object().unwrap().keys().collect();
            assert_eq!(names, ["code", "message", "request_id"], "{why}");
        }
    }
}

/// R21, R26, R76: every route and every method, signed in or not, as page or JSON: known words, our headers, our shape of errors.
#[tokio::test]
async fn every_answer_carries_the_same_headers() {
    let stack = Stack::start().await;
    let ada = stack.browser();
    ada.signed_in(at::OKTA, "ada@acme.com").await;
    let token = ada.session_token().unwrap();
    let mut ids = BTreeSet::new();
    for path in paths() {
        for method in
            ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "BREW"]
        {
            for (cookie, json) in [(true, true), (true, false), (false, true), (false, false)] {
                let browser = stack.browser();
                let mut request = browser.ask(method, &path);
                request =
                    if json { request.header("accept", "application/json") } else { request.navigating() };
                if cookie {
                    request = request.header("cookie", &format!("{SESSION}={token}"));
                }
                let answer = request.send().await;
                let why = format!("{method} {path} {cookie} {json}: {}", answer.status);
                assert_headers(&answer, &why);
                assert_request_id(&answer, &why);
                assert!(ids.insert(answer.header("x-request-id").to_owned()), "{why}: an id twice");
                assert!(matches!(answer.status, 200 | 204 | 303 | 400 | 401 | 403 | 404 | 405), "{why}");
                if !matches!(method, "GET" | "HEAD" | "POST") {
                    assert!(matches!(answer.status, 405 | 404), "{why}");
                }
                if method == "HEAD" {
                    assert!(answer.body.is_empty() && answer.cookies().is_empty(), "{why}");
                }
            }
        }
    }
}

/// R26: what nobody owns is 404, what is owned but not like this is 405 with the methods that are.
#[tokio::test]
async fn unknown_paths_and_methods_have_pages() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    for path in ["/nothing", "/auth/account/other", "/.well-known/security.txt", "/login/", "/AUTH/SESSION"] {
        let page = browser.get(path).await;
        assert_eq!((page.status, page.code().as_str()), (404, "not_found"), "{path}");
        assert!(page.is_page() && page.body.contains("There is nothing here"), "{path}");
        assert_eq!(browser.get_json(path).await.code(), "not_found", "{path}");
        assert_eq!(browser.ask("BREW", path).send().await.status, 404, "{path}");
    }
    for (path, allow) in [
        ("/login", "GET,HEAD,POST"),
        ("/login/acme", "GET,HEAD"),
        ("/auth/callback", "GET,HEAD"),
        ("/auth/session", "GET,HEAD"),
        ("/auth/account", "GET,HEAD"),
        ("/auth/account/end", "POST"),
        ("/auth/logout", "GET,HEAD,POST"),
        ("/.well-known/jwks.json", "GET,HEAD"),
    ] {
        let page = browser.ask("DELETE", path).navigating().send().await;
        assert_eq!((page.status, page.code().as_str()), (405, "method_not_allowed"), "{path}");
        assert_eq!(page.header("allow"), allow, "{path}");
        assert_eq!(browser.ask("DELETE", path).send().await.code(), "method_not_allowed", "{path}");
    }
}

/// R13: HEAD and OPTIONS on every route, with a live session and a pending login, leave everything as it was.
#[tokio::test]
async fn looking_changes_nothing() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    stack.advance(30);
    let everything = || async {
        (
            stack.sessions().await,
            stack.users().await,
            stack.audit().await,
            stack.ephemeral().await,
            stack.tenants().await,
        )
    };
    let before = everything().await;
    let mut urls: Vec<String> = paths();
    urls.push(callback.to_string());
    urls.push(format!("/login?{}", at::GLOBEX));
    urls.push("/auth/session?return_to=/dashboard".to_owned());
    stack.sandbox().forget().await;
    for url in urls {
        for method in ["HEAD", "OPTIONS"] {
            let answer = browser.ask(method, &url).navigating().send().await;
            assert!(answer.cookies().is_empty(), "{method} {url}");
        }
    }
    assert_eq!(everything().await, before);
    assert_eq!(stack.sandbox().requests().await, []);
}

/// R24: whatever is in path, query or headers, no answer has a header that was not meant, and none breaks.
#[tokio::test]
async fn hostile_requests_get_plain_answers() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let texts = [
        "%0d%0aset-cookie:%20evil=1",
        "%00",
        "%ff%fe",
        "%E5%98%8A%E5%98%8Dset-cookie:evil",
        "<script>evil</script>",
        "%25%30%61",
        "'\"`",
        "%u000a",
        "a%20b",
        "%",
    ];
    for path in [
        "/login",
        "/auth/callback",
        "/auth/session",
        "/auth/account",
        "/auth/logout",
        "/nothing",
        "/auth/%0d%0aset-cookie:evil",
    ] {
        for text in texts {
            for query in [
                format!("return_to=/{text}"),
                format!("return_to={text}"),
                format!("state={text}&code={text}"),
                format!("error={text}"),
                format!("{text}={text}"),
                format!("notice={text}"),
                format!("organization=org_{text}"),
            ] {
                let answer = browser.get(format!("{path}?{query}")).await;
                assert!(answer.status < 500, "{path}?{query}: {}", answer.status);
                for (name, value) in &answer.headers {
                    let value = String::from_utf8_lossy(value.as_bytes());
                    let told = name == "location"
                        && !value.contains(['\r', '\n'])
                        && (value.starts_with(&stack.origin()) || value.starts_with("/login?"));
                    assert!(told || !value.contains("evil"), "{path}?{query}: {name}: {value}");
                }
                assert!(
                    answer.cookies().iter().all(|cookie| cookie.name.starts_with("__Host-")),
                    "{path}?{query}"
                );
                assert!(!answer.body.contains("<script>evil"), "{path}?{query}");
            }
        }
    }
}

/// R25: identity headers from outside are nobody's identity.
#[tokio::test]
async fn identity_headers_are_ignored() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let user = browser.session().await.json()["user"]["id"].as_str().unwrap().to_owned();
    let stranger = stack.browser();
    let mut request = stranger.ask("GET", "/auth/session");
    for name in [
        "x-user-id",
        "x-forwarded-user",
        "x-auth-request-user",
        "x-amzn-oidc-identity",
        "remote-user",
        "x_user_id",
    ] {
        request = request.header(name, &user);
    }
    let request = request.header("x-forwarded-host", "evil.example").header("x-forwarded-proto", "http");
    let request = request.header("x-original-url", "/auth/account").header("x-rewrite-url", "/auth/account");
    let answer = request.header("x-forwarded-prefix", "/evil").send().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "not_signed_in"));
    // Links and redirect URIs are built from the settings.
    let request = stranger.ask("GET", format!("/login?{}", at::OKTA)).navigating();
    let answer = request
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example")
        .send()
        .await;
    assert!(!answer.location().as_str().contains("evil"));
}

/// R32: the public documents are cacheable, the same for everybody, and consistent with each other and with the tokens.
#[tokio::test]
async fn the_public_documents_fit_together() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let jwks = browser.get_json("/.well-known/jwks.json").await;
    let configuration = browser.get_json("/.well-known/openid-configuration").await;
    for answer in [&jwks, &configuration] {
        assert_eq!((answer.status, answer.header("cache-control")), (200, "public, max-age=300"));
        assert!(answer.cookies().is_empty());
        assert_headers(answer, answer.url.path());
    }
    assert_eq!(configuration.json()["issuer"], stack.origin());
    assert_eq!(configuration.json()["jwks_uri"], stack.url("/.well-known/jwks.json").as_str());
    let keys = jwks.json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 1);
    for private in ["d", "p", "q", "k"] {
        assert!(keys[0].get(private).is_none(), "{private} is private");
    }
}
