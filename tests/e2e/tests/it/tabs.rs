//! Several logins at once: tabs of one browser, and one callback many times.

use e2e::{SESSION, Stack, at};
use tokio::task::JoinSet;

/// All orders of four things.
fn orders() -> Vec<[usize; 4]> {
    let all = (0..256).map(|n| [n & 3, n >> 2 & 3, n >> 4 & 3, n >> 6 & 3]);
    all.filter(|order| (0..4).all(|n| order.contains(&n))).collect()
}

/// R02, R07: four tabs start, and end in any order, all with a session; each ends the one before (R27).
#[tokio::test]
async fn four_tabs_end_in_any_order() {
    let stack = Stack::start().await;
    stack.sandbox().auto("ada@acme.com").await;
    assert_eq!(orders().len(), 24);
    for order in orders() {
        let browser = stack.browser();
        let mut callbacks = Vec::new();
        for tab in 0..4 {
            let departure = browser.depart(&format!("{}&return_to=/tab/{tab}", at::OKTA)).await;
            callbacks.push(browser.at_idp(&departure, "ada@acme.com").await);
        }
        for tab in order {
            let answer = browser.get(callbacks[tab].as_str()).await;
            assert_eq!(answer.status, 303, "{order:?}: {}", answer.body);
            assert_eq!(answer.location(), stack.url(&format!("/tab/{tab}")), "{order:?}");
            assert!(answer.cookie(SESSION).is_some(), "{order:?}");
        }
        assert_eq!(browser.flows().len(), 0);
        assert_eq!(browser.session().await.status, 200);
    }
    // One living session for each browser: the four of a browser followed one another.
    assert_eq!(stack.sessions().await.len(), 24);
    assert_eq!(stack.users().await.len(), 1);
}

/// R02: the four callbacks at the very same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_tabs_end_at_once() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let mut tabs = JoinSet::new();
    for _ in 0..4 {
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.at_idp(&departure, "ada@acme.com").await;
        let tab = browser.clone();
        tabs.spawn(async move { tab.get(callback.as_str()).await });
    }
    for answer in tabs.join_all().await {
        assert_eq!(answer.status, 303, "{}", answer.body);
        assert!(answer.cookie(SESSION).is_some());
    }
    assert_eq!(browser.session().await.status, 200);
    assert_eq!(stack.users().await.len(), 1);
}

/// R03: fifty callbacks with one state make one session and one exchange; nobody meets a server error or a limit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_callbacks_with_one_state_make_one_session() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    let mut all = JoinSet::new();
    for _ in 0..50 {
        let (tab, callback) = (browser.clone(), callback.clone());
        all.spawn(async move { tab.get(callback.as_str()).await });
    }
    let answers = all.join_all().await;
    let sessions = answers.iter().filter(|answer| answer.cookie(SESSION).is_some()).count();
    assert_eq!(sessions, 1);
    for answer in &answers {
        match answer.status {
            303 => assert_eq!(answer.location(), stack.url("/dashboard")),
            400 => assert_eq!(answer.code(), "invalid_state"),
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert_eq!(stack.sandbox().calls("/sso/token").await, 1);
    assert_eq!((stack.sessions().await.len(), stack.users().await.len()), (1, 1));
    assert_eq!(browser.session().await.status, 200);
}

/// R41: a person's first login from several browsers at once makes one user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_logins_at_once_make_one_user() {
    let stack = Stack::start().await;
    let mut all = JoinSet::new();
    for _ in 0..8 {
        let browser = stack.browser();
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.at_idp(&departure, "ada@acme.com").await;
        all.spawn(async move { browser.get(callback.as_str()).await.status });
    }
    assert_eq!(all.join_all().await, [303; 8]);
    assert_eq!((stack.users().await.len(), stack.links().await.len()), (1, 1));
    assert_eq!(stack.sessions().await.len(), 8);
    assert_eq!(stack.tenants().await.len(), 1);
    let created = stack.audit().await.iter().filter(|event| event.text("action") == "user.created").count();
    assert_eq!(created, 1);
}
