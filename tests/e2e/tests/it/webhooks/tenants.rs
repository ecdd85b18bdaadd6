//! Events about organizations: believed at once, and checked with WorkOS at the next login.

use e2e::dsync::{ACME, with};
use e2e::{Stack, at};
use serde_json::json;

/// R44: an organization that is gone signs everybody out with the very answer to WorkOS.
#[tokio::test]
async fn a_deleted_organization_ends_every_session() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    stack.advance(1);
    let gone = stack.event(
        "01",
        "organization.deleted",
        json!({"object": "organization", "id": ACME, "name": "Acme"}),
    );
    assert_eq!(stack.delivered(&gone).await, "applied");
    assert_eq!(browser.session().await.status, 401);
    assert_eq!(stack.delivered(&gone).await, "duplicate");
    let closed = stack.audit().await.iter().filter(|item| item.text("action") == "tenant.closed").count();
    assert_eq!(closed, 1);
    assert_eq!(stack.counted("deprovision_lag", None), 1);
}

/// Whatever an event says of a connection or a domain, the next login asks WorkOS, and then its answer counts.
#[tokio::test]
async fn after_an_event_the_next_login_asks_workos() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    let connection = json!({"object": "connection", "id": "conn_01SANDBOXACMEOKTA", "organization_id": ACME,
        "name": "Okta", "connection_type": "OktaSAML", "state": "inactive"});
    let domain = json!({"object": "organization_domain", "id": "org_domain_1", "organization_id": ACME,
        "domain": "acme.io", "state": "verified"});
    for (n, (kind, data)) in [
        ("connection.deactivated", connection.clone()),
        ("connection.deleted", connection),
        ("organization_domain.verified", domain.clone()),
        ("organization_domain.deleted", with(domain, &json!({"domain": "acme.com"}))),
        ("organization.updated", json!({"id": ACME, "name": "Acme Corporation", "domains": []})),
    ]
    .into_iter()
    .enumerate()
    {
        stack.advance(90);
        stack.sandbox().forget().await;
        stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
        assert_eq!(stack.sandbox().calls("/organizations").await, 0, "{kind}");
        assert_eq!(stack.delivered(&stack.event(&format!("0{n}"), kind, data)).await, "applied", "{kind}");
        stack.advance(1);
        stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
        assert!(stack.sandbox().calls("/organizations").await > 0, "{kind}");
    }
}

/// While WorkOS cannot be asked, what the event said counts: a connection that was switched off lets nobody in.
#[tokio::test]
async fn without_workos_the_event_is_all_there_is() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    let off = json!({"id": "conn_01SANDBOXACMEOKTA", "organization_id": ACME, "name": "Okta",
        "connection_type": "OktaSAML", "state": "inactive"});
    stack.delivered(&stack.event("01", "connection.deactivated", off)).await;
    for path in ["/organizations", "/connections"] {
        stack.sandbox().fault(json!({"path": path, "kind": "status", "status": 500})).await;
    }
    let page = stack.browser().sign_in(at::OKTA, "ada@acme.com").await;
    assert!([403, 503].contains(&page.status), "{} {}", page.status, page.body);
    assert_eq!(stack.sessions().await.len(), 1);
}

/// R47: an organization that is no tenant here is not made one, and the event is on the record.
#[tokio::test]
async fn strangers_stay_strangers() {
    let stack = Stack::start().await;
    let before = stack.tenants().await;
    let event = stack.event("01", "organization.created", json!({"id": "org_stranger", "name": "Stranger"}));
    assert_eq!(stack.delivered(&event).await, "ignored");
    assert_eq!(stack.tenants().await, before);
}
