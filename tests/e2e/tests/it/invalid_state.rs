//! Callbacks that do not belong to the browser that brings them, or to nobody any more.
//!
//! Whatever the reason, the answer is the same page and costs nothing upstream; and no attack touches the login of the
//! person it is aimed at.

use domain::sha256;
use e2e::{Browser, FLOW, SESSION, Stack, at};

/// The request is refused as page and as JSON, no call goes upstream, and no session begins.
async fn refused(stack: &Stack, browser: &Browser, url: &str, why: &str) {
    let sandbox = stack.sandbox();
    sandbox.forget().await;
    let before = browser.flows();
    let page = browser.get(url).await;
    assert_eq!((page.status, page.code().as_str()), (400, "invalid_state"), "{why}");
    assert!(page.is_page() && page.body.contains("Invalid state"), "{why}: {}", page.body);
    assert_eq!(page.button().path(), "/login", "{why}");
    let problem = browser.get_json(url).await;
    assert_eq!((problem.status, problem.code().as_str()), (400, "invalid_state"), "{why}");
    assert!(problem.json()["message"].as_str().unwrap().starts_with("Invalid state"), "{why}");
    assert!(page.cookies().is_empty() && problem.cookies().is_empty(), "{why}");
    assert_eq!(browser.flows(), before, "{why}");
    assert_eq!(sandbox.requests().await, [], "{why}");
    assert_eq!(stack.sessions().await.len(), 0, "{why}");
    assert_eq!(stack.users().await.len(), 0, "{why}");
}

fn query(code: &str, state: &str) -> String {
    format!("/auth/callback?code={code}&state={state}")
}

/// R02, R03, R07: state without cookie, cookie without state, cookie of another login, another browser's state, and every way
/// of spoiling a state. The victim's own login is still there afterwards.
#[tokio::test]
async fn foreign_and_spoiled_states_are_refused_and_spend_nothing() {
    let stack = Stack::with(&[("INVALID_STATE_PER_MINUTE", "1000")]).await;
    let (victim, attacker) = (stack.browser(), stack.browser());
    let own = victim.depart(at::OKTA).await;
    let callback = victim.at_idp(&own, "ada@acme.com").await;
    let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
    let theirs = attacker.depart(at::OKTA).await;
    let attack = attacker.at_idp(&theirs, "ben.fischer@acme.com").await;

    let state = own.state.as_str();
    let flipped = if state.ends_with('A') { 'B' } else { 'A' };
    let tampered = format!("{}{flipped}", &state[..42]);
    let random = sha256("somebody's guess");
    for (why, url) in [
        ("tampered", query(&code, &tampered)),
        ("cut short", query(&code, &state[..42])),
        ("made longer", query(&code, &format!("{state}A"))),
        ("in other letters", query(&code, &state.to_ascii_uppercase())),
        ("with a line break", query(&code, &format!("{state}%0A"))),
        ("with a NUL", query(&code, &format!("{state}%00"))),
        ("with a space before", query(&code, &format!("%20{state}"))),
        ("random", query(&code, &random)),
        ("over-long", query(&code, &"A".repeat(5000))),
        ("over-long code", query(&"A".repeat(5000), state)),
        ("not UTF-8", query(&code, "%ff%fe")),
        ("twice, alike", format!("{}&state={state}", query(&code, state))),
        ("twice, other first", format!("/auth/callback?state={random}&code={code}&state={state}")),
        ("twice, other last", format!("{}&state={random}", query(&code, state))),
        ("two codes", format!("{}&code=other", query(&code, state))),
        ("code and error", format!("{}&error=access_denied", query(&code, state))),
        ("state alone", format!("/auth/callback?state={state}")),
        ("empty code", query("", state)),
        ("nothing", "/auth/callback".to_owned()),
        ("parameters nobody knows", "/auth/callback?token=1".to_owned()),
        ("tampered, with an error", format!("/auth/callback?error=access_denied&state={tampered}")),
    ] {
        refused(&stack, &victim, &url, why).await;
    }
    // Login CSRF: the attacker's code and state in the victim's browser (RFC 9700 section 4.7).
    refused(&stack, &victim, attack.as_str(), "attacker's login in the victim's browser").await;
    refused(&stack, &victim, &query(&code, &theirs.state), "attacker's state, own code").await;
    // The victim's callback in another browser: a leaked URL.
    refused(&stack, &attacker, callback.as_str(), "victim's state in the attacker's browser").await;
    refused(&stack, &stack.browser(), callback.as_str(), "victim's state without any cookie").await;
    let errand = format!("/auth/callback?error=access_denied&state={state}");
    refused(&stack, &attacker, &errand, "victim's login ended from outside").await;
    // Cookies under the right name with another secret.
    let other_secret = attacker.jar().value(&stack.url("/"), &theirs.cookie()).unwrap();
    for (why, value) in [
        ("the cookie of another login", other_secret.as_str()),
        ("a cookie of the right form", "1700000000.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("a cookie that is none", "1"),
        ("an empty cookie", ""),
    ] {
        let forger = stack.browser();
        forger.jar().plant(&stack.url("/"), &own.cookie(), value);
        refused(&stack, &forger, callback.as_str(), why).await;
    }

    let answer = victim.get(callback.as_str()).await;
    assert_eq!((answer.status, answer.location()), (303, stack.url("/dashboard")));
    assert_eq!(victim.session().await.json()["user"]["email"], "ada@acme.com");
    let answer = attacker.get(attack.as_str()).await;
    assert_eq!(answer.status, 303);
}

/// R04: ten minutes by the clock, whatever the sweep has done and whatever the browser still sends.
#[tokio::test]
async fn a_login_expires_after_ten_minutes() {
    let stack = Stack::start().await;
    for (late, lives) in [(9, true), (11, false)] {
        for hoards in [true, false] {
            let browser = stack.browser();
            if hoards {
                browser.hoard();
            }
            let departure = browser.depart(at::OKTA).await;
            stack.advance(590);
            let callback = browser.at_idp(&departure, "ada@acme.com").await;
            stack.advance(late);
            let pending = stack.logins().await.len();
            if lives {
                assert_eq!(browser.get(callback.as_str()).await.status, 303);
                continue;
            }
            stack.sandbox().forget().await;
            let page = browser.get(callback.as_str()).await;
            assert_eq!((page.status, page.code().as_str()), (400, "invalid_state"));
            assert_eq!(stack.sandbox().requests().await, []);
            assert_eq!(stack.logins().await.len(), pending, "the sweep is not what refuses");
            // The way on from there works.
            browser.signed_in(at::OKTA, "ada@acme.com").await;
        }
    }
}

/// R03: a login that was used is used up, also for the browser it belonged to.
#[tokio::test]
async fn a_replayed_state_is_refused() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let departure = browser.depart(at::OKTA).await;
    let cookie = browser.jar().value(&stack.url("/"), &departure.cookie()).unwrap();
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    let answer = browser.get(callback.as_str()).await;
    assert_eq!(answer.status, 303);
    assert!(answer.cookie(&departure.cookie()).unwrap().clears());
    assert_eq!(stack.logins().await.len(), 0);

    // The thief has everything but the session: URL and flow cookie.
    let thief = stack.browser();
    thief.jar().plant(&stack.url("/"), &departure.cookie(), &cookie);
    stack.sandbox().forget().await;
    for _ in 0..3 {
        let page = thief.get(callback.as_str()).await;
        assert_eq!((page.status, page.code().as_str()), (400, "invalid_state"));
        assert!(page.cookie(SESSION).is_none());
    }
    assert_eq!(stack.sandbox().requests().await, []);
    assert_eq!(stack.sessions().await.len(), 1);
}

