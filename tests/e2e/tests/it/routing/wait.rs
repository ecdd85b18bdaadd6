//! WorkOS takes so many logins a minute for one connection, and tells the rest in its own words, to the browser. So they
//! are counted here, and whoever has to wait is told so by us.

use e2e::{Stack, at};
use serde_json::{Value, json};

use super::{GLOBEX, OKTA, typed};

async fn sandbox_limit(stack: &Stack, limit: Value) {
    let settings = json!({ "logins_per_minute": limit });
    let url = format!("{}/_sandbox/settings", stack.sandbox_url());
    let answer = net::client().unwrap().post(url).json(&settings).send().await.unwrap();
    assert!(answer.status().is_success());
}

/// R64: nobody meets WorkOS's own limit; who is over ours waits on a page that goes on by itself, and nobody of another
/// connection waits with them.
#[tokio::test]
async fn whoever_is_too_many_waits_here_and_not_there() {
    let stack = Stack::with_tenants(&[("CONNECTION_LOGINS_PER_MINUTE", "3")]).await;
    sandbox_limit(&stack, json!(3)).await;
    let mut waiting = Vec::new();
    for _ in 0..6 {
        let browser = stack.browser();
        let answer = browser.get(format!("/login?{}&return_to=/dashboard?tab=2", at::OKTA)).await;
        match answer.status {
            303 => assert_eq!(browser.get(answer.location().as_str()).await.status, 302, "WorkOS takes it"),
            429 => {
                assert!(answer.is_page() && answer.cookies().is_empty());
                assert_eq!(answer.code(), "too_many_requests");
                let wait: u64 = answer.header("retry-after").parse().unwrap();
                assert!((1..=80).contains(&wait), "{wait}");
                waiting.push((browser, answer));
            }
            other => panic!("{other}: {}", answer.body),
        }
    }
    assert_eq!(waiting.len(), 3);
    assert_eq!(stack.logins().await.len(), 3, "who waits has begun nothing");
    assert_eq!(
        typed(&stack.browser(), "hank@globex.com").await.status,
        303,
        "{GLOBEX} has a count of its own"
    );

    stack.advance(60);
    let (browser, page) = &waiting[0];
    let again = browser.get(page.button().as_str()).await;
    let sent = super::parameters(&again.location());
    assert_eq!(sent["connection"], OKTA);
    assert!(
        stack
            .logins()
            .await
            .iter()
            .any(|login| login.text("return_to") == stack.url("/dashboard?tab=2").as_str())
    );
}

/// However the way was found: by address, by a company with one connection, by its own id.
#[tokio::test]
async fn every_way_to_a_connection_is_counted() {
    let stack = Stack::with_tenants(&[("CONNECTION_LOGINS_PER_MINUTE", "3")]).await;
    let ask = |link: &'static str| {
        let browser = stack.browser();
        async move { browser.get(link).await.status }
    };
    assert_eq!(ask("/login?organization=org_01SANDBOXGLOBEX").await, 303);
    assert_eq!(ask("/login?connection=conn_01SANDBOXGLOBEXGOOGLE").await, 303);
    assert_eq!(typed(&stack.browser(), "hank@globex.com").await.status, 303);
    let page = typed(&stack.browser(), "hank@globex.com").await;
    assert_eq!(page.status, 429);
    // What was typed is in no link: the way back is the connection that it led to.
    assert!(
        page.button().as_str().ends_with("/login?connection=conn_01SANDBOXGLOBEXGOOGLE"),
        "{}",
        page.button()
    );
    assert_eq!(ask("/login?organization=org_01SANDBOXGLOBEX").await, 429);
}

/// A company that this deployment does not know yet has one connection as well as any other.
#[tokio::test]
async fn a_company_that_is_not_known_here_is_counted_like_a_connection() {
    let stack = Stack::with(&[("CONNECTION_LOGINS_PER_MINUTE", "3")]).await;
    sandbox_limit(&stack, json!(3)).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(stack.browser().get(format!("/login?{}", at::GLOBEX)).await.status);
    }
    assert_eq!(statuses, [303, 303, 303, 429, 429]);
}

/// The page goes on by itself, not all at the same second, and without a script.
#[tokio::test]
async fn the_wait_ends_by_itself() {
    let stack = Stack::with_tenants(&[("CONNECTION_LOGINS_PER_MINUTE", "1")]).await;
    let link = format!("/login?{}", at::OKTA);
    assert_eq!(stack.browser().get(&link).await.status, 303);
    let mut moments = std::collections::BTreeSet::new();
    for _ in 0..24 {
        let page = stack.browser().get(&link).await;
        let (after, url) = page.header("refresh").split_once("; url=").unwrap();
        assert_eq!(after, page.header("retry-after"));
        let wait: i64 = after.parse().unwrap();
        let left = 60 - stack.clock.now().seconds().rem_euclid(60);
        assert!((left..=left + 20).contains(&wait), "{wait} of {left}");
        assert_eq!(stack.url(url), page.button());
        assert!(!page.body.contains("<script"), "{}", page.body);
        moments.insert(wait);
    }
    assert!(moments.len() > 5, "a whole company does not come back in one second: {moments:?}");
}
