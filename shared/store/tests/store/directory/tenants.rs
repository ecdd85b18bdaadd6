//! Events about organizations: one part each, once, in any order, until WorkOS is asked again.

use std::time::Duration;

use domain::tenant::{ConnectionState, TenantConnection, TenantDomain};
use domain::{Domain, Tenant, TenantChange, Timestamp};
use store::{Store, TenantEvent, TenantOutcome};

use super::{acme, at, event};
use crate::support::{NOW, connection, items, organization, store, tenant};

async fn hear(store: &Store, change: &TenantChange, n: u32) -> TenantOutcome {
    let (event, organization) = (event(n), acme());
    let event = TenantEvent {
        event: &event,
        kind: "connection.activated",
        created_at: at(n),
        organization: &organization,
        change,
    };
    store.apply_tenant_event(&event, at(n.max(900))).await.unwrap()
}

fn okta(state: ConnectionState) -> TenantChange {
    TenantChange::Connection(TenantConnection {
        id: connection("conn_okta"),
        name: "Okta".into(),
        connection_type: "OktaSAML".into(),
        state,
    })
}

fn domain(text: &str, verified: bool) -> TenantChange {
    TenantChange::Domain(TenantDomain { domain: Domain::parse(text).unwrap(), verified })
}

async fn ready() -> Store {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    store
}

/// R44: a connection that was switched off is off at once, in the tenant and in the gate, and the tenant is due for a
/// refresh.
#[tokio::test]
async fn an_event_counts_at_once_and_is_checked_soon() {
    let store = ready().await;
    assert_eq!(hear(&store, &okta(ConnectionState::Inactive), 100).await, TenantOutcome::Applied);
    let record = store.tenant(&acme()).await.unwrap().unwrap();
    assert_eq!(record.tenant.connections[0].state, ConnectionState::Inactive);
    assert_eq!(record.gate.connections[&connection("conn_okta")], ConnectionState::Inactive);
    assert!(!record.tenant.fresh(at(900)) && record.tenant.usable(at(900)));
    let seen = store.seen_event(&event(100), at(900)).await.unwrap().unwrap();
    assert_eq!((seen.outcome.as_str(), seen.kind.as_deref()), ("applied", Some("connection.activated")));
    assert_eq!(seen.organization, Some(acme()));
}

/// R53, R54: twice is once, and an older event changes nothing; what says the same is no change.
#[tokio::test]
async fn events_are_applied_once_and_the_newest_wins() {
    let store = ready().await;
    assert_eq!(hear(&store, &okta(ConnectionState::Inactive), 102).await, TenantOutcome::Applied);
    assert_eq!(hear(&store, &okta(ConnectionState::Active), 102).await, TenantOutcome::Duplicate);
    assert_eq!(hear(&store, &okta(ConnectionState::Active), 101).await, TenantOutcome::Stale);
    assert_eq!(hear(&store, &okta(ConnectionState::Inactive), 103).await, TenantOutcome::NoChange);
    assert_eq!(hear(&store, &okta(ConnectionState::Active), 99).await, TenantOutcome::Stale);
    let record = store.tenant(&acme()).await.unwrap().unwrap();
    assert!(!record.tenant.connections[0].state.usable());
}

/// A refresh that asked WorkOS before the event must not undo it; one that asked later takes its place, and then an
/// event from before it is late.
#[tokio::test]
async fn a_refresh_counts_from_the_moment_it_asked() {
    let store = ready().await;
    hear(&store, &okta(ConnectionState::Inactive), 200).await;
    let known = store.tenant(&acme()).await.unwrap().unwrap().tenant;
    let refreshed = |asked: Timestamp| Tenant { refreshed_at: asked, ..tenant("org_acme") };
    store.refresh_tenant(&known, &refreshed(at(199))).await.unwrap();
    let usable = async || store.tenant(&acme()).await.unwrap().unwrap().tenant.connections[0].state.usable();
    assert!(!usable().await, "asked before the event");
    store.refresh_tenant(&known, &refreshed(at(800))).await.unwrap();
    assert!(usable().await, "asked after the event");
    assert_eq!(hear(&store, &okta(ConnectionState::Inactive), 300).await, TenantOutcome::Stale);
    // Within the difference of clocks nobody can tell: the event counts, and the next refresh says how it is.
    assert_eq!(hear(&store, &okta(ConnectionState::Inactive), 790).await, TenantOutcome::Applied);
}

