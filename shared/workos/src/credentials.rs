//! What we are to WorkOS: a client id, which anybody may see, and an API key, which nobody may.
//!
//! The API key is also the `client_secret` of the code exchange. It can be rotated while the process lives,
//! so it is an argument of each call rather than part of the client. It has no `Display`, no `Serialize`, and
//! a `Debug` that says nothing.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// `client_…`: names our WorkOS environment. Public.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientId(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a WorkOS client id starts with client_ and has only letters, digits, - and _")]
pub struct InvalidClientId;

impl ClientId {
    /// # Errors
    /// When the text is not a client id.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let word = |rest: &str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            !rest.is_empty() && rest.len() <= 128 && rest.bytes().all(allowed)
        };
        text.strip_prefix("client_").is_some_and(word).then(|| Self(text.to_owned())).ok_or(InvalidClientId)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `sk_…`: the API key.
#[derive(Clone)]
pub struct ApiKey(SecretString);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a WorkOS API key starts with sk_ and has no spaces")]
pub struct InvalidApiKey;

/// Which kind of WorkOS environment a key opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    /// `sk_test_…`: staging.
    Test,
    /// `sk_live_…`: production.
    Live,
}

impl ApiKey {
    /// # Errors
    /// When the text is not an API key. The error does not carry it.
    pub fn parse(text: &str) -> Result<Self, InvalidApiKey> {
        let rest = text.strip_prefix("sk_").ok_or(InvalidApiKey)?;
        if rest.is_empty() || text.len() > 512 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidApiKey);
        }
        Ok(Self(SecretString::from(text)))
    }

    /// Reads the key's secret: `{"api_key": "sk_…"}`.
    ///
    /// # Errors
    /// When the text is not that. The error does not carry it.
    pub fn from_secret(text: &str) -> Result<Self, InvalidApiKey> {
        #[derive(serde::Deserialize)]
        struct Document {
            api_key: String,
        }
        let Document { api_key } = serde_json::from_str(text).map_err(|_| InvalidApiKey)?;
        Self::parse(&api_key)
    }

    /// The environment, where the key says so.
    pub fn environment(&self) -> Option<Environment> {
        let key = self.0.expose_secret();
        if key.starts_with("sk_test_") {
            Some(Environment::Test)
        } else if key.starts_with("sk_live_") {
            Some(Environment::Live)
        } else {
            None
        }
    }

    /// Only where the bytes leave for WorkOS.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([redacted])")
    }
}

/// The access token of an exchange. Minutes long, good for one thing: asking for the profile again. Never a
/// session.
#[derive(Clone)]
pub struct AccessToken(SecretString);

impl AccessToken {
    /// Anything that can travel in an `Authorization` header.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(SecretString::from(text)))
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_says_its_environment_and_nothing_else() {
        let key = ApiKey::parse("sk_test_a2V5").unwrap();
        assert_eq!(key.environment(), Some(Environment::Test));
        assert_eq!(ApiKey::parse("sk_live_a2V5").unwrap().environment(), Some(Environment::Live));
        assert_eq!(ApiKey::parse("sk_a2V5").unwrap().environment(), None);
        assert_eq!(format!("{key:?}"), "ApiKey([redacted])");
        let token = AccessToken::parse("eyJ").unwrap();
        assert_eq!(format!("{token:?}"), "AccessToken([redacted])");
    }

    #[test]
    fn ids_and_keys_have_a_form_and_a_longest_length() {
        let id = ClientId::parse("client_01-A_b").unwrap();
        assert_eq!((id.as_str(), format!("{id:?}").as_str()), ("client_01-A_b", "client_01-A_b"));
        let id = |length: usize| ClientId::parse(&format!("client_{}", "a".repeat(length)));
        assert!(id(128).is_ok() && id(129).is_err());
        let key = |length: usize| ApiKey::parse(&format!("sk_{}", "a".repeat(length - 3)));
        assert!(key(512).is_ok() && key(513).is_err() && key(600).is_err());
    }

    #[test]
    fn what_is_not_a_key_is_refused() {
        for bad in
            ["", "sk_", "pk_test_a", "client_01", "sk_test a", "sk_test_a\n", "sk_test_ü", " sk_test_a"]
        {
            assert_eq!(ApiKey::parse(bad).map(|_| ()), Err(InvalidApiKey), "{bad:?}");
        }
        for bad in ["", "client_", "sk_test_a", "client_a b", "client_a&state=b", "client_ü"] {
            assert_eq!(ClientId::parse(bad), Err(InvalidClientId), "{bad:?}");
        }
        for bad in ["", "a b", "a\r\nx-evil: 1"] {
            assert!(AccessToken::parse(bad).is_none(), "{bad:?}");
        }
    }
}
