//! WorkOS breaks in every way it can while somebody signs in.
//!
//! Each time: the right page within the deadline, nothing half written, people who are signed in notice nothing, and
//! when it is over the login works.

use std::time::{Duration, Instant};

use e2e::{Answer, Browser, SESSION, Stack, at};
use serde_json::{Value, json};

/// Ben works at Acme all the while; Hank tries to sign in at Globex, a company nobody has come from yet.
struct Scene {
    stack: Stack,
    ben: Browser,
}

impl Scene {
    async fn set() -> Self {
        let stack = Stack::start().await;
        let ben = stack.browser();
        ben.signed_in(at::OKTA, "ben.fischer@acme.com").await;
        Self { stack, ben }
    }

    /// Hank's callback while this is broken.
    async fn attempt(&self, fault: &Value) -> Answer {
        let hank = self.stack.browser();
        let departure = hank.depart(at::GLOBEX).await;
        let callback = hank.at_idp(&departure, "hank@globex.com").await;
        self.stack.sandbox().fault(fault.clone()).await;
        self.stack.sandbox().forget().await;
        let started = Instant::now();
        let answer = hank.get(callback.as_str()).await;
        let took = started.elapsed();
        assert!(took < Duration::from_secs(5), "{fault}: {took:?}");
        assert!(answer.is_page() && answer.cookie(SESSION).is_none(), "{fault}");
        assert!(hank.flows().is_empty() && hank.session_token().is_none(), "{fault}");
        answer
    }

    async fn assert_nothing_happened(&self, fault: &Value) {
        let ben = self.ben.session().await;
        assert_eq!(
            (ben.status, &ben.json()["user"]["email"]),
            (200, &json!("ben.fischer@acme.com")),
            "{fault}"
        );
        assert_eq!(self.ben.get("/dashboard").await.status, 200, "{fault}");
        let counts = (
            self.stack.users().await.len(),
            self.stack.sessions().await.len(),
            self.stack.links().await.len(),
        );
        assert_eq!(counts, (1, 1, 1), "{fault}");
    }

    async fn assert_works_again(&self) {
        self.stack.sandbox().heal().await;
        self.stack.browser().signed_in(at::GLOBEX, "hank@globex.com").await;
    }
}

/// R61: trouble at any endpoint of a login is 503 with `Retry-After`; the code exchange is sent once, reads at most three times.
#[tokio::test]
async fn trouble_is_a_page_that_says_when_to_come_back() {
    let scene = Scene::set().await;
    // The exchange last: the tenant is fetched beside it, and once it is known the others are not asked.
    for path in ["/organizations", "/connections", "/sso/token"] {
        for (fault, reads) in [
            (json!({"path": path, "kind": "status", "status": 500}), 3),
            (json!({"path": path, "kind": "status", "status": 503}), 3),
            (json!({"path": path, "kind": "status", "status": 403}), 1),
            (json!({"path": path, "kind": "cut"}), 3),
            (json!({"path": path, "kind": "malformed"}), 1),
        ] {
            // A refusal of the exchange is about the code.
            if path == "/sso/token" && fault["status"] == 403 {
                continue;
            }
            let page = scene.attempt(&fault).await;
            assert_eq!((page.status, page.code().as_str()), (503, "try_later"), "{fault}");
            assert_eq!(page.header("retry-after"), "5", "{fault}");
            assert!(page.body.contains("you stay signed in"), "{fault}");
            let again: Vec<_> = page.button().query_pairs().map(|(name, _)| name.into_owned()).collect();
            // By the connection, once the company and its only one are known.
            assert!(["organization", "connection"].contains(&again[0].as_str()), "{fault}");
            assert_eq!(again[1..], ["return_to"], "{fault}");
            assert_eq!(scene.stack.sandbox().calls("/sso/token").await, 1, "{fault}");
            if path != "/sso/token" {
                assert_eq!(scene.stack.sandbox().calls(path).await, reads, "{fault}");
            }
            scene.assert_nothing_happened(&fault).await;
            scene.stack.sandbox().heal().await;
        }
    }
    assert_eq!(scene.stack.counted("login_failure", Some("workos_unavailable")), 14);
    scene.assert_works_again().await;
}

