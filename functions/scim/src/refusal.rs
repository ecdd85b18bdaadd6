//! Why a request comes to nothing, and what its sender is told.
//!
//! Whoever is not WorkOS gets one answer, whatever was wrong (R51): a forger who could tell an old signature from a
//! wrong one would know when the secret is right. What is broken behind us is always 503, so that WorkOS sends the
//! event again: a 4xx would be the end of it.

use axum::response::Response;
use http::StatusCode;
use http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use intake::NotHandled;
use web::problem::shaped;
use web::secrets::SecretError;
use web::{Ctx, Problem, metrics};
use workos::{InvalidEvent, SignatureError};

use crate::Deps;

/// Seconds until another try is worth it.
const AGAIN: &str = "5";
/// RFC 7644 section 3.12.
const SCIM_ERROR: &str = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"401","detail":"The token is not valid."}"#;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("neither a signature nor a token")]
    NoCredential,
    #[error("a signature and a token")]
    BothCredentials,
    #[error("a token, and nobody has one")]
    UnknownToken,
    #[error("the caller's address is not among the allowed ones")]
    Address,
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("the body is larger than 256 KB")]
    TooLarge,
    #[error("the body broke off")]
    Broken,
    #[error("signed, and no event: {0}")]
    Invalid(#[from] InvalidEvent),
    #[error(transparent)]
    NotHandled(#[from] NotHandled),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl Refusal {
    /// Stable word for the metric of refused calls; `None` for trouble of ours and for events that are genuine.
    const fn reason(&self) -> Option<&'static str> {
        match self {
            Self::NoCredential => Some("no_credential"),
            Self::BothCredentials => Some("both_credentials"),
            Self::UnknownToken => Some("unknown_token"),
            Self::Address => Some("address"),
            Self::Signature(error) => Some(error.as_str()),
            Self::TooLarge => Some("too_large"),
            Self::Broken => Some("broken"),
            Self::Invalid(_) | Self::NotHandled(_) | Self::Secret(_) => None,
        }
    }

    pub(crate) fn respond(self, deps: &Deps, ctx: &Ctx) -> Response {
        match self.reason() {
            Some(reason) => {
                deps.shared.metrics().count_by(metrics::WEBHOOK_REFUSED, "reason", reason);
                tracing::warn!(webhook.reason = reason, "a call was refused: {self}");
            }
            // Nothing is broken: it is early.
            None if matches!(self, Self::NotHandled(NotHandled::Unresolved { .. })) => {
                tracing::warn!("an event has to come again: {self}")
            }
            None => tracing::error!(error = %self, "an event was not handled: {self}"),
        }
        let problem = |status, code, message: &'static str| Problem::new(status, code, message).respond(ctx);
        match self {
            Self::NoCredential | Self::Address | Self::Signature(_) => {
                problem(StatusCode::UNAUTHORIZED, "unauthorized", "The request is not authorized.")
            }
            Self::UnknownToken => {
                let body = SCIM_ERROR.to_owned();
                let mut response = shaped(StatusCode::UNAUTHORIZED, "application/scim+json", body);
                response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                response
            }
            Self::BothCredentials => problem(
                StatusCode::BAD_REQUEST,
                "ambiguous_credentials",
                "The request has a signature and a token; it may have one of them.",
            ),
            Self::TooLarge => {
                problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "The body is larger than 256 KB.")
            }
            Self::Broken => problem(StatusCode::BAD_REQUEST, "bad_request", "The body is not whole."),
            Self::Invalid(_) => {
                problem(StatusCode::BAD_REQUEST, "invalid_event", "The body is not an event.")
            }
            Self::NotHandled(_) | Self::Secret(_) => {
                let again = "The event could not be handled; it has to be sent again.";
                let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "try_later", again);
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(AGAIN));
                response
            }
        }
    }
}
