//! The settings that several functions share, by subject. A function's own settings are read in the function.

use std::num::NonZeroU32;
use std::time::Duration;

use http::HeaderValue;
use url::Url;

use domain::tenant::TenantPolicy;
use domain::{Domain, EmailAddress, Origin, ReturnPolicy};

use super::Reader;
use crate::edge;
use crate::pages::Link;

/// The deployment as people meet it.
#[derive(Clone, Debug)]
pub struct Site {
    /// The origin of the product: issuer of its tokens, base of its redirect URI.
    pub public_url: Origin,
    /// Where people may be sent after a login.
    pub returns: ReturnPolicy,
    /// The adopter's product, as it is called on every page.
    pub app_name: String,
    pub support: Option<SupportContact>,
    /// Where buttons lead when there is nothing better: the default return URL.
    pub home: Link,
    /// Where a distribution in front is trusted: the name of the secret by which it proves itself.
    pub(crate) edge_secret: Option<String>,
}

impl Site {
    /// Reads `PUBLIC_URL`, `ALLOWED_RETURN_ORIGINS`, `DEFAULT_RETURN_URL`, `APP_NAME`, `SUPPORT_CONTACT`,
    /// `TRUSTED_PROXY`, `ORIGIN_SECRET`.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let public_url = reader.required_with("PUBLIC_URL", Origin::parse);
        let allowed = reader.list_with("ALLOWED_RETURN_ORIGINS", Origin::parse);
        let app_name = reader.optional("APP_NAME").unwrap_or_else(|| "your app".to_owned());
        let support = reader.optional_with("SUPPORT_CONTACT", SupportContact::parse);
        let edge_secret = edge::read(reader);
        let public_url = public_url?;
        let default = reader.optional("DEFAULT_RETURN_URL");
        let returns = ReturnPolicy::new(public_url.clone(), allowed, default.as_deref())
            .map_err(|error| reader.problem("DEFAULT_RETURN_URL", error))
            .ok()?;
        let home = Link::from(returns.default());
        Some(Self { public_url, returns, app_name, support, home, edge_secret })
    }
}

/// Whom people ask for help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SupportContact {
    Email(EmailAddress),
    Url(Link),
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must be an e-mail address or an https URL")]
struct NotAContact;

impl SupportContact {
    fn parse(text: &str) -> Result<Self, NotAContact> {
        if text.starts_with("https://") {
            Link::absolute(text).map(Self::Url).map_err(|_| NotAContact)
        } else {
            EmailAddress::parse(text).map(Self::Email).map_err(|_| NotAContact)
        }
    }

    pub(crate) fn href(&self) -> String {
        match self {
            Self::Email(address) => format!("mailto:{address}"),
            Self::Url(link) => link.to_string(),
        }
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Self::Email(address) => address.to_string(),
            Self::Url(_) => "Contact support".to_owned(),
        }
    }
}

/// Which hosts get the session cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CookieScope {
    /// Only the host of `PUBLIC_URL`.
    Host,
    /// Every host under this domain, all of which are then trusted with everybody's session.
    Domain(Domain),
}

/// How long sessions live, and where their cookie goes.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// A session nobody uses ends after this.
    pub idle: Duration,
    /// Any session ends after this.
    pub absolute: Duration,
    /// Life of one JWT.
    pub token_life: Duration,
    /// The `aud` of the JWT.
    pub audience: String,
    pub cookie: CookieScope,
}

impl SessionSettings {
    /// Reads `SESSION_IDLE_SECONDS`, `SESSION_ABSOLUTE_SECONDS`, `TOKEN_SECONDS`, `TOKEN_AUDIENCE`,
    /// `SESSION_COOKIE_DOMAIN`.
    pub fn read(reader: &mut Reader<'_>, site: Option<&Site>) -> Option<Self> {
        let mut seconds = |name, default| {
            let default = NonZeroU32::new(default).unwrap_or(NonZeroU32::MIN);
            Duration::from_secs(reader.parsed_or(name, default).get().into())
        };
        let idle = seconds("SESSION_IDLE_SECONDS", 28_800);
        let absolute = seconds("SESSION_ABSOLUTE_SECONDS", 86_400);
        let token_life = seconds("TOKEN_SECONDS", 300);
        // Activity is seen only when a token is renewed: with less room an active person would count as idle (R28).
        if idle < 3 * token_life {
            reader.problem("SESSION_IDLE_SECONDS", "must be at least 3 x TOKEN_SECONDS");
        }
        if absolute < idle {
            reader.problem("SESSION_ABSOLUTE_SECONDS", "must be at least SESSION_IDLE_SECONDS");
        }
        let audience = reader.optional("TOKEN_AUDIENCE");
        let domain = reader.optional_with("SESSION_COOKIE_DOMAIN", Domain::parse);
        let site = site?;
        if domain.as_ref().is_some_and(|domain| !covers(domain, &site.public_url)) {
            reader.problem("SESSION_COOKIE_DOMAIN", "must be the host of PUBLIC_URL or a domain above it");
        }
        Some(Self {
            idle,
            absolute,
            token_life,
            audience: audience.unwrap_or_else(|| site.public_url.to_string()),
            cookie: domain.map_or(CookieScope::Host, CookieScope::Domain),
        })
    }
}

