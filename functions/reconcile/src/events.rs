//! Reading WorkOS's list of events to its end.
//!
//! The list says nothing of where a reader is: the id of the last handled event is kept here, and never what the list
//! calls its cursor, which is null at the end. What became visible late is met by reading the last ten minutes before
//! the end again. A cursor that WorkOS refuses, or one older than a request may reach back, falls back to a moment.
//!
//! An event that cannot be handled holds nobody up: those after it are handled, and the next run begins at it again.
//! After five tries it is recorded as poison. Trouble of the database is not the event's, ends the run and counts as no
//! try, or an outage would turn everything into poison.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use domain::directory::{ChangeStamp, DirectoryChange, DirectorySource, Origin};
use domain::{DirectoryId, EventId, Timestamp};
use intake::{APPLIED, DUPLICATE, NotHandled};
use net::Deadline;
use serde::{Deserialize, Serialize};
use store::{Hold, Job};
use web::metrics;
use workos::{DirectoryEntry, Event, EventKind, EventPage, EventsFrom, EventsQuery, Kind, Message};

use crate::trouble::about_the_event;
use crate::{LEASE, Reconciler, Stop, Trouble, repaired};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest range of one request.
const WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long WorkOS keeps events.
const KEPT: Duration = Duration::from_secs(90 * 24 * 3600);
/// Read again before the last end of the list.
const OVERLAP: Duration = Duration::from_secs(600);
/// An event that is younger may still be on its way as a webhook.
const UNDER_WAY: Duration = Duration::from_secs(60);
/// Tries of one event.
pub(crate) const TRIES: u64 = 5;
/// So many events in one run that cannot be written are a sign that it is not the events.
const MOST_FAILURES: usize = 3;
const PAGE: u8 = 100;

/// How far the list has been read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last event of the unbroken row of handled ones, and its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_at: Option<Timestamp>,
    /// Everything before this moment has been read.
    pub since: Timestamp,
    /// When the end of the list was last reached with nothing left open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caught_up: Option<Timestamp>,
}

/// What a run has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EventsReport {
    pub stop: Stop,
    /// Events read, those that were handled before included.
    pub read: u64,
    /// By what became of them.
    pub outcomes: BTreeMap<String, u64>,
    /// Applied events that no webhook had brought in time.
    pub repaired: u64,
    /// Events that could not be handled and are tried again.
    pub open: u64,
    /// Seconds since the list was last read to its end.
    pub age_seconds: Option<u64>,
}

/// One run.
struct Run {
    time: Deadline,
    report: EventsReport,
    /// Where reading goes on.
    place: Cursor,
    /// Where the next run begins: behind the last event of the unbroken row.
    kept: Cursor,
    /// The directories of WorkOS, once they were asked for.
    directories: Option<HashMap<DirectoryId, DirectoryEntry>>,
}

impl Cursor {
    fn first(now: Timestamp) -> Self {
        Self { event: None, event_at: None, since: now.minus(WINDOW), caught_up: None }
    }

    fn pass(&mut self, event: &Event) {
        self.event = Some(event.id.clone());
        self.event_at = Some(event.created_at);
        self.since = self.since.max(event.created_at);
    }

    /// WorkOS does not know the event any more: from a moment, and a little before it.
    fn rejected(&mut self) {
        if let Some(at) = self.event_at {
            self.since = at.minus(OVERLAP);
        }
        (self.event, self.event_at) = (None, None);
    }

    /// From where, and until when where a range has an end. The day is for differences between clocks.
    fn query(&self, now: Timestamp) -> (EventsFrom, Option<Timestamp>) {
        let recent = now.minus(WINDOW).plus(DAY);
        match (&self.event, self.event_at) {
            (Some(event), Some(at)) if at >= recent => (EventsFrom::After(event.clone()), None),
            _ => {
                let until = self.since.plus(WINDOW);
                (EventsFrom::Since(self.since), (until < now).then_some(until))
            }
        }
    }
}

