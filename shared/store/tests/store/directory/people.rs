//! People between the directory and the door.

use std::time::Duration;

use domain::audit::AuditAction;
use domain::directory::{DirectoryChange, DirectoryUserState, Known, Outcome, UserRecord};
use domain::entry::{Arrival, Barred, Entry};
use domain::session::Ended;
use domain::{EmailAddress, Profile, ProfileId, Session, Timestamp, User};
use store::{CommitOutcome, Door, LoginCommit, Register, Store, UserWrite};

use super::{acme, apply, at, delete, member, person, upsert, user_of};
use crate::support::{NOW, audit, connection, identity, session, store, tenant, user};

async fn ready() -> Store {
    let store = store().await;
    store.put_tenant(&tenant("org_acme")).await.unwrap();
    store
}

fn ada() -> EmailAddress {
    EmailAddress::parse("ada@acme.com").unwrap()
}

async fn door(store: &Store, idp_id: &str, now: Timestamp) -> Door {
    store.door(&identity("org_acme", "conn_okta", idp_id), &ada(), now).await.unwrap()
}

/// What the rules say of `ada@acme.com` at the door with this idp id.
async fn meant(store: &Store, door: &Door, idp_id: &str) -> Result<Entry, Barred> {
    let record = store.tenant(&acme()).await.unwrap().unwrap();
    let profile = Profile {
        id: ProfileId::parse("prof_1").unwrap(),
        connection: connection("conn_okta"),
        connection_type: "OktaSAML".into(),
        organization: Some(acme()),
        idp_id: idp_id.to_owned(),
        email: ada(),
        first_name: None,
        last_name: None,
        roles: vec![],
    };
    let known = Known {
        idp: door.by_idp_id(),
        email: door.by_email(),
        users: &door.users,
        tenant: &record.tenant,
        gate: door.gate.as_ref().unwrap_or(&record.gate),
    };
    Arrival { profile: &profile, linked: door.linked.as_ref(), granted: None, known }.entry()
}

fn write(entry: Entry, n: u32) -> UserWrite {
    match entry {
        Entry::Known(known) => UserWrite::Update(known),
        Entry::Joins(known, _) => UserWrite::Link(known),
        Entry::Moves(_) => panic!("nobody moved"),
        Entry::New => UserWrite::Create(user("org_acme", &format!("user_login_{n}"))),
    }
}

/// The write of a login that read this at the door.
async fn commit(
    store: &Store,
    door: &Door,
    n: u32,
    idp_id: &str,
    write: UserWrite,
) -> (CommitOutcome, User, Session) {
    let (who, key) = (write.user().clone(), identity("org_acme", "conn_okta", idp_id));
    let session = session(&who, &format!("sess_{n}"));
    let claims = door.claims(&key, &ada(), &who);
    let commit = LoginCommit {
        user: write,
        identity: &key,
        session: &session,
        replaces: None,
        audit: &[],
        register: Register { claims: &claims, forgotten: door.forgotten(), ..Register::default() },
    };
    (store.commit_login(&commit).await.unwrap(), who, session)
}

/// A login as the callback makes it, in as many rounds as it takes.
async fn login_at(store: &Store, n: u32, idp_id: &str, now: Timestamp) -> Option<(User, Session)> {
    for _ in 0..5 {
        let door = door(store, idp_id, now).await;
        let entry = meant(store, &door, idp_id).await.ok()?;
        let (outcome, who, session) = commit(store, &door, n, idp_id, write(entry, n)).await;
        if outcome == CommitOutcome::Committed {
            return Some((who, session));
        }
    }
    panic!("the login kept losing")
}

async fn login(store: &Store, n: u32, idp_id: &str) -> Option<(User, Session)> {
    login_at(store, n, idp_id, NOW).await
}

async fn alive(store: &Store, session: &Session) -> Result<(), Ended> {
    let facts = store.session(&session.organization, &session.user, &session.id).await.unwrap();
    facts.map_or(Err(Ended::Gone), |facts| facts.check(None, NOW))
}

/// A person is one user, whoever comes first.
#[tokio::test]
async fn login_and_provisioning_meet_in_either_order() {
    let first = ready().await;
    let (ada, _) = login(&first, 1, "idp-ada").await.unwrap();
    apply(&first, upsert(person("ada", "ada@acme.com")), 1).await;
    assert_eq!(user_of(&first, "ada").await.id, ada.id);

    let second = ready().await;
    apply(&second, upsert(person("ada", "ada@acme.com")), 1).await;
    let brought = user_of(&second, "ada").await;
    let (ada, _) = login(&second, 1, "idp-ada").await.unwrap();
    assert_eq!(ada.id, brought.id);
    assert!(user_of(&second, "ada").await.has_signed_in());
}

/// At the same instant too: of the two one loses, reads again and joins.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn simultaneous_login_and_provisioning_make_one_user() {
    for (n, idp_id) in (0..6).flat_map(|n| [(n, "idp-ada"), (n + 100, "another")]) {
        let store = ready().await;
        let (one, two) = (store.clone(), store.clone());
        let entering = tokio::spawn(async move { login(&one, n, idp_id).await.unwrap().0.id });
        let hiring = tokio::spawn(async move { apply(&two, upsert(person("ada", "ada@acme.com")), 1).await });
        let (entered, hired) = (entering.await.unwrap(), hiring.await.unwrap());
        assert!(matches!(hired, Outcome::Applied { .. }));
        assert_eq!(user_of(&store, "ada").await.id, entered, "{idp_id}");
    }
}

