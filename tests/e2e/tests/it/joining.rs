//! A login and a directory meet: one person is one user, and whom a directory lets go is out at once.
//!
//! What the directory says goes through the projection that every source of changes goes through.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::directory::{
    ChangeStamp, DirectoryChange, DirectorySource, DirectoryUserState, NoticeKind, Origin, Outcome,
    Retention, UserRecord,
};
use domain::{DirectoryId, DirectoryUserId, EventId, OrganizationId, Timestamp};
use e2e::{Answer, Browser, Item, SESSION, Stack, at};
use serde_json::{Value, json};
use store::{Applier, OUTBOX_SHARDS};

/// Acme's directory, as far as events tell of it.
pub(crate) struct Directory {
    applier: Applier,
    began: Timestamp,
    events: AtomicU32,
}

impl Directory {
    pub(crate) fn of(stack: &Stack) -> Self {
        Self {
            applier: Applier::new(stack.running.store.clone(), Retention::default()),
            began: stack.clock.now(),
            events: AtomicU32::new(0),
        }
    }

    /// The next event, one second after the one before.
    pub(crate) async fn says(&self, change: DirectoryChange) -> Outcome {
        let n = self.events.fetch_add(1, Ordering::SeqCst) + 1;
        let origin = Origin {
            directory: DirectoryId::parse("directory_acme").unwrap(),
            organization: Some(OrganizationId::parse("org_01SANDBOXACME").unwrap()),
            source: DirectorySource::Dsync,
        };
        let at = self.began.plus(Duration::from_secs(n.into()));
        let stamp = ChangeStamp::Clocked { at, event: EventId::parse(&format!("event_{n:04}")).unwrap() };
        self.applier.apply(&origin, &change, &stamp, self.began).await.unwrap().outcome
    }

    pub(crate) async fn hires(&self, id: &str, email: &str) {
        let hired = self.says(DirectoryChange::UpsertUser(record(id, email))).await;
        assert!(matches!(hired, Outcome::Applied { .. }), "{hired:?}");
    }

    pub(crate) async fn fires(&self, id: &str, email: &str) {
        let record = record(id, email);
        let gone = DirectoryChange::DeleteUser { user: record.id.clone(), record: Some(record) };
        let fired = self.says(gone).await;
        assert!(matches!(fired, Outcome::Applied { .. }), "{fired:?}");
    }
}

/// Known to the directory by an id that the IdP does not send, so that only the address joins.
fn record(id: &str, email: &str) -> UserRecord {
    UserRecord {
        id: DirectoryUserId::parse(&format!("directory_user_{id}")).unwrap(),
        idp_id: Some(format!("directory-{id}")),
        email: UserRecord::address(email),
        first_name: Some("Ada".into()),
        last_name: Some("Okafor".into()),
        state: DirectoryUserState::Active,
        custom: BTreeMap::from([("dept".to_owned(), "Platform c4n4ry".to_owned())]),
    }
}

async fn who(browser: &Browser) -> Value {
    browser.session().await.json()["user"]["id"].clone()
}

/// Users of ours, without the directory's records of them.
async fn users(stack: &Stack) -> Vec<Item> {
    let all = stack.users().await.into_iter();
    all.filter(|user| user.text("pk").contains("#U#user_")).collect()
}

async fn callback(browser: &Browser) -> String {
    let departure = browser.depart(at::OKTA).await;
    browser.at_idp(&departure, "ada@acme.com").await.to_string()
}

fn assert_out(page: &Answer) {
    assert_eq!((page.status, page.code().as_str()), (403, "user_deactivated"), "{}", page.body);
    assert!(page.is_page() && page.cookie(SESSION).is_none());
}

