//! Somebody's data reached the end of its retention, and the database removed it by itself. That it happened is told by
//! nothing but the stream, so the audit item is written from there: once, however often the record comes.

use store::{StoreError, Swept};

use crate::Deps;
use crate::event::Record;

pub(crate) async fn record(deps: &Deps, record: &Record) -> Result<(), StoreError> {
    let Some(image) = &record.dynamodb.old_image else { return Ok(()) };
    let keys = &record.dynamodb.keys;
    let purged = deps
        .store
        .record_purge(&Swept {
            pk: &keys.pk.text,
            sk: &keys.sk.text,
            organization: &image.organization.text,
            id: &image.id.text,
            at: record.at(),
            record: &record.event_id,
        })
        .await?;
    if purged {
        let user = &image.id.text;
        tracing::info!(user.id = user, "the data of {user} reached the end of its retention");
    }
    Ok(())
}
