//! From a stranger's text to claims, or to the first check that failed (RFC 7519 section 7.2, RFC 8725).
//!
//! The order matters. The header only chooses among our own keys and is held against what that key is; then the
//! signature; and no claim is looked at before the signature is good. `jsonwebtoken` checks the signature, but
//! its `decode` is not used: it keeps the last of two members of one name, takes lists for `iss` and `aud`,
//! treats a missing claim as a valid one, and reads the system's clock.

use std::time::Duration;

use domain::{InvalidId, Timestamp};
use serde_json::{Map, Value};

use crate::claims::{SessionClaims, TOKEN_TYPE};
use crate::key::Algorithm;
use crate::provider;
use crate::public_keys::{PublicKey, PublicKeys};
use crate::strict;

/// How far two clocks may differ. Good in both directions: after `exp`, before `nbf` (R31).
pub const LEEWAY: Duration = Duration::from_secs(60);

/// Nothing longer is looked at.
const LONGEST_TOKEN: usize = 8 * 1024;

/// Largest whole number that every JSON reader understands alike (RFC 7493 section 2.2).
const LARGEST_NUMBER: i64 = (1 << 53) - 1;

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
    if token.len() > LONGEST_TOKEN {
        return Err(TokenError::TooLong);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Parts)?;
    let (header, payload) = message.split_once('.').ok_or(TokenError::Parts)?;
    if payload.contains('.') {
        return Err(TokenError::Parts);
    }
    let decode = |part| strict::base64url(part).ok_or(TokenError::Encoding);
    let (header, payload, _) = (decode(header)?, decode(payload)?, decode(signature)?);

    let key = choose(&header, keys)?;
    let life = match expiry {
        Expiry::Enforced => expected.token_life,
        Expiry::Waived => expected.longest_session,
    };
    if !key.usable(now, life) {
        return Err(TokenError::RetiredKey);
    }
    check_signature(message, signature, key)?;

    let claims = Payload(strict::object(&payload).ok_or(TokenError::PayloadJson)?).claims()?;
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
fn choose<'a>(header: &[u8], keys: &'a PublicKeys) -> Result<&'a PublicKey, TokenError> {
    let header = strict::object(header).ok_or(TokenError::HeaderJson)?;
    if header.keys().any(|name| !matches!(name.as_str(), "alg" | "typ" | "kid")) {
        return Err(TokenError::HeaderExtra);
    }
    let member = |name| header.get(name).and_then(Value::as_str).ok_or(TokenError::HeaderMember(name));
    let algorithm = Algorithm::parse(member("alg")?).ok_or(TokenError::Algorithm)?;
    if member("typ")? != TOKEN_TYPE {
        return Err(TokenError::Type);
    }
    let key = keys.find(member("kid")?).ok_or(TokenError::UnknownKey)?;
    if key.algorithm() == algorithm { Ok(key) } else { Err(TokenError::Algorithm) }
}

fn check_signature(message: &str, signature: &str, key: &PublicKey) -> Result<(), TokenError> {
    provider::install();
    let decoding = key.key.decoding_key().map_err(|_| TokenError::Signature)?;
    match jsonwebtoken::crypto::verify(signature, message.as_bytes(), &decoding, key.algorithm().jose()) {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(TokenError::Signature),
    }
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

/// Members nobody knows are left alone, so that a release can add a claim while the one before still verifies.
struct Payload(Map<String, Value>);

impl Payload {
    fn claims(&self) -> Result<SessionClaims, TokenError> {
        Ok(SessionClaims {
            iss: self.text("iss")?.to_owned(),
            aud: self.text("aud")?.to_owned(),
            sub: self.id("sub")?,
            org: self.id("org")?,
            sid: self.id("sid")?,
            roles: self.words("roles")?,
            amr: self.words("amr")?,
            auth_time: self.seconds("auth_time")?,
            mfa_time: if self.0.contains_key("mfa_time") { Some(self.seconds("mfa_time")?) } else { None },
            iat: self.seconds("iat")?,
            nbf: self.seconds("nbf")?,
            exp: self.seconds("exp")?,
        })
    }

    fn get(&self, name: &'static str) -> Result<&Value, TokenError> {
        self.0.get(name).ok_or(TokenError::MissingClaim(name))
    }

    fn text(&self, name: &'static str) -> Result<&str, TokenError> {
        self.get(name)?.as_str().ok_or(TokenError::InvalidClaim(name))
    }

    fn id<T: TryFrom<String, Error = InvalidId>>(&self, name: &'static str) -> Result<T, TokenError> {
        self.text(name)?.to_owned().try_into().map_err(|InvalidId { .. }| TokenError::InvalidClaim(name))
    }

    fn words(&self, name: &'static str) -> Result<Vec<String>, TokenError> {
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let list = self.get(name)?.as_array().ok_or(TokenError::InvalidClaim(name))?;
        list.iter().map(word).collect::<Option<_>>().ok_or(TokenError::InvalidClaim(name))
    }

    /// A whole number written as one: `1.7e9` and `1700000000.0` are refused, and so is what does not fit.
    fn seconds(&self, name: &'static str) -> Result<i64, TokenError> {
        let number = self.get(name)?.as_i64().ok_or(TokenError::InvalidClaim(name))?;
        if (0..=LARGEST_NUMBER).contains(&number) { Ok(number) } else { Err(TokenError::InvalidClaim(name)) }
    }
}
