//! A list, page by page: a partition in the order of its sort keys, read strongly consistent. The place where a page ends is
//! the last sort key, so that whoever goes on needs no more than an id.

use serde::de::DeserializeOwned;

use crate::Store;
use crate::error::{StoreError, failed};
use crate::item::{Item, decode, key_of, text};
use crate::keys;
use crate::schema;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemPage<T> {
    pub items: Vec<T>,
    /// For the next page; `None` at the end.
    pub next: Option<String>,
}

impl Store {
    /// The items of a partition behind this sort key.
    pub(crate) async fn page(
        &self,
        operation: &'static str,
        partition: String,
        after: Option<&str>,
        limit: u16,
    ) -> Result<ItemPage<Item>, StoreError> {
        let start = after.map(|id| {
            let key = keys::listed(partition.clone(), id);
            [(schema::PARTITION.into(), key.pk()), (schema::SORT.into(), key.sk())].into()
        });
        let page = self
            .db
            .query()
            .table_name(&self.tables.identity)
            .consistent_read(true)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(partition))
            .limit(limit.max(1).into())
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(failed(operation))?;
        let items = page.items.unwrap_or_default();
        let more = page.last_evaluated_key.is_some_and(|key| !key.is_empty());
        let next = items.last().and_then(key_of).map(|key| key.sk).filter(|_| more);
        Ok(ItemPage { items, next })
    }
}

impl ItemPage<Item> {
    pub(crate) fn decoded<T: DeserializeOwned>(
        self,
        operation: &'static str,
    ) -> Result<ItemPage<T>, StoreError> {
        let items = self.items.into_iter().map(|item| decode(operation, item)).collect::<Result<_, _>>()?;
        Ok(ItemPage { items, next: self.next })
    }
}

impl<T> ItemPage<T> {
    pub(crate) fn only(mut self, keep: impl Fn(&T) -> bool) -> Self {
        self.items.retain(keep);
        self
    }
}
