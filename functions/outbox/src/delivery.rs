//! Which notices are tried, in which order, and what becomes of one that the app does not take.
//!
//! Of one subject one after the other, of many subjects a few at once. A try that fails is due again later, and after
//! ten tries in three days it is parked. What is newer about the same subject waits for the next round, not for the one
//! that failed: a notice says the whole of what is now, and its order number says which is newer, so the app loses
//! nothing when it skips one. When the app is down, a round ends after a few tries, so that ten thousand notices do not
//! use up their tries in one outage.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use net::Deadline;
use store::{OUTBOX_SHARDS, OutboxNotice, StoreError};
use tokio::task::JoinSet;

use crate::bus::NotPut;
use crate::webhook::NotTaken;
use crate::{AGE, DELIVERED, Deps, FAILED, PARKED, message};

/// Waiting times between tries, as Standard Webhooks recommends them.
const WAITS: [u64; 9] = [30, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];
/// What is younger is the stream's: a sweep that tried it as well would send most notices twice.
const GRACE: Duration = Duration::from_secs(30);
const AT_ONCE: usize = 8;
/// So many failures in a row that are the app's or the network's: it is down, not the notice wrong.
const DOWN_AFTER: u32 = 5;
const PAGE: u16 = 100;

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub delivered: usize,
    pub failed: usize,
}

/// One wake-up of the function.
pub(crate) struct Round {
    deadline: Deadline,
    streak: Arc<AtomicU32>,
    /// Subjects of which a notice failed: the rest of theirs is not tried in this round.
    failed: BTreeSet<String>,
}

impl Round {
    pub(crate) fn new(deadline: Deadline) -> Self {
        Self { deadline, streak: Arc::default(), failed: BTreeSet::new() }
    }

    fn is_over(&self) -> bool {
        over(self.deadline, &self.streak)
    }
}

fn over(deadline: Deadline, streak: &AtomicU32) -> bool {
    deadline.has_passed() || streak.load(Ordering::Relaxed) >= DOWN_AFTER
}

