//! Why could somebody not get in? Whoever has the reference of the page is told, in plain words.
//!
//! What `vestibule logins show` would say is read through the same code.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::login_trace::{LoginOutcome, LoginTrace, Step, TRACE_LIFETIME};
use domain::{EmailAddress, OrganizationId, Timestamp};
use e2e::{Answer, Browser, Stack, at};
use serde_json::{Value, json};
use vestibule::logins::{Explained, find};

use crate::joining::Directory;

fn acme() -> OrganizationId {
    OrganizationId::parse("org_01SANDBOXACME").unwrap()
}

/// What is told to whoever quotes this page.
async fn told(stack: &Stack, page: &Answer) -> Explained {
    let reference = page.header("x-request-id");
    assert!(page.body.contains(reference), "the page shows its reference: {}", page.body);
    let found = find(&stack.running.store, reference, None, stack.clock.now()).await.unwrap();
    found.unwrap_or_else(|| panic!("nothing is told of {reference}: {}", page.body))
}

fn steps(trace: &LoginTrace) -> Vec<Step> {
    // What the start noted stands before the browser's return.
    let all = trace.steps.iter().map(|step| step.did);
    all.skip_while(|did| *did != Step::CameBack).collect()
}

async fn everything(stack: &Stack, organization: Option<&OrganizationId>) -> Vec<LoginTrace> {
    let now = stack.clock.now();
    let since = now.minus(Duration::from_secs(24 * 3600));
    stack.running.store.traces(organization, since, now, 1000).await.unwrap()
}

/// A failing login, and what has to be told of it.
struct Case {
    reason: &'static str,
    selector: &'static str,
    email: &'static str,
    fault: Value,
    steps: &'static [Step],
    workos: bool,
}

/// R44, R76: every failing login that WorkOS, the IdP or the tenant can cause names its cause, and the next step.
#[tokio::test]
async fn a_failing_login_names_its_cause() {
    use Step::{CameBack, Exchanged, Failed, Matched};
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let case = |reason, email, fault, steps, workos| Case {
        reason,
        selector: at::OKTA,
        email,
        fault,
        steps,
        workos,
    };
    let fault = |kind: Value| {
        let mut fault = json!({"path": "/sso/token", "count": 9});
        fault.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
        fault
    };
    let back = &[CameBack, Failed][..];
    let exchanged = &[CameBack, Exchanged, Failed][..];
    let matched = &[CameBack, Exchanged, Matched, Failed][..];
    let cases = [
        case("email_domain_not_allowed", "casey@contractor.example", Value::Null, matched, false),
        case("other_company", "ada@acme.com", fault(json!({"kind": "wrong_connection"})), exchanged, false),
        case(
            "connection_closed",
            "ada@acme.com",
            fault(json!({"kind": "wrong_organization"})),
            matched,
            false,
        ),
        case(
            "workos_unavailable",
            "ada@acme.com",
            fault(json!({"kind": "status", "status": 500})),
            back,
            true,
        ),
        case(
            "workos_rate_limited",
            "ada@acme.com",
            fault(json!({"kind": "status", "status": 429})),
            back,
            true,
        ),
        case("workos_unavailable", "ada@acme.com", fault(json!({"kind": "cut"})), back, false),
        case("code_refused", "ada@acme.com", fault(json!({"kind": "status", "status": 400})), back, true),
        Case {
            selector: at::ACME_BY_GOOGLE,
            ..case("email_domain_not_allowed", "robin.gray@mail.example", Value::Null, matched, false)
        },
    ];
    for Case { reason, selector, email, fault, steps: expected, workos } in cases {
        let browser = stack.browser();
        let departure = browser.depart(selector).await;
        let callback = browser.at_idp(&departure, email).await;
        if !fault.is_null() {
            stack.sandbox().fault(fault.clone()).await;
        }
        let page = browser.get(callback.as_str()).await;
        stack.sandbox().heal().await;
        let Explained { trace, explanation } = told(&stack, &page).await;
        assert_eq!(trace.reason.as_deref(), Some(reason), "{fault}");
        assert_eq!(steps(&trace), expected, "{reason}");
        let explanation = explanation.unwrap();
        assert!(!explanation.what.is_empty() && !explanation.next.is_empty());
        assert_eq!((trace.outcome, &trace.user), (LoginOutcome::Failed, &None), "{reason}");
        assert_eq!(trace.workos_request.is_some(), workos, "{reason}: {trace:?}");
        let known = expected.contains(&Exchanged);
        let masked = EmailAddress::parse(email).unwrap().masked();
        assert_eq!(trace.who, known.then_some(masked), "{reason}");
        assert_eq!(trace.expires_at.since(trace.started_at), TRACE_LIFETIME);
        assert!(trace.connection.is_some() || !known, "{reason}");
        // R73: no secret, and of the address no more than its domain.
        let text = serde_json::to_string(&trace).unwrap();
        let code = callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        for secret in [email, code.as_str(), departure.state.as_str()] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        stack.advance(11);
    }
}

