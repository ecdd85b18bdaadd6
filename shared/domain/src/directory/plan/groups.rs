//! Groups and memberships. A group knows nothing of its members: renaming or deleting one is one write however many
//! people are in it, and a membership stands on its own, before its group or its member is known and after.

use super::{Plan, Scene, Write, label};
use crate::audit::AuditAction;
use crate::directory::audit::AuditNote;
use crate::directory::change::{GroupRecord, Outcome};
use crate::directory::model::{DirectoryGroup, Membership};
use crate::directory::notice::{GroupNotice, MembershipNotice, Notice};
use crate::ids::{DirectoryGroupId, DirectoryUserId};

impl Scene<'_> {
    pub(super) fn group(&self, record: &GroupRecord) -> Plan {
        let name = label(&record.name);
        let idp_id = record.idp_id.clone().filter(|id| !id.is_empty());
        self.become_group(&record.id, |group| DirectoryGroup {
            name,
            idp_id,
            deleted: false,
            expires_at: None,
            ..group
        })
    }

    /// The group is gone; its memberships stay as they are, unread. Only its clock is kept.
    pub(super) fn delete_group(&self, id: &DirectoryGroupId) -> Plan {
        let ends = self.terms.retention.memory_ends(self.terms.now);
        self.become_group(id, |group| DirectoryGroup {
            name: String::new(),
            idp_id: None,
            deleted: true,
            expires_at: Some(ends),
            ..group
        })
    }

    fn become_group(
        &self,
        id: &DirectoryGroupId,
        change: impl FnOnce(DirectoryGroup) -> DirectoryGroup,
    ) -> Plan {
        let before = self.current.group.as_ref();
        if let Some(outcome) = self.late(before.map(|group| (group.version, group.clock.as_ref()))) {
            return Plan::only(outcome);
        }
        let base = before.cloned().unwrap_or_else(|| DirectoryGroup {
            id: id.clone(),
            directory: self.ground.directory.id.clone(),
            organization: self.ground.directory.organization.clone(),
            name: String::new(),
            idp_id: None,
            // Not there yet: an end without a beginning is no news, but its clock is kept.
            deleted: true,
            version: 0,
            clock: None,
            created_at: self.terms.now,
            updated_at: self.terms.now,
            expires_at: None,
        });
        let mut after = change(base.clone());
        after.clock = self.stamp.clock().or_else(|| base.clock.clone());
        let mut writes = self.ground.writes.clone();
        let visible = |group: &DirectoryGroup| (group.deleted, group.name.clone(), group.idp_id.clone());
        if visible(&after) == visible(&base) {
            writes.push(Write::Group(after));
            return Plan { outcome: Outcome::NoChange, writes };
        }
        after.version = base.version.saturating_add(1);
        after.updated_at = self.terms.now;
        let version = after.version;
        let what = GroupNotice::of(if after.deleted { &base } else { &after });
        let (notice, action) = match (base.deleted, after.deleted) {
            (true, false) => (Notice::GroupCreated(what), AuditAction::GroupCreated),
            (false, false) | (true, true) => (Notice::GroupUpdated(what), AuditAction::GroupUpdated),
            (false, true) => (Notice::GroupDeleted(what), AuditAction::GroupDeleted),
        };
        writes.push(Write::Audit(AuditNote::new(action, [("group", after.id.as_str())])));
        writes.push(Write::Group(after));
        writes.push(Write::Notice(notice, version));
        Plan { outcome: Outcome::Applied { version }, writes }
    }

    pub(super) fn membership(
        &self,
        group: &DirectoryGroupId,
        member: &DirectoryUserId,
        present: bool,
    ) -> Plan {
        let before = self.current.membership.as_ref();
        if let Some(outcome) = self.late(before.map(|edge| (edge.version, edge.clock.as_ref()))) {
            return Plan::only(outcome);
        }
        let was = before.is_some_and(|edge| edge.present);
        let version = before.map_or(0, |edge| edge.version).saturating_add(u64::from(was != present));
        let after = Membership {
            group: group.clone(),
            member: member.clone(),
            directory: self.ground.directory.id.clone(),
            organization: self.ground.directory.organization.clone(),
            present,
            version,
            clock: self.stamp.clock().or_else(|| before.and_then(|edge| edge.clock.clone())),
            expires_at: (!present).then(|| self.terms.retention.memory_ends(self.terms.now)),
        };
        let mut writes = self.ground.writes.clone();
        if was == present {
            writes.push(Write::Membership(after));
            return Plan { outcome: Outcome::NoChange, writes };
        }
        let user = self.current.member.as_ref().and_then(|member| member.user.clone());
        let mut details = vec![("group", group.as_str()), ("directory_user", member.as_str())];
        details.extend(user.as_ref().map(|user| ("user", user.as_str())));
        let what = MembershipNotice::of(&after, user.clone());
        let (notice, action) = if present {
            (Notice::MembershipAdded(what), AuditAction::MembershipAdded)
        } else {
            (Notice::MembershipRemoved(what), AuditAction::MembershipRemoved)
        };
        writes.push(Write::Membership(after));
        writes.push(Write::Audit(AuditNote::new(action, details)));
        writes.push(Write::Notice(notice, version));
        Plan { outcome: Outcome::Applied { version }, writes }
    }
}
