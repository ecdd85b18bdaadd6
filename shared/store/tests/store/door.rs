//! What is read of somebody at the door, and what a login writes beside user and session.

use std::time::Duration;

use domain::login_trace::{LoginOutcome, LoginTrace};
use domain::{EmailAddress, OrganizationId};
use store::{CommitOutcome, LoginCommit, MoveGrant, Register, TraceWrite, UserWrite};

use crate::support::{
    NOW, connection, identity, items, organization, session, sign_in, store, tenant, user, user_id,
};

fn ada() -> EmailAddress {
    EmailAddress::parse("ada@acme.com").unwrap()
}

fn grant(to: &str) -> MoveGrant {
    MoveGrant {
        organization: organization("org_acme"),
        from: connection("conn_okta"),
        to: connection(to),
        email: ada(),
        user: user_id("user_1"),
        expires_at: NOW.plus(Duration::from_secs(3600)),
    }
}

/// R41, R47: identity, claims, move and users are the tenant's and the connection's own.
#[tokio::test]
async fn the_door_shows_one_tenants_people() {
    let store = store().await;
    for id in ["org_acme", "org_globex"] {
        store.put_tenant(&tenant(id)).await.unwrap();
    }
    let key = identity("org_acme", "conn_okta", "idp-1");
    let nobody = store.door(&key, &ada(), NOW).await.unwrap();
    assert!(nobody.linked.is_none() && nobody.users.is_empty() && nobody.gate.is_none());

    let who = user("org_acme", "user_1");
    let session = session(&who, "sess_1");
    let claims = nobody.claims(&key, &ada(), &who);
    let commit = LoginCommit {
        user: UserWrite::Create(who.clone()),
        identity: &key,
        session: &session,
        replaces: None,
        audit: &[],
        register: Register { claims: &claims, ..Register::default() },
    };
    assert_eq!(store.commit_login(&commit).await.unwrap(), CommitOutcome::Committed);
    store.put_move_grant(&grant("conn_entra"), NOW).await.unwrap();

    let door = store.door(&key, &ada(), NOW).await.unwrap();
    assert_eq!(door.linked, Some(who.id.clone()));
    assert_eq!(door.users[&who.id], who);
    assert_eq!(door.gate.as_ref().unwrap().organization, organization("org_acme"));
    assert_eq!((door.by_idp_id().users(), door.by_email().users()), (vec![&who.id], vec![&who.id]));
    assert!(door.claims(&key, &ada(), &who).is_empty(), "they are put down");

    let entra = identity("org_acme", "conn_entra", "entra-1");
    let door = store.door(&entra, &ada(), NOW).await.unwrap();
    assert_eq!((door.linked, door.grant), (None, Some(grant("conn_entra"))));
    let late = store.door(&entra, &ada(), NOW.plus(Duration::from_secs(3600))).await.unwrap();
    assert_eq!(late.grant, None);
    for other in
        [identity("org_globex", "conn_okta", "idp-1"), identity("org_globex", "conn_entra", "entra-1")]
    {
        let door = store.door(&other, &ada(), NOW).await.unwrap();
        assert!(door.linked.is_none() && door.users.is_empty() && door.grant.is_none(), "{other:?}");
        assert!(door.by_idp_id().holders.is_empty() && door.by_email().holders.is_empty(), "{other:?}");
    }
}

/// An address that is not the user's is not put down as theirs: a directory's word about it stands.
#[tokio::test]
async fn only_the_users_own_address_is_claimed() {
    let store = store().await;
    let key = identity("org_acme", "conn_okta", "idp-1");
    let door = store.door(&key, &ada(), NOW).await.unwrap();
    let who = user("org_acme", "user_1");
    assert_eq!(door.claims(&key, &ada(), &who).len(), 2);
    let other = domain::User { email: EmailAddress::parse("ada.l@acme.com").ok(), ..who };
    assert_eq!(door.claims(&key, &ada(), &other).len(), 1);
}

/// R66, R75: the trace is there exactly when the session is, under the tenant, and no more where it was.
#[tokio::test]
async fn the_trace_is_written_with_the_session() {
    let store = store().await;
    let (who, _) = sign_in(&store, "org_acme", 1).await;
    let acme = organization("org_acme");
    let mut trace = LoginTrace::begin("01J".into(), "req-1", NOW);
    store.put_trace(&trace, None).await.unwrap();
    trace.organization = Some(acme.clone());
    trace.succeeded(&who.id, NOW);
    let listed = |organization: Option<OrganizationId>| {
        let store = store.clone();
        async move {
            store.traces(organization.as_ref(), NOW.minus(Duration::from_secs(9)), NOW, 9).await.unwrap()
        }
    };
    let write = TraceWrite { trace: &trace, written_as: None };
    let register = Register { trace: Some(&write), ..Register::default() };
    let second = session(&who, "sess_2");
    let key = identity("org_acme", "conn_okta", "idp-1");
    let stale = domain::User { generation: 9, ..who.clone() };
    for (person, outcome, traces) in
        [(stale, CommitOutcome::UserChanged, 0), (who, CommitOutcome::Committed, 1)]
    {
        let commit = LoginCommit {
            user: UserWrite::Update(person),
            identity: &key,
            session: &second,
            replaces: None,
            audit: &[],
            register,
        };
        assert_eq!(store.commit_login(&commit).await.unwrap(), outcome);
        let (here, nowhere) = (listed(Some(acme.clone())).await, listed(None).await);
        assert_eq!((here.len(), nowhere.len()), (traces, 1 - traces));
        assert!(here.iter().all(|trace| trace.outcome == LoginOutcome::Succeeded));
    }
}

/// A write whose answer was lost and that is sent again has happened once.
#[tokio::test]
async fn a_commit_that_is_sent_twice_happens_once() {
    let store = store().await;
    let key = identity("org_acme", "conn_okta", "idp-1");
    let door = store.door(&key, &ada(), NOW).await.unwrap();
    let who = user("org_acme", "user_1");
    let session = session(&who, "sess_1");
    let claims = door.claims(&key, &ada(), &who);
    let commit = LoginCommit {
        user: UserWrite::Create(who),
        identity: &key,
        session: &session,
        replaces: None,
        audit: &[],
        register: Register { claims: &claims, ..Register::default() },
    };
    assert_eq!(store.commit_login(&commit).await.unwrap(), CommitOutcome::Committed);
    let before = items(&store).await;
    assert_eq!(store.commit_login(&commit).await.unwrap(), CommitOutcome::Committed);
    assert_eq!(items(&store).await, before);
}
