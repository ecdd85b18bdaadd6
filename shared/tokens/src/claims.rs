//! What a session token says, and how large it may become.
//!
//! Browsers drop a cookie above 4 KB without a word and the person signs in for ever, so the size is bounded
//! where the token is made: no groups, no profile, and roles only as far as [`clip_roles`] lets them. A role is
//! kept whole or left out: half of `admin-readonly` would be another role.

use std::collections::HashSet;
use std::fmt;

use domain::{OrganizationId, Session, SessionId, Timestamp, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::verify::Expected;

/// The `typ` header: no other JWT of anybody can pass for a session (RFC 8725 section 3.11).
pub const TOKEN_TYPE: &str = "session+jwt";

/// Longest token in bytes. Leaves room for the cookie's name and attributes under 1.5 KB.
pub const TOKEN_BYTES: usize = 1400;

/// Longest issuer and audience in bytes with which every token fits, whatever its algorithm and roles.
pub const ISSUER_BYTES: usize = 96;

/// Most roles in a token.
pub const ROLES: usize = 16;

/// Longest role in bytes.
pub const ROLE_BYTES: usize = 64;

/// Longest JSON text of all roles together, in bytes.
pub const ROLES_BYTES: usize = 256;

/// The claims of a session. Times are whole seconds since 1970 (NumericDate, RFC 7519 section 2).
///
/// Not `Deserialize`: the only way from text to claims is [`crate::verify`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionClaims {
    /// Origin of the product.
    pub iss: String,
    pub aud: String,
    pub sub: UserId,
    pub org: OrganizationId,
    pub sid: SessionId,
    /// As [`clip_roles`] left them.
    pub roles: Vec<String>,
    /// How the person proved who they are (RFC 8176).
    pub amr: Vec<String>,
    pub auth_time: i64,
    /// When the second factor was last shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfa_time: Option<i64>,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
}

impl SessionClaims {
    /// What a token says of a session, as its record is now.
    pub fn of(session: &Session, expected: &Expected, now: Timestamp) -> Self {
        Self {
            iss: expected.issuer.clone(),
            aud: expected.audience.clone(),
            sub: session.user.clone(),
            org: session.organization.clone(),
            sid: session.id.clone(),
            roles: session.roles.clone(),
            amr: session.amr.clone(),
            auth_time: session.auth_time.seconds(),
            mfa_time: session.mfa_time.map(Timestamp::seconds),
            iat: now.seconds(),
            nbf: now.seconds(),
            exp: now.plus(expected.token_life).min(session.expires_at).seconds(),
        }
    }
}

/// A minted session token: whoever holds it is signed in.
pub struct SessionToken(SecretString);

impl SessionToken {
    pub(crate) fn new(text: String) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sets the cookie.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken([redacted])")
    }
}

/// The roles that go into a token: each once, whole, first come first served, as many as fit.
///
/// At most [`ROLES`] of them, none longer than [`ROLE_BYTES`], all together at most [`ROLES_BYTES`]. Put the
/// important ones first. A result shorter than the input is worth a warning in the log.
pub fn clip_roles(roles: impl IntoIterator<Item = String>) -> Vec<String> {
    let (mut kept, mut seen) = (Vec::new(), HashSet::new());
    let mut bytes = "[]".len();
    for role in roles {
        let fits = !role.is_empty() && role.len() <= ROLE_BYTES && kept.len() < ROLES;
        // Escapes count: a control character takes six bytes.
        let longer = bytes.saturating_add(json_bytes(&role)).saturating_add(usize::from(!kept.is_empty()));
        if fits && longer <= ROLES_BYTES && seen.insert(role.clone()) {
            bytes = longer;
            kept.push(role);
        }
    }
    kept
}

fn json_bytes(text: &str) -> usize {
    serde_json::to_string(text).map_or(usize::MAX, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// R18
    #[test]
    fn roles_are_kept_whole_once_and_in_order() {
        let long = "r".repeat(ROLE_BYTES + 1);
        let given = words(&["admin", "", "member", "admin", &long, "billing"]);
        assert_eq!(clip_roles(given), words(&["admin", "member", "billing"]));
        assert_eq!(clip_roles((0..300).map(|n| format!("r{n}"))).len(), ROLES);
    }

    /// R18: the JSON text is what counts, not the characters.
    #[test]
    fn escapes_and_wide_characters_count_in_full() {
        for unit in ["\u{0}", "\"", "\u{1F600}"] {
            let kept = clip_roles((1..=300).map(|n| unit.repeat(n % 15 + 1)));
            assert!(!kept.is_empty());
            assert!(serde_json::to_string(&kept).unwrap().len() <= ROLES_BYTES, "{unit:?}");
        }
    }

    /// R18: as many as fit and not one more: quotes and commas count.
    #[test]
    fn as_many_are_kept_as_fit() {
        for length in 3..=ROLE_BYTES {
            let kept = clip_roles((0..300).map(|n| format!("{n:0>length$}")));
            // Brackets and quotes around each, a comma before all but the first.
            assert_eq!(kept.len(), ROLES.min((ROLES_BYTES - 1) / (length + 3)), "{length}");
        }
    }

    #[test]
    fn a_token_is_not_printed() {
        assert_eq!(format!("{:?}", SessionToken::new("eyJ".into())), "SessionToken([redacted])");
    }
}
