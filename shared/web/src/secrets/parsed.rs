//! A secret as a value: parsed once for each version of its text.
//!
//! Parsing a signing key costs more than a signature, so a warm request must not repeat it. A new version that cannot
//! be parsed must not take the function down while the one before still works: it is logged, and the old one serves.

use std::fmt::{self, Display};
use std::sync::{Arc, Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

use super::{Secrets, SecretsError};

/// Why there is no value. Never quotes the text.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    #[error(transparent)]
    Read(#[from] SecretsError),
    #[error("the secret {id} is not what it must be: {why}")]
    Invalid { id: String, why: String },
}

/// One secret, by id, with the way to read it. Cheap to clone; clones share what was parsed.
pub struct Secret<T> {
    secrets: Secrets,
    id: Arc<str>,
    parse: Parse<T>,
    parsed: Parsed<T>,
}

/// The last text that could be parsed, and what it says.
type Parsed<T> = Arc<Mutex<Option<(SecretString, Arc<T>)>>>;

type Parse<T> = Arc<dyn Fn(&str) -> Result<T, String> + Send + Sync>;

impl<T> Secret<T> {
    /// `parse` must not put the text into its error.
    pub fn new<E: Display>(
        secrets: Secrets,
        id: &str,
        parse: impl Fn(&str) -> Result<T, E> + Send + Sync + 'static,
    ) -> Self {
        let parse: Parse<T> = Arc::new(move |text| parse(text).map_err(|why| why.to_string()));
        Self { secrets, id: id.into(), parse, parsed: Arc::default() }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The current value, as [`Secrets::get`] has it.
    ///
    /// # Errors
    /// When it cannot be had or read.
    pub async fn get(&self) -> Result<Arc<T>, SecretError> {
        let text = self.secrets.get(&self.id).await?;
        self.value(text)
    }

    /// The value as it is now, for one that was refused. The same `Arc` means that nothing changed.
    ///
    /// # Errors
    /// When it cannot be had or read.
    pub async fn refresh(&self) -> Result<Arc<T>, SecretError> {
        let text = self.secrets.refresh(&self.id).await?;
        self.value(text)
    }

    fn value(&self, text: SecretString) -> Result<Arc<T>, SecretError> {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((from, value)) = parsed.as_ref()
            && from.expose_secret() == text.expose_secret()
        {
            return Ok(value.clone());
        }
        match (self.parse)(text.expose_secret()) {
            Ok(value) => {
                let value = Arc::new(value);
                *parsed = Some((text, value.clone()));
                Ok(value)
            }
            Err(why) => match parsed.as_ref() {
                Some((_, before)) => {
                    tracing::error!(secret.id = %self.id, error = why, "the version before serves: {why}");
                    Ok(before.clone())
                }
                None => Err(SecretError::Invalid { id: self.id.to_string(), why }),
            },
        }
    }
}

impl<T> Clone for Secret<T> {
    fn clone(&self) -> Self {
        Self {
            secrets: self.secrets.clone(),
            id: self.id.clone(),
            parse: self.parse.clone(),
            parsed: self.parsed.clone(),
        }
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Secret").field(&self.id).finish()
    }
}
