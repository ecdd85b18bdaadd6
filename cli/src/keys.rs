//! The signing keys' life, as an operator directs it: first key, publish, promote, forget, and the emergency brake.
//!
//! The private ring in Secrets Manager is the truth; the public keys item is what verifiers read, and this is the one
//! place that writes it. Each step writes both, in the order in which a failure in between harms nobody: the public
//! keys first where a key is added, the ring first where one goes. Either write is conditional on what was read, so two
//! operators cannot undo each other's work, and a step that was cut short is finished by the next one.

mod command;

use std::time::Duration;

use domain::{Clock, Rng, Timestamp};
use secrecy::ExposeSecret;
use serde::Serialize;
use store::{Store, StoreError};
use tokens::{Algorithm, KeyId, KeyRing, KeyRingError, KeyState, PublicKeys, RotationError};

use crate::secret_store::{SecretStore, SecretStoreError, Stored};
use crate::signing_key::{SigningKeyError, generate};

pub use command::{KeysCommandError, revoke_all, rotate, show};

/// How long a step of a rotation waits until everybody has seen the one before: ten minutes.
///
/// What has to be outlived: functions hold the ring for 5 minutes and the public keys for 30 seconds, and outside
/// verifiers hold the JWKS for the 5 minutes that it allows, fetched at worst from a function whose own copy was 30
/// seconds old. That is five and a half minutes; the rest is room for clocks that differ and for slow deployments.
///
/// What need not be: the hour for which an old ring, and the quarter of an hour for which old public keys serve while
/// their service does not answer. A function that cannot read the ring signs with the retired key, whose tokens every
/// strict check accepts for as long as a session lives. One that cannot read the public keys cannot read sessions
/// either, so it is not the keys that make it deny. And a rotation does not begin while one of the two services is down:
/// each step reads and writes both.
pub const CACHES: Duration = Duration::from_secs(10 * 60);

/// A next key without a private half is either being published at this moment or left over from a step cut short.
const IN_PROGRESS: Duration = Duration::from_secs(60);

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("there is no signing key yet; `vestibule setup` makes the first one")]
    NotSetUp,
    #[error(
        "the secret {id} holds something that is not a key ring: {why}; `vestibule keys revoke-all` starts over"
    )]
    NotARing { id: String, why: KeyRingError },
    #[error(
        "the published keys do not belong to the key ring: a setup or revoke-all was cut short; \
         `vestibule keys revoke-all` starts over"
    )]
    OutOfStep,
    #[error(
        "somebody else is changing the keys at this moment; look with `vestibule keys show`, then try again"
    )]
    Busy,
    #[error("{0}")]
    Rotation(#[from] RotationError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    #[error("the key ring could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The keys of one deployment.
#[derive(Clone, Debug)]
pub struct Keys {
    pub store: Store,
    pub secrets: SecretStore,
    /// Name or ARN of the secret that holds the ring.
    pub secret: String,
    pub clock: Clock,
    pub rng: Rng,
}

/// What both places say, read together.
struct Read {
    ring: Option<KeyRing>,
    stored: Stored,
    published: Option<(PublicKeys, u64)>,
}

/// What came of the first key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstKey {
    Created,
    /// It was there already.
    Kept,
    /// It was there, but not all of it was published.
    Republished,
}

/// A key's name and kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyName {
    pub kid: KeyId,
    pub algorithm: Algorithm,
}

/// What has to happen next in a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextStep {
    Publish,
    /// A next key is published; it may be promoted from this moment on.
    Promote {
        ready_at: Timestamp,
    },
}

/// What a promotion did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Promoted {
    pub active: KeyName,
    pub retired: KeyName,
}

impl Keys {
    /// The first signing key of a deployment. Safe to repeat: what exists stays.
    ///
    /// # Errors
    /// When there is a ring that cannot be read, or one that the published keys do not belong to.
    pub async fn create(&self, algorithm: Algorithm) -> Result<(KeyName, FirstKey), KeysError> {
        let read = self.read().await?;
        if let Some(ring) = &read.ring {
            let kept = self.repair(&read, ring).await?;
            return Ok((active(ring), if kept { FirstKey::Kept } else { FirstKey::Republished }));
        }
        let ring = KeyRing::new(generate(algorithm, &self.rng)?, self.clock.now());
        // Published keys without a ring were left by a setup that was cut short. The floor stays, whoever set it.
        self.publish_then_store(&read, &ring, floor(&read)).await?;
        Ok((active(&ring), FirstKey::Created))
    }

