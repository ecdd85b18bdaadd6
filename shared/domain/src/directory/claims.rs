//! Claims: where a login and a provisioning of the same person meet.
//!
//! Whoever makes a user puts the user's idp id and e-mail address down as claims of the tenant, on condition that the
//! claims are as they were read. Of two who come at the same instant one loses, reads again and joins, so that no
//! person is ever doubled. A claim says who may be meant, never who somebody is: [`super::join`] decides that.

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, maybe_seconds};
use crate::email::EmailAddress;
use crate::ids::{ConnectionId, DirectoryId, UserId};

/// More holders than this cannot be told apart anyway, and are not put down.
const MOST_HOLDERS: usize = 8;

/// What is claimed, inside one tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimKey {
    IdpId(String),
    /// The address, folded.
    Email(String),
}

impl ClaimKey {
    pub fn email(address: &EmailAddress) -> Self {
        Self::Email(address.folded())
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub holders: Vec<Holder>,
    /// Raised by every write.
    pub revision: u64,
    /// End of the claim, once its only holder is deactivated.
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub user: UserId,
    pub via: Via,
}

/// Who said that this is the user's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// A login through this connection.
    Connection(ConnectionId),
    Directory(DirectoryId),
}

impl Claim {
    /// The users who hold it, each once, in the order in which they came.
    pub fn users(&self) -> Vec<&UserId> {
        distinct(self.holders.iter())
    }

    /// The users for whom a directory said so.
    pub fn provisioned(&self) -> Vec<&UserId> {
        distinct(self.holders.iter().filter(|holder| matches!(holder.via, Via::Directory(_))))
    }

    /// The claim with one more holder; the same where it is there already.
    #[must_use]
    pub fn with(&self, holder: Holder) -> Self {
        let mut next = self.clone();
        if !next.holders.contains(&holder) && next.holders.len() < MOST_HOLDERS {
            next.holders.push(holder);
        }
        next
    }

    /// The claim without this user, or without what one directory said of them.
    #[must_use]
    pub fn without(&self, user: &UserId, directory: Option<&DirectoryId>) -> Self {
        let mut next = self.clone();
        next.holders.retain(|holder| {
            let named = match (directory, &holder.via) {
                (None, _) => true,
                (Some(wanted), Via::Directory(via)) => wanted == via,
                (Some(_), Via::Connection(_)) => false,
            };
            holder.user != *user || !named
        });
        next
    }

    /// The claim with an end, if this user is its only holder and the end is known; without one otherwise.
    #[must_use]
    pub fn ending(mut self, user: &UserId, at: Option<Timestamp>) -> Self {
        let alone = self.holders.iter().all(|holder| holder.user == *user);
        self.expires_at = at.filter(|_| alone);
        self
    }
}

fn distinct<'a>(holders: impl Iterator<Item = &'a Holder>) -> Vec<&'a UserId> {
    let mut users = Vec::new();
    for holder in holders {
        if !users.contains(&&holder.user) {
            users.push(&holder.user);
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserId {
        UserId::parse(&format!("user_{name:0>26}")).unwrap()
    }

    fn holder(name: &str, directory: Option<&str>) -> Holder {
        let via = match directory {
            Some(id) => Via::Directory(DirectoryId::parse(id).unwrap()),
            None => Via::Connection(ConnectionId::parse("conn_1").unwrap()),
        };
        Holder { user: user(name), via }
    }

    fn claim(holders: &[Holder]) -> Claim {
        holders.iter().fold(Claim::default(), |claim, holder| claim.with(holder.clone()))
    }

    /// R60: what one directory said of a person goes without what a login or another directory said of them.
    #[test]
    fn only_what_is_named_is_taken_away() {
        let (login, first, second) =
            (holder("1", None), holder("1", Some("directory_1")), holder("1", Some("directory_2")));
        let other = holder("2", Some("directory_1"));
        let all = claim(&[login.clone(), first.clone(), second.clone(), other.clone()]);
        let directory = DirectoryId::parse("directory_1").unwrap();
        assert_eq!(all.without(&user("1"), Some(&directory)).holders, [login, second, other.clone()]);
        assert_eq!(all.without(&user("1"), None).holders, [other]);
        assert_eq!(all.without(&user("3"), None), all);
        assert_eq!(all.users(), [&user("1"), &user("2")]);
    }

    /// An address that hundreds share belongs to nobody, and must not make an item that cannot be written any more.
    #[test]
    fn a_claim_has_a_most_of_holders() {
        let holders: Vec<Holder> = (0..=MOST_HOLDERS).map(|n| holder(&n.to_string(), None)).collect();
        let full = claim(&holders[..MOST_HOLDERS]);
        assert_eq!((full.holders.len(), full.with(holders[0].clone())), (MOST_HOLDERS, full.clone()));
        assert_eq!(full.with(holders[MOST_HOLDERS].clone()), full);
        assert_eq!(claim(&holders[..MOST_HOLDERS - 1]).holders.len(), MOST_HOLDERS - 1);
    }
}
