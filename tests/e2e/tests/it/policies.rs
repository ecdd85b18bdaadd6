//! What a tenant decides for itself about its logins: it holds at the callback, for that tenant and for no other.

use std::time::Duration;

use domain::tenant::{IdpInitiated, TenantPolicy, UnverifiedDomainPolicy};
use domain::tenant_settings::ConnectionSettings;
use domain::{ConnectionId, Domain, EmailAddress, OrganizationId, TenantSettings, UserId};
use e2e::{Answer, Browser, Item, SESSION, Stack, at};
use serde_json::{Value, json};
use store::{MoveGrant, Moved, SettingsOutcome};

use crate::joining::Directory;

const ACME: &str = "org_01SANDBOXACME";

fn acme() -> OrganizationId {
    OrganizationId::parse(ACME).unwrap()
}

fn connection(id: &str) -> ConnectionId {
    ConnectionId::parse(id).unwrap()
}

/// Changes what the tenant decided, as an operator does.
async fn decide(stack: &Stack, change: impl FnOnce(&mut TenantPolicy, &mut TenantSettings)) {
    let record = stack.running.store.tenant(&acme()).await.unwrap().unwrap();
    let (mut policy, mut settings) = (record.gate.policy.clone(), record.settings.clone());
    change(&mut policy, &mut settings);
    let now = stack.clock.now();
    let event = domain::audit::AuditEvent {
        id: domain::Rng::system().ulid(now).unwrap(),
        organization: acme(),
        action: domain::audit::AuditAction::TenantChanged,
        actor: UserId::parse("user_operator").unwrap().into(),
        session: None,
        context: domain::audit::AuditContext {
            location: "test".into(),
            user_agent: String::new(),
            request_id: String::new(),
        },
        details: Default::default(),
        occurred_at: now,
    };
    let outcome = stack.running.store.change_settings(&record, &settings, &policy, &event).await.unwrap();
    assert_eq!(outcome, SettingsOutcome::Saved);
}

/// A stack in which both companies have been met.
async fn met() -> Stack {
    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    stack.browser().signed_in(at::GLOBEX, "hank@globex.com").await;
    stack
}

/// The callback of somebody who left for the IdP before the tenant decided anything.
struct Traveller(Browser, url::Url);

impl Traveller {
    async fn sent(stack: &Stack, selector: &str, email: &str) -> Self {
        let browser = stack.browser();
        let departure = browser.depart(selector).await;
        let callback = browser.at_idp(&departure, email).await;
        Self(browser, callback)
    }

    async fn arrives(&self) -> Answer {
        self.0.get(self.1.as_str()).await
    }
}

fn assert_refused(page: &Answer, code: &str) {
    assert_eq!((page.status, page.code().as_str()), (403, code), "{}", page.body);
    assert!(page.is_page() && page.cookie(SESSION).is_none());
}

async fn user(browser: &Browser) -> Value {
    browser.session().await.json()["user"].clone()
}

async fn people(stack: &Stack) -> Vec<Item> {
    let all = stack.users().await.into_iter();
    all.filter(|user| user.text("pk").contains("#U#user_")).collect()
}

/// Without accounts on the spot a stranger is told to be provisioned first; whoever is known comes in, also when only a
/// directory knows them.
#[tokio::test]
async fn strangers_stay_out_where_people_are_provisioned() {
    let stack = met().await;
    decide(&stack, |policy, _| policy.just_in_time_users = Some(false)).await;
    let page = stack.browser().sign_in(at::OKTA, "ada@acme.com").await;
    assert_refused(&page, "not_provisioned");
    assert_eq!((people(&stack).await.len(), stack.links().await.len()), (2, 2));
    stack.browser().signed_in(at::OKTA, "ben.fischer@acme.com").await;
    stack.browser().signed_in(at::GLOBEX, "front.desk@globex.com").await;
    Directory::of(&stack).hires("ada", "ada@acme.com").await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
}

/// R42, R43: one tenant lets unverified addresses in; the others go on as before.
#[tokio::test]
async fn unverified_addresses_are_the_tenants_to_admit() {
    let stack = met().await;
    decide(&stack, |policy, _| policy.unverified_domains = Some(UnverifiedDomainPolicy::Allow)).await;
    stack.browser().signed_in(at::OKTA, "casey@contractor.example").await;
    let page = stack.browser().sign_in(at::GLOBEX, "casey@contractor.example").await;
    assert_refused(&page, "email_domain_not_allowed");
    decide(&stack, |policy, _| policy.unverified_domains = Some(UnverifiedDomainPolicy::Refuse)).await;
    assert_refused(
        &stack.browser().sign_in(at::OKTA, "casey@contractor.example").await,
        "email_domain_not_allowed",
    );
}

