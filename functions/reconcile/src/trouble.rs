//! What ends a run before its time. Everything that was done until then is written, and the next run goes on.

use domain::{DirectoryId, RngError};
use store::{Cause, StoreError};
use web::SecretError;
use workos::Kind;

#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    #[error(
        "the event is none of this function's: {{}} or {{\"directory\": \"directory_…\", \"confirm\": N}}"
    )]
    Request,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    WorkOs(#[from] workos::Error),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Random(#[from] RngError),
    #[error("WorkOS's list of events does not go on: a page has no event that can be read")]
    Stuck,
    #[error("WorkOS has no directory {0}, and none is known here")]
    NoDirectory(DirectoryId),
    #[error("directory {0} was deleted; it is not taken up again")]
    Deleted(DirectoryId),
    #[error("directory {0} is fed by its own SCIM client, not by WorkOS")]
    NotWorkOs(DirectoryId),
    #[error("WorkOS lists somebody of another directory in a group of {0}")]
    Foreign(DirectoryId),
    #[error("a part of the work broke off")]
    Broken,
}

impl Trouble {
    /// WorkOS wants to be asked later.
    pub(crate) const fn is_later(&self) -> bool {
        matches!(self, Self::WorkOs(error) if matches!(error.kind, Kind::RateLimited))
    }
}

/// Whether a failed write says something of what was written, and not of the database.
pub(crate) fn about_the_event(error: &StoreError) -> bool {
    match &error.cause {
        Cause::Contention | Cause::Unreadable(_) => true,
        Cause::Unavailable { code, .. } => {
            matches!(code.as_str(), "ValidationException" | "ItemCollectionSizeLimitExceededException")
        }
        Cause::Random => false,
    }
}
