//! Values to items and back. Each item carries the schema version `v`; this version reads only what it knows,
//! so that an older function never misreads an item of a newer one during a rolling deployment.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::keys::Key;
use crate::schema;

pub(crate) type Item = HashMap<String, AttributeValue>;

const VERSION: &str = "1";

pub(crate) fn encode<T: Serialize>(operation: &'static str, value: &T) -> Result<Item, StoreError> {
    let mut item: Item = serde_dynamo::aws_sdk_dynamodb_1::to_item(value)
        .map_err(|why| StoreError::unreadable(operation, why))?;
    item.insert(schema::VERSION.into(), AttributeValue::N(VERSION.into()));
    Ok(item)
}

pub(crate) fn encode_at<T: Serialize>(
    operation: &'static str,
    key: &Key,
    value: &T,
) -> Result<Item, StoreError> {
    let mut item = encode(operation, value)?;
    item.insert(schema::PARTITION.into(), key.pk());
    item.insert(schema::SORT.into(), key.sk());
    Ok(item)
}

pub(crate) fn decode<T: DeserializeOwned>(operation: &'static str, item: Item) -> Result<T, StoreError> {
    match item.get(schema::VERSION) {
        Some(AttributeValue::N(version)) if version == VERSION => {}
        other => return Err(StoreError::unreadable(operation, format!("unknown schema version {other:?}"))),
    }
    serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|why| StoreError::unreadable(operation, why))
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// The key of an item.
pub(crate) fn key_of(item: &Item) -> Option<Key> {
    let part = |name: &str| item.get(name).and_then(|part| part.as_s().ok()).cloned();
    Some(Key { pk: part(schema::PARTITION)?, sk: part(schema::SORT)? })
}