/// R02: without the flow cookie nothing is asked, neither upstream nor in the database.
#[tokio::test]
async fn a_state_without_cookie_costs_no_call() {
    let stack = Stack::start().await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let owner = stack.browser();
    let departure = owner.depart(at::OKTA).await;
    let callback = owner.at_idp(&departure, "ada@acme.com").await;
    stack.sandbox().forget().await;
    for url in
        [callback.as_str(), "/auth/callback?code=x&state=y", "/auth/callback?error=access_denied&state=y"]
    {
        let page = deployment.visited_by(&stack.browser()).get(url).await;
        assert_eq!((page.status, page.code().as_str()), (400, "invalid_state"));
    }
    assert_eq!(proxy.calls().len(), 0, "{:?}", proxy.calls());
    assert_eq!(stack.sandbox().requests().await, []);
}

/// R13: a scanner that follows the callback URL in a mail or a log spends nobody's login.
#[tokio::test]
async fn head_and_prefetch_do_not_spend_a_login() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    stack.sandbox().forget().await;
    for method in ["HEAD", "OPTIONS", "POST"] {
        let answer = browser.ask(method, callback.as_str()).send().await;
        assert!(matches!(answer.status, 204 | 405), "{method}: {}", answer.status);
        assert!(answer.cookies().is_empty(), "{method}");
    }
    for (name, value) in
        [("sec-purpose", "prefetch;prerender"), ("purpose", "prefetch"), ("x-moz", "prefetch")]
    {
        let answer = browser.ask("GET", callback.as_str()).navigating().header(name, value).send().await;
        assert_eq!((answer.status, answer.cookies().len()), (204, 0), "{name}");
    }
    assert_eq!(stack.sandbox().requests().await, []);
    assert_eq!(browser.flows().len(), 1);
    assert_eq!(browser.get(callback.as_str()).await.status, 303);
}

/// R05: a cookie under the prefix of flow cookies that is none neither breaks a login nor stays for ever.
#[tokio::test]
async fn junk_under_the_prefix_is_cleared_by_the_next_login() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.jar().plant(&stack.url("/"), &format!("{FLOW}junk"), "x");
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(browser.flows().len(), 0);
}
