//! Which other sites may read the session.

use e2e::{Stack, at};

const ALLOW: &str = "access-control-allow-origin";
const CREDENTIALS: &str = "access-control-allow-credentials";

/// R22: the named origins read with credentials, byte for byte as browsers write origins; everybody else gets no permission, also
/// on refusals, and no answer is good for two origins.
#[tokio::test]
async fn named_origins_read_the_session_and_nobody_else() {
    let stack = Stack::with(&[("CORS_ORIGINS", "https://app.example.com,http://localhost:3000")]).await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let own = stack.origin();
    let foreign = [
        "null",
        "*",
        "",
        "https://app.example.com.evil.example",
        "https://evilapp.example.com",
        "https://app.example.com@evil.example",
        "https://app.example.com:443",
        "https://app.example.com:8443",
        "https://app.example.com/",
        "https://APP.example.com",
        "http://app.example.com",
        "https://sub.app.example.com",
        "https://appXexample.com",
        "https://app.example.com%60.evil.example",
        "https://app.example.com_.evil.example",
        "https://evil.example",
        "http://localhost",
        "http://localhost:3001",
        "http://127.0.0.1:3000",
        "file://",
        "chrome-extension://app.example.com",
        own.as_str(),
    ];
    for (signed_in, browser) in [(true, browser), (false, stack.browser())] {
        for origin in ["https://app.example.com", "http://localhost:3000"] {
            let answer = browser.ask("GET", "/auth/session").header("origin", origin).send().await;
            assert_eq!(answer.status, if signed_in { 200 } else { 401 });
            assert_eq!((answer.header(ALLOW), answer.header(CREDENTIALS)), (origin, "true"));
            assert!(answer.header("vary").contains("Origin"));
            let preflight = browser.ask("OPTIONS", "/auth/session").header("origin", origin);
            let preflight = preflight.header("access-control-request-method", "GET").send().await;
            assert_eq!((preflight.status, preflight.header(ALLOW)), (204, origin));
            assert_eq!(preflight.header("access-control-allow-methods"), "GET");
            assert!(preflight.cookies().is_empty());
        }
        for origin in foreign {
            for method in ["GET", "OPTIONS", "HEAD"] {
                let request = browser.ask(method, "/auth/session").header("origin", origin);
                let answer = request.header("access-control-request-method", "GET").send().await;
                assert_eq!((answer.header(ALLOW), answer.header(CREDENTIALS)), ("", ""), "{method} {origin}");
                assert!(answer.header("vary").contains("Origin"), "{method} {origin}");
            }
        }
        let twice = browser.ask("GET", "/auth/session").header("origin", "https://app.example.com");
        let twice = twice.header("origin", "https://evil.example").send().await;
        assert_eq!(twice.header(ALLOW), "");
    }
}

/// R22: no other route is readable from elsewhere, and by default none is.
#[tokio::test]
async fn nothing_else_is_shared() {
    let stack = Stack::with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    for path in ["/auth/account", "/auth/logout", "/login", "/auth/callback", "/nothing"] {
        let answer = browser.ask("GET", path).header("origin", "https://app.example.com").send().await;
        assert_eq!((answer.header(ALLOW), answer.header(CREDENTIALS)), ("", ""), "{path}");
    }
    let closed = Stack::start().await;
    let answer =
        closed.browser().ask("GET", "/auth/session").header("origin", "https://app.example.com").send().await;
    assert_eq!((answer.header(ALLOW), answer.header("vary")), ("", "Origin"));
}
