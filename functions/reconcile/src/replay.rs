//! One event again, from WorkOS's list: for what was recorded as poison, or handled by an older version.

use std::time::Duration;

use domain::{EventId, Timestamp};
use intake::{Handled, NotHandled};
use net::Deadline;
use workos::{Event, EventsFrom};

use crate::{Reconciler, Trouble};

/// Around the moment at which it is looked for.
const AROUND: Duration = Duration::from_secs(60);
/// Pages that are looked through: a moment with more events is an initial sync.
const PAGES: usize = 100;

/// Why an event was not handled again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("{0} is not known here, and its id does not say when it was made; WorkOS cannot be asked for it")]
    NoTime(EventId),
    #[error("WorkOS does not list {0} any more; it keeps events for 90 days")]
    NotListed(EventId),
    #[error(transparent)]
    NotHandled(#[from] NotHandled),
    #[error(transparent)]
    Trouble(#[from] Trouble),
}

impl Reconciler {
    /// Handles an event again, whatever became of it before. What is newer than it stays.
    ///
    /// # Errors
    /// When it cannot be had, or not handled.
    pub async fn replay(&self, id: &EventId, time: Deadline) -> Result<(Event, Handled), ReplayError> {
        let record = self.store().seen_event(id, self.now()).await.map_err(Trouble::from)?;
        let at = record.map(|record| record.created_at).or_else(|| made_at(id));
        let at = at.ok_or_else(|| ReplayError::NoTime(id.clone()))?;
        let event = self.find(id, at, time).await?;
        let event = event.ok_or_else(|| ReplayError::NotListed(id.clone()))?;
        self.store().forget_event(id).await.map_err(Trouble::from)?;
        let handled = self.intake.handle(&event).await?;
        Ok((event, handled))
    }

    async fn find(&self, id: &EventId, at: Timestamp, time: Deadline) -> Result<Option<Event>, Trouble> {
        let mut from = EventsFrom::Since(at.minus(AROUND));
        let mut until = Some(at.plus(AROUND));
        for _ in 0..PAGES {
            let page = self.events(&from, until.take(), time).await?;
            if let Some(found) = page.events.iter().find(|event| event.id == *id) {
                return Ok(Some(found.clone()));
            }
            match page.events.last() {
                Some(last) if page.more && last.created_at <= at.plus(AROUND) => {
                    from = EventsFrom::After(last.id.clone());
                }
                _ => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// WorkOS's ids are ULIDs: the first ten characters are the moment.
fn made_at(id: &EventId) -> Option<Timestamp> {
    const DIGITS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let ulid = id.as_str().strip_prefix("event_").filter(|ulid| ulid.len() == 26)?;
    let mut millis: i64 = 0;
    for digit in ulid.chars().take(10) {
        let value = DIGITS.find(digit.to_ascii_uppercase())?;
        millis = millis.checked_mul(32)?.checked_add(i64::try_from(value).ok()?)?;
    }
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_says_when_the_event_was_made() {
        let at = |id: &str| made_at(&EventId::parse(id).unwrap()).map(Timestamp::rfc3339);
        assert_eq!(at("event_01ARZ3NDEKTSV4RRFFQ69G5FAV").as_deref(), Some("2016-07-30T23:54:10.259Z"));
        assert_eq!(at("event_1"), None);
        assert_eq!(at("event_UUUUUUUUUUUUUUUUUUUUUUUUUU"), None);
    }
}
