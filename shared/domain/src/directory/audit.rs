//! What a change leaves in the tenant's audit log, before it has an id and a time.

use std::collections::BTreeMap;

use crate::audit::AuditAction;

/// The directory is the actor; the details name who and what it acted upon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditNote {
    pub action: AuditAction,
    /// `user`, `directory_user`, `group`: their ids.
    pub details: BTreeMap<String, String>,
}

impl AuditNote {
    pub(super) fn new<'a>(
        action: AuditAction,
        details: impl IntoIterator<Item = (&'static str, &'a str)>,
    ) -> Self {
        let details = details.into_iter().map(|(name, id)| (name.to_owned(), id.to_owned()));
        Self { action, details: details.collect() }
    }
}
