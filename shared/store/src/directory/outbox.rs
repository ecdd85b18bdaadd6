//! Notices to the app, written with the change they tell of.
//!
//! The item is the truth: as long as it is `pending` it is owed to the app, and the sparse index finds it. The table's
//! stream only makes delivery quick. One that the app refuses again and again is parked: nobody tries it any more until
//! an operator says so. A notice that could not be delivered in thirty days is gone: by then the app must be brought up
//! to date in another way.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
use domain::clock::as_seconds;
use domain::directory::{Notice, NoticeKind};
use domain::{OrganizationId, Timestamp, sha256, ulid_moment};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{Cause, StoreError, failed};
use crate::item::{decode, encode_at, text};
use crate::keys::{self, Key};
use crate::schema;

const OWED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a delivered notice is kept, for an operator who looks.
const KEPT_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);
/// Parts of the index of what is owed: one part takes about a thousand writes a second.
pub const OUTBOX_SHARDS: u8 = 4;
/// The part of the index with what is parked.
const PARKED: &str = "N#parked";

/// A notice on its way to the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxNotice {
    /// ULID: unique, and sorts by time. The app's key for telling duplicates.
    pub id: String,
    pub organization: OrganizationId,
    pub kind: NoticeKind,
    /// Who or what it is about; `order` grows with every notice of one subject.
    pub subject: String,
    pub order: u64,
    /// The notice as JSON: `{"type": …, "data": {…}}`.
    pub body: String,
    pub occurred_at: Timestamp,
    /// There while it is owed, and the key of the index: which part of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<String>,
    /// When it is to be delivered at the earliest; sorts as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Tries that failed.
    #[serde(default)]
    pub attempts: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Timestamp>,
    #[serde(with = "as_seconds")]
    pub expires_at: Timestamp,
}

impl OutboxNotice {
    /// The notice as a value.
    ///
    /// # Errors
    /// When this version does not know what it says.
    pub fn notice(&self) -> Result<Notice, StoreError> {
        serde_json::from_str(&self.body).map_err(|why| StoreError::unreadable("read notice", why))
    }

    fn key(&self) -> Key {
        keys::notice(&self.organization, &self.id)
    }
}

/// A moment as the index sorts it.
fn due(at: Timestamp) -> String {
    format!("{:016}", at.millis().max(0))
}

fn shard(number: u8) -> String {
    format!("N#{}", number % OUTBOX_SHARDS)
}

/// One subject's notices stay in one part, so that a sweep meets them in their order.
fn shard_of(subject: &str) -> String {
    shard(sha256(subject).bytes().next().unwrap_or(0))
}

impl Store {
    pub(crate) fn put_notice(
        &self,
        operation: &'static str,
        organization: &OrganizationId,
        notice: &Notice,
        order: u64,
        now: Timestamp,
    ) -> Result<TransactWriteItem, StoreError> {
        let subject = notice.subject();
        let item = OutboxNotice {
            id: self.rng.ulid(now).map_err(|_| StoreError { operation, cause: Cause::Random })?,
            organization: organization.clone(),
            kind: notice.kind(),
            pending: Some(shard_of(&subject)),
            subject,
            order,
            body: serde_json::to_string(notice).map_err(|why| StoreError::unreadable(operation, why))?,
            occurred_at: now,
            due: Some(due(now)),
            attempts: 0,
            delivered_at: None,
            expires_at: now.plus(OWED_FOR),
        };
        let put = Put::builder()
            .table_name(&self.tables.identity)
            .set_item(Some(encode_at(operation, &item.key(), &item)?))
            .condition_expression("attribute_not_exists(pk)")
            .build()
            .map_err(|why| StoreError::unreadable(operation, why))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    /// Notices of one part of the index that are owed and were due at `until`, the longest due first. The index may lag
    /// behind by a moment; what is read through it is read again from the table, and what is not owed any more is left
    /// out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn owed_notices(
        &self,
        part: u8,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<OutboxNotice>, StoreError> {
        self.waiting("list owed notices", &shard(part), until, limit).await
    }

    /// Notices that are parked, the longest parked first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn parked_notices(&self, now: Timestamp, limit: u16) -> Result<Vec<OutboxNotice>, StoreError> {
        self.waiting("list parked notices", PARKED, now, limit).await
    }

    async fn waiting(
        &self,
        operation: &'static str,
        part: &str,
        until: Timestamp,
        limit: u16,
    ) -> Result<Vec<OutboxNotice>, StoreError> {
        let page = self
            .part(part)
            .key_condition_expression("pending = :part AND due <= :until")
            .expression_attribute_values(":until", text(due(until)))
            .limit(limit.clamp(1, 100).into())
            .send()
            .await
            .map_err(failed(operation))?;
        let keys: Vec<Key> = page.items.unwrap_or_default().iter().filter_map(crate::item::key_of).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut notices: Vec<OutboxNotice> = Vec::new();
        for (_, item) in self.batch_get(operation, &keys).await? {
            let notice: OutboxNotice = match decode(operation, item) {
                Ok(notice) => notice,
                // One that cannot be read must not hold up the others (R57); its age raises the alarm.
                Err(error) => {
                    tracing::error!("a notice cannot be read: {error}");
                    continue;
                }
            };
            let due = notice.due.as_deref().is_some_and(|at| at <= due(until).as_str());
            if notice.pending.as_deref() == Some(part) && due && notice.expires_at > until {
                notices.push(notice);
            }
        }
        notices.sort_by(|one, other| (&one.due, &one.id).cmp(&(&other.due, &other.id)));
        Ok(notices)
    }

