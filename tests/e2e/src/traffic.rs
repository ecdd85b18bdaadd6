//! What went to the database, in numbers that are the same on every machine.

use std::collections::BTreeMap;

use serde_json::Value;

/// Calls by operation, and how many items they named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    pub calls: BTreeMap<String, usize>,
    /// Items that were asked for by their keys.
    pub read: usize,
    /// Items that were written or removed, also within transactions.
    pub written: usize,
}

impl Traffic {
    /// All calls together.
    pub fn total(&self) -> usize {
        self.calls.values().sum()
    }

    pub(crate) fn note(&mut self, operation: &str, body: &[u8]) {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        match operation {
            "GetItem" => self.read += 1,
            "BatchGetItem" => self.read += of_tables(&body, |request| length(&request["Keys"])),
            "PutItem" | "UpdateItem" | "DeleteItem" => self.written += 1,
            "BatchWriteItem" => self.written += of_tables(&body, length),
            "TransactWriteItems" => {
                let items = body["TransactItems"].as_array().map(Vec::as_slice).unwrap_or_default();
                let checks = items.iter().filter(|item| item.get("ConditionCheck").is_some()).count();
                self.written += items.len() - checks;
            }
            _ => {}
        }
    }
}

fn length(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

fn of_tables(body: &Value, count: impl Fn(&Value) -> usize) -> usize {
    body["RequestItems"].as_object().map_or(0, |tables| tables.values().map(count).sum())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_call_is_counted_by_the_items_it_names() {
        let mut traffic = Traffic::default();
        let keys = json!({"RequestItems": {"one": {"Keys": [{}, {}]}, "two": {"Keys": [{}]}}});
        let transaction =
            json!({"TransactItems": [{"Put": {}}, {"ConditionCheck": {}}, {"Delete": {}}, {"Update": {}}]});
        let batch = json!({"RequestItems": {"one": [{}, {}, {}]}});
        for (operation, body) in [
            ("GetItem", json!({})),
            ("BatchGetItem", keys),
            ("Query", json!({})),
            ("PutItem", json!({})),
            ("UpdateItem", json!({})),
            ("DeleteItem", json!({})),
            ("BatchWriteItem", batch),
            ("TransactWriteItems", transaction.clone()),
            ("TransactWriteItems", transaction),
        ] {
            traffic.note(operation, body.to_string().as_bytes());
        }
        assert_eq!((traffic.total(), traffic.read, traffic.written), (9, 4, 12));
        assert_eq!(traffic.calls["TransactWriteItems"], 2);
    }
}
