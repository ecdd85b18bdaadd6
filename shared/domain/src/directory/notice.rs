//! What the app hears of a change: the whole of what is now, not a difference, so that a lost or late notice heals
//! with the next one. `order` grows with every notice about the same user, group, membership or directory.

use serde::{Deserialize, Serialize};

use super::attributes::Attributes;
use super::model::{Directory, DirectoryGroup, DirectoryState, DirectoryUserState, Membership};
use crate::email::EmailAddress;
use crate::ids::{DirectoryGroupId, DirectoryId, DirectoryUserId, OrganizationId, UserId};
use crate::tenant::Gate;
use crate::user::User;

macro_rules! notices {
    ($($variant:ident($data:ty) = $word:literal;)*) => {
        /// A notice: `{"type": "user.created", "data": {…}}`.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "type", content = "data")]
        pub enum Notice {
            $(#[serde(rename = $word)] $variant($data),)*
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum NoticeKind {
            $(#[serde(rename = $word)] $variant,)*
        }

        impl Notice {
            pub const fn kind(&self) -> NoticeKind {
                match self { $(Self::$variant(_) => NoticeKind::$variant,)* }
            }
        }

        impl NoticeKind {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

notices! {
    UserCreated(UserNotice) = "user.created";
    UserUpdated(UserNotice) = "user.updated";
    UserDeactivated(UserNotice) = "user.deactivated";
    UserReactivated(UserNotice) = "user.reactivated";
    GroupCreated(GroupNotice) = "group.created";
    GroupUpdated(GroupNotice) = "group.updated";
    GroupDeleted(GroupNotice) = "group.deleted";
    MembershipAdded(MembershipNotice) = "membership.added";
    MembershipRemoved(MembershipNotice) = "membership.removed";
    DirectoryActivated(DirectoryNotice) = "directory.activated";
    DirectoryUpdated(DirectoryNotice) = "directory.updated";
    DirectoryDeleted(DirectoryNotice) = "directory.deleted";
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserNotice {
    pub id: UserId,
    pub organization_id: OrganizationId,
    /// Whether the user may sign in.
    pub active: bool,
    pub email: Option<EmailAddress>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub attributes: Attributes,
    /// The directories' records of this user: memberships name those.
    pub directory_users: Vec<DirectoryUserNotice>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryUserNotice {
    pub id: DirectoryUserId,
    pub directory_id: DirectoryId,
    pub state: DirectoryUserState,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNotice {
    pub id: DirectoryGroupId,
    pub directory_id: DirectoryId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub idp_id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipNotice {
    pub group_id: DirectoryGroupId,
    pub directory_user_id: DirectoryUserId,
    pub directory_id: DirectoryId,
    pub organization_id: OrganizationId,
    /// The user, if they are known already: a membership may come before its member.
    pub user_id: Option<UserId>,
}

/// After `directory.deleted` nobody of that directory may sign in, unless another directory has them. No notice per
/// user follows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryNotice {
    pub id: DirectoryId,
    pub organization_id: OrganizationId,
    pub name: String,
    pub state: DirectoryState,
}

impl Notice {
    /// What the notice is about: notices with the same subject are in the order of their numbers.
    pub fn subject(&self) -> String {
        match self {
            Self::UserCreated(user)
            | Self::UserUpdated(user)
            | Self::UserDeactivated(user)
            | Self::UserReactivated(user) => user.id.to_string(),
            Self::GroupCreated(group) | Self::GroupUpdated(group) | Self::GroupDeleted(group) => {
                group.id.to_string()
            }
            Self::MembershipAdded(edge) | Self::MembershipRemoved(edge) => {
                format!("{}/{}", edge.group_id, edge.directory_user_id)
            }
            Self::DirectoryActivated(directory)
            | Self::DirectoryUpdated(directory)
            | Self::DirectoryDeleted(directory) => directory.id.to_string(),
        }
    }
}

impl UserNotice {
    pub fn of(user: &User, gate: &Gate) -> Self {
        let links = user.directories.iter().map(|(id, link)| DirectoryUserNotice {
            id: id.clone(),
            directory_id: link.directory.clone(),
            state: link.state,
        });
        Self {
            id: user.id.clone(),
            organization_id: user.organization.clone(),
            active: user.active_in(gate),
            email: user.email.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            attributes: user.attributes.clone(),
            directory_users: links.collect(),
        }
    }
}

impl GroupNotice {
    pub(super) fn of(group: &DirectoryGroup) -> Self {
        Self {
            id: group.id.clone(),
            directory_id: group.directory.clone(),
            organization_id: group.organization.clone(),
            name: group.name.clone(),
            idp_id: group.idp_id.clone(),
        }
    }
}

impl MembershipNotice {
    pub(super) fn of(edge: &Membership, user: Option<UserId>) -> Self {
        Self {
            group_id: edge.group.clone(),
            directory_user_id: edge.member.clone(),
            directory_id: edge.directory.clone(),
            organization_id: edge.organization.clone(),
            user_id: user,
        }
    }
}

impl DirectoryNotice {
    pub(super) fn of(directory: &Directory) -> Self {
        Self {
            id: directory.id.clone(),
            organization_id: directory.organization.clone(),
            name: directory.name.clone(),
            state: directory.state.clone(),
        }
    }
}
