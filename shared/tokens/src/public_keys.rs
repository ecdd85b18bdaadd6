//! What every verifier reads: the public halves, how long each is good for, and the floor beneath all sessions.
//!
//! Two readers with different needs. Outside verifiers see the JWKS and only ever meet tokens that have not
//! expired. Strict verification and `/auth/session` also accept an expired token of a live session, so there a
//! retired key counts for as long as a session can last.

use std::time::Duration;

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use crate::discovery::{Jwk, Jwks};
use crate::key::{Algorithm, KeyId, Numbers};
use crate::verify::LEEWAY;

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Known to verifiers, signs nothing yet.
    Next { published_at: Timestamp },
    /// Signs every new token.
    Active { published_at: Timestamp, promoted_at: Timestamp },
    /// Signs nothing any more; verifies what it signed before.
    Retired {
        published_at: Timestamp,
        promoted_at: Timestamp,
        /// From when on nobody signs with it, not even a function that still holds the ring of before.
        retired_at: Timestamp,
    },
}

/// One published key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    pub kid: KeyId,
    pub state: KeyState,
    /// By algorithm, so that a key has exactly one.
    pub(crate) key: Numbers,
}

impl PublicKey {
    pub(crate) fn new(numbers: &Numbers, state: KeyState) -> Self {
        Self { kid: numbers.key_id(), state, key: numbers.clone() }
    }

    pub const fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// Whether what this key signed can still be good, when it is good for `life` after its making.
    pub fn usable(&self, now: Timestamp, life: Duration) -> bool {
        match self.state {
            KeyState::Next { .. } | KeyState::Active { .. } => true,
            KeyState::Retired { retired_at, .. } => now < retired_at.plus(life).plus(LEEWAY),
        }
    }
}

/// The public keys item, derived from the private ring and stored beside no tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKeys {
    pub keys: Vec<PublicKey>,
    /// "End everybody": tokens and sessions from before this moment are dead, in the whole environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_not_before: Option<Timestamp>,
}

impl PublicKeys {
    pub(crate) fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.kid.as_str() == kid)
    }

    /// The JWKS document: next and active keys, and retired ones until their last token has expired (R32).
    ///
    /// `token_life` is how long a token is good for, without leeway.
    pub fn jwks(&self, now: Timestamp, token_life: Duration) -> Jwks {
        Jwks { keys: self.keys.iter().filter(|key| key.usable(now, token_life)).map(Jwk::of).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn key(x: &str, state: KeyState) -> PublicKey {
        PublicKey::new(&Numbers::Es256 { x: x.into(), y: "y".into() }, state)
    }

    /// R32: the JWKS drops a retired key when its last token is over, not before.
    #[test]
    fn a_retired_key_leaves_the_jwks_with_its_last_token() {
        let (published_at, promoted_at, retired_at) = (at(0), at(10), at(1000));
        let keys = PublicKeys {
            keys: vec![
                key("a", KeyState::Next { published_at }),
                key("b", KeyState::Active { published_at, promoted_at }),
                key("c", KeyState::Retired { published_at, promoted_at, retired_at }),
            ],
            sessions_not_before: None,
        };
        let life = Duration::from_secs(300);
        assert_eq!(keys.jwks(at(1359), life).keys.len(), 3);
        assert_eq!(keys.jwks(at(1360), life).keys.len(), 2);
        let retired = keys.keys.last().unwrap();
        assert!(retired.usable(at(1000 + 86_400 + 59), Duration::from_secs(86_400)));
        assert!(!retired.usable(at(1000 + 86_400 + 60), Duration::from_secs(86_400)));
    }

    /// The shape is stored: a function of the release before reads it too.
    #[test]
    fn the_stored_shape_is_stable() {
        let (published_at, promoted_at, retired_at) = (at(1), at(2), at(3));
        let keys = PublicKeys {
            keys: vec![key("a", KeyState::Retired { published_at, promoted_at, retired_at })],
            sessions_not_before: Some(at(4)),
        };
        let json = serde_json::to_value(&keys).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "keys": [{
                    "kid": keys.keys[0].kid,
                    "state": { "retired": { "published_at": 1000, "promoted_at": 2000, "retired_at": 3000 } },
                    "key": { "ES256": { "x": "a", "y": "y" } },
                }],
                "sessions_not_before": 4000,
            })
        );
        assert_eq!(serde_json::from_value::<PublicKeys>(json).unwrap(), keys);
    }
}
