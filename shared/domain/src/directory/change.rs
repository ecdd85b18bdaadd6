//! What an input may say of a directory, and what comes of it.
//!
//! A webhook, the Events API, a full listing and a SCIM client all end in these values, so that whatever reads the
//! projection sees the same whoever spoke.

use std::collections::BTreeMap;

use super::model::{DirectorySource, DirectoryState, DirectoryUserState};
use super::notice::NoticeKind;
use crate::email::EmailAddress;
use crate::ids::{DirectoryGroupId, DirectoryId, DirectoryUserId, OrganizationId};

/// Who speaks, and for which directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    pub directory: DirectoryId,
    /// The organization, where the input names one. A directory that is not known yet cannot be placed without.
    pub organization: Option<OrganizationId>,
    pub source: DirectorySource,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryChange {
    /// The whole record of a person, new or changed.
    UpsertUser(UserRecord),
    /// The person is not active any more; the directory keeps the record.
    DeactivateUser {
        user: DirectoryUserId,
    },
    /// The directory has no such person any more. The last record, where the input has it: the end may come before
    /// the beginning, and must lead to the same person.
    DeleteUser {
        user: DirectoryUserId,
        record: Option<UserRecord>,
    },
    UpsertGroup(GroupRecord),
    DeleteGroup {
        group: DirectoryGroupId,
    },
    AddMember {
        group: DirectoryGroupId,
        user: DirectoryUserId,
    },
    RemoveMember {
        group: DirectoryGroupId,
        user: DirectoryUserId,
    },
    /// The directory introduces itself.
    DirectoryActivated(DirectoryRecord),
    /// The synchronisation is unlinked; nobody's access ends by it.
    DirectoryDeactivated,
    /// The directory and all it said are gone. No event per person will come.
    DirectoryDeleted,
}

/// What a directory says of a person. Always whole: what is absent here is absent there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    pub id: DirectoryUserId,
    pub idp_id: Option<String>,
    pub email: Option<EmailAddress>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub state: DirectoryUserState,
    /// Custom attributes as texts; the tenant's map decides what is kept.
    pub custom: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRecord {
    pub id: DirectoryGroupId,
    pub name: String,
    pub idp_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryRecord {
    pub name: String,
    pub kind: String,
    pub state: DirectoryState,
}

impl UserRecord {
    /// The address as directories write it: case means nothing, and what is no address is none.
    pub fn address(text: &str) -> Option<EmailAddress> {
        EmailAddress::parse(&text.trim().to_lowercase()).ok()
    }
}

impl DirectoryChange {
    /// The directory user that it is about.
    pub const fn member(&self) -> Option<&DirectoryUserId> {
        match self {
            Self::UpsertUser(record) => Some(&record.id),
            Self::DeactivateUser { user }
            | Self::DeleteUser { user, .. }
            | Self::AddMember { user, .. }
            | Self::RemoveMember { user, .. } => Some(user),
            Self::UpsertGroup(_)
            | Self::DeleteGroup { .. }
            | Self::DirectoryActivated(_)
            | Self::DirectoryDeactivated
            | Self::DirectoryDeleted => None,
        }
    }

    /// The group that it is about.
    pub const fn group(&self) -> Option<&DirectoryGroupId> {
        match self {
            Self::UpsertGroup(record) => Some(&record.id),
            Self::DeleteGroup { group }
            | Self::AddMember { group, .. }
            | Self::RemoveMember { group, .. } => Some(group),
            Self::UpsertUser(_)
            | Self::DeactivateUser { .. }
            | Self::DeleteUser { .. }
            | Self::DirectoryActivated(_)
            | Self::DirectoryDeactivated
            | Self::DirectoryDeleted => None,
        }
    }

    /// What it says of a person, if it does.
    pub const fn record(&self) -> Option<&UserRecord> {
        match self {
            Self::UpsertUser(record) => Some(record),
            Self::DeleteUser { record, .. } => record.as_ref(),
            Self::DeactivateUser { .. }
            | Self::AddMember { .. }
            | Self::RemoveMember { .. }
            | Self::UpsertGroup(_)
            | Self::DeleteGroup { .. }
            | Self::DirectoryActivated(_)
            | Self::DirectoryDeactivated
            | Self::DirectoryDeleted => None,
        }
    }

    /// Stable word for logs and metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::UpsertUser(_) => "upsert_user",
            Self::DeactivateUser { .. } => "deactivate_user",
            Self::DeleteUser { .. } => "delete_user",
            Self::UpsertGroup(_) => "upsert_group",
            Self::DeleteGroup { .. } => "delete_group",
            Self::AddMember { .. } => "add_member",
            Self::RemoveMember { .. } => "remove_member",
            Self::DirectoryActivated(_) => "directory_activated",
            Self::DirectoryDeactivated => "directory_deactivated",
            Self::DirectoryDeleted => "directory_deleted",
        }
    }
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Written; the version that the record has now.
    Applied {
        version: u64,
    },
    /// It says what is known already.
    NoChange,
    /// Something newer is known.
    Stale,
    /// This very event was handled before.
    Duplicate,
    Ignored(Ignored),
    /// The directory is not known and nothing says whose it is. Nothing was written, not even that the event was
    /// seen: it must come again.
    Unresolved,
}

