//! The settings under which the functions run on localhost, by the names they have when deployed.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::{Rng, RngError};
use serde_json::json;
use store::Tables;
use url::Url;
use web::Vars;
use workos::{ApiKey, BaseUrl, ClientId, Environment, WebhookSecret};

use super::template::Template;

/// Names of the identity and the ephemeral table.
const TABLES: (&str, &str) = ("vestibule-identity", "vestibule-ephemeral");
/// The secret with the WorkOS API key.
pub const API_KEY_SECRET: &str = "vestibule/workos-api-key";
/// The secret with the private key ring.
pub const SIGNING_KEYS_SECRET: &str = "vestibule/signing-keys";
/// Where WorkOS's webhooks arrive.
pub(super) const WEBHOOK_PATH: &str = "/webhooks/workos";
/// The secret that the sandbox signs its webhooks with.
pub const WEBHOOK_SECRET: &str = "vestibule/workos-webhook";
/// Where the secret of a real webhook is given: in the environment, never as an argument.
pub const WEBHOOK_SECRET_VALUE: &str = "WORKOS_WEBHOOK_SECRET_VALUE";
/// The secret that signs messages to the app.
pub const APP_WEBHOOK_SECRET: &str = "vestibule/app-webhook";
/// Settings that the local stack decides, and what decides them.
const OWN: [(&str, &str); 12] = [
    ("PUBLIC_URL", "--port, or --public-url with --workos real"),
    ("IDENTITY_TABLE", "the local stack itself"),
    ("EPHEMERAL_TABLE", "the local stack itself"),
    ("WORKOS_CLIENT_ID", "--workos"),
    ("WORKOS_API_BASE_URL", "--workos"),
    ("WORKOS_API_KEY_SECRET", "the local stack itself"),
    ("SIGNING_KEYS_SECRET", "the local stack itself"),
    ("WORKOS_WEBHOOK_SECRET", "the local stack itself"),
    ("APP_WEBHOOK_SECRET", "the local stack itself"),
    ("POWERTOOLS_SERVICE_NAME", "the local stack itself"),
    ("AWS_ENDPOINT_URL_DYNAMODB", "--dynamodb-port"),
    ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "--secrets-port"),
];

/// Names of the local stack's tables.
pub fn tables() -> Tables {
    Tables { identity: TABLES.0.to_owned(), ephemeral: TABLES.1.to_owned() }
}

/// A setting that `--set` cannot set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    #[error("--set {name}: there is no such setting; there are {known}")]
    Unknown { name: String, known: String },
    #[error("--set {name}: decided by {by}")]
    Own { name: String, by: &'static str },
}

/// Whether a setting may be given on the command line: the template's environment variables are all there are.
///
/// # Errors
/// With the names that may be given.
pub(super) fn check(name: &str, template: &Template) -> Result<(), SettingError> {
    if let Some((_, by)) = OWN.iter().find(|(own, _)| *own == name) {
        return Err(SettingError::Own { name: name.to_owned(), by });
    }
    let mut known = template.settings();
    known.retain(|known| OWN.iter().all(|(own, _)| own != known));
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    Err(SettingError::Unknown { name: name.to_owned(), known: known.join(", ") })
}

/// A real WorkOS environment to develop against.
#[derive(Debug, Clone)]
pub struct RealWorkOs {
    pub public_url: String,
    client_id: String,
    base_url: String,
    api_key: secrecy::SecretString,
    /// Where the environment has a webhook that leads here.
    webhook_secret: Option<secrecy::SecretString>,
}

/// What is missing or wrong for developing against a real environment.
#[derive(Debug, thiserror::Error)]
pub enum RealWorkOsError {
    #[error("--workos real needs {0} in the environment or in .env")]
    Missing(&'static str),
    #[error(
        "--workos real needs --public-url, the https address under which WorkOS's redirect reaches this machine"
    )]
    PublicUrl,
    #[error("{name}: {why}")]
    Invalid { name: &'static str, why: String },
    #[error("WORKOS_API_KEY is a production key; develop against a staging environment")]
    LiveKey,
    #[error("WORKOS_REDIRECT_URI is {given}, but with --public-url it has to be {expected}")]
    RedirectUri { given: String, expected: String },
}

