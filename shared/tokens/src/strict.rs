//! Reading what a stranger sent, so that nothing in it has two readings (RFC 8725 sections 2.4 and 3.1).
//!
//! JSON parsers differ on which of two members of one name counts: a gateway could check one `sub` and the
//! application use the other. Base64 has several spellings of the same bytes unless the unused bits must be
//! zero. Both are refused here, at any depth.

use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Base64url without padding and with all unused bits zero. `None` for any other spelling.
pub(crate) fn base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// One JSON object and nothing after it, with no name twice. `None` for anything else.
///
/// Read twice: [`Value`] keeps the last of two members, so the first pass looks for them.
pub(crate) fn object(json: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice::<UniqueNames>(json).ok()?;
    serde_json::from_slice(json).ok()
}

/// Any JSON value whose objects name each member once.
struct UniqueNames;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueNamesVisitor)
    }
}

struct UniqueNamesVisitor;

impl<'de> Visitor<'de> for UniqueNamesVisitor {
    type Value = UniqueNames;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<UniqueNames, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<UniqueNames>()?;
            if !names.insert(name) {
                return Err(A::Error::custom("repeated name"));
            }
        }
        Ok(UniqueNames)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<UniqueNames, A::Error> {
        while items.next_element::<UniqueNames>()?.is_some() {}
        Ok(UniqueNames)
    }

    fn visit_unit<E: Error>(self) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<UniqueNames, E> {
        Ok(UniqueNames)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R30
    #[test]
    fn repeated_names_are_refused_at_any_depth_and_in_any_spelling() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":{"a":1,"b":2,"a":3}}"#,
            r#"{"x":[[{"a":null,"a":null}]]}"#,
        ] {
            assert_eq!(object(twice.as_bytes()), None, "{twice}");
        }
        assert!(object(br#" {"a":{"b":[1,-2,3.5,true,null,"a"]},"b":{"a":1}} "#).is_some());
    }

    /// R30
    #[test]
    fn only_one_object_is_read() {
        let deep = format!("{}{}", r#"{"a":"#.repeat(5000), "}".repeat(5000));
        for wrong in [
            "",
            "[]",
            "1",
            "null",
            "{}{}",
            "{} x",
            "{\"a\":1,}",
            "{a:1}",
            "\u{feff}{}",
            r#"{"a":"\ud800"}"#,
            &deep,
        ] {
            assert_eq!(object(wrong.as_bytes()), None, "{wrong:.40}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}"), None);
    }

    /// R30: padding, the other alphabet, white space, impossible lengths and non-zero unused bits.
    #[test]
    fn base64url_has_one_spelling() {
        assert_eq!(base64url("AQ").as_deref(), Some(&[1][..]));
        for wrong in ["AQ==", "AR", "AQ=", "A", "A+A/", "A Q", "AQ\n", "AQAC\u{e9}"] {
            assert_eq!(base64url(wrong), None, "{wrong:?}");
        }
    }
}
