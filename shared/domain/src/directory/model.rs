//! The projection: directories, their users, groups and memberships, as they are known here.
//!
//! Every record carries its own clock (the event it shows) and version (how often it visibly changed). A record that
//! ended is not removed at once: its clock must keep older events from bringing it back.

use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::stamp::EventClock;
use crate::clock::{Timestamp, maybe_seconds};
use crate::email::EmailAddress;
use crate::ids::{DirectoryGroupId, DirectoryId, DirectoryUserId, OrganizationId, UserId};

/// Who speaks for a directory. Exactly one does: the other's changes are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectorySource {
    /// WorkOS, by its events.
    Dsync,
    /// The customer's IdP, by SCIM.
    Scim,
}

/// State of a directory, in the words of WorkOS's events and of its API (`linked`, `unlinked`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum DirectoryState {
    Active,
    Validating,
    InvalidCredentials,
    Inactive,
    Deleting,
    /// Gone for good; nothing that it says counts any more.
    Deleted,
    Unknown(String),
}

impl DirectoryState {
    /// Whether the people of such a directory may be active. Trouble with the synchronisation ends nobody's access:
    /// only the directory's end does.
    pub const fn live(&self) -> bool {
        match self {
            Self::Active
            | Self::Validating
            | Self::InvalidCredentials
            | Self::Inactive
            | Self::Unknown(_) => true,
            Self::Deleting | Self::Deleted => false,
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Validating => "validating",
            Self::InvalidCredentials => "invalid_credentials",
            Self::Inactive => "inactive",
            Self::Deleting => "deleting",
            Self::Deleted => "deleted",
            Self::Unknown(other) => other,
        }
    }
}

impl From<String> for DirectoryState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "active" | "linked" => Self::Active,
            "validating" => Self::Validating,
            "invalid_credentials" => Self::InvalidCredentials,
            "inactive" | "unlinked" => Self::Inactive,
            "deleting" => Self::Deleting,
            "deleted" => Self::Deleted,
            _ => Self::Unknown(text),
        }
    }
}

impl From<DirectoryState> for String {
    fn from(state: DirectoryState) -> Self {
        state.as_str().to_owned()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    pub id: DirectoryId,
    pub organization: OrganizationId,
    pub source: DirectorySource,
    pub state: DirectoryState,
    /// Empty until the directory has introduced itself: its people may come before it does.
    pub name: String,
    /// `okta scim v2.0`, `gsuite directory`, …: an open list.
    pub kind: String,
    pub version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<EventClock>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// State of a person in one directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectoryUserState {
    Active,
    Suspended,
    Inactive,
    Deleted,
}

impl DirectoryUserState {
    /// From WorkOS's word. Whatever is not `active` is not active.
    pub fn from_word(word: &str) -> Self {
        match word {
            "active" => Self::Active,
            "suspended" => Self::Suspended,
            _ => Self::Inactive,
        }
    }

    pub const fn active(self) -> bool {
        match self {
            Self::Active => true,
            Self::Suspended | Self::Inactive | Self::Deleted => false,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Inactive => "inactive",
            Self::Deleted => "deleted",
        }
    }
}

/// One directory's record of one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryUser {
    pub id: DirectoryUserId,
    pub directory: DirectoryId,
    pub organization: OrganizationId,
    pub state: DirectoryUserState,
    /// The person of ours. `None` only where the directory has never said anything of the person but their end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<String>,
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    pub version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<EventClock>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// End of the record, once it is not active.
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// A group. It never lists its members: each membership is a record of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryGroup {
    pub id: DirectoryGroupId,
    pub directory: DirectoryId,
    pub organization: OrganizationId,
    /// A label: it may change, and other groups may have the same.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idp_id: Option<String>,
    pub deleted: bool,
    pub version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<EventClock>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// One person in one group. Needs neither to be known yet; who reads it leaves out what is not there or not active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    pub group: DirectoryGroupId,
    /// The directory user, not the user of ours.
    pub member: DirectoryUserId,
    pub directory: DirectoryId,
    pub organization: OrganizationId,
    /// `false`: removed, and kept so that an older "added" cannot bring it back.
    pub present: bool,
    pub version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<EventClock>,
    #[serde(default, with = "maybe_seconds", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_a_directory_ends_its_people() {
        for (word, live) in [
            ("active", true),
            ("linked", true),
            ("validating", true),
            ("invalid_credentials", true),
            ("inactive", true),
            ("unlinked", true),
            ("something_new", true),
            ("deleting", false),
            ("deleted", false),
        ] {
            assert_eq!(DirectoryState::from(word.to_owned()).live(), live, "{word}");
        }
    }

    /// A state is kept under WorkOS's word for it; a word that nobody knows is not lost.
    #[test]
    fn states_keep_their_words() {
        for (said, kept) in [
            ("active", "active"),
            ("linked", "active"),
            ("validating", "validating"),
            ("invalid_credentials", "invalid_credentials"),
            ("inactive", "inactive"),
            ("unlinked", "inactive"),
            ("deleting", "deleting"),
            ("deleted", "deleted"),
            ("something_new", "something_new"),
        ] {
            let state = DirectoryState::from(said.to_owned());
            assert_eq!((state.as_str(), String::from(state.clone()).as_str()), (kept, kept));
            assert_eq!(matches!(state, DirectoryState::Unknown(_)), said == "something_new", "{said}");
        }
        for state in [DirectoryUserState::Active, DirectoryUserState::Suspended, DirectoryUserState::Inactive]
        {
            assert_eq!(DirectoryUserState::from_word(state.as_str()), state);
        }
        assert_eq!(DirectoryUserState::Deleted.as_str(), "deleted");
    }

    /// R58: what is not `active` is not active, whatever word WorkOS finds for it.
    #[test]
    fn only_active_is_active() {
        for word in ["suspended", "inactive", "deleted", "ACTIVE", "", "on_leave"] {
            assert!(!DirectoryUserState::from_word(word).active(), "{word}");
        }
        assert!(DirectoryUserState::from_word("active").active());
    }
}
