//! `vestibule sessions`: an operator sees who is signed in and ends it. What the command does is called here; what is
//! asked about it is the product: the strict authorizer, and the session endpoint.

use std::collections::BTreeMap;
use std::time::Duration;

use authorizer::{Decision, Event};
use domain::{EmailAddress, OrganizationId, Rng, UserId};
use e2e::{Browser, Deployment, SESSION, Stack, at};
use vestibule::sessions::{Place, Sessions, SessionsError};

const DAY: Duration = Duration::from_secs(86_400);
const ADA: &str = "ada@acme.com";
const BEN: &str = "ben.fischer@acme.com";

fn operator(stack: &Stack) -> Sessions {
    Sessions {
        store: stack.running.store.clone(),
        clock: stack.clock.clone(),
        rng: Rng::system(),
        operator: "oscar".to_owned(),
        longest: DAY,
    }
}

fn organization(id: &str) -> OrganizationId {
    OrganizationId::parse(id).unwrap()
}

fn acme() -> OrganizationId {
    organization("org_01SANDBOXACME")
}

fn globex() -> OrganizationId {
    organization("org_01SANDBOXGLOBEX")
}

/// A browser in which somebody is signed in, a second after whoever came before.
async fn signed_in(stack: &Stack, selector: &str, email: &str) -> Browser {
    stack.advance(1);
    let browser = stack.browser();
    browser.signed_in(selector, email).await;
    browser
}

async fn user_of(browser: &Browser) -> UserId {
    UserId::parse(browser.session().await.json()["user"]["id"].as_str().unwrap()).unwrap()
}

/// What the authorizer says of the cookie that the browser holds now, without asking for a fresh one.
async fn verdict(deployment: &Deployment, browser: &Browser) -> &'static str {
    let cookie = format!("{SESSION}={}", browser.session_token().unwrap());
    match authorizer::authorize(&deployment.authorizer, &Event::new(BTreeMap::new(), vec![cookie])).await {
        Decision(Ok(_)) => "allowed",
        Decision(Err(denial)) => denial.code(),
    }
}

fn emails(sessions: &[store::SessionAndUser]) -> Vec<String> {
    sessions.iter().map(|one| one.user.address()).collect()
}

/// R36: the sessions of a customer, newest first, in pages that neither repeat nor skip; the dead are not among them.
#[tokio::test]
async fn the_sessions_of_a_customer_are_listed_in_pages() {
    let stack = Stack::start().await;
    let operator = operator(&stack);
    signed_in(&stack, at::OKTA, ADA).await;
    let left = signed_in(&stack, at::OKTA, "mei.lin@acme.com").await;
    signed_in(&stack, at::OKTA, BEN).await;
    signed_in(&stack, at::OKTA, ADA).await;
    left.post_form("/auth/logout", &[]).await;

    let whole = operator.of_tenant(&acme(), None, None).await.unwrap();
    assert_eq!((emails(&whole.sessions), whole.next), (vec![ADA.into(), BEN.into(), ADA.into()], None));

    let mut paged = Vec::new();
    let mut after = None;
    for _ in 0..3 {
        let page = operator.of_tenant(&acme(), after, Some(1)).await.unwrap();
        assert_eq!(page.sessions.len(), 1);
        paged.extend(page.sessions.into_iter().map(|one| one.session.id));
        after = page.next.and_then(|place| place.after);
    }
    let ids: Vec<_> = whole.sessions.iter().map(|one| one.session.id.clone()).collect();
    assert_eq!(paged, ids);

    stack.advance(28_800);
    assert!(operator.of_tenant(&acme(), None, None).await.unwrap().sessions.is_empty(), "idle sessions");
    let unknown = operator.of_tenant(&organization("org_nobody"), None, None).await;
    assert!(matches!(unknown, Err(SessionsError::NoTenant(_))));
}

