use std::time::Duration;

use domain::tenant::{TenantConnection, TenantDomain};
use domain::{Domain, Tenant};

use crate::support::{NOW, audit, organization, store, tenant, user};

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn with_domains(organization_id: &str, domains: &[(&str, bool)]) -> Tenant {
    Tenant {
        domains: domains
            .iter()
            .map(|(text, verified)| TenantDomain { domain: domain(text), verified: *verified })
            .collect(),
        connections: vec![],
        ..tenant(organization_id)
    }
}

async fn found(store: &store::Store, text: &str) -> Vec<String> {
    let records = store.tenants_by_domain(&domain(text)).await.unwrap();
    let mut ids: Vec<String> =
        records.into_iter().map(|record| record.tenant.organization.to_string()).collect();
    ids.sort();
    ids
}

/// R42: only a verified domain leads to a tenant, and to every tenant that verified it.
#[tokio::test]
async fn a_domain_leads_to_the_tenants_that_verified_it() {
    let store = store().await;
    for tenant in [
        with_domains("org_acme", &[("acme.com", true), ("acme-labs.com", false), ("shared.com", true)]),
        with_domains("org_globex", &[("shared.com", true), ("acme.com", false)]),
    ] {
        assert!(store.put_tenant(&tenant).await.unwrap());
    }
    assert_eq!(found(&store, "acme.com").await, ["org_acme"]);
    assert_eq!(found(&store, "shared.com").await, ["org_acme", "org_globex"]);
    for nobody in ["acme-labs.com", "sub.acme.com", "globex.com"] {
        assert!(found(&store, nobody).await.is_empty(), "{nobody}");
    }
}

/// A domain that is given up, or not verified any more, leaves the index; a new one enters it.
#[tokio::test]
async fn a_refresh_keeps_the_index_true() {
    let store = store().await;
    let before = with_domains("org_acme", &[("acme.com", true), ("old.com", true), ("lapsed.com", true)]);
    store.put_tenant(&before).await.unwrap();
    let after = Tenant {
        refreshed_at: NOW.plus(Duration::from_secs(60)),
        ..with_domains("org_acme", &[("acme.com", true), ("new.com", true), ("lapsed.com", false)])
    };
    store.refresh_tenant(&before, &after).await.unwrap();
    for (text, there) in [("acme.com", true), ("new.com", true), ("old.com", false), ("lapsed.com", false)] {
        assert_eq!(found(&store, text).await.len(), usize::from(there), "{text}");
    }
    // An index item that was left behind is not believed.
    let stale = Tenant {
        refreshed_at: NOW.plus(Duration::from_secs(120)),
        ..with_domains("org_acme", &[("acme.com", true)])
    };
    store.refresh_tenant(&stale, &stale).await.unwrap();
    assert!(found(&store, "new.com").await.is_empty());
    let listed = store.list_tenants(None, 10).await.unwrap();
    assert_eq!((listed.tenants.len(), listed.next), (1, None));
}

/// The index has room for every tenant that a transaction can write.
#[tokio::test]
async fn a_tenant_with_very_many_domains_and_connections_is_written() {
    let store = store().await;
    let many = |from: usize| -> Tenant {
        let mut tenant = tenant("org_acme");
        tenant.domains = (from..from + 60)
            .map(|n| TenantDomain { domain: domain(&format!("d{n}.example")), verified: true })
            .collect();
        tenant.connections = (0..80)
            .map(|n| TenantConnection {
                id: domain::ConnectionId::parse(&format!("conn_{n}")).unwrap(),
                ..tenant.connections[0].clone()
            })
            .collect();
        tenant
    };
    let before = many(100);
    assert!(store.put_tenant(&before).await.unwrap());
    assert_eq!(found(&store, "d100.example").await, ["org_acme"]);
    let after = Tenant { refreshed_at: NOW.plus(Duration::from_secs(1)), ..many(130) };
    store.refresh_tenant(&before, &after).await.unwrap();
    assert_eq!(found(&store, "d131.example").await, ["org_acme"]);
    assert!(found(&store, "d100.example").await.is_empty());
}

/// A domain of dozens of companies leads nowhere: its picker would be a directory of customers.
#[tokio::test]
async fn a_domain_that_too_many_share_leads_nowhere() {
    let store = store().await;
    for n in 10..41 {
        store.put_tenant(&with_domains(&format!("org_{n}"), &[("mail.example", true)])).await.unwrap();
        let expected = if n < 40 { n - 9 } else { 0 };
        if n % 10 == 9 || n == 40 {
            assert_eq!(found(&store, "mail.example").await.len(), expected, "{n}");
        }
    }
}

#[tokio::test]
async fn tenants_are_listed_page_by_page() {
    let store = store().await;
    for n in 10..35 {
        store.put_tenant(&with_domains(&format!("org_{n}"), &[])).await.unwrap();
    }
    let (mut seen, mut after) = (vec![], None);
    loop {
        let page = store.list_tenants(after.as_ref(), 10).await.unwrap();
        seen.extend(page.tenants.into_iter().map(|entry| entry.organization.to_string()));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, (10..35).map(|n| format!("org_{n}")).collect::<Vec<_>>());
}

/// R44: a tenant that is gone at WorkOS admits nobody, and its sessions end.
#[tokio::test]
async fn a_closed_tenant_leads_nowhere() {
    let store = store().await;
    let acme = tenant("org_acme");
    store.put_tenant(&acme).await.unwrap();
    let event = audit(&user("org_acme", "user_1"), "closed", domain::audit::AuditAction::TenantClosed);
    assert!(!store.close_tenant(&acme, NOW, &event).await.unwrap(), "what is stored is as new");
    let later = NOW.plus(Duration::from_secs(1));
    assert!(store.close_tenant(&acme, later, &event).await.unwrap());
    let closed = store.tenant(&organization("org_acme")).await.unwrap().unwrap();
    assert!(closed.tenant.connections.is_empty() && closed.tenant.domains.is_empty());
    assert!(closed.gate.connections.is_empty());
    assert_eq!(closed.gate.generation, 1);
    assert!(found(&store, "acme.com").await.is_empty());
}

/// R47: what is read of several tenants never mixes.
#[tokio::test]
async fn tenants_read_together_stay_apart() {
    let store = store().await;
    for n in 100..180 {
        let mut tenant = with_domains(&format!("org_{n}"), &[]);
        tenant.name = format!("Company {n}");
        store.put_tenant(&tenant).await.unwrap();
    }
    let wanted: Vec<_> = (90..180).map(|n| organization(&format!("org_{n}"))).collect();
    let records = store.tenants_of(&wanted).await.unwrap();
    assert_eq!(records.len(), 80);
    for record in records {
        let number = record.tenant.organization.as_str().trim_start_matches("org_").to_owned();
        assert_eq!(record.tenant.name, format!("Company {number}"));
        assert_eq!(record.gate.organization, record.tenant.organization);
    }
}
