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

    fn event(json: &str) -> Event {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn bearer_is_read_whatever_its_case_and_other_schemes_are_not() {
        assert_eq!(event(r#"{"headers":{"Authorization":"bearer  a.b.c"}}"#).bearer(), Some("a.b.c"));
        assert_eq!(event(r#"{"headers":{"authorization":"Basic abc"}}"#).bearer(), None);
        assert_eq!(event(r#"{"headers":{"authorization":"Bearer"}}"#).bearer(), None);
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