impl Reconciler {
    /// Reads on from where the last run stopped, to the end of the list or of the time.
    ///
    /// # Errors
    /// When WorkOS or the database does not answer.
    pub async fn catch_up(&self, time: Deadline) -> Result<EventsReport, Trouble> {
        let now = self.now();
        let owner = self.intake.rng.ulid(now)?;
        let taken = self.store().take_job::<Cursor>(Job::Events, &owner, now, now.plus(LEASE)).await?;
        let Some((mut hold, cursor)) = taken else {
            return Ok(EventsReport { stop: Stop::Busy, ..EventsReport::default() });
        };
        let place = cursor.unwrap_or_else(|| Cursor::first(now));
        let mut run =
            Run { time, report: EventsReport::default(), kept: place.clone(), place, directories: None };
        let read = Box::pin(self.read_on(&mut hold, &mut run)).await;
        let released = self.store().release_job(hold).await;
        match read {
            Ok(stop) => run.report.stop = stop,
            Err(trouble) if trouble.is_later() => run.report.stop = Stop::Later,
            Err(trouble) => {
                self.say(&mut run);
                return Err(trouble);
            }
        }
        self.say(&mut run);
        released?;
        Ok(run.report)
    }

    fn say(&self, run: &mut Run) {
        let metrics = &self.intake.metrics;
        let since = run.kept.caught_up.unwrap_or(run.kept.since);
        let age = self.now().since(since);
        // Before the first end of the list there is no age to speak of.
        if run.kept.caught_up.is_some() {
            run.report.age_seconds = Some(age.as_secs());
            metrics.millis(metrics::CURSOR_AGE, age);
        }
        repaired(metrics, "event", run.report.repaired);
        tracing::info!(
            events.read = run.report.read,
            events.repaired = run.report.repaired,
            events.open = run.report.open,
            events.age_seconds = run.report.age_seconds,
            "{} events read, {} of them missed by webhooks, {} to be tried again",
            run.report.read,
            run.report.repaired,
            run.report.open
        );
    }

    async fn read_on(&self, hold: &mut Hold, run: &mut Run) -> Result<Stop, Trouble> {
        let begun = self.now();
        let oldest = begun.minus(KEPT);
        if run.place.since < oldest {
            self.intake.metrics.count(metrics::EVENTS_LOST);
            tracing::error!(
                events.since = run.place.since.rfc3339(),
                "events before {} were never read, and WorkOS does not keep them: compare the directories",
                oldest.rfc3339()
            );
            run.place.rejected();
            (run.place.since, run.place.caught_up) = (oldest, None);
            run.kept = run.place.clone();
        }
        if let Some(caught_up) = run.place.caught_up
            && let Some(stop) = self.read_again(run, caught_up).await?
        {
            return Ok(stop);
        }
        loop {
            if run.time.has_passed() {
                return Ok(Stop::Time);
            }
            let now = self.now();
            let (from, until) = run.place.query(now);
            let page = match self.events(&from, until, run.time).await {
                Err(Trouble::WorkOs(error)) if refuses(&error.kind, &from) => {
                    tracing::warn!(
                        event.id = run.place.event.as_ref().map(EventId::as_str),
                        "WorkOS does not know the last event any more; reading from before its time"
                    );
                    run.place.rejected();
                    continue;
                }
                page => page?,
            };
            let before = run.place.clone();
            if let Some(stop) = self.take(&page, run, true).await? {
                self.keep(hold, run).await?;
                return Ok(stop);
            }
            let end = !page.more;
            if let (true, Some(until)) = (end, until) {
                run.place.since = until;
            } else if end {
                run.place.since = run.place.since.max(begun.minus(OVERLAP));
            } else if run.place == before {
                return Err(Trouble::Stuck);
            }
            let whole = end && until.is_none();
            if run.report.open == 0 {
                run.kept = run.place.clone();
                if whole {
                    run.kept.caught_up = Some(begun);
                }
            }
            if !self.keep(hold, run).await? {
                return Ok(Stop::TakenOver);
            }
            if whole {
                return Ok(Stop::Done);
            }
        }
    }

