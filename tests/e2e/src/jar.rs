//! A cookie jar that does what browsers do with `Set-Cookie`, and nothing kinder.
//!
//! Cookies are identified by name, domain and path (RFC 6265 section 5.3), so one that is cleared with other
//! attributes stays. Prefixes are enforced (RFC 6265bis section 4.1.3), long cookies are dropped in silence. Ports
//! do not separate: `localhost:1` and `localhost:2` share cookies, as in every browser.

use std::time::Duration;

use domain::{Clock, Timestamp};
use url::Url;

/// Browsers drop a cookie whose name, value and attributes are longer.
const LONGEST: usize = 4096;

/// One `Set-Cookie` header, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    pub name: String,
    pub value: String,
    attributes: Vec<(String, String)>,
    pub header: String,
}

impl SetCookie {
    /// # Panics
    /// When the header is no cookie at all.
    pub fn parse(header: &str) -> Self {
        let mut parts = header.split(';');
        let pair = parts.next().unwrap_or_default();
        let (name, value) = pair.split_once('=').expect("a cookie has a name and a value");
        let attributes = parts.map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (name.trim().to_ascii_lowercase(), value.trim().to_owned())
        });
        Self {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
            attributes: attributes.collect(),
            header: header.to_owned(),
        }
    }

    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn max_age(&self) -> Option<i64> {
        self.attribute("max-age").and_then(|age| age.parse().ok())
    }

    /// Whether the browser is told to forget the cookie.
    pub fn clears(&self) -> bool {
        self.max_age().is_some_and(|age| age <= 0)
    }

    /// Everything but value and age: what must be alike when a cookie is set and cleared.
    pub fn scope(&self) -> Vec<(String, String)> {
        let mut scope: Vec<_> =
            self.attributes.iter().filter(|(name, _)| name != "max-age").cloned().collect();
        scope.sort();
        scope
    }
}

#[derive(Clone, Debug)]
struct Kept {
    name: String,
    value: String,
    host: String,
    /// Sent to hosts below as well.
    domain: bool,
    path: String,
    until: Option<Timestamp>,
}

/// The cookies of one browser.
#[derive(Clone, Debug)]
pub struct Jar {
    kept: Vec<Kept>,
    clock: Clock,
    /// A browser that forgets nothing by itself: an attacker's, or one with a wrong clock.
    pub(crate) hoards: bool,
}

impl Jar {
    pub fn new(clock: Clock) -> Self {
        Self { kept: Vec::new(), clock, hoards: false }
    }

    /// Takes a `Set-Cookie` of an answer from `url`, or drops it as a browser would.
    pub fn take(&mut self, url: &Url, cookie: &SetCookie) {
        let host = url.host_str().unwrap_or_default();
        let trusted = url.scheme() == "https" || host == "localhost" || host.ends_with(".localhost");
        let domain = cookie.attribute("domain").filter(|domain| !domain.is_empty());
        let secure = cookie.attribute("secure").is_some();
        let path = cookie.attribute("path").filter(|path| path.starts_with('/')).unwrap_or("/");
        let prefix_kept = if cookie.name.starts_with("__Host-") {
            secure && domain.is_none() && cookie.attribute("path") == Some("/")
        } else {
            !cookie.name.starts_with("__Secure-") || secure
        };
        let domain_fits = domain.is_none_or(|domain| {
            let domain = domain.trim_start_matches('.');
            domain.contains('.') && (host == domain || host.ends_with(&format!(".{domain}")))
        });
        if !prefix_kept || !domain_fits || (secure && !trusted) || cookie.header.len() > LONGEST {
            return;
        }
        let owner = domain.map_or(host, |domain| domain.trim_start_matches('.'));
        self.kept.retain(|kept| {
            kept.name != cookie.name
                || kept.host != owner
                || kept.domain != domain.is_some()
                || kept.path != path
        });
        if !cookie.clears() {
            let age = cookie.max_age().and_then(|age| u64::try_from(age).ok());
            self.kept.push(Kept {
                name: cookie.name.clone(),
                value: cookie.value.clone(),
                host: owner.to_owned(),
                domain: domain.is_some(),
                path: path.to_owned(),
                until: age.map(|age| self.clock.now().plus(Duration::from_secs(age))),
            });
        }
    }

