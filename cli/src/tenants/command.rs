//! The terminal side of `vestibule tenants`.

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use domain::OrganizationId;
use serde_json::json;
use store::{StoreError, TenantRecord};
use tokio::task::{JoinError, JoinSet};
use web::Vars;

use super::args::{
    CreateArgs, HealthArgs, ImportArgs, ListArgs, MoveArgs, OneArgs, PortalLinkArgs, SetArgs, SyncArgs,
    TenantsVerb,
};
use super::import::{Import, ImportError, InputError};
use super::moves::MovePlan;
use super::progress::Bar;
use super::settings::Change;
use super::{
    CreateError, Created, FindError, MoveError, MoveReport, NewTenant, PortalError, SettingsError, Severity,
    SyncError, SyncReport, words,
};
use crate::desk::{self, Desk, DeskError};
use crate::terminal::{confirmed, note, say, say_json, somebody_is_there};

const LIST_PAGE: u16 = 200;
/// Tenants that are looked at together: WorkOS is asked three times about each.
const AT_A_TIME: usize = 8;
const DAY: Duration = Duration::from_secs(24 * 3600);
/// Problems of an import file that are printed; the JSON has all of them.
const MOST_PROBLEMS: usize = 100;

/// Why a verb did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum TenantsCommandError {
    #[error(transparent)]
    Desk(#[from] DeskError),
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Create(#[from] CreateError),
    #[error(transparent)]
    Sync(#[from] SyncError),
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error("nothing to change; see `vestibule tenants set --help`")]
    NothingToSet,
    #[error(transparent)]
    Portal(#[from] PortalError),
    #[error(transparent)]
    Move(#[from] MoveError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(
        "{0} lines have problems, so nothing was imported; mend them, or import the others with --skip-bad"
    )]
    BadLines(usize),
    #[error("{failed} of {rows} rows failed; run the same command again to try them once more")]
    FailedRows { failed: usize, rows: usize },
    #[error("{0} of {1} tenants are not well")]
    Unhealthy(usize, usize),
    #[error("not done: nobody said yes; run it at a terminal, or with --yes")]
    NotConfirmed,
    #[error("the look at a tenant broke off: {0}")]
    Task(#[from] JoinError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Does what was typed.
///
/// # Errors
/// With what is in the way.
pub async fn run(verb: &TenantsVerb, vars: &Vars) -> Result<(), TenantsCommandError> {
    match verb {
        TenantsVerb::Create(args) => create(args, vars).await,
        TenantsVerb::List(args) => list(args).await,
        TenantsVerb::Show(args) => show(args, vars).await,
        TenantsVerb::Sync(args) => sync(args, vars).await,
        TenantsVerb::Import(args) => import(args, vars).await,
        TenantsVerb::Set(args) => set(args, vars).await,
        TenantsVerb::Health(args) => health(args, vars).await,
        TenantsVerb::PortalLink(args) => portal_link(args, vars).await,
        TenantsVerb::MoveConnection(args) => move_connection(args, vars).await,
    }
}

async fn create(args: &CreateArgs, vars: &Vars) -> Result<(), TenantsCommandError> {
    let desk = desk::open(&args.deployment, vars).await?;
    let new = NewTenant {
        name: args.name.clone(),
        domains: args.domains.clone(),
        verified: args.verified,
        external_id: args.external_id.clone(),
        settings: Change { slug: args.slug.clone().map(Some), ..Change::default() },
    };
    let Created { record, existed } = desk.tenants.create(&new).await?;
    if args.deployment.json {
        let mut line = words::json(&record);
        if let Some(line) = line.as_object_mut() {
            line.insert("existed".to_owned(), existed.into());
        }
        say_json(&line)?;
        return Ok(());
    }
    say(&words::show(&record, desk.public_url.as_deref()))?;
    if existed {
        note("\nIt was at WorkOS already; nothing was made there.")?;
    }
    if record.tenant.connections.is_empty() {
        note(&format!(
            "\nNext, let the customer connect their identity provider:\n  vestibule tenants portal-link {} {}",
            record.tenant.organization, desk.flags
        ))?;
    }
    Ok(())
}

async fn list(args: &ListArgs) -> Result<(), TenantsCommandError> {
    let store = desk::open_tables(&args.deployment).await?;
    let (records, next) = match &args.domain {
        Some(domain) => (store.tenants_by_domain(domain).await?, None),
        None => {
            let (mut records, mut after) = (Vec::new(), args.after.clone());
            loop {
                let limit = if args.all { LIST_PAGE } else { args.limit };
                let page = store.list_tenants(after.as_ref(), limit).await?;
                let ids: Vec<OrganizationId> =
                    page.tenants.into_iter().map(|entry| entry.organization).collect();
                let mut some = store.tenants_of(&ids).await?;
                some.sort_by(|one, other| one.tenant.organization.cmp(&other.tenant.organization));
                records.extend(some);
                after = page.next;
                if !args.all || after.is_none() {
                    break (records, after);
                }
            }
        }
    };
    if args.deployment.json {
        let tenants: Vec<_> = records.iter().map(words::json).collect();
        say_json(&json!({ "tenants": tenants, "next": next }))?;
    } else if records.is_empty() {
        note("No tenant.")?;
    } else {
        say(&words::list(&records))?;
        if let Some(next) = next {
            note(&format!("\nThere are more: --after {next}"))?;
        }
    }
    Ok(())
}

async fn show(args: &OneArgs, vars: &Vars) -> Result<(), TenantsCommandError> {
    let desk = desk::open(&args.deployment, vars).await?;
    let record = desk.tenants.find(&args.tenant).await?;
    if args.deployment.json {
        say_json(&words::json(&record))?;
    } else {
        say(&words::show(&record, desk.public_url.as_deref()))?;
    }
    Ok(())
}

async fn sync(args: &SyncArgs, vars: &Vars) -> Result<(), TenantsCommandError> {
    let desk = desk::open(&args.deployment, vars).await?;
    let bar = Bar::new("tenants");
    let mut progress = |done, all| bar.at(done, all);
    let mut organizations = Vec::new();
    for name in &args.tenants {
        organizations.push(desk.tenants.organization(name).await?);
    }
    let report = if organizations.is_empty() {
        desk.tenants.sync_all(false, &mut progress).await
    } else {
        desk.tenants.sync(&organizations, false, &mut progress).await
    };
    bar.end();
    let mut report = report?;
    if args.close {
        close(&desk, args, &mut report).await?;
    }
    if args.deployment.json {
        say_json(&report)?;
    } else {
        say(&words::synced(&report))?;
    }
    Ok(())
}

/// Closes the tenants that are gone at WorkOS, once somebody has read which.
async fn close(desk: &Desk, args: &SyncArgs, report: &mut SyncReport) -> Result<(), TenantsCommandError> {
    let gone: Vec<OrganizationId> = report.open_and_gone().cloned().collect();
    if gone.is_empty() {
        return Ok(());
    }
    if !args.yes {
        note("Gone at WorkOS; closing them lets nobody in and ends their sessions:")?;
        for organization in &gone {
            note(&format!("  {organization}"))?;
        }
    }
    if !confirmed(&format!("Close {}?", gone.len()), args.yes)? {
        return Err(TenantsCommandError::NotConfirmed);
    }
    report.closed(&desk.tenants.sync(&gone, true, &mut |_, _| {}).await?);
    Ok(())
}

async fn import(args: &ImportArgs, vars: &Vars) -> Result<(), TenantsCommandError> {
    let import = Import::open(&args.file, args.format)?;
    let problems = &import.summary.problems;
    if !args.deployment.json {
        for problem in problems.iter().take(MOST_PROBLEMS) {
            note(&format!("line {}: {}", problem.line, problem.what))?;
        }
        if problems.len() > MOST_PROBLEMS {
            note(&format!("… and {} more; --json has them all", problems.len() - MOST_PROBLEMS))?;
        }
    }
    let bad = !problems.is_empty() && !args.skip_bad;
    if bad || args.dry_run {
        if args.deployment.json {
            say_json(&import.summary)?;
        } else if problems.is_empty() {
            say(&format!("{} rows, all good. Nothing was imported.", import.summary.good))?;
        }
        let mut lines: Vec<u64> = problems.iter().map(|problem| problem.line).collect();
        lines.dedup();
        return if problems.is_empty() { Ok(()) } else { Err(TenantsCommandError::BadLines(lines.len())) };
    }
    let desk = desk::open(&args.deployment, vars).await?;
    let bar = Bar::new("customers");
    let report = import.run(&desk.tenants, &mut |done, all| bar.at(done, all)).await;
    bar.end();
    let report = report?;
    if args.deployment.json {
        say_json(&json!({ "report": report, "problems": problems }))?;
    } else {
        for failed in &report.failed {
            note(&format!("line {}: {}", failed.line, failed.why))?;
        }
        say(&format!(
            "{} rows: {} made, {} were at WorkOS already, {} done before, {} failed",
            report.rows,
            report.created,
            report.adopted,
            report.already,
            report.failed.len()
        ))?;
        note(&format!("What is done is noted in {}.", import.journal().display()))?;
    }
    if report.failed.is_empty() {
        Ok(())
    } else {
        Err(TenantsCommandError::FailedRows { failed: report.failed.len(), rows: report.rows })
    }
}

async fn set(args: &SetArgs, vars: &Vars) -> Result<(), TenantsCommandError> {
    let change = args.settings.change();
    if change.is_empty() {
        return Err(TenantsCommandError::NothingToSet);
    }
    let desk = desk::open(&args.deployment, vars).await?;
    let record = desk.tenants.find(&args.tenant).await?;
    let report = desk.tenants.change_settings(record, &change).await?;
    if args.deployment.json {
        say_json(&json!({ "tenant": words::json(&report.record), "warnings": report.warnings }))?;
        return Ok(());
    }
    say(&words::show(&report.record, desk.public_url.as_deref()))?;
    for warning in &report.warnings {
        note(&format!("warning: {warning}"))?;
    }
    Ok(())
}

async fn health(args: &HealthArgs, vars: &Vars) -> Result<(), TenantsCommandError> {
    let desk = desk::open(&args.deployment, vars).await?;
    let mut records: Vec<TenantRecord> = Vec::new();
    if args.all {
        let mut after = None;
        loop {
            let page = desk.tenants.store.list_tenants(after.as_ref(), LIST_PAGE).await?;
            let ids: Vec<OrganizationId> = page.tenants.into_iter().map(|entry| entry.organization).collect();
            records.extend(desk.tenants.store.tenants_of(&ids).await?);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    for name in &args.tenants {
        records.push(desk.tenants.find(name).await?);
    }
    let bar = Bar::new("tenants");
    let mut reports = Vec::new();
    for some in records.chunks(AT_A_TIME) {
        let mut looks = JoinSet::new();
        for record in some {
            let (tenants, record) = (desk.tenants.clone(), record.clone());
            looks.spawn(async move { tenants.health(&record).await });
        }
        while let Some(report) = looks.join_next().await {
            reports.push(report?.with_flags(&desk.flags));
            bar.at(reports.len(), Some(records.len()));
        }
    }
    bar.end();
    reports.sort_by(|one, other| (&one.name, &one.organization).cmp(&(&other.name, &other.organization)));
    let unwell = if args.strict { Severity::Attention } else { Severity::Broken };
    let broken = reports.iter().filter(|report| report.severity >= unwell).count();
    if args.deployment.json {
        say_json(&json!({ "tenants": reports }))?;
    } else {
        say(&words::health(&reports))?;
    }
    if broken == 0 { Ok(()) } else { Err(TenantsCommandError::Unhealthy(broken, reports.len())) }
}

async fn portal_link(args: &PortalLinkArgs, vars: &Vars) -> Result<(), TenantsCommandError> {
    let desk = desk::open(&args.deployment, vars).await?;
    let organization = desk.tenants.organization(&args.tenant).await?;
    let return_url = args.return_url.as_ref().map(|url| url.as_str());
    let link = desk.tenants.portal_link(&organization, args.intent.into(), return_url).await?;
    if args.deployment.json {
        say_json(&json!({ "link": link.expose(), "expires_in_seconds": 300 }))?;
        return Ok(());
    }
    if !args.print && somebody_is_there() && opened(link.expose()) {
        note("The set-up pages are open in your browser. The link lives for five minutes.")?;
        return Ok(());
    }
    say(link.expose())?;
    note("Open it within five minutes, on a screen you share with the customer; do not send it on.")?;
    Ok(())
}

/// Opens an address in the person's browser.
fn opened(url: &str) -> bool {
    let openers: &[&str] = if cfg!(target_os = "macos") { &["open"] } else { &["xdg-open", "wslview"] };
    openers.iter().any(|opener| {
        let command = Command::new(opener).arg(url).stdout(Stdio::null()).stderr(Stdio::null()).status();
        command.is_ok_and(|status| status.success())
    })
}

async fn move_connection(args: &MoveArgs, vars: &Vars) -> Result<(), TenantsCommandError> {
    let desk = desk::open(&args.deployment, vars).await?;
    let record = desk.tenants.find(&args.tenant).await?;
    let mut plan = MovePlan {
        from: args.from.clone(),
        to: args.to.clone(),
        matched_by: args.matched_by.into(),
        dry_run: true,
        grants_last: DAY * args.days.into(),
    };
    let mut report = moved(&desk, &record, &plan).await?;
    if !args.dry_run && report.moved > 0 {
        if !args.yes {
            note(&words::moved(&report))?;
        }
        let question = format!("Let {} people keep their accounts at {}?", report.moved, args.to);
        if !confirmed(&question, args.yes)? {
            return Err(TenantsCommandError::NotConfirmed);
        }
        plan.dry_run = false;
        report = moved(&desk, &record, &plan).await?;
    }
    if args.deployment.json {
        say_json(&report)?;
    } else {
        say(&words::moved(&report))?;
    }
    Ok(())
}

async fn moved(
    desk: &Desk,
    record: &TenantRecord,
    plan: &MovePlan,
) -> Result<MoveReport, TenantsCommandError> {
    let bar = Bar::new("people");
    let report = desk.tenants.move_connection(record, plan, &mut |done, all| bar.at(done, all)).await;
    bar.end();
    Ok(report?)
}
