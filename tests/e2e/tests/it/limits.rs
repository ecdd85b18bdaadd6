//! Limits: tight for guesses, wide for the people of a whole company behind one address.

use e2e::{SESSION, Stack, at};

/// R64: a hundred bad states from one address are limited after thirty, while people behind the same address sign in.
#[tokio::test]
async fn guesses_are_limited_and_people_are_not() {
    let stack = Stack::start().await;
    let mut statuses = Vec::new();
    for n in 0..100 {
        let answer = stack.browser().get(format!("/auth/callback?code=x&state=guess{n}")).await;
        assert!(answer.is_page());
        if answer.status == 429 {
            let wait: u64 = answer.header("retry-after").parse().unwrap();
            assert!((1..=60).contains(&wait), "{wait}");
            assert_eq!(answer.code(), "too_many_requests");
        }
        statuses.push(answer.status);
        if n % 25 == 0 {
            stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
        }
    }
    assert_eq!(statuses[..30], [400; 30]);
    assert_eq!(statuses[30..], [429; 70]);
    assert_eq!(stack.counted("login_failure", Some("too_many_requests")), 70);
    // The next minute is a new one.
    stack.advance(60);
    assert_eq!(stack.browser().get("/auth/callback?code=x&state=guess").await.status, 400);
}

/// Three hundred people of one company behind one address meet no limit of ours in one and the same minute.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_company_signs_in_at_nine_o_clock() {
    let stack = Stack::start().await;
    stack.sandbox().auto("ada@acme.com").await;
    let mut lanes = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let browsers: Vec<_> = (0..50).map(|_| stack.browser()).collect();
        lanes.spawn(async move {
            for browser in browsers {
                let departure = browser.depart(at::OKTA).await;
                let callback = browser.get(departure.authorize.as_str()).await.location();
                assert_eq!(browser.get(callback.as_str()).await.status, 303);
            }
        });
    }
    lanes.join_all().await;
    assert_eq!(stack.sessions().await.len(), 300);
    assert_eq!((stack.counted("login_success", None), stack.counted("login_failure", None)), (300, 0));
}

/// R64: who is over the limit of callbacks waits, and finds the login untouched afterwards.
#[tokio::test]
async fn a_limited_callback_spends_nothing() {
    let stack = Stack::with(&[("CALLBACKS_PER_MINUTE", "3")]).await;
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let browser = stack.browser();
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.at_idp(&departure, "ada@acme.com").await;
        let answer = browser.get(callback.as_str()).await;
        match answer.status {
            303 => {}
            429 => {
                assert_eq!(answer.code(), "too_many_requests");
                waiting.push((browser, callback));
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert_eq!(waiting.len(), 2, "three, and the one that finds out");
    let (browser, callback) = waiting.pop().unwrap();
    assert_eq!(browser.flows().len(), 1);
    stack.advance(60);
    assert_eq!(browser.get(callback.as_str()).await.status, 303);
}

/// R64: a tenant's logins are limited by a sharded counter, and only that tenant's.
#[tokio::test]
async fn one_tenant_cannot_take_the_others_logins() {
    let stack = Stack::with(&[("TENANT_LOGINS_PER_MINUTE", "8")]).await;
    let mut refused = 0;
    for n in 0..60 {
        let answer = stack.browser().get(format!("/login?{}&return_to=/x", at::GLOBEX)).await;
        match answer.status {
            303 => assert_eq!(refused, 0, "once over, the minute is over"),
            429 => {
                refused += 1;
                assert!(answer.cookies().is_empty());
                assert_eq!(
                    answer.button(),
                    stack.url("/login?organization=org_01SANDBOXGLOBEX&return_to=%2Fx")
                );
            }
            other => panic!("{other} at {n}: {}", answer.body),
        }
    }
    assert!(refused >= 40, "{refused}");
    stack.browser().depart(at::WAYFARER).await;
    stack.advance(60);
    stack.browser().depart(at::GLOBEX).await;
}

/// A counter that cannot be written lets people in, and is counted itself.
#[tokio::test]
async fn a_failing_counter_lets_pass() {
    let stack = Stack::with(&[]).await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = deployment.visited_by(&stack.browser());
    proxy.lose("UpdateItem");
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert!(proxy.calls()["UpdateItem"] >= 2);
    assert_eq!(stack.counted("limit_uncounted", None), 2);
}

/// R25: the address is the gateway's word. No header makes a client somebody else, and an IPv6 subscriber is one client.
#[tokio::test]
async fn addresses_are_the_gateways_word() {
    let stack = Stack::start().await;
    let deployment = stack.deployed(&[]).await;
    let guess = |address: &'static str, forged: &'static str| {
        let browser = deployment.visited_from(address, &stack.browser());
        async move {
            let request = browser.ask("GET", "/auth/callback?code=x&state=y").navigating();
            let request = request
                .header("x-forwarded-for", forged)
                .header("x-real-ip", forged)
                .header("forwarded", "for=192.0.2.1")
                .header("cloudfront-viewer-address", forged)
                .header("x-user-id", "user_1");
            request.send().await.status
        }
    };
    for _ in 0..30 {
        assert_eq!(guess("198.51.100.1", "192.0.2.7").await, 400);
        assert_eq!(guess("2001:db8:1:2::1", "192.0.2.7").await, 400);
    }
    assert_eq!(guess("198.51.100.1", "192.0.2.99").await, 429);
    assert_eq!(guess("198.51.100.2", "198.51.100.1").await, 400);
    assert_eq!(guess("2001:db8:1:2:ffff::9", "192.0.2.99").await, 429);
    assert_eq!(guess("2001:db8:1:3::1", "192.0.2.99").await, 400);
    // The address in the audit log is the gateway's as well.
    let browser = deployment.visited_from("198.51.100.77", &stack.browser());
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    let request = browser.ask("GET", callback.as_str()).navigating().header("x-forwarded-for", "192.0.2.1");
    assert!(request.send().await.cookie(SESSION).is_some());
    let event = stack.audit().await.pop().unwrap();
    assert_eq!(event.0["context"]["location"], "198.51.100.77");
}
