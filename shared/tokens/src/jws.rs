//! A signed JWT in compact form (RFC 7515 section 3.1), before and after its signature is known to be good.
//!
//! The way from [`Jws`] to [`Payload`] leads through a signature check, so no claim can be read too early. What a
//! header must look like is for each kind of token to say; that it is one JSON object with unique names, in the one
//! spelling of base64url, holds for all.

use domain::InvalidId;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::claims::TOKEN_TYPE;
use crate::key::Algorithm;
use crate::provider;
use crate::strict;
use crate::verify::TokenError;

/// Nothing longer is looked at.
pub(crate) const LONGEST_TOKEN: usize = 8 * 1024;

/// Largest whole number that every JSON reader understands alike (RFC 7493 section 2.2).
const LARGEST_NUMBER: i64 = (1 << 53) - 1;

/// A token cut and decoded. Nothing in it is believed yet.
pub(crate) struct Jws<'a> {
    message: &'a str,
    signature: &'a str,
    pub(crate) header: Map<String, Value>,
    payload: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, TokenError> {
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
        let header = strict::object(&header).ok_or(TokenError::HeaderJson)?;
        Ok(Self { message, signature, header, payload })
    }

    pub(crate) fn header_text(&self, name: &'static str) -> Result<&str, TokenError> {
        self.header.get(name).and_then(Value::as_str).ok_or(TokenError::HeaderMember(name))
    }

    /// The algorithm comes from the key, never from the header.
    pub(crate) fn check_signature(
        self,
        algorithm: Algorithm,
        key: &DecodingKey,
    ) -> Result<Payload, TokenError> {
        provider::install();
        match jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, algorithm.jose()) {
            Ok(true) => strict::object(&self.payload).map(Payload).ok_or(TokenError::PayloadJson),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

/// Whether a text says of itself that it is a session token. Decides who verifies it, and nothing else.
pub fn claims_to_be_session(token: &str) -> bool {
    Jws::read(token).is_ok_and(|jws| jws.header_text("typ").is_ok_and(|typ| typ == TOKEN_TYPE))
}

/// The claims of a token whose signature is good: each of the form that is asked for, or an error.
///
/// Members nobody asks for are left alone, so that an issuer can add a claim while older readers still verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload(Map<String, Value>);

impl Payload {
    /// Whether the claim is there at all.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Whether the claim says nothing: absent, or null as some issuers write it.
    pub fn is_silent(&self, name: &str) -> bool {
        self.0.get(name).is_none_or(Value::is_null)
    }

    fn get(&self, name: &'static str) -> Result<&Value, TokenError> {
        self.0.get(name).ok_or(TokenError::MissingClaim(name))
    }

    /// # Errors
    /// When the claim is missing or not text.
    pub fn text(&self, name: &'static str) -> Result<&str, TokenError> {
        self.get(name)?.as_str().ok_or(TokenError::InvalidClaim(name))
    }

    /// # Errors
    /// When the claim is missing or no id of this kind.
    pub fn id<T: TryFrom<String, Error = InvalidId>>(&self, name: &'static str) -> Result<T, TokenError> {
        self.text(name)?.to_owned().try_into().map_err(|InvalidId { .. }| TokenError::InvalidClaim(name))
    }

    /// # Errors
    /// When the claim is missing or no list of texts.
    pub fn words(&self, name: &'static str) -> Result<Vec<String>, TokenError> {
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let list = self.get(name)?.as_array().ok_or(TokenError::InvalidClaim(name))?;
        list.iter().map(word).collect::<Option<_>>().ok_or(TokenError::InvalidClaim(name))
    }

    /// A NumericDate, as a whole number written as one: `1.7e9` and `1700000000.0` are refused, and so is what does
    /// not fit.
    ///
    /// # Errors
    /// When the claim is missing or not that.
    pub fn seconds(&self, name: &'static str) -> Result<i64, TokenError> {
        let number = self.get(name)?.as_i64().ok_or(TokenError::InvalidClaim(name))?;
        if (0..=LARGEST_NUMBER).contains(&number) { Ok(number) } else { Err(TokenError::InvalidClaim(name)) }
    }
}
