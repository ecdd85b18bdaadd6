//! The cookies that bind a pending login to one browser: one for each login (R02).
//!
//! With a single cookie for all, the second tab would overwrite the first tab's. Named after the state's hash, several
//! logins run side by side, in any order; capped at five alive, so that abandoned ones do not pile up until the
//! server refuses the request for its length (R05). The cookie holds a secret that only this browser has; the
//! server keeps its hash.

use secrecy::{ExposeSecret, SecretString};

use domain::login::LOGIN_LIFETIME;
use domain::{Rng, RngError, Timestamp, sha256};

use super::{RequestCookies, SetCookie, is_plain};

/// At most so many logins of one browser are pending at once.
pub const MAX_FLOWS: usize = 5;

const PREFIX: &str = "__Host-login-";
const SECRET_LENGTH: usize = 43;

/// One pending login's cookie.
#[derive(Clone, Debug)]
pub struct FlowCookie {
    name: String,
    issued: Timestamp,
    secret: SecretString,
}

impl FlowCookie {
    /// For a login that starts now.
    ///
    /// # Errors
    /// When no random bytes can be had.
    pub fn create(state: &str, rng: &Rng, now: Timestamp) -> Result<Self, RngError> {
        Ok(Self { name: name(state), issued: now, secret: rng.token()?.into() })
    }

    /// The cookie that belongs to this state, if the browser sent it.
    pub fn find(cookies: &RequestCookies, state: &str) -> Option<Self> {
        let name = name(state);
        cookies.values(&name).find_map(|value| Self::decode(&name, value))
    }

    fn decode(name: &str, value: &str) -> Option<Self> {
        let (issued, secret) = value.split_once('.')?;
        let digits = issued.len() <= 11 && issued.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || secret.len() != SECRET_LENGTH || !is_plain(secret) {
            return None;
        }
        let issued = Timestamp::from_seconds(issued.parse().ok()?);
        Some(Self { name: name.to_owned(), issued, secret: secret.into() })
    }

    /// What the pending login keeps of the cookie, and what the callback compares.
    pub fn browser_hash(&self) -> String {
        sha256(self.secret.expose_secret())
    }

    pub fn set(&self) -> SetCookie {
        let value = format!("{}.{}", self.issued.seconds(), self.secret.expose_secret());
        SetCookie::new(&self.name, &value, None, LOGIN_LIFETIME)
    }

    pub fn clear(&self) -> SetCookie {
        clear(&self.name)
    }
}

fn clear(name: &str) -> SetCookie {
    SetCookie::new(name, "", None, std::time::Duration::ZERO)
}

/// Ten characters of the hash: enough to tell five logins apart, and nothing of the state itself.
fn name(state: &str) -> String {
    PREFIX.chars().chain(sha256(state).chars().take(10)).collect()
}

/// The pending logins of a browser.
#[derive(Clone, Debug)]
pub struct FlowCookies {
    alive: Vec<FlowCookie>,
    /// Names of cookies that are too old or that nobody can read.
    dead: Vec<String>,
}

impl FlowCookies {
    pub fn from_request(cookies: &RequestCookies, now: Timestamp) -> Self {
        let mut flows = Self { alive: Vec::new(), dead: Vec::new() };
        // Names are checked: a cookie is cleared under the name it was sent with.
        let named = |name: &&str| name.strip_prefix(PREFIX).is_some_and(is_plain);
        let mut names: Vec<_> = cookies.names().filter(named).collect();
        names.sort_unstable();
        names.dedup();
        for name in names {
            match cookies.values(name).find_map(|value| FlowCookie::decode(name, value)) {
                Some(flow) if now.since(flow.issued) < LOGIN_LIFETIME => flows.alive.push(flow),
                _ => flows.dead.push(name.to_owned()),
            }
        }
        flows.alive.sort_by_key(|flow| flow.issued);
        flows
    }

    /// Logins pending in this browser.
    pub fn alive(&self) -> usize {
        self.alive.len()
    }