/// R36: the list of everybody goes from tenant to tenant, and its places are text.
#[tokio::test]
async fn everybody_is_listed_tenant_by_tenant() {
    let stack = Stack::start().await;
    let operator = operator(&stack);
    for (selector, email) in [(at::OKTA, ADA), (at::GLOBEX, "hank@globex.com"), (at::OKTA, BEN)] {
        signed_in(&stack, selector, email).await;
    }
    let whole = operator.of_everybody(None, None).await.unwrap();
    assert_eq!(whole.next, None);
    assert_eq!(emails(&whole.sessions), [BEN, ADA, "hank@globex.com"]);
    for limit in 1..=4 {
        let (mut paged, mut after) = (Vec::new(), None);
        loop {
            let page = operator.of_everybody(after, Some(limit)).await.unwrap();
            assert!(page.sessions.len() <= usize::from(limit));
            paged.extend(emails(&page.sessions));
            let Some(next) = page.next else { break };
            after = Some(next.to_string().parse::<Place>().unwrap());
        }
        assert_eq!(paged, emails(&whole.sessions), "pages of {limit}");
    }
}

/// R35, R36: a person whose sessions were ended is refused at the very next strict check; nobody else is.
#[tokio::test]
async fn ending_a_persons_sessions_counts_at_the_next_request() {
    let stack = Stack::start().await;
    let operator = operator(&stack);
    let (ada, elsewhere) = (signed_in(&stack, at::OKTA, ADA).await, signed_in(&stack, at::OKTA, ADA).await);
    let ben = signed_in(&stack, at::OKTA, BEN).await;
    let strict = stack.deployed(&[]).await;
    let user = user_of(&ada).await;
    for browser in [&ada, &elsewhere, &ben] {
        assert_eq!(verdict(&strict, browser).await, "allowed");
    }
    assert_eq!(operator.of_user(&acme(), &user).await.unwrap().len(), 2);
    assert_eq!(operator.organization_of(&user).await.unwrap(), acme());

    operator.end_user(&acme(), &user).await.unwrap();
    assert_eq!(verdict(&strict, &ada).await, "user_revoked");
    assert_eq!(verdict(&strict, &elsewhere).await, "user_revoked");
    assert_eq!(verdict(&strict, &ben).await, "allowed");
    assert_eq!(ada.session().await.code(), "user_revoked");
    assert_eq!(emails(&operator.of_tenant(&acme(), None, None).await.unwrap().sessions), [BEN]);

    let again = signed_in(&stack, at::OKTA, ADA).await;
    assert_eq!(verdict(&strict, &again).await, "allowed");
    let audit = stack.audit().await;
    let told: Vec<_> = audit.iter().filter(|event| event.text("action") == "user.sessions_ended").collect();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].text("actor"), "operator:oscar");
}

/// R36, R47: an address means accounts of the named tenant only, whatever its capitals; ids mean nothing elsewhere.
#[tokio::test]
async fn an_address_or_id_reaches_only_the_named_tenant() {
    let stack = Stack::start().await;
    let operator = operator(&stack);
    let ada = signed_in(&stack, at::OKTA, ADA).await;
    let user = user_of(&ada).await;
    let address = EmailAddress::parse("Ada@ACME.com").unwrap();
    let found = operator.accounts(&acme(), &address).await.unwrap();
    assert_eq!(found.iter().map(|account| &account.id).collect::<Vec<_>>(), [&user]);
    signed_in(&stack, at::GLOBEX, "hank@globex.com").await;
    assert!(operator.accounts(&globex(), &address).await.unwrap().is_empty());
    assert!(matches!(operator.end_user(&globex(), &user).await, Err(SessionsError::NoUser(_))));
    assert!(matches!(operator.of_user(&globex(), &user).await, Err(SessionsError::NoUser(_))));
    let stranger = UserId::parse("user_01STRANGER").unwrap();
    assert!(matches!(operator.organization_of(&stranger).await, Err(SessionsError::NoUser(_))));
    assert_eq!(ada.session().await.status, 200);
}

