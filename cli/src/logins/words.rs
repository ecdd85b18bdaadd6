//! A login in words, for whoever asks why it failed; and as JSON, for programs.

use comfy_table::Table;
use console::style;
use domain::Timestamp;
use domain::login_trace::{LoginOutcome, LoginTrace, TraceStep};
use serde_json::{Value, json};

use super::Explained;
use crate::tenants::words::{lines, table};
use crate::terminal::utc;

pub(super) fn list(traces: &[LoginTrace]) -> String {
    let mut table: Table = table(&["LOGIN", "BEGAN", "WHO", "CONNECTION", "OUTCOME", "REASON"]);
    for trace in traces {
        table.add_row([
            trace.id.clone(),
            utc(trace.started_at),
            trace.who.clone().unwrap_or_default(),
            trace.connection.as_ref().map(ToString::to_string).unwrap_or_default(),
            trace.outcome.as_str().to_owned(),
            trace.reason.clone().unwrap_or_default(),
        ]);
    }
    lines(&table)
}

pub(super) fn trace_json(found: &Explained) -> Value {
    let trace = &found.trace;
    let step = |step: &TraceStep| json!({ "at": step.at.rfc3339(), "did": step.did, "detail": step.detail });
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
pub fn story(found: &Explained) -> String {
    let trace = &found.trace;
    let mut out = String::new();
    match (trace.outcome, &trace.reason) {
        (LoginOutcome::Failed, reason) => {
            let reason = reason.as_deref().unwrap_or("unknown");
            let what = found.explanation.map_or("This version has no words for the reason.", |e| e.what);
            out.push_str(&format!("{}: {reason}\n  {what}\n", style("Failed").red().bold()));
            if let Some(explanation) = found.explanation {
                out.push_str(&format!("  Next: {}\n", explanation.next));
            }
        }
        (LoginOutcome::Succeeded, _) => out.push_str(&format!("{}.\n", style("Succeeded").green())),
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
