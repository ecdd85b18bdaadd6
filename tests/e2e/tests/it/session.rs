//! `/auth/session`: who is signed in, a fresh token, and when it is over.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use e2e::{Browser, SESSION, Stack, at};
use serde_json::{Value, json};

async fn signed_in(stack: &Stack) -> Browser {
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    browser
}

fn claims(token: &str) -> Value {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}

/// R17: the cookie is bound to this host, to https, away from scripts; it lives as long as the session and holds a signed token.
#[tokio::test]
async fn the_session_cookie_is_locked_down() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let cookie = browser.signed_in(at::OKTA, "ada@acme.com").await.cookie(SESSION).unwrap();
    let (_, attributes) = cookie.header.split_once("; ").unwrap();
    assert_eq!(attributes, "HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400");
    let said = claims(&cookie.value);
    let names: Vec<&String> = said.as_object().unwrap().keys().collect();
    assert_eq!(names, ["amr", "aud", "auth_time", "exp", "iat", "iss", "nbf", "org", "roles", "sid", "sub"]);
    let now = stack.clock.now().seconds();
    assert_eq!((&said["iss"], &said["aud"]), (&json!(stack.origin()), &json!(stack.origin())));
    assert_eq!(
        (&said["iat"], &said["exp"], &said["auth_time"]),
        (&json!(now), &json!(now + 300), &json!(now))
    );
    assert_eq!((&said["amr"], &said["org"]), (&json!(["sso"]), &json!("org_01SANDBOXACME")));
    let header = URL_SAFE_NO_PAD.decode(cookie.value.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!((&header["alg"], &header["typ"]), (&json!("ES256"), &json!("session+jwt")));

    stack.advance(100);
    let fresh = browser.session().await.cookie(SESSION).unwrap();
    assert_eq!(fresh.max_age(), Some(86_300));
    assert_eq!(claims(&fresh.value)["iat"], now + 100);
    assert_eq!(claims(&fresh.value)["sid"], said["sid"]);
}

/// R17, R19: for sibling hosts the cookie has a domain, and is cleared with it.
#[tokio::test]
async fn a_cookie_for_sibling_hosts_carries_its_domain() {
    let stack = Stack::start().await;
    let deployment = stack
        .deployed(&[
            ("PUBLIC_URL", "https://auth.example.com"),
            ("DEFAULT_RETURN_URL", "https://auth.example.com/"),
            ("SESSION_COOKIE_DOMAIN", "example.com"),
        ])
        .await;
    let browser = deployment.visited_by(&stack.browser());
    let answer = browser.ask("GET", "/auth/session").header("cookie", "__Secure-session=junk").send().await;
    assert_eq!(
        answer.cookie("__Secure-session").unwrap().header,
        "__Secure-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=0"
    );
}

/// R19: whatever is cleared is cleared with the attributes it was set with.
#[tokio::test]
async fn cookies_are_cleared_as_they_were_set() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let departure = browser.depart(at::OKTA).await;
    let flow = departure.answer.cookie(&departure.cookie()).unwrap();
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    let signed_in = browser.get(callback.as_str()).await;
    let cleared = signed_in.cookie(&departure.cookie()).unwrap();
    assert!(cleared.clears() && cleared.value.is_empty());
    assert_eq!(cleared.scope(), flow.scope());
    let set = signed_in.cookie(SESSION).unwrap();
    let out = browser.post_form("/auth/logout", &[]).await.cookie(SESSION).unwrap();
    assert!(out.clears() && out.value.is_empty());
    assert_eq!(out.scope(), set.scope());
    // Evicted by the sixth login.
    for _ in 0..5 {
        browser.depart(at::OKTA).await;
        stack.advance(1);
    }
    let sixth = browser.depart(at::OKTA).await.answer;
    let evicted: Vec<_> = sixth.cookies().into_iter().filter(|cookie| cookie.clears()).collect();
    assert_eq!(evicted.len(), 1);
    assert_eq!(evicted[0].scope(), flow.scope());
}

