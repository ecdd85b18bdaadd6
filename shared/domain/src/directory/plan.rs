//! What a change does, as a pure function from what is known to what is to be written.
//!
//! Nothing is read and nothing is written here. Whoever executes the plan does so in one transaction, on condition
//! that everything is still as it was in [`Current`], and otherwise reads and asks again. Each scope (directory user,
//! group, membership, directory) is put in order by its own clock and never touches another's.

mod directories;
mod groups;
mod people;

use std::collections::BTreeMap;

use super::audit::AuditNote;
use super::change::{DirectoryChange, Ignored, Origin, Outcome};
use super::claims::{Claim, ClaimKey};
use super::model::{
    Directory, DirectoryGroup, DirectorySource, DirectoryState, DirectoryUser, DirectoryUserState, Membership,
};
use super::notice::Notice;
use super::retention::Retention;
use super::stamp::{ChangeStamp, EventClock, Order};
use crate::clock::Timestamp;
use crate::ids::{DirectoryId, OrganizationId, UserId};
use crate::tenant::{Gate, Tenant};
use crate::user::User;

/// What is known now of everything that the change may touch. What has expired is not in here.
#[derive(Clone, Debug, Default)]
pub struct Current {
    pub directory: Option<Directory>,
    pub tenant: Option<Tenant>,
    pub gate: Option<Gate>,
    /// The directory's record of the person.
    pub member: Option<DirectoryUser>,
    /// The claims on every idp id and address in play; absent ones may be left out.
    pub claims: BTreeMap<ClaimKey, Claim>,
    /// The user that the record is joined to, and every holder of a claim.
    pub users: BTreeMap<UserId, User>,
    pub group: Option<DirectoryGroup>,
    pub membership: Option<Membership>,
}

/// What the plan is made under.
#[derive(Clone, Debug)]
pub struct Terms {
    pub now: Timestamp,
    pub retention: Retention,
    /// The id of a user who turns out to be new.
    pub fresh: UserId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub outcome: Outcome,
    pub writes: Vec<Write>,
}

/// One thing to be written. Records replace what is stored under their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A tenant that nobody has met yet, and its gate.
    Tenant(Tenant, Gate),
    Directory(Directory),
    Gate(GateChange),
    Member(DirectoryUser),
    /// A user: what directories say of them. Sign-ins stay as they are.
    User(User),
    /// End this user's sessions and nothing else.
    EndSessions(UserId),
    /// A claim; one without holders is removed.
    Claim(ClaimKey, Claim),
    Group(DirectoryGroup),
    Membership(Membership),
    /// What the app hears, with its number in the order of its subject.
    Notice(Notice, u64),
    Audit(AuditNote),
}

/// The one state of a directory that logins and strict checks see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateChange {
    pub directory: DirectoryId,
    pub state: DirectoryState,
    /// Raise the tenant's generation: sessions that the directory's end had ended must not come back with it.
    pub raise_generation: bool,
}

impl Plan {
    const fn only(outcome: Outcome) -> Self {
        Self { outcome, writes: Vec::new() }
    }
}

/// What the change does.
pub fn plan(
    origin: &Origin,
    change: &DirectoryChange,
    stamp: &ChangeStamp,
    current: &Current,
    terms: &Terms,
) -> Plan {
    let ground = match Ground::find(origin, current, terms) {
        Ok(ground) => ground,
        Err(outcome) => return Plan::only(outcome),
    };
    let scene = Scene { stamp, current, terms, ground };
    match change {
        DirectoryChange::DirectoryActivated(record) => scene.introduce(record),
        DirectoryChange::DirectoryDeactivated => scene.settle(DirectoryState::Inactive),
        DirectoryChange::DirectoryDeleted => scene.settle(DirectoryState::Deleted),
        _ if scene.ground.directory.state == DirectoryState::Deleted => {
            Plan::only(Outcome::Ignored(Ignored::DirectoryDeleted))
        }
        DirectoryChange::UpsertUser(record) => scene.person(&record.id, record.state, Some(record)),
        DirectoryChange::DeactivateUser { user } => scene.person(user, DirectoryUserState::Inactive, None),
        DirectoryChange::DeleteUser { user, record } => {
            scene.person(user, DirectoryUserState::Deleted, record.as_ref())
        }
        DirectoryChange::UpsertGroup(record) => scene.group(record),
        DirectoryChange::DeleteGroup { group } => scene.delete_group(group),
        DirectoryChange::AddMember { group, user } => scene.membership(group, user, true),
        DirectoryChange::RemoveMember { group, user } => scene.membership(group, user, false),
    }
}

