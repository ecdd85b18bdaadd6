//! Secrets Manager as an operator uses it: read a version, put another one in its place.
//!
//! A key ring that is written over another operator's new one would bring a revoked key back, so a replacement names
//! the version it was made from: the new text is stored aside first, and then becomes current only if that version
//! still is. Texts never reach an error or `Debug`.

use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use secrecy::{ExposeSecret, SecretString};

const CURRENT: &str = "AWSCURRENT";
/// Where a version waits that is not current yet; the name that Secrets Manager's own rotations use.
const PENDING: &str = "AWSPENDING";

/// Why a secret was not read or replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretStoreError {
    #[error("the secret {0} does not exist, or has no value")]
    NotFound(String),
    #[error("the secret {0} has no text")]
    NotText(String),
    #[error("the secret {0} was changed by somebody else meanwhile; nothing was replaced")]
    Changed(String),
    #[error("Secrets Manager refused {operation} for the secret {id} ({code})")]
    Refused { id: String, operation: &'static str, code: String },
}

/// A secret's text, and which version of it this is.
#[derive(Debug)]
pub struct Stored {
    pub text: SecretString,
    version: String,
}

/// The door to Secrets Manager. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SecretStore {
    client: Client,
}

impl SecretStore {
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The current version.
    ///
    /// # Errors
    /// When there is none, or it cannot be had.
    pub async fn read(&self, id: &str) -> Result<Stored, SecretStoreError> {
        let sent = self.client.get_secret_value().secret_id(id).send().await;
        let answer = sent.map_err(|error| refused(id, "GetSecretValue", &error))?;
        match (answer.secret_string, answer.version_id) {
            (Some(text), Some(version)) => Ok(Stored { text: text.into(), version }),
            _ => Err(SecretStoreError::NotText(id.to_owned())),
        }
    }

    /// Makes `text` the current version in place of `read`, and of no other.
    ///
    /// # Errors
    /// [`SecretStoreError::Changed`] when another version is current by now.
    pub async fn replace(
        &self,
        id: &str,
        read: &Stored,
        text: &SecretString,
    ) -> Result<(), SecretStoreError> {
        let put = self.client.put_secret_value().secret_id(id).secret_string(text.expose_secret());
        let put = put.version_stages(PENDING).send().await;
        let version = put.map_err(|error| refused(id, "PutSecretValue", &error))?.version_id;
        let moved = self
            .client
            .update_secret_version_stage()
            .secret_id(id)
            .version_stage(CURRENT)
            .remove_from_version_id(&read.version)
            .set_move_to_version_id(version)
            .send()
            .await;
        match moved {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("InvalidParameterException") => {
                Err(SecretStoreError::Changed(id.to_owned()))
            }
            Err(error) => Err(refused(id, "UpdateSecretVersionStage", &error)),
        }
    }
}

fn refused<E: ProvideErrorMetadata>(
    id: &str,
    operation: &'static str,
    error: &SdkError<E>,
) -> SecretStoreError {
    let code = match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown"),
        SdkError::TimeoutError(_) => "timeout",
        SdkError::DispatchFailure(failure) if failure.is_user() || failure.is_other() => {
            "no usable AWS credentials"
        }
        SdkError::DispatchFailure(_) => "not reached",
        SdkError::ResponseError(_) => "not understood",
        _ => "not sent",
    };
    let id = id.to_owned();
    match code {
        "ResourceNotFoundException" => SecretStoreError::NotFound(id),
        code => SecretStoreError::Refused { id, operation, code: code.to_owned() },
    }
}
