//! Audit items that stand for themselves: what an operator did elsewhere and no item of ours shows.

use domain::audit::AuditEvent;

use crate::Store;
use crate::error::StoreError;

impl Store {
    /// Records an event. For changes of our own items the event is part of their transaction instead.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record(&self, event: &AuditEvent) -> Result<(), StoreError> {
        let operation = "record an audit event";
        let item = self.audit(operation, event)?;
        // An item of this id that is there already is this very event: ids are random, or made of what happened.
        self.transact(operation, vec![item]).await.map(drop)
    }
}
