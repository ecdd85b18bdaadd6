//! The app's event bus: each notice as an event of EventBridge, for those who would rather have rules than a webhook.
//!
//! The SDK's own client, because it knows regions, signatures, endpoints and retries; linked for one call, it adds
//! little to the binary beside the DynamoDB client that is there already.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use store::OutboxNotice;

/// What rules match on.
const SOURCE: &str = "vestibule";

#[derive(Clone, Debug)]
pub(crate) struct Bus {
    pub(crate) name: String,
    pub(crate) client: Client,
}

/// The bus does not have the event.
#[derive(Debug, thiserror::Error)]
#[error("the event bus did not take it ({0})")]
pub(crate) struct NotPut(String);

impl Bus {
    pub(crate) async fn put(&self, notice: &OutboxNotice, body: &str) -> Result<(), NotPut> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(notice.kind.as_str())
            .detail(body)
            .time(DateTime::from_millis(notice.occurred_at.millis()))
            .build();
        let answer = self.client.put_events().entries(entry).send().await;
        let answer = answer.map_err(|error| NotPut(error.code().unwrap_or("not reached").to_owned()))?;
        if answer.failed_entry_count() == 0 {
            return Ok(());
        }
        // The call succeeds also when its only entry did not.
        let code = answer.entries().first().and_then(|entry| entry.error_code());
        Err(NotPut(code.unwrap_or("refused").to_owned()))
    }
}