    async fn keep(&self, hold: &mut Hold, run: &Run) -> Result<bool, Trouble> {
        Ok(self.store().step_job(hold, &run.kept, self.now().plus(LEASE)).await?)
    }

    /// The last minutes before the end of the list as it was: what has become visible there since.
    async fn read_again(&self, run: &mut Run, caught_up: Timestamp) -> Result<Option<Stop>, Trouble> {
        let mut from = EventsFrom::Since(caught_up.minus(OVERLAP));
        let mut until = Some(caught_up);
        loop {
            if run.time.has_passed() {
                return Ok(Some(Stop::Time));
            }
            let page = self.events(&from, until.take(), run.time).await?;
            if let Some(stop) = self.take(&page, run, false).await? {
                return Ok(Some(stop));
            }
            match page.events.last() {
                Some(last) if page.more && last.created_at <= caught_up => {
                    from = EventsFrom::After(last.id.clone());
                }
                _ => return Ok(None),
            }
        }
    }

    pub(crate) async fn events(
        &self,
        from: &EventsFrom,
        until: Option<Timestamp>,
        time: Deadline,
    ) -> Result<EventPage, Trouble> {
        let query = EventsQuery {
            types: &EventKind::listed(),
            from: from.clone(),
            until,
            organization: None,
            limit: PAGE,
        };
        Ok(self.workos.events(&self.api_key, &query, self.ask(time)).await?)
    }

    /// Handles the events of a page that were not handled before. `Some` when the run ends here.
    async fn take(&self, page: &EventPage, run: &mut Run, onward: bool) -> Result<Option<Stop>, Trouble> {
        for why in &page.invalid {
            self.intake.count("malformed", "other");
            tracing::error!(event.reason = %why, "an entry of the list of events is none: {why}");
        }
        let ids: Vec<EventId> = page.events.iter().map(|event| event.id.clone()).collect();
        let seen = if ids.is_empty() {
            Default::default()
        } else {
            self.store().seen_among(&ids, self.now()).await?
        };
        for event in &page.events {
            let known = seen.contains(&event.id);
            let handled = if known {
                run.add(DUPLICATE);
                true
            } else if run.time.has_passed() {
                return Ok(Some(Stop::Time));
            } else {
                self.handle(event, run).await?
            };
            if onward {
                run.place.pass(event);
                if handled && run.report.open == 0 {
                    run.kept.pass(event);
                }
            }
        }
        Ok(None)
    }

    /// Whether the event is dealt with; otherwise it is left open and comes again.
    async fn handle(&self, event: &Event, run: &mut Run) -> Result<bool, Trouble> {
        let mut handled = self.intake.handle(event).await;
        if matches!(handled, Err(NotHandled::Unresolved { .. })) && self.introduce(event, run).await? {
            handled = self.intake.handle(event).await;
        }
        let tries = match handled {
            Ok(handled) => {
                run.add(handled.outcome);
                let late = self.now().since(event.created_at) > UNDER_WAY;
                run.report.repaired += u64::from(late && handled.outcome == APPLIED);
                return Ok(true);
            }
            Err(NotHandled::Unresolved { tries }) => tries,
            Err(NotHandled::Store(error)) if !about_the_event(&error) => return Err(error.into()),
            Err(NotHandled::Store(error)) => {
                tracing::error!(event.id = %event.id, error = %error, "event {} cannot be written: {error}", event.id);
                if usize::try_from(run.report.open).unwrap_or(usize::MAX) >= MOST_FAILURES {
                    return Err(error.into());
                }
                self.store().count_failure(&event.id, self.now()).await?
            }
        };
        if tries < TRIES {
            run.report.open += 1;
            return Ok(false);
        }
        let gone = self.intake.give_up(event, "failed_repeatedly", self.now()).await?;
        self.intake.count(gone.outcome, event.kind.label());
        run.add(gone.outcome);
        Ok(true)
    }

