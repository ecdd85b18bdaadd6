//! The sandbox itself: one shared state behind a lock, and the clock and randomness it was given.
//!
//! Everything that can change is in [`State`], so that a reset is one assignment. The lock is never held across
//! an await. What expires is kept in [`Kept`] and checked when read, by the clock that was handed in.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Clock, ConnectionId, Rng, RngError, Timestamp};
use serde::Serialize;
use subtle::ConstantTimeEq;
use url::Url;

use crate::faults::Faults;
use crate::flow::{Auto, Code, Flow};
use crate::keys::SigningKey;
use crate::log::Log;
use crate::model::World;
use crate::options::{InvalidOptions, Options, RedirectUris};
use crate::portal::Visit;
use crate::profile::Profile;
use crate::seed;

/// A running sandbox. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    origin: String,
    client_id: String,
    api_key: String,
    redirect_uris: RedirectUris,
    default_redirect_uri: Url,
    clock: Clock,
    rng: Rng,
    key: SigningKey,
    seed: World,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) settings: Settings,
    pub(crate) auto: Option<Auto>,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    pub(crate) flows: Kept<Flow>,
    pub(crate) codes: Kept<Code>,
    /// By the token's hash.
    pub(crate) access: Kept<Profile>,
    pub(crate) logouts: Kept<()>,
    /// Links into the Admin Portal, by their token.
    pub(crate) visits: Kept<Visit>,
    /// Authorization requests of a connection in this minute.
    pub(crate) authorized: HashMap<ConnectionId, (i64, u32)>,
}

/// Switches of the environment.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Settings {
    /// Ask "do you want to sign in to this app" after the IdP, as new WorkOS environments do.
    pub(crate) consent: bool,
    /// Refuse addresses outside the verified domains here, as WorkOS does by default. Off, so that the product's
    /// own check is what is met: an environment may be relaxed.
    pub(crate) enforce_domains: bool,
    /// Whether logins may start from an IdP's portal at all; each connection has its own switch too.
    pub(crate) idp_initiated: bool,
    /// When set, such logins are sent here with `connection_id` instead of landing with a code.
    pub(crate) sign_in_endpoint: Option<String>,
    /// How many logins a connection takes in a minute; the next ones get 429. WorkOS's own limit is 1000.
    pub(crate) logins_per_minute: Option<u32>,
}

impl Sandbox {
    /// # Errors
    /// When the options cannot work: no origin, or no usable redirect URI.
    pub fn new(options: Options) -> Result<Self, InvalidOptions> {
        options.redirect_uris.check()?;
        let seed = seed::world()?;
        Ok(Self(Arc::new(Inner {
            origin: options.origin()?,
            default_redirect_uri: options.redirect_uris.default_uri()?,
            key: SigningKey::embedded()?,
            state: Mutex::new(State::new(seed.clone())),
            seed,
            client_id: options.client_id,
            api_key: options.api_key,
            redirect_uris: options.redirect_uris,
            clock: options.clock,
            rng: options.rng,
        })))
    }

    /// `http://localhost:8081`: what `WORKOS_API_BASE_URL` is set to.
    pub fn origin(&self) -> &str {
        &self.0.origin
    }

    pub fn client_id(&self) -> &str {
        &self.0.client_id
    }

    pub(crate) fn redirect_uris(&self) -> &RedirectUris {
        &self.0.redirect_uris
    }

    /// Where logins land that the product did not start.
    pub(crate) fn default_redirect_uri(&self) -> &Url {
        &self.0.default_redirect_uri
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.0.key
    }

    pub(crate) fn is_api_key(&self, offered: &str) -> bool {
        self.0.api_key.as_bytes().ct_eq(offered.as_bytes()).into()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn token(&self) -> Result<String, RngError> {
        self.0.rng.token()
    }

    pub(crate) fn ulid(&self) -> Result<String, RngError> {
        self.0.rng.ulid(self.now())
    }

    /// A panic elsewhere leaves a state that is still consistent: every change is one assignment or insertion.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reset(&self) {
        *self.state() = State::new(self.0.seed.clone());
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

impl State {
    fn new(world: World) -> Self {
        Self {
            world,
            settings: Settings {
                consent: false,
                enforce_domains: false,
                idp_initiated: true,
                sign_in_endpoint: None,
                logins_per_minute: None,
            },
            auto: None,
            faults: Faults::default(),
            log: Log::default(),
            flows: Kept::default(),
            codes: Kept::default(),
            access: Kept::default(),
            logouts: Kept::default(),
            visits: Kept::default(),
            authorized: HashMap::new(),
        }
    }
}

impl State {
    /// Counts an authorization request; `Some` says how many seconds are left of a minute that has had enough.
    pub(crate) fn over_limit(&mut self, connection: &ConnectionId, now: Timestamp) -> Option<i64> {
        let limit = self.settings.logins_per_minute?;
        let minute = now.seconds().div_euclid(60);
        let (of, count) = self.authorized.entry(connection.clone()).or_insert((minute, 0));
        if *of != minute {
            (*of, *count) = (minute, 0);
        }
        *count = count.saturating_add(1);
        (*count > limit).then(|| 60 - now.seconds().rem_euclid(60))
    }
}

/// Things with an end. What has ended is never handed out, and swept when the map has doubled.
pub(crate) struct Kept<T> {
    items: HashMap<String, (Timestamp, T)>,
    sweep_at: usize,
}

const SWEEP_AT_LEAST: usize = 1024;

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { items: HashMap::new(), sweep_at: SWEEP_AT_LEAST }
    }
}

impl<T> Kept<T> {
    pub(crate) fn put(&mut self, key: String, value: T, now: Timestamp, lifetime: Duration) {
        if self.items.len() >= self.sweep_at {
            self.items.retain(|_, (end, _)| *end > now);
            self.sweep_at = SWEEP_AT_LEAST.max(self.items.len() * 2);
        }
        self.items.insert(key, (now.plus(lifetime), value));
    }

    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<&T> {
        self.items.get(key).filter(|(end, _)| *end > now).map(|(_, value)| value)
    }

    pub(crate) fn get_mut(&mut self, key: &str, now: Timestamp) -> Option<&mut T> {
        self.items.get_mut(key).filter(|(end, _)| *end > now).map(|(_, value)| value)
    }

    /// For one-shot things: whoever takes it, takes it from everybody.
    pub(crate) fn take(&mut self, key: &str, now: Timestamp) -> Option<T> {
        self.items.remove(key).filter(|(end, _)| *end > now).map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_things_end_and_are_taken_once() {
        let mut kept = Kept::default();
        let start = Timestamp::from_seconds(0);
        kept.put("a".into(), 1, start, Duration::from_secs(10));
        assert_eq!(kept.get("a", start.plus(Duration::from_secs(9))), Some(&1));
        assert_eq!(kept.get("a", start.plus(Duration::from_secs(10))), None);
        assert_eq!(kept.take("a", start), Some(1));
        assert_eq!(kept.take("a", start), None);
    }

    #[test]
    fn ended_things_are_swept() {
        let mut kept = Kept::default();
        for n in 0..10_000_i64 {
            kept.put(n.to_string(), (), Timestamp::from_seconds(n), Duration::from_secs(5));
        }
        assert!(kept.items.len() <= SWEEP_AT_LEAST);
    }
}
