//! People whose data reached the end of its retention: the database's own sweep deletes them, and says so in the table's
//! stream. The audit item that tells of it is the same however often the stream repeats itself.

use std::collections::BTreeMap;

use domain::audit::{Actor, AuditAction, AuditContext, AuditEvent};
use domain::{OrganizationId, Timestamp, UserId, ulid_of};

use crate::error::StoreError;
use crate::{Store, keys};

/// A record of the stream: an item that the sweep removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept<'a> {
    pub pk: &'a str,
    pub sk: &'a str,
    /// As the removed item had them.
    pub organization: &'a str,
    pub id: &'a str,
    /// When it was removed, and the record's own id.
    pub at: Timestamp,
    pub record: &'a str,
}

impl Store {
    /// Leaves the audit item of a removed person. `false`, and nothing written, when the item was none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record_purge(&self, swept: &Swept<'_>) -> Result<bool, StoreError> {
        let (Ok(organization), Ok(user)) =
            (OrganizationId::parse(swept.organization), UserId::parse(swept.id))
        else {
            return Ok(false);
        };
        // A directory's record of a person is kept under keys of the same form.
        let key = keys::user(&organization, &user);
        if (key.pk.as_str(), key.sk.as_str()) != (swept.pk, swept.sk) {
            return Ok(false);
        }
        self.record(&AuditEvent {
            id: ulid_of(swept.at, swept.record),
            organization,
            action: AuditAction::UserPurged,
            actor: Actor::operator("retention"),
            session: None,
            context: AuditContext {
                location: "retention".into(),
                user_agent: String::new(),
                request_id: swept.record.to_owned(),
            },
            details: BTreeMap::from([("user".to_owned(), user.to_string())]),
            occurred_at: swept.at,
        })
        .await?;
        Ok(true)
    }
}