/// R06: a tile in the portal starts a login where the tenant wants that, and nowhere else.
#[tokio::test]
async fn tiles_are_the_tenants_to_allow() {
    let stack = met().await;
    decide(&stack, |policy, _| policy.idp_initiated = Some(IdpInitiated::Restart)).await;
    let click = |connection: &'static str| {
        let (stack, browser) = (&stack, stack.browser());
        async move {
            let query = format!("error=idp_initiated_sso_disabled&connection_id={connection}");
            let answer = browser.get(format!("/auth/callback?{query}")).await;
            (answer.status, stack.sandbox().calls("/sso/token").await)
        }
    };
    stack.sandbox().forget().await;
    assert_eq!(click("conn_01SANDBOXACMEOKTA").await, (303, 0));
    assert_eq!(click("conn_01SANDBOXGLOBEXGOOGLE").await, (400, 0));
}

/// R28: a tenant's own idle and absolute lifetimes; never beyond what the environment keeps its keys for, and never so short
/// that an active person is idle.
#[tokio::test]
async fn lifetimes_are_the_tenants_to_shorten() {
    let stack = met().await;
    decide(&stack, |policy, _| {
        (policy.session_idle_seconds, policy.session_absolute_seconds) = (Some(1200), Some(4000));
    })
    .await;
    let (acme, globex, idle) = (stack.browser(), stack.browser(), stack.browser());
    acme.hoard();
    acme.signed_in(at::OKTA, "ada@acme.com").await;
    idle.signed_in(at::OKTA, "ada@acme.com").await;
    globex.signed_in(at::GLOBEX, "hank@globex.com").await;
    stack.advance(1199);
    assert_eq!(acme.session().await.status, 200);
    stack.advance(1);
    assert_eq!(idle.session().await.code(), "session_idle");
    assert_eq!(globex.session().await.status, 200);
    for _ in 0..2 {
        stack.advance(1190);
        assert_eq!(acme.session().await.status, 200);
    }
    stack.advance(420);
    assert_eq!(acme.session().await.code(), "session_expired");
    assert_eq!(globex.session().await.status, 200);

    decide(&stack, |policy, _| {
        (policy.session_idle_seconds, policy.session_absolute_seconds) = (Some(1), Some(1_000_000));
    })
    .await;
    let browser = stack.browser();
    let now = stack.clock.now();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let session = browser.session().await.json()["session"].clone();
    assert_eq!(session["expires_at"], now.plus(Duration::from_secs(86_400)).rfc3339());
    assert_eq!(session["idle_expires_at"], now.plus(Duration::from_secs(900)).rfc3339());
}

/// R42: a public provider that the tenant does not admit vouches for nobody there, also for somebody who is on the way.
#[tokio::test]
async fn providers_are_the_tenants_to_admit() {
    let stack = met().await;
    let ada = Traveller::sent(&stack, at::ACME_BY_GOOGLE, "ada@acme.com").await;
    decide(&stack, |policy, _| policy.providers = Some(vec![])).await;
    assert_refused(&ada.arrives().await, "provider_not_allowed");
}

/// A connection that the tenant keeps for some domains lets nobody else in.
#[tokio::test]
async fn a_connection_is_for_its_own_domains() {
    let stack = met().await;
    let ada = Traveller::sent(&stack, at::OKTA, "ada@acme.com").await;
    let elsewhere = Traveller::sent(&stack, at::ENTRA, "ada@acme.com").await;
    decide(&stack, |_, settings| {
        let domains = vec![Domain::parse("labs.acme.com").unwrap()];
        let own = ConnectionSettings { label: None, domains };
        settings.connections.insert(connection("conn_01SANDBOXACMEOKTA"), own);
    })
    .await;
    assert_refused(&ada.arrives().await, "email_domain_not_allowed");
    assert_eq!(elsewhere.arrives().await.status, 303);
}

