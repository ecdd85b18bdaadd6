use std::time::Duration;

use domain::audit::AuditAction;
use domain::session::Ended;

use crate::support::{NOW, audit, organization, sign_in, store, tenant};

/// R28, R35: a session lives until it is ended, and an ended one cannot be touched back to life.
#[tokio::test]
async fn an_ended_session_stays_ended() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let (ada, session) = sign_in(&store, "org_acme", 1).await;
    let facts = store.session(&ada.organization, &ada.id, &session.id).await.unwrap().unwrap();
    assert_eq!(facts.session, session);
    assert_eq!(facts.check(None, NOW), Ok(()));

    let later = NOW.plus(Duration::from_secs(60));
    assert!(store.touch_session(&session, later).await.unwrap());
    let touched = store.session(&ada.organization, &ada.id, &session.id).await.unwrap().unwrap();
    assert_eq!(touched.session.last_seen_at, later);

    let event = audit(&ada, "audit-end", AuditAction::SessionEnded);
    assert!(store.end_session(&ada.organization, &ada.id, &session.id, &event).await.unwrap());
    let again = audit(&ada, "audit-end-2", AuditAction::SessionEnded);
    assert!(!store.end_session(&ada.organization, &ada.id, &session.id, &again).await.unwrap());
    assert!(!store.touch_session(&session, later).await.unwrap());
    assert!(store.session(&ada.organization, &ada.id, &session.id).await.unwrap().is_none());
}

/// R36: "end all others" is one write, and the session that asks lives on.
#[tokio::test]
async fn ending_the_others_keeps_the_one_that_asks() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let (ada, mine) = sign_in(&store, "org_acme", 1).await;
    let facts = store.session(&ada.organization, &ada.id, &mine.id).await.unwrap().unwrap();
    let event = audit(&ada, "audit-others", AuditAction::UserSessionsEnded);
    assert!(store.end_other_sessions(&facts, &event).await.unwrap());
    assert!(
        !store.end_other_sessions(&facts, &audit(&ada, "x", AuditAction::UserSessionsEnded)).await.unwrap()
    );

    let now = store.session(&ada.organization, &ada.id, &mine.id).await.unwrap().unwrap();
    assert_eq!(now.check(None, NOW), Ok(()));
    assert_eq!(facts.session.check(&now.user, &now.gate, None, NOW), Err(Ended::UserRevoked));
}

/// R47: a session is found only under its own tenant and user.
#[tokio::test]
async fn a_session_is_not_found_with_foreign_ids() {
    let store = store().await;
    for org in ["org_acme", "org_globex"] {
        store.put_tenant(&tenant(org)).await.unwrap();
    }
    let (ada, session) = sign_in(&store, "org_acme", 1).await;
    let (other, _) = sign_in(&store, "org_acme", 2).await;
    assert!(store.session(&organization("org_globex"), &ada.id, &session.id).await.unwrap().is_none());
    assert!(store.session(&ada.organization, &other.id, &session.id).await.unwrap().is_none());
    let event = audit(&other, "audit-foreign", AuditAction::SessionEnded);
    assert!(!store.end_session(&ada.organization, &other.id, &session.id, &event).await.unwrap());
    assert!(store.session(&ada.organization, &ada.id, &session.id).await.unwrap().is_some());
}
