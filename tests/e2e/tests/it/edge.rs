//! CloudFront in front of the API: what proves to have come through it is believed about the viewer, and nothing else is
//! let through.

use e2e::{Answer, Browser, Deployment, SESSION, Stack, at};

const SECRET: &str = "vestibule/origin";
const NEW: &str = "new-0123456789abcdef0123456789abcdef";
const OLD: &str = "old-0123456789abcdef0123456789abcdef";
const BEHIND: &[(&str, &str)] = &[("TRUSTED_PROXY", "cloudfront"), ("ORIGIN_SECRET", SECRET)];
/// The edge, as API Gateway sees it.
const EDGE: &str = "192.0.2.80";

async fn stack() -> (Stack, Deployment) {
    let stack = Stack::start().await;
    knows(&stack, NEW, "");
    let deployment = stack.deployed(BEHIND).await;
    (stack, deployment)
}

fn knows(stack: &Stack, current: &str, previous: &str) {
    let text = format!(r#"{{"current": "{current}", "previous": "{previous}"}}"#);
    stack.running.secrets.put(SECRET, &text).unwrap();
}

async fn ask(browser: &Browser, path: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request = browser.ask("GET", path).navigating();
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.send().await
}

/// R25: whoever goes around the distribution is refused on every path, and what they say of themselves counts for nothing.
#[tokio::test]
async fn nothing_comes_in_beside_the_distribution() {
    let (stack, deployment) = stack().await;
    let browser = deployment.visited_from("198.51.100.1", &stack.browser());
    let paths = [
        "/login?organization=org_01SANDBOXACME",
        "/auth/callback?code=x&state=y",
        "/auth/session",
        "/.well-known/jwks.json",
        "/auth/logout",
        "/nowhere",
    ];
    let viewer = ("cloudfront-viewer-address", "203.0.113.7:46532");
    for path in paths {
        for headers in [
            &[][..],
            &[viewer],
            &[viewer, ("x-origin-verify", "")],
            &[viewer, ("x-origin-verify", OLD)],
            &[viewer, ("x-origin-verify", &NEW[..NEW.len() - 1])],
            &[viewer, ("x-origin-verify", &NEW.to_uppercase())],
            &[viewer, ("x-origin-verify", NEW), ("x-origin-verify", OLD)],
            &[viewer, ("x-origin-verify", OLD), ("x-origin-verify", NEW)],
            &[viewer, ("x_origin_verify", NEW)],
        ] {
            let answer = ask(&browser, path, headers).await;
            assert_eq!(
                (answer.status, answer.code().as_str()),
                (403, "not_through_the_edge"),
                "{path} {headers:?}"
            );
            assert!(answer.cookies().is_empty());
            assert!(!answer.header("x-request-id").is_empty());
            assert!(!answer.body.contains(NEW));
        }
    }
    assert!(stack.logins().await.is_empty() && stack.ephemeral().await.is_empty(), "no handler was reached");
}

/// R25, R64: through the distribution, limits and the audit log know the viewer and not the edge.
#[tokio::test]
async fn through_the_distribution_the_viewer_counts() {
    let (stack, deployment) = stack().await;
    let through = |viewer: &'static str| {
        let browser = deployment.visited_from(EDGE, &stack.browser());
        async move {
            let headers = [
                ("x-origin-verify", NEW),
                ("cloudfront-viewer-address", viewer),
                ("x-forwarded-for", "192.0.2.7"),
            ];
            ask(&browser, "/auth/callback?code=x&state=y", &headers).await.status
        }
    };
    for _ in 0..30 {
        assert_eq!(through("198.51.100.1:1000").await, 400);
        assert_eq!(through("2001:db8:1:2::1:1000").await, 400);
    }
    assert_eq!(through("198.51.100.1:2000").await, 429, "another port is the same viewer");
    assert_eq!(through("2001:db8:1:2:ffff::9:1000").await, 429, "another address of the subscriber");
    assert_eq!(through("198.51.100.2:1000").await, 400, "somebody else through the same edge");

    let browser = deployment.visited_from(EDGE, &stack.browser());
    let proof = ("x-origin-verify", NEW);
    let viewer = ("cloudfront-viewer-address", "203.0.113.7:46532");
    let departed = ask(&browser, &format!("/login?{}", at::OKTA), &[proof, viewer]).await;
    assert_eq!(departed.status, 303);
    let idp = browser.get(departed.location().as_str()).await.location();
    let callback = browser.post_form(idp.as_str(), &[("email", "ada@acme.com")]).await.location();
    let answer = ask(&browser, callback.as_str(), &[proof, viewer]).await;
    assert!(answer.cookie(SESSION).is_some(), "{}", answer.body);
    let event = stack.audit().await.pop().unwrap();
    assert_eq!(event.0["context"]["location"], "203.0.113.7");
}

/// R25: a distribution that sends no address, or one that cannot be read, leaves the gateway's word.
#[tokio::test]
async fn without_a_viewer_the_gateways_word_counts() {
    let (stack, deployment) = stack().await;
    let browser = deployment.visited_from(EDGE, &stack.browser());
    for n in 0..31 {
        let mut headers = vec![("x-origin-verify", NEW), ("x-forwarded-for", "192.0.2.7")];
        match n % 3 {
            0 => {}
            1 => headers.push(("cloudfront-viewer-address", "203.0.113.7:1,198.51.100.1:1")),
            _ => headers.push(("cloudfront-viewer-address", "viewer")),
        }
        let status = ask(&browser, "/auth/callback?code=x&state=y", &headers).await.status;
        assert_eq!(status, if n < 30 { 400 } else { 429 }, "{n}");
    }
}

/// R25, R70: a rotation refuses nobody who comes through: both secrets are good while the distribution changes over.
#[tokio::test]
async fn the_origin_secret_rotates_without_a_refusal() {
    let (stack, deployment) = stack().await;
    knows(&stack, OLD, "");
    let browser = deployment.visited_by(&stack.browser());
    let status = async |secret: &str| {
        ask(&browser, "/.well-known/jwks.json", &[("x-origin-verify", secret)]).await.status
    };
    assert_eq!((status(OLD).await, status(NEW).await), (200, 403));
    knows(&stack, NEW, OLD);
    stack.advance(11);
    assert_eq!(status(NEW).await, 200, "asked for again at the first request with the new one");
    assert_eq!(status(OLD).await, 200);
    knows(&stack, NEW, "");
    assert_eq!(status(OLD).await, 200, "known until it is read again");
    stack.advance(301);
    assert_eq!((status(OLD).await, status(NEW).await), (403, 200));
}

/// Without a secret to compare with it is our trouble: 503, and nobody is believed.
#[tokio::test]
async fn an_unknown_origin_secret_is_trouble_of_ours() {
    let stack = Stack::start().await;
    let deployment = stack.deployed(BEHIND).await;
    let browser = deployment.visited_by(&stack.browser());
    let answer = ask(&browser, "/auth/session", &[("x-origin-verify", NEW)]).await;
    assert_eq!(answer.status, 503);
    assert!(!answer.header("retry-after").is_empty());
    knows(&stack, NEW, "");
    assert_eq!(ask(&browser, "/auth/session", &[("x-origin-verify", NEW)]).await.status, 401);
}
