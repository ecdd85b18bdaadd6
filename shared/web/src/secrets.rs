//! Secrets from Secrets Manager, by ARN or name (R70).
//!
//! Kept in memory for five minutes, so that a rotation is picked up without a deployment and a warm request makes no
//! call. When Secrets Manager does not answer, the last value serves for up to an hour: people must be able to sign
//! in. Fetched during the init phase where possible, never after one-time state was consumed, and by one caller at a
//! time. A value never reaches a log line, an error or `Debug`.

mod parsed;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use domain::{Clock, Timestamp};

pub use parsed::{Secret, SecretError};

/// A value is served without a call for so long.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// A value is served for so long when no newer one can be had.
const STALE: Duration = Duration::from_secs(60 * 60);
/// After a failed call the old value serves for so long before the next one: an outage must not slow every request.
const PAUSE: Duration = Duration::from_secs(30);
/// [`Secrets::refresh`] believes a value of this age: a wrong key must not become a call for every request.
const BELIEVED: Duration = Duration::from_secs(10);

/// Why there is no secret. Clients see none of this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    #[error("the secret {id} does not exist")]
    NotFound { id: String },
    #[error("the role may not read the secret {id} ({code})")]
    Denied { id: String, code: String },
    #[error("the secret {id} has no text")]
    NotText { id: String },
    #[error("Secrets Manager did not give the secret {id} ({code})")]
    Unavailable { id: String, code: String },
}

/// The secrets of a function. Cheap to clone; clones share the cache.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    clock: Clock,
    slots: Arc<StdMutex<HashMap<String, Arc<Mutex<Slot>>>>>,
}

/// One secret's place in the cache. Locked while it is fetched, so that one fetch serves all who wait.
#[derive(Default)]
struct Slot {
    value: Option<(SecretString, Timestamp)>,
    failed_at: Option<Timestamp>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Slot {
    fn younger_than(&self, age: Duration, now: Timestamp) -> Option<SecretString> {
        self.value.as_ref().filter(|(_, fetched)| now.since(*fetched) < age).map(|(value, _)| value.clone())
    }
}

impl Secrets {
    pub fn new(config: &SdkConfig, clock: Clock) -> Self {
        Self { client: Client::new(config), clock, slots: Arc::default() }
    }

    /// Fetches during the init phase, all at once. What cannot be had is logged and fetched by the first request that
    /// needs it: a function that fails in its init phase answers with the gateway's own error.
    pub async fn prefetch(&self, ids: &[&str]) {
        let mut fetches = JoinSet::new();
        for id in ids {
            let (secrets, id) = (self.clone(), (*id).to_owned());
            fetches.spawn(async move { secrets.get(&id).await.err() });
        }
        while let Some(outcome) = fetches.join_next().await {
            if let Ok(Some(error)) = outcome {
                tracing::warn!(error.cause = %error, "a secret was not there at the start");
            }
        }
    }

    /// The current value, from memory when it is younger than five minutes.
    ///
    /// # Errors
    /// When there is no value younger than an hour and none can be fetched.
    pub async fn get(&self, id: &str) -> Result<SecretString, SecretsError> {
        self.read(id, FRESH).await
    }

    /// Asks Secrets Manager again: for a key that was refused and may have been rotated. A value that is only
    /// seconds old is not asked for again.
    ///
    /// # Errors
    /// As [`Secrets::get`].
    pub async fn refresh(&self, id: &str) -> Result<SecretString, SecretsError> {
        self.read(id, BELIEVED).await
    }

    async fn read(&self, id: &str, fresh: Duration) -> Result<SecretString, SecretsError> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry(id.to_owned()).or_default().clone()
        };
        let mut slot = slot.lock().await;
        let now = self.clock.now();
        if let Some(value) = slot.younger_than(fresh, now) {
            return Ok(value);
        }
        let stale = slot.younger_than(STALE, now);
        let pausing = slot.failed_at.is_some_and(|failed| now.since(failed) < PAUSE);
        if let (Some(value), true) = (&stale, pausing) {
            return Ok(value.clone());
        }
        match self.fetch(id).await {
            Ok(value) => {
                *slot = Slot { value: Some((value.clone(), now)), failed_at: None };
                Ok(value)
            }
            Err(error) => {
                slot.failed_at = Some(now);
                let Some(value) = stale else { return Err(error) };
                tracing::warn!(error.cause = %error, "an older value of a secret serves");
                Ok(value)
            }
        }
    }

    async fn fetch(&self, id: &str) -> Result<SecretString, SecretsError> {
        let sent = self.client.get_secret_value().secret_id(id).send().await;
        let id = id.to_owned();
        match sent {
            Ok(answer) => match answer.secret_string {
                Some(text) => Ok(SecretString::from(text)),
                None => Err(SecretsError::NotText { id }),
            },
            Err(error) => Err(cause(&error, id)),
        }
    }
}

fn cause<E: ProvideErrorMetadata>(error: &SdkError<E>, id: String) -> SecretsError {
    let code = match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown"),
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ResponseError(_) => "not understood",
        _ => "not sent",
    };
    match code {
        "ResourceNotFoundException" => SecretsError::NotFound { id },
        "AccessDeniedException" | "UnrecognizedClientException" => {
            SecretsError::Denied { id, code: code.to_owned() }
        }
        code => SecretsError::Unavailable { id, code: code.to_owned() },
    }
}

#[cfg(test)]
mod tests;