/// R60: a provisioned person who never was here signs in as the user that the directory made.
#[tokio::test]
async fn a_provisioned_person_signs_in_as_themselves() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let directory = Directory::of(&stack);
    directory.hires("ada", "ada@acme.com").await;
    let [_, _] = <[_; 2]>::try_from(users(&stack).await).unwrap();
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(users(&stack).await.len(), 2);
    let user = users(&stack).await.into_iter().find(|user| user.text("email") == "ada@acme.com").unwrap();
    assert_eq!(who(&browser).await, user.text("id"));
    let linked: Vec<_> =
        stack.audit().await.into_iter().filter(|one| one.text("action") == "user.linked_by_email").collect();
    assert_eq!((linked.len(), linked[0].text("actor")), (1, user.text("id")));
    // From now on the identity leads to them, whatever becomes of the address.
    stack.sandbox().person(json!({"email": "ada@acme.com", "new_email": "ada.l@acme.com"})).await;
    let elsewhere = stack.browser();
    elsewhere.signed_in(at::OKTA, "ada.l@acme.com").await;
    assert_eq!(who(&elsewhere).await, user.text("id"));
    // R46: a directory's word about the address of its person stands.
    assert_eq!(elsewhere.session().await.json()["user"]["email"], "ada@acme.com");
}

/// R42, R60: somebody who was here first is the one whom the directory's record joins.
#[tokio::test]
async fn a_person_who_was_here_first_is_not_doubled() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let before = who(&browser).await;
    Directory::of(&stack).hires("ada", "ada@acme.com").await;
    assert_eq!(users(&stack).await.len(), 1);
    assert_eq!(who(&browser).await, before);
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(users(&stack).await.len(), 1);
}

/// R54: the directory brings the person between the login's read and its write: the login loses, reads again and joins.
#[tokio::test]
async fn brought_between_read_and_write() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let (proxy, directory) = (stack.proxy().await, Directory::of(&stack));
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = deployment.visited_by(&stack.browser());
    let url = callback(&browser).await;
    let mut held = proxy.hold("TransactWriteItems");
    let hire = async {
        held.arrived().await;
        directory.hires("ada", "ada@acme.com").await;
        held.let_go();
    };
    let (answer, ()) = tokio::join!(browser.get(&url), hire);
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(users(&stack).await.len(), 2, "Ben, and one Ada");
}

/// R58, R60: a leaver is out at the next look, with a plain reason; rehired under another directory user id they are back as
/// the same user, and what was ended stays ended.
#[tokio::test]
async fn a_leaver_is_out_and_a_rehired_person_is_back() {
    let stack = Stack::start().await;
    let directory = Directory::of(&stack);
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    directory.hires("ada", "ada@acme.com").await;
    let before = who(&browser).await;

    directory.fires("ada", "ada@acme.com").await;
    let answer = browser.session().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "user_inactive"));
    assert_eq!(browser.get("/dashboard").await.status, 401);
    let sessions = stack.sessions().await;
    assert_out(&stack.browser().sign_in(at::OKTA, "ada@acme.com").await);
    // Behind another connection they are a leaver too, and no new account is made.
    assert_out(&stack.browser().sign_in(at::ENTRA, "ada@acme.com").await);
    assert_eq!((stack.sessions().await, users(&stack).await.len()), (sessions, 1));

    directory.hires("ada_again", "ada@acme.com").await;
    let back = stack.browser();
    back.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(who(&back).await, before);
    assert_eq!(browser.session().await.status, 401, "a return revives no session");
}

/// R58: fired while signing in. Whether known, about to be joined, or a stranger, there is no session afterwards.
#[tokio::test]
async fn fired_between_read_and_write() {
    for (hired, known) in [(true, true), (true, false), (false, false)] {
        let stack = Stack::start().await;
        stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
        let (proxy, directory) = (stack.proxy().await, Directory::of(&stack));
        if hired {
            directory.hires("ada", "ada@acme.com").await;
        }
        if known {
            stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
        }
        let before = stack.sessions().await;
        let deployment = stack.behind(&proxy, &[]).await;
        let browser = deployment.visited_by(&stack.browser());
        let url = callback(&browser).await;
        let mut held = proxy.hold("TransactWriteItems");
        let fire = async {
            held.arrived().await;
            directory.fires("ada", "ada@acme.com").await;
            held.let_go();
        };
        let (page, ()) = tokio::join!(browser.get(&url), fire);
        assert_out(&page);
        assert_eq!(stack.sessions().await, before, "{hired} {known}");
        let signed_in = stack.audit().await.into_iter();
        let signed_in = signed_in.filter(|event| event.text("action") == "user.signed_in").count();
        assert_eq!(signed_in, before.len(), "what did not happen is in no log");
    }
}

