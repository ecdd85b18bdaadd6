//! State changes need a POST from a page of our own.

use e2e::{Browser, SESSION, Stack, at};

const FORMS: [&str; 4] = ["/auth/logout", "/logout", "/auth/account/end", "/auth/account/end-others"];

async fn two_sessions(stack: &Stack) -> (Browser, Browser) {
    let (one, other) = (stack.browser(), stack.browser());
    one.signed_in(at::OKTA, "ada@acme.com").await;
    other.signed_in(at::OKTA, "ada@acme.com").await;
    (one, other)
}

/// R23: without proof of its origin a POST changes nothing, whatever else it brings.
#[tokio::test]
async fn a_post_from_elsewhere_changes_nothing() {
    let stack = Stack::start().await;
    let (browser, other) = two_sessions(&stack).await;
    let own = stack.origin();
    let (other_port, other_scheme) = ("http://localhost:1".to_owned(), own.replace("http:", "https:"));
    let (suffixed, loopback) = (format!("{own}.evil.example"), own.replace("localhost", "127.0.0.1"));
    let upper = own.to_ascii_uppercase();
    let attacks: [&[(&'static str, &str)]; 16] = [
        &[],
        &[("referer", &own)],
        &[("origin", "null")],
        &[("origin", "")],
        &[("origin", "https://evil.example")],
        &[("origin", &suffixed)],
        &[("origin", &other_port)],
        &[("origin", &other_scheme)],
        &[("origin", &loopback)],
        &[("origin", &upper)],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("sec-fetch-site", "same-site"), ("origin", &own)],
        &[("sec-fetch-site", "none"), ("origin", &own)],
        &[("sec-fetch-site", "Same-Origin")],
        &[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")],
        &[("origin", &own), ("origin", "https://evil.example")],
    ];
    let sessions = stack.sessions().await;
    let session = other.session().await.json()["session"]["id"].as_str().unwrap().to_owned();
    for path in FORMS {
        for attack in attacks {
            let mut request = browser.ask("POST", path).navigating().form(&[("session", &session)]);
            for (name, value) in attack {
                request = request.header(name, value);
            }
            let page = request.send().await;
            assert_eq!((page.status, page.code().as_str()), (403, "cross_site_request"), "{path} {attack:?}");
            assert!(page.cookies().is_empty(), "{path} {attack:?}");
        }
    }
    assert_eq!(stack.sessions().await.len(), sessions.len());
    assert_eq!((browser.session().await.status, other.session().await.status), (200, 200));
}

/// R23: either header is proof enough; browsers that know `Sec-Fetch-Site` are believed on it.
#[tokio::test]
async fn a_post_from_our_own_page_is_done() {
    let stack = Stack::start().await;
    let own = stack.origin();
    let proofs: [&[(&'static str, &str)]; 3] = [
        &[("sec-fetch-site", "same-origin")],
        &[("origin", &own)],
        &[("sec-fetch-site", "same-origin"), ("origin", "null")],
    ];
    for path in ["/auth/logout", "/logout"] {
        for proof in proofs {
            let browser = stack.browser();
            browser.signed_in(at::OKTA, "ada@acme.com").await;
            let mut request = browser.ask("POST", path);
            for (name, value) in proof {
                request = request.header(name, value);
            }
            let answer = request.send().await;
            assert_eq!(answer.status, 303, "{path} {proof:?}");
            assert!(answer.cookie(SESSION).unwrap().clears(), "{path} {proof:?}");
        }
    }
    assert_eq!(stack.sessions().await.len(), 0);
}

/// R23, R13: no GET, HEAD or prefetch ends anything; nobody is signed out by a link.
#[tokio::test]
async fn no_other_method_changes_anything() {
    let stack = Stack::start().await;
    let (browser, _other) = two_sessions(&stack).await;
    let own = stack.origin();
    for path in FORMS {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"] {
            for query in ["", "?session=x&confirm=1&_method=POST"] {
                let request =
                    browser.ask(method, format!("{path}{query}")).navigating().header("origin", &own);
                let answer = request.header("x-http-method-override", "POST").send().await;
                assert!(matches!(answer.status, 200 | 204 | 405), "{method} {path}: {}", answer.status);
                assert!(answer.cookies().is_empty(), "{method} {path}");
            }
        }
    }
    assert_eq!(stack.sessions().await.len(), 2);
    // The page that asks says what it would do, and does it only by its form.
    let page = browser.get("/auth/logout").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains(r#"<form method="post" action="/auth/logout">"#), "{}", page.body);
    assert!(page.body.contains("ada@acme.com") && page.body.contains("Acme Corp"));
}