/// Why a change counts for nothing, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    DirectoryDeleted,
    /// The event names another organization than the one that owns the directory.
    OtherOrganization,
    /// Somebody else speaks for this directory.
    NotAuthoritative,
}

impl Outcome {
    /// Stable word for logs, metrics and the record of a seen event.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Applied { .. } => "applied",
            Self::NoChange => "no_change",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
            Self::Ignored(_) => "ignored",
            Self::Unresolved => "unresolved",
        }
    }
}

impl Outcome {
    /// Why it counted for nothing.
    pub const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Ignored(ignored) => Some(ignored.as_str()),
            Self::Applied { .. } | Self::NoChange | Self::Stale | Self::Duplicate | Self::Unresolved => None,
        }
    }
}

impl Ignored {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DirectoryDeleted => "directory_deleted",
            Self::OtherOrganization => "other_organization",
            Self::NotAuthoritative => "not_authoritative",
        }
    }
}

/// What applying a change came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub outcome: Outcome,
    /// The tenant, where it is known.
    pub organization: Option<OrganizationId>,
    /// What the app hears of it, by kind.
    pub notices: Vec<NoticeKind>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_lower_case_or_none() {
        let address = |text| UserRecord::address(text).map(|email| email.to_string());
        assert_eq!(address(" Ada.Lovelace@ACME.com "), Some("ada.lovelace@acme.com".into()));
        for none in ["", "ada", "a@b@acme.com", "ada@acme", "ada@acme.com\n@evil.com"] {
            assert_eq!(address(none), None, "{none:?}");
        }
    }

    /// R57: metrics, logs and the record of an event tell outcomes apart by these words.
    #[test]
    fn outcomes_have_words_of_their_own() {
        let words = [
            (Outcome::Applied { version: 1 }, "applied", None),
            (Outcome::NoChange, "no_change", None),
            (Outcome::Stale, "stale", None),
            (Outcome::Duplicate, "duplicate", None),
            (Outcome::Unresolved, "unresolved", None),
            (Outcome::Ignored(Ignored::DirectoryDeleted), "ignored", Some("directory_deleted")),
            (Outcome::Ignored(Ignored::OtherOrganization), "ignored", Some("other_organization")),
            (Outcome::Ignored(Ignored::NotAuthoritative), "ignored", Some("not_authoritative")),
        ];
        for (outcome, word, reason) in words {
            assert_eq!((outcome.as_str(), outcome.reason()), (word, reason));
        }
    }

    #[test]
    fn changes_have_words_of_their_own() {
        let user = DirectoryUserId::parse("directory_user_1").unwrap();
        let group = DirectoryGroupId::parse("directory_group_1").unwrap();
        let words = [
            (DirectoryChange::DeactivateUser { user: user.clone() }, "deactivate_user"),
            (DirectoryChange::DeleteUser { user: user.clone(), record: None }, "delete_user"),
            (DirectoryChange::DeleteGroup { group: group.clone() }, "delete_group"),
            (DirectoryChange::AddMember { group: group.clone(), user: user.clone() }, "add_member"),
            (DirectoryChange::RemoveMember { group, user }, "remove_member"),
            (DirectoryChange::DirectoryDeactivated, "directory_deactivated"),
            (DirectoryChange::DirectoryDeleted, "directory_deleted"),
        ];
        for (change, word) in words {
            assert_eq!(change.as_str(), word);
        }
    }
}
