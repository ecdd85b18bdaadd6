//! `vestibule setup`: what a stack needs after its deployment and cannot have in its template, the secrets.
//!
//! Safe to repeat: what exists stays, unless its replacement is asked for. The API key is shown to WorkOS before it is
//! stored, because a wrong one would only be noticed by the first person who signs in.

mod command;
mod webhook;

use net::Deadline;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use workos::{ApiKey, Client, Kind};

use crate::secret_store::{SecretStore, SecretStoreError};

pub use command::{SetupError, run};
pub use webhook::{Wanted, WebhookChange, WebhookPlace};

/// How long WorkOS may take over the question whether it knows a key.
const CHECK_TIME: std::time::Duration = std::time::Duration::from_secs(8);

/// The API key's place in a deployment.
#[derive(Clone, Debug)]
pub struct ApiKeyPlace {
    pub secrets: SecretStore,
    /// Name or ARN.
    pub secret: String,
}

/// What became of the API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ApiKeyChange {
    Stored,
    Replaced,
    Kept,
}

/// WorkOS does not vouch for the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyCheckError {
    #[error("WorkOS does not know this API key; copy it again from the dashboard, API keys")]
    Unknown,
    #[error("WorkOS knows this API key but does not let it read organizations ({0})")]
    Forbidden(workos::Error),
    #[error(
        "WorkOS could not be asked about the API key ({0}); try again, or skip the question with --no-verify"
    )]
    NotAsked(workos::Error),
}

impl ApiKeyPlace {
    /// The key that is stored, if there is one that can be read.
    ///
    /// # Errors
    /// When Secrets Manager does not answer.
    pub async fn stored(&self) -> Result<Option<ApiKey>, SecretStoreError> {
        let stored = self.secrets.read(&self.secret).await?;
        Ok(ApiKey::from_secret(stored.text.expose_secret()).ok())
    }

    /// Stores a key in place of whatever is there.
    ///
    /// # Errors
    /// When Secrets Manager refuses, or somebody else changes the secret meanwhile.
    pub async fn store(&self, key: &SecretString) -> Result<ApiKeyChange, SecretStoreError> {
        let before = self.secrets.read(&self.secret).await?;
        let document = SecretString::from(json!({ "api_key": key.expose_secret() }).to_string());
        self.secrets.replace(&self.secret, &before, &document).await?;
        let had_one = ApiKey::from_secret(before.text.expose_secret()).is_ok();
        Ok(if had_one { ApiKeyChange::Replaced } else { ApiKeyChange::Stored })
    }
}

/// Asks WorkOS whether it knows the key.
///
/// # Errors
/// When it does not, or cannot be asked.
pub async fn check(workos: &Client, key: &ApiKey) -> Result<(), KeyCheckError> {
    workos.check_key(key, Deadline::after(CHECK_TIME)).await.map_err(|error| match error.kind {
        Kind::Rejected { status: 401, .. } => KeyCheckError::Unknown,
        Kind::Rejected { .. } => KeyCheckError::Forbidden(error),
        _ => KeyCheckError::NotAsked(error),
    })
}