/// R36: one session of several.
#[tokio::test]
async fn one_session_is_ended_and_the_others_stay() {
    let stack = Stack::start().await;
    let operator = operator(&stack);
    let (ada, elsewhere) = (signed_in(&stack, at::OKTA, ADA).await, signed_in(&stack, at::OKTA, ADA).await);
    let strict = stack.deployed(&[]).await;
    let user = user_of(&ada).await;
    let newest = operator.of_user(&acme(), &user).await.unwrap().remove(0).session.id;
    operator.end_one(&acme(), &user, &newest).await.unwrap();
    assert_eq!(verdict(&strict, &elsewhere).await, "session_gone");
    assert_eq!(verdict(&strict, &ada).await, "allowed");
    let again = operator.end_one(&acme(), &user, &newest).await;
    assert!(matches!(again, Err(SessionsError::NoSession(_))));
}

/// R36: all of a customer's people at once, and nobody of another.
#[tokio::test]
async fn ending_a_customers_sessions_leaves_the_others_alone() {
    let stack = Stack::start().await;
    let operator = operator(&stack);
    let (ada, ben) = (signed_in(&stack, at::OKTA, ADA).await, signed_in(&stack, at::OKTA, BEN).await);
    let hank = signed_in(&stack, at::GLOBEX, "hank@globex.com").await;
    let strict = stack.deployed(&[]).await;
    operator.end_tenant(&acme()).await.unwrap();
    for browser in [&ada, &ben] {
        assert_eq!(verdict(&strict, browser).await, "tenant_revoked");
        assert_eq!(browser.session().await.code(), "tenant_revoked");
    }
    assert_eq!(verdict(&strict, &hank).await, "allowed");
    assert_eq!(signed_in(&stack, at::OKTA, ADA).await.session().await.status, 200);
    let unknown = operator.end_tenant(&organization("org_nobody")).await;
    assert!(matches!(unknown, Err(SessionsError::NoTenant(_))));
    let told =
        stack.audit().await.iter().filter(|event| event.text("action") == "tenant.sessions_ended").count();
    assert_eq!(told, 1);
}

/// R34, R36: everybody at once, with the keys they were signed with: at the next strict check, by signature once the
/// keys are read again. Whoever signs in afterwards is in.
#[tokio::test]
async fn ending_everybodys_sessions_keeps_the_keys() {
    let stack = Stack::start().await;
    let operator = operator(&stack);
    let people =
        [signed_in(&stack, at::OKTA, ADA).await, signed_in(&stack, at::GLOBEX, "hank@globex.com").await];
    let strict = stack.deployed(&[]).await;
    let by_signature = stack.deployed(&[("AUTHORIZER_MODE", "signature")]).await;
    for browser in &people {
        assert_eq!(verdict(&strict, browser).await, "allowed");
        assert_eq!(verdict(&by_signature, browser).await, "allowed");
    }
    let keys = stack.running.store.public_keys().await.unwrap().unwrap().keys;
    stack.advance(1);
    let done = operator.end_everybody(&mut |_| {}).await.unwrap();
    assert_eq!((done.not_before, done.tenants), (stack.clock.now(), 2));
    for browser in &people {
        assert_eq!(verdict(&strict, browser).await, "tenant_revoked", "no cache was waited for");
        assert_eq!(verdict(&by_signature, browser).await, "allowed", "the keys were read a moment ago");
    }
    stack.advance(30);
    for browser in &people {
        assert_eq!(verdict(&by_signature, browser).await, "environment_revoked");
        assert_eq!(browser.session().await.status, 401);
    }
    let after = stack.running.store.public_keys().await.unwrap().unwrap();
    assert_eq!(after.keys, keys);
    let back = signed_in(&stack, at::OKTA, ADA).await;
    assert_eq!(verdict(&strict, &back).await, "allowed");
    assert_eq!(emails(&operator.of_everybody(None, None).await.unwrap().sessions), [ADA]);
}
