//! Why a login ends without a session, and what a person sees of it.
//!
//! Each variant names its cause, for the log and the metrics; the page is coarser on purpose, and never shows upstream
//! text. Infrastructure trouble is 503 with a way to try again, never a refusal: nobody is told "no" because a table did
//! not answer.

use std::time::Duration;

use domain::entry::Barred;
use domain::{RngError, tenant};
use store::StoreError;
use web::SecretError;
use web::pages::{Link, Page, Refusal, SignInFailure, Unavailable};
use workos::AccessTokenError;

use crate::sign_in::SignInError;
use crate::tenancy::TenancyError;
use crate::upstream;

/// When to come back after trouble that gave no time of its own.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Why there is no session at the end. Each names its cause; what a person sees stands in [`Failure::page`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the state is not one that this browser is waiting for: {0}")]
    InvalidState(&'static str),
    #[error("too many requests from one address")]
    TooMany(Duration),
    #[error("the code was not asked for")]
    Unsolicited {
        /// Whether bare `/login` leads anywhere.
        start: bool,
    },
    #[error("WorkOS sent the browser back with the error {0}")]
    Upstream(&'static str, SignInFailure),
    #[error("the code was refused: {0}")]
    CodeRefused(workos::Error),
    #[error("WorkOS: {0}")]
    WorkOs(workos::Error),
    #[error("the access token beside the profile: {0}")]
    SsoToken(AccessTokenError),
    #[error("the profile's e-mail address is not valid")]
    Email,
    #[error("{0}")]
    Refused(tenant::Refusal),
    #[error("the organization is gone")]
    OrganizationGone,
    #[error("{0}")]
    Barred(Barred),
    #[error("the user kept changing while signing in")]
    Contended,
    #[error("{0}")]
    Store(StoreError),
    #[error("{0}")]
    Secrets(SecretError),
    #[error("{0}")]
    Random(RngError),
    #[error("the session token was not made: {0}")]
    Token(String),
}

impl Failure {
    pub(crate) fn upstream(error: &str) -> Self {
        Self::Upstream(upstream::known_code(error), upstream::failure(error))
    }

    /// Stable word for metrics and logs.
    pub(crate) fn reason(&self) -> &'static str {
        match self {
            Self::InvalidState(_) => "invalid_state",
            Self::TooMany(_) => "too_many_requests",
            Self::Unsolicited { .. } => "unsolicited",
            Self::Upstream(code, _) => code,
            Self::CodeRefused(_) => "code_refused",
            Self::WorkOs(error) => match error.kind {
                workos::Kind::RateLimited => "workos_rate_limited",
                _ => "workos_unavailable",
            },
            Self::SsoToken(_) => "sso_token_refused",
            Self::Email => "invalid_email",
            Self::Refused(refusal) => refusal_class(*refusal).code(),
            Self::OrganizationGone => "company_closed",
            Self::Barred(barred) => barred_class(*barred).code(),
            Self::Contended => "contended",
            Self::Store(_) => "store_unavailable",
            Self::Secrets(_) => "secrets_unavailable",
            Self::Random(_) | Self::Token(_) => "internal",
        }
    }

    /// Whether something of ours or behind us is broken: an error in the log, not a warning.
    pub(crate) fn is_trouble(&self) -> bool {
        match self {
            Self::WorkOs(_)
            | Self::SsoToken(_)
            | Self::Contended
            | Self::Store(_)
            | Self::Secrets(_)
            | Self::Random(_)
            | Self::Token(_) => true,
            Self::InvalidState(_)
            | Self::TooMany(_)
            | Self::Unsolicited { .. }
            | Self::Upstream(..)
            | Self::CodeRefused(_)
            | Self::Email
            | Self::Refused(_)
            | Self::OrganizationGone
            | Self::Barred(_) => false,
        }
    }

    /// WorkOS's id of the call that failed.
    pub(crate) fn workos_request(&self) -> Option<&str> {
        match self {
            Self::CodeRefused(error) | Self::WorkOs(error) => error.request_id.as_deref(),
            Self::InvalidState(_)
            | Self::TooMany(_)
            | Self::Unsolicited { .. }
            | Self::Upstream(..)
            | Self::SsoToken(_)
            | Self::Email
            | Self::Refused(_)
            | Self::OrganizationGone
            | Self::Barred(_)
            | Self::Contended
            | Self::Store(_)
            | Self::Secrets(_)
            | Self::Random(_)
            | Self::Token(_) => None,
        }
    }

    pub(crate) fn page(self, restart: Link) -> Page {
        let later = |wait: Duration, retry: Link| Page::TryLater {
            reason: Unavailable::Down,
            wait,
            retry: Some(retry),
        };
        match self {
            Self::InvalidState(_) => Page::InvalidState { restart },
            Self::TooMany(wait) => {
                Page::TryLater { reason: Unavailable::TooMany, wait, retry: Some(restart) }
            }
            Self::Unsolicited { start } => Page::StartFromHere { start: start.then_some(restart) },
            Self::Upstream(_, reason) => Page::SignInFailed { reason, restart },
            Self::CodeRefused(_) => Page::SignInFailed { reason: SignInFailure::CodeRefused, restart },
            Self::SsoToken(_) => Page::SignInFailed { reason: SignInFailure::ProviderFailed, restart },
            Self::WorkOs(error) => later(error.retry_after.unwrap_or(RETRY_AFTER), restart),
            Self::Email => Page::AccessRefused { reason: Refusal::EmailDomain, restart: Some(restart) },
            Self::Refused(refusal) => {
                Page::AccessRefused { reason: refusal_class(refusal), restart: Some(restart) }
            }
            Self::OrganizationGone => Page::AccessRefused { reason: Refusal::CompanyClosed, restart: None },
            Self::Barred(barred) => {
                Page::AccessRefused { reason: barred_class(barred), restart: Some(restart) }
            }
            Self::Contended | Self::Store(_) | Self::Secrets(_) | Self::Random(_) | Self::Token(_) => {
                later(RETRY_AFTER, restart)
            }
        }
    }
}

