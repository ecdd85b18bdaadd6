//! `vestibule logins show`, read by somebody who does not know the product: a dozen logins fail, each for another cause,
//! and each story names the cause, the next step, and the id under which WorkOS knows it.

use domain::OrganizationId;
use e2e::{Answer, Stack, at};
use serde_json::{Value, json};
use vestibule::logins::{Explained, find, story};

use crate::joining::Directory;

/// One failed login, as it is told.
struct Told {
    reason: &'static str,
    story: String,
    found: Explained,
}

/// What is told to whoever quotes this page.
async fn told(stack: &Stack, page: &Answer, reason: &'static str) -> Told {
    let reference = page.header("x-request-id");
    let found = find(&stack.running.store, reference, None, stack.clock.now()).await.unwrap();
    let found = found.unwrap_or_else(|| panic!("nothing is told of {reason}: {}", page.body));
    Told { reason, story: story(&found), found }
}

/// A login that fails because of what a fault does to the code's exchange.
async fn broken(stack: &Stack, email: &str, kind: Value, reason: &'static str) -> Told {
    let browser = stack.browser();
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, email).await;
    if !kind.is_null() {
        let mut fault = json!({"path": "/sso/token", "count": 9});
        fault.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
        stack.sandbox().fault(fault).await;
    }
    let page = browser.get(callback.as_str()).await;
    stack.sandbox().heal().await;
    stack.advance(11);
    told(stack, &page, reason).await
}

/// R44: every one of a dozen causes is told apart, in plain words, with what to do about it.
#[tokio::test]
async fn a_dozen_failing_logins_name_their_causes() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let mut all = Vec::new();

    for error in ["access_denied", "oauth_failed", "server_error", "connection_unlinked"] {
        stack.sandbox().fails(error, "Text of another server").await;
        let browser = stack.browser();
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.get(departure.authorize.as_str()).await.location();
        let page = browser.get(callback.as_str()).await;
        all.push(told(&stack, &page, error).await);
        stack.sandbox().manual().await;
    }

    let ada = "ada@acme.com";
    let status = |status: u16| json!({"kind": "status", "status": status});
    all.push(broken(&stack, "casey@contractor.example", Value::Null, "email_domain_not_allowed").await);
    all.push(broken(&stack, ada, json!({"kind": "wrong_connection"}), "other_company").await);
    all.push(broken(&stack, ada, status(400), "code_refused").await);
    all.push(broken(&stack, ada, status(429), "workos_rate_limited").await);
    all.push(broken(&stack, ada, status(500), "workos_unavailable").await);

    let page = stack.browser().get("/auth/callback?code=from-the-portal").await;
    all.push(told(&stack, &page, "unsolicited").await);

    let browser = stack.browser();
    browser.hoard();
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, ada).await;
    stack.advance(601);
    let page = browser.get(callback.as_str()).await;
    all.push(told(&stack, &page, "invalid_state").await);

    Directory::of(&stack).fires("ben", "ben.fischer@acme.com").await;
    let page = stack.browser().sign_in(at::OKTA, "ben.fischer@acme.com").await;
    all.push(told(&stack, &page, "user_deactivated").await);

    assert!(all.len() >= 12);
    let mut causes: Vec<&str> = all.iter().map(|one| one.story.lines().nth(1).unwrap()).collect();
    causes.sort_unstable();
    causes.dedup();
    assert_eq!(causes.len(), all.len(), "two causes are told in the same words");
    for Told { reason, story, found } in &all {
        assert!(story.starts_with(&format!("Failed: {reason}\n")), "{reason}: {story}");
        assert!(story.contains("\n  Next: "), "{reason}: {story}");
        for secret in [ada, "ben.fischer@", "casey@", "Text of another server", "from-the-portal", "\u{1b}"] {
            assert!(!story.contains(secret), "{secret}: {story}");
        }
        if let Some(id) = &found.trace.workos_request {
            assert!(story.contains(id.as_str()), "{story}");
        }
    }
    let asked = ["code_refused", "workos_rate_limited", "workos_unavailable"];
    let with_id = |told: &&Told| asked.contains(&told.reason) && told.found.trace.workos_request.is_some();
    assert_eq!(all.iter().filter(with_id).count(), asked.len(), "WorkOS's support asks for its id");
}

/// R47: a reference, or the id of a login, that is another tenant's is not found for this one.
#[tokio::test]
async fn a_login_is_found_for_its_own_tenant_alone() {
    let stack = Stack::start().await;
    let failed = broken(&stack, "casey@contractor.example", Value::Null, "email_domain_not_allowed").await;
    let trace = &failed.found.trace;
    let acme = OrganizationId::parse("org_01SANDBOXACME").unwrap();
    let globex = OrganizationId::parse("org_01SANDBOXGLOBEX").unwrap();
    assert_eq!(trace.organization.as_ref(), Some(&acme));
    let ids = [trace.requests.last().unwrap().as_str(), trace.id.as_str()];
    for (tenant, is) in [(&acme, true), (&globex, false)] {
        for id in ids {
            let found = find(&stack.running.store, id, Some(tenant), stack.clock.now()).await.unwrap();
            assert_eq!(found.is_some(), is, "{id} at {tenant}");
        }
    }
}