/// The IdP's own refusals, and what nobody asked for.
#[tokio::test]
async fn what_comes_back_instead_of_a_code_is_told() {
    let stack = Stack::start().await;
    for error in ["access_denied", "oauth_failed", "server_error", "connection_unlinked", "made_up"] {
        stack.sandbox().fails(error, "Nobody should ever see this text").await;
        let browser = stack.browser();
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.get(departure.authorize.as_str()).await.location();
        let page = browser.get(callback.as_str()).await;
        let Explained { trace, explanation } = told(&stack, &page).await;
        let reason = if error == "made_up" { "unknown" } else { error };
        assert_eq!(trace.reason.as_deref(), Some(reason));
        assert!(explanation.is_some() && !format!("{trace:?}").contains("Nobody should"));
        assert_eq!(trace.connection.unwrap().as_str(), "conn_01SANDBOXACMEOKTA");
        stack.sandbox().manual().await;
    }
    let browser = stack.browser();
    for (query, reason) in [("code=c", "unsolicited"), ("error=server_error", "server_error")] {
        let page = browser.get(format!("/auth/callback?{query}")).await;
        assert_eq!(told(&stack, &page).await.trace.reason.as_deref(), Some(reason));
    }
}

/// What the tenant decided, and whom its directory let go.
#[tokio::test]
async fn a_tenants_own_refusals_are_told() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    stack.set_policy(json!({"just_in_time_users": false})).await;
    let page = stack.browser().sign_in(at::OKTA, "ada@acme.com").await;
    let trace = told(&stack, &page).await.trace;
    assert_eq!(trace.reason.as_deref(), Some("not_provisioned"));
    assert_eq!(steps(&trace), [Step::CameBack, Step::Exchanged, Step::Matched, Step::Admitted, Step::Failed]);

    Directory::of(&stack).fires("ben", "ben.fischer@acme.com").await;
    let page = stack.browser().sign_in(at::OKTA, "ben.fischer@acme.com").await;
    let Explained { trace, explanation } = told(&stack, &page).await;
    assert_eq!(trace.reason.as_deref(), Some("user_deactivated"));
    assert!(explanation.unwrap().next.contains("directory"));

    let browser = stack.browser();
    stack.set_policy(json!({})).await;
    let departure = browser.depart(at::ACME_BY_GOOGLE).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    stack.set_policy(json!({"providers": []})).await;
    let page = browser.get(callback.as_str()).await;
    assert_eq!(told(&stack, &page).await.trace.reason.as_deref(), Some("provider_not_allowed"));
    stack.sandbox().fault(json!({"path": "/organizations", "kind": "status", "status": 404})).await;
    let page = stack.browser().sign_in(at::GLOBEX, "hank@globex.com").await;
    assert_eq!(told(&stack, &page).await.trace.reason.as_deref(), Some("company_closed"));
}

/// A login that is over: the browser has its cookie, so there is somebody to help.
#[tokio::test]
async fn a_login_that_is_over_is_told() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.hoard();
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    stack.advance(601);
    let page = browser.get(callback.as_str()).await;
    let Explained { trace, explanation } = told(&stack, &page).await;
    assert_eq!(trace.reason.as_deref(), Some("invalid_state"));
    assert!(explanation.unwrap().what.contains("ten minutes"));
    assert!(!serde_json::to_string(&trace).unwrap().contains(&departure.state));
    // R02: without a cookie nothing is written: whoever makes up states must not make us write.
    let before = (everything(&stack, None).await.len(), stack.ephemeral().await.len());
    let page = stack.browser().get(callback.as_str()).await;
    assert_eq!(page.code(), "invalid_state");
    assert_eq!((everything(&stack, None).await.len(), stack.ephemeral().await.len()), before);
}

