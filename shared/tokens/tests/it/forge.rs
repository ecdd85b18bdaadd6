//! An attacker who can sign anything with our own key: what is refused here is refused by the check under test
//! and not for want of a signature.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::{OrganizationId, SessionId, Timestamp, UserId};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use tokens::{Expected, Expiry, KeyRing, PrivateKey, PublicKeys, SessionClaims, TokenError, verify};

pub(crate) const ISSUER: &str = "https://app.example.com";
pub(crate) const NOW: i64 = 1_764_000_000;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

pub(crate) fn expected() -> Expected {
    Expected {
        issuer: ISSUER.into(),
        audience: ISSUER.into(),
        token_life: Duration::from_secs(300),
        longest_session: Duration::from_secs(86_400),
    }
}

pub(crate) fn claims() -> SessionClaims {
    SessionClaims {
        iss: ISSUER.into(),
        aud: ISSUER.into(),
        sub: UserId::parse("user_01EHZNVPK3SFK441A1RGBFSHRT").unwrap(),
        org: OrganizationId::parse("org_01EHZNVPK3SFK441A1RGBFSHRT").unwrap(),
        sid: SessionId::parse("sess_01EHZNVPK3SFK441A1RGBFSHRT").unwrap(),
        roles: vec!["admin".into(), "member".into()],
        amr: vec!["sso".into()],
        auth_time: NOW - 10,
        mfa_time: None,
        iat: NOW,
        nbf: NOW,
        exp: NOW + 300,
    }
}

pub(crate) fn pem(text: &str) -> Vec<u8> {
    let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

pub(crate) fn rsa_key() -> PrivateKey {
    PrivateKey::from_pkcs8_der(&pem(include_str!("rsa-2048.test-only.pem"))).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "ring signs with its own generator only")]
fn random() -> SystemRandom {
    SystemRandom::new()
}

/// One key, in the hands of the ring and of the attacker.
pub(crate) struct Forge {
    pair: EcdsaKeyPair,
    pub(crate) ring: KeyRing,
    pub(crate) keys: PublicKeys,
}

impl Forge {
    pub(crate) fn new() -> Self {
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random()).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random()).unwrap();
        let ring = KeyRing::new(PrivateKey::from_pkcs8_der(document.as_ref()).unwrap(), at(NOW - 1000));
        let keys = ring.public(None);
        Self { pair, ring, keys }
    }

    pub(crate) fn point(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    pub(crate) fn honest(&self) -> String {
        self.ring.sign(&claims()).unwrap().expose().to_owned()
    }

    pub(crate) fn header(&self) -> Value {
        json!({ "alg": "ES256", "typ": "session+jwt", "kid": self.ring.active() })
    }

    /// Header and payload text as they stand, rightly signed.
    pub(crate) fn raw(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.seal(&format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload)))
    }

    /// Signs the first two parts as they stand.
    pub(crate) fn seal(&self, message: &str) -> String {
        let signature = self.pair.sign(&random(), message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub(crate) fn with_header(&self, header: &str) -> String {
        self.raw(header, payload().to_string())
    }

    pub(crate) fn with_payload(&self, payload: &str) -> String {
        self.raw(self.header().to_string(), payload)
    }

    pub(crate) fn verify(&self, token: &str) -> Result<SessionClaims, TokenError> {
        verify(token, &self.keys, &expected(), at(NOW), Expiry::Enforced)
    }
}

pub(crate) fn payload() -> Value {
    serde_json::to_value(claims()).unwrap()
}

/// The object with one member set, or removed where the value is `None`.
pub(crate) fn with(mut object: Value, name: &str, value: Option<Value>) -> String {
    let members = object.as_object_mut().unwrap();
    match value {
        Some(value) => members.insert(name.into(), value),
        None => members.remove(name),
    };
    object.to_string()
}