impl RealWorkOs {
    /// # Errors
    /// When something is missing, wrong, or of a production environment.
    pub fn from_vars(vars: &Vars, public_url: Option<&str>) -> Result<Self, RealWorkOsError> {
        let required = |name| vars.get(name).map(str::to_owned).ok_or(RealWorkOsError::Missing(name));
        let invalid = |name, why: String| RealWorkOsError::Invalid { name, why };
        let key = required("WORKOS_API_KEY")?;
        let parsed = ApiKey::parse(&key).map_err(|why| invalid("WORKOS_API_KEY", why.to_string()))?;
        if parsed.environment() == Some(Environment::Live) {
            return Err(RealWorkOsError::LiveKey);
        }
        let client_id = required("WORKOS_CLIENT_ID")?;
        ClientId::parse(&client_id).map_err(|why| invalid("WORKOS_CLIENT_ID", why.to_string()))?;
        let webhook_secret = vars.get(WEBHOOK_SECRET_VALUE);
        if let Some(secret) = webhook_secret {
            WebhookSecret::parse(secret).map_err(|why| invalid(WEBHOOK_SECRET_VALUE, why.to_string()))?;
        }
        let webhook_secret = webhook_secret.map(Into::into);
        let base = BaseUrl::from_settings(|name| vars.get(name).map(str::to_owned))
            .map_err(|why| invalid(why.name, why.reason.to_string()))?;
        let redirect_uri = vars.get("WORKOS_REDIRECT_URI");
        let from_redirect = || redirect_uri.and_then(|uri| uri.strip_suffix("/auth/callback"));
        let public_url = public_url.or_else(from_redirect).ok_or(RealWorkOsError::PublicUrl)?;
        let url = Url::parse(public_url).map_err(|why| invalid("--public-url", why.to_string()))?;
        let public_url = url.origin().ascii_serialization();
        let expected = format!("{public_url}/auth/callback");
        match redirect_uri {
            Some(given) if given != expected => {
                Err(RealWorkOsError::RedirectUri { given: given.to_owned(), expected })
            }
            _ => Ok(Self {
                public_url,
                client_id,
                base_url: base.as_url().to_string(),
                api_key: key.into(),
                webhook_secret,
            }),
        }
    }
}

impl RealWorkOs {
    pub(super) const fn has_webhook(&self) -> bool {
        self.webhook_secret.is_some()
    }
}

/// The text of the API key's secret.
pub(super) fn api_key(real: Option<&RealWorkOs>) -> String {
    let key =
        real.map_or(sandbox::DEFAULT_API_KEY, |real| secrecy::ExposeSecret::expose_secret(&real.api_key));
    json!({ "api_key": key }).to_string()
}

/// The text of a new webhook secret: of a real WorkOS environment the one that is given, else one of our own.
///
/// # Errors
/// When no random bytes can be had.
pub(super) fn webhook_secret(real: Option<&RealWorkOs>, rng: &Rng) -> Result<String, RngError> {
    let given = real.and_then(|real| real.webhook_secret.as_ref());
    let secret = match given {
        Some(given) => secrecy::ExposeSecret::expose_secret(given).to_owned(),
        None => format!("whsec_{}", rng.token()?),
    };
    Ok(json!({ "current": secret }).to_string())
}

/// The text of the secret that signs messages to the app.
pub(super) fn app_webhook(rng: &Rng) -> Result<String, RngError> {
    Ok(json!({ "current": format!("whsec_{}", BASE64.encode(rng.bytes::<24>()?)) }).to_string())
}