/// Whoever sends errors that belong to no login is not written down for ever.
#[tokio::test]
async fn stray_errors_are_told_within_a_limit() {
    let stack = Stack::with(&[("INVALID_STATE_PER_MINUTE", "3")]).await;
    for _ in 0..6 {
        let page = stack.browser().get("/auth/callback?error=server_error").await;
        assert_eq!(page.status, 503);
    }
    assert_eq!(everything(&stack, None).await.len(), 3);
}

/// A success is told in the write that makes the session, under the tenant; and a lost race tells of no success.
#[tokio::test]
async fn a_success_is_told_with_its_session() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let user = browser.session().await.json()["user"]["id"].clone();
    let succeeded = |trace: &LoginTrace| trace.outcome == LoginOutcome::Succeeded;
    let [trace] = <[_; 1]>::try_from(
        everything(&stack, Some(&acme())).await.into_iter().filter(succeeded).collect::<Vec<_>>(),
    )
    .unwrap();
    assert_eq!(json!(trace.user), user);
    assert_eq!(trace.who.as_deref(), Some("a…@acme.com"));
    let all = [Step::CameBack, Step::Exchanged, Step::Matched, Step::Admitted, Step::SignedIn];
    assert_eq!(steps(&trace), all);
    assert!(everything(&stack, None).await.iter().all(|trace| !succeeded(trace)));

    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let late = deployment.visited_by(&stack.browser());
    let departure = late.depart(at::OKTA).await;
    let callback = late.at_idp(&departure, "ada@acme.com").await;
    let directory = Directory::of(&stack);
    let mut held = proxy.hold("TransactWriteItems");
    let fire = async {
        held.arrived().await;
        directory.fires("ada", "ada@acme.com").await;
        held.let_go();
    };
    let (page, ()) = tokio::join!(late.get(callback.as_str()), fire);
    assert_eq!(told(&stack, &page).await.trace.reason.as_deref(), Some("user_deactivated"));
    let traces = everything(&stack, Some(&acme())).await;
    assert_eq!(traces.iter().filter(|trace| succeeded(trace)).count(), 1);
}

/// One attempt is one record: the callback goes on with what the start began, and moves it to the tenant once that is known.
#[tokio::test]
async fn the_start_and_the_end_are_one_record() {
    let stack = Stack::start().await;
    for (email, ends_well) in [("ada@acme.com", true), ("casey@contractor.example", false)] {
        let browser = stack.browser();
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.at_idp(&departure, email).await;
        let begun = begun(&stack, stack.clock.now()).await;
        let page = browser.get(callback.as_str()).await;
        assert_eq!(page.status == 303, ends_well);
        let own = |traces: Vec<LoginTrace>| traces.into_iter().filter(|one| one.id == begun.id).collect();
        let here: Vec<LoginTrace> = own(everything(&stack, Some(&acme())).await);
        let nowhere: Vec<LoginTrace> = own(everything(&stack, None).await);
        let [trace] = <[_; 1]>::try_from(here).unwrap();
        assert!(nowhere.is_empty(), "it lies under its tenant alone");
        assert_eq!(trace.steps[0].did, Step::Asked);
        assert_eq!((trace.requests[0].as_str(), trace.requests.len()), ("the-start", 2));
        if !ends_well {
            // What the start showed leads there too.
            let found = find(&stack.running.store, "the-start", None, stack.clock.now()).await.unwrap();
            assert_eq!(found.unwrap().trace, trace);
        }
    }
}

/// Gives the only pending login a trace, as a start does that does not know the tenant.
async fn begun(stack: &Stack, now: Timestamp) -> LoginTrace {
    let [login] = <[_; 1]>::try_from(stack.logins().await).unwrap();
    let mut trace = LoginTrace::begin(domain::Rng::system().ulid(now).unwrap(), "the-start", now);
    trace.step(Step::Asked, None, now);
    stack.running.store.put_trace(&trace, None).await.unwrap();
    let value: AttributeValue = serde_dynamo::to_attribute_value(&trace).unwrap();
    stack.set(&login, "trace", value).await;
    trace
}

/// A trace that cannot be written costs nobody a page, and is counted.
#[tokio::test]
async fn a_lost_trace_costs_nothing() {
    let stack = Stack::start().await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser: Browser = deployment.visited_by(&stack.browser());
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "casey@contractor.example").await;
    proxy.lose("PutItem");
    let page = browser.get(callback.as_str()).await;
    assert_eq!((page.status, page.code().as_str()), (403, "email_domain_not_allowed"));
    assert_eq!(stack.counted("login_trace_lost", None), 1);
    assert_eq!(stack.counted("login_failure", Some("email_domain_not_allowed")), 1);
}