/// R63: when WorkOS says how long to wait, the page says so too, and nobody asks before.
#[tokio::test]
async fn retry_after_is_passed_on() {
    let scene = Scene::set().await;
    for path in ["/organizations", "/connections", "/sso/token"] {
        for fault in [
            json!({"path": path, "kind": "rate_limit", "retry_after": 37}),
            json!({"path": path, "kind": "status", "status": 503, "retry_after": 37}),
        ] {
            let page = scene.attempt(&fault).await;
            assert_eq!((page.status, page.code().as_str()), (503, "try_later"), "{fault}");
            assert_eq!(page.header("retry-after"), "37", "{fault}");
            assert!(page.body.contains("37 seconds"), "{fault}");
            assert_eq!(scene.stack.sandbox().calls(path).await, 1, "{fault}");
            scene.assert_nothing_happened(&fault).await;
            scene.stack.sandbox().heal().await;
        }
    }
    scene.assert_works_again().await;
}

/// R61: reads survive what passes: one failure, and the login goes on.
#[tokio::test]
async fn reads_are_repeated() {
    for path in ["/organizations", "/connections"] {
        for kind in ["status", "cut"] {
            let scene = Scene::set().await;
            scene.stack.sandbox().fault(json!({"path": path, "kind": kind, "count": 2})).await;
            scene.stack.sandbox().forget().await;
            scene.stack.browser().signed_in(at::GLOBEX, "hank@globex.com").await;
            assert_eq!(scene.stack.sandbox().calls(path).await, 3, "{path} {kind}");
        }
    }
}

/// R61: whatever hangs, the answer is there before the function's time is over.
#[tokio::test]
async fn whatever_hangs_is_answered_in_time() {
    let scenes = tokio::join!(Scene::set(), Scene::set(), Scene::set());
    let hang = |path: &str| json!({"path": path, "kind": "delay", "delay_ms": 20_000});
    let faults = (hang("/sso/token"), hang("/organizations"), hang("/connections"));
    let pages =
        tokio::join!(scenes.0.attempt(&faults.0), scenes.1.attempt(&faults.1), scenes.2.attempt(&faults.2));
    for page in [&pages.0, &pages.1, &pages.2] {
        assert_eq!((page.status, page.code().as_str()), (503, "try_later"));
    }
    for (scene, fault) in [(&scenes.0, &faults.0), (&scenes.1, &faults.1), (&scenes.2, &faults.2)] {
        assert_eq!(scene.stack.sandbox().calls("/sso/token").await, 1, "{fault}");
        scene.assert_nothing_happened(fault).await;
        scene.assert_works_again().await;
    }
}

/// A code that WorkOS refuses ends this login and no other: the button starts a new one.
#[tokio::test]
async fn a_refused_code_ends_the_login() {
    let scene = Scene::set().await;
    for status in [400, 403, 404, 422] {
        let fault = json!({"path": "/sso/token", "kind": "status", "status": status});
        let page = scene.attempt(&fault).await;
        assert_eq!((page.status, page.code().as_str()), (400, "code_refused"), "{status}");
        assert_eq!(scene.stack.sandbox().calls("/sso/token").await, 1, "{status}");
        scene.assert_nothing_happened(&fault).await;
        scene.stack.sandbox().heal().await;
    }
    // The sandbox's own refusal: a code that was spent elsewhere.
    let hank = scene.stack.browser();
    let departure = hank.depart(at::GLOBEX).await;
    let mut callback = hank.at_idp(&departure, "hank@globex.com").await;
    callback.set_query(Some(&format!("code=01SPENT&state={}", departure.state)));
    let page = hank.get(callback.as_str()).await;
    assert_eq!((page.status, page.code().as_str()), (400, "code_refused"));
    scene.assert_works_again().await;
}

/// A client that WorkOS refuses is our own trouble and never the person's; a wrong key makes no storm of calls.
#[tokio::test]
async fn a_refused_client_is_trouble_of_ours() {
    let scene = Scene::set().await;
    let fault = json!({"path": "/sso/token", "kind": "status", "status": 401});
    let page = scene.attempt(&fault).await;
    assert_eq!((page.status, page.code().as_str()), (503, "try_later"));
    assert_eq!(scene.stack.sandbox().calls("/sso/token").await, 1, "the key has not changed");
    scene.assert_nothing_happened(&fault).await;
    scene.assert_works_again().await;
}