    /// The notice that a record of the table's stream speaks of, when it is owed and was due at `until`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn owed_notice(
        &self,
        pk: &str,
        sk: &str,
        until: Timestamp,
    ) -> Result<Option<OutboxNotice>, StoreError> {
        let operation = "read owed notice";
        let key = Key { pk: pk.to_owned(), sk: sk.to_owned() };
        if !keys::is_notice(&key) {
            return Ok(None);
        }
        let item = self.get(operation, &key).await?;
        let notice: Option<OutboxNotice> = item.map(|item| decode(operation, item)).transpose()?;
        let owed = |notice: &OutboxNotice| {
            let in_part = notice.pending.as_deref().is_some_and(|part| part != PARKED);
            let due = notice.due.as_deref().is_some_and(|at| at <= due(until).as_str());
            in_part && due && notice.expires_at > until
        };
        Ok(notice.filter(owed))
    }

    /// When the oldest notice happened that the app does not have, parked ones included. With very many of them: the
    /// oldest of those that are tried next.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn oldest_owed(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut oldest: Option<Timestamp> = None;
        for part in (0..OUTBOX_SHARDS).map(shard).chain([PARKED.to_owned()]) {
            let page = self.part(&part).key_condition_expression("pending = :part").send().await;
            let items = page.map_err(failed("find the oldest notice"))?.items.unwrap_or_default();
            let keys = items.iter().filter_map(crate::item::key_of);
            let moments = keys.filter_map(|key| ulid_moment(keys::notice_id(&key)?));
            oldest = oldest.into_iter().chain(moments).min();
        }
        Ok(oldest)
    }

    fn part(&self, part: &str) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.db
            .query()
            .table_name(&self.tables.identity)
            .index_name(schema::PENDING.name)
            .expression_attribute_values(":part", text(part))
    }

    /// The app has it. `false` when that was known already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notice_delivered(&self, notice: &OutboxNotice, now: Timestamp) -> Result<bool, StoreError> {
        let operation = "mark notice as delivered";
        let ends = now.plus(KEPT_AFTER);
        let update = self
            .notice_update(notice)
            .update_expression("SET delivered_at = :now, #ends = :ends REMOVE pending, due")
            .expression_attribute_names("#ends", schema::TTL)
            .expression_attribute_values(":now", AttributeValue::N(now.millis().to_string()))
            .expression_attribute_values(":ends", AttributeValue::N(ends.seconds().to_string()));
        self.conditional(operation, update).await
    }

    /// The app does not have it; the next try is not before `at`. `false` when it has it by now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn postpone_notice(&self, notice: &OutboxNotice, at: Timestamp) -> Result<bool, StoreError> {
        let operation = "postpone notice";
        let update = self
            .notice_update(notice)
            .update_expression("SET due = :at, attempts = attempts + :one")
            .expression_attribute_values(":at", text(due(at)))
            .expression_attribute_values(":one", AttributeValue::N("1".into()));
        self.conditional(operation, update).await
    }

    /// The app refused it too often: it waits for an operator. `false` when the app has it by now.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn park_notice(&self, notice: &OutboxNotice, now: Timestamp) -> Result<bool, StoreError> {
        let update = self
            .notice_update(notice)
            .update_expression("SET pending = :parked, due = :now, attempts = attempts + :one")
            .expression_attribute_values(":parked", text(PARKED))
            .expression_attribute_values(":now", text(due(now)))
            .expression_attribute_values(":one", AttributeValue::N("1".into()));
        self.conditional("park notice", update).await
    }

    /// A parked notice is owed again from the start. `false` when it was not parked any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn redrive_notice(&self, notice: &OutboxNotice, now: Timestamp) -> Result<bool, StoreError> {
        let update = self
            .notice_update(notice)
            .condition_expression("pending = :parked")
            .update_expression("SET pending = :part, due = :now, attempts = :none")
            .expression_attribute_values(":parked", text(PARKED))
            .expression_attribute_values(":part", text(shard_of(&notice.subject)))
            .expression_attribute_values(":now", text(due(now)))
            .expression_attribute_values(":none", AttributeValue::N("0".into()));
        self.conditional("redrive notice", update).await
    }

    fn notice_update(
        &self,
        notice: &OutboxNotice,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        let key = notice.key();
        self.db
            .update_item()
            .table_name(&self.tables.identity)
            .key(schema::PARTITION, key.pk())
            .key(schema::SORT, key.sk())
            .condition_expression("attribute_exists(pending)")
    }

    async fn conditional(
        &self,
        operation: &'static str,
        update: aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder,
    ) -> Result<bool, StoreError> {
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(failed(operation)(error)),
        }
    }
}
