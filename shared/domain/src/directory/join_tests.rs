//! The whole decision tables: every combination of what may be known, against the rule in words.

use std::collections::BTreeMap;

use super::*;
use crate::clock::Timestamp;
use crate::directory::testing::{address, gate, organization, user, user_id};
use crate::directory::{DirectoryLink, DirectoryState, DirectoryUserState};
use crate::email::Domain;
use crate::ids::{DirectoryId, DirectoryUserId};
use crate::tenant::{ConnectionState, TenantConnection, TenantDomain};

const ADDRESS: &str = "ada@acme.com";
const OTHER: &str = "grace@acme.com";

fn connection(id: &str) -> ConnectionId {
    ConnectionId::parse(id).unwrap()
}

fn tenant(connections: &[&str], verified: bool) -> Tenant {
    Tenant {
        domains: vec![TenantDomain { domain: Domain::parse("acme.com").unwrap(), verified }],
        connections: connections
            .iter()
            .map(|id| TenantConnection {
                id: connection(id),
                name: String::new(),
                connection_type: "OktaSAML".into(),
                state: ConnectionState::Active,
            })
            .collect(),
        ..Tenant::unmet(organization())
    }
}

fn directory(id: &str) -> DirectoryId {
    DirectoryId::parse(id).unwrap()
}

fn holder(id: &str, via: Via) -> Holder {
    Holder { user: user_id(id), via }
}

fn claim(holders: &[Holder]) -> Claim {
    Claim { holders: holders.to_vec(), ..Claim::default() }
}

/// A user with a link of this state in a directory that is there.
fn provisioned(id: &str, email: &str, state: DirectoryUserState) -> User {
    let member = DirectoryUserId::parse(&format!("directory_user_of_{id}")).unwrap();
    user(id, Some(email)).linked(&member, DirectoryLink { directory: directory("directory_1"), state })
}

fn signed_in(mut user: User) -> User {
    user.last_login_at = Some(Timestamp::from_seconds(1));
    user
}

fn people(users: &[User]) -> BTreeMap<UserId, User> {
    users.iter().map(|user| (user.id.clone(), user.clone())).collect()
}

fn gate_with(policy: Option<bool>) -> Gate {
    let mut gate = gate(&[("directory_1", DirectoryState::Active)]);
    gate.policy.link_by_email = policy;
    gate
}

/// Who holds the idp id.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ById {
    Nobody,
    /// A user who signed in through the tenant's first connection.
    Login,
    /// A user who signed in through a connection that the tenant has no more.
    OldLogin,
    /// A user whom a directory brought.
    Directory,
    /// The same, deactivated and forgotten.
    Forgotten,
    Two,
}

/// Who holds the address.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ByEmail {
    Nobody,
    /// No directory knows them.
    Login,
    /// The directory that brought them deleted them.
    Deleted,
    /// A directory has them, active or not.
    Tied,
    /// They had the address once.
    Moved,
    Forgotten,
    Two,
}

const IDS: [ById; 6] =
    [ById::Nobody, ById::Login, ById::OldLogin, ById::Directory, ById::Forgotten, ById::Two];
const EMAILS: [ByEmail; 7] = [
    ByEmail::Nobody,
    ByEmail::Login,
    ByEmail::Deleted,
    ByEmail::Tied,
    ByEmail::Moved,
    ByEmail::Forgotten,
    ByEmail::Two,
];

