//! WorkOS's error answers: the codes that come back in a redirect, and the bodies of its API.
//!
//! The shapes differ by endpoint, as they do at WorkOS (`message`, `error` with `error_description`, bare `error`),
//! because a client has to survive all of them.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::RngError;
use http::header::RETRY_AFTER;
use http::{StatusCode, Uri};
use serde_json::{Value, json};

/// Every documented `error` of the redirect back, with the sentence that goes along.
pub(crate) const REDIRECT_ERRORS: [(&str, &str); 14] = [
    ("access_denied", "The identity provider denied access to this person, or the person declined."),
    (
        "ambiguous_connection_selector",
        "The organization has several connections. Use the connection parameter instead.",
    ),
    ("connection_domain_invalid", "There is no connection for the given domain."),
    ("connection_invalid", "There is no such connection."),
    ("connection_strategy_invalid", "The provider is set up in more than one way in this environment."),
    ("connection_unlinked", "The connection is not linked to an identity provider."),
    (
        "domain_connection_selector_not_allowed",
        "The domain parameter is no longer valid here. Use organization, connection or provider.",
    ),
    (
        "idp_initiated_sso_disabled",
        "This connection does not allow logins that start at the identity provider.",
    ),
    ("invalid_connection_selector", "Exactly one of organization, connection or provider must be given."),
    ("organization_invalid", "There is no such organization."),
    ("oauth_failed", "The OAuth request to the identity provider failed."),
    (
        "profile_not_allowed_outside_organization",
        "The e-mail address is outside the organization's domains, and the organization does not allow that.",
    ),
    ("server_error", "The sign-in failed at the identity provider."),
    ("signin_consent_denied", "The person declined to sign in to this application."),
];

/// The sentence for a code; codes that nobody documented get a plain one.
pub(crate) fn description(code: &str) -> &'static str {
    REDIRECT_ERRORS.iter().find(|(known, _)| *known == code).map_or("The sign-in failed.", |(_, text)| text)
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("the API key is missing or wrong")]
    ApiKey,
    #[error("the access token is missing, unknown or expired")]
    AccessToken,
    #[error("{0} not found")]
    NotFound(&'static str),
    #[error("{code}: {description}")]
    OAuth { code: &'static str, description: &'static str },
    #[error("{field}: {code}")]
    Unprocessable { field: &'static str, code: &'static str },
    #[error("{code}")]
    Refused { code: &'static str },
    #[error("{code}")]
    Conflict { code: &'static str },
    #[error("{0}")]
    Invalid(&'static str),
    /// Come back in so many seconds.
    #[error("too many requests")]
    TooMany(i64),
    /// The same of directory users, where WorkOS's answer is a bare string.
    #[error("too many requests for one directory")]
    DirectoryTooMany(i64),
    #[error("signing or randomness failed")]
    Internal,
}

impl From<RngError> for ApiError {
    fn from(_: RngError) -> Self {
        Self::Internal
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, body): (StatusCode, Value) = match self {
            Self::ApiKey => (StatusCode::UNAUTHORIZED, json!({ "message": "Unauthorized" })),
            Self::AccessToken => (StatusCode::UNAUTHORIZED, json!({ "error": "Unauthorized" })),
            Self::NotFound(what) => {
                (StatusCode::NOT_FOUND, json!({ "message": format!("{what} not found.") }))
            }
            Self::OAuth { code, description } => {
                (StatusCode::BAD_REQUEST, json!({ "error": code, "error_description": description }))
            }
            Self::Unprocessable { field, code } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                json!({ "message": "Validation failed", "errors": [{ "field": field, "code": code }] }),
            ),
            Self::Refused { code } => {
                (StatusCode::BAD_REQUEST, json!({ "code": code, "message": "The request was refused." }))
            }
            Self::Conflict { code } => {
                (StatusCode::CONFLICT, json!({ "code": code, "message": "It exists already." }))
            }
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, json!({ "message": message })),
            Self::TooMany(seconds) => return too_many(seconds, json!({ "message": "Too many requests." })),
            Self::DirectoryTooMany(seconds) => return too_many(seconds, json!("Ratelimited")),
            Self::Internal => {
                (StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": "Internal server error" }))
            }
        };
        (status, Json(body)).into_response()
    }
}

fn too_many(seconds: i64, body: Value) -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, seconds.to_string())], Json(body)).into_response()
}

pub(crate) async fn no_such_endpoint(uri: Uri) -> Response {
    let message =
        format!("The sandbox has no {}. It speaks WorkOS's standalone SSO and Directory Sync.", uri.path());
    (StatusCode::NOT_FOUND, Json(json!({ "message": message }))).into_response()
}

pub(crate) async fn no_such_method() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, Json(json!({ "message": "This method is not allowed here." })))
        .into_response()
}
