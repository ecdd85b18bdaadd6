//! One key: private (signs) and its public half, which also names it.
//!
//! An algorithm belongs to a key, never to a token: what kind of key it is says how its signatures are checked,
//! so there is nothing for an attacker's `alg` header to choose. The key id is computed from the key (RFC 7638),
//! so it cannot be mistyped, reused or moved to another key.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair, RsaPublicKeyComponents,
};
use secrecy::SecretString;
use secrecy::zeroize::Zeroizing;
use serde::{Deserialize, Serialize};

use crate::provider::random;

/// How tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Algorithm {
    /// ECDSA on P-256: the default; short signatures.
    #[serde(rename = "ES256")]
    Es256,
    /// RSA PKCS#1 v1.5 with 2048 bits: for API Gateway's own JWT authorizer, which knows no other.
    #[serde(rename = "RS256")]
    Rs256,
}

impl Algorithm {
    /// The JOSE name (RFC 7518 section 3.1). Case matters.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        [Self::Es256, Self::Rs256].into_iter().find(|algorithm| algorithm.as_str() == name)
    }

    pub(crate) const fn jose(self) -> jsonwebtoken::Algorithm {
        match self {
            Self::Es256 => jsonwebtoken::Algorithm::ES256,
            Self::Rs256 => jsonwebtoken::Algorithm::RS256,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The first 16 characters (96 bits) of the key's RFC 7638 thumbprint: it travels in every cookie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(String);

/// The text is not a key id of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key id")]
pub struct InvalidKeyId;

impl KeyId {
    const LENGTH: usize = 16;

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidKeyId;

    fn try_from(text: String) -> Result<Self, InvalidKeyId> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if text.len() == Self::LENGTH && text.bytes().all(plain) { Ok(Self(text)) } else { Err(InvalidKeyId) }
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The numbers of a public key, base64url, as a JWK shows them (RFC 7518 sections 6.2.1 and 6.3.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Numbers {
    #[serde(rename = "ES256")]
    Es256 { x: String, y: String },
    #[serde(rename = "RS256")]
    Rs256 { n: String, e: String },
}

impl Numbers {
    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Es256 { .. } => Algorithm::Es256,
            Self::Rs256 { .. } => Algorithm::Rs256,
        }
    }

    /// RFC 7638 section 3.1: SHA-256 of the required members in this order, without white space.
    pub(crate) fn thumbprint(&self) -> String {
        domain::sha256(&match self {
            Self::Es256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rs256 { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
        })
    }

    pub(crate) fn key_id(&self) -> KeyId {
        KeyId(self.thumbprint().chars().take(KeyId::LENGTH).collect())
    }

    pub(crate) fn decoding_key(&self) -> Result<DecodingKey, jsonwebtoken::errors::Error> {
        match self {
            Self::Es256 { x, y } => DecodingKey::from_ec_components(x, y),
            Self::Rs256 { n, e } => DecodingKey::from_rsa_components(n, e),
        }
    }
}

/// Why a private key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a private key must be an unencrypted PKCS#8 document, in base64")]
    Encoding,
    #[error("a private key must be on the curve P-256 or be RSA with exactly 2048 bits")]
    Unsupported,
    #[error("the system's random generator failed")]
    Random,
}

/// Signs session tokens. Its memory is wiped when it goes.
pub struct PrivateKey {
    /// The PKCS#8 document.
    encoding: EncodingKey,
    pub(crate) numbers: Numbers,
}

impl PrivateKey {
    /// A new P-256 key. RSA keys are made by the command line, so that no function links code for it.
    ///
    /// # Errors
    /// When the system's random generator fails.
    pub fn generate_es256() -> Result<Self, KeyError> {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random())
            .map_err(|_| KeyError::Random)?;
        Self::from_pkcs8_der(document.as_ref())
    }

    /// Reads a PKCS#8 document: `PrivateKeyInfo`, version 1, unencrypted (RFC 5208).
    ///
    /// # Errors
    /// When it is anything else than a P-256 key with its public half or a 2048-bit RSA key. A longer RSA key
    /// makes a signature that does not fit the cookie beside the claims.
    pub fn from_pkcs8_der(document: &[u8]) -> Result<Self, KeyError> {
        let random: SystemRandom = random();
        if let Ok(pair) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document, &random) {
            let numbers = point(pair.public_key().as_ref()).ok_or(KeyError::Unsupported)?;
            return Ok(Self { encoding: EncodingKey::from_ec_der(document), numbers });
        }
        let pair = RsaKeyPair::from_pkcs8(document).map_err(|_| KeyError::Unsupported)?;
        if pair.public().modulus_len() != 2048 / 8 {
            return Err(KeyError::Unsupported);
        }
        let RsaPublicKeyComponents::<Vec<u8>> { n, e } = pair.public().into();
        let numbers = Numbers::Rs256 { n: URL_SAFE_NO_PAD.encode(n), e: URL_SAFE_NO_PAD.encode(e) };
        Ok(Self { encoding: EncodingKey::from_rsa_der(document), numbers })
    }

    /// Reads what [`PrivateKey::to_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Result<Self, KeyError> {
        let document = Zeroizing::new(STANDARD.decode(text).map_err(|_| KeyError::Encoding)?);
        Self::from_pkcs8_der(&document)
    }

    /// The PKCS#8 document in base64: the body of a PEM file on one line.
    pub(crate) fn to_text(&self) -> SecretString {
        STANDARD.encode(self.encoding.as_bytes()).into()
    }

    pub fn algorithm(&self) -> Algorithm {
        self.numbers.algorithm()
    }

    pub fn id(&self) -> KeyId {
        self.numbers.key_id()
    }

    pub(crate) const fn encoding(&self) -> &EncodingKey {
        &self.encoding
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey({} {}, [redacted])", self.algorithm(), self.id())
    }
}

