use std::time::Duration;

use domain::audit::AuditAction;
use domain::directory::{Notice, UserNotice};
use domain::tenant::ConnectionState;
use domain::{EmailAddress, Gate, User};
use store::{CommitOutcome, LoginCommit, Register, SessionRef, UserWrite};

use crate::support::{
    NOW, audit, connection, identity, items, organization, session, sign_in, states, store, tenant, user,
};

/// R41, R47: the same idp id in two tenants or behind two connections is several people.
#[tokio::test]
async fn identities_do_not_cross_tenants_or_connections() {
    let store = store().await;
    let (ada, _) = sign_in(&store, "org_acme", 1).await;
    let linked = |org: &'static str, conn: &'static str| {
        let store = store.clone();
        async move { store.linked_user(&identity(org, conn, "idp-1")).await.unwrap() }
    };
    assert_eq!(linked("org_acme", "conn_okta").await, Some(ada.id.clone()));
    assert_eq!(linked("org_globex", "conn_okta").await, None);
    assert_eq!(linked("org_acme", "conn_entra").await, None);
    assert_eq!(store.user(&organization("org_globex"), &ada.id).await.unwrap(), None);
    assert_eq!(store.user(&organization("org_acme"), &ada.id).await.unwrap(), Some(ada));
}

/// Two first logins at once make one user; the loser writes nothing and joins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_first_logins_make_one_user() {
    let store = store().await;
    let racers: Vec<_> = (0..20)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let user = user("org_acme", &format!("user_{n}"));
                let session = session(&user, &format!("sess_{n}"));
                let commit = LoginCommit {
                    user: UserWrite::Create(user.clone()),
                    identity: &identity("org_acme", "conn_okta", "idp-1"),
                    session: &session,
                    replaces: None,
                    audit: &[audit(&user, &format!("audit-{n}"), AuditAction::UserCreated)],
                    register: Default::default(),
                };
                (user.id, store.commit_login(&commit).await.unwrap())
            })
        })
        .collect();
    let mut winners = Vec::new();
    for racer in racers {
        match racer.await.unwrap() {
            (id, CommitOutcome::Committed) => winners.push(id),
            (_, CommitOutcome::IdentityTaken) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(store.linked_user(&identity("org_acme", "conn_okta", "idp-1")).await.unwrap(), winners.pop());
    assert_eq!(
        items(&store).await,
        5,
        "link, user, their place in the connection's list, session, audit item"
    );
}

/// Several tabs of one person sign in at once: all succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_logins_of_one_person_all_commit() {
    let store = store().await;
    let (ada, _) = sign_in(&store, "org_acme", 1).await;
    let tabs: Vec<_> = (10..20)
        .map(|n| {
            let (store, ada) = (store.clone(), ada.clone());
            tokio::spawn(async move {
                let session = session(&ada, &format!("sess_{n}"));
                let commit = LoginCommit {
                    user: UserWrite::Update(ada),
                    identity: &identity("org_acme", "conn_okta", "idp-1"),
                    session: &session,
                    replaces: None,
                    audit: &[],
                    register: Default::default(),
                };
                store.commit_login(&commit).await.unwrap()
            })
        })
        .collect();
    for tab in tabs {
        assert_eq!(tab.await.unwrap(), CommitOutcome::Committed);
    }
    assert_eq!(store.sessions(&ada.organization, &ada.id).await.unwrap().len(), 11);
}

/// A user deactivated or revoked between read and write gets no session, and nothing else is written.
#[tokio::test]
async fn a_leavers_event_wins_over_a_login_half_way() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let (ada, first) = sign_in(&store, "org_acme", 1).await;
    let facts = store.session(&ada.organization, &ada.id, &first.id).await.unwrap().unwrap();
    let ended = audit(&ada, "audit-end", AuditAction::UserSessionsEnded);
    assert!(store.end_other_sessions(&facts, &ended).await.unwrap());

    let before = items(&store).await;
    let session = session(&ada, "sess_late");
    let stale = LoginCommit {
        user: UserWrite::Update(ada.clone()),
        identity: &identity("org_acme", "conn_okta", "idp-1"),
        session: &session,
        replaces: None,
        audit: &[audit(&ada, "audit-late", AuditAction::UserSignedIn)],
        register: Default::default(),
    };
    assert_eq!(store.commit_login(&stale).await.unwrap(), CommitOutcome::UserChanged);
    assert_eq!(items(&store).await, before);
}

