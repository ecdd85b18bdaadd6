//! The session cookie.
//!
//! `__Host-session` by default: the browser itself refuses it from another host, over plain http or with another
//! path. With a parent domain it is `__Secure-session`, which every host under that domain can also set: the
//! settings say so only where all of them are trusted. It holds one signed token of at most 1.5 KB, never split into
//! several cookies.

use std::time::Duration;

use secrecy::SecretString;

use super::{RequestCookies, SetCookie, is_plain};
use crate::config::CookieScope;

/// Room for a token; the whole header stays far below the 4,096 bytes at which browsers drop a cookie (R18).
const MAX_TOKEN: usize = 1536;

/// Writes and reads the session cookie of a deployment.
#[derive(Clone, Debug)]
pub struct SessionCookie {
    scope: CookieScope,
}

/// What a request carries under the session cookie's name.
#[derive(Debug, Clone)]
pub enum Presented {
    Nothing,
    /// Something that cannot be a token of ours: signed out, and to be cleared.
    Undecodable,
    /// Has the form of a token. Nothing else is known of it yet.
    Token(SecretString),
}

/// The token does not fit into a cookie. Browsers drop a longer one in silence, and the login would loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TooLong {
    #[error("a session token must have at most {MAX_TOKEN} bytes")]
    Token,
    #[error("not a signed token")]
    Form,
}

impl SessionCookie {
    pub fn new(scope: CookieScope) -> Self {
        Self { scope }
    }

    pub fn name(&self) -> &'static str {
        match self.scope {
            CookieScope::Host => "__Host-session",
            CookieScope::Domain(_) => "__Secure-session",
        }
    }

    /// The first value that has the form of a token.
    pub fn read(&self, cookies: &RequestCookies) -> Presented {
        let mut values = cookies.values(self.name()).peekable();
        if values.peek().is_none() {
            return Presented::Nothing;
        }
        match values.find(|value| check(value).is_ok()) {
            Some(token) => Presented::Token(SecretString::from(token)),
            None => Presented::Undecodable,
        }
    }

    /// Sets the token for the rest of the session's life, not of the token's: an expired token of a live session is
    /// exchanged for a fresh one (R32).
    ///
    /// # Errors
    /// When the token is longer than 1.5 KB or no token at all.
    pub fn set(&self, token: &str, life: Duration) -> Result<SetCookie, TooLong> {
        check(token)?;
        Ok(SetCookie::new(self.name(), token, self.domain(), life))
    }

    pub fn clear(&self) -> SetCookie {
        SetCookie::new(self.name(), "", self.domain(), Duration::ZERO)
    }

    fn domain(&self) -> Option<&str> {
        match &self.scope {
            CookieScope::Host => None,
            CookieScope::Domain(domain) => Some(domain.as_str()),
        }
    }
}

/// Three runs of base64url between dots.
fn check(token: &str) -> Result<(), TooLong> {
    let mut parts = token.split('.');
    let three = (0..3).all(|_| parts.next().is_some_and(is_plain)) && parts.next().is_none();
    match (token.len() <= MAX_TOKEN, three) {
        (false, _) => Err(TooLong::Token),
        (true, false) => Err(TooLong::Form),
        (true, true) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Domain;
    use proptest::prelude::*;
    use secrecy::ExposeSecret;

    fn shared() -> SessionCookie {
        SessionCookie::new(CookieScope::Domain(Domain::parse("example.com").unwrap()))
    }

    fn host() -> SessionCookie {
        SessionCookie::new(CookieScope::Host)
    }

    /// R17, R19.
    #[test]
    fn the_cookie_is_bound_as_tightly_as_its_scope_allows() {
        let life = Duration::from_secs(86_400);
        assert_eq!(
            host().set("a.b.c", life).unwrap().header(),
            "__Host-session=a.b.c; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=86400"
        );
        assert_eq!(
            host().clear().header(),
            "__Host-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0"
        );
        assert_eq!(
            shared().set("a.b.c", life).unwrap().header(),
            "__Secure-session=a.b.c; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=86400"
        );
        assert_eq!(
            shared().clear().header(),
            "__Secure-session=; HttpOnly; SameSite=Lax; Secure; Path=/; Domain=example.com; Max-Age=0"
        );
    }

    #[test]
    fn an_undecodable_cookie_is_a_reason_to_clear() {
        let read = |text| host().read(&RequestCookies::parse([text]));
        assert!(matches!(read("other=1; __Secure-session=a.b.c"), Presented::Nothing));
        for garbage in
            ["__Host-session=", "__Host-session=a.b", "__Host-session=a.b.c.d", "__Host-session=a.b.%00"]
        {
            assert!(matches!(read(garbage), Presented::Undecodable), "{garbage}");
        }
        let Presented::Token(token) = read("__Host-session=junk; __Host-session=a.b.c; __Host-session=d.e.f")
        else {
            panic!("a token was sent");
        };
        assert_eq!(token.expose_secret(), "a.b.c");
    }

    proptest! {
        /// R18: whatever the token, the header stays below what browsers accept, or there is none.
        #[test]
        fn the_header_always_fits(token in "[A-Za-z0-9_.-]{0,4200}", life in any::<u64>()) {
            for cookie in [host(), shared()] {
                if let Ok(set) = cookie.set(&token, Duration::from_secs(life)) {
                    prop_assert!(token.len() <= 1536);
                    prop_assert!(set.header().len() < 2048);
                } else {
                    prop_assert!(token.len() > 1536 || token.split('.').count() != 3 || token.split('.').any(str::is_empty));
                }
            }
        }

        /// R24: nothing becomes a header or an attribute.
        #[test]
        fn no_value_breaks_out(text in "\\PC*|.*[\r\n\0; ,\"].*") {
            if let Ok(set) = host().set(&text, Duration::ZERO) {
                let header = set.header().to_str().unwrap();
                prop_assert_eq!(header.split(';').count(), 6);
                prop_assert!(!header.contains(['\r', '\n', '\0']));
            }
        }
    }
}