/// The answer: user, organization for the banner, roles, and the times.
#[tokio::test]
async fn the_session_describes_itself() {
    let stack = Stack::start().await;
    let browser = signed_in(&stack).await;
    let start = stack.clock.now();
    stack.advance(60);
    let at = |seconds: u64| start.plus(std::time::Duration::from_secs(seconds)).rfc3339();
    let answer = browser.session().await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
    let said = answer.json();
    assert_eq!(said["user"]["email"], "ada@acme.com");
    assert_eq!((&said["user"]["name"], &said["user"]["first_name"]), (&json!("Ada Okafor"), &json!("Ada")));
    assert_eq!(said["organization"], json!({"id": "org_01SANDBOXACME", "name": "Acme Corp"}));
    assert_eq!(said["roles"], json!(["admin"]));
    let session = &said["session"];
    assert_eq!((&session["auth_time"], &session["created_at"]), (&json!(at(0)), &json!(at(0))));
    assert_eq!(
        (&session["last_seen_at"], &session["idle_expires_at"]),
        (&json!(at(60)), &json!(at(60 + 28_800)))
    );
    assert_eq!(session["expires_at"], at(86_400));
    assert_eq!(said["token"], json!({"expires_at": at(360)}));
    let user = said["user"]["id"].as_str().unwrap();
    assert!(user.starts_with("user_") && session["id"].as_str().unwrap().starts_with("sess_"));
    assert_eq!(claims(&browser.session_token().unwrap())["sub"], user);

    let nobody = stack.browser().session().await;
    assert_eq!((nobody.status, nobody.code().as_str(), nobody.cookies().len()), (401, "not_signed_in", 0));
}

/// R28: eight hours without a look end the session, each look begins them anew; HEAD is no look (R13).
#[tokio::test]
async fn an_idle_session_ends() {
    let stack = Stack::start().await;
    let browser = signed_in(&stack).await;
    for _ in 0..2 {
        stack.advance(28_799);
        assert_eq!(browser.session().await.status, 200);
    }
    stack.advance(20_000);
    let head = browser.ask("HEAD", "/auth/session").send().await;
    assert_eq!((head.status, head.cookies().len()), (204, 0));
    stack.advance(8_800);
    let answer = browser.session().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "session_idle"));
    assert!(answer.cookie(SESSION).unwrap().clears());
    assert!(browser.session_token().is_none());
}

/// R28: a day ends the session, however busy it was.
#[tokio::test]
async fn a_busy_session_ends_after_a_day() {
    let stack = Stack::start().await;
    let browser = signed_in(&stack).await;
    browser.hoard();
    for _ in 0..4 {
        stack.advance(21_599);
        assert_eq!(browser.session().await.status, 200);
    }
    // The last token does not outlive the session.
    let said = claims(&browser.session_token().unwrap());
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 4);
    stack.advance(4);
    let answer = browser.session().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "session_expired"));
    assert_eq!(
        stack.sessions().await.len(),
        1,
        "the record is still there: the clock decides, not the sweep"
    );
}

/// R28: a tenant's own lifetimes count, as far as they are no longer than the environment's.
#[tokio::test]
async fn a_tenant_has_lifetimes_of_its_own() {
    let stack = Stack::start().await;
    signed_in(&stack).await;
    stack.set_policy(json!({ "session_idle_seconds": 900, "session_absolute_seconds": 3600 })).await;
    let (idle, busy) = (signed_in(&stack).await, signed_in(&stack).await);
    busy.hoard();
    for _ in 0..4 {
        stack.advance(899);
        assert_eq!(busy.session().await.status, 200);
    }
    assert_eq!(idle.session().await.code(), "session_idle");
    stack.advance(4);
    assert_eq!(busy.session().await.code(), "session_expired");

    stack.set_policy(json!({ "session_idle_seconds": 28_800, "session_absolute_seconds": 864_000 })).await;
    let long = stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(long.cookie(SESSION).unwrap().max_age(), Some(86_400));
}

/// The stopover of server-rendered apps: back with a fresh cookie, or through the login and then back.
#[tokio::test]
async fn a_stopover_leads_back() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let answer = browser.get("/auth/session?return_to=/reports?year=2026").await;
    let login = answer.location();
    assert_eq!((answer.status, login.path(), answer.cookies().len()), (303, "/login", 0));
    let back: Vec<_> = login.query_pairs().collect();
    assert_eq!(back, [("return_to".into(), stack.url("/reports?year=2026").as_str().into())]);

    browser.signed_in(at::OKTA, "ada@acme.com").await;
    stack.advance(400);
    let answer = browser.get("/auth/session?return_to=/reports?year=2026").await;
    assert_eq!((answer.status, answer.location()), (303, stack.url("/reports?year=2026")));
    let now = stack.clock.now().seconds();
    assert_eq!(claims(&answer.cookie(SESSION).unwrap().value)["iat"], now);

    for hostile in [
        "https://evil.example/",
        "//evil.example",
        "/%5Cevil.example",
        "javascript:alert(1)",
        "/auth/logout",
        "",
    ] {
        let page = browser.get(format!("/auth/session?return_to={hostile}")).await;
        assert_eq!((page.status, page.code().as_str()), (400, "invalid_return_url"), "{hostile}");
        assert!(page.cookies().is_empty() && !page.headers.contains_key("location"), "{hostile}");
    }

    stack.deactivate(&stack.users().await[0]).await;
    let answer = browser.get("/auth/session?return_to=/reports").await;
    assert_eq!((answer.status, answer.location().path()), (303, "/login"));
    assert!(answer.cookie(SESSION).unwrap().clears());
}