    /// The keys as verifiers know them, and whether they are the ring's.
    ///
    /// # Errors
    /// When there are none.
    pub async fn published(&self) -> Result<(PublicKeys, bool), KeysError> {
        let read = self.read().await?;
        let ring = read.ring.as_ref().ok_or(KeysError::NotSetUp)?;
        let of_ring = ring.public(floor(&read));
        let in_step = read.published.as_ref().is_some_and(|(published, _)| *published == of_ring);
        Ok((of_ring, in_step))
    }

    /// Where a rotation stands. Finishes what was cut short.
    ///
    /// # Errors
    /// When there are no keys to rotate.
    pub async fn next_step(&self) -> Result<NextStep, KeysError> {
        let (_, ring) = self.in_step().await?;
        Ok(match waiting(&ring) {
            Some(published_at) => NextStep::Promote { ready_at: published_at.plus(CACHES) },
            None => NextStep::Publish,
        })
    }

    /// First step: a new key is made known. Of the active key's kind, where no other is asked for.
    ///
    /// # Errors
    /// When a next key is published already.
    pub async fn publish(&self, algorithm: Option<Algorithm>) -> Result<(KeyName, Timestamp), KeysError> {
        let (read, ring) = self.in_step().await?;
        let now = self.clock.now();
        let key = generate(algorithm.unwrap_or(active(&ring).algorithm), &self.rng)?;
        let name = KeyName { kid: key.id(), algorithm: key.algorithm() };
        let ring = ring.publish(key, now)?;
        self.publish_then_store(&read, &ring, floor(&read)).await?;
        Ok((name, now.plus(CACHES)))
    }

    /// Second step: the next key signs from now on, and the private half of the one before is gone.
    ///
    /// # Errors
    /// When nothing is published, or caches may not know it yet.
    pub async fn promote(&self) -> Result<Promoted, KeysError> {
        let (read, ring) = self.in_step().await?;
        let retired = active(&ring);
        let ring = ring.promote(self.clock.now(), CACHES)?;
        self.store_then_publish(&read, &ring).await?;
        Ok(Promoted { active: active(&ring), retired })
    }

    /// Last step: drops retired keys whose sessions are all over. Gives the ids of those that went.
    ///
    /// # Errors
    /// When there are no keys.
    pub async fn forget(&self, longest_session: Duration) -> Result<Vec<KeyId>, KeysError> {
        let (read, ring) = self.in_step().await?;
        let before = ids(&ring);
        let ring = ring.forget(self.clock.now(), longest_session);
        let kept = ids(&ring);
        let gone: Vec<KeyId> = before.into_iter().filter(|id| !kept.contains(id)).collect();
        if !gone.is_empty() {
            self.store_then_publish(&read, &ring).await?;
        }
        Ok(gone)
    }

    /// For a leaked key: a new ring, and no token or session from before this moment counts any more. Works on a ring
    /// that nobody can read, too.
    ///
    /// # Errors
    /// When one of the services does not answer.
    pub async fn revoke_all(&self, algorithm: Option<Algorithm>) -> Result<(KeyName, Timestamp), KeysError> {
        let stored = self.secrets.read(&self.secret).await?;
        let published = self.store.public_keys_at().await?;
        let old = KeyRing::from_json(stored.text.expose_secret()).ok();
        let algorithm = algorithm.or_else(|| old.as_ref().map(|ring| active(ring).algorithm));
        let now = self.clock.now();
        let ring = KeyRing::new(generate(algorithm.unwrap_or(Algorithm::Es256), &self.rng)?, now);
        let read = Read { ring: None, stored, published };
        self.publish_then_store(&read, &ring, Some(now)).await?;
        Ok((active(&ring), now))
    }