/// The settings of all functions.
pub(super) fn vars(
    public_url: &str,
    sandbox_url: Option<&str>,
    real: Option<&RealWorkOs>,
    others: &BTreeMap<String, String>,
) -> Vars {
    let client_id = real.map_or(sandbox::DEFAULT_CLIENT_ID, |real| &real.client_id);
    let base_url = real.map(|real| real.base_url.as_str()).or(sandbox_url).unwrap_or(BaseUrl::DEFAULT);
    let mut vars: BTreeMap<String, String> = [
        ("PUBLIC_URL", public_url),
        ("APP_NAME", "Vestibule demo"),
        ("DEFAULT_RETURN_URL", &format!("{public_url}/dashboard")),
        ("IDENTITY_TABLE", TABLES.0),
        ("EPHEMERAL_TABLE", TABLES.1),
        ("WORKOS_CLIENT_ID", client_id),
        ("WORKOS_API_BASE_URL", base_url),
        ("WORKOS_API_KEY_SECRET", API_KEY_SECRET),
        ("SIGNING_KEYS_SECRET", SIGNING_KEYS_SECRET),
        ("WORKOS_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ("APP_WEBHOOK_SECRET", APP_WEBHOOK_SECRET),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    vars.extend(others.clone());
    vars.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::template::TEMPLATE;

    #[test]
    fn only_settings_of_the_template_may_be_set() {
        let template = Template::parse(TEMPLATE).unwrap();
        for fine in ["IDP_INITIATED", "APP_NAME", "SESSION_IDLE_SECONDS", "AUTHORIZER_MODE", "CORS_ORIGINS"] {
            assert_eq!(check(fine, &template), Ok(()), "{fine}");
        }
        let unknown = check("IDP_INITATED", &template).unwrap_err().to_string();
        assert!(unknown.contains("IDP_INITIATED") && !unknown.contains("PUBLIC_URL"), "{unknown}");
        let own = check("PUBLIC_URL", &template).unwrap_err().to_string();
        assert!(own.contains("--port"), "{own}");
    }

    /// What the local stack decides are settings of the template too, or nobody would read them.
    #[test]
    fn own_settings_are_settings() {
        let known = Template::parse(TEMPLATE).unwrap().settings();
        for (own, _) in OWN {
            assert!(known.iter().any(|name| name == own), "{own}");
        }
    }

    fn real(pairs: &[(&str, &str)], public_url: Option<&str>) -> Result<RealWorkOs, String> {
        let vars: Vars = pairs.iter().copied().collect();
        RealWorkOs::from_vars(&vars, public_url).map_err(|why| why.to_string())
    }

    #[test]
    fn a_real_environment_needs_its_key_its_client_and_an_address() {
        let (key, client) = (("WORKOS_API_KEY", "sk_test_a"), ("WORKOS_CLIENT_ID", "client_1"));
        let missing = |pairs: &[(&str, &str)], public_url| real(pairs, public_url).unwrap_err();
        let https = Some("https://dev.example.com");
        assert!(missing(&[client], https).contains("WORKOS_API_KEY"));
        assert!(missing(&[key], https).contains("WORKOS_CLIENT_ID"));
        assert!(missing(&[key, client], None).contains("--public-url"));
        assert_eq!(real(&[key, client], https).unwrap().public_url, "https://dev.example.com");
        let redirect = ("WORKOS_REDIRECT_URI", "https://dev.example.com/auth/callback");
        assert_eq!(real(&[key, client, redirect], None).unwrap().public_url, "https://dev.example.com");
        assert!(
            missing(&[key, client, redirect], Some("https://other.example.com"))
                .contains("WORKOS_REDIRECT_URI")
        );
        assert!(missing(&[("WORKOS_API_KEY", "sk_live_a"), client], https).contains("production"));
        let shown = missing(&[("WORKOS_API_KEY", "canary"), client], https);
        assert!(shown.starts_with("WORKOS_API_KEY: ") && !shown.contains("canary"), "{shown}");
    }
}
