//! WorkOS's list answers: `limit` 1-100 (default 10), `before` and `after` by id, newest first unless asked.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::errors::ApiError;

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 100;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Paging {
    limit: Option<String>,
    before: Option<String>,
    after: Option<String>,
    order: Option<String>,
}

impl Paging {
    /// One page of `items`, which come oldest first with their ids. Only what is on the page is written out.
    pub(crate) fn page_of<T: Copy>(
        &self,
        mut items: Vec<(&str, T)>,
        write: impl Fn(T) -> Value,
    ) -> Result<Value, ApiError> {
        let limit = match &self.limit {
            None => DEFAULT_LIMIT,
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit))
                .ok_or(ApiError::Unprocessable { field: "limit", code: "invalid" })?,
        };
        match self.order.as_deref() {
            None | Some("desc") => items.reverse(),
            Some("asc" | "normal") => {}
            Some(_) => return Err(ApiError::Unprocessable { field: "order", code: "invalid" }),
        }
        let position = |field: &'static str, id: &str| {
            let found = items.iter().position(|(known, _)| *known == id);
            found.ok_or(ApiError::Unprocessable { field, code: "not_found" })
        };
        let range = match (&self.before, &self.after) {
            (Some(_), Some(_)) => {
                return Err(ApiError::Unprocessable { field: "before", code: "conflicts_with_after" });
            }
            (Some(id), None) => {
                let end = position("before", id)?;
                end.saturating_sub(limit)..end
            }
            (None, after) => {
                let start =
                    after.as_deref().map(|id| position("after", id)).transpose()?.map_or(0, |at| at + 1);
                start..items.len().min(start.saturating_add(limit))
            }
        };
        let id_at = |at: usize| items.get(at).map(|(id, _)| *id);
        let before = if range.start > 0 { id_at(range.start) } else { None };
        let after = if range.end < items.len() { range.end.checked_sub(1).and_then(id_at) } else { None };
        let data: Vec<Value> = items.get(range).unwrap_or(&[]).iter().map(|(_, item)| write(*item)).collect();
        Ok(json!({ "object": "list", "data": data, "list_metadata": { "before": before, "after": after } }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(
        limit: &str,
        before: Option<&str>,
        after: Option<&str>,
        order: Option<&str>,
    ) -> Result<Value, ApiError> {
        let items = vec![("x_1", 1), ("x_2", 2), ("x_3", 3), ("x_4", 4), ("x_5", 5)];
        let own = |text: Option<&str>| text.map(str::to_owned);
        Paging { limit: Some(limit.into()), before: own(before), after: own(after), order: own(order) }
            .page_of(items, |n| json!(n))
    }

    #[test]
    fn following_after_reaches_everything_once() {
        let (mut seen, mut cursor) = (vec![], None);
        loop {
            let answer = page("2", None, cursor.as_deref(), None).unwrap();
            seen.extend(answer["data"].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()));
            cursor = answer["list_metadata"]["after"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [5, 4, 3, 2, 1]);
    }

    #[test]
    fn before_goes_back_and_order_turns() {
        let answer = page("2", Some("x_4"), None, Some("asc")).unwrap();
        assert_eq!(answer["data"], json!([2, 3]));
        assert_eq!(answer["list_metadata"], json!({ "before": "x_2", "after": "x_3" }));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(page("0", None, None, None).is_err());
        assert!(page("101", None, None, None).is_err());
        assert!(page("ten", None, None, None).is_err());
        assert!(page("1", None, None, Some("sideways")).is_err());
        assert!(page("1", None, Some("x_9"), None).is_err());
        assert!(page("1", Some("x_1"), Some("x_2"), None).is_err());
    }
}
