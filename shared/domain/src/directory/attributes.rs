//! Custom attributes of a directory user, as the tenant names them for the app.
//!
//! A directory may say anything of a person, so nothing is kept that the tenant's map does not name: sixteen fields
//! of 256 characters at most. They are data for the app, never rules, and never enter a session token.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most fields that are kept of one person.
const MOST: usize = 16;
/// The longest value, in characters.
const LONGEST_VALUE: usize = 256;
/// The longest name of a field or of a directory's attribute.
const LONGEST_NAME: usize = 64;

/// Named fields of one person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attributes(BTreeMap<String, String>);

/// Which of a directory's custom attributes are kept, and under which name: field to attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>", into = "BTreeMap<String, String>")]
pub struct AttributeMap(BTreeMap<String, String>);

/// The map is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAttributeMap {
    #[error("an attribute map has at most {MOST} fields")]
    TooMany,
    #[error("a field name has 1 to {LONGEST_NAME} lower-case letters, digits or underscores")]
    Field,
    #[error("the name of a directory's attribute has 1 to {LONGEST_NAME} characters")]
    Attribute,
}

impl Attributes {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(field, value)| (field.as_str(), value.as_str()))
    }
}

impl AttributeMap {
    /// # Errors
    /// When there are too many fields, or a name is not one.
    pub fn new(fields: BTreeMap<String, String>) -> Result<Self, InvalidAttributeMap> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if fields.len() > MOST {
            return Err(InvalidAttributeMap::TooMany);
        }
        for (field, attribute) in &fields {
            if field.is_empty() || field.len() > LONGEST_NAME || !field.chars().all(plain) {
                return Err(InvalidAttributeMap::Field);
            }
            let length = attribute.chars().count();
            if length == 0 || length > LONGEST_NAME || attribute.chars().any(char::is_control) {
                return Err(InvalidAttributeMap::Attribute);
            }
        }
        Ok(Self(fields))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is kept of these custom attributes.
    pub fn apply(&self, custom: &BTreeMap<String, String>) -> Attributes {
        let kept = self.0.iter().filter_map(|(field, attribute)| {
            let value: String =
                custom.get(attribute)?.chars().filter(|c| !c.is_control()).take(LONGEST_VALUE).collect();
            (!value.is_empty()).then(|| (field.clone(), value))
        });
        Attributes(kept.collect())
    }
}

impl TryFrom<BTreeMap<String, String>> for AttributeMap {
    type Error = InvalidAttributeMap;
    fn try_from(fields: BTreeMap<String, String>) -> Result<Self, InvalidAttributeMap> {
        Self::new(fields)
    }
}

impl From<AttributeMap> for BTreeMap<String, String> {
    fn from(map: AttributeMap) -> Self {
        map.0
    }
}

/// Custom attributes as texts: scalars as they are written, lists of scalars joined with a comma. What has an inner
/// structure is left out.
pub fn custom_attributes(object: &Map<String, Value>) -> BTreeMap<String, String> {
    let texts = object.iter().filter_map(|(name, value)| text(value).map(|text| (name.clone(), text)));
    texts.collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Array(entries) => {
            let scalars = entries.iter().filter(|entry| !entry.is_array() && !entry.is_object());
            let texts: Vec<String> = scalars.filter_map(text).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&str, &str)]) -> Result<AttributeMap, InvalidAttributeMap> {
        AttributeMap::new(fields.iter().map(|(f, a)| ((*f).to_owned(), (*a).to_owned())).collect())
    }

    #[test]
    fn only_what_the_map_names_is_kept_and_clipped() {
        let custom = custom_attributes(
            serde_json::json!({
                "department_name": "R\u{0}&D", "salary": 1, "manager": {"value": "x"}, "cost": 12.5, "remote": true,
                "teams": ["a", 1, {"no": 1}, ["no"]], "long": "\u{1F600}".repeat(500), "nothing": null, "empty": "",
            })
            .as_object()
            .unwrap(),
        );
        let wanted = [
            ("department", "department_name"),
            ("cost_center", "cost"),
            ("remote", "remote"),
            ("teams", "teams"),
            ("long", "long"),
            ("manager", "manager"),
            ("nothing", "nothing"),
            ("empty", "empty"),
        ];
        let kept = map(&wanted).unwrap().apply(&custom);
        assert_eq!(kept.get("department"), Some("R&D"));
        assert_eq!((kept.get("cost_center"), kept.get("remote")), (Some("12.5"), Some("true")));
        assert_eq!(kept.get("teams"), Some("a, 1"));
        assert_eq!(kept.get("long").map(|text| text.chars().count()), Some(LONGEST_VALUE));
        assert_eq!(kept.iter().count(), 5);
        assert!(AttributeMap::default().apply(&custom).is_empty() && !kept.is_empty());
    }

    #[test]
    fn a_map_has_sixteen_plain_fields_at_most() {
        let names: Vec<String> = (0..17).map(|n| format!("field_{n}")).collect();
        let fields: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
        assert!(map(&fields[..16]).is_ok());
        assert_eq!(map(&fields), Err(InvalidAttributeMap::TooMany));
        for field in ["", "Department", "a-b", "é", &"a".repeat(65)] {
            assert_eq!(map(&[(field, "x")]), Err(InvalidAttributeMap::Field), "{field}");
        }
        assert_eq!(map(&[("a", "")]), Err(InvalidAttributeMap::Attribute));
        assert_eq!(map(&[("a", "x\n")]), Err(InvalidAttributeMap::Attribute));
        assert!(serde_json::from_str::<AttributeMap>(r#"{"A":"x"}"#).is_err());
        let one = map(&[("department", "department_name")]).unwrap();
        assert!(AttributeMap::default().is_empty() && !one.is_empty());
        assert_eq!(serde_json::to_string(&one).unwrap(), r#"{"department":"department_name"}"#);
    }
}
