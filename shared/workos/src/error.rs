//! What went wrong with a call, in the same words for every shape WorkOS uses.
//!
//! The one question that decides what a person sees: did WorkOS refuse, or could it not be asked? Only a
//! refusal ends a login; everything else is trouble that passes, and must never cost a session. An error
//! carries WorkOS's request id and no text of the answer: bodies can repeat codes, keys and addresses.
//!
//! Bodies seen: `{message}`, `{code, message, errors}`, `{error, error_description}`, a bare JSON string
//! (`"Ratelimited"`), nothing, and HTML or text written by the network's edge rather than by the API.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// A call that brought no usable answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub kind: Kind,
    /// What was called: `exchange_code`, `organization`, ….
    pub operation: &'static str,
    /// WorkOS's `x-request-id`, when an answer came: what its support asks for.
    pub request_id: Option<String>,
    /// When WorkOS wants to be asked again, where it said so.
    pub retry_after: Option<Duration>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// WorkOS understood and refused. `code` is the body's `code`, else its `error`: `invalid_grant`.
    Rejected { status: u16, code: Option<String> },
    /// Too many requests with this API key.
    RateLimited,
    /// 5xx, 408, or an answer that the API did not write.
    Unavailable { status: u16 },
    /// The call's time was over.
    Timeout,
    /// No connection was made: nothing was sent.
    Connect,
    /// The connection broke: whether the request arrived is unknown.
    Interrupted,
    /// The answer was not what the documents promise, or too large.
    Malformed,
}

impl Error {
    /// Whether the same call may succeed a moment later. A malformed answer may not, but is no refusal
    /// either.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            Kind::RateLimited | Kind::Unavailable { .. } => true,
            Kind::Timeout | Kind::Connect | Kind::Interrupted => true,
            Kind::Rejected { .. } | Kind::Malformed => false,
        }
    }

    /// Whether WorkOS refused: the only errors that say something about the code, the organization or the
    /// key.
    pub fn is_rejection(&self) -> bool {
        matches!(self.kind, Kind::Rejected { .. })
    }

    /// WorkOS's code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match &self.kind {
            Kind::Rejected { code, .. } => code.as_deref(),
            _ => None,
        }
    }
}