    async fn read(&self) -> Result<Read, KeysError> {
        // The public keys first: whatever the ring adds meanwhile then shows as a revision that is not current.
        let published = self.store.public_keys_at().await?;
        let stored = self.secrets.read(&self.secret).await?;
        let ring = if is_placeholder(stored.text.expose_secret()) {
            None
        } else {
            let ring = KeyRing::from_json(stored.text.expose_secret());
            Some(ring.map_err(|why| KeysError::NotARing { id: self.secret.clone(), why })?)
        };
        Ok(Read { ring, stored, published })
    }

    /// Reads, and brings the published keys in step with the ring where a step was cut short.
    async fn in_step(&self) -> Result<(Read, KeyRing), KeysError> {
        let mut read = self.read().await?;
        let ring = read.ring.take().ok_or(KeysError::NotSetUp)?;
        if !self.repair(&read, &ring).await? {
            read.published = self.store.public_keys_at().await?;
        }
        Ok((read, ring))
    }

    /// `true` when there was nothing to repair.
    async fn repair(&self, read: &Read, ring: &KeyRing) -> Result<bool, KeysError> {
        let of_ring = ring.public(floor(read));
        if let Some((published, _)) = &read.published {
            if *published == of_ring {
                return Ok(true);
            }
            let known = |wanted: &KeyId| of_ring.keys.iter().any(|key| key.kid == *wanted);
            for key in published.keys.iter().filter(|key| !known(&key.kid)) {
                match key.state {
                    // Publishing would bring a key back that somebody had a reason to replace.
                    KeyState::Active { .. } => return Err(KeysError::OutOfStep),
                    KeyState::Next { published_at } if self.clock.now().since(published_at) < IN_PROGRESS => {
                        return Err(KeysError::Busy);
                    }
                    // Left over from a step cut short: it never signed, or is long forgotten.
                    KeyState::Next { .. } | KeyState::Retired { .. } => {}
                }
            }
        }
        self.publish_public(read, &of_ring).await?;
        Ok(false)
    }

    async fn publish_then_store(
        &self,
        read: &Read,
        ring: &KeyRing,
        floor: Option<Timestamp>,
    ) -> Result<(), KeysError> {
        self.publish_public(read, &ring.public(floor)).await?;
        self.store_ring(read, ring).await
    }

    async fn store_then_publish(&self, read: &Read, ring: &KeyRing) -> Result<(), KeysError> {
        self.store_ring(read, ring).await?;
        self.publish_public(read, &ring.public(floor(read))).await
    }

    async fn publish_public(&self, read: &Read, keys: &PublicKeys) -> Result<(), KeysError> {
        let revision = read.published.as_ref().map(|(_, revision)| *revision);
        if self.store.publish_keys(keys, revision).await? { Ok(()) } else { Err(KeysError::Busy) }
    }

    async fn store_ring(&self, read: &Read, ring: &KeyRing) -> Result<(), KeysError> {
        self.secrets.replace(&self.secret, &read.stored, &ring.to_json()?).await.map_err(
            |error| match error {
                SecretStoreError::Changed(_) => KeysError::Busy,
                error => error.into(),
            },
        )
    }
}

/// Whether the secret was never written: the template fills it with JSON that has no key.
fn is_placeholder(text: &str) -> bool {
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text)
        .is_ok_and(|fields| !fields.contains_key("v") && !fields.contains_key("active"))
}

fn floor(read: &Read) -> Option<Timestamp> {
    read.published.as_ref().and_then(|(keys, _)| keys.sessions_not_before)
}

fn active(ring: &KeyRing) -> KeyName {
    let kid = ring.active();
    let keys = ring.public(None).keys;
    let algorithm = keys.iter().find(|key| key.kid == kid).map_or(Algorithm::Es256, |key| key.algorithm());
    KeyName { kid, algorithm }
}

fn waiting(ring: &KeyRing) -> Option<Timestamp> {
    ring.public(None).keys.into_iter().find_map(|key| match key.state {
        KeyState::Next { published_at } => Some(published_at),
        KeyState::Active { .. } | KeyState::Retired { .. } => None,
    })
}

fn ids(ring: &KeyRing) -> Vec<KeyId> {
    ring.public(None).keys.into_iter().map(|key| key.kid).collect()
}