impl SessionSettings {
    /// How long a session of a tenant may idle, and how long it may last: as the tenant decided, within what the
    /// environment can keep. Retired keys are kept for the longest session, and activity is seen only when a token is
    /// renewed (R28).
    pub fn lifetimes(&self, policy: &TenantPolicy) -> (Duration, Duration) {
        let own = |seconds: Option<u64>, usual: Duration| seconds.map_or(usual, Duration::from_secs);
        let idle = own(policy.session_idle_seconds, self.idle).max(3 * self.token_life);
        (idle, own(policy.session_absolute_seconds, self.absolute).min(self.absolute))
    }
}

/// Whether a browser takes a cookie for `domain` from this origin.
fn covers(domain: &Domain, origin: &Origin) -> bool {
    let url = Url::parse(origin.as_str()).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Limits in one minute (R64). A company's whole office is one address at nine o'clock, so valid callbacks have room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Callbacks with an invalid state, per client.
    pub invalid_states: u32,
    /// Valid callbacks, per client.
    pub callbacks: u32,
    /// Logins, per tenant.
    pub tenant_logins: u32,
    /// Logins, per connection: WorkOS takes a thousand, and tells the rest to the browser in its own words.
    pub connection_logins: u32,
    /// Look-ups by e-mail domain or login address, per client (R15).
    pub lookups: u32,
}

impl Limits {
    /// Reads `INVALID_STATE_PER_MINUTE`, `CALLBACKS_PER_MINUTE`, `TENANT_LOGINS_PER_MINUTE`,
    /// `CONNECTION_LOGINS_PER_MINUTE` and `LOOKUPS_PER_MINUTE`.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        let mut limit = |name, default| {
            let default = NonZeroU32::new(default).unwrap_or(NonZeroU32::MIN);
            reader.parsed_or(name, default).get()
        };
        Self {
            invalid_states: limit("INVALID_STATE_PER_MINUTE", 30),
            callbacks: limit("CALLBACKS_PER_MINUTE", 3000),
            tenant_logins: limit("TENANT_LOGINS_PER_MINUTE", 6000),
            connection_logins: limit("CONNECTION_LOGINS_PER_MINUTE", 950),
            lookups: limit("LOOKUPS_PER_MINUTE", 300),
        }
    }
}

/// Origins that may read the session with credentials (R22).
#[derive(Clone, Debug, Default)]
pub struct CorsOrigins(Vec<Origin>);

impl CorsOrigins {
    /// Reads `CORS_ORIGINS`.
    pub fn read(reader: &mut Reader<'_>) -> Self {
        Self(reader.list_with("CORS_ORIGINS", Origin::parse))
    }

    /// Byte for byte, as browsers write origins.
    pub(crate) fn contains(&self, header: &HeaderValue) -> bool {
        self.0.iter().any(|origin| header == origin.as_str())
    }
}

impl FromIterator<Origin> for CorsOrigins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        Self(origins.into_iter().collect())
    }
}

/// Where the AWS APIs are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSettings {
    pub region: String,
    /// Another endpoint than the region's own, for an emulator.
    pub endpoint_url: Option<String>,
    /// The same for one service, by its SDK id (`DynamoDB`): it wins over `endpoint_url`.
    pub service_endpoints: Vec<(&'static str, String)>,
}

#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("must be an http(s) URL")]
struct NotAnEndpoint;