/// An uncompressed point: 4, x, y (SEC 1 section 2.3.3).
fn point(bytes: &[u8]) -> Option<Numbers> {
    let (x, y) = bytes.strip_prefix(&[4])?.split_at_checked(32)?;
    Some(Numbers::Es256 { x: URL_SAFE_NO_PAD.encode(x), y: URL_SAFE_NO_PAD.encode(y) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    /// RFC 7638 section 3.1.
    #[test]
    fn the_thumbprint_is_the_one_of_rfc_7638() {
        let key = Numbers::Rs256 {
            n: "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiF\
                V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9\
                c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1\
                jF44-csFCur-kEgU8awapJzKnqDKgw"
                .into(),
            e: "AQAB".into(),
        };
        assert_eq!(key.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        assert_eq!(key.key_id().as_str(), "NzbLsXh8uDCcd-6M");
    }

    #[test]
    fn a_private_key_survives_its_text() {
        let key = PrivateKey::generate_es256().unwrap();
        let again = PrivateKey::from_text(key.to_text().expose_secret()).unwrap();
        assert_eq!((again.id(), again.algorithm()), (key.id(), Algorithm::Es256));
        assert_ne!(PrivateKey::generate_es256().unwrap().id(), key.id());
    }

    #[test]
    fn other_documents_are_refused() {
        assert_eq!(PrivateKey::from_text("not base64!").map(|_| ()), Err(KeyError::Encoding));
        assert_eq!(PrivateKey::from_text("AAAA").map(|_| ()), Err(KeyError::Unsupported));
    }

    #[test]
    fn key_ids_are_checked_when_read() {
        assert!(serde_json::from_str::<KeyId>("\"NzbLsXh8uDCcd-6M\"").is_ok());
        for wrong in ["\"\"", "\"NzbLsXh8uDCcd-6Mx\"", "\"NzbLsXh8uDCcd/6M\""] {
            assert!(serde_json::from_str::<KeyId>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn algorithm_names_are_exact() {
        assert_eq!(Algorithm::parse("ES256"), Some(Algorithm::Es256));
        for wrong in ["none", "es256", "HS256", "RS512", "PS256", ""] {
            assert_eq!(Algorithm::parse(wrong), None, "{wrong}");
        }
    }
}
