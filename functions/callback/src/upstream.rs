//! What came back instead of a code: the error codes of WorkOS's redirect, sorted.
//!
//! The code is matched to a known list and the description is never shown, stored or logged: both are text that
//! anybody can put into a link (R10). Source: WorkOS documentation, "SSO error codes".

use web::pages::SignInFailure;

/// Longest error code that is looked at; longer ones are not codes.
const LONGEST_CODE: usize = 64;

pub(crate) const KNOWN: [&str; 14] = [
    "access_denied",
    "ambiguous_connection_selector",
    "connection_domain_invalid",
    "connection_invalid",
    "connection_strategy_invalid",
    "connection_unlinked",
    "domain_connection_selector_not_allowed",
    "idp_initiated_sso_disabled",
    "invalid_connection_selector",
    "organization_invalid",
    "oauth_failed",
    "profile_not_allowed_outside_organization",
    "server_error",
    "signin_consent_denied",
];

/// The stable word of an upstream error code, for logs and metrics.
pub(crate) fn known_code(error: &str) -> &'static str {
    if error.len() > LONGEST_CODE {
        return "unknown";
    }
    KNOWN.into_iter().find(|known| *known == error).unwrap_or("unknown")
}

/// What a person is told about it.
pub(crate) fn failure(error: &str) -> SignInFailure {
    match known_code(error) {
        "access_denied" => SignInFailure::Denied,
        "signin_consent_denied" => SignInFailure::ConsentDenied,
        "profile_not_allowed_outside_organization" => SignInFailure::OutsideCompany,
        "server_error" => SignInFailure::ProviderDown,
        "ambiguous_connection_selector"
        | "connection_domain_invalid"
        | "connection_invalid"
        | "connection_strategy_invalid"
        | "connection_unlinked"
        | "domain_connection_selector_not_allowed"
        | "idp_initiated_sso_disabled"
        | "invalid_connection_selector"
        | "organization_invalid" => SignInFailure::NotSetUp,
        _ => SignInFailure::ProviderFailed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R10: only known words leave this file, whatever came in.
    #[test]
    fn unknown_and_hostile_codes_become_one_word() {
        let long = "access_denied".repeat(100);
        for hostile in [
            "",
            "<script>alert(1)</script>",
            "access_denied\n",
            "ACCESS_DENIED",
            "x",
            long.as_str(),
            "\u{202e}",
        ] {
            assert_eq!(known_code(hostile), "unknown");
            assert_eq!(failure(hostile), SignInFailure::ProviderFailed);
        }
        assert_eq!(known_code("oauth_failed"), "oauth_failed");
        assert_eq!(failure("connection_unlinked"), SignInFailure::NotSetUp);
    }
}
