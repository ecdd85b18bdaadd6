//! From a stranger's text to claims, or to the first check that failed (RFC 7519 section 7.2, RFC 8725).
//!
//! The order matters. The header only chooses among our own keys and is held against what that key is; then the
//! signature; and no claim is looked at before the signature is good. `jsonwebtoken` checks the signature, but
//! its `decode` is not used: it keeps the last of two members of one name, takes lists for `iss` and `aud`,
//! treats a missing claim as a valid one, and reads the system's clock.

use std::time::Duration;

use domain::Timestamp;

use crate::claims::{SessionClaims, TOKEN_TYPE};
use crate::jws::{Jws, LONGEST_TOKEN, Payload};
use crate::key::Algorithm;
use crate::public_keys::{PublicKey, PublicKeys};

/// How far two clocks may differ. Good in both directions: after `exp`, before `nbf` (R31).
pub const LEEWAY: Duration = Duration::from_secs(60);

/// What a token must be for us to take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub issuer: String,
    pub audience: String,
    /// `exp` - `iat` of the tokens we mint: how long a retired key counts where `exp` is enforced.
    pub token_life: Duration,
    /// Longest absolute lifetime of a session: how long it counts where `exp` is waived.
    pub longest_session: Duration,
}

/// Whether an expired token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// The token is all there is: signature-only verification.
    Enforced,
    /// The caller checks the live session record next: strict verification and `/auth/session`, nothing else.
    Waived,
}

/// The check that failed. Holds nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("longer than {LONGEST_TOKEN} bytes")]
    TooLong,
    #[error("not three parts")]
    Parts,
    #[error("not base64url in its one spelling")]
    Encoding,
    #[error("the header is not one JSON object with unique names")]
    HeaderJson,
    #[error("the header lacks `{0}`, or it is not text")]
    HeaderMember(&'static str),
    /// `jku`, `x5u`, `x5c`, `jwk`, `crit` and all the rest: ways to bring a key along or to change the rules.
    #[error("the header has a member that ours never have")]
    HeaderExtra,
    #[error("`alg` is not the algorithm of the key")]
    Algorithm,
    #[error("`typ` is not {TOKEN_TYPE}")]
    Type,
    /// The one error for which reading the public keys again can help, at most once per cooldown (R33).
    #[error("no key has this `kid`")]
    UnknownKey,
    #[error("the key retired too long ago")]
    RetiredKey,
    #[error("the signature does not match")]
    Signature,
    #[error("the payload is not one JSON object with unique names")]
    PayloadJson,
    #[error("the claim `{0}` is missing")]
    MissingClaim(&'static str),
    #[error("the claim `{0}` has the wrong form")]
    InvalidClaim(&'static str),
    #[error("made by another issuer")]
    Issuer,
    #[error("made for another audience")]
    Audience,
    #[error("not valid yet")]
    NotYetValid,
    #[error("expired")]
    Expired,
    #[error("older than any session can be")]
    TooOld,
    #[error("all sessions of the environment were ended")]
    Revoked,
}

/// The claims of a token that passed every check.
///
/// With [`Expiry::Waived`] this alone admits nobody: the session record decides.
///
/// # Errors
/// With the first check that failed.
pub fn verify(
    token: &str,
    keys: &PublicKeys,
    expected: &Expected,
    now: Timestamp,
    expiry: Expiry,
) -> Result<SessionClaims, TokenError> {
    let jws = Jws::read(token)?;
    let key = choose(&jws, keys)?;
    let life = match expiry {
        Expiry::Enforced => expected.token_life,
        Expiry::Waived => expected.longest_session,
    };
    if !key.usable(now, life) {
        return Err(TokenError::RetiredKey);
    }
    let decoding = key.key.decoding_key().map_err(|_| TokenError::Signature)?;
    let claims = claims(&jws.check_signature(key.algorithm(), &decoding)?)?;
    if claims.iss != expected.issuer {
        return Err(TokenError::Issuer);
    }
    if claims.aud != expected.audience {
        return Err(TokenError::Audience);
    }
    check_times(&claims, keys.sessions_not_before, expected.longest_session, now, expiry)?;
    Ok(claims)
}

/// The key that the header names, once the header is exactly one that this key's signer writes.
fn choose<'a>(jws: &Jws<'_>, keys: &'a PublicKeys) -> Result<&'a PublicKey, TokenError> {
    if jws.header.keys().any(|name| !matches!(name.as_str(), "alg" | "typ" | "kid")) {
        return Err(TokenError::HeaderExtra);
    }
    let algorithm = Algorithm::parse(jws.header_text("alg")?).ok_or(TokenError::Algorithm)?;
    if jws.header_text("typ")? != TOKEN_TYPE {
        return Err(TokenError::Type);
    }
    let key = keys.find(jws.header_text("kid")?).ok_or(TokenError::UnknownKey)?;
    if key.algorithm() == algorithm { Ok(key) } else { Err(TokenError::Algorithm) }
}

fn check_times(
    claims: &SessionClaims,
    floor: Option<Timestamp>,
    longest_session: Duration,
    now: Timestamp,
    expiry: Expiry,
) -> Result<(), TokenError> {
    let made_at = Timestamp::from_seconds(claims.iat);
    if now.plus(LEEWAY) < Timestamp::from_seconds(claims.nbf).max(made_at) {
        return Err(TokenError::NotYetValid);
    }
    // Against the whole second: a token of the very second of the floor counts as made before it.
    if floor.is_some_and(|floor| made_at < floor) {
        return Err(TokenError::Revoked);
    }
    match expiry {
        Expiry::Enforced if now >= Timestamp::from_seconds(claims.exp).plus(LEEWAY) => {
            Err(TokenError::Expired)
        }
        // A live session was re-minted within its longest lifetime; older text comes from somewhere else.
        Expiry::Waived if now >= made_at.plus(longest_session).plus(LEEWAY) => Err(TokenError::TooOld),
        Expiry::Enforced | Expiry::Waived => Ok(()),
    }
}

fn claims(payload: &Payload) -> Result<SessionClaims, TokenError> {
    Ok(SessionClaims {
        iss: payload.text("iss")?.to_owned(),
        aud: payload.text("aud")?.to_owned(),
        sub: payload.id("sub")?,
        org: payload.id("org")?,
        sid: payload.id("sid")?,
        roles: payload.words("roles")?,
        amr: payload.words("amr")?,
        auth_time: payload.seconds("auth_time")?,
        mfa_time: if payload.has("mfa_time") { Some(payload.seconds("mfa_time")?) } else { None },
        iat: payload.seconds("iat")?,
        nbf: payload.seconds("nbf")?,
        exp: payload.seconds("exp")?,
    })
}