/// R58: between the exchange and the reading of the user, too.
#[tokio::test]
async fn fired_during_the_exchange() {
    let stack = Stack::start().await;
    let directory = Directory::of(&stack);
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    directory.hires("ada", "ada@acme.com").await;
    let browser = stack.browser();
    let url = callback(&browser).await;
    stack.sandbox().forget().await;
    stack.sandbox().fault(json!({"path": "/sso/token", "kind": "delay", "delay_ms": 300, "count": 1})).await;
    let fire = async {
        while stack.sandbox().calls("/sso/token").await == 0 {
            tokio::task::yield_now().await;
        }
        directory.fires("ada", "ada@acme.com").await;
    };
    let (page, ()) = tokio::join!(browser.get(&url), fire);
    assert_out(&page);
    assert_eq!(stack.sessions().await.len(), 1);
}

/// R58: the directory's end is one state that the door reads with the user: it is seen even while a login is half way.
#[tokio::test]
async fn the_directory_ends_during_the_exchange() {
    let stack = Stack::start().await;
    let directory = Directory::of(&stack);
    let elsewhere = stack.browser();
    elsewhere.signed_in(at::OKTA, "ada@acme.com").await;
    directory.hires("ada", "ada@acme.com").await;
    let browser = stack.browser();
    let url = callback(&browser).await;
    stack.sandbox().forget().await;
    stack.sandbox().fault(json!({"path": "/sso/token", "kind": "delay", "delay_ms": 300, "count": 1})).await;
    let end = async {
        while stack.sandbox().calls("/sso/token").await == 0 {
            tokio::task::yield_now().await;
        }
        directory.says(DirectoryChange::DirectoryDeleted).await;
    };
    let (page, ()) = tokio::join!(browser.get(&url), end);
    assert_out(&page);
    assert_eq!(elsewhere.session().await.code(), "user_inactive");
    assert_eq!(stack.sessions().await.len(), 1);
}

/// R58: ... and in the last moment, when the gate has been read and the session is being written. The write is not held
/// against the gate, which all logins of a company share: one would cancel the other. So a session is written that nobody
/// honours: every look at it is refused, and the token is neither renewed nor longer than any that was made just before.
#[tokio::test]
async fn the_directory_ends_between_read_and_write() {
    let stack = Stack::start().await;
    let directory = Directory::of(&stack);
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    directory.hires("ada", "ada@acme.com").await;
    let proxy = stack.proxy().await;
    let deployment = stack.behind(&proxy, &[]).await;
    let browser = stack.browser();
    let slow = deployment.visited_by(&browser);
    let url = callback(&slow).await;
    let mut held = proxy.hold("TransactWriteItems");
    let end = async {
        held.arrived().await;
        directory.says(DirectoryChange::DirectoryDeleted).await;
        held.let_go();
    };
    let (answer, ()) = tokio::join!(slow.get(&url), end);
    assert_eq!(answer.status, 303, "{}", answer.body);
    let token = answer.cookie(SESSION).unwrap().value;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let ended = stack.clock.now().seconds();
    assert_eq!(
        claims["exp"].as_i64().unwrap() - ended,
        300,
        "whoever trusts the signature alone: TOKEN_SECONDS"
    );
    // The authorizer, strict.
    let page = browser.get("/dashboard").await;
    assert_eq!(page.status, 401);
    assert!(page.body.contains("Your company has closed your account"), "{}", page.body);
    let refused = browser.session().await;
    assert_eq!((refused.status, refused.code().as_str()), (401, "user_inactive"));
    assert!(browser.session_token().is_none(), "and no new token");
    assert_out(&stack.browser().sign_in(at::OKTA, "ada@acme.com").await);
}