/// R42: 6 × 7 × 2 × 3 × 2 × 2 combinations for a directory's record.
#[test]
fn a_directorys_record_joins_by_the_rule_in_every_combination() {
    let mut joined = 0;
    for by_id in IDS {
        for by_email in EMAILS {
            for agree in [true, false] {
                for connections in [&[][..], &["conn_1"][..], &["conn_1", "conn_2"][..]] {
                    for verified in [true, false] {
                        for policy in [None, Some(false)] {
                            let found = record(by_id, by_email, agree, connections, verified, policy);
                            // In words: one candidate, and one name space or the same address.
                            let one_space = connections.len() == 1 && by_id != ById::OldLogin;
                            let one = !matches!(by_id, ById::Nobody | ById::Two);
                            let same_address = agree && by_id != ById::Forgotten;
                            let by_idp = one && (one_space || same_address);
                            // Else the verified address of the only one without another link.
                            let free =
                                matches!(by_email, ByEmail::Login | ByEmail::Deleted | ByEmail::Forgotten);
                            let by_address = verified && policy.is_none() && free;
                            let expected = if by_idp {
                                Some((user_id("user_id"), Evidence::IdpId))
                            } else if by_address {
                                Some((user_id("user_email"), Evidence::Email))
                            } else {
                                None
                            };
                            joined += usize::from(expected.is_some());
                            assert_eq!(
                                found, expected,
                                "{by_id:?} {by_email:?} agree {agree} {connections:?} verified {verified} {policy:?}"
                            );
                        }
                    }
                }
            }
        }
    }
    assert!(joined > 100, "the table is not empty: {joined}");
}

fn record(
    by_id: ById,
    by_email: ByEmail,
    agree: bool,
    connections: &[&str],
    verified: bool,
    policy: Option<bool>,
) -> Option<(UserId, Evidence)> {
    let own = if agree { ADDRESS } else { OTHER };
    let login = |id: &str| Via::Connection(connection(id));
    let brought = || Via::Directory(directory("directory_1"));
    let mut users = Vec::new();
    let idp = match by_id {
        ById::Nobody => vec![],
        ById::Login => {
            users.push(signed_in(user("user_id", Some(own))));
            vec![holder("user_id", login("conn_1"))]
        }
        ById::OldLogin => {
            users.push(signed_in(user("user_id", Some(own))));
            vec![holder("user_id", login("conn_gone"))]
        }
        ById::Directory => {
            users.push(provisioned("user_id", own, DirectoryUserState::Inactive));
            vec![holder("user_id", brought())]
        }
        ById::Forgotten => vec![holder("user_id", brought())],
        ById::Two => {
            users.push(provisioned("user_id", own, DirectoryUserState::Active));
            users.push(signed_in(user("user_other", Some(own))));
            vec![holder("user_id", brought()), holder("user_other", login("conn_1"))]
        }
    };
    let mut email = vec![holder("user_email", login("conn_1"))];
    match by_email {
        ByEmail::Nobody => email.clear(),
        ByEmail::Login => users.push(signed_in(user("user_email", Some(ADDRESS)))),
        ByEmail::Deleted => users.push(provisioned("user_email", ADDRESS, DirectoryUserState::Deleted)),
        ByEmail::Tied => users.push(provisioned("user_email", ADDRESS, DirectoryUserState::Inactive)),
        ByEmail::Moved => users.push(user("user_email", Some(OTHER))),
        ByEmail::Forgotten => {}
        ByEmail::Two => {
            users.push(signed_in(user("user_email", Some(ADDRESS))));
            users.push(signed_in(user("user_twin", Some(ADDRESS))));
            email.push(holder("user_twin", login("conn_2")));
        }
    }
    let known = Known {
        idp: &claim(&idp),
        email: &claim(&email),
        users: &people(&users),
        tenant: &tenant(connections, verified),
        gate: &gate_with(policy),
    };
    for_directory_user(&Newcomer { idp_id: Some("00u1"), email: Some(&address(ADDRESS)) }, &known)
}

/// Whom a directory brought under this idp id or address.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Brought {
    Nobody,
    /// Never signed in.
    Active,
    /// Has an identity of another connection.
    SignedIn,
    Inactive,
    Forgotten,
    Two,
}

const BROUGHT: [Brought; 6] = [
    Brought::Nobody,
    Brought::Active,
    Brought::SignedIn,
    Brought::Inactive,
    Brought::Forgotten,
    Brought::Two,
];

