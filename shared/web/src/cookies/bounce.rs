//! The mark of a login that was started for an unsolicited callback.
//!
//! While it is there no second one is started: a connection that answers every login with another unsolicited callback
//! would send the browser round in circles (R06).

use std::time::Duration;

use super::{RequestCookies, SetCookie};

const NAME: &str = "__Host-restarted";
const LIFE: Duration = Duration::from_secs(60);

/// Once a minute and browser.
#[derive(Debug)]
pub struct BounceCookie;

impl BounceCookie {
    pub fn present(cookies: &RequestCookies) -> bool {
        cookies.values(NAME).next().is_some()
    }

    pub fn set() -> SetCookie {
        SetCookie::new(NAME, "1", None, LIFE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R06: it is seen for a minute, and only under its own name.
    #[test]
    fn a_restart_is_remembered_for_a_minute() {
        let set = BounceCookie::set();
        assert_eq!(set.header(), "__Host-restarted=1; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60");
        assert!(BounceCookie::present(&RequestCookies::parse(["a=1; __Host-restarted=1"])));
        assert!(!BounceCookie::present(&RequestCookies::parse(["restarted=1"])));
    }
}