/// R58: a directory's inactive person whom nobody has joined yet is refused, and no account is made for them.
#[tokio::test]
async fn an_inactive_stranger_is_refused() {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let directory = Directory::of(&stack);
    let suspended = UserRecord { state: DirectoryUserState::Suspended, ..record("ada", "ada@acme.com") };
    directory.says(DirectoryChange::UpsertUser(suspended)).await;
    let count = users(&stack).await.len();
    assert_out(&stack.browser().sign_in(at::OKTA, "ada@acme.com").await);
    assert_eq!((users(&stack).await.len(), stack.sessions().await.len()), (count, 1));
    directory.hires("ada", "ada@acme.com").await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(users(&stack).await.len(), count);
}

/// What the tenant's map keeps of a directory's attributes is told to the app, and is in no token.
#[tokio::test]
async fn attributes_are_told_and_not_in_the_token() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(browser.session().await.json()["user"]["attributes"], json!({}));
    stack.set_policy(json!({ "attributes": { "department": "dept" } })).await;
    Directory::of(&stack).hires("ada", "ada@acme.com").await;
    let told = browser.session().await;
    assert_eq!(told.json()["user"]["attributes"], json!({"department": "Platform c4n4ry"}));
    let token = told.cookie(SESSION).unwrap().value;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    assert!(!String::from_utf8(claims).unwrap().contains("c4n4ry"));
}

/// The app hears of whom a login registered and of what it changed, in the order of the user's own numbers; never twice, and
/// never of nothing.
#[tokio::test]
async fn the_app_hears_of_what_a_login_writes() {
    let stack = Stack::start().await;
    let notices = || async {
        let mut all = Vec::new();
        for part in 0..OUTBOX_SHARDS {
            all.extend(stack.running.store.owed_notices(part, stack.clock.now(), 100).await.unwrap());
        }
        all.sort_by_key(|notice| notice.order);
        all.into_iter().map(|notice| (notice.kind, notice.order, notice.subject)).collect::<Vec<_>>()
    };
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let ada = who(&browser).await.as_str().unwrap().to_owned();
    assert_eq!(notices().await, [(NoticeKind::UserCreated, 1, ada.clone())]);
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(notices().await.len(), 1);
    stack.sandbox().person(json!({"email": "ada@acme.com", "last_name": "Okafor-Byron"})).await;
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let updated = (NoticeKind::UserUpdated, 2, ada.clone());
    assert_eq!(notices().await, [(NoticeKind::UserCreated, 1, ada.clone()), updated.clone()]);
    // The directory's own notices go on from there.
    Directory::of(&stack).fires("ada", "ada@acme.com").await;
    let all = notices().await;
    assert_eq!(all[2..], [(NoticeKind::UserDeactivated, 3, ada)], "{all:?}");
}

/// Directories, moves and traces are looked up and written in the calls that a login makes anyway.
#[tokio::test]
async fn a_login_makes_six_calls() {
    let stack = Stack::start().await;
    let (proxy, directory) = (stack.proxy().await, Directory::of(&stack));
    let deployment = stack.behind(&proxy, &[]).await;
    deployment.visited_by(&stack.browser()).signed_in(at::WAYFARER, "ines@wayfarer.example").await;
    directory.hires("ada", "ada@acme.com").await;
    let browser = deployment.visited_by(&stack.browser());
    let departure = browser.depart(at::WAYFARER).await;
    let url = browser.at_idp(&departure, "ines@wayfarer.example").await;
    proxy.forget();
    assert_eq!(browser.get(url.as_str()).await.status, 303);
    let calls = [("BatchGetItem", 3), ("DeleteItem", 1), ("TransactWriteItems", 1), ("UpdateItem", 1)];
    assert_eq!(proxy.calls(), calls.map(|(name, count)| (name.to_owned(), count)).into());
}