    /// An event of a directory that nobody has introduced: WorkOS knows whose it is.
    async fn introduce(&self, event: &Event, run: &mut Run) -> Result<bool, Trouble> {
        let Ok(Message::Directory { origin, .. }) = event.read() else { return Ok(false) };
        let began = self.now();
        if run.directories.is_none() {
            run.directories = Some(self.all_directories(run.time).await?);
        }
        let known = run.directories.as_ref().and_then(|known| known.get(&origin.directory));
        let Some(entry) = known.filter(|entry| entry.organization.is_some()) else { return Ok(false) };
        let origin = Origin {
            directory: entry.id.clone(),
            organization: entry.organization.clone(),
            source: DirectorySource::Dsync,
        };
        let change = DirectoryChange::DirectoryActivated(entry.record.clone());
        self.intake.applier.apply(&origin, &change, &ChangeStamp::Listed { at: began }, began).await?;
        Ok(true)
    }

    async fn all_directories(&self, time: Deadline) -> Result<HashMap<DirectoryId, DirectoryEntry>, Trouble> {
        let (mut found, mut after) = (HashMap::new(), None);
        loop {
            let page = self.workos.directories(&self.api_key, None, after.as_ref(), self.ask(time)).await?;
            found.extend(page.directories.into_iter().map(|entry| (entry.id.clone(), entry)));
            after = page.next;
            if after.is_none() {
                return Ok(found);
            }
        }
    }
}

impl Run {
    fn add(&mut self, outcome: &str) {
        self.report.read += 1;
        *self.report.outcomes.entry(outcome.to_owned()).or_default() += 1;
    }
}

/// Whether WorkOS refuses the cursor, and not the key or the question.
fn refuses(kind: &Kind, from: &EventsFrom) -> bool {
    matches!((kind, from), (Kind::Rejected { status: 400 | 404 | 422, .. }, EventsFrom::After(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn cursor(days: u32) -> Cursor {
        let at = NOW.minus(DAY * days);
        Cursor {
            event: Some(EventId::parse("event_1").unwrap()),
            event_at: Some(at),
            since: at,
            caught_up: None,
        }
    }

    /// R59: an event leads on while a request reaches back to it; else its moment does, thirty days at a time.
    #[test]
    fn a_cursor_that_is_too_old_gives_way_to_ranges() {
        let after = EventsFrom::After(EventId::parse("event_1").unwrap());
        assert_eq!(cursor(0).query(NOW), (after.clone(), None));
        assert_eq!(cursor(28).query(NOW), (after, None));
        let old = cursor(70).query(NOW);
        assert_eq!(old, (EventsFrom::Since(NOW.minus(DAY * 70)), Some(NOW.minus(DAY * 40))));
        let first = Cursor::first(NOW).query(NOW);
        assert_eq!(first, (EventsFrom::Since(NOW.minus(DAY * 30)), None));
    }

    /// R59: a refused cursor reads from ten minutes before its event.
    #[test]
    fn a_refused_cursor_falls_back_to_its_time() {
        let mut refused = cursor(1);
        refused.rejected();
        assert_eq!(refused.query(NOW), (EventsFrom::Since(NOW.minus(DAY).minus(OVERLAP)), None));
        let rejected = |status| Kind::Rejected { status, code: None };
        let after = EventsFrom::After(EventId::parse("event_1").unwrap());
        assert!(
            refuses(&rejected(400), &after)
                && refuses(&rejected(422), &after)
                && refuses(&rejected(404), &after)
        );
        assert!(!refuses(&rejected(401), &after) && !refuses(&rejected(422), &EventsFrom::Since(NOW)));
        assert!(!refuses(&Kind::RateLimited, &after));
    }
}
