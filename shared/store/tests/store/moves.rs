use std::time::Duration;

use domain::audit::AuditAction;
use domain::{EmailAddress, Timestamp};
use store::{CommitOutcome, LoginCommit, MoveGrant, Moved, UserWrite};

use crate::support::{
    NOW, audit, connection, identity, items, organization, session, sign_in, store, user, user_id,
};

const LATER: Timestamp = Timestamp::from_seconds(NOW.seconds() + 3600);

fn grant(user: &str, email: &str) -> MoveGrant {
    MoveGrant {
        organization: organization("org_acme"),
        from: connection("conn_okta"),
        to: connection("conn_entra"),
        email: EmailAddress::parse(email).unwrap(),
        user: user_id(user),
        expires_at: LATER,
    }
}

#[tokio::test]
async fn the_people_of_a_connection_are_listed() {
    let store = store().await;
    for n in 10..33 {
        sign_in(&store, "org_acme", n).await;
    }
    sign_in(&store, "org_globex", 50).await;
    let (acme, okta) = (organization("org_acme"), connection("conn_okta"));
    let (mut seen, mut after) = (vec![], None);
    loop {
        let page = store.people_of(&acme, &okta, after.as_ref(), 10).await.unwrap();
        seen.extend(page.people.into_iter().map(|person| (person.user.to_string(), person.idp_id)));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let expected: Vec<_> = (10..33).map(|n| (format!("user_{n}"), format!("idp-{n}"))).collect();
    assert_eq!(seen, expected);
    assert!(store.people_of(&acme, &connection("conn_entra"), None, 10).await.unwrap().people.is_empty());
}

/// R45: without an operator's word the new connection starts with nobody; with it a person keeps their account.
#[tokio::test]
async fn a_grant_is_used_once_by_the_person_it_is_for() {
    let store = store().await;
    let (ada, _) = sign_in(&store, "org_acme", 1).await;
    let through_entra = identity("org_acme", "conn_entra", "entra-ada");
    assert_eq!(store.linked_user(&through_entra).await.unwrap(), None);
    let grant = grant("user_1", "Ada@acme.com");
    assert_eq!(store.put_move_grant(&grant, NOW).await.unwrap(), Moved::Done);
    assert_eq!(store.put_move_grant(&grant, NOW).await.unwrap(), Moved::Already);

    let read = |org: &'static str, conn: &'static str, email: &'static str, now| {
        let store = store.clone();
        async move {
            let email = EmailAddress::parse(email).unwrap();
            store.move_grant(&organization(org), &connection(conn), &email, now).await.unwrap()
        }
    };
    assert_eq!(read("org_acme", "conn_entra", "ADA@acme.com", NOW).await, Some(grant.clone()));
    // R47, R66: not for another tenant, connection or address, and not too late.
    assert_eq!(read("org_globex", "conn_entra", "ada@acme.com", NOW).await, None);
    assert_eq!(read("org_acme", "conn_okta", "ada@acme.com", NOW).await, None);
    assert_eq!(read("org_acme", "conn_entra", "eve@acme.com", NOW).await, None);
    assert_eq!(read("org_acme", "conn_entra", "ada@acme.com", LATER).await, None);

    let join = |id: &str| {
        let session = session(&ada, id);
        let events = [audit(&ada, &format!("audit-{id}"), AuditAction::UserIdentityMoved)];
        let (store, ada, grant, through_entra) =
            (store.clone(), ada.clone(), grant.clone(), through_entra.clone());
        async move {
            let commit = LoginCommit {
                user: UserWrite::Join(ada, Box::new(grant)),
                identity: &through_entra,
                session: &session,
                replaces: None,
                audit: &events,
                register: Default::default(),
            };
            store.commit_login(&commit).await.unwrap()
        }
    };
    assert_eq!(join("sess_a").await, CommitOutcome::Committed);
    assert_eq!(store.linked_user(&through_entra).await.unwrap(), Some(ada.id.clone()));
    assert_eq!(read("org_acme", "conn_entra", "ada@acme.com", NOW).await, None, "it is used up");
    let before = items(&store).await;
    assert_eq!(join("sess_b").await, CommitOutcome::IdentityTaken);
    assert_eq!(items(&store).await, before);
    // The old way still works until the old connection ends.
    let through_okta = identity("org_acme", "conn_okta", "idp-1");
    assert_eq!(store.linked_user(&through_okta).await.unwrap(), Some(ada.id));
}

/// Two people with one address: nobody gets the other's account.
#[tokio::test]
async fn an_address_has_one_grant_at_a_time() {
    let store = store().await;
    assert_eq!(store.put_move_grant(&grant("user_1", "it@acme.com"), NOW).await.unwrap(), Moved::Done);
    assert_eq!(store.put_move_grant(&grant("user_2", "it@acme.com"), NOW).await.unwrap(), Moved::Taken);
    let renewed =
        MoveGrant { expires_at: LATER.plus(Duration::from_secs(3600)), ..grant("user_2", "it@acme.com") };
    assert_eq!(store.put_move_grant(&renewed, LATER).await.unwrap(), Moved::Done, "the old one is over");
}

#[tokio::test]
async fn an_identity_with_the_same_idp_id_is_linked_at_once() {
    let store = store().await;
    let (ada, _) = sign_in(&store, "org_acme", 1).await;
    let (ben, _) = sign_in(&store, "org_acme", 2).await;
    let there = identity("org_acme", "conn_entra", "idp-1");
    assert_eq!(store.link_identity(&there, &ada.id).await.unwrap(), Moved::Done);
    assert_eq!(store.link_identity(&there, &ada.id).await.unwrap(), Moved::Already);
    assert_eq!(store.link_identity(&there, &ben.id).await.unwrap(), Moved::Taken);
    assert_eq!(store.linked_user(&there).await.unwrap(), Some(ada.id));
    let people =
        store.people_of(&organization("org_acme"), &connection("conn_entra"), None, 9).await.unwrap();
    assert_eq!(people.people.len(), 1);
}

/// A leaver's event between reading and writing wins over a join, too.
#[tokio::test]
async fn a_deactivated_person_does_not_join() {
    let store = store().await;
    sign_in(&store, "org_acme", 1).await;
    let grant = grant("user_1", "ada@acme.com");
    store.put_move_grant(&grant, NOW).await.unwrap();
    let stale = domain::User { generation: 7, ..user("org_acme", "user_1") };
    let session = session(&stale, "sess_late");
    let commit = LoginCommit {
        user: UserWrite::Join(stale.clone(), Box::new(grant)),
        identity: &identity("org_acme", "conn_entra", "entra-ada"),
        session: &session,
        replaces: None,
        audit: &[],
        register: Default::default(),
    };
    assert_eq!(store.commit_login(&commit).await.unwrap(), CommitOutcome::UserChanged);
}
