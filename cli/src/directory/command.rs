//! The terminal side of `vestibule directory`.

use std::io;
use std::time::Duration;

use domain::Clock;
use domain::directory::Retention;
use intake::Intake;
use net::Deadline;
use reconcile::{Cursor, DirectoryReport, EventsReport, Listing, Reconciler, ReplayError, Stop, Trouble};
use serde_json::json;
use store::{Applier, Job, SeenEvent, Store, StoreError};
use web::telemetry::{Service, Sink};
use web::{Metrics, Vars};

use super::args::{
    DirectoryVerb, EventsArgs, ReconcileArgs, RedriveArgs, RepairArgs, ReplayArgs, StatusArgs,
};
use crate::args::DeploymentArgs;
use crate::desk::{self, DeskError};
use crate::tenants::words::{lines, table};
use crate::terminal::{note, plain, say, say_json, span, utc};

/// A person waits at the terminal, and may press Ctrl-C: the next run goes on.
const TIME: Duration = Duration::from_secs(3600);
/// Parked messages that are sent again at a time.
const PAGE: u16 = 100;

/// Why nothing was told or repaired.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryCommandError {
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error(transparent)]
    Trouble(#[from] Trouble),
    #[error("somebody else is at it; the function runs every five minutes and is done within four")]
    Busy,
    #[error(
        "WorkOS wants to be asked later; run the same command again in a minute, it goes on where it stopped"
    )]
    Later,
    #[error(
        "{would_end} of {active} people would lose their access, and {allowed} may without consent. If that is right, give \
         --confirm {would_end}"
    )]
    Held { would_end: u64, active: u64, allowed: u64 },
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Does what was typed.
///
/// # Errors
/// With what is in the way.
pub async fn run(verb: &DirectoryVerb, vars: &Vars) -> Result<(), DirectoryCommandError> {
    match verb {
        DirectoryVerb::Status(args) => status(args).await,
        DirectoryVerb::Events(args) => events(args).await,
        DirectoryVerb::Replay(args) => replay(args, vars).await,
        DirectoryVerb::Reconcile(args) => reconcile(args, vars).await,
        DirectoryVerb::Redrive(args) => redrive(args).await,
    }
}

/// What the function uses, at the operator's hands.
async fn reconciler(
    deployment: &DeploymentArgs,
    repair: &RepairArgs,
    vars: &Vars,
) -> Result<Reconciler, DirectoryCommandError> {
    let tenants = desk::open(deployment, vars).await?.tenants;
    let service = Service { name: "vestibule".to_owned(), function_name: String::new(), memory_size: 0 };
    let intake = Intake {
        applier: Applier::new(tenants.store.clone(), Retention::days(repair.retention_days)),
        store: tenants.store,
        // The key is of one environment, and so are the events that it gives.
        client_id: None,
        metrics: Metrics::new(service, tenants.clock.clone(), Sink::Discard),
        clock: tenants.clock,
        rng: tenants.rng,
        place: "command line",
    };
    Ok(Reconciler::new(intake, tenants.workos, tenants.api_key))
}

async fn status(args: &StatusArgs) -> Result<(), DirectoryCommandError> {
    let store = desk::open_tables(&args.deployment).await?;
    let now = Clock::system().now();
    let cursor = store.job::<Cursor>(&Job::Events, now).await?;
    let (oldest, parked) = tokio::try_join!(store.oldest_owed(), store.parked_notices(now, PAGE))?;
    let step = cursor.as_ref().and_then(|record| record.step.as_ref());
    let running = cursor.as_ref().and_then(|record| record.held_until);
    if args.deployment.json {
        return Ok(say_json(&json!({
            "read_until": step.map(|cursor| cursor.since.rfc3339()),
            "caught_up": step.and_then(|cursor| cursor.caught_up).map(|at| at.rfc3339()),
            "last_event": step.and_then(|cursor| cursor.event.clone()),
            "running": running.is_some(),
            "app_oldest_owed": oldest.map(|at| at.rfc3339()),
            "app_parked": parked.len(),
        }))?);
    }
    match step {
        None => say("events      never read by `reconcile` yet")?,
        Some(cursor) => {
            let caught_up = cursor.caught_up.map_or_else(
                || "not yet to their end".to_owned(),
                |at| format!("to their end {} ago", span(now.since(at))),
            );
            say(&format!("events      read until {}, {caught_up}", utc(cursor.since)))?;
        }
    }
    if running.is_some() {
        say("            somebody is reading them right now")?;
    }
    match oldest {
        None => say("app         has heard everything")?,
        Some(at) => say(&format!("app         owed since {} ({} ago)", utc(at), span(now.since(at))))?,
    }
    if !parked.is_empty() {
        let more = if parked.len() == usize::from(PAGE) { " or more" } else { "" };
        say(&format!(
            "            {}{more} messages are not tried any more; `vestibule directory redrive` sends them again",
            parked.len()
        ))?;
    }
    Ok(())
}

