//! Reading answers that may lack what the documents promise.
//!
//! WorkOS's own description, its SDKs and its live API differ in which fields are present, null or absent.
//! These readers take all three. They never turn a malformed value into an absent one: that is the caller's
//! decision.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// `null` like absent: the type's default. Use with `#[serde(default)]`.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A list of names, given as a list, one name, or nothing. Entries that are no text are left out: IdPs fill
/// these.
pub(crate) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(name) => vec![name],
        Value::Array(entries) => entries.into_iter().filter_map(text).collect(),
        _ => Vec::new(),
    })
}

/// `{"slug": "admin"}`, a list of such, the slug alone, or nothing. What has no slug is left out: it grants
/// nothing.
pub(crate) fn slugs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Array(entries) => entries.into_iter().filter_map(slug).collect(),
        one => slug(one).into_iter().collect(),
    })
}

fn slug(value: Value) -> Option<String> {
    match value {
        Value::Object(mut object) => object.remove("slug").and_then(text),
        other => text(other),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}
