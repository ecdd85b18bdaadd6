//! Why could somebody not even leave for the IdP? Each end of a login in the login function names its cause.

use domain::login_trace::{LoginOutcome, Step, explain};
use e2e::{Answer, Stack, at};
use vestibule::logins::{Explained, find};
use web::pages::{BadLink, Refusal, Unavailable};

use super::{GLOBEX, organization, typed};

async fn told(stack: &Stack, page: &Answer) -> Explained {
    let reference = page.header("x-request-id");
    let found = find(&stack.running.store, reference, None, stack.clock.now()).await.unwrap();
    found.unwrap_or_else(|| panic!("nothing is told of {reference}: {}", page.body))
}

/// R76: the reference on the page leads to the cause, in plain words with a next step; R73: and to no address, secret or
/// parameter of the visitor's own.
#[tokio::test]
async fn every_login_that_does_not_begin_names_its_cause() {
    let stack = Stack::with_tenants(&[("CONNECTION_LOGINS_PER_MINUTE", "1")]).await;
    assert_eq!(stack.browser().get(format!("/login?{}", at::OKTA)).await.status, 303);
    for (query, reason) in [
        ("login_hint=ada.canary@nobody.example".to_owned(), "not_set_up"),
        ("login_hint=ada.canary@initech.example".to_owned(), "not_set_up"),
        (format!("{}&{}", at::ACME, at::OKTA), "several_selectors"),
        ("provider=GoogleOAuth".to_owned(), "provider_without_organization"),
        ("provider=MicrosoftOAuth&organization=org_01SANDBOXACME".to_owned(), "provider_not_allowed"),
        ("login_hint=ada.canary@acme.com&domain_hint=globex.com".to_owned(), "hints_disagree"),
        ("organization=canary".to_owned(), "invalid_selector"),
        (format!("{}&return_to=https://canary.example/", at::OKTA), "invalid_return_url"),
        (format!("{}&prompt=canary", at::OKTA), "invalid_parameter"),
        (at::OKTA.to_owned(), "too_many_requests"),
    ] {
        let page = stack.browser().get(format!("/login?{query}")).await;
        let Explained { trace, explanation } = told(&stack, &page).await;
        assert_eq!((trace.reason.as_deref(), trace.outcome), (Some(reason), LoginOutcome::Failed), "{query}");
        let explanation = explanation.unwrap();
        assert!(!explanation.what.is_empty() && !explanation.next.is_empty());
        assert_eq!(trace.steps.last().unwrap().did, Step::Failed, "{query}");
        assert!(trace.user.is_none() && trace.workos_request.is_none());
        let text = serde_json::to_string(&trace).unwrap();
        assert!(!text.contains("canary"), "{query}: {text}");
    }
}

/// Each word that a page of the login function can end with is explained; what the database did is told as that.
#[test]
fn every_code_of_these_pages_has_an_explanation() {
    let links = BadLink::ALL.into_iter().map(BadLink::code);
    let codes = links.chain([
        Refusal::Provider.code(),
        Unavailable::TooMany.code(),
        "not_set_up",
        "store_unavailable",
    ]);
    for code in codes {
        assert!(explain(code).is_some(), "{code}");
    }
}

/// One attempt is one record from the first request on: what was asked, what was decided, and that the browser left.
#[tokio::test]
async fn a_login_that_begins_is_told_under_its_tenant() {
    let stack = Stack::with_tenants(&[]).await;
    let began = stack.clock.now();
    assert_eq!(typed(&stack.browser(), "hank@globex.com").await.status, 303);
    let globex = organization("org_01SANDBOXGLOBEX");
    let traces = stack.running.store.traces(Some(&globex), began, stack.clock.now(), 10).await.unwrap();
    let [trace] = traces.try_into().unwrap();
    assert_eq!(trace.outcome, LoginOutcome::Started);
    assert_eq!((trace.who.as_deref(), trace.connection.unwrap().as_str()), (Some("h…@globex.com"), GLOBEX));
    let steps: Vec<Step> = trace.steps.iter().map(|step| step.did).collect();
    assert_eq!(steps, [Step::Asked, Step::Routed, Step::SentToWorkos]);
    let [login] = stack.logins().await.try_into().unwrap();
    assert_eq!(login.0["trace"]["id"], trace.id.as_str());
    // The same record goes on at the callback.
    let browser = stack.browser();
    let authorize = typed(&browser, "hank@globex.com").await.location();
    let idp = browser.get(authorize.as_str()).await.location();
    let callback = browser.post_form(idp.as_str(), &[("email", "hank@globex.com")]).await.location();
    assert_eq!(browser.get(callback.as_str()).await.status, 303);
    let traces = stack.running.store.traces(Some(&globex), began, stack.clock.now(), 10).await.unwrap();
    assert_eq!(traces.len(), 2);
    let done = traces.iter().find(|trace| trace.outcome == LoginOutcome::Succeeded).unwrap();
    assert_eq!(done.steps.first().unwrap().did, Step::Asked);
    assert_eq!(done.steps.last().unwrap().did, Step::SignedIn);
}

/// A trace that cannot be written costs nobody a login or a page.
#[tokio::test]
async fn a_lost_trace_costs_no_login() {
    let stack = Stack::with_tenants(&[]).await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    proxy.lose("PutItem");
    let page = typed(&deployment.visited_by(&stack.browser()), "a@nobody.example").await;
    assert_eq!((page.status, page.code().as_str()), (404, "not_set_up"));
    // The pending login itself cannot be lost: then the answer is "later".
    let page = typed(&deployment.visited_by(&stack.browser()), "hank@globex.com").await;
    assert_eq!((page.status, page.code().as_str()), (503, "try_later"));
    assert!(page.cookies().is_empty());
}
