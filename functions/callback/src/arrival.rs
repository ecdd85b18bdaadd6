//! What a browser brings to the callback URL: a code, an error, or something nobody here asked for.
//!
//! Everything in the query is text that anybody can put into a link. It is parsed once, here, into what the
//! handler may act on; duplicates and over-long values make the whole query unusable.

use domain::ConnectionId;
use url::form_urlencoded;

/// Longest `code` and `state` that are looked at. Ours are 43 characters; WorkOS's codes about 30.
const LONGEST: usize = 1024;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The answer to a login of ours, or what claims to be one.
    Code { code: String, state: String },
    /// WorkOS or the IdP said no to a login of ours.
    Error { error: String, state: String },
    /// A tile in the IdP's portal: a code, or the word that it may not start here, and no state.
    Unsolicited { connection: Option<ConnectionId> },
    /// An error without state: nothing to resume.
    Stray { error: String },
    /// Nothing that makes sense.
    Unusable,
}

impl Arrival {
    pub(crate) fn parse(query: &str) -> Self {
        let (mut code, mut state, mut error, mut connection) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let slot = match name.as_ref() {
                "code" => &mut code,
                "state" => &mut state,
                "error" => &mut error,
                "connection_id" => &mut connection,
                _ => continue,
            };
            if value.len() > LONGEST || slot.replace(value.into_owned()).is_some() {
                return Self::Unusable;
            }
        }
        let given = |value: Option<String>| value.filter(|value| !value.is_empty());
        let (code, state, error) = (given(code), given(state), given(error));
        let connection = given(connection).and_then(|id| ConnectionId::parse(&id).ok());
        match (code, error, state) {
            (Some(_), Some(_), _) => Self::Unusable,
            (Some(code), None, Some(state)) => Self::Code { code, state },
            (None, Some(error), Some(state)) => Self::Error { error, state },
            (Some(_), None, None) => Self::Unsolicited { connection },
            (None, Some(error), None) if error == "idp_initiated_sso_disabled" => {
                Self::Unsolicited { connection }
            }
            (None, Some(error), None) => Self::Stray { error },
            (None, None, _) => Self::Unusable,
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_query_is_one_of_five_things() {
        let connection = Some(ConnectionId::parse("conn_1").unwrap());
        let code = Arrival::Code { code: "c".into(), state: "s".into() };
        let long = format!("code={}&state=s", "x".repeat(LONGEST + 1));
        for (query, expected) in [
            ("code=c&state=s", code),
            (
                "error=access_denied&error_description=x&state=s",
                Arrival::Error { error: "access_denied".into(), state: "s".into() },
            ),
            ("code=c", Arrival::Unsolicited { connection: None }),
            ("code=c&connection_id=conn_1", Arrival::Unsolicited { connection: connection.clone() }),
            ("error=idp_initiated_sso_disabled&connection_id=conn_1", Arrival::Unsolicited { connection }),
            (
                "error=idp_initiated_sso_disabled&connection_id=%3Cscript%3E",
                Arrival::Unsolicited { connection: None },
            ),
            ("error=server_error", Arrival::Stray { error: "server_error".into() }),
            ("", Arrival::Unusable),
            ("state=s", Arrival::Unusable),
            ("code=&state=s", Arrival::Unusable),
            ("code=c&code=d&state=s", Arrival::Unusable),
            ("code=c&state=s&state=t", Arrival::Unusable),
            ("code=c&error=e&state=s", Arrival::Unusable),
            (long.as_str(), Arrival::Unusable),
        ] {
            assert_eq!(Arrival::parse(query), expected, "{query}");
        }
    }
}
