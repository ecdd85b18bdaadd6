//! The private keys, and the steps by which one follows another.
//!
//! Publish, wait until every cache has seen it, promote, and forget the old one when its last session is over:
//! at no moment is a token signed with a key that some verifier does not know. A retired private key is
//! dropped at once, since only its public half is needed; signing with it is not even expressible.
//!
//! Order of writing, so that a failure between the two writes harms nobody: the public keys first where a key is
//! added (`new`, `publish`), the ring first where one goes (`promote`, `forget`). When a private key has leaked
//! there is no waiting: start over with [`KeyRing::new`] and set the floor to now.

use std::time::Duration;

use domain::Timestamp;
use jsonwebtoken::Header;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::claims::{SessionClaims, SessionToken, TOKEN_BYTES, TOKEN_TYPE};
use crate::key::{KeyError, KeyId, Numbers, PrivateKey};
use crate::provider;
use crate::public_keys::{KeyState, PublicKey, PublicKeys};
use crate::verify::LEEWAY;

/// Exactly one key that signs, at most one that is about to, and the public halves of those that did.
#[derive(Debug)]
pub struct KeyRing {
    active: Active,
    next: Option<Next>,
    retired: Vec<Retired>,
}

#[derive(Debug)]
struct Active {
    key: PrivateKey,
    published_at: Timestamp,
    promoted_at: Timestamp,
}

#[derive(Debug)]
struct Next {
    key: PrivateKey,
    published_at: Timestamp,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Retired {
    key: Numbers,
    published_at: Timestamp,
    promoted_at: Timestamp,
    retired_at: Timestamp,
}

/// Why the text is not a key ring. Never quotes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    #[error("the key ring is not the expected JSON, at line {line}, column {column}")]
    Json { line: usize, column: usize },
    #[error("the key ring has version {0}, and this program reads version {VERSION}")]
    Version(u32),
    #[error("the {0} key of the ring cannot be used")]
    Key(&'static str, #[source] KeyError),
    #[error("the key ring has one key twice")]
    SameKeyTwice,
}

/// Why a token was not made.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// Only an issuer or audience longer than [`crate::ISSUER_BYTES`] can do this, or roles nobody clipped.
    #[error("the token has {0} bytes, and the cookie holds {TOKEN_BYTES}")]
    TooLong(usize),
    #[error("signing failed")]
    Signature(#[source] jsonwebtoken::errors::Error),
}

/// Why a step of a rotation is not possible now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotationError {
    #[error("a next key is published already; promote it first")]
    AlreadyPublished,
    #[error("this key is in the ring already")]
    SameKey,
    #[error("no next key is published")]
    NothingPublished,
    #[error("caches may not know the next key before {ready_at:?}")]
    TooEarly { ready_at: Timestamp },
}

const VERSION: u32 = 1;

/// The secret's text.
#[derive(Serialize, Deserialize)]
struct Document {
    v: u32,
    active: ActiveDocument,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next: Option<NextDocument>,
    #[serde(default)]
    retired: Vec<Retired>,
}

#[derive(Serialize, Deserialize)]
struct ActiveDocument {
    /// The PKCS#8 document in base64.
    pkcs8: String,
    published_at: Timestamp,
    promoted_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct NextDocument {
    pkcs8: String,
    published_at: Timestamp,
}

impl KeyRing {
    /// A ring whose only key signs at once: the first ever, or the answer to a leak, which no old token survives.
    pub fn new(key: PrivateKey, now: Timestamp) -> Self {
        Self { active: Active { key, published_at: now, promoted_at: now }, next: None, retired: Vec::new() }
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// When it is not what [`KeyRing::to_json`] writes.
    pub fn from_json(json: &str) -> Result<Self, KeyRingError> {
        // The parser's own message may quote the value it did not like, and that value may be the key.
        let document: Document = serde_json::from_str(json)
            .map_err(|error| KeyRingError::Json { line: error.line(), column: error.column() })?;
        if document.v != VERSION {
            return Err(KeyRingError::Version(document.v));
        }
        let key = |pkcs8: String, which| {
            PrivateKey::from_text(SecretString::from(pkcs8).expose_secret())
                .map_err(|error| KeyRingError::Key(which, error))
        };
        let ActiveDocument { pkcs8, published_at, promoted_at } = document.active;
        let active = Active { key: key(pkcs8, "active")?, published_at, promoted_at };
        let next = document
            .next
            .map(|NextDocument { pkcs8, published_at }| Ok(Next { key: key(pkcs8, "next")?, published_at }))
            .transpose()?;
        let ring = Self { active, next, retired: document.retired };
        let mut ids = ring.ids();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(KeyRingError::SameKeyTwice);
        }
        Ok(ring)
    }