async fn events(args: &EventsArgs) -> Result<(), DirectoryCommandError> {
    let store = desk::open_tables(&args.deployment).await?;
    let page = store.seen_events(args.after.as_deref(), Clock::system().now(), args.limit).await?;
    if args.deployment.json {
        return Ok(say_json(&json!({ "events": page.events, "next": page.next }))?);
    }
    if page.events.is_empty() {
        note("No event in the last fourteen days.")?;
        return Ok(());
    }
    let mut rows = table(&["HANDLED", "EVENT", "CHANGE", "OUTCOME", "TENANT", "DIRECTORY"]);
    for event in &page.events {
        rows.add_row(row(event));
    }
    say(&lines(&rows))?;
    if let Some(next) = page.next {
        note(&format!("More with --after '{next}'"))?;
    }
    Ok(())
}

fn row(event: &SeenEvent) -> [String; 6] {
    let outcome = match &event.reason {
        Some(reason) => format!("{}: {}", event.outcome, plain(reason)),
        None => event.outcome.clone(),
    };
    [
        utc(event.handled_at),
        event.event.to_string(),
        plain(&event.change),
        outcome,
        event.organization.as_ref().map(ToString::to_string).unwrap_or_default(),
        event.directory.as_ref().map(ToString::to_string).unwrap_or_default(),
    ]
}

async fn replay(args: &ReplayArgs, vars: &Vars) -> Result<(), DirectoryCommandError> {
    let reconciler = reconciler(&args.deployment, &args.repair, vars).await?;
    let (event, handled) = reconciler.replay(&args.event, Deadline::after(TIME)).await?;
    if args.deployment.json {
        let told = json!({
            "event": event.id, "type": event.kind.as_str(), "outcome": handled.outcome, "reason": handled.reason,
        });
        return Ok(say_json(&told)?);
    }
    let reason = handled.reason.map(|reason| format!(" ({})", plain(&reason))).unwrap_or_default();
    say(&format!("{} of type {}: {}{reason}", event.id, event.kind.as_str(), handled.outcome))?;
    Ok(())
}

async fn reconcile(args: &ReconcileArgs, vars: &Vars) -> Result<(), DirectoryCommandError> {
    let reconciler = reconciler(&args.deployment, &args.repair, vars).await?;
    let time = Deadline::after(TIME);
    match &args.directory {
        None => {
            let report = reconciler.catch_up(time).await?;
            ended(report.stop)?;
            if args.deployment.json { say_json(&report)? } else { say(&caught_up(&report))? }
        }
        Some(directory) => {
            let bar = indicatif::ProgressBar::new_spinner();
            let mut progress = |listing: &Listing| {
                let counts = &listing.counts;
                bar.set_message(format!(
                    "{}: {} people, {} groups, {} memberships",
                    listing.word(),
                    counts.people,
                    counts.groups,
                    counts.memberships
                ));
                bar.tick();
            };
            let report = reconciler.compare(directory, args.confirm, time, &mut progress).await;
            bar.finish_and_clear();
            let report = report?;
            if let Some(held) = report.held {
                let (would_end, active, allowed) = (held.would_end, held.active, held.allowed);
                return Err(DirectoryCommandError::Held { would_end, active, allowed });
            }
            ended(report.stop)?;
            if args.deployment.json { say_json(&report)? } else { say(&compared(&report))? }
        }
    }
    Ok(())
}

fn ended(stop: Stop) -> Result<(), DirectoryCommandError> {
    match stop {
        Stop::Done | Stop::Held => Ok(()),
        Stop::Busy | Stop::TakenOver => Err(DirectoryCommandError::Busy),
        Stop::Time | Stop::Later => Err(DirectoryCommandError::Later),
    }
}

fn caught_up(report: &EventsReport) -> String {
    let outcomes: Vec<String> =
        report.outcomes.iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    let mut text = format!("{} events read", report.read);
    if !outcomes.is_empty() {
        text.push_str(&format!(": {}", outcomes.join(", ")));
    }
    text.push_str(&format!("; {} had been missed and are made good", report.repaired));
    if report.open > 0 {
        text.push_str(&format!("; {} could not be handled and come again", report.open));
    }
    text
}

fn compared(report: &DirectoryReport) -> String {
    let counts = &report.counts;
    format!(
        "{} people ({} put right, {} had left), {} groups ({} put right), {} memberships ({} put right)",
        counts.people,
        counts.people_changed,
        counts.ended,
        counts.groups,
        counts.groups_changed,
        counts.memberships,
        counts.memberships_changed
    )
}

async fn redrive(args: &RedriveArgs) -> Result<(), DirectoryCommandError> {
    let store = desk::open_tables(&args.deployment).await?;
    let redriven = all_parked(&store).await?;
    if args.deployment.json {
        return Ok(say_json(&json!({ "redriven": redriven }))?);
    }
    say(&match redriven {
        0 => "Nothing is parked: the app has heard everything, or is being told.".to_owned(),
        1 => "1 message is sent again within a minute.".to_owned(),
        many => format!("{many} messages are sent again within a minute."),
    })?;
    Ok(())
}

async fn all_parked(store: &Store) -> Result<u64, StoreError> {
    let mut redriven = 0;
    loop {
        let now = Clock::system().now();
        let page = store.parked_notices(now, PAGE).await?;
        let mut done = 0_u64;
        for notice in &page {
            done += u64::from(store.redrive_notice(notice, now).await?);
        }
        redriven += done;
        // Where none of a page could be sent again, somebody else does the same.
        if done == 0 || page.len() < usize::from(PAGE) {
            return Ok(redriven);
        }
    }
}