/// Status and request id, never the body, the code that was exchanged, a key or a URL.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkOS {}: ", self.operation)?;
        match &self.kind {
            Kind::Rejected { status, .. } => write!(f, "refused with status {status}"),
            Kind::RateLimited => write!(f, "too many requests"),
            Kind::Unavailable { status } => write!(f, "not available, status {status}"),
            Kind::Timeout => write!(f, "no answer in time"),
            Kind::Connect => write!(f, "no connection"),
            Kind::Interrupted => write!(f, "the connection broke"),
            Kind::Malformed => write!(f, "an answer that cannot be read"),
        }?;
        match &self.request_id {
            Some(id) => write!(f, " (request {id})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// What an answer that is not a success means. Without a whole body only the status speaks, and refuses
/// nothing.
pub(crate) fn classify(status: u16, body: Option<&[u8]>) -> Kind {
    match status {
        429 => Kind::RateLimited,
        400..=499 if status != 408 => match body.and_then(code) {
            Some(code) => Kind::Rejected { status, code },
            None => Kind::Unavailable { status },
        },
        // A redirect is not followed and refuses nothing.
        _ => Kind::Unavailable { status },
    }
}

/// The code in an error body of the API; outer `None` when the API did not write it.
fn code(body: &[u8]) -> Option<Option<String>> {
    if body.trim_ascii().is_empty() {
        return Some(None);
    }
    let body: Value = serde_json::from_slice(body).ok()?;
    let text = |field| body.get(field).and_then(Value::as_str).and_then(identifier);
    Some(text("code").or_else(|| text("error")))
}

/// A short word without spaces: safe in a log line, a metric and a comparison.
pub(crate) fn identifier(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected(status: u16, code: Option<&str>) -> Kind {
        Kind::Rejected { status, code: code.map(str::to_owned) }
    }

    #[test]
    fn every_shape_of_an_error_body_is_understood() {
        for (status, body, expected) in [
            (404, r#"{"message":"Organization not found."}"#, rejected(404, None)),
            (400, r#"{"code":"invalid_metadata","message":"x"}"#, rejected(400, Some("invalid_metadata"))),
            (
                422,
                r#"{"code":"invalid_request_parameters","message":"x","errors":[{"field":"a","code":"b"}]}"#,
                rejected(422, Some("invalid_request_parameters")),
            ),
            (422, r#"{"message":"x","errors":["a","b"]}"#, rejected(422, None)),
            (
                400,
                r#"{"error":"invalid_grant","error_description":"The code has expired"}"#,
                rejected(400, Some("invalid_grant")),
            ),
            (401, r#"{"error":"Unauthorized"}"#, rejected(401, Some("Unauthorized"))),
            (403, r#"{"code":"a","error":"b"}"#, rejected(403, Some("a"))),
            (403, r#"{"code":null,"error":"b"}"#, rejected(403, Some("b"))),
            (400, r#"{"error":"Bad Request","statusCode":400}"#, rejected(400, None)),
            (400, r#"{"code":7}"#, rejected(400, None)),
            (403, r#""Forbidden""#, rejected(403, None)),
            (401, "", rejected(401, None)),
            (429, r#""Ratelimited""#, Kind::RateLimited),
            (429, r#"{"code":"rate_limit_exceeded","message":"x"}"#, Kind::RateLimited),
            (429, "<html>slow down</html>", Kind::RateLimited),
            (403, "<!doctype html><title>Attention Required!</title>", Kind::Unavailable { status: 403 }),
            (404, "page not found", Kind::Unavailable { status: 404 }),
            (408, r#"{"message":"x"}"#, Kind::Unavailable { status: 408 }),
            (500, r#"{"error":"invalid_grant"}"#, Kind::Unavailable { status: 500 }),
            (503, "upstream connect error", Kind::Unavailable { status: 503 }),
            (302, "", Kind::Unavailable { status: 302 }),
        ] {
            assert_eq!(classify(status, Some(body.as_bytes())), expected, "{status} {body}");
        }
        assert_eq!(classify(400, None), Kind::Unavailable { status: 400 });
        assert_eq!(classify(429, None), Kind::RateLimited);
    }

    /// R74: a code is a word; anything longer or stranger is dropped rather than logged.
    #[test]
    fn a_code_is_a_short_word() {
        let long = format!(r#"{{"code":"{}"}}"#, "a".repeat(129));
        for body in [r#"{"code":"a b"}"#, r#"{"code":"a\nb"}"#, r#"{"code":""}"#, r#"{"code":"ä"}"#, &long] {
            assert_eq!(classify(400, Some(body.as_bytes())), rejected(400, None), "{body}");
        }
    }

    #[test]
    fn only_a_refusal_is_definitive() {
        let error = |kind| Error { kind, operation: "profile", request_id: None, retry_after: None };
        for kind in [
            Kind::RateLimited,
            Kind::Unavailable { status: 500 },
            Kind::Timeout,
            Kind::Connect,
            Kind::Interrupted,
        ] {
            let error = error(kind);
            assert!(error.is_transient() && !error.is_rejection(), "{error:?}");
        }
        assert!(!error(Kind::Malformed).is_transient() && !error(Kind::Malformed).is_rejection());
        let refused =
            Error { request_id: Some("req_1".to_owned()), ..error(rejected(400, Some("invalid_grant"))) };
        assert!(refused.is_rejection() && !refused.is_transient());
        assert_eq!(refused.code(), Some("invalid_grant"));
        assert_eq!(refused.to_string(), "WorkOS profile: refused with status 400 (request req_1)");
    }
}
