//! What somebody learns who asks for a company that is not here: nothing, not even from the number of our calls.

use std::collections::BTreeMap;

use e2e::{Answer, Browser, Stack};
use http::HeaderMap;
use serde_json::json;

use super::{organization, typed};

/// Nobody's, and four companies without single sign-on: switched off, never finished, not verified, without a connection.
const NOWHERE: [&str; 5] =
    ["a@nobody.example", "a@initech.example", "a@acme-labs.com", "a@drafts.example", "a@bare.example"];

/// The deployment knows all of them.
async fn stack(settings: &[(&str, &str)]) -> Stack {
    let stack = Stack::with_tenants(settings).await;
    let known = |id: &str, domain: &str, connections| domain::Tenant {
        organization: organization(id),
        name: format!("The company of {domain}"),
        domains: vec![domain::tenant::TenantDomain {
            domain: domain::Domain::parse(domain).unwrap(),
            verified: true,
        }],
        connections,
        refreshed_at: stack.clock.now(),
    };
    let draft = domain::tenant::TenantConnection {
        id: domain::ConnectionId::parse("conn_draft").unwrap(),
        name: "Draft".into(),
        connection_type: "OktaSAML".into(),
        state: domain::tenant::ConnectionState::Draft,
    };
    for tenant in
        [known("org_drafts", "drafts.example", vec![draft]), known("org_bare", "bare.example", vec![])]
    {
        assert!(stack.running.store.put_tenant(&tenant).await.unwrap());
    }
    stack
}

/// An answer without what differs from request to request.
fn bare(answer: &Answer) -> (u16, HeaderMap, String) {
    let id = answer.header("x-request-id").to_owned();
    let mut headers = answer.headers.clone();
    let body = answer.body.replace(&id, "ID");
    for varies in ["x-request-id", "date"] {
        headers.remove(varies);
    }
    (answer.status, headers, body)
}

async fn ask(browser: &Browser, email: &str, how: &str) -> Answer {
    let domain = email.split_once('@').unwrap().1;
    match how {
        "typed" => typed(browser, email).await,
        "hinted" => browser.get(format!("/login?login_hint={email}")).await,
        "domain" => browser.get(format!("/login?domain_hint={domain}")).await,
        "provider" => browser.post_form("/login", &[("email", email), ("provider", "GitHubOAuth")]).await,
        _ => browser.get_json(format!("/login?login_hint={email}")).await,
    }
}

/// R15: a domain that nobody has and a company without single sign-on are one answer, to the byte, and the same calls of
/// ours in the same number; whether the address is typed or hinted, as a page or as JSON.
#[tokio::test]
async fn an_unknown_domain_and_a_company_without_sign_in_are_the_same() {
    let stack = stack(&[]).await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    for how in ["typed", "hinted", "domain", "json"] {
        let mut seen = Vec::new();
        for email in NOWHERE {
            let browser = deployment.visited_by(&stack.browser());
            proxy.forget();
            let answer = ask(&browser, email, how).await;
            assert_eq!((answer.status, answer.code().as_str()), (404, "not_set_up"), "{email} {how}");
            assert!(answer.cookies().is_empty(), "{email} {how}");
            seen.push((email, bare(&answer), proxy.calls()));
        }
        let (_, answer, calls) = &seen[0];
        assert!(calls.values().sum::<usize>() >= 3, "a count, the index, a tenant: {calls:?}");
        for (email, other, others) in &seen {
            assert_eq!((other, others), (answer, calls), "{email} {how}");
        }
    }
    assert_eq!(stack.logins().await.len(), 0);
}

/// R15: what is written down of such an attempt takes the same items too, and names no tenant.
#[tokio::test]
async fn what_is_kept_of_it_is_the_same() {
    let stack = stack(&[]).await;
    let since = stack.clock.now();
    for email in NOWHERE {
        typed(&stack.browser(), email).await;
    }
    let now = stack.clock.now();
    let traces = stack.running.store.traces(None, since, now, 100).await.unwrap();
    assert_eq!(traces.len(), NOWHERE.len());
    for trace in &traces {
        assert_eq!((trace.reason.as_deref(), trace.organization.as_ref()), (Some("not_set_up"), None));
        assert_eq!(trace.steps.len(), traces[0].steps.len(), "{trace:?}");
    }
}

