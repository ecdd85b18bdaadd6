use std::time::Duration;

use domain::login_trace::{LoginOutcome, LoginTrace, Step};
use domain::{OrganizationId, Timestamp};

use crate::support::{NOW, organization, store};

const DAY: Duration = Duration::from_secs(24 * 3600);

fn trace(n: u32, organization: Option<&OrganizationId>, at: Timestamp) -> LoginTrace {
    let mut trace = LoginTrace::begin(format!("{:020}-{n}", at.millis()), &format!("req-{n}"), at);
    trace.organization = organization.cloned();
    trace.step(Step::Asked, Some("organization"), at);
    trace
}

#[tokio::test]
async fn a_trace_is_found_by_the_request_id_that_was_quoted() {
    let store = store().await;
    let acme = organization("org_acme");
    let mut one = trace(1, Some(&acme), NOW);
    store.put_trace(&one, Some(&acme)).await.unwrap();
    assert_eq!(store.trace_of_request("req-1", NOW).await.unwrap(), None, "nobody saw an error page");
    one.request("req-2");
    one.failed("code_refused", Some("workos-7"), NOW.plus(Duration::from_secs(9)));
    store.put_trace(&one, Some(&acme)).await.unwrap();
    store.put_trace_pointer(&one, "req-2").await.unwrap();
    let found = store.trace_of_request("req-2", NOW).await.unwrap().unwrap();
    assert_eq!(found, one);
    assert_eq!(found.outcome, LoginOutcome::Failed);
    // R66: fourteen days by the clock.
    assert_eq!(store.trace_of_request("req-2", NOW.plus(DAY * 14)).await.unwrap(), None);
    assert!(store.trace_of_request("req-2", NOW.plus(DAY * 13)).await.unwrap().is_some());
}

/// A login whose tenant becomes known on the way is one trace, not two.
#[tokio::test]
async fn a_trace_moves_to_its_tenant() {
    let store = store().await;
    let acme = organization("org_acme");
    let mut one = trace(1, None, NOW);
    store.put_trace(&one, None).await.unwrap();
    one.organization = Some(acme.clone());
    store.put_trace(&one, None).await.unwrap();
    let since = NOW.minus(DAY);
    assert!(store.traces(None, since, NOW, 10).await.unwrap().is_empty());
    assert_eq!(store.traces(Some(&acme), since, NOW, 10).await.unwrap(), [one]);
}

/// R47: a tenant's list holds its own logins, newest first, over as many days as asked.
#[tokio::test]
async fn traces_are_listed_by_tenant_and_time() {
    let store = store().await;
    let (acme, globex) = (organization("org_acme"), organization("org_globex"));
    for n in 0..20 {
        let at = NOW.minus(DAY * n / 2);
        let owner = if n % 2 == 0 { &acme } else { &globex };
        store.put_trace(&trace(n, Some(owner), at), Some(owner)).await.unwrap();
    }
    let list = |since: Timestamp, limit| {
        let (store, acme) = (store.clone(), acme.clone());
        async move {
            let traces = store.traces(Some(&acme), since, NOW, limit).await.unwrap();
            traces.into_iter().map(|trace| trace.requests[0].clone()).collect::<Vec<_>>()
        }
    };
    assert_eq!(list(NOW.minus(DAY * 3), 100).await, ["req-0", "req-2", "req-4", "req-6"]);
    assert_eq!(list(NOW.minus(DAY * 14), 3).await, ["req-0", "req-2", "req-4"]);
    assert_eq!(list(NOW.minus(DAY * 14), 100).await.len(), 10);
    assert_eq!(list(NOW, 100).await, ["req-0"]);
}

/// The last sign-in of a tenant is looked for behind failures and on earlier days, and never at another tenant.
#[tokio::test]
async fn the_last_success_is_found() {
    let store = store().await;
    let (acme, globex) = (organization("org_acme"), organization("org_globex"));
    let user = domain::UserId::parse("user_01J").unwrap();
    let write = async |n: u32, owner: &OrganizationId, days: u32, succeeds: bool| {
        let at = NOW.minus(DAY * days);
        let mut one = trace(n, Some(owner), at);
        if succeeds {
            one.succeeded(&user, at);
        } else {
            one.failed("code_refused", None, at);
        }
        store.put_trace(&one, Some(owner)).await.unwrap();
    };
    write(1, &globex, 0, true).await;
    for n in 2..80 {
        write(n, &acme, 1, false).await;
    }
    assert_eq!(store.last_success(&acme, NOW).await.unwrap(), None);
    write(80, &acme, 5, true).await;
    write(81, &acme, 3, true).await;
    assert_eq!(store.last_success(&acme, NOW).await.unwrap(), Some(NOW.minus(DAY * 3)));
}
