//! What a sandbox is told at start: where it is, who its one client is, and where it may send browsers.
//!
//! Redirect URIs follow WorkOS's rules for a staging environment: registered ones only, or, for development on
//! one machine, every http URI on a loopback host. An open redirector would be the one real hole in a mock.

use std::net::IpAddr;

use domain::{Clock, Rng};
use url::{Host, Url};

use crate::delivery::WebhookEndpoint;

pub const DEFAULT_CLIENT_ID: &str = "client_sandbox";
pub const DEFAULT_API_KEY: &str = "sk_test_sandbox";

pub struct Options {
    /// Origin under which browsers and the product reach the sandbox: `http://localhost:8081`.
    pub base_url: String,
    pub client_id: String,
    /// Also the `client_secret` of `POST /sso/token`, as at WorkOS.
    pub api_key: String,
    pub redirect_uris: RedirectUris,
    pub clock: Clock,
    pub rng: Rng,
    /// Where events are sent. `None`: nowhere, until `POST /_sandbox/settings` names somebody.
    pub webhook: Option<WebhookEndpoint>,
}

/// Where answers of `GET /sso/authorize` may go.
#[derive(Clone, Debug)]
pub enum RedirectUris {
    /// Any http(s) URI on `localhost`, `*.localhost` or a loopback address. Logins that start at the IdP land on `default`.
    AnyLoopback { default: String },
    /// Exactly these. The first is the default one.
    Registered(Vec<String>),
}

#[derive(Debug, thiserror::Error)]
pub enum InvalidOptions {
    #[error("base_url must be an http or https origin without a path, such as http://localhost:8081")]
    BaseUrl,
    #[error("a redirect URI must be an absolute http or https URL without a fragment")]
    RedirectUri,
    #[error("at least one redirect URI is needed: logins that start at the IdP land on the first one")]
    NoRedirectUri,
    #[error("the sandbox's own key pair cannot be read")]
    Key,
    #[error("the sandbox's own seed is not valid")]
    Seed,
    #[error("the webhook's URL must be an absolute http or https URL")]
    Webhook,
    #[error("the HTTP client for webhooks does not start: {0}")]
    Client(#[from] net::BuildError),
}

impl Options {
    /// The usual sandbox of one machine: default credentials, any loopback redirect URI, system clock and randomness.
    pub fn local(base_url: &str, default_redirect_uri: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            client_id: DEFAULT_CLIENT_ID.to_owned(),
            api_key: DEFAULT_API_KEY.to_owned(),
            redirect_uris: RedirectUris::AnyLoopback { default: default_redirect_uri.to_owned() },
            clock: Clock::system(),
            rng: Rng::system(),
            webhook: None,
        }
    }

    /// The origin alone, as browsers write it in `Origin`.
    pub(crate) fn origin(&self) -> Result<String, InvalidOptions> {
        let url = web_url(&self.base_url).ok_or(InvalidOptions::BaseUrl)?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if bare { Ok(url.origin().ascii_serialization()) } else { Err(InvalidOptions::BaseUrl) }
    }
}

impl RedirectUris {
    pub(crate) fn default_uri(&self) -> Result<Url, InvalidOptions> {
        let first = match self {
            Self::AnyLoopback { default } => Some(default),
            Self::Registered(list) => list.first(),
        };
        web_url(first.ok_or(InvalidOptions::NoRedirectUri)?).ok_or(InvalidOptions::RedirectUri)
    }

    pub(crate) fn check(&self) -> Result<(), InvalidOptions> {
        match self {
            Self::AnyLoopback { .. } => Ok(()),
            Self::Registered(list) if list.iter().all(|uri| web_url(uri).is_some()) => Ok(()),
            Self::Registered(_) => Err(InvalidOptions::RedirectUri),
        }
    }

    /// The parsed URI when it is one that may be redirected to.
    pub(crate) fn accept(&self, uri: &str) -> Option<Url> {
        let url = web_url(uri)?;
        let known = match self {
            Self::AnyLoopback { default } => default == uri || loopback(&url),
            Self::Registered(list) => list.iter().any(|registered| registered == uri),
        };
        known.then_some(url)
    }

    /// Whether a page of the sandbox may link to this URL: same origin as something that may be redirected to.
    pub(crate) fn same_origin_as_one(&self, url: &Url) -> bool {
        let same = |uri: &String| web_url(uri).is_some_and(|known| known.origin() == url.origin());
        match self {
            Self::AnyLoopback { default } => same(default) || loopback(url),
            Self::Registered(list) => list.iter().any(same),
        }
    }
}

/// An absolute http(s) URL with a host, without fragment.
pub(crate) fn web_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    (matches!(url.scheme(), "http" | "https") && url.has_host() && url.fragment().is_none()).then_some(url)
}

pub(crate) fn loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_loopback_means_loopback_hosts_only() {
        let any = RedirectUris::AnyLoopback { default: "https://app.example/auth/callback".into() };
        for fine in [
            "http://localhost:8080/auth/callback",
            "http://127.0.0.1/cb?x=1",
            "http://[::1]:9/cb",
            "http://app.localhost/cb",
            "https://app.example/auth/callback",
        ] {
            assert!(any.accept(fine).is_some(), "{fine}");
        }
        for refused in [
            "https://app.example/other",
            "http://localhost.evil.example/cb",
            "http://evil.example/localhost",
            "http://localhost@evil.example/cb",
            "http://localhost:8080/cb#fragment",
            "javascript:alert(1)",
            "/auth/callback",
            "",
        ] {
            assert!(any.accept(refused).is_none(), "{refused}");
        }
    }

    #[test]
    fn registered_uris_match_exactly() {
        let list = RedirectUris::Registered(vec!["https://app.example/cb".into()]);
        assert!(list.accept("https://app.example/cb").is_some());
        for refused in ["https://app.example/cb/", "https://app.example/cb?x", "http://localhost/cb"] {
            assert!(list.accept(refused).is_none(), "{refused}");
        }
    }

    #[test]
    fn base_url_is_an_origin() {
        let with = |url: &str| Options::local(url, "http://localhost:8080/auth/callback").origin().ok();
        assert_eq!(with("http://localhost:8081").as_deref(), Some("http://localhost:8081"));
        assert_eq!(with("http://localhost:8081/").as_deref(), Some("http://localhost:8081"));
        for wrong in ["localhost:8081", "http://localhost/x", "http://u@localhost", "ftp://localhost", ""] {
            assert_eq!(with(wrong), None, "{wrong}");
        }
    }
}