/// One change in front of what is known.
struct Scene<'a> {
    stamp: &'a ChangeStamp,
    current: &'a Current,
    terms: &'a Terms,
    ground: Ground,
}

impl Scene<'_> {
    /// What becomes of a change that is not newer than what is stored.
    fn late(&self, stored: Option<(u64, Option<&EventClock>)>) -> Option<Outcome> {
        let (version, clock) = stored.unwrap_or((0, None));
        match self.stamp.order(version, clock) {
            Order::Newer => None,
            Order::Same => Some(Outcome::Duplicate),
            Order::Older => Some(Outcome::Stale),
        }
    }
}

/// The directory and tenant that a change stands on, made up where they are not known yet.
struct Ground {
    directory: Directory,
    tenant: Tenant,
    /// The gate as it will be, with the directory's state in it.
    gate: Gate,
    /// What makes them real.
    writes: Vec<Write>,
}

impl Ground {
    fn find(origin: &Origin, current: &Current, terms: &Terms) -> Result<Self, Outcome> {
        let directory = match (&current.directory, &origin.organization) {
            (Some(directory), Some(named)) if directory.organization != *named => {
                return Err(Outcome::Ignored(Ignored::OtherOrganization));
            }
            (Some(directory), _) if directory.source != origin.source => {
                return Err(Outcome::Ignored(Ignored::NotAuthoritative));
            }
            (Some(directory), _) => directory.clone(),
            // A person may overtake the directory's own introduction. A SCIM directory is made by an operator alone.
            (None, Some(organization)) if origin.source == DirectorySource::Dsync => {
                unintroduced(&origin.directory, organization, terms.now)
            }
            (None, _) => return Err(Outcome::Unresolved),
        };
        let organization = &directory.organization;
        let mut writes = Vec::new();
        if current.directory.is_none() {
            writes.push(Write::Directory(directory.clone()));
        }
        let tenant = current.tenant.clone().unwrap_or_else(|| Tenant::unmet(organization.clone()));
        let mut gate = current.gate.clone().unwrap_or_else(|| Gate::new(organization.clone()));
        let before = gate.directories.insert(directory.id.clone(), directory.state.clone());
        if current.gate.is_none() {
            writes.push(Write::Tenant(tenant.clone(), gate.clone()));
        } else if before.as_ref() != Some(&directory.state) {
            writes.push(Write::Gate(GateChange {
                directory: directory.id.clone(),
                state: directory.state.clone(),
                raise_generation: false,
            }));
        }
        Ok(Self { directory, tenant, gate, writes })
    }
}

fn unintroduced(id: &DirectoryId, organization: &OrganizationId, now: Timestamp) -> Directory {
    Directory {
        id: id.clone(),
        organization: organization.clone(),
        source: DirectorySource::Dsync,
        state: DirectoryState::Active,
        name: String::new(),
        kind: String::new(),
        version: 0,
        clock: None,
        created_at: now,
        updated_at: now,
    }
}

/// Longest name of a directory or group that is kept, in characters.
const LONGEST_NAME: usize = 256;

fn label(text: &str) -> String {
    let kept: String = text.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect();
    kept.trim().to_owned()
}
