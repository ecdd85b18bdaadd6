//! What API Gateway asks an authorizer: payload 2.0 of a REQUEST authorizer.
//!
//! Only headers and cookies are read, and only what a caller cannot confuse: anything missing or of another form
//! counts as absent, because an error here would be answered by the gateway, without a reason anybody could find.
//! Source: API Gateway developer guide, "Lambda authorizers for HTTP APIs".

use std::collections::BTreeMap;

use serde::Deserialize;
use web::cookies::RequestCookies;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    headers: BTreeMap<String, Option<String>>,
    cookies: Option<Vec<String>>,
}

impl Event {
    /// The event that a gateway would send for these headers; cookies apart, as payload 2.0 has them.
    pub fn new(headers: BTreeMap<String, String>, cookies: Vec<String>) -> Self {
        Self {
            headers: headers.into_iter().map(|(name, value)| (name, Some(value))).collect(),
            cookies: Some(cookies),
        }
    }

    fn header(&self, wanted: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.next().and_then(|(_, value)| value.as_deref())
    }

    /// The token of `Authorization: Bearer …` (RFC 6750 section 2.1); other schemes are somebody else's business.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// Payload 2.0 carries cookies apart; a `cookie` header is read as well.
    pub(crate) fn cookies(&self) -> RequestCookies {
        let apart = self.cookies.iter().flatten().map(String::as_str);
        RequestCookies::parse(apart.chain(self.header("cookie")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(json: &str) -> Event {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn bearer_is_read_whatever_its_case_and_other_schemes_are_not() {
        assert_eq!(event(r#"{"headers":{"Authorization":"bearer  a.b.c"}}"#).bearer(), Some("a.b.c"));
        assert_eq!(event(r#"{"headers":{"authorization":"Basic abc"}}"#).bearer(), None);
        assert_eq!(event(r#"{"headers":{"authorization":"Bearer"}}"#).bearer(), None);
    }

    proptest! {
        /// R30, R38: any JSON object is an event or an error, and a token is only what stands behind `Bearer`, whatever the
        /// case of header and scheme.
        #[test]
        fn a_bearer_is_what_stands_behind_the_word(
            name in "(authorization|Authorization|AUTHORIZATION|x-authorization|authorization |cookie)",
            scheme in "(Bearer|bearer|BEARER|Bearer:|Basic|)",
            space in "( |  |\t||\u{a0})",
            token in "[A-Za-z0-9_.-]{0,40}|\\PC{0,12}",
            others in prop::collection::btree_map("[a-z-]{1,12}", prop::option::of("\\PC{0,12}"), 0..4),
        ) {
            let mut headers = others;
            headers.remove("authorization");
            let value = format!("{scheme}{space}{token}");
            headers.insert(name.clone(), Some(value.clone()));
            let event: Event = serde_json::from_value(serde_json::json!({ "headers": headers })).unwrap();
            match event.bearer() {
                Some(read) => {
                    prop_assert!(name.eq_ignore_ascii_case("authorization"));
                    prop_assert_eq!(value[..7].to_ascii_lowercase(), "bearer ");
                    prop_assert_eq!(read, value[7..].trim());
                }
                None => prop_assert!(
                    !name.eq_ignore_ascii_case("authorization") || !value.to_ascii_lowercase().starts_with("bearer ")
                ),
            }
        }
    }

    #[test]
    fn missing_parts_are_absent() {
        for json in
            ["{}", r#"{"headers":{"authorization":null},"cookies":null}"#, r#"{"version":"2.0","x":1}"#]
        {
            assert_eq!(event(json).bearer(), None);
        }
    }
}
