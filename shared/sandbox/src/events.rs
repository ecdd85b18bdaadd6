//! What happened, as WorkOS tells it: the events of `GET /events`, and what became of each one's webhook.
//!
//! An event is written once; its body is the same in the webhook and in the list, byte for byte. It stays in the list
//! whether or not the webhook was sent, dropped or refused, because that is what a product repairs itself from.

mod endpoints;
mod organization;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use domain::{OrganizationId, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};

use crate::directory::Pen;
use crate::resources::moment;
use domain::RngError;

pub(crate) use endpoints::routes;
pub(crate) use organization::{
    connection_deleted, connection_state, organization_changes, organization_news,
};

/// The last so many are kept: an initial sync of 50,000 people, and then some.
const CAPACITY: usize = 120_000;

/// Something that happened, before it is an event.
#[derive(Clone, Debug)]
pub(crate) struct News {
    pub(crate) kind: String,
    pub(crate) organization: Option<OrganizationId>,
    /// What it is about: an older event about the same thing is stale beside it.
    pub(crate) subject: String,
    pub(crate) data: Value,
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) number: u64,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) organization: Option<OrganizationId>,
    pub(crate) subject: String,
    pub(crate) created_at: Timestamp,
    pub(crate) body: Arc<str>,
    pub(crate) standing: Standing,
    /// When it is sent by itself: after a delay, or for another try.
    pub(crate) due: Option<Timestamp>,
    pub(crate) attempts: Vec<Attempt>,
    /// Attempts in a row that did not end in 2xx.
    pub(crate) failures: usize,
    /// Sent so many times more once it has arrived.
    pub(crate) copies: u8,
    /// Another try repeats the first signature.
    pub(crate) keep_t: bool,
    /// How old the first signature is.
    pub(crate) t_age_seconds: i64,
}

/// What became of an event's webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Standing {
    /// On its way.
    Sending,
    Delivered,
    /// Not accepted; there will be another try.
    Retrying,
    /// Not accepted, and nobody tries again by themselves.
    GivenUp,
    /// A switch sends it later.
    Delayed,
    /// A switch holds it until others have come, or gone.
    Held,
    /// A switch threw it away.
    Dropped,
    /// There was no endpoint when it happened.
    NoEndpoint,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) at: Timestamp,
    /// The `t` of the signature, in milliseconds.
    pub(crate) t: i64,
    pub(crate) result: Result<u16, String>,
}

/// All events, oldest first.
#[derive(Default)]
pub(crate) struct Journal {
    events: VecDeque<Event>,
    numbers: HashMap<String, u64>,
    next: u64,
    sending: usize,
    last: (i64, String),
}

impl Standing {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Delivered => "delivered",
            Self::Retrying => "retrying",
            Self::GivenUp => "given_up",
            Self::Delayed => "delayed",
            Self::Held => "held",
            Self::Dropped => "dropped",
            Self::NoEndpoint => "no_endpoint",
        }
    }

    /// Whether something is still to come by itself, or when asked for.
    pub(crate) const fn waits(self) -> bool {
        matches!(self, Self::Retrying | Self::Delayed | Self::Held)
    }
}

impl Journal {
    /// An empty one whose numbers go on, so that nothing in flight is mistaken for something new.
    pub(crate) fn after(other: &Self) -> Self {
        Self { next: other.next, last: other.last.clone(), ..Self::default() }
    }

    pub(crate) fn push(&mut self, news: News, pen: Pen<'_>) -> Result<u64, RngError> {
        let (created_at, ulid) = self.stamp(pen)?;
        let id = format!("event_{ulid}");
        let body = json!({
            "object": "event",
            "id": id,
            "event": news.kind,
            "data": news.data,
            "created_at": moment(created_at),
        });
        if self.events.len() >= CAPACITY
            && let Some(old) = self.events.pop_front()
        {
            self.numbers.remove(&old.id);
            self.sending -= usize::from(old.standing == Standing::Sending);
        }
        let number = self.next;
        self.next += 1;
        self.numbers.insert(id.clone(), number);
        self.events.push_back(Event {
            number,
            id,
            kind: news.kind,
            organization: news.organization,
            subject: news.subject,
            created_at,
            body: body.to_string().into(),
            standing: Standing::NoEndpoint,
            due: None,
            attempts: vec![],
            failures: 0,
            copies: 0,
            keep_t: false,
            t_age_seconds: 0,
        });
        Ok(number)
    }

    /// Later events have greater ids, also within one millisecond and when the clock goes back: a product may use both
    /// to tell what is newer.
    fn stamp(&mut self, pen: Pen<'_>) -> Result<(Timestamp, String), RngError> {
        let at = pen.now.millis().max(self.last.0);
        let fresh = pen.rng.ulid(Timestamp::from_millis(at))?;
        let ulid = if fresh > self.last.1 { fresh } else { successor(&self.last.1) };
        self.last = (at, ulid.clone());
        Ok((Timestamp::from_millis(at), ulid))
    }

    fn index(&self, number: u64) -> Option<usize> {
        let first = self.events.front()?.number;
        usize::try_from(number.checked_sub(first)?).ok()
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Event> {
        self.events.get(self.index(number)?)
    }

    pub(crate) fn number(&self, id: &str) -> Option<u64> {
        self.numbers.get(id).copied()
    }

    /// Those after this one, oldest first.
    pub(crate) fn after_number(&self, number: Option<u64>) -> impl Iterator<Item = &Event> {
        let start = number.map_or(0, |number| self.index(number).map_or(0, |index| index + 1));
        self.events.range(start.min(self.events.len())..)
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.events.len()
    }

    /// The one way to change what became of an event, so that the count of those on their way is right.
    pub(crate) fn change(&mut self, number: u64, change: impl FnOnce(&mut Event)) -> Option<&Event> {
        let index = self.index(number)?;
        let event = self.events.get_mut(index)?;
        let before = event.standing == Standing::Sending;
        change(event);
        let after = event.standing == Standing::Sending;
        self.sending = self.sending + usize::from(after) - usize::from(before);
        self.events.get(index)
    }

    pub(crate) fn sending(&self) -> usize {
        self.sending
    }
}

/// The next ULID: the last one plus one, in Crockford's base 32.
fn successor(ulid: &str) -> String {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut digits = ulid.as_bytes().to_vec();
    for digit in digits.iter_mut().rev() {
        let value = DIGITS.iter().position(|known| known == digit).unwrap_or(0);
        let next = (value + 1) % DIGITS.len();
        *digit = DIGITS.get(next).copied().unwrap_or(b'0');
        if next != 0 {
            break;
        }
    }
    String::from_utf8(digits).unwrap_or_default()
}

#[cfg(test)]
mod tests;
