//! When a change was made, and whether it is newer than what is known.
//!
//! WorkOS's webhooks keep no order, so the moment of the event decides, with the event's id (a ULID) as the
//! tie-break: last writer wins, whatever came first (R54). Each directory user, group, membership and directory has
//! its own clock, and no clock is ever consulted for another's sake.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::ids::EventId;

/// The moment of the change that an item shows. Its text form sorts as the value does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventClock {
    at: Timestamp,
    /// `None` for what was read from a listing: before every event of the same millisecond.
    event: Option<EventId>,
}

/// What a change brings along to be put in order with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeStamp {
    /// Of a client that saw a version (SCIM): in order of arrival, and only over that version if one is named.
    Versioned { expected: Option<u64> },
    /// An event: last writer wins, and the id is applied once.
    Clocked { at: Timestamp, event: EventId },
    /// From a full listing that began at this moment: wins over older events only, and is not an event itself.
    Listed { at: Timestamp },
}

/// How a change relates to what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    Newer,
    /// The very event that is stored.
    Same,
    Older,
}

impl EventClock {
    pub const fn new(at: Timestamp, event: Option<EventId>) -> Self {
        Self { at, event }
    }

    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

impl ChangeStamp {
    /// The clock of what this change writes.
    pub fn clock(&self) -> Option<EventClock> {
        match self {
            Self::Versioned { .. } => None,
            Self::Clocked { at, event } => Some(EventClock::new(*at, Some(event.clone()))),
            Self::Listed { at } => Some(EventClock::new(*at, None)),
        }
    }

    /// The event to remember as seen.
    pub const fn event(&self) -> Option<&EventId> {
        match self {
            Self::Clocked { event, .. } => Some(event),
            Self::Versioned { .. } | Self::Listed { .. } => None,
        }
    }

    /// Against an item with this version (0: there is none) and clock.
    pub fn order(&self, version: u64, clock: Option<&EventClock>) -> Order {
        let own = match self {
            Self::Versioned { expected: None } => return Order::Newer,
            Self::Versioned { expected: Some(seen) } => {
                return if *seen == version { Order::Newer } else { Order::Older };
            }
            Self::Clocked { .. } | Self::Listed { .. } => self.clock(),
        };
        match (own, clock) {
            (Some(own), Some(stored)) if own < *stored => Order::Older,
            (Some(own), Some(stored)) if own == *stored => Order::Same,
            _ => Order::Newer,
        }
    }
}

/// The text is not a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a clock of an event")]
pub struct InvalidClock;

impl From<EventClock> for String {
    fn from(clock: EventClock) -> Self {
        let event = clock.event.as_ref().map_or("", EventId::as_str);
        format!("{:016}#{event}", clock.at.millis().max(0))
    }
}

impl TryFrom<String> for EventClock {
    type Error = InvalidClock;
    fn try_from(text: String) -> Result<Self, InvalidClock> {
        let (at, event) = text.split_once('#').ok_or(InvalidClock)?;
        let at = at.parse().map(Timestamp::from_millis).map_err(|_| InvalidClock)?;
        let event =
            if event.is_empty() { None } else { Some(EventId::parse(event).map_err(|_| InvalidClock)?) };
        Ok(Self { at, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> EventId {
        EventId::parse(id).unwrap()
    }

    fn clocked(millis: i64, id: &str) -> ChangeStamp {
        ChangeStamp::Clocked { at: Timestamp::from_millis(millis), event: event(id) }
    }

    #[test]
    fn the_event_id_breaks_ties_and_the_text_form_sorts_alike() {
        let clocks = [
            EventClock::new(Timestamp::from_millis(9), Some(event("event_Z"))),
            EventClock::new(Timestamp::from_millis(10), None),
            EventClock::new(Timestamp::from_millis(10), Some(event("event_A"))),
            EventClock::new(Timestamp::from_millis(10), Some(event("event_B"))),
            EventClock::new(Timestamp::from_millis(1_700_000_000_000), None),
        ];
        assert!(clocks.is_sorted());
        let texts: Vec<String> = clocks.iter().cloned().map(String::from).collect();
        assert!(texts.is_sorted());
        for (clock, text) in clocks.into_iter().zip(texts) {
            assert_eq!(EventClock::try_from(text), Ok(clock));
        }
        assert_eq!(EventClock::try_from("yesterday".to_owned()), Err(InvalidClock));
    }

    #[test]
    fn events_win_by_clock_and_clients_by_version() {
        let stored = clocked(10, "event_B").clock();
        for (stamp, expected) in [
            (clocked(10, "event_A"), Order::Older),
            (clocked(10, "event_B"), Order::Same),
            (clocked(10, "event_C"), Order::Newer),
            (clocked(9, "event_C"), Order::Older),
            (ChangeStamp::Listed { at: Timestamp::from_millis(10) }, Order::Older),
            (ChangeStamp::Listed { at: Timestamp::from_millis(11) }, Order::Newer),
            (ChangeStamp::Versioned { expected: None }, Order::Newer),
            (ChangeStamp::Versioned { expected: Some(3) }, Order::Newer),
            (ChangeStamp::Versioned { expected: Some(2) }, Order::Older),
        ] {
            assert_eq!(stamp.order(3, stored.as_ref()), expected, "{stamp:?}");
        }
        assert_eq!(clocked(1, "event_A").order(0, None), Order::Newer);
    }
}
