//! The sandbox itself: one shared state behind a lock, and the clock and randomness it was given.
//!
//! Everything that can change is in [`State`], so that a reset is one assignment. The lock is never held across
//! an await. What expires is kept in [`Kept`] and checked when read, by the clock that was handed in.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::{Clock, Rng, RngError, Timestamp};
use serde::Serialize;
use subtle::ConstantTimeEq;
use tokio::sync::Notify;
use url::Url;

use crate::delivery::{HeldBack, Switches, WebhookEndpoint};
use crate::directory::Pen;
use crate::events::Journal;
use crate::faults::Faults;
use crate::flow::{Auto, Code, Flow};
use crate::keys::SigningKey;
use crate::limits::Windows;
use crate::log::Log;
use crate::model::World;
use crate::options::{InvalidOptions, Options, RedirectUris, web_url};
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
    webhook: Option<WebhookEndpoint>,
    http: reqwest::Client,
    /// Something on its way has arrived, or has not.
    settled: Notify,
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
    /// Who asked how often of late.
    pub(crate) windows: Windows,
    pub(crate) journal: Journal,
    pub(crate) switches: Switches,
    pub(crate) held: HeldBack,
    pub(crate) webhook: Option<WebhookEndpoint>,
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
    /// How many requests with the API key are answered in a minute. WorkOS's own limit is 6000.
    pub(crate) requests_per_minute: Option<u32>,
    /// How many requests for the users of one directory are answered in a second. WorkOS's own limit is 4.
    pub(crate) directory_requests_per_second: Option<u32>,
    /// Keep directory users who became inactive, instead of deleting them as WorkOS does in environments of today.
    pub(crate) keep_inactive_users: bool,
    /// The mock IdP refuses who is not active in the directory. Off, a leaver can race the news of leaving.
    pub(crate) directory_decides_sign_in: bool,
    /// `GET /events` obeys `order`, as documented, newest first unless asked. The real one does not.
    pub(crate) events_obey_order: bool,
}

impl Sandbox {
    /// # Errors
    /// When the options cannot work: no origin, or no usable redirect URI.
    pub fn new(options: Options) -> Result<Self, InvalidOptions> {
        options.redirect_uris.check()?;
        if options.webhook.as_ref().is_some_and(|webhook| web_url(&webhook.url).is_none()) {
            return Err(InvalidOptions::Webhook);
        }
        let seed = seed::world()?;
        Ok(Self(Arc::new(Inner {
            origin: options.origin()?,
            default_redirect_uri: options.redirect_uris.default_uri()?,
            key: SigningKey::embedded()?,
            state: Mutex::new(State::new(seed.clone(), options.webhook.clone())),
            seed,
            webhook: options.webhook,
            http: net::client()?,
            settled: Notify::new(),
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

    pub(crate) fn pen(&self) -> Pen<'_> {
        Pen { rng: &self.0.rng, now: self.now() }
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(crate) fn news(&self) -> &Notify {
        &self.0.settled
    }

    /// The endpoint that was given at the start.
    pub(crate) fn first_webhook(&self) -> Option<&WebhookEndpoint> {
        self.0.webhook.as_ref()
    }

    pub(crate) fn ulid(&self) -> Result<String, RngError> {
        self.0.rng.ulid(self.now())
    }

    /// A panic elsewhere leaves a state that is still consistent: every change is one assignment or insertion.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reset(&self) {
        let mut state = self.state();
        let journal = Journal::after(&state.journal);
        *state = State { journal, ..State::new(self.0.seed.clone(), self.0.webhook.clone()) };
        drop(state);
        self.0.settled.notify_waiters();
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("origin", &self.0.origin).finish_non_exhaustive()
    }
}

impl State {
    fn new(world: World, webhook: Option<WebhookEndpoint>) -> Self {
        Self {
            world,
            settings: Settings {
                consent: false,
                enforce_domains: false,
                idp_initiated: true,
                sign_in_endpoint: None,
                logins_per_minute: None,
                requests_per_minute: None,
                directory_requests_per_second: None,
                keep_inactive_users: false,
                directory_decides_sign_in: false,
                events_obey_order: false,
            },
            auto: None,
            faults: Faults::default(),
            log: Log::default(),
            flows: Kept::default(),
            codes: Kept::default(),
            access: Kept::default(),
            logouts: Kept::default(),
            visits: Kept::default(),
            windows: Windows::default(),
            journal: Journal::default(),
            switches: Switches::default(),
            held: HeldBack::default(),
            webhook,
        }
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