/// R27: the session that the browser held before ends in the same write.
#[tokio::test]
async fn a_new_session_replaces_the_one_before() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let (ada, first) = sign_in(&store, "org_acme", 1).await;
    let second = session(&ada, "sess_2");
    let replaced = SessionRef {
        organization: ada.organization.clone(),
        user: ada.id.clone(),
        session: first.id.clone(),
    };
    let commit = LoginCommit {
        user: UserWrite::Update(ada.clone()),
        identity: &identity("org_acme", "conn_okta", "idp-1"),
        session: &second,
        replaces: Some(&replaced),
        audit: &[],
        register: Default::default(),
    };
    assert_eq!(store.commit_login(&commit).await.unwrap(), CommitOutcome::Committed);
    assert!(store.session(&ada.organization, &ada.id, &first.id).await.unwrap().is_none());
    assert!(store.session(&ada.organization, &ada.id, &second.id).await.unwrap().is_some());
}

/// R46: an update changes what the IdP says and nothing else.
#[tokio::test]
async fn signing_in_again_changes_the_label_and_keeps_the_person() {
    let store = store().await;
    let (ada, _) = sign_in(&store, "org_acme", 1).await;
    let renamed = User {
        email: Some(EmailAddress::parse("ada.l@acme.com").unwrap()),
        last_login_at: Some(NOW.plus(Duration::from_secs(60))),
        revision: ada.revision + 1,
        ..ada.clone()
    };
    let session = session(&renamed, "sess_2");
    let notice = Notice::UserUpdated(UserNotice::of(&renamed, &Gate::new(ada.organization.clone())));
    let commit = LoginCommit {
        user: UserWrite::Update(renamed.clone()),
        identity: &identity("org_acme", "conn_okta", "idp-1"),
        session: &session,
        replaces: None,
        audit: &[],
        register: Register { notice: Some(&notice), ..Register::default() },
    };
    assert_eq!(store.commit_login(&commit).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(store.user(&ada.organization, &ada.id).await.unwrap(), Some(renamed));
    // Over a revision that is not there any more nothing is written.
    let again = crate::support::session(&ada, "sess_3");
    let commit = LoginCommit { session: &again, ..commit };
    assert_eq!(store.commit_login(&commit).await.unwrap(), CommitOutcome::UserChanged);
}

#[tokio::test]
async fn a_tenant_is_put_once_and_refreshed_only_forward() {
    let store = store().await;
    let acme = tenant("org_acme");
    assert!(store.put_tenant(&acme).await.unwrap());
    assert!(!store.put_tenant(&acme).await.unwrap(), "the first one stays");
    assert_eq!(
        store.organization_of(&connection("conn_okta")).await.unwrap(),
        Some(organization("org_acme"))
    );
    assert_eq!(store.organization_of(&connection("conn_other")).await.unwrap(), None);

    let mut newer = tenant("org_acme");
    newer.refreshed_at = NOW.plus(Duration::from_secs(3600));
    newer.connections[0].state = ConnectionState::Inactive;
    store.refresh_tenant(&acme, &newer).await.unwrap();
    store.refresh_tenant(&newer, &acme).await.unwrap();
    let stored = store.tenant(&organization("org_acme")).await.unwrap().unwrap();
    assert_eq!(stored.tenant, newer, "an older answer of WorkOS does not overwrite a newer one");
    assert_eq!(stored.gate.connections, states(&[("conn_okta", ConnectionState::Inactive)]));
    assert_eq!(store.tenant(&organization("org_globex")).await.unwrap(), None);
}
