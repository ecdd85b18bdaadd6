//! Every combination of identity, grant, directory and policy, against the rule in words.

use std::collections::BTreeMap;

use super::*;
use crate::clock::Timestamp;
use crate::directory::{Claim, DirectoryLink, DirectoryState, DirectoryUserState, Holder, Via};
use crate::email::{Domain, EmailAddress};
use crate::ids::{ConnectionId, DirectoryId, DirectoryUserId, OrganizationId, ProfileId};
use crate::tenant::{Gate, Tenant, TenantDomain};
use crate::user::UserStatus;

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn organization() -> OrganizationId {
    OrganizationId::parse("org_acme").unwrap()
}

fn directory() -> DirectoryId {
    DirectoryId::parse("directory_1").unwrap()
}

fn id(text: &str) -> UserId {
    UserId::parse(text).unwrap()
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn profile() -> Profile {
    Profile {
        id: ProfileId::parse("prof_1").unwrap(),
        connection: ConnectionId::parse("conn_new").unwrap(),
        connection_type: "OktaSAML".into(),
        organization: Some(organization()),
        idp_id: "idp-ada".into(),
        email: address("ada@acme.com"),
        first_name: None,
        last_name: None,
        roles: vec![],
    }
}

fn tenant(verified: bool) -> Tenant {
    Tenant {
        domains: vec![TenantDomain { domain: Domain::parse("acme.com").unwrap(), verified }],
        ..Tenant::unmet(organization())
    }
}

/// Somebody who signs in, whom no directory knows.
fn person(name: &str, email: &str) -> User {
    User {
        email: Some(address(email)),
        last_login_at: Some(NOW),
        ..User::provisioned(id(name), organization(), 0, NOW)
    }
}

/// Whom a directory brought, and who never signed in.
fn provisioned(name: &str, state: DirectoryUserState) -> User {
    let member = DirectoryUserId::parse(&format!("directory_user_of_{name}")).unwrap();
    let status = if state.active() { UserStatus::Active } else { UserStatus::Inactive };
    User {
        status,
        last_login_at: None,
        directories: [(member, DirectoryLink { directory: directory(), state })].into(),
        ..person(name, "ada@acme.com")
    }
}

/// What the tenant knows, and the question.
struct Scene {
    users: BTreeMap<UserId, User>,
    idp: Claim,
    email: Claim,
    tenant: Tenant,
    gate: Gate,
    linked: Option<UserId>,
    granted: Option<UserId>,
}

impl Scene {
    fn new(users: &[User]) -> Self {
        let gate =
            Gate { directories: [(directory(), DirectoryState::Active)].into(), ..Gate::new(organization()) };
        Self {
            users: users.iter().map(|user| (user.id.clone(), user.clone())).collect(),
            idp: Claim::default(),
            email: Claim::default(),
            tenant: tenant(true),
            gate,
            linked: None,
            granted: None,
        }
    }

    fn claimed(mut self, user: &str, via: Via) -> Self {
        self.email = self.email.with(Holder { user: id(user), via });
        self
    }

    fn linked(self, user: &str) -> Self {
        Self { linked: Some(id(user)), ..self }
    }

    fn granted(self, user: &str) -> Self {
        Self { granted: Some(id(user)), ..self }
    }

    fn entry(&self) -> Result<Entry, Barred> {
        let known = Known {
            idp: &self.idp,
            email: &self.email,
            users: &self.users,
            tenant: &self.tenant,
            gate: &self.gate,
        };
        let profile = profile();
        let (linked, granted) = (self.linked.as_ref(), self.granted.as_ref());
        Arrival { profile: &profile, linked, granted, known }.entry()
    }
}

fn via_directory() -> Via {
    Via::Directory(directory())
}

/// R41, R58: the identity decides, whatever else is known; and a leaver stays out by any way.
#[test]
fn the_identity_decides_and_a_leaver_stays_out() {
    let ada = person("user_ada", "ada@acme.com");
    let other = provisioned("user_other", DirectoryUserState::Active);
    let known = Scene::new(&[ada.clone(), other.clone()])
        .claimed("user_other", via_directory())
        .granted("user_other")
        .linked("user_ada");
    assert_eq!(known.entry(), Ok(Entry::Known(ada.clone())));

    let gone = User { status: UserStatus::Inactive, ..ada.clone() };
    assert_eq!(Scene::new(&[gone]).linked("user_ada").entry(), Err(Barred::Deactivated));
    for state in [DirectoryUserState::Suspended, DirectoryUserState::Inactive, DirectoryUserState::Deleted] {
        let leaver = provisioned("user_other", state);
        assert_eq!(
            Scene::new(std::slice::from_ref(&leaver)).linked("user_other").entry(),
            Err(Barred::Deactivated)
        );
        // Not joined: the account behind another connection, and a stranger.
        let scene = Scene::new(&[ada.clone(), leaver]).claimed("user_other", via_directory());
        assert_eq!(scene.entry(), Err(Barred::Deactivated), "{state:?}");
        assert_eq!(scene.linked("user_ada").entry(), Err(Barred::Deactivated), "{state:?}");
    }
    // R58: the directory's end ends its people by one state in the gate.
    let mut scene = Scene::new(&[other]).linked("user_other");
    scene.gate.directories.insert(directory(), DirectoryState::Deleted);
    assert_eq!(scene.entry(), Err(Barred::Deactivated));
}

/// R42: an address leads to a directory's person, and never to an account that somebody signs in to.
#[test]
fn an_address_leads_only_to_whom_a_directory_brought() {
    let brought = provisioned("user_brought", DirectoryUserState::Active);
    let scene = Scene::new(std::slice::from_ref(&brought)).claimed("user_brought", via_directory());
    assert_eq!(scene.entry(), Ok(Entry::Joins(brought.clone(), Evidence::Email)));
    let unverified = Scene { tenant: tenant(false), ..scene };
    assert_eq!(unverified.entry(), Ok(Entry::New));

    let okta = || Via::Connection(ConnectionId::parse("conn_old").unwrap());
    let signs_in = person("user_ada", "ada@acme.com");
    assert_eq!(Scene::new(&[signs_in]).claimed("user_ada", okta()).entry(), Ok(Entry::New));
}

/// An identity whose user has been forgotten is nobody's, and is not barred by itself.
#[test]
fn a_forgotten_user_is_a_stranger() {
    assert_eq!(Scene::new(&[]).linked("user_ada").entry(), Ok(Entry::New));
}

/// R45: a move counts for the account that still has the address, in a domain that is verified, and for nobody who left.
#[test]
fn a_move_leads_to_the_account_that_still_has_the_address() {
    let ada = person("user_ada", "ada@acme.com");
    let moved = Scene::new(std::slice::from_ref(&ada)).granted("user_ada");
    assert_eq!(moved.entry(), Ok(Entry::Moves(ada.clone())));
    let unverified = Scene { tenant: tenant(false), ..moved };
    assert_eq!(unverified.entry(), Ok(Entry::New));
    let renamed = person("user_ada", "ada.l@acme.com");
    assert_eq!(Scene::new(&[renamed]).granted("user_ada").entry(), Ok(Entry::New));
    assert_eq!(Scene::new(&[]).granted("user_ada").entry(), Ok(Entry::New));

    let gone = User { status: UserStatus::Inactive, ..ada.clone() };
    assert_eq!(Scene::new(&[gone]).granted("user_ada").entry(), Err(Barred::Deactivated));
    let leaver = provisioned("user_other", DirectoryUserState::Deleted);
    let scene = Scene::new(&[ada, leaver]).claimed("user_other", via_directory()).granted("user_ada");
    assert_eq!(scene.entry(), Err(Barred::Deactivated));
}

/// Without just-in-time accounts only those come in who are known already, by whatever way.
#[test]
fn without_accounts_on_the_spot_strangers_stay_out() {
    let ada = person("user_ada", "ada@acme.com");
    let brought = provisioned("user_brought", DirectoryUserState::Active);
    for (policy, stranger) in
        [(None, Ok(Entry::New)), (Some(true), Ok(Entry::New)), (Some(false), Err(Barred::NotProvisioned))]
    {
        let with = |mut scene: Scene| {
            scene.gate.policy.just_in_time_users = policy;
            scene.entry()
        };
        assert_eq!(with(Scene::new(&[])), stranger);
        let only_ada = || Scene::new(std::slice::from_ref(&ada));
        assert_eq!(with(only_ada().linked("user_ada")), Ok(Entry::Known(ada.clone())));
        assert_eq!(with(only_ada().granted("user_ada")), Ok(Entry::Moves(ada.clone())));
        let scene = Scene::new(std::slice::from_ref(&brought)).claimed("user_brought", via_directory());
        assert_eq!(with(scene), Ok(Entry::Joins(brought.clone(), Evidence::Email)));
    }
}