/// R58: a leaver's sessions end in the write of the event, and the door is shut; a return opens it and revives nothing.
#[tokio::test]
async fn a_leaver_is_out_at_once_and_back_after_a_rehire() {
    let store = ready().await;
    apply(&store, upsert(person("ada", "ada@acme.com")), 1).await;
    let (ada, first) = login(&store, 1, "idp-ada").await.unwrap();
    assert_eq!(alive(&store, &first).await, Ok(()));
    apply(&store, delete(person("ada", "ada@acme.com")), 2).await;
    assert_eq!(alive(&store, &first).await, Err(Ended::UserInactive));
    assert!(login(&store, 2, "idp-ada").await.is_none());

    // R60: under a new directory user id.
    let again = UserRecord { id: member("again"), ..person("ada", "ada@acme.com") };
    apply(&store, upsert(again), 3).await;
    assert_eq!(alive(&store, &first).await, Err(Ended::UserRevoked));
    let (back, session) = login(&store, 3, "idp-ada").await.unwrap();
    assert_eq!((back.id, alive(&store, &session).await), (ada.id, Ok(())));
}

/// R58: a login that is half way when the person is fired gets no session, whether they were known before, were to be
/// joined, or were a stranger.
#[tokio::test]
async fn a_login_half_way_loses_to_the_leavers_event() {
    for (hired, signed_in) in [(true, true), (true, false), (false, false)] {
        let store = ready().await;
        if hired {
            apply(&store, upsert(person("ada", "ada@acme.com")), 1).await;
        }
        if signed_in {
            login(&store, 1, "idp-ada").await.unwrap();
        }
        let read = door(&store, "idp-ada", NOW).await;
        let write = write(meant(&store, &read, "idp-ada").await.unwrap(), 2);
        apply(&store, delete(person("ada", "ada@acme.com")), 2).await;
        let (outcome, _, session) = commit(&store, &read, 2, "idp-ada", write).await;
        assert_ne!(outcome, CommitOutcome::Committed, "{hired} {signed_in}");
        assert_eq!(alive(&store, &session).await, Err(Ended::Gone));
        assert!(login(&store, 9, "idp-ada").await.is_none());
    }
}

/// R58: also somebody whom the directory's record was never joined to: the same address on another account.
#[tokio::test]
async fn a_login_half_way_loses_when_a_namesake_is_fired() {
    let store = ready().await;
    let (namesake, _) = login(&store, 1, "idp-ada").await.unwrap();
    let record = store.tenant(&acme()).await.unwrap().unwrap();
    let mut policy = record.gate.policy.clone();
    policy.link_by_email = Some(false);
    let told = audit(&namesake, "audit-policy", AuditAction::TenantChanged);
    store.change_settings(&record, &record.settings, &policy, &told).await.unwrap();
    let brought = UserRecord { idp_id: Some("idp-two".into()), ..person("two", "ada@acme.com") };
    apply(&store, upsert(brought.clone()), 1).await;
    assert_ne!(user_of(&store, "two").await.id, namesake.id);

    let read = door(&store, "idp-ada", NOW).await;
    let write = write(meant(&store, &read, "idp-ada").await.unwrap(), 2);
    apply(&store, delete(brought), 2).await;
    let (outcome, _, session) = commit(&store, &read, 2, "idp-ada", write).await;
    assert_eq!(outcome, CommitOutcome::UserChanged);
    assert_eq!(alive(&store, &session).await, Err(Ended::Gone));
    assert!(login(&store, 3, "idp-ada").await.is_none());
}

/// R60: a leaver who has been forgotten stays out while the claims last; then the identity is free again.
#[tokio::test]
async fn a_forgotten_leaver_is_a_stranger_only_after_the_claims() {
    let store = ready().await;
    apply(&store, upsert(person("ada", "ada@acme.com")), 1).await;
    let (ada, _) = login(&store, 1, "idp-ada").await.unwrap();
    apply(&store, delete(person("ada", "ada@acme.com")), 2).await;
    let day = Duration::from_secs(24 * 3600);
    assert!(login_at(&store, 2, "idp-ada", NOW.plus(day * 91)).await.is_none());
    let later = NOW.plus(day * 2000);
    let (other, _) = login_at(&store, 3, "idp-ada", later).await.unwrap();
    assert_ne!(other.id, ada.id);
    assert_eq!(door(&store, "idp-ada", later).await.linked, Some(other.id));
}

/// R58: the end of a directory is one write, which strict checks and the door see at once.
#[tokio::test]
async fn a_deleted_directory_signs_its_people_out() {
    let store = ready().await;
    apply(&store, upsert(person("ada", "ada@acme.com")), 1).await;
    let (ada, first) = login(&store, 1, "idp-ada").await.unwrap();
    assert_eq!(apply(&store, DirectoryChange::DirectoryDeleted, 2).await, Outcome::Applied { version: 1 });
    assert_eq!(alive(&store, &first).await, Err(Ended::UserInactive));
    let untouched = store.user(&acme(), &ada.id).await.unwrap().unwrap();
    assert_eq!(untouched.generation, ada.generation);
    let gate = store.tenant(&acme()).await.unwrap().unwrap().gate;
    assert!(!untouched.active_in(&gate));
}

/// A deactivated person's item carries the table's TTL attribute; an active one's does not.
#[tokio::test]
async fn only_deactivated_people_have_an_end() {
    let store = ready().await;
    apply(&store, upsert(person("ada", "ada@acme.com")), 1).await;
    assert_eq!(user_of(&store, "ada").await.expires_at, None);
    let suspended = UserRecord { state: DirectoryUserState::Suspended, ..person("ada", "ada@acme.com") };
    apply(&store, upsert(suspended), 2).await;
    let left = user_of(&store, "ada").await;
    assert_eq!(left.expires_at, Some(at(2).plus(Duration::from_secs(90 * 24 * 3600))));
    apply(&store, upsert(person("ada", "ada@acme.com")), 3).await;
    assert_eq!(user_of(&store, "ada").await.expires_at, None);
}
