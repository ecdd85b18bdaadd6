//! The secret of the webhook: what WorkOS signs its events with.
//!
//! A stack without directory sync needs none. A rotation keeps the secret before beside the new one, because WorkOS signs
//! with the one or the other for as long as both endpoints are there; nothing is lost on the way.

use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Value, json};
use workos::WebhookSecret;

use crate::secret_store::{SecretStore, SecretStoreError};

/// The webhook secret's place in a deployment.
#[derive(Clone, Debug)]
pub struct WebhookPlace {
    pub secrets: SecretStore,
    /// Name or ARN.
    pub secret: String,
}

/// What is wanted of the webhook's secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Put the given one in place of the one that is stored, and keep that as the previous one.
    pub rotate: bool,
    /// Drop the previous one.
    pub forget_previous: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookChange {
    /// There is none, and none was given.
    None,
    Stored,
    Kept,
    /// Another one is stored, and nobody said to replace it.
    KeptAnother,
    /// The given one counts, and the one before as well.
    Rotated,
    /// Only the current one counts.
    Forgotten,
}

/// The text of a stored document, as far as it is one.
struct Known {
    current: String,
    previous: Option<String>,
}

impl Known {
    fn read(text: &str) -> Option<Self> {
        let document: Value = serde_json::from_str(text).ok()?;
        let secret = |name: &str| {
            let text = document.get(name)?.as_str()?;
            WebhookSecret::parse(text).ok().map(|_| text.to_owned())
        };
        Some(Self { current: secret("current")?, previous: secret("previous") })
    }
}

impl WebhookPlace {
    /// Whether a secret is stored.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn is_set(&self) -> Result<bool, SecretStoreError> {
        let stored = self.secrets.read(&self.secret).await?;
        Ok(Known::read(stored.text.expose_secret()).is_some())
    }

    /// Brings the secret to what is wanted. Repeating it changes nothing more.
    ///
    /// # Errors
    /// When Secrets Manager refuses, or somebody else changes the secret meanwhile.
    pub async fn set(
        &self,
        given: Option<&SecretString>,
        wanted: Wanted,
    ) -> Result<WebhookChange, SecretStoreError> {
        let before = self.secrets.read(&self.secret).await?;
        let known = Known::read(before.text.expose_secret());
        let (document, change) = match decide(known, given.map(ExposeSecret::expose_secret), wanted) {
            (Some(document), change) => (document, change),
            (None, change) => return Ok(change),
        };
        let document = SecretString::from(document.to_string());
        self.secrets.replace(&self.secret, &before, &document).await?;
        Ok(change)
    }
}

/// What is to be stored, if anything.
fn decide(known: Option<Known>, given: Option<&str>, wanted: Wanted) -> (Option<Value>, WebhookChange) {
    let Some(known) = known else {
        return match given {
            Some(given) => (Some(json!({ "current": given })), WebhookChange::Stored),
            None => (None, WebhookChange::None),
        };
    };
    match given.filter(|given| *given != known.current) {
        Some(given) if wanted.rotate => {
            (Some(json!({ "current": given, "previous": known.current })), WebhookChange::Rotated)
        }
        _ if wanted.forget_previous && known.previous.is_some() => {
            (Some(json!({ "current": known.current })), WebhookChange::Forgotten)
        }
        Some(_) => (None, WebhookChange::KeptAnother),
        None => (None, WebhookChange::Kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "whsec_the_first_of_them";
    const NEW: &str = "whsec_the_second_of_them";
    const ROTATE: Wanted = Wanted { rotate: true, forget_previous: false };
    const FORGET: Wanted = Wanted { rotate: false, forget_previous: true };
    const NOTHING: Wanted = Wanted { rotate: false, forget_previous: false };

    /// R51: a rotation keeps both, is done once however often it is repeated, and the end of it is said by somebody.
    #[test]
    fn a_rotation_keeps_the_one_before_until_it_is_dropped() {
        let placeholder = r#"{"placeholder":"0123456789abcdef"}"#;
        let both = json!({"current": NEW, "previous": OLD});
        for (stored, given, wanted, becomes, change) in [
            (placeholder.to_owned(), None, NOTHING, None, WebhookChange::None),
            (
                placeholder.to_owned(),
                Some(OLD),
                NOTHING,
                Some(json!({"current": OLD})),
                WebhookChange::Stored,
            ),
            (json!({"current": OLD}).to_string(), None, ROTATE, None, WebhookChange::Kept),
            (json!({"current": OLD}).to_string(), Some(OLD), ROTATE, None, WebhookChange::Kept),
            (json!({"current": OLD}).to_string(), Some(NEW), NOTHING, None, WebhookChange::KeptAnother),
            (
                json!({"current": OLD}).to_string(),
                Some(NEW),
                ROTATE,
                Some(both.clone()),
                WebhookChange::Rotated,
            ),
            (both.to_string(), Some(NEW), ROTATE, None, WebhookChange::Kept),
            (both.to_string(), None, NOTHING, None, WebhookChange::Kept),
            (both.to_string(), Some(NEW), FORGET, Some(json!({"current": NEW})), WebhookChange::Forgotten),
            (json!({"current": NEW}).to_string(), None, FORGET, None, WebhookChange::Kept),
        ] {
            assert_eq!(decide(Known::read(&stored), given, wanted), (becomes, change), "{stored} {given:?}");
        }
    }
}
