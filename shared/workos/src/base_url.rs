//! Where WorkOS is: `https://api.workos.com`, an environment's custom domain, or a sandbox on this machine.
//!
//! The API key goes wherever this points. Plain http is therefore refused, except on loopback, where nobody
//! listens in between; and nothing may hide in the URL (user name, query) that would change where or what is
//! sent.

use std::fmt;

use url::{Host, Url};

/// Origin of the API, perhaps with a path in front of the API's own.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is not a base URL. Never carries the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidBaseUrl {
    #[error("it is not an absolute URL")]
    NotAUrl,
    #[error("it must be https; plain http is accepted only for localhost, 127.0.0.0/8 and [::1]")]
    Insecure,
    #[error("it must be only scheme, host, port and path")]
    MoreThanABase,
}

/// A base URL setting that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {reason}")]
pub struct InvalidSetting {
    pub name: &'static str,
    pub reason: InvalidBaseUrl,
}

impl BaseUrl {
    pub const DEFAULT: &'static str = "https://api.workos.com";

    /// # Errors
    /// When the text is not an https URL (or http on loopback), or has a user name, query or fragment.
    pub fn parse(text: &str) -> Result<Self, InvalidBaseUrl> {
        let url = Url::parse(text.trim()).map_err(|_| InvalidBaseUrl::NotAUrl)?;
        if !is_confidential(&url) {
            return Err(InvalidBaseUrl::Insecure);
        }
        let bare = url.username().is_empty() && url.password().is_none();
        if !bare || url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidBaseUrl::MoreThanABase);
        }
        Ok(Self(url))
    }

    /// Reads the settings. The first that is set and not empty wins:
    ///
    /// 1. `WORKOS_API_BASE_URL`, Vestibule's own name: a URL.
    /// 2. `WORKOS_BASE_URL`, as the Python SDK calls it: a URL.
    /// 3. `WORKOS_API_URL`, as the WorkOS command line calls it: a URL.
    /// 4. `WORKOS_API_HOSTNAME`, as the AuthKit libraries call it: a host, with their `WORKOS_API_PORT` and
    ///    `WORKOS_API_HTTPS` (`false` for plain http, which is refused except on loopback).
    /// 5. [`BaseUrl::DEFAULT`].
    ///
    /// # Errors
    /// When the setting that wins cannot be used. A later one never takes over: a typing error must not
    /// silently send keys to another host.
    pub fn from_settings(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, InvalidSetting> {
        let set =
            |name: &str| lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        for name in ["WORKOS_API_BASE_URL", "WORKOS_BASE_URL", "WORKOS_API_URL"] {
            if let Some(text) = set(name) {
                return Self::parse(&text).map_err(|reason| InvalidSetting { name, reason });
            }
        }
        let Some(host) = set("WORKOS_API_HOSTNAME") else {
            return Self::parse(Self::DEFAULT).map_err(|reason| InvalidSetting { name: "default", reason });
        };
        let plain = set("WORKOS_API_HTTPS").is_some_and(|value| value.eq_ignore_ascii_case("false"));
        let scheme = if plain { "http" } else { "https" };
        let port = set("WORKOS_API_PORT").map(|port| format!(":{port}")).unwrap_or_default();
        let only_host =
            |base: Self| if base.0.path() == "/" { Ok(base) } else { Err(InvalidBaseUrl::MoreThanABase) };
        Self::parse(&format!("{scheme}://{host}{port}"))
            .and_then(only_host)
            .map_err(|reason| InvalidSetting { name: "WORKOS_API_HOSTNAME", reason })
    }

    /// The URL of an endpoint. Segments are encoded one by one, so that none can leave its place.
    pub(crate) fn join(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    pub fn as_url(&self) -> &Url {
        &self.0
    }
}

/// Whether what is sent there stays between us and them: https, or http that never leaves this machine.
pub(crate) fn is_confidential(url: &Url) -> bool {
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => url.has_host(),
        "http" => loopback,
        _ => false,
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(settings: &[(&str, &str)]) -> Result<String, InvalidSetting> {
        let lookup = |name: &str| {
            settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        BaseUrl::from_settings(lookup).map(|base| format!("{base:?}"))
    }

    #[test]
    fn plain_http_is_refused_except_on_loopback() {
        for good in [
            "https://api.workos.com",
            "https://auth.acme.com/",
            "http://localhost:8081",
            "http://workos.localhost:8081/",
            "http://127.0.0.1",
            "http://127.8.9.1:1/",
            "http://[::1]:8081",
        ] {
            assert!(BaseUrl::parse(good).is_ok(), "{good} was refused");
        }
        for bad in [
            "http://api.workos.com",
            "http://localhost.evil.com",
            "http://notlocalhost",
            "http://127.0.0.1.evil.com",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::2]",
            "ftp://localhost",
            "file:///etc/passwd",
        ] {
            assert_eq!(BaseUrl::parse(bad), Err(InvalidBaseUrl::Insecure), "{bad}");
        }
    }

    #[test]
    fn a_base_url_hides_nothing() {
        for bad in ["https://a@api.workos.com", "https://:b@x.com", "https://x.com/?a=b", "https://x.com/#a"]
        {
            assert_eq!(BaseUrl::parse(bad), Err(InvalidBaseUrl::MoreThanABase), "{bad}");
        }
        for bad in ["", "api.workos.com", "https://", "/sso"] {
            assert_eq!(BaseUrl::parse(bad), Err(InvalidBaseUrl::NotAUrl), "{bad}");
        }
    }

    #[test]
    fn aliases_have_an_order() {
        let all = [
            ("WORKOS_API_HOSTNAME", "four.example"),
            ("WORKOS_API_URL", "https://three.example"),
            ("WORKOS_BASE_URL", "https://two.example"),
            ("WORKOS_API_BASE_URL", "https://one.example"),
        ];
        assert_eq!(from(&all).unwrap(), "https://one.example/");
        assert_eq!(from(&all[..3]).unwrap(), "https://two.example/");
        assert_eq!(from(&all[..2]).unwrap(), "https://three.example/");
        assert_eq!(from(&all[..1]).unwrap(), "https://four.example/");
        assert_eq!(from(&[]).unwrap(), "https://api.workos.com/");
        assert_eq!(from(&[("WORKOS_API_BASE_URL", " ")]).unwrap(), "https://api.workos.com/");
    }

    #[test]
    fn a_hostname_takes_its_port_and_scheme_along() {
        let local = [
            ("WORKOS_API_HOSTNAME", "localhost"),
            ("WORKOS_API_PORT", "8081"),
            ("WORKOS_API_HTTPS", "false"),
        ];
        assert_eq!(from(&local).unwrap(), "http://localhost:8081/");
        let error =
            from(&[("WORKOS_API_HOSTNAME", "api.workos.com"), ("WORKOS_API_HTTPS", "false")]).unwrap_err();
        assert_eq!((error.name, error.reason), ("WORKOS_API_HOSTNAME", InvalidBaseUrl::Insecure));
        for bad in ["api.workos.com/v1", "a@api.workos.com", "api.workos.com?a", "https://api.workos.com"] {
            assert!(from(&[("WORKOS_API_HOSTNAME", bad), ("WORKOS_API_PORT", "443")]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_wrong_setting_is_named_and_nothing_takes_its_place() {
        let error = from(&[("WORKOS_BASE_URL", "http://x.example"), ("WORKOS_API_URL", "https://y.example")])
            .unwrap_err();
        assert_eq!((error.name, error.reason), ("WORKOS_BASE_URL", InvalidBaseUrl::Insecure));
        assert!(!error.to_string().contains("x.example"));
    }

    #[test]
    fn a_segment_cannot_leave_its_place() {
        let base = BaseUrl::parse("https://proxy.example/workos/").unwrap();
        assert_eq!(base.join(&["sso", "token"]).as_str(), "https://proxy.example/workos/sso/token");
        assert_eq!(base.join(&["a/../b?c#d"]).as_str(), "https://proxy.example/workos/a%2F..%2Fb%3Fc%23d");
    }
}