impl From<TenancyError> for Failure {
    fn from(error: TenancyError) -> Self {
        match error {
            TenancyError::Store(error) => Self::Store(error),
            TenancyError::WorkOs(error) => Self::WorkOs(error),
            TenancyError::Gone => Self::OrganizationGone,
        }
    }
}

/// Without keys to check by nothing was refused.
impl From<AccessTokenError> for Failure {
    fn from(error: AccessTokenError) -> Self {
        match error {
            AccessTokenError::Keys(error) => Self::WorkOs(error),
            error => Self::SsoToken(error),
        }
    }
}

impl From<SignInError> for Failure {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Store(error) => Self::Store(error),
            SignInError::Random(error) => Self::Random(error),
            SignInError::Barred(barred) => Self::Barred(barred),
            SignInError::Contended => Self::Contended,
        }
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::Secrets(error)
    }
}

/// How a refusal is put to the person; the exact cause is in the log.
fn refusal_class(refusal: tenant::Refusal) -> Refusal {
    match refusal {
        tenant::Refusal::OrganizationMismatch | tenant::Refusal::ConnectionMismatch => Refusal::OtherCompany,
        tenant::Refusal::ConnectionUnknown | tenant::Refusal::ConnectionUnusable => Refusal::ConnectionClosed,
        tenant::Refusal::ProviderNotAllowed => Refusal::Provider,
        tenant::Refusal::EmailOutsideDomains => Refusal::EmailDomain,
    }
}

fn barred_class(barred: Barred) -> Refusal {
    match barred {
        Barred::Deactivated => Refusal::Deactivated,
        Barred::NotProvisioned => Refusal::NotProvisioned,
    }
}

#[cfg(test)]
#[path = "failure_tests.rs"]
mod tests;