#[derive(Debug, thiserror::Error)]
enum Undelivered {
    #[error(transparent)]
    Webhook(#[from] NotTaken),
    #[error(transparent)]
    Bus(#[from] NotPut),
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
}

impl Undelivered {
    const fn reason(&self) -> &'static str {
        match self {
            Self::Webhook(NotTaken::Refused(_)) if self.is_trouble() => "app_error",
            Self::Webhook(NotTaken::Refused(_)) => "refused",
            Self::Webhook(NotTaken::Unreachable) => "unreachable",
            Self::Webhook(NotTaken::Timeout) => "timeout",
            Self::Webhook(NotTaken::Secret(_)) => "secret",
            Self::Bus(_) => "bus",
            Self::Unreadable(_) => "unreadable",
        }
    }

    /// Whether another notice would fare the same: 5xx and 429 are the app's own state.
    const fn is_trouble(&self) -> bool {
        match self {
            Self::Webhook(NotTaken::Refused(status)) => status.as_u16() >= 500 || status.as_u16() == 429,
            Self::Webhook(_) | Self::Bus(_) => true,
            Self::Unreadable(_) => false,
        }
    }
}

/// Delivers everything that is due, and tells how old the oldest is that the app does not have.
///
/// # Errors
/// When the table cannot be read or written.
pub async fn sweep(deps: &Deps, deadline: Deadline) -> Result<Tally, StoreError> {
    let mut total = Tally::default();
    if !deps.has_listener() {
        return Ok(total);
    }
    let mut round = Round::new(deadline);
    let now = deps.clock.now();
    // Another part first each minute: a backlog in one must not starve the others.
    let first = u8::try_from((now.seconds() / 60).rem_euclid(OUTBOX_SHARDS.into())).unwrap_or(0);
    for part in (0..OUTBOX_SHARDS).map(|part| (first + part) % OUTBOX_SHARDS) {
        while !round.is_over() {
            let owed = deps.store.owed_notices(part, now.minus(GRACE), PAGE).await?;
            let tally = deliver(deps, owed, &mut round).await?;
            total.delivered += tally.delivered;
            total.failed += tally.failed;
            if tally == Tally::default() {
                break;
            }
        }
    }
    if let Some(oldest) = deps.store.oldest_owed().await? {
        deps.metrics.millis(AGE, now.since(oldest));
    }
    Ok(total)
}

/// Delivers these, as far as the round allows.
pub(crate) async fn deliver(
    deps: &Deps,
    notices: Vec<OutboxNotice>,
    round: &mut Round,
) -> Result<Tally, StoreError> {
    let mut queues: BTreeMap<String, Vec<OutboxNotice>> = BTreeMap::new();
    for notice in notices {
        // Ids of subjects are unique only within their tenant.
        let subject = format!("{}/{}", notice.organization, notice.subject);
        if !round.failed.contains(&subject) {
            queues.entry(subject).or_default().push(notice);
        }
    }
    let (mut waiting, mut running) = (queues.into_iter(), JoinSet::new());
    let (mut total, mut broken) = (Tally::default(), None);
    loop {
        while running.len() < AT_ONCE && broken.is_none() && !round.is_over() {
            let Some((subject, mut queue)) = waiting.next() else { break };
            queue.sort_by_key(|notice| notice.order);
            let (deps, deadline, streak) = (deps.clone(), round.deadline, round.streak.clone());
            running.spawn(async move {
                let outcome = Box::pin(one_by_one(&deps, queue, deadline, &streak)).await;
                (subject, outcome)
            });
        }
        let Some(joined) = running.join_next().await else { break };
        match joined {
            Ok((subject, Ok(tally))) => {
                total.delivered += tally.delivered;
                total.failed += tally.failed;
                if tally.failed > 0 {
                    round.failed.insert(subject);
                }
            }
            Ok((_, Err(error))) => broken = Some(error),
            Err(panicked) => tracing::error!("a delivery broke off: {panicked}"),
        }
    }
    broken.map_or(Ok(total), Err)
}

/// The notices of one subject, the oldest first; ends at the first that fails.
async fn one_by_one(
    deps: &Deps,
    queue: Vec<OutboxNotice>,
    deadline: Deadline,
    streak: &AtomicU32,
) -> Result<Tally, StoreError> {
    let mut tally = Tally::default();
    for notice in queue {
        if over(deadline, streak) {
            break;
        }
        match send(deps, &notice).await {
            Ok(()) => {
                streak.store(0, Ordering::Relaxed);
                deps.store.notice_delivered(&notice, deps.clock.now()).await?;
                deps.metrics.count(DELIVERED);
                tally.delivered += 1;
            }
            Err(why) => {
                if why.is_trouble() {
                    streak.fetch_add(1, Ordering::Relaxed);
                }
                failed(deps, &notice, &why).await?;
                tally.failed += 1;
                break;
            }
        }
    }
    Ok(tally)
}

async fn send(deps: &Deps, notice: &OutboxNotice) -> Result<(), Undelivered> {
    let body = message::body(notice)?;
    if let Some(webhook) = &deps.webhook {
        webhook.send(notice, &body, &deps.clock).await?;
    }
    if let Some(bus) = &deps.bus {
        bus.put(notice, &body).await?;
    }
    Ok(())
}

async fn failed(deps: &Deps, notice: &OutboxNotice, why: &Undelivered) -> Result<(), StoreError> {
    let (id, attempt, now) = (&notice.id, notice.attempts.saturating_add(1), deps.clock.now());
    deps.metrics.count_by(FAILED, "reason", why.reason());
    if let Undelivered::Webhook(NotTaken::Secret(error)) = why {
        // Not the app's fault and not the notice's: it keeps its tries, and the next sweep tries again.
        tracing::error!(notice.id = id, "notice {id} cannot be signed: {error}");
        return Ok(());
    }
    let wait = usize::try_from(notice.attempts).ok().and_then(|attempts| WAITS.get(attempts));
    match wait {
        Some(seconds) => {
            tracing::warn!(
                notice.id = id,
                notice.attempt = attempt,
                "notice {id} is due again in {seconds} s: {why}"
            );
            deps.store.postpone_notice(notice, now.plus(Duration::from_secs(*seconds))).await?;
        }
        None => {
            tracing::error!(notice.id = id, notice.attempt = attempt, "notice {id} is parked: {why}");
            if deps.store.park_notice(notice, now).await? {
                deps.metrics.count(PARKED);
            }
        }
    }
    Ok(())
}