/// R42, R58: 6 × 6 × 2 × 2 × 2 × 2 combinations for a person at the door; and for each of them the same address
/// behind an identity that is linked already.
#[test]
fn a_login_joins_or_is_refused_by_the_rule_in_every_combination() {
    let mut seen = [0; 3];
    for by_id in BROUGHT {
        for by_email in BROUGHT {
            for agree in [true, false] {
                for one_connection in [true, false] {
                    for verified in [true, false] {
                        for policy in [None, Some(false)] {
                            let found = login(by_id, by_email, agree, one_connection, verified, policy);
                            let one = !matches!(by_id, Brought::Nobody | Brought::Two);
                            let means = one && (one_connection || (agree && by_id != Brought::Forgotten));
                            let may = matches!(by_id, Brought::Active | Brought::SignedIn);
                            let leaver = matches!(by_email, Brought::Inactive | Brought::Forgotten);
                            let free = by_email == Brought::Active && verified && policy.is_none();
                            let expected = if means && may {
                                AtLogin::Join(user_id("user_id"), Evidence::IdpId)
                            } else if means || leaver {
                                AtLogin::Refused
                            } else if free {
                                AtLogin::Join(user_id("user_email"), Evidence::Email)
                            } else {
                                AtLogin::New
                            };
                            let kind = match expected {
                                AtLogin::New => 0,
                                AtLogin::Join(..) => 1,
                                AtLogin::Refused => 2,
                            };
                            seen[kind] += 1;
                            assert_eq!(
                                found, expected,
                                "{by_id:?} {by_email:?} agree {agree} one {one_connection} verified {verified} {policy:?}"
                            );
                        }
                    }
                }
            }
        }
    }
    assert!(seen.iter().all(|n| *n > 50), "{seen:?}");
}

fn login(
    by_id: Brought,
    by_email: Brought,
    agree: bool,
    one_connection: bool,
    verified: bool,
    policy: Option<bool>,
) -> AtLogin {
    let mut users = Vec::new();
    let mut bring = |id: &str, email: &str, what: Brought| {
        let via = || Via::Directory(directory("directory_1"));
        let mut holders = vec![holder(id, via())];
        match what {
            Brought::Nobody => holders.clear(),
            Brought::Active => users.push(provisioned(id, email, DirectoryUserState::Active)),
            Brought::SignedIn => users.push(signed_in(provisioned(id, email, DirectoryUserState::Active))),
            Brought::Inactive => users.push(provisioned(id, email, DirectoryUserState::Suspended)),
            Brought::Forgotten => {}
            Brought::Two => {
                let twin = format!("{id}_twin");
                users.push(provisioned(id, email, DirectoryUserState::Active));
                users.push(provisioned(&twin, email, DirectoryUserState::Active));
                holders.push(holder(&twin, via()));
            }
        }
        claim(&holders)
    };
    // The address of whom the idp id names: the login's own, or another.
    let idp = bring("user_id", if agree { ADDRESS } else { OTHER }, by_id);
    let email = bring("user_email", ADDRESS, by_email);
    let connections: &[&str] = if one_connection { &["conn_1"] } else { &["conn_1", "conn_2"] };
    let known = Known {
        idp: &idp,
        email: &email,
        users: &people(&users),
        tenant: &tenant(connections, verified),
        gate: &gate_with(policy),
    };
    let newcomer = Newcomer { idp_id: Some("00u1"), email: Some(&address(ADDRESS)) };
    at_login(&newcomer, &connection("conn_1"), &known)
}