    /// What to clear when one more login starts, so that at most [`MAX_FLOWS`] are alive: the oldest, and the dead.
    pub fn to_evict(&self) -> Vec<SetCookie> {
        let surplus = (self.alive.len() + 1).saturating_sub(MAX_FLOWS);
        let oldest = self.alive.iter().take(surplus).map(FlowCookie::clear);
        oldest.chain(self.dead.iter().map(|name| clear(name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    const START: Timestamp = Timestamp::from_seconds(1_764_059_400);

    /// What a browser does with `Set-Cookie`.
    #[derive(Default)]
    struct Browser(BTreeMap<String, String>);

    impl Browser {
        fn take(&mut self, cookie: &SetCookie) {
            let text = cookie.header().to_str().unwrap();
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.ends_with("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }

        fn header(&self) -> String {
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
        }

        fn cookies(&self) -> RequestCookies {
            RequestCookies::parse([self.header().as_str()])
        }
    }

    /// R17.
    #[test]
    fn the_cookie_lives_as_long_as_the_login_and_on_this_host_only() {
        let flow = FlowCookie::create("state", &Rng::seeded(1), START).unwrap();
        let header = flow.set().header().to_str().unwrap().to_owned();
        assert!(
            header.starts_with(&format!("__Host-login-{}=1764059400.", &sha256("state")[..10])),
            "{header}"
        );
        assert!(header.ends_with("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=600"), "{header}");
        assert!(!header.contains("state="), "{header}");
        assert!(!format!("{flow:?}").contains(flow.secret.expose_secret()));
    }

    /// R02: the cookie of another login is none.
    #[test]
    fn a_state_finds_its_own_cookie_only() {
        let (rng, mut browser) = (Rng::seeded(1), Browser::default());
        let one = FlowCookie::create("one", &rng, START).unwrap();
        let two = FlowCookie::create("two", &rng, START).unwrap();
        browser.take(&one.set());
        browser.take(&two.set());
        let found = |state| FlowCookie::find(&browser.cookies(), state).map(|flow| flow.browser_hash());
        assert_eq!(found("one"), Some(one.browser_hash()));
        assert_eq!(found("two"), Some(two.browser_hash()));
        assert_ne!(one.browser_hash(), two.browser_hash());
        assert_eq!(found("three"), None);
    }

    /// R05: 50 abandoned logins leave five cookies, the newest, and a short header.
    #[test]
    fn abandoned_logins_do_not_pile_up() {
        let (rng, mut browser) = (Rng::seeded(1), Browser::default());
        for n in 0..50 {
            let now = START.plus(Duration::from_secs(n));
            let flows = FlowCookies::from_request(&browser.cookies(), now);
            flows.to_evict().iter().for_each(|cookie| browser.take(cookie));
            browser.take(&FlowCookie::create(&format!("state-{n}"), &rng, now).unwrap().set());
            assert!(browser.0.len() <= MAX_FLOWS);
        }
        for n in 45..50 {
            assert!(FlowCookie::find(&browser.cookies(), &format!("state-{n}")).is_some(), "{n}");
        }
        assert!(browser.header().len() < 4096);
    }

    /// R04: what the browser kept too long is cleared, and so is what nobody can read.
    #[test]
    fn dead_cookies_are_cleared() {
        let mut browser = Browser::default();
        browser.take(&FlowCookie::create("old", &Rng::seeded(1), START).unwrap().set());
        let flows = |browser: &Browser, seconds| {
            FlowCookies::from_request(&browser.cookies(), START.plus(Duration::from_secs(seconds)))
        };
        assert_eq!(flows(&browser, 599).alive(), 1);
        assert!(flows(&browser, 599).to_evict().is_empty());
        assert_eq!(flows(&browser, 600).alive(), 0);
        assert_eq!(flows(&browser, 600).to_evict().len(), 1);
        for value in
            ["", "x", "1764059400", "1764059400.short", "-1.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
        {
            let text = format!("__Host-login-junk={value}; __Host-login-=1; __Host-login-a b=1");
            let flows = FlowCookies::from_request(&RequestCookies::parse([text.as_str()]), START);
            assert_eq!((flows.alive(), flows.to_evict().len()), (0, 1), "{value}");
        }
    }
}
