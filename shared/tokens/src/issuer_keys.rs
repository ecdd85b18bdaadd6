//! Another issuer's tokens, by the JWKS that it publishes: RS256 and nothing else.
//!
//! A signature says who made a token, not for whom or for what. Whoever calls [`IssuerKeys::verify`] holds the issuer,
//! the client and the times against what it expects; [`Payload`] alone admits nobody.

use domain::Timestamp;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::claims::TOKEN_TYPE;
use crate::jws::{Jws, Payload};
use crate::key::Algorithm;
use crate::strict;
use crate::verify::{LEEWAY, TokenError};

/// Bytes of the smallest modulus that counts: 2048 bits (RFC 7518 section 3.3).
const SMALLEST_MODULUS: usize = 256;

/// Header members by which a token could bring its own key or change the rules (RFC 7515 section 4.1).
const FORBIDDEN: [&str; 5] = ["crit", "jku", "jwk", "x5c", "x5u"];

/// The RS256 keys of a JWKS document, by their ids.
#[derive(Clone, Debug)]
pub struct IssuerKeys {
    keys: Vec<IssuerKey>,
}

#[derive(Clone)]
struct IssuerKey {
    kid: String,
    key: DecodingKey,
}

impl std::fmt::Debug for IssuerKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.kid)
    }
}

impl IssuerKeys {
    /// Reads a JWKS (RFC 7517 section 5). Keys for something else are left out, as the RFC asks; `None` when no key is
    /// left, since an empty set would turn everybody away as if that were an answer.
    pub fn from_jwks(document: &Value) -> Option<Self> {
        let mut keys: Vec<IssuerKey> = Vec::new();
        for key in document.get("keys")?.as_array()?.iter().filter_map(Value::as_object).filter_map(rs256) {
            if keys.iter().all(|known| known.kid != key.kid) {
                keys.push(key);
            }
        }
        if keys.is_empty() { None } else { Some(Self { keys }) }
    }

    /// The claims of a token that one of these keys signed, and that is neither too old nor too young.
    ///
    /// `exp` is required, `nbf` and `iat` are checked where they are. Issuer and client are for the caller to check.
    ///
    /// # Errors
    /// With the first check that failed.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Payload, TokenError> {
        let jws = Jws::read(token)?;
        if jws.header.keys().any(|name| FORBIDDEN.contains(&name.as_str())) {
            return Err(TokenError::HeaderExtra);
        }
        if jws.header_text("alg")? != Algorithm::Rs256.as_str() {
            return Err(TokenError::Algorithm);
        }
        // A session token is one of ours or of nobody.
        if jws.header.contains_key("typ") && jws.header_text("typ")? == TOKEN_TYPE {
            return Err(TokenError::Type);
        }
        let kid = jws.header_text("kid")?;
        let known = self.keys.iter().find(|key| key.kid == kid).ok_or(TokenError::UnknownKey)?;
        let payload = jws.check_signature(Algorithm::Rs256, &known.key)?;
        check_times(&payload, now)?;
        Ok(payload)
    }
}

fn check_times(payload: &Payload, now: Timestamp) -> Result<(), TokenError> {
    if now >= Timestamp::from_seconds(payload.seconds("exp")?).plus(LEEWAY) {
        return Err(TokenError::Expired);
    }
    for start in ["nbf", "iat"] {
        if payload.has(start) && now.plus(LEEWAY) < Timestamp::from_seconds(payload.seconds(start)?) {
            return Err(TokenError::NotYetValid);
        }
    }
    Ok(())
}

/// A key that is for RS256 signatures and says nothing against it.
fn rs256(jwk: &Map<String, Value>) -> Option<IssuerKey> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    let silent_or = |name: &str, wanted: &str| !jwk.contains_key(name) || text(name) == Some(wanted);
    let (kid, n, e) = (text("kid")?, strict::base64url(text("n")?)?, strict::base64url(text("e")?)?);
    let fits = text("kty") == Some("RSA")
        && silent_or("use", "sig")
        && silent_or("alg", Algorithm::Rs256.as_str())
        && n.first().is_some_and(|byte| *byte != 0)
        && n.len() >= SMALLEST_MODULUS;
    if !fits || kid.is_empty() {
        return None;
    }
    Some(IssuerKey { kid: kid.to_owned(), key: DecodingKey::from_rsa_raw_components(&n, &e) })
}
