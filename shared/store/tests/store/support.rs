//! An engine in memory with both tables, and values to put into it.

use std::collections::BTreeMap;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use domain::audit::{AuditAction, AuditContext, AuditEvent};
use domain::login::PkceVerifier;
use domain::tenant::{ConnectionState, TenantConnection, TenantDomain};
use domain::{
    ConnectionId, Domain, EmailAddress, IdentityKey, Login, OrganizationId, ProfileId, Rng, Selector,
    Session, SessionId, Tenant, Timestamp, User, UserId, sha256,
};
use store::{CommitOutcome, LoginCommit, Store, Tables, UserWrite, schema};
use tokio::net::TcpListener;

pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// A store on an engine of its own. The engine ends with the test's runtime.
pub(crate) async fn store() -> Store {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
    let store = store_at(&format!("http://{address}"));
    schema::create(store.client(), "identity", &schema::identity()).await.unwrap();
    schema::create(store.client(), "ephemeral", &schema::ephemeral()).await.unwrap();
    store
}

/// A store that talks to whatever listens there.
pub(crate) fn store_at(endpoint: &str) -> Store {
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
        .http_client(net::SdkHttp::new(net::client().unwrap()))
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ))
        .build();
    Store::new(&config, Tables { identity: "identity".into(), ephemeral: "ephemeral".into() }, Rng::seeded(1))
}

pub(crate) fn organization(id: &str) -> OrganizationId {
    OrganizationId::parse(id).unwrap()
}

pub(crate) fn connection(id: &str) -> ConnectionId {
    ConnectionId::parse(id).unwrap()
}

pub(crate) fn user_id(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

pub(crate) fn login(browser_secret: &str) -> Login {
    Login {
        selector: Selector::Organization(organization("org_acme")),
        organization: None,
        return_to: "http://localhost:8080/dashboard".into(),
        verifier: PkceVerifier::new("verifier".into()),
        browser_hash: sha256(browser_secret),
        started_at: NOW,
        expires_at: NOW.plus(domain::login::LOGIN_LIFETIME),
        trace: None,
    }
}

pub(crate) fn tenant(organization_id: &str) -> Tenant {
    Tenant {
        organization: organization(organization_id),
        name: "Acme Corp".into(),
        domains: vec![TenantDomain { domain: Domain::parse("acme.com").unwrap(), verified: true }],
        connections: vec![TenantConnection {
            id: connection("conn_okta"),
            name: "Okta".into(),
            connection_type: "OktaSAML".into(),
            state: ConnectionState::Active,
        }],
        refreshed_at: NOW,
    }
}

pub(crate) fn user(organization_id: &str, id: &str) -> User {
    User {
        email: Some(EmailAddress::parse("ada@acme.com").unwrap()),
        first_name: Some("Ada".into()),
        last_login_at: Some(NOW),
        ..User::provisioned(user_id(id), organization(organization_id), 0, NOW)
    }
}

pub(crate) fn session(user: &User, id: &str) -> Session {
    Session {
        id: SessionId::parse(id).unwrap(),
        user: user.id.clone(),
        organization: user.organization.clone(),
        connection: connection("conn_okta"),
        profile: ProfileId::parse("prof_1").unwrap(),
        roles: vec!["member".into()],
        amr: vec!["sso".into()],
        auth_time: NOW,
        mfa_time: None,
        created_at: NOW,
        last_seen_at: NOW,
        idle_seconds: 28_800,
        expires_at: NOW.plus(std::time::Duration::from_secs(86_400)),
        user_generation: user.generation,
        tenant_generation: 0,
        login_hash: sha256("state"),
        return_to: "http://localhost:8080/dashboard".into(),
        device: "Chromium on Linux".into(),
    }
}

pub(crate) fn identity(organization_id: &str, connection_id: &str, idp_id: &str) -> IdentityKey {
    IdentityKey {
        organization: organization(organization_id),
        connection: connection(connection_id),
        idp_id: idp_id.into(),
    }
}

pub(crate) fn audit(user: &User, id: &str, action: AuditAction) -> AuditEvent {
    AuditEvent {
        id: id.into(),
        organization: user.organization.clone(),
        action,
        actor: user.id.clone().into(),
        session: None,
        context: AuditContext {
            location: "192.0.2.1".into(),
            user_agent: "test".into(),
            request_id: "r".into(),
        },
        details: Default::default(),
        occurred_at: NOW,
    }
}

/// Signs a new person in and gives back what was written.
pub(crate) async fn sign_in(store: &Store, organization_id: &str, n: u32) -> (User, Session) {
    let user = user(organization_id, &format!("user_{n}"));
    let session = session(&user, &format!("sess_{n}"));
    let commit = LoginCommit {
        user: UserWrite::Create(user.clone()),
        identity: &identity(organization_id, "conn_okta", &format!("idp-{n}")),
        session: &session,
        replaces: None,
        audit: &[audit(&user, &format!("audit-{n}"), AuditAction::UserSignedIn)],
        register: Default::default(),
    };
    assert_eq!(store.commit_login(&commit).await.unwrap(), CommitOutcome::Committed);
    (user, session)
}

/// How many items the identity table holds, by a scan.
pub(crate) async fn items(store: &Store) -> usize {
    let page = store.client().scan().table_name("identity").send().await.unwrap();
    assert!(page.last_evaluated_key.is_none());
    page.items.unwrap_or_default().len()
}

/// The states of a tenant's connections, as the gate keeps them.
pub(crate) fn states(entries: &[(&str, ConnectionState)]) -> BTreeMap<ConnectionId, ConnectionState> {
    entries.iter().map(|(id, state)| (connection(id), state.clone())).collect()
}
