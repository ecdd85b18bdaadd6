//! The keys by which WorkOS signs access tokens, as one process remembers them.
//!
//! Tokens are verified on the hot path, so the keys must not be asked for there: they are believed for ten minutes
//! (up to a day by setting), one call serves all who wait, and while WorkOS does not answer the last good set serves
//! for a day. A token with an unknown key id may be from a key of a minute ago, or made up by anybody: it causes at
//! most one call per cooldown (R33). Nothing is fetched before the first token comes.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use domain::Timestamp;
use net::Deadline;
use tokens::IssuerKeys;
use tokio::sync::Mutex;

use crate::client::Client;
use crate::error::{Error, Kind};

/// After a call, good or not, how long until the next one.
const COOLDOWN: Duration = Duration::from_secs(10);
/// How old the last good keys may be while WorkOS does not answer.
const USABLE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long fetched keys are believed without asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JwksFreshness(Duration);

/// The setting is out of range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number of seconds from 60 to 86400")]
pub struct InvalidFreshness;

impl Default for JwksFreshness {
    /// Ten minutes, as WorkOS's own SDK does; WorkOS documents no lifetime.
    fn default() -> Self {
        Self(Duration::from_secs(600))
    }
}

/// The setting `WORKOS_JWKS_SECONDS`.
impl FromStr for JwksFreshness {
    type Err = InvalidFreshness;

    fn from_str(text: &str) -> Result<Self, InvalidFreshness> {
        let seconds: u64 = text.parse().map_err(|_| InvalidFreshness)?;
        let fits = (60..=USABLE.as_secs()).contains(&seconds);
        fits.then(|| Self(Duration::from_secs(seconds))).ok_or(InvalidFreshness)
    }
}

/// The keys of one WorkOS client. Clones share what is remembered.
#[derive(Clone)]
pub struct Jwks {
    client: Client,
    freshness: JwksFreshness,
    memory: Arc<Mutex<Memory>>,
}

#[derive(Default)]
struct Memory {
    known: Option<(Arc<IssuerKeys>, Timestamp)>,
    /// When WorkOS was last asked, and what went wrong if something did.
    asked: Option<(Timestamp, Result<(), Error>)>,
}

impl fmt::Debug for Jwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwks").field("freshness", &self.freshness).finish_non_exhaustive()
    }
}

impl Jwks {
    /// Fetches nothing yet: a function's init makes no call for it.
    pub fn new(client: Client, freshness: JwksFreshness) -> Self {
        Self { client, freshness, memory: Arc::default() }
    }

    /// The keys, fetched when what is remembered is too old.
    ///
    /// # Errors
    /// When there are none that may be used.
    pub async fn get(&self, now: Timestamp, deadline: Deadline) -> Result<Arc<IssuerKeys>, Error> {
        self.younger_than(self.freshness.0, now, deadline).await
    }

    /// For a token whose key is unknown: the keys again, unless WorkOS was asked only seconds ago.
    ///
    /// # Errors
    /// As [`Jwks::get`].
    pub async fn again(&self, now: Timestamp, deadline: Deadline) -> Result<Arc<IssuerKeys>, Error> {
        self.younger_than(COOLDOWN, now, deadline).await
    }

    async fn younger_than(
        &self,
        age: Duration,
        now: Timestamp,
        deadline: Deadline,
    ) -> Result<Arc<IssuerKeys>, Error> {
        // Held while fetching, so that one call serves all who wait; and nobody waits longer than they have.
        let Ok(mut memory) = tokio::time::timeout(deadline.remaining(), self.memory.lock()).await else {
            return Err(Error {
                kind: Kind::Timeout,
                operation: "jwks",
                request_id: None,
                retry_after: None,
            });
        };
        if let Some((keys, _)) = memory.known.as_ref().filter(|(_, at)| now.since(*at) < age) {
            return Ok(keys.clone());
        }
        let failure = match memory.asked.as_ref().filter(|(at, _)| now.since(*at) < COOLDOWN) {
            Some((_, Err(error))) => error.clone(),
            // An answer this young is the one that is known, and was given out above.
            Some((_, Ok(()))) | None => match self.client.jwks(deadline).await {
                Ok(keys) => {
                    let keys = Arc::new(keys);
                    *memory = Memory { known: Some((keys.clone(), now)), asked: Some((now, Ok(()))) };
                    return Ok(keys);
                }
                Err(error) => {
                    memory.asked = Some((now, Err(error.clone())));
                    error
                }
            },
        };
        match memory.known.as_ref().filter(|(_, at)| now.since(*at) < USABLE) {
            Some((keys, _)) => {
                tracing::warn!(error = %failure, "older keys of WorkOS serve: {failure}");
                Ok(keys.clone())
            }
            None => Err(failure),
        }
    }
}

#[cfg(test)]
mod tests;