/// A cookie that nobody can read is cleared and counts as signed out, everywhere: nobody has to delete cookies by hand.
#[tokio::test]
async fn an_unreadable_cookie_is_cleared() {
    let (stack, other) = tokio::join!(Stack::start(), Stack::start());
    let good = signed_in(&stack).await.session_token().unwrap();
    let mut flipped = good.clone();
    let last = if flipped.pop() == Some('A') { 'E' } else { 'A' };
    flipped.push(last);
    let part = |n: usize| good.split('.').nth(n).unwrap();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"session+jwt"}"#);
    for (why, value) in [
        ("empty", String::new()),
        ("a word", "junk".to_owned()),
        ("form alone", "a.b.c".to_owned()),
        ("cut off", good[..good.len() / 2].to_owned()),
        ("other signature", flipped),
        ("no signature", format!("{}.{}.", part(0), part(1))),
        ("alg none", format!("{none}.{}.AA", part(1))),
        ("over-long", format!("{}.{}", good, "x".repeat(2000))),
        ("another product's", signed_in(&other).await.session_token().unwrap()),
    ] {
        let cookie = format!("{SESSION}={value}");
        for (path, status) in [
            ("/auth/session", 401),
            ("/auth/account", 401),
            ("/auth/logout", 200),
            ("/auth/session?return_to=/", 303),
        ] {
            let browser = stack.browser();
            let answer = browser.ask("GET", path).navigating().header("cookie", &cookie).send().await;
            assert_eq!(answer.status, status, "{why} {path}");
            assert!(answer.cookie(SESSION).is_some_and(|cookie| cookie.clears()), "{why} {path}");
        }
        let browser = stack.browser();
        let dashboard = browser.ask("GET", "/dashboard").header("cookie", &cookie).send().await;
        assert_eq!(dashboard.status, 401, "{why}");
        browser.jar().plant(&stack.url("/"), SESSION, &value);
        browser.signed_in(at::OKTA, "ada@acme.com").await;
        assert_eq!(browser.session().await.status, 200, "{why}");
    }
}

/// A foreign cookie of any kind beside ours does no harm.
#[tokio::test]
async fn foreign_cookies_do_no_harm() {
    let stack = Stack::start().await;
    let token = signed_in(&stack).await.session_token().unwrap();
    let browser = stack.browser();
    for others in ["a=1; =; ;; novalue", "x=\"a b\"", "b=%00%ff", "__host-session=x; session=y", "ü=ö"] {
        let cookie = format!("{others}; {SESSION}={token}; {others}");
        let answer = browser.ask("GET", "/auth/session").header("cookie", &cookie).send().await;
        assert_eq!(answer.status, 200, "{others}");
    }
    // Junk that another app set under our name first does not hide the good one.
    let cookie = format!("{SESSION}=junk; {SESSION}={token}");
    assert_eq!(browser.ask("GET", "/auth/session").header("cookie", &cookie).send().await.status, 200);
}

/// The end of a tenant's, or everybody's, sessions reaches `/auth/session` with its reason.
#[tokio::test]
async fn whatever_ends_sessions_says_why() {
    let stack = Stack::start().await;
    let (one, other, third) = (signed_in(&stack).await, signed_in(&stack).await, stack.browser());
    third.signed_in(at::GLOBEX, "hank@globex.com").await;
    let users = stack.users().await;
    let ada = users.iter().find(|user| user.text("organization") == "org_01SANDBOXACME").unwrap();
    stack.set(ada, "generation", AttributeValue::N("3".to_owned())).await;
    let gate = stack.gate("org_01SANDBOXGLOBEX").await;
    stack.set(&gate, "generation", AttributeValue::N("1".to_owned())).await;
    for (browser, code) in [(one, "user_revoked"), (other, "user_revoked"), (third, "tenant_revoked")] {
        let answer = browser.session().await;
        assert_eq!((answer.status, answer.code().as_str()), (401, code));
        assert!(answer.cookie(SESSION).unwrap().clears());
    }
}
