//! Whether a user may be here, as far as directories have a say.
//!
//! A user holds any number of directory links and is active when there are none or any of them is. A link of a
//! directory that is gone counts as not active, by one state in the tenant's gate: thousands of people are signed out
//! by one write, and nothing loops over them.

use serde::{Deserialize, Serialize};

use super::model::DirectoryUserState;
use crate::ids::{DirectoryId, DirectoryUserId};
use crate::tenant::Gate;
use crate::user::{User, UserStatus};

/// The most links that are kept of one user. Only deleted ones are ever forgotten.
const MOST_LINKS: usize = 16;

/// What one directory user means to the user it is joined to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryLink {
    pub directory: DirectoryId,
    pub state: DirectoryUserState,
}

impl DirectoryLink {
    fn active(&self, gate: &Gate) -> bool {
        self.state.active() && gate.directory_live(&self.directory)
    }

    /// Whether the link ties the user to a person who is still in a directory, active or not.
    fn ties(&self, gate: &Gate) -> bool {
        self.state != DirectoryUserState::Deleted && gate.directory_live(&self.directory)
    }
}

impl Gate {
    /// Whether the directory is there. One that the gate does not know is not: refusing is safe.
    pub fn directory_live(&self, directory: &DirectoryId) -> bool {
        self.directories.get(directory).is_some_and(super::model::DirectoryState::live)
    }
}

impl User {
    /// Whether the user may be here, given the tenant's gate.
    pub fn active_in(&self, gate: &Gate) -> bool {
        self.active()
            && (self.directories.is_empty() || self.directories.values().any(|link| link.active(gate)))
    }

    /// Whether any directory that is still there has a record of this user that is not deleted.
    pub fn tied(&self, gate: &Gate) -> bool {
        self.directories.values().any(|link| link.ties(gate))
    }

    /// The same user after a directory said something of them.
    #[must_use]
    pub(super) fn linked(mut self, member: &DirectoryUserId, link: DirectoryLink) -> Self {
        self.directories.insert(member.clone(), link);
        while self.directories.len() > MOST_LINKS {
            let deleted =
                |(_, link): &(&DirectoryUserId, &DirectoryLink)| link.state == DirectoryUserState::Deleted;
            let Some(oldest) = self.directories.iter().find(deleted).map(|(id, _)| id.clone()) else { break };
            self.directories.remove(&oldest);
        }
        let active = self.directories.is_empty() || self.directories.values().any(|link| link.state.active());
        self.status = if active { UserStatus::Active } else { UserStatus::Inactive };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::DirectoryState;
    use crate::directory::testing::{gate, user};

    fn link(directory: &str, state: DirectoryUserState) -> DirectoryLink {
        DirectoryLink { directory: DirectoryId::parse(directory).unwrap(), state }
    }

    fn linked(links: &[(&str, DirectoryUserState)]) -> User {
        let mut person = user("user_1", Some("ada@acme.com"));
        for (n, (directory, state)) in links.iter().enumerate() {
            let member = DirectoryUserId::parse(&format!("directory_user_{n}")).unwrap();
            person = person.linked(&member, link(directory, *state));
        }
        person
    }

    /// Every combination of no, one and two links, with the directory there, gone, and unknown.
    #[test]
    fn a_user_is_active_without_links_or_with_any_active_one() {
        use DirectoryUserState::{Active, Deleted, Inactive, Suspended};
        let gate =
            gate(&[("directory_here", DirectoryState::Active), ("directory_gone", DirectoryState::Deleted)]);
        assert!(linked(&[]).active_in(&gate));
        let single: Vec<(&str, DirectoryUserState, bool)> = vec![
            ("directory_here", Active, true),
            ("directory_here", Suspended, false),
            ("directory_here", Inactive, false),
            ("directory_here", Deleted, false),
            ("directory_gone", Active, false),
            ("directory_gone", Deleted, false),
            ("directory_unknown", Active, false),
        ];
        for (directory, state, expected) in &single {
            assert_eq!(linked(&[(directory, *state)]).active_in(&gate), *expected, "{directory} {state:?}");
            for (other, second, also) in &single {
                let both = linked(&[(directory, *state), (other, *second)]);
                assert_eq!(
                    both.active_in(&gate),
                    *expected || *also,
                    "{directory} {state:?} {other} {second:?}"
                );
            }
        }
    }

    #[test]
    fn only_deleted_links_are_forgotten_and_never_the_last() {
        use DirectoryUserState::{Deleted, Inactive};
        let many: Vec<(&str, DirectoryUserState)> = vec![("directory_here", Deleted); 40];
        let person = linked(&many);
        assert_eq!(person.directories.len(), MOST_LINKS);
        assert!(!person.active(), "a leaver of forty employments is still a leaver");
        let kept: Vec<(&str, DirectoryUserState)> = vec![("directory_here", Inactive); 20];
        assert_eq!(linked(&kept).directories.len(), 20);
    }
}
