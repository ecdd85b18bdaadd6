//! The terminal side of `vestibule logins`.

use std::io;

use domain::login_trace::{LoginOutcome, LoginTrace};
use domain::tenant_settings::Slug;
use domain::{Clock, EmailAddress, OrganizationId};
use serde_json::{Value, json};
use store::{Store, StoreError};

use super::args::{ListArgs, LoginsVerb, ShowArgs};
use super::{find, words};
use crate::desk::{self, DeskError};
use crate::terminal::{note, say, say_json};

/// Why nothing was told.
#[derive(Debug, thiserror::Error)]
pub enum LoginsCommandError {
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error("there is no tenant {0} here")]
    Tenant(String),
    #[error(
        "no login has the reference {0}. References are kept for fourteen days; the id of a login in a tenant's list needs \
         --organization ORG as well. A page that said \"Invalid state\" may have left nothing: then the browser brought no \
         cookie of a login, because it blocks cookies, is not the browser that began, or began more than ten minutes before"
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
    let since = now.minus(args.since);
    let most = usize::from(args.limit);
    let organization = tenant(&store, args.organization.as_deref()).await?;
    let mut tenants = vec![organization.clone()];
    if let (None, Some(email)) = (&organization, &args.email) {
        let known = store.tenants_by_domain(email.domain()).await?;
        tenants.extend(known.into_iter().map(|record| Some(record.tenant.organization)));
    }
    let who = args.email.as_ref().map(EmailAddress::masked);
    let wanted = |trace: &LoginTrace| {
        (!args.failed || trace.outcome == LoginOutcome::Failed) && (who.is_none() || trace.who == who)
    };
    // The few are picked out of all that were read; enough of them are read for that.
    let read = if args.failed || who.is_some() { usize::MAX } else { most };
    let mut traces: Vec<LoginTrace> = Vec::new();
    for tenant in &tenants {
        let some = store.traces(tenant.as_ref(), since, now, read).await?;
        traces.extend(some.into_iter().filter(wanted));
    }
    traces.sort_by(|one, other| (other.started_at, &other.id).cmp(&(one.started_at, &one.id)));
    traces.truncate(most);
    if args.deployment.json {
        let all: Vec<Value> = traces.into_iter().map(|trace| words::trace_json(&trace.into())).collect();
        say_json(&json!({ "logins": all }))?;
        return Ok(());
    }
    if traces.is_empty() {
        note("No login.")?;
    } else {
        say(&words::list(&traces))?;
        let of = traces.first().and_then(|trace| trace.organization.as_ref());
        let of = of.map(|organization| format!(" --organization {organization}")).unwrap_or_default();
        note(&format!("\nWhy? vestibule logins show LOGIN{of}"))?;
    }
    if organization.is_none() && args.email.is_none() {
        note("These are logins whose tenant was never known; --organization or --email finds the others.")?;
    }
    Ok(())
}

async fn show(args: &ShowArgs) -> Result<(), LoginsCommandError> {
    let store = desk::open_tables(&args.deployment).await?;
    let now = Clock::system().now();
    let organization = tenant(&store, args.organization.as_deref()).await?;
    let found = find(&store, &args.reference, organization.as_ref(), now).await?;
    let found = found.ok_or_else(|| LoginsCommandError::Unknown(args.reference.clone()))?;
    if args.deployment.json {
        say_json(&words::trace_json(&found))?;
    } else {
        say(&words::story(&found))?;
    }
    Ok(())
}
