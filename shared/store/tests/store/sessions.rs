use std::time::Duration;

use domain::SessionId;
use domain::audit::{AuditAction, AuditEvent};
use domain::session::Ended;
use store::{SignIn, SignInPlace};

use crate::support::{NOW, audit, items, organization, sign_in, store, tenant};

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

/// R36: sign-ins of several days, in pages of any size: newest first, none twice, none left out, none too old.
#[tokio::test]
async fn sign_ins_are_listed_newest_first_over_days() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let (ada, _) = sign_in(&store, "org_acme", 1).await;
    // Every two hours for three days, with other news between them.
    let rng = domain::Rng::seeded(7);
    let mut sessions = Vec::new();
    for n in 0..36_u32 {
        let at = NOW.plus(Duration::from_secs(7200) * n);
        let session = SessionId::parse(&format!("sess_{n}")).unwrap();
        for (action, session) in
            [(AuditAction::UserSignedIn, Some(session.clone())), (AuditAction::UserEmailChanged, None)]
        {
            let event =
                AuditEvent { session, occurred_at: at, ..audit(&ada, &rng.ulid(at).unwrap(), action) };
            store.record(&event).await.unwrap();
        }
        sessions.insert(0, session);
    }
    let now = NOW.plus(Duration::from_secs(7200) * 35);
    let all = |since, limit| {
        let (store, ada) = (store.clone(), ada.clone());
        async move {
            let (mut found, mut after) = (Vec::new(), None);
            loop {
                let page =
                    store.sign_ins(&ada.organization, since, now, after.as_ref(), limit).await.unwrap();
                assert!(page.sign_ins.len() <= usize::from(limit));
                found.extend(page.sign_ins.into_iter().map(|one| one.session));
                after = page.next;
                if after.is_none() {
                    return found;
                }
            }
        }
    };
    for limit in [1, 5, 36, 200] {
        assert_eq!(all(NOW, limit).await, sessions, "pages of {limit}");
    }
    // The last day: 13 of them, the oldest exactly as old as may be.
    let day = now.minus(Duration::from_secs(86_400));
    assert_eq!(all(day, 5).await, sessions[..13]);
    assert_eq!(all(day.plus(Duration::from_millis(1)), 5).await, sessions[..12]);
}

/// R36: thousands of sessions are read in one go, without those that are gone; one person's many as well.
#[tokio::test]
async fn thousands_of_sessions_are_read() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let mut wanted = Vec::new();
    for n in 1..=120 {
        let (user, first) = sign_in(&store, "org_acme", n).await;
        for k in 0..20 {
            let place = SignInPlace { at: NOW, id: format!("{n}-{k}") };
            let id =
                if k == 0 { first.id.clone() } else { SessionId::parse(&format!("sess_{n}x{k}")).unwrap() };
            wanted.push(SignIn { user: user.id.clone(), session: id, place });
        }
    }
    let found = store.sessions_of(&organization("org_acme"), &wanted).await.unwrap();
    assert_eq!(wanted.len(), 2400);
    let ids: Vec<String> = found.iter().map(|one| one.session.id.to_string()).collect();
    assert_eq!(ids, (1..=120).map(|n| format!("sess_{n}")).collect::<Vec<_>>());
    assert!(found.iter().all(|one| one.user.id == one.session.user));
}

/// R34, R36: an operator ends all of a person's or a tenant's sessions by one write with its audit item.
#[tokio::test]
async fn an_operator_ends_sessions_by_a_generation() {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    let (ada, one) = sign_in(&store, "org_acme", 1).await;
    let (ben, other) = sign_in(&store, "org_acme", 2).await;
    let verdict = async |user: &domain::User, session: &domain::Session| {
        store.session(&user.organization, &user.id, &session.id).await.unwrap().unwrap().check(None, NOW)
    };
    let event = audit(&ada, "by-operator", AuditAction::UserSessionsEnded);
    assert!(store.end_user_sessions(&ada.organization, &ada.id, &event).await.unwrap());
    assert_eq!(verdict(&ada, &one).await, Err(Ended::UserRevoked));
    assert_eq!(verdict(&ben, &other).await, Ok(()));
    let event = audit(&ada, "by-operator-too", AuditAction::TenantSessionsEnded);
    assert!(store.end_tenant_sessions(&ada.organization, &event).await.unwrap());
    assert_eq!(verdict(&ben, &other).await, Err(Ended::TenantRevoked));

    let before = items(&store).await;
    let event = audit(&ada, "never-written", AuditAction::UserSessionsEnded);
    assert!(!store.end_user_sessions(&organization("org_globex"), &ada.id, &event).await.unwrap());
    assert!(!store.end_tenant_sessions(&organization("org_globex"), &event).await.unwrap());
    assert_eq!(items(&store).await, before, "nothing is made by ending what is not there");
}