/// R15: look-ups are counted before they happen. Whoever is over the limit makes no call at all, and is told the same of a
/// company that is here as of one that is not.
#[tokio::test]
async fn look_ups_are_limited_before_they_happen() {
    let stack = stack(&[]).await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[("LOOKUPS_PER_MINUTE", "3")]).await;
    let browser = || deployment.visited_by(&stack.browser());
    for _ in 0..3 {
        assert_eq!(typed(&browser(), "a@nobody.example").await.status, 404);
    }
    // The one that finds out counts, and looks nothing up.
    proxy.forget();
    assert_eq!(typed(&browser(), "hank@globex.com").await.status, 429);
    let calls = proxy.calls();
    assert!(!calls.contains_key("Query") && !calls.contains_key("BatchGetItem"), "{calls:?}");
    proxy.forget();
    let mut answers = Vec::new();
    for email in ["a@nobody.example", "hank@globex.com", "nora@northwind.example", "peter@initech.example"] {
        let answer = typed(&browser(), email).await;
        assert_eq!((answer.status, answer.code().as_str()), (429, "too_many_requests"), "{email}");
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        answers.push(bare(&answer));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    for link in ["/login?login_hint=hank@globex.com", "/login?domain_hint=globex.com", "/login/globex"] {
        assert_eq!(browser().get(link).await.status, 429, "{link}");
    }
    assert_eq!(proxy.calls(), BTreeMap::new(), "whoever is over the limit costs nothing");

    // Another address is another count, a named company is no look-up, and the next minute is a new one.
    let elsewhere = deployment.visited_from("198.51.100.7", &stack.browser());
    assert_eq!(typed(&elsewhere, "hank@globex.com").await.status, 303);
    assert_eq!(browser().get("/login?organization=org_01SANDBOXGLOBEX").await.status, 303);
    stack.advance(60);
    assert_eq!(typed(&browser(), "hank@globex.com").await.status, 303);
}

/// R64: links that cannot work are answered without end and written down within a limit: whoever makes up a million of
/// them does not fill our tables.
#[tokio::test]
async fn made_up_links_are_written_down_within_a_limit() {
    let stack = stack(&[]).await;
    let browser = stack.browser();
    for n in 0..200 {
        let link = format!("/login?organization=org_1&connection=conn_{n}");
        assert_eq!(browser.get(link).await.code(), "several_selectors");
        let link = format!("/login?organization=org_1&return_to=https://evil{n}.example/");
        assert_eq!(browser.get(link).await.code(), "invalid_return_url");
    }
    let now = stack.clock.now();
    let all = stack
        .running
        .store
        .traces(None, now.minus(std::time::Duration::from_secs(60)), now, 1000)
        .await
        .unwrap();
    assert!((1..=100).contains(&all.len()), "{} traces", all.len());
    let kept = stack.ephemeral().await.len();
    assert!(kept <= 100, "{kept} items");
}

/// R15: where the database does not answer, nobody is told that a company is not here.
#[tokio::test]
async fn an_outage_is_not_an_unknown_company() {
    let stack = stack(&[]).await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    for lost in ["Query", "BatchGetItem"] {
        proxy.lose(lost);
        for email in ["a@nobody.example", "hank@globex.com"] {
            let answer = typed(&deployment.visited_by(&stack.browser()), email).await;
            assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"), "{lost} {email}");
            assert!(answer.header("retry-after").parse::<u64>().is_ok() && answer.cookies().is_empty());
        }
        proxy.heal();
    }
    let providers = json!(ask(&stack.browser(), "a@nobody.example", "provider").await.code());
    assert_eq!(providers, "provider_not_allowed");
}