/// R41, R45: a user who came through one connection is nobody to another one, whatever idp id and address say.
#[test]
fn a_login_is_never_joined_to_somebody_who_only_ever_signed_in() {
    let old = signed_in(user("user_1", Some(ADDRESS)));
    let via = || Via::Connection(connection("conn_1"));
    let claims = claim(&[holder("user_1", via())]);
    for connections in [&["conn_1"][..], &["conn_2"][..], &["conn_1", "conn_2"][..]] {
        let known = Known {
            idp: &claims,
            email: &claims,
            users: &people(std::slice::from_ref(&old)),
            tenant: &tenant(connections, true),
            gate: &gate_with(None),
        };
        let newcomer = Newcomer { idp_id: Some("00u1"), email: Some(&address(ADDRESS)) };
        assert_eq!(at_login(&newcomer, &connection("conn_2"), &known), AtLogin::New);
    }
}

/// The directory is gone: its people are refused at the door, and a new directory's record of them joins again.
#[test]
fn a_deleted_directory_refuses_and_does_not_block() {
    let ada = provisioned("user_1", ADDRESS, DirectoryUserState::Active);
    let claims = claim(&[holder("user_1", Via::Directory(directory("directory_1")))]);
    let known = Known {
        idp: &Claim::default(),
        email: &claims,
        users: &people(&[ada]),
        tenant: &tenant(&["conn_1", "conn_2"], true),
        gate: &gate(&[("directory_1", DirectoryState::Deleted)]),
    };
    let newcomer = Newcomer { idp_id: Some("new"), email: Some(&address("ADA@acme.com")) };
    assert_eq!(at_login(&newcomer, &connection("conn_1"), &known), AtLogin::Refused);
    assert_eq!(for_directory_user(&newcomer, &known), Some((user_id("user_1"), Evidence::Email)));
}

/// Nothing identifies: nobody is meant, even if the claims were full.
#[test]
fn nobody_is_meant_by_a_record_without_idp_id_and_address() {
    let ada = provisioned("user_1", ADDRESS, DirectoryUserState::Deleted);
    let claims = claim(&[holder("user_1", Via::Directory(directory("directory_1")))]);
    let known = Known {
        idp: &claims,
        email: &claims,
        users: &people(&[ada]),
        tenant: &tenant(&["conn_1"], true),
        gate: &gate_with(None),
    };
    let newcomer = Newcomer { idp_id: None, email: None };
    assert_eq!(for_directory_user(&newcomer, &known), None);
    assert_eq!(at_login(&newcomer, &connection("conn_1"), &known), AtLogin::New);
}

/// R58: of all who ever had an address only those count whom directories know under it today. One of them who is active
/// may be the one at the door; where all have left, nobody is.
#[test]
fn an_address_is_a_leavers_when_all_who_have_it_by_a_directory_left() {
    let here = connection("conn_1");
    let leaver = provisioned("user_leaver", ADDRESS, DirectoryUserState::Deleted);
    let guest = signed_in(user("user_guest", Some(ADDRESS)));
    let moved = provisioned("user_moved", OTHER, DirectoryUserState::Active);
    let colleague = provisioned("user_colleague", ADDRESS, DirectoryUserState::Active);
    let address = address(ADDRESS);
    let tenant = tenant(&["conn_1"], true);
    let gate = gate_with(None);
    let left = |others: &[&User]| {
        let all: Vec<User> = others.iter().map(|user| (*user).clone()).collect();
        let holders: Vec<Holder> = all
            .iter()
            .map(|user| Holder {
                user: user.id.clone(),
                via: if user.directories.is_empty() {
                    Via::Connection(here.clone())
                } else {
                    Via::Directory(directory("directory_1"))
                },
            })
            .collect();
        let (email, users) = (claim(&holders), people(&all));
        let known =
            Known { idp: &Claim::default(), email: &email, users: &users, tenant: &tenant, gate: &gate };
        leaver_address(&address, &known)
    };
    assert!(left(&[&leaver]) && left(&[&leaver, &guest]) && left(&[&guest, &leaver]));
    assert!(left(&[&leaver, &moved]) && left(&[&moved, &leaver]));
    assert!(!left(&[&leaver, &colleague]) && !left(&[&colleague, &leaver]));
    assert!(!left(&[&guest]) && !left(&[&moved]) && !left(&[]));
}
