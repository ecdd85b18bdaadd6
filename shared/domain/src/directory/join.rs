//! Who is meant: whether a directory's record, or a person at the door, is somebody who is known already.
//!
//! An idp id counts when it points at one candidate only and the tenant has one connection or the e-mail addresses
//! agree: idp ids of two connections are two name spaces. An address counts only inside the tenant, only when its
//! domain is verified, and only for somebody with no other link (R42, lesson 21). Several candidates are nobody:
//! a wrong join is a takeover, a missed one is a second record. What is lost on the one side is refused on the other:
//! an address whose directory record has ended admits nobody, joined or not.

use std::collections::BTreeMap;

use super::claims::{Claim, Holder, Via};
use crate::email::EmailAddress;
use crate::ids::{ConnectionId, UserId};
use crate::tenant::{Gate, Tenant};
use crate::user::User;

/// What the joining went by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    IdpId,
    Email,
}

/// A directory's record or a login's profile, as far as it identifies.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    pub idp_id: Option<&'a str>,
    pub email: Option<&'a EmailAddress>,
}

/// What the tenant knows: the claims on the newcomer's idp id and address, and every user who holds one. A holder
/// who is not among the users was deactivated and has been forgotten.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub idp: &'a Claim,
    pub email: &'a Claim,
    pub users: &'a BTreeMap<UserId, User>,
    pub tenant: &'a Tenant,
    pub gate: &'a Gate,
}

/// What a person without an identity of this connection is at login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AtLogin {
    /// Nobody who is known.
    New,
    Join(UserId, Evidence),
    /// Somebody who may not be here.
    Refused,
}

/// The user that a directory's record of a person belongs to, if there is one.
pub fn for_directory_user(newcomer: &Newcomer<'_>, known: &Known<'_>) -> Option<(UserId, Evidence)> {
    if newcomer.idp_id.is_some()
        && let [only] = known.idp.users()[..]
    {
        let one_space = known.tenant.only_connection().is_some_and(|connection| {
            let holders = known.idp.holders.iter().filter(|holder| holder.user == *only);
            holders.into_iter().any(|holder| in_name_space(holder, connection))
        });
        if one_space || known.has_address(only, newcomer.email) {
            return Some((only.clone(), Evidence::IdpId));
        }
    }
    let address = known.linkable(newcomer.email)?;
    let free = |id: &&UserId| match known.users.get(*id) {
        Some(user) => user.has_address(address) && !user.tied(known.gate),
        None => true,
    };
    let candidates: Vec<&UserId> = known.email.users().into_iter().filter(free).collect();
    match candidates[..] {
        [only] => Some((only.clone(), Evidence::Email)),
        _ => None,
    }
}

/// What to do with a person who comes through `connection` and has no identity there yet.
pub fn at_login(newcomer: &Newcomer<'_>, connection: &ConnectionId, known: &Known<'_>) -> AtLogin {
    if newcomer.idp_id.is_some()
        && let [only] = known.idp.provisioned()[..]
    {
        let one_space = known.tenant.only_connection() == Some(connection);
        if one_space || known.has_address(only, newcomer.email) {
            return match known.users.get(only) {
                Some(user) if user.active_in(known.gate) => AtLogin::Join(only.clone(), Evidence::IdpId),
                _ => AtLogin::Refused,
            };
        }
    }
    if newcomer.email.is_some_and(|address| leaver_address(address, known)) {
        return AtLogin::Refused;
    }
    let Some(address) = known.linkable(newcomer.email) else { return AtLogin::New };
    let free = |id: &&UserId| {
        let user = known.users.get(*id);
        user.is_some_and(|user| {
            user.has_address(address) && !user.has_signed_in() && user.active_in(known.gate)
        })
    };
    let candidates: Vec<&UserId> = known.email.users().into_iter().filter(free).collect();
    match candidates[..] {
        [only] => AtLogin::Join(only.clone(), Evidence::Email),
        _ => AtLogin::New,
    }
}

/// Whether directories know this address and none of those who have it may be here. Whoever is not joined to any of
/// them may then not be here either: the same person behind a second connection.
pub fn leaver_address(address: &EmailAddress, known: &Known<'_>) -> bool {
    let mut ended = false;
    for id in known.email.users() {
        match known.users.get(id) {
            Some(user) if user.directories.is_empty() || !user.has_address(address) => {}
            Some(user) if user.active_in(known.gate) => return false,
            Some(_) => ended = true,
            None => ended |= known.email.provisioned().contains(&id),
        }
    }
    ended
}

fn in_name_space(holder: &Holder, connection: &ConnectionId) -> bool {
    match &holder.via {
        Via::Connection(via) => via == connection,
        Via::Directory(_) => true,
    }
}

impl<'a> Known<'a> {
    fn has_address(&self, user: &UserId, address: Option<&EmailAddress>) -> bool {
        let known = self.users.get(user);
        known.zip(address).is_some_and(|(user, address)| user.has_address(address))
    }

    /// The address, if it may link at all.
    fn linkable<'b>(&self, address: Option<&'b EmailAddress>) -> Option<&'b EmailAddress> {
        let allowed = self.gate.policy.link_by_email.unwrap_or(true);
        address.filter(|address| allowed && self.tenant.vouches_for(address.domain()))
    }
}

#[cfg(test)]
#[path = "join_tests.rs"]
mod tests;
