//! The classes of "no". Functions map their own errors to these; the code is what support teams search for.
//!
//! A class is coarse on purpose: a page must help an honest person and must not tell a dishonest one which check of
//! several refused him. The exact cause is in the log line of the same request id.

use domain::routing::Conflict;
use http::StatusCode;

/// Why a person who proved who they are may still not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The connection is inactive, being deleted, a draft or unfinished (R44).
    ConnectionClosed,
    /// The company's tenant is unknown or closed.
    CompanyClosed,
    /// The e-mail address is outside the company's verified domains.
    EmailDomain,
    /// The user is deactivated.
    Deactivated,
    /// The profile came from another organization or connection than the one asked for (R12).
    OtherCompany,
    /// This way of signing in is not allowed here.
    Provider,
    /// The tenant does not make accounts at the first sign-in.
    NotProvisioned,
}

impl Refusal {
    pub const ALL: [Self; 7] = [
        Self::ConnectionClosed,
        Self::CompanyClosed,
        Self::EmailDomain,
        Self::Deactivated,
        Self::OtherCompany,
        Self::Provider,
        Self::NotProvisioned,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::ConnectionClosed => "connection_closed",
            Self::CompanyClosed => "company_closed",
            Self::EmailDomain => "email_domain_not_allowed",
            Self::Deactivated => "user_deactivated",
            Self::OtherCompany => "other_company",
            Self::Provider => "provider_not_allowed",
            Self::NotProvisioned => "not_provisioned",
        }
    }
}

/// Why the sign-in itself did not work: what the IdP or WorkOS said, sorted (R10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInFailure {
    /// `access_denied`: the company's own sign-in service said no.
    Denied,
    /// `signin_consent_denied`: the person chose not to go on.
    ConsentDenied,
    /// The link's organization or connection cannot be used for signing in: every `…_invalid`,
    /// `ambiguous_connection_selector`, `connection_unlinked` and their like.
    NotSetUp,
    /// `profile_not_allowed_outside_organization`.
    OutsideCompany,
    /// `oauth_failed` and codes we do not know: the company's sign-in service did not finish.
    ProviderFailed,
    /// The code was used, expired or of another login.
    CodeRefused,
    /// `server_error`, or no usable answer in time.
    ProviderDown,
}

impl SignInFailure {
    pub const ALL: [Self; 7] = [
        Self::Denied,
        Self::ConsentDenied,
        Self::NotSetUp,
        Self::OutsideCompany,
        Self::ProviderFailed,
        Self::CodeRefused,
        Self::ProviderDown,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Denied => "access_denied",
            Self::ConsentDenied => "consent_denied",
            Self::NotSetUp => "sign_in_not_set_up",
            Self::OutsideCompany => "outside_company",
            Self::ProviderFailed => "provider_failed",
            Self::CodeRefused => "code_refused",
            Self::ProviderDown => "provider_down",
        }
    }

    pub const fn status(self) -> StatusCode {
        match self {
            Self::Denied | Self::ConsentDenied | Self::OutsideCompany => StatusCode::FORBIDDEN,
            Self::NotSetUp | Self::ProviderFailed | Self::CodeRefused => StatusCode::BAD_REQUEST,
            Self::ProviderDown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// What is wrong with a sign-in link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLink {
    /// No company, several, or one that cannot be.
    Selector,
    /// The return URL is not on the list (R08).
    ReturnUrl,
    /// Another parameter is not what it must be.
    Parameter,
    /// Its parts contradict each other.
    Conflict(Conflict),
}

impl BadLink {
    pub const ALL: [Self; 7] = [
        Self::Selector,
        Self::ReturnUrl,
        Self::Parameter,
        Self::Conflict(Conflict::SeveralSelectors),
        Self::Conflict(Conflict::ProviderWithoutOrganization),
        Self::Conflict(Conflict::HintsDisagree),
        Self::Conflict(Conflict::OtherTenant),
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Self::Selector => "invalid_selector",
            Self::ReturnUrl => "invalid_return_url",
            Self::Parameter => "invalid_parameter",
            Self::Conflict(conflict) => conflict.code(),
        }
    }
}

/// Why to come back later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unavailable {
    /// A limit of ours (R64).
    TooMany,
    /// More people want to sign in at once than the company's sign-in service is sent. Their turn comes by itself.
    Crowded,
    /// Something behind us does not answer. Never a 4xx: nobody did anything wrong.
    Down,
}

impl Unavailable {
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooMany | Self::Crowded => "too_many_requests",
            Self::Down => "try_later",
        }
    }

    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooMany | Self::Crowded => StatusCode::TOO_MANY_REQUESTS,
            Self::Down => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}
