use domain::audit::{AuditAction, AuditEvent};
use domain::tenant::TenantPolicy;
use domain::tenant_settings::{ConnectionSettings, Label, Slug};
use domain::{Domain, TenantSettings};
use store::{SettingsOutcome, Store, TenantRecord};

use crate::support::{audit, connection, items, organization, store, tenant, user};

fn event(organization_id: &str, id: &str) -> AuditEvent {
    audit(&user(organization_id, "user_1"), id, AuditAction::TenantChanged)
}

fn host(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn named(slug: &str, hosts: &[&str]) -> TenantSettings {
    TenantSettings {
        slug: Some(Slug::parse(slug).unwrap()),
        hosts: hosts.iter().map(|text| host(text)).collect(),
        ..TenantSettings::default()
    }
}

async fn read(store: &Store, organization_id: &str) -> TenantRecord {
    store.tenant(&organization(organization_id)).await.unwrap().unwrap()
}

async fn change(store: &Store, read: &TenantRecord, settings: &TenantSettings, id: &str) -> SettingsOutcome {
    let event = event(read.tenant.organization.as_str(), id);
    store.change_settings(read, settings, &read.gate.policy, &event).await.unwrap()
}

#[tokio::test]
async fn settings_and_policy_are_one_change() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let before = read(&store, "org_acme").await;
    assert_eq!((before.revision, &before.settings), (0, &TenantSettings::default()));
    let mut settings = named("acme", &["acme.login.example"]);
    let own =
        ConnectionSettings { label: Some(Label::parse("Staff").unwrap()), domains: vec![host("acme.com")] };
    settings.connections.insert(connection("conn_okta"), own);
    let policy = TenantPolicy { just_in_time_users: Some(false), ..TenantPolicy::default() };
    let outcome = store.change_settings(&before, &settings, &policy, &event("org_acme", "a1")).await.unwrap();
    assert_eq!(outcome, SettingsOutcome::Saved);
    let after = read(&store, "org_acme").await;
    assert_eq!((after.revision, &after.settings, &after.gate.policy), (1, &settings, &policy));
    assert_eq!(after.gate.connections, before.gate.connections, "the rest of the gate stays");
    let slug = Slug::parse("acme").unwrap();
    assert_eq!(store.organization_by_slug(&slug).await.unwrap(), Some(organization("org_acme")));
    let by_host = store.organization_by_host(&host("acme.login.example")).await.unwrap();
    assert_eq!(by_host, Some(organization("org_acme")));
}

/// Two operators at once: the second is told, and nothing of theirs is written.
#[tokio::test]
async fn a_change_over_something_older_is_refused() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let seen = read(&store, "org_acme").await;
    assert_eq!(change(&store, &seen, &named("one", &[]), "a1").await, SettingsOutcome::Saved);
    let count = items(&store).await;
    assert_eq!(change(&store, &seen, &named("two", &[]), "a2").await, SettingsOutcome::Changed);
    assert_eq!(items(&store).await, count);
    assert_eq!(read(&store, "org_acme").await.settings, named("one", &[]));
    let seen = read(&store, "org_acme").await;
    assert_eq!(change(&store, &seen, &named("two", &[]), "a2").await, SettingsOutcome::Saved);
    assert_eq!(store.organization_by_slug(&Slug::parse("one").unwrap()).await.unwrap(), None);
}

/// R47: a slug or host of one tenant cannot be taken by another.
#[tokio::test]
async fn slugs_and_hosts_belong_to_one_tenant() {
    let store = store().await;
    for id in ["org_acme", "org_globex"] {
        store.put_tenant(&tenant(id)).await.unwrap();
    }
    let acme = read(&store, "org_acme").await;
    change(&store, &acme, &named("acme", &["a.example.com", "b.example.com"]), "a1").await;
    let globex = read(&store, "org_globex").await;
    assert_eq!(change(&store, &globex, &named("acme", &[]), "g1").await, SettingsOutcome::SlugTaken);
    let taken = change(&store, &globex, &named("globex", &["c.example.com", "b.example.com"]), "g2").await;
    assert_eq!(taken, SettingsOutcome::HostTaken(host("b.example.com")));
    assert_eq!(store.organization_by_slug(&Slug::parse("globex").unwrap()).await.unwrap(), None);
    assert_eq!(store.organization_by_host(&host("c.example.com")).await.unwrap(), None);

    // Given up, it is free.
    let acme = read(&store, "org_acme").await;
    change(&store, &acme, &named("acme-corp", &["a.example.com"]), "a2").await;
    let saved = change(&store, &globex, &named("acme", &["b.example.com"]), "g3").await;
    assert_eq!(saved, SettingsOutcome::Saved);
    let owner = store.organization_by_host(&host("b.example.com")).await.unwrap();
    assert_eq!(owner, Some(organization("org_globex")));
    let owner = store.organization_by_host(&host("a.example.com")).await.unwrap();
    assert_eq!(owner, Some(organization("org_acme")));
}
