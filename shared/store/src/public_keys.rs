//! The public keys item: what verifies a session, and the environment-wide floor beneath all sessions.
//!
//! Only the command line writes it, and only under the version it read: two operators cannot overwrite each
//! other's rotation.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use tokens::{KeyId, PublicKeys};
use tokio::sync::Mutex;

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{decode, encode_at, number};
use crate::keys;

const REVISION: &str = "revision";

impl Store {
    /// The published keys. `None` before `vestibule setup` has run.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn public_keys(&self) -> Result<Option<PublicKeys>, StoreError> {
        Ok(self.public_keys_at().await?.map(|(keys, _)| keys))
    }

    /// The published keys and their revision, for a change of them.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn public_keys_at(&self) -> Result<Option<(PublicKeys, u64)>, StoreError> {
        let operation = "read public keys";
        let Some(item) = self.get(operation, &keys::public_keys()).await? else { return Ok(None) };
        let revision = match item.get(REVISION) {
            Some(AttributeValue::N(revision)) => revision.parse().unwrap_or(0),
            _ => 0,
        };
        Ok(Some((decode(operation, item)?, revision)))
    }

    /// Publishes keys over revision `read` (`None`: nothing was there). `false` when somebody else published
    /// meanwhile.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn publish_keys(&self, keys: &PublicKeys, read: Option<u64>) -> Result<bool, StoreError> {
        let operation = "publish keys";
        let mut item = encode_at(operation, &keys::public_keys(), keys)?;
        item.insert(REVISION.into(), number(read.map_or(1, |revision| revision.saturating_add(1))));
        let put = self.db.put_item().table_name(&self.tables.identity).set_item(Some(item));
        let put = match read {
            None => put.condition_expression("attribute_not_exists(pk)"),
            Some(revision) => put
                .condition_expression("revision = :read")
                .expression_attribute_values(":read", number(revision)),
        };
        match put.send().await {
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

/// How long an instance believes the keys it read: also how soon "end everybody" reaches every strict check.
const BELIEVED: Duration = Duration::from_secs(30);
/// An unknown key id may ask for the keys again, but not more often than this: anybody can make up key ids (R33).
const COOLDOWN: Duration = Duration::from_secs(10);
/// While the table does not answer, keys this old still verify: public keys do not go bad, and the session record
/// that strict checks need is read from the same table anyway.
const USABLE: Duration = Duration::from_secs(15 * 60);

/// The public keys as one instance knows them. Clones share the memory.
#[derive(Clone, Debug)]
pub struct KeyCache {
    store: Store,
    known: Arc<Mutex<Option<Known>>>,
}

#[derive(Debug)]
struct Known {
    keys: Arc<PublicKeys>,
    read_at: Timestamp,
}

impl KeyCache {
    /// Reads nothing yet: a function's init makes no call for it.
    pub fn new(store: Store) -> Self {
        Self { store, known: Arc::default() }
    }

    /// The keys, read at most half a minute ago where that can be had.
    ///
    /// # Errors
    /// When there are none that may be used.
    pub async fn get(&self, now: Timestamp) -> Result<Arc<PublicKeys>, StoreError> {
        self.younger_than(BELIEVED, now).await
    }

    /// For a token whose key is unknown: the keys again, unless they are only seconds old.
    ///
    /// # Errors
    /// As [`KeyCache::get`].
    pub async fn again(&self, now: Timestamp) -> Result<Arc<PublicKeys>, StoreError> {
        self.younger_than(COOLDOWN, now).await
    }

    /// Whether verifiers know this key: one that is not among the published keys must sign nothing. A key that is unknown
    /// here may be younger than what is remembered, so the keys are asked for again before the answer is no.
    ///
    /// # Errors
    /// As [`KeyCache::get`].
    pub async fn publishes(&self, key: &KeyId, now: Timestamp) -> Result<bool, StoreError> {
        let among = |keys: &PublicKeys| keys.keys.iter().any(|known| known.kid == *key);
        Ok(among(&*self.get(now).await?) || among(&*self.again(now).await?))
    }

    async fn younger_than(&self, age: Duration, now: Timestamp) -> Result<Arc<PublicKeys>, StoreError> {
        // Held while reading, so that one read serves all who wait.
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref().filter(|known| now.since(known.read_at) < age) {
            return Ok(known.keys.clone());
        }
        match (self.store.public_keys().await, known.as_ref()) {
            (Ok(Some(keys)), _) => {
                let keys = Arc::new(keys);
                *known = Some(Known { keys: keys.clone(), read_at: now });
                Ok(keys)
            }
            (Ok(None), _) => Err(StoreError::unreadable("read public keys", "no keys are published yet")),
            (Err(error), Some(old)) if now.since(old.read_at) < USABLE => {
                tracing::warn!(error = %error, "older public keys serve: {error}");
                Ok(old.keys.clone())
            }
            (Err(error), _) => Err(error),
        }
    }
}
