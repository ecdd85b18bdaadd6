//! Errors as JSON, and the net under all errors.
//!
//! The body is always `{code, message, request_id}` (R76). What a library answers by itself (an unknown path, a body it
//! cannot read) quotes the request or is empty; [`shape`] replaces every error answer that is not ours, so
//! that nothing of a request is echoed and no client meets a second shape.

use std::borrow::Cow;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::config::Site;
use crate::context::Ctx;
use crate::pages::Page;

/// An error for a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable; clients may decide by it.
    pub code: &'static str,
    /// For people; may change.
    pub message: String,
}

/// Marks an answer whose shape is ours.
#[derive(Clone, Copy)]
struct Shaped;

#[derive(Serialize)]
struct Shape<'a> {
    code: &'a str,
    message: &'a str,
    request_id: &'a str,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into().into_owned() }
    }

    pub(crate) fn server_error() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "Something went wrong.")
    }

    pub fn respond(&self, ctx: &Ctx) -> Response {
        let shape = Shape { code: self.code, message: &self.message, request_id: &ctx.request_id };
        // Three strings cannot fail to be written.
        let body = serde_json::to_string(&shape).unwrap_or_default();
        shaped(self.status, "application/json", body)
    }
}

/// An error in a shape that stays as it is: ours, or one that a protocol prescribes. It must echo nothing of the request.
pub fn shaped(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response =
        (status, [(CONTENT_TYPE, HeaderValue::from_static(content_type))], body).into_response();
    response.extensions_mut().insert(Shaped);
    response
}

/// Puts our shape over an error answer that somebody else made, and keeps its other headers (`Allow`, cookies).
pub(crate) fn shape(response: Response, site: &Site, ctx: &Ctx) -> Response {
    let status = response.status();
    let ours = response.extensions().get::<Shaped>().is_some();
    if ours || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let page = match status {
        StatusCode::NOT_FOUND => Page::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Page::MethodNotAllowed,
        status if status.is_client_error() => Page::BadRequest,
        _ => Page::ServerError,
    };
    let (mut parts, _) = response.into_parts();
    let (replacement, body) = page.respond(site, ctx).into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    for (name, value) in &replacement.headers {
        parts.headers.insert(name, value.clone());
    }
    parts.extensions.insert(Shaped);
    Response::from_parts(parts, body)
}

/// A HEAD request gets the headers alone.
pub(crate) fn without_body(response: Response) -> Response {
    response.map(|_| Body::empty())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::tests::site;
    use crate::context::{Answer, tests::ctx};

    pub(crate) async fn body(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// R76.
    #[tokio::test]
    async fn a_problem_names_code_message_and_request() {
        let problem = Problem::new(StatusCode::UNAUTHORIZED, "not_signed_in", "Sign in \"first\".");
        let response = problem.respond(&ctx(Answer::Json));
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(
            body(response).await,
            r#"{"code":"not_signed_in","message":"Sign in \"first\".","request_id":"01JTEST0000000000000000000"}"#
        );
    }

    /// R76: what a library says about a bad request is never passed on.
    #[tokio::test]
    async fn answers_of_libraries_get_our_shape() {
        for (status, code) in [
            (StatusCode::NOT_FOUND, "not_found"),
            (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            (StatusCode::UNPROCESSABLE_ENTITY, "bad_request"),
            (StatusCode::BAD_GATEWAY, "server_error"),
        ] {
            for answer in [Answer::Json, Answer::Page] {
                let foreign = (status, [("allow", "GET")], "invalid digit in <script>").into_response();
                let response = shape(foreign, &site(), &ctx(answer));
                assert_eq!(response.status(), status);
                assert_eq!(response.headers()["allow"], "GET");
                let body = body(response).await;
                assert!(body.contains(code), "{body}");
                assert!(!body.contains("digit"), "{body}");
            }
        }
    }

    #[tokio::test]
    async fn our_own_answers_are_left_alone() {
        let problem = Problem::new(StatusCode::CONFLICT, "busy", "Busy.");
        let response = shape(problem.respond(&ctx(Answer::Json)), &site(), &ctx(Answer::Page));
        assert!(body(response).await.contains("\"busy\""));
        let fine = shape((StatusCode::OK, "fine").into_response(), &site(), &ctx(Answer::Page));
        assert_eq!(body(fine).await, "fine");
    }
}
