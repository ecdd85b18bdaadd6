//! A user: one person inside one tenant, and the identity that leads to them.
//!
//! The identity is (organization, connection, idp_id) and never the e-mail address: the same address in two
//! organizations is two users, and a connection that is replaced does not inherit the people of the old one
//! (R41, R45). The address is a label that may change (R46). A user may also be known to directories, which then
//! describe them and decide whether they are active ([`crate::directory`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::{Timestamp, maybe_seconds};
use crate::directory::{Attributes, DirectoryLink, EventClock};
use crate::email::EmailAddress;
use crate::ids::{ConnectionId, DirectoryUserId, OrganizationId, UserId};
use crate::tenant::Profile;

/// Longest name part kept of a profile, in characters.
const NAME_LIMIT: usize = 128;

/// The key of a person at an IdP.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IdentityKey {
    pub organization: OrganizationId,
    pub connection: ConnectionId,
    pub idp_id: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserStatus {
    Active,
    Inactive,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: UserId,
    pub organization: OrganizationId,
    pub status: UserStatus,
    /// Raised by everything that ends all sessions of this person; sessions remember the one they were made under.
    pub generation: u64,
    /// Grows with every change that the app hears of.
    #[serde(default)]
    pub revision: u64,
    /// A person may be provisioned without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// What directories say of this user, by their ids of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub directories: BTreeMap<DirectoryUserId, DirectoryLink>,
    /// The event that the names, the address and the attributes are from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described_by: Option<EventClock>,
    pub created_at: Timestamp,
    /// `None`: provisioned, and not seen here yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_login_at: Option<Timestamp>,
    /// End of the data, once the user is deactivated. Seconds, because DynamoDB's TTL reads it.
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl User {
    /// A person seen for the first time.
    pub fn new(id: UserId, organization: OrganizationId, profile: &Profile, now: Timestamp) -> Self {
        Self {
            email: Some(profile.email.clone()),
            first_name: clip(profile.first_name.as_deref()),
            last_name: clip(profile.last_name.as_deref()),
            last_login_at: Some(now),
            revision: 1,
            ..Self::provisioned(id, organization, 0, now)
        }
    }

    /// A person of whom nothing is known but that they are: a directory is about to describe them.
    pub fn provisioned(id: UserId, organization: OrganizationId, generation: u64, now: Timestamp) -> Self {
        Self {
            id,
            organization,
            status: UserStatus::Active,
            generation,
            revision: 0,
            email: None,
            first_name: None,
            last_name: None,
            attributes: Attributes::default(),
            directories: BTreeMap::new(),
            described_by: None,
            created_at: now,
            last_login_at: None,
            expires_at: None,
        }
    }

    /// The same person, with what the IdP says today. Id, status and generation stay. Whom directories describe they
    /// describe alone: a login only adds what they left out.
    #[must_use]
    pub fn signed_in_again(&self, profile: &Profile, now: Timestamp) -> Self {
        let (email, described) = (Some(profile.email.clone()), !self.directories.is_empty());
        let newest = |own: &Option<String>, said: &Option<String>| {
            let said = clip(said.as_deref());
            if described { own.clone().or(said) } else { said.or_else(|| own.clone()) }
        };
        let mut again = Self {
            email: if described { self.email.clone().or(email) } else { email },
            first_name: newest(&self.first_name, &profile.first_name),
            last_name: newest(&self.last_name, &profile.last_name),
            last_login_at: Some(now),
            ..self.clone()
        };
        if !again.same_labels(self) {
            again.revision = again.revision.saturating_add(1);
        }
        again
    }

    /// Whether name and address are the same.
    pub fn same_labels(&self, other: &Self) -> bool {
        (&self.email, &self.first_name, &self.last_name)
            == (&other.email, &other.first_name, &other.last_name)
    }

    pub fn active(&self) -> bool {
        self.status == UserStatus::Active
    }

    /// The address as text; empty when there is none.
    pub fn address(&self) -> String {
        self.email.as_ref().map(EmailAddress::to_string).unwrap_or_default()
    }

    /// Whether this is the user's address now, case aside.
    pub fn has_address(&self, address: &EmailAddress) -> bool {
        self.email.as_ref().is_some_and(|own| own.folded() == address.folded())
    }

    /// Whether there is an identity of some connection that leads to this user.
    pub fn has_signed_in(&self) -> bool {
        self.last_login_at.is_some()
    }

    /// Whether the data has reached its end: such a user counts as absent, swept or not.
    pub fn expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// The name to greet with: first and last name, or the address.
    pub fn display_name(&self) -> String {
        let parts: Vec<&str> =
            [&self.first_name, &self.last_name].into_iter().flatten().map(String::as_str).collect();
        if parts.is_empty() { self.address() } else { parts.join(" ") }
    }
}

pub(crate) fn clip(name: Option<&str>) -> Option<String> {
    let name: String = name?.chars().filter(|c| !c.is_control()).take(NAME_LIMIT).collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ProfileId;

    fn profile(email: &str, first: Option<&str>) -> Profile {
        Profile {
            id: ProfileId::parse("prof_1").unwrap(),
            connection: ConnectionId::parse("conn_okta").unwrap(),
            connection_type: "OktaSAML".into(),
            organization: None,
            idp_id: "00u1".into(),
            email: EmailAddress::parse(email).unwrap(),
            first_name: first.map(str::to_owned),
            last_name: None,
            roles: vec![],
        }
    }

    /// R46: a changed address keeps the user.
    #[test]
    fn email_change_keeps_id_status_and_generation() {
        let id = UserId::parse("user_1").unwrap();
        let organization = OrganizationId::parse("org_acme").unwrap();
        let mut user =
            User::new(id, organization, &profile("ada@acme.com", Some("Ada")), Timestamp::from_seconds(1));
        user.generation = 3;
        let again = user.signed_in_again(&profile("ada.l@acme.com", None), Timestamp::from_seconds(2));
        assert_eq!(
            (again.id.clone(), again.generation, again.created_at),
            (user.id, 3, Timestamp::from_seconds(1))
        );
        assert_eq!(again.email, Some(EmailAddress::parse("ada.l@acme.com").unwrap()));
        assert_eq!(again.display_name(), "Ada");
        let married = Profile { last_name: Some("Lovelace".into()), ..profile("ada.l@acme.com", None) };
        let again = again.signed_in_again(&married, Timestamp::from_seconds(3));
        assert_eq!(again.last_name.as_deref(), Some("Lovelace"));
    }

    /// The app hears of what changed and of nothing else: only that raises the revision.
    #[test]
    fn a_login_that_changes_nothing_is_no_news() {
        let (id, organization) =
            (UserId::parse("user_1").unwrap(), OrganizationId::parse("org_acme").unwrap());
        let now = Timestamp::from_seconds(1);
        let user = User::new(id, organization, &profile("ada@acme.com", Some("Ada")), now);
        assert_eq!(user.revision, 1);
        assert_eq!(user.signed_in_again(&profile("ada@acme.com", Some("Ada")), now).revision, 1);
        assert_eq!(user.signed_in_again(&profile("ada@acme.com", None), now).revision, 1);
        assert_eq!(user.signed_in_again(&profile("ada@acme.com", Some("Augusta")), now).revision, 2);
    }

    /// A directory's word about its people is the last: a login adds what it left out and changes nothing.
    #[test]
    fn whom_a_directory_describes_a_login_does_not() {
        let (id, organization) =
            (UserId::parse("user_1").unwrap(), OrganizationId::parse("org_acme").unwrap());
        let member = DirectoryUserId::parse("directory_user_1").unwrap();
        let link = DirectoryLink {
            directory: crate::ids::DirectoryId::parse("directory_1").unwrap(),
            state: crate::directory::DirectoryUserState::Active,
        };
        let brought = User {
            email: Some(EmailAddress::parse("ada@acme.com").unwrap()),
            directories: [(member, link)].into(),
            ..User::provisioned(id, organization, 0, Timestamp::from_seconds(1))
        };
        let again =
            brought.signed_in_again(&profile("ada.l@acme.com", Some("Ada")), Timestamp::from_seconds(2));
        assert_eq!((again.address().as_str(), again.first_name.as_deref()), ("ada@acme.com", Some("Ada")));
        assert!(again.has_signed_in());
    }

    #[test]
    fn names_are_clipped_and_lose_control_characters() {
        assert_eq!(clip(Some("A\u{0}d\na ")), Some("Ada".into()));
        assert_eq!(clip(Some("\u{1F600}".repeat(500).as_str())).map(|n| n.chars().count()), Some(NAME_LIMIT));
        assert_eq!(clip(Some(" \t")), None);
    }
}
