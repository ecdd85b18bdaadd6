//! Webhooks: when an event is sent, how often, in which order, and how it is signed.
//!
//! WorkOS promises little here: no order, duplicates, late arrivals, up to six more tries in three days. Each of these
//! has a switch, so that a product meets on purpose what it would else meet once a year. Nothing here reads a real
//! clock: what is due is decided by the one that was handed in, and a control call sends it.

mod send;

use std::collections::HashMap;
use std::time::Duration;

use domain::{RngError, Timestamp};
use ring::hmac;
use serde::Serialize;

use crate::directory::Pen;
use crate::events::{Attempt, Event, Journal, News, Standing};
use crate::state::State;

/// WorkOS documents six more tries with exponential backoff over three days, and not the steps. These add up to 2.7 days.
const RETRIES: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(25 * 60),
    Duration::from_secs(125 * 60),
    Duration::from_secs(625 * 60),
    Duration::from_secs(3_125 * 60),
];

/// Where webhooks go, and the secret that signs them.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookEndpoint {
    /// Absolute, http or https.
    pub url: String,
    /// Used as it is, prefix included.
    pub secret: String,
}

impl std::fmt::Debug for WebhookEndpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookEndpoint").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The `WorkOS-Signature` of a body at a time in milliseconds: `t=1796083200000, v1=5257a8…`.
pub fn signature(secret: &str, t: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{t}.").as_bytes());
    context.update(body);
    let hex: String = context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={t}, v1={hex}")
}

/// What is done to the webhooks of the next events. All off at the start.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Switches {
    /// Each is sent twice.
    pub(crate) duplicate: bool,
    /// Thrown away; only the Events API has it.
    pub(crate) drop: bool,
    /// Each is sent so much later.
    pub(crate) delay_seconds: Option<u64>,
    /// So many are collected, and sent newest first.
    pub(crate) reorder: Option<u64>,
    /// Each waits until a newer one about the same thing has arrived, and comes after it.
    pub(crate) stale: bool,
    /// Another try repeats the signature of the first one, old `t` and all.
    pub(crate) keep_t: bool,
    /// Signed so many seconds ago; below zero, in the future.
    pub(crate) t_age_seconds: i64,
    /// For so many more events, then all switches are off.
    pub(crate) count: Option<u64>,
}

/// What the switches hold back.
#[derive(Default)]
pub(crate) struct HeldBack {
    /// Until there are enough to reorder.
    batch: Vec<u64>,
    /// By subject, until something newer has gone.
    stale: HashMap<String, u64>,
}

/// Events that were just written down, and those that leave now, in that order.
#[derive(Debug, Default)]
pub(crate) struct Post {
    pub(crate) events: Vec<u64>,
    pub(crate) leaving: Vec<u64>,
}

impl State {
    /// Writes events down and decides what becomes of their webhooks.
    pub(crate) fn record(&mut self, news: Vec<News>, pen: Pen<'_>) -> Result<Post, RngError> {
        let mut post = Post::default();
        for news in news {
            let subject = news.subject.clone();
            let number = self.journal.push(news, pen)?;
            post.events.push(number);
            self.dispatch(number, subject, pen.now, &mut post.leaving);
        }
        Ok(post)
    }

    fn dispatch(&mut self, number: u64, subject: String, now: Timestamp, leaving: &mut Vec<u64>) {
        if self.webhook.is_none() {
            return;
        }
        let switches = self.switches.clone();
        let journal = &mut self.journal;
        let mut stand = |number: u64, standing: Standing, due: Option<Timestamp>| {
            journal.change(number, |event| {
                event.standing = standing;
                event.due = due;
                event.copies = u8::from(switches.duplicate);
                event.keep_t = switches.keep_t;
                event.t_age_seconds = switches.t_age_seconds;
            });
        };
        if switches.drop {
            stand(number, Standing::Dropped, None);
        } else if let Some(seconds) = switches.delay_seconds {
            stand(number, Standing::Delayed, Some(now.plus(Duration::from_secs(seconds))));
        } else if let Some(size) = switches.reorder {
            stand(number, Standing::Held, None);
            self.held.batch.push(number);
            if u64::try_from(self.held.batch.len()).is_ok_and(|held| held >= size) {
                let batch = std::mem::take(&mut self.held.batch);
                leaving.extend(self.journal.claim(batch.into_iter().rev()));
            }
        } else if switches.stale {
            match self.held.stale.remove(&subject) {
                None => {
                    stand(number, Standing::Held, None);
                    self.held.stale.insert(subject, number);
                }
                Some(older) => leaving.extend(self.journal.claim([number, older])),
            }
        } else {
            stand(number, Standing::Sending, None);
            leaving.push(number);
        }
        let count = self.switches.count.map(|count| count.saturating_sub(1));
        self.switches.count = count;
        if count == Some(0) {
            self.switches = Switches::default();
        }
    }

    /// What its time has come for.
    pub(crate) fn claim_due(&mut self, now: Timestamp) -> Vec<u64> {
        let due = |event: &&Event| event.standing.waits() && event.due.is_some_and(|due| due <= now);
        let numbers: Vec<u64> = self.journal.iter().filter(due).map(|event| event.number).collect();
        self.journal.claim(numbers)
    }

    /// Whatever waits, for its time or for others.
    pub(crate) fn claim_waiting(&mut self) -> Vec<u64> {
        self.held = HeldBack::default();
        let waits = |event: &&Event| event.standing.waits();
        let numbers: Vec<u64> = self.journal.iter().filter(waits).map(|event| event.number).collect();
        self.journal.claim(numbers)
    }

    /// There is nowhere to send it any more.
    fn give_back(&mut self, number: u64) {
        self.journal.change(number, |event| event.standing = Standing::NoEndpoint);
    }

    /// One event whatever became of it, as from WorkOS's dashboard.
    pub(crate) fn claim_one(&mut self, number: u64) -> Vec<u64> {
        self.held.batch.retain(|held| *held != number);
        self.held.stale.retain(|_, held| *held != number);
        self.journal.claim([number])
    }
}

impl Journal {
    /// Marks as on their way those that are not yet; only who has claimed an event sends it.
    fn claim(&mut self, numbers: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let mut claimed = Vec::new();
        for number in numbers {
            let mut mine = false;
            self.change(number, |event| {
                mine = event.standing != Standing::Sending;
                event.standing = Standing::Sending;
                event.due = None;
            });
            claimed.extend(mine.then_some(number));
        }
        claimed
    }

    /// Writes an attempt down. `true`: another copy is to be sent at once.
    fn settle(&mut self, number: u64, attempt: Attempt) -> bool {
        let arrived = attempt.result.as_ref().is_ok_and(|status| (200..300).contains(status));
        let mut again = false;
        self.change(number, |event| {
            let at = attempt.at;
            event.attempts.push(attempt);
            if arrived {
                again = event.copies > 0;
                event.copies = event.copies.saturating_sub(1);
                event.failures = 0;
                event.standing = if again { Standing::Sending } else { Standing::Delivered };
            } else if event.attempts.iter().any(Attempt::arrived) {
                // A copy of something that had arrived.
                event.standing = Standing::Delivered;
            } else {
                let wait = RETRIES.get(event.failures);
                event.failures += 1;
                event.due = wait.map(|wait| at.plus(*wait));
                event.standing = if wait.is_some() { Standing::Retrying } else { Standing::GivenUp };
            }
        });
        again
    }
}

impl Attempt {
    pub(crate) fn arrived(&self) -> bool {
        self.result.as_ref().is_ok_and(|status| (200..300).contains(status))
    }
}

#[cfg(test)]
mod tests;
