//! Who is at the door: the user that an admitted profile stands for, or why there is none.
//!
//! The identity decides first, and always (R41). Who has none at this connection yet may be somebody whom an operator
//! moved here, or whom a directory knows ([`crate::directory::at_login`]); an e-mail address alone never leads to an
//! account that somebody signs in to already (R42). Whom directories know only as somebody who left is refused, joined
//! or not: a leaver must not come back as a stranger (R58).

use crate::directory::{AtLogin, Evidence, Known, Newcomer, at_login, leaver_address};
use crate::ids::UserId;
use crate::tenant::Profile;
use crate::user::User;

/// Somebody at the door whom the tenant admits.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'a> {
    pub profile: &'a Profile,
    /// Whom the identity leads to.
    pub linked: Option<&'a UserId>,
    /// Whom an operator's move meant by this address at this connection.
    pub granted: Option<&'a UserId>,
    pub known: Known<'a>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The identity leads to this user.
    Known(User),
    /// A directory knows this user, and the identity is theirs from now on.
    Joins(User, Evidence),
    /// An operator moved this user to the connection.
    Moves(User),
    /// Nobody has met this person.
    New,
}

/// Why somebody with an admitted profile may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Barred {
    #[error("the user is deactivated")]
    Deactivated,
    #[error("the tenant makes no accounts at the first sign-in")]
    NotProvisioned,
}

impl Arrival<'_> {
    /// # Errors
    /// When the person may not be here.
    pub fn entry(&self) -> Result<Entry, Barred> {
        let Self { profile, known, .. } = self;
        let active = |user: &User| user.active_in(known.gate);
        if let Some(user) = self.linked.and_then(|id| known.users.get(id)) {
            let stray = user.directories.is_empty() && leaver_address(&profile.email, known);
            return if stray || !active(user) {
                Err(Barred::Deactivated)
            } else {
                Ok(Entry::Known(user.clone()))
            };
        }
        let newcomer = Newcomer { idp_id: Some(&profile.idp_id), email: Some(&profile.email) };
        let meant = at_login(&newcomer, &profile.connection, known);
        if meant == AtLogin::Refused {
            return Err(Barred::Deactivated);
        }
        if let Some(user) = self.moved() {
            return if active(user) { Ok(Entry::Moves(user.clone())) } else { Err(Barred::Deactivated) };
        }
        match meant {
            AtLogin::Join(id, evidence) => match known.users.get(&id) {
                Some(user) => Ok(Entry::Joins(user.clone(), evidence)),
                None => Err(Barred::Deactivated),
            },
            AtLogin::New if known.gate.policy.just_in_time_users == Some(false) => {
                Err(Barred::NotProvisioned)
            }
            AtLogin::New => Ok(Entry::New),
            AtLogin::Refused => Err(Barred::Deactivated),
        }
    }

    /// A move counts while the account still has the address, and the tenant the domain: an address may be somebody
    /// else's by the time it is used.
    fn moved(&self) -> Option<&User> {
        let user = self.granted.and_then(|id| self.known.users.get(id))?;
        let address = &self.profile.email;
        (user.has_address(address) && self.known.tenant.vouches_for(address.domain())).then_some(user)
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