/// R42: a proof leads people to their company at once, and its end ends that.
#[tokio::test]
async fn domains_enter_and_leave_the_index() {
    let store = ready().await;
    let found =
        async |text: &str| store.tenants_by_domain(&Domain::parse(text).unwrap()).await.unwrap().len();
    hear(&store, &domain("acme.io", true), 100).await;
    assert_eq!((found("acme.io").await, found("acme.com").await), (1, 1));
    hear(&store, &domain("acme.io", false), 101).await;
    hear(&store, &TenantChange::DomainDeleted(Domain::parse("acme.com").unwrap()), 102).await;
    assert_eq!((found("acme.io").await, found("acme.com").await), (0, 0));
}

/// R44: the end of an organization ends everybody's sessions and logins, whatever comes afterwards from before.
#[tokio::test]
async fn an_organization_that_is_gone_is_closed() {
    let store = ready().await;
    assert_eq!(hear(&store, &TenantChange::OrganizationDeleted, 500).await, TenantOutcome::Applied);
    let record = store.tenant(&acme()).await.unwrap().unwrap();
    assert!(record.tenant.connections.is_empty() && record.tenant.domains.is_empty());
    assert_eq!(record.gate.generation, 1);
    let all = items(&store).await;
    assert_eq!(hear(&store, &TenantChange::OrganizationDeleted, 500).await, TenantOutcome::Duplicate);
    assert_eq!(hear(&store, &okta(ConnectionState::Active), 499).await, TenantOutcome::Stale);
    assert_eq!(store.tenant(&acme()).await.unwrap().unwrap(), record);
    assert_eq!(items(&store).await, all);
}

/// R47: who is no tenant here is not made one by an event, and an event dated ahead keeps nobody out.
#[tokio::test]
async fn strangers_and_dates_ahead_do_no_harm() {
    let store = ready().await;
    let before = items(&store).await;
    let (stranger, id) = (organization("org_nobody"), event(1));
    let change = okta(ConnectionState::Active);
    let unknown = TenantEvent {
        event: &id,
        kind: "connection.activated",
        created_at: at(1),
        organization: &stranger,
        change: &change,
    };
    assert_eq!(store.apply_tenant_event(&unknown, at(1)).await.unwrap(), TenantOutcome::NotATenant);
    let seen = store.seen_event(&id, at(1)).await.unwrap().unwrap();
    assert_eq!((seen.outcome.as_str(), seen.reason.as_deref()), ("ignored", Some("not_a_tenant")));
    assert_eq!(items(&store).await, before);

    let (ahead, acme) = (event(2), acme());
    let change = okta(ConnectionState::Inactive);
    let early = TenantEvent {
        event: &ahead,
        kind: "connection.deactivated",
        created_at: NOW.plus(Duration::from_secs(86_400 * 365)),
        organization: &acme,
        change: &change,
    };
    assert_eq!(store.apply_tenant_event(&early, at(900)).await.unwrap(), TenantOutcome::Applied);
    let known = store.tenant(&acme).await.unwrap().unwrap().tenant;
    store.refresh_tenant(&known, &Tenant { refreshed_at: at(901), ..tenant("org_acme") }).await.unwrap();
    assert!(store.tenant(&acme).await.unwrap().unwrap().tenant.fresh(at(901)));
}

/// R53: twenty deliveries of one event at once have one effect.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_deliveries_close_a_tenant_once() {
    let store = ready().await;
    let deliveries: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { hear(&store, &TenantChange::OrganizationDeleted, 500).await })
        })
        .collect();
    let mut applied = 0;
    for delivery in deliveries {
        match delivery.await.unwrap() {
            TenantOutcome::Applied => applied += 1,
            other => assert_eq!(other, TenantOutcome::Duplicate),
        }
    }
    assert_eq!(applied, 1);
    assert_eq!(store.tenant(&acme()).await.unwrap().unwrap().gate.generation, 1);
}
