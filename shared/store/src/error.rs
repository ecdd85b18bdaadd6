//! Why the store could not answer. Always the infrastructure's fault, so always 503 to the client: an unmet
//! condition is a result of a verb, never an error.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::RequestId;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::CancellationReason;

#[derive(Debug, thiserror::Error)]
#[error("{operation}: {cause}")]
pub struct StoreError {
    pub operation: &'static str,
    pub cause: Cause,
}

#[derive(Debug, thiserror::Error)]
pub enum Cause {
    #[error("the database did not answer or refused ({code}, request {request_id})")]
    Unavailable { code: String, request_id: String },
    #[error("the database is contended")]
    Contention,
    #[error("the random generator failed")]
    Random,
    #[error("an item could not be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    pub(crate) fn unreadable(operation: &'static str, why: impl std::fmt::Display) -> Self {
        Self { operation, cause: Cause::Unreadable(why.to_string()) }
    }

    pub(crate) fn contention(operation: &'static str) -> Self {
        Self { operation, cause: Cause::Contention }
    }
}

/// Turns the SDK's error into ours, keeping what support needs and nothing of the data.
pub(crate) fn failed<E, R>(operation: &'static str) -> impl Fn(SdkError<E, R>) -> StoreError
where
    SdkError<E, R>: ProvideErrorMetadata + RequestId,
{
    move |error| {
        let kind = match &error {
            SdkError::ConstructionFailure(_) => "construction",
            SdkError::TimeoutError(_) => "timeout",
            SdkError::DispatchFailure(_) => "connection",
            SdkError::ResponseError(_) => "response",
            _ => "service",
        };
        StoreError {
            operation,
            cause: Cause::Unavailable {
                code: error.code().unwrap_or(kind).to_owned(),
                request_id: error.request_id().unwrap_or("none").to_owned(),
            },
        }
    }
}

/// The cancellation reasons of a transaction, one per item and in order; `None` for any other error.
pub(crate) fn cancelled<R>(error: &SdkError<TransactWriteItemsError, R>) -> Option<&[CancellationReason]> {
    match error.as_service_error()? {
        TransactWriteItemsError::TransactionCanceledException(cancelled) => {
            Some(cancelled.cancellation_reasons())
        }
        _ => None,
    }
}

/// Whether the item at `index` failed its condition.
pub(crate) fn condition_failed(reasons: &[CancellationReason], index: usize) -> bool {
    reasons.get(index).and_then(CancellationReason::code) == Some("ConditionalCheckFailed")
}

/// Whether the only trouble was another transaction on the same items, or throttling: worth another try.
pub(crate) fn contended(reasons: &[CancellationReason]) -> bool {
    let mut codes =
        reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None").peekable();
    codes.peek().is_some()
        && codes.all(|code| {
            matches!(code, "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
        })
}
