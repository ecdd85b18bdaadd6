//! The directory itself: it introduces itself, is unlinked, or is gone. Its end is one state in the tenant's gate.

use super::{GateChange, Plan, Scene, Write, label};
use crate::audit::AuditAction;
use crate::directory::audit::AuditNote;
use crate::directory::change::{DirectoryRecord, Ignored, Outcome};
use crate::directory::model::{Directory, DirectoryState};
use crate::directory::notice::{DirectoryNotice, Notice};

impl Scene<'_> {
    pub(super) fn introduce(&self, record: &DirectoryRecord) -> Plan {
        self.directory(Directory {
            name: label(&record.name),
            kind: label(&record.kind),
            state: record.state.clone(),
            ..self.ground.directory.clone()
        })
    }

    pub(super) fn settle(&self, state: DirectoryState) -> Plan {
        self.directory(Directory { state, ..self.ground.directory.clone() })
    }

    fn directory(&self, mut after: Directory) -> Plan {
        let before = &self.ground.directory;
        let gone = DirectoryState::Deleted;
        // The end is final, in whatever order it comes.
        match (before.state == gone, after.state == gone) {
            (true, true) => return Plan::only(Outcome::NoChange),
            (true, false) => return Plan::only(Outcome::Ignored(Ignored::DirectoryDeleted)),
            (false, true) => {}
            (false, false) => {
                if let Some(outcome) = self.late(Some((before.version, before.clock.as_ref()))) {
                    return Plan::only(outcome);
                }
            }
        }
        let same = after == *before;
        after.clock = self.stamp.clock().or_else(|| before.clock.clone());
        if same && before.version > 0 {
            return Plan { outcome: Outcome::NoChange, writes: vec![Write::Directory(after)] };
        }
        after.version = before.version.saturating_add(1);
        after.updated_at = self.terms.now;
        let mut writes = Vec::new();
        let stored = self.current.gate.as_ref().map(|gate| gate.directories.get(&after.id));
        if stored.is_none() {
            let mut gate = self.ground.gate.clone();
            gate.directories.insert(after.id.clone(), after.state.clone());
            writes.push(Write::Tenant(self.ground.tenant.clone(), gate));
        } else if stored.flatten() != Some(&after.state) {
            writes.push(Write::Gate(GateChange {
                directory: after.id.clone(),
                state: after.state.clone(),
                raise_generation: stored.flatten().is_some_and(|state| !state.live()) && after.state.live(),
            }));
        }
        let what = DirectoryNotice::of(&after);
        let (notice, action) = if after.state == gone {
            (Notice::DirectoryDeleted(what), AuditAction::DirectoryDeleted)
        } else if before.version == 0 {
            (Notice::DirectoryActivated(what), AuditAction::DirectoryActivated)
        } else {
            (Notice::DirectoryUpdated(what), AuditAction::DirectoryUpdated)
        };
        let version = after.version;
        writes.push(Write::Audit(AuditNote::new(action, [])));
        writes.push(Write::Directory(after));
        writes.push(Write::Notice(notice, version));
        Plan { outcome: Outcome::Applied { version }, writes }
    }
}
