//! A control request's body: JSON from tools, a form from the pages, told apart by what it looks like.
//!
//! Not by `Content-Type`: `curl -d '{…}'` calls its JSON a form. The pages' forms carry `from=page`, and get a
//! redirect back or a readable page instead of JSON.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use crate::pages;
use crate::state::Sandbox;

/// A verb's argument, and how its answer is wanted.
pub(crate) struct Verb<T> {
    pub(crate) value: T,
    from_page: bool,
}

/// The verb takes no argument.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Empty {}

/// The input was not understood; the sentence says why.
#[derive(Debug)]
pub(crate) struct Refused {
    message: String,
    from_page: bool,
}

impl<T> Verb<T> {
    pub(crate) fn refuse(&self, message: &str) -> Refused {
        Refused { message: message.to_owned(), from_page: self.from_page }
    }

    pub(crate) fn answer(&self, answer: Value, page: &str) -> Response {
        if self.from_page { Redirect::to(page).into_response() } else { Json(answer).into_response() }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        if self.from_page {
            let link = Some(("Back to the sandbox", "/"));
            return pages::message(StatusCode::BAD_REQUEST, "That did not work", &self.message, link);
        }
        let body = json!({ "error": "bad_request", "message": self.message });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}

impl<T: DeserializeOwned> FromRequest<Sandbox> for Verb<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, sandbox: &Sandbox) -> Result<Self, Refused> {
        let refused = |message: String| Refused { message, from_page: false };
        let body = Bytes::from_request(request, sandbox).await.map_err(|error| refused(error.to_string()))?;
        let text = std::str::from_utf8(&body).map_err(|error| refused(error.to_string()))?.trim();
        let (value, from_page) = if text.is_empty() || text == "null" {
            // Nothing is how one says "none": `null` turns automatic sign-in off.
            (Value::Object(Map::new()), false)
        } else if text.starts_with(['{', '[', '"']) {
            let value = serde_json::from_str(text)
                .map_err(|error| refused(format!("The body is not JSON: {error}.")))?;
            (value, false)
        } else {
            form(text)
        };
        match serde_json::from_value(value) {
            Ok(value) => Ok(Self { value, from_page }),
            Err(error) => {
                Err(Refused { message: format!("The body was not understood: {error}."), from_page })
            }
        }
    }
}

/// A form's fields as JSON: empty ones left out, numbers, truth values and null recognised.
fn form(text: &str) -> (Value, bool) {
    let mut fields = Map::new();
    let mut from_page = false;
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if name == "from" {
            from_page = value == "page";
        } else if !value.is_empty() {
            let number = value.parse::<u64>().map(Value::from);
            let truth = value.parse::<bool>().map(Value::from);
            let text = || if value == "null" { Value::Null } else { Value::from(value.as_ref()) };
            fields.insert(name.into_owned(), number.or(truth).unwrap_or_else(|_| text()));
        }
    }
    (Value::Object(fields), from_page)
}
