//! The terminal side of `vestibule logins`.

use std::io;

use domain::login_trace::{LoginOutcome, LoginTrace};
use domain::tenant_settings::Slug;
use domain::{Clock, OrganizationId, Timestamp};
use serde_json::{Value, json};
use store::{Store, StoreError};

use super::args::{ListArgs, LoginsVerb, ShowArgs};
use super::{Explained, find};
use crate::desk::{self, DeskError};
use crate::tenants::words;
use crate::terminal::{note, say, say_json, utc};

/// Why nothing was told.
#[derive(Debug, thiserror::Error)]
pub enum LoginsCommandError {
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error("there is no tenant {0} here")]
    Tenant(String),
    #[error(
        "no login has the reference {0}. References are kept for fourteen days. A page that said \"Invalid state\" may \
         have none: then the browser brought no cookie of a login, because it blocks cookies, is not the browser that \
         began, or began more than ten minutes before"
    )]
    Unknown(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Does what was typed.
///
/// # Errors
/// With what is in the way.
pub async fn run(verb: &LoginsVerb) -> Result<(), LoginsCommandError> {
    match verb {
        LoginsVerb::List(args) => list(args).await,
        LoginsVerb::Show(args) => show(args).await,
    }
}

async fn tenant(store: &Store, name: Option<&str>) -> Result<Option<OrganizationId>, LoginsCommandError> {
    let Some(name) = name else { return Ok(None) };
    if let Ok(id) = OrganizationId::parse(name) {
        return Ok(Some(id));
    }
    let unknown = || LoginsCommandError::Tenant(name.to_owned());
    let slug = Slug::parse(name).map_err(|_| unknown())?;
    store.organization_by_slug(&slug).await?.ok_or_else(unknown).map(Some)
}

async fn list(args: &ListArgs) -> Result<(), LoginsCommandError> {
    let store = desk::open_tables(&args.deployment).await?;
    let now = Clock::system().now();
    let organization = tenant(&store, args.tenant.as_deref()).await?;
    let most = usize::from(args.limit);
    // Failures are picked out of all that were read; enough of them are read for that.
    let read = if args.failed { usize::MAX } else { most };
    let traces = store.traces(organization.as_ref(), now.minus(args.since), now, read).await?;
    let shown: Vec<&LoginTrace> = traces
        .iter()
        .filter(|trace| !args.failed || trace.outcome == LoginOutcome::Failed)
        .take(most)
        .collect();
    if args.deployment.json {
        let all: Vec<Value> =
            shown.iter().map(|trace| trace_json(&Explained::from((*trace).clone()))).collect();
        say_json(&json!({ "logins": all }))?;
        return Ok(());
    }
    if shown.is_empty() {
        note("No login.")?;
        return Ok(());
    }
    let mut table = words::table(&["LOGIN", "BEGAN", "WHO", "CONNECTION", "OUTCOME", "REASON"]);
    for trace in shown {
        table.add_row([
            trace.id.clone(),
            utc(trace.started_at),
            trace.who.clone().unwrap_or_default(),
            trace.connection.as_ref().map(ToString::to_string).unwrap_or_default(),
            trace.outcome.as_str().to_owned(),
            trace.reason.clone().unwrap_or_default(),
        ]);
    }
    say(&words::lines(&table))?;
    Ok(())
}

async fn show(args: &ShowArgs) -> Result<(), LoginsCommandError> {
    let store = desk::open_tables(&args.deployment).await?;
    let now = Clock::system().now();
    let organization = tenant(&store, args.tenant.as_deref()).await?;
    let found = find(&store, &args.reference, organization.as_ref(), now).await?;
    let found = found.ok_or_else(|| LoginsCommandError::Unknown(args.reference.clone()))?;
    if args.deployment.json {
        say_json(&trace_json(&found))?;
    } else {
        say(&story(&found))?;
    }
    Ok(())
}

fn trace_json(found: &Explained) -> Value {
    let trace = &found.trace;
    let step = |step: &domain::login_trace::TraceStep| json!({ "at": step.at.rfc3339(), "did": step.did, "detail": step.detail });
    json!({
        "id": trace.id,
        "organization": trace.organization,
        "connection": trace.connection,
        "began_at": trace.started_at.rfc3339(),
        "outcome": trace.outcome,
        "reason": trace.reason,
        "what": found.explanation.map(|explanation| explanation.what),
        "next": found.explanation.map(|explanation| explanation.next),
        "who": trace.who,
        "user": trace.user,
        "requests": trace.requests,
        "workos_request": trace.workos_request,
        "steps": trace.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

/// One login, told from its beginning.
pub(super) fn story(found: &Explained) -> String {
    let trace = &found.trace;
    let mut out = String::new();
    match (trace.outcome, &trace.reason) {
        (LoginOutcome::Failed, reason) => {
            let reason = reason.as_deref().unwrap_or("unknown");
            let what = found.explanation.map_or("This version has no words for the reason.", |e| e.what);
            out.push_str(&format!("Failed: {reason}\n  {what}\n"));
            if let Some(explanation) = found.explanation {
                out.push_str(&format!("  Next: {}\n", explanation.next));
            }
        }
        (LoginOutcome::Succeeded, _) => out.push_str("Succeeded.\n"),
        (LoginOutcome::Started, _) => out.push_str(
            "Not finished: the person was asked something, or left for the identity provider and did not come back.\n  \
             Next: if they saw an error there, it is the identity provider's to explain.\n",
        ),
    }
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            out.push_str(&format!("\n  {name:<16}{value}"));
        }
    };
    line("login", Some(trace.id.clone()));
    line("who", trace.who.clone());
    line("tenant", trace.organization.as_ref().map(ToString::to_string));
    line("connection", trace.connection.as_ref().map(ToString::to_string));
    line("user", trace.user.as_ref().map(ToString::to_string));
    line("references", Some(trace.requests.join(" ")));
    line("WorkOS request", trace.workos_request.clone());
    out.push('\n');
    for step in &trace.steps {
        let detail = step.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
        out.push_str(&format!("\n  {}  {}{detail}", after(trace.started_at, step.at), step.did.as_words()));
    }
    out
}

/// `08:30:00 UTC`, then `+12.3 s`.
fn after(start: Timestamp, at: Timestamp) -> String {
    let passed = at.since(start);
    if passed.is_zero() { utc(start) } else { format!("{:>23}", format!("+{:.1} s", passed.as_secs_f64())) }
}