    /// The secret's text, for the command line, which alone writes it.
    ///
    /// # Errors
    /// When JSON cannot be written.
    pub fn to_json(&self) -> Result<SecretString, serde_json::Error> {
        let text = |key: &PrivateKey| key.to_text().expose_secret().to_owned();
        let document = Document {
            v: VERSION,
            active: ActiveDocument {
                pkcs8: text(&self.active.key),
                published_at: self.active.published_at,
                promoted_at: self.active.promoted_at,
            },
            next: self
                .next
                .as_ref()
                .map(|next| NextDocument { pkcs8: text(&next.key), published_at: next.published_at }),
            retired: self.retired.clone(),
        };
        Ok(serde_json::to_string(&document)?.into())
    }

    /// The public halves, with the floor that is stored beside them (not part of the ring: keep the one read).
    pub fn public(&self, sessions_not_before: Option<Timestamp>) -> PublicKeys {
        let next = self.next.iter().map(|Next { key, published_at }| {
            PublicKey::new(&key.numbers, KeyState::Next { published_at: *published_at })
        });
        let Active { key, published_at, promoted_at } = &self.active;
        let active = PublicKey::new(
            &key.numbers,
            KeyState::Active { published_at: *published_at, promoted_at: *promoted_at },
        );
        let retired = self.retired.iter().map(|retired| {
            let Retired { key, published_at, promoted_at, retired_at } = retired;
            let (published_at, promoted_at, retired_at) = (*published_at, *promoted_at, *retired_at);
            PublicKey::new(key, KeyState::Retired { published_at, promoted_at, retired_at })
        });
        PublicKeys { keys: std::iter::once(active).chain(next).chain(retired).collect(), sessions_not_before }
    }

    /// The key that signs.
    pub fn active(&self) -> KeyId {
        self.active.key.id()
    }

    /// Mints a session token with the active key.
    ///
    /// # Errors
    /// When it does not fit the cookie, or ring fails.
    pub fn sign(&self, claims: &SessionClaims) -> Result<SessionToken, SignError> {
        provider::install();
        let key = &self.active.key;
        let mut header = Header::new(key.algorithm().jose());
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(key.id().into());
        let token = jsonwebtoken::encode(&header, claims, key.encoding()).map_err(SignError::Signature)?;
        if token.len() > TOKEN_BYTES {
            return Err(SignError::TooLong(token.len()));
        }
        Ok(SessionToken::new(token))
    }

    /// First step: verifiers learn the key that will follow.
    ///
    /// # Errors
    /// When a key is waiting already, or this one is known.
    pub fn publish(self, key: PrivateKey, now: Timestamp) -> Result<Self, RotationError> {
        if self.next.is_some() {
            return Err(RotationError::AlreadyPublished);
        }
        if self.ids().contains(&key.id()) {
            return Err(RotationError::SameKey);
        }
        Ok(Self { next: Some(Next { key, published_at: now }), ..self })
    }

    /// Second step: the next key signs, the active one retires and its private half is dropped.
    ///
    /// `caches` is the longest that anybody may hold old public keys or an old ring. It counts twice: before
    /// this step for verifiers, and after it for functions that still sign with the ring they have.
    ///
    /// # Errors
    /// When no key is waiting, or caches may not know it yet.
    pub fn promote(self, now: Timestamp, caches: Duration) -> Result<Self, RotationError> {
        let Some(Next { key, published_at }) = self.next else { return Err(RotationError::NothingPublished) };
        let ready_at = published_at.plus(caches);
        if now < ready_at {
            return Err(RotationError::TooEarly { ready_at });
        }
        let mut retired = self.retired;
        retired.push(Retired {
            key: self.active.key.numbers,
            published_at: self.active.published_at,
            promoted_at: self.active.promoted_at,
            retired_at: now.plus(caches),
        });
        Ok(Self { active: Active { key, published_at, promoted_at: now }, next: None, retired })
    }

    /// Last step: drops retired keys that no session needs any more.
    #[must_use]
    pub fn forget(mut self, now: Timestamp, longest_session: Duration) -> Self {
        self.retired.retain(|retired| now < retired.retired_at.plus(longest_session).plus(LEEWAY));
        self
    }

    fn ids(&self) -> Vec<KeyId> {
        self.public(None).keys.into_iter().map(|key| key.kid).collect()
    }
}