impl AwsSettings {
    /// Reads `AWS_REGION` (or `AWS_DEFAULT_REGION`), `AWS_ENDPOINT_URL` and the services' own
    /// `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_ENDPOINT_URL_SECRETS_MANAGER` and `AWS_ENDPOINT_URL_EVENTBRIDGE`.
    pub fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let endpoint = |text: &str| Link::absolute(text).map(|_| text.to_owned()).map_err(|_| NotAnEndpoint);
        let endpoint_url = reader.optional_with("AWS_ENDPOINT_URL", endpoint);
        let services = [
            ("DynamoDB", "AWS_ENDPOINT_URL_DYNAMODB"),
            ("Secrets Manager", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            ("EventBridge", "AWS_ENDPOINT_URL_EVENTBRIDGE"),
        ];
        let service_endpoints = services
            .into_iter()
            .filter_map(|(service, name)| Some((service, reader.optional_with(name, endpoint)?)))
            .collect();
        let region = reader.first_of(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
        let region = region.or_else(|| reader.required("AWS_REGION"))?;
        Some(Self { region, endpoint_url, service_endpoints })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::{ConfigErrors, Vars};

    /// The deployment of the tests in this crate.
    pub(crate) fn site() -> Site {
        read(&[
            ("PUBLIC_URL", "https://auth.example.com"),
            ("APP_NAME", "Harbor"),
            ("SUPPORT_CONTACT", "help@example.com"),
            ("ALLOWED_RETURN_ORIGINS", "https://app.example.com"),
            ("DEFAULT_RETURN_URL", "https://app.example.com/"),
        ])
        .unwrap()
        .0
    }

    type Sections = (Site, SessionSettings, Limits, AwsSettings);

    fn read(pairs: &[(&str, &str)]) -> Result<Sections, ConfigErrors> {
        let vars: Vars = [("AWS_REGION", "eu-west-1")].iter().chain(pairs).copied().collect();
        let mut reader = Reader::new(&vars);
        let site = Site::read(&mut reader);
        let session = SessionSettings::read(&mut reader, site.as_ref());
        let limits = Limits::read(&mut reader);
        let aws = AwsSettings::read(&mut reader);
        let all = site.zip(session).zip(aws);
        reader.finish(all.map(|((site, session), aws)| (site, session, limits, aws)))
    }

    #[test]
    fn defaults_are_enough_but_for_the_public_url() {
        let (site, session, limits, aws) = read(&[("PUBLIC_URL", "https://auth.example.com")]).unwrap();
        assert_eq!(site.home.as_str(), "https://auth.example.com/");
        assert_eq!((site.app_name.as_str(), site.support), ("your app", None));
        assert_eq!(session.audience, "https://auth.example.com");
        assert_eq!(session.cookie, CookieScope::Host);
        assert_eq!(
            (session.idle, session.absolute),
            (Duration::from_secs(28_800), Duration::from_secs(86_400))
        );
        assert_eq!(session.token_life, Duration::from_secs(300));
        assert_eq!(
            limits,
            Limits {
                invalid_states: 30,
                callbacks: 3000,
                tenant_logins: 6000,
                connection_logins: 950,
                lookups: 300
            }
        );
        assert_eq!((aws.region.as_str(), aws.endpoint_url), ("eu-west-1", None));
    }

    fn problems(pairs: &[(&str, &str)]) -> String {
        read(pairs).map(|_| ()).unwrap_err().to_string()
    }

    /// R28: lifetimes that contradict each other are refused.
    #[test]
    fn lifetimes_fit_together() {
        let public = ("PUBLIC_URL", "https://auth.example.com");
        let idle = ("SESSION_IDLE_SECONDS", "899");
        assert_eq!(problems(&[public, idle]), "SESSION_IDLE_SECONDS: must be at least 3 x TOKEN_SECONDS");
        assert!(read(&[public, ("SESSION_IDLE_SECONDS", "900")]).is_ok());
        assert_eq!(
            problems(&[public, ("SESSION_ABSOLUTE_SECONDS", "3600")]),
            "SESSION_ABSOLUTE_SECONDS: must be at least SESSION_IDLE_SECONDS"
        );
        assert!(problems(&[public, ("TOKEN_SECONDS", "0")]).starts_with("TOKEN_SECONDS: "));
    }

    #[test]
    fn a_cookie_domain_covers_the_public_url() {
        let with =
            |domain| read(&[("PUBLIC_URL", "https://auth.example.com"), ("SESSION_COOKIE_DOMAIN", domain)]);
        let scope = |text| CookieScope::Domain(Domain::parse(text).unwrap());
        assert_eq!(with("example.com").unwrap().1.cookie, scope("example.com"));
        assert_eq!(with("auth.example.com").unwrap().1.cookie, scope("auth.example.com"));
        for wrong in
            ["ample.com", "app.example.com", "com", "evil.example", "a.auth.example.com", ".example.com"]
        {
            assert!(with(wrong).unwrap_err().to_string().starts_with("SESSION_COOKIE_DOMAIN: "), "{wrong}");
        }
    }

    #[test]
    fn every_section_reports_in_one_go() {
        let text = problems(&[
            ("AWS_REGION", ""),
            ("PUBLIC_URL", "http://auth.example.com"),
            ("ALLOWED_RETURN_ORIGINS", "https://app.example.com, https://*.example.com"),
            ("SUPPORT_CONTACT", "javascript:alert(1)"),
            ("AWS_ENDPOINT_URL", "localhost:4566"),
            ("CALLBACKS_PER_MINUTE", "many"),
        ]);
        let names: Vec<_> = text.lines().map(|line| line.split(':').next().unwrap()).collect();
        let expected = [
            "ALLOWED_RETURN_ORIGINS",
            "AWS_ENDPOINT_URL",
            "AWS_REGION",
            "CALLBACKS_PER_MINUTE",
            "PUBLIC_URL",
            "SUPPORT_CONTACT",
        ];
        assert_eq!(names, expected, "{text}");
    }

    /// R08: the default obeys the list as well.
    #[test]
    fn the_default_return_url_is_checked() {
        let pairs =
            [("PUBLIC_URL", "https://auth.example.com"), ("DEFAULT_RETURN_URL", "https://evil.example/")];
        assert_eq!(problems(&pairs), "DEFAULT_RETURN_URL: the return URL's origin is not allowed");
    }
}