    fn sent(&self, url: &Url) -> impl Iterator<Item = &Kept> {
        let (host, path) = (url.host_str().unwrap_or_default().to_owned(), url.path().to_owned());
        let now = self.clock.now();
        self.kept.iter().filter(move |kept| {
            let here = host == kept.host || (kept.domain && host.ends_with(&format!(".{}", kept.host)));
            let below = kept.path == "/" || path == kept.path || path.starts_with(&format!("{}/", kept.path));
            here && below && (self.hoards || kept.until.is_none_or(|until| now < until))
        })
    }

    /// The `Cookie` header for a request, empty without cookies.
    pub fn header(&self, url: &Url) -> String {
        self.sent(url).map(|kept| format!("{}={}", kept.name, kept.value)).collect::<Vec<_>>().join("; ")
    }

    pub fn names(&self, url: &Url) -> Vec<String> {
        self.sent(url).map(|kept| kept.name.clone()).collect()
    }

    pub fn value(&self, url: &Url, name: &str) -> Option<String> {
        self.sent(url).find(|kept| kept.name == name).map(|kept| kept.value.clone())
    }

    /// Puts a cookie there that no answer set: somebody with access to the browser did.
    pub fn plant(&mut self, url: &Url, name: &str, value: &str) {
        let host = url.host_str().unwrap_or_default().to_owned();
        self.kept.retain(|kept| kept.name != name);
        let (name, value) = (name.to_owned(), value.to_owned());
        self.kept.push(Kept { name, value, host, domain: false, path: "/".to_owned(), until: None });
    }

    pub fn forget(&mut self, name: &str) {
        self.kept.retain(|kept| kept.name != name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn jar() -> (Jar, Clock) {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        (Jar::new(clock.clone()), clock)
    }

    #[test]
    fn a_cookie_cleared_with_other_attributes_stays() {
        let (mut jar, _) = jar();
        let home = url("https://auth.example.com/");
        jar.take(&home, &SetCookie::parse("a=1; Path=/; Secure; Max-Age=60"));
        jar.take(&home, &SetCookie::parse("a=; Path=/auth; Secure; Max-Age=0"));
        jar.take(&home, &SetCookie::parse("a=; Path=/; Domain=example.com; Secure; Max-Age=0"));
        assert_eq!(jar.header(&home), "a=1");
        jar.take(&home, &SetCookie::parse("a=; Path=/; Secure; Max-Age=0"));
        assert_eq!(jar.header(&home), "");
    }

    #[test]
    fn prefixes_domains_and_lengths_are_enforced() {
        let (mut jar, _) = jar();
        let home = url("https://auth.example.com/");
        for refused in [
            "__Host-a=1; Path=/",
            "__Host-a=1; Path=/auth; Secure",
            "__Host-a=1; Path=/; Secure; Domain=example.com",
            "__Secure-a=1; Path=/",
            "a=1; Path=/; Domain=evil.example",
            "a=1; Path=/; Domain=com",
        ] {
            jar.take(&home, &SetCookie::parse(refused));
        }
        jar.take(&home, &SetCookie::parse(&format!("a={}; Path=/", "x".repeat(4096))));
        jar.take(&url("http://auth.example.com/"), &SetCookie::parse("a=1; Path=/; Secure"));
        assert_eq!(jar.header(&home), "");
        jar.take(&url("http://localhost:8080/"), &SetCookie::parse("__Host-a=1; Path=/; Secure"));
        assert_eq!(jar.header(&url("http://localhost:8081/")), "__Host-a=1");
    }

    #[test]
    fn cookies_age_unless_they_are_hoarded() {
        let (mut jar, clock) = jar();
        let home = url("http://localhost/");
        jar.take(&home, &SetCookie::parse("a=1; Path=/; Secure; Max-Age=600"));
        clock.advance(Duration::from_secs(600));
        assert_eq!(jar.names(&home).len(), 0);
        jar.hoards = true;
        assert_eq!(jar.names(&home), ["a"]);
    }
}