fn grant(stack: &Stack, user: &Value, email: &str) -> MoveGrant {
    MoveGrant {
        organization: acme(),
        from: connection("conn_01SANDBOXACMEOKTA"),
        to: connection("conn_01SANDBOXACMEENTRA"),
        email: EmailAddress::parse(email).unwrap(),
        user: UserId::parse(user.as_str().unwrap()).unwrap(),
        expires_at: stack.clock.now().plus(Duration::from_secs(3600)),
    }
}

/// R45: whom an operator moved keeps their account behind the new connection, once and for good; nobody else gets it.
#[tokio::test]
async fn a_moved_person_keeps_the_account() {
    let stack = met().await;
    let okta = stack.browser();
    okta.signed_in(at::OKTA, "ada@acme.com").await;
    let before = user(&okta).await["id"].clone();
    let grant = grant(&stack, &before, "ada@acme.com");
    assert_eq!(stack.running.store.put_move_grant(&grant, stack.clock.now()).await.unwrap(), Moved::Done);
    // Also where strangers are not let in.
    decide(&stack, |policy, _| policy.just_in_time_users = Some(false)).await;
    let other = stack.browser().sign_in(at::ENTRA, "ben.fischer@acme.com").await;
    assert_refused(&other, "not_provisioned");

    let entra = stack.browser();
    entra.signed_in(at::ENTRA, "ada@acme.com").await;
    assert_eq!(user(&entra).await["id"], before);
    let left =
        stack.running.store.move_grant(&acme(), &grant.to, &grant.email, stack.clock.now()).await.unwrap();
    assert_eq!(left, None, "it is used up");
    let moved: Vec<_> =
        stack.audit().await.into_iter().filter(|one| one.text("action") == "user.identity_moved").collect();
    assert_eq!((moved.len(), json!(moved[0].text("actor"))), (1, before.clone()));
    // Afterwards the identity leads there, whatever the address.
    stack.sandbox().person(json!({"email": "ada@acme.com", "new_email": "ada.l@acme.com"})).await;
    let again = stack.browser();
    again.signed_in(at::ENTRA, "ada.l@acme.com").await;
    assert_eq!(user(&again).await["id"], before);
    assert_eq!(people(&stack).await.len(), 3);
}

/// R42, R45: an address that has gone to somebody else since moves nobody's account; nor does a move that is over.
#[tokio::test]
async fn a_move_does_not_follow_the_address_to_somebody_else() {
    let stack = met().await;
    let okta = stack.browser();
    okta.signed_in(at::OKTA, "ada@acme.com").await;
    let before = user(&okta).await["id"].clone();
    let grant = grant(&stack, &before, "ada@acme.com");
    stack.running.store.put_move_grant(&grant, stack.clock.now()).await.unwrap();
    // She marries; the address goes to a newcomer.
    stack.sandbox().person(json!({"email": "ada@acme.com", "new_email": "ada.byron@acme.com"})).await;
    okta.signed_in(at::OKTA, "ada.byron@acme.com").await;
    stack
        .sandbox()
        .person(json!({"email": "ada@acme.com", "organization_id": ACME, "first_name": "Ada", "last_name": "Two"}))
        .await;
    let newcomer = stack.browser();
    newcomer.signed_in(at::ENTRA, "ada@acme.com").await;
    assert_ne!(user(&newcomer).await["id"], before);

    let ben = stack.browser();
    ben.signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let late = self::grant(&stack, &user(&ben).await["id"], "ben.fischer@acme.com");
    stack.running.store.put_move_grant(&late, stack.clock.now()).await.unwrap();
    stack.advance(3600);
    let elsewhere = stack.browser();
    elsewhere.signed_in(at::ENTRA, "ben.fischer@acme.com").await;
    assert_ne!(user(&elsewhere).await["id"], user(&ben).await["id"]);
}

/// R58: a move does not bring a leaver back, however old the grant.
#[tokio::test]
async fn a_leaver_is_not_moved() {
    let stack = met().await;
    let okta = stack.browser();
    okta.signed_in(at::OKTA, "ada@acme.com").await;
    let grant = grant(&stack, &user(&okta).await["id"], "ada@acme.com");
    stack.running.store.put_move_grant(&grant, stack.clock.now()).await.unwrap();
    Directory::of(&stack).fires("ada", "ada@acme.com").await;
    let page = stack.browser().sign_in(at::ENTRA, "ada@acme.com").await;
    assert_refused(&page, "user_deactivated");
}
