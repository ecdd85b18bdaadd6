//! A control request's body: JSON from tools, a form from the pages, told apart by what it looks like.
//!
//! Not by `Content-Type`: `curl -d '{…}'` calls its JSON a form. The pages' forms carry `from=page`, or the path of the
//! page, and get a redirect back or a readable page instead of JSON.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::pages;
use crate::state::Sandbox;

/// A verb's argument, and how its answer is wanted.
pub(crate) struct Verb<T> {
    pub(crate) value: T,
    /// A form on a page asked: the page to come back to, or nothing where the verb knows it.
    page: Option<String>,
}

/// The verb takes no argument.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

/// The input was not understood; the sentence says why.
#[derive(Debug)]
pub(crate) struct Refused {
    message: String,
    page: Option<String>,
    status: StatusCode,
}

impl<T> Verb<T> {
    pub(crate) fn refuse(&self, message: &str) -> Refused {
        Refused { message: message.to_owned(), page: self.page.clone(), status: StatusCode::BAD_REQUEST }
    }

    /// Not the caller's fault.
    pub(crate) fn broken(&self, error: &impl std::error::Error) -> Refused {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Refused { message: error.to_string(), page: self.page.clone(), status }
    }

    /// Whether a form on a page asked.
    pub(crate) fn is_from_page(&self) -> bool {
        self.page.is_some()
    }

    pub(crate) fn answer(&self, answer: Value, page: &str) -> Response {
        match &self.page {
            // A page of several companies comes back to its own.
            Some(own) if !own.is_empty() => Redirect::to(own).into_response(),
            Some(_) => Redirect::to(page).into_response(),
            None => Json(answer).into_response(),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        if let Some(page) = &self.page {
            let back = if page.is_empty() { "/" } else { page.as_str() };
            let link = Some(("Back to the sandbox", back));
            return pages::message(self.status, "That did not work", &self.message, link);
        }
        let body = json!({ "error": "bad_request", "message": self.message });
        (self.status, Json(body)).into_response()
    }
}

impl<T: DeserializeOwned> FromRequest<Sandbox> for Verb<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, sandbox: &Sandbox) -> Result<Self, Refused> {
        let bad = StatusCode::BAD_REQUEST;
        let refused = |message: String| Refused { message, page: None, status: bad };
        let body = Bytes::from_request(request, sandbox).await.map_err(|error| refused(error.to_string()))?;
        let text = std::str::from_utf8(&body).map_err(|error| refused(error.to_string()))?.trim();
        let (value, page) = if text.is_empty() || text == "null" {
            // Nothing is how one says "none": `null` turns automatic sign-in off.
            (Value::Object(Map::new()), None)
        } else if text.starts_with(['{', '[', '"']) {
            let value = serde_json::from_str(text)
                .map_err(|error| refused(format!("The body is not JSON: {error}.")))?;
            (value, None)
        } else {
            form(text)
        };
        match serde_json::from_value(value) {
            Ok(value) => Ok(Self { value, page }),
            Err(error) => {
                let message = format!("The body was not understood: {error}.");
                Err(Refused { message, page, status: bad })
            }
        }
    }
}

/// A text in which a form's "007" and "true" are still texts.
#[derive(Clone, Debug)]
pub(crate) struct Text(pub(crate) String);

/// Texts: an array, or one text with commas between them.
#[derive(Clone, Debug)]
pub(crate) struct Names(pub(crate) Vec<String>);

/// Longest name of anything.
const LONGEST_TEXT: usize = 1024;
const MOST_NAMES: usize = 10_000;

fn text(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return Err("a text was expected"),
    };
    if text.len() > LONGEST_TEXT { Err("a text is too long") } else { Ok(text) }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(&Value::deserialize(deserializer)?).map(Self).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names: Result<Vec<String>, _> = match Value::deserialize(deserializer)? {
            Value::Array(names) => names.iter().map(text).collect(),
            other => text(&other).map(|names| names.split(',').map(|name| name.trim().to_owned()).collect()),
        };
        let mut names = names.map_err(D::Error::custom)?;
        names.retain(|name| !name.is_empty());
        if names.len() > MOST_NAMES { Err(D::Error::custom("too many names")) } else { Ok(Self(names)) }
    }
}

/// A form's fields as JSON: empty ones left out, numbers, truth values and null recognised.
fn form(text: &str) -> (Value, Option<String>) {
    let mut fields = Map::new();
    let mut page = None;
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if name == "from" {
            // Only to pages of the sandbox: the value is whatever somebody sent.
            page = match &*value {
                "page" => Some(String::new()),
                own if own.starts_with("/_sandbox/") => Some(own.to_owned()),
                _ => None,
            };
        } else if !value.is_empty() {
            // "007" is a name.
            let number = value.parse::<u64>().ok().filter(|number| number.to_string() == value);
            let truth = value.parse::<bool>().ok();
            let text = || if value == "null" { Value::Null } else { Value::from(value.as_ref()) };
            let meant = number.map(Value::from).or_else(|| truth.map(Value::from)).unwrap_or_else(text);
            fields.insert(name.into_owned(), meant);
        }
    }
    (Value::Object(fields), page)
}
