//! Tenants in words and tables, for people; and as JSON, for programs.

use std::collections::BTreeMap;

use comfy_table::{Table, presets};
use console::style;
use domain::tenant::TenantPolicy;
use domain::{Domain, TenantSettings};
use serde_json::{Value, json};
use store::TenantRecord;

use super::health::{Check, HealthReport, Severity};
use super::moves::MoveReport;
use super::sync::{SyncReport, Synced};
use crate::terminal::{plain, utc};

pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    table
}

/// Without the spaces that fill up the last column.
pub(crate) fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

pub(super) fn list(records: &[TenantRecord]) -> String {
    let mut table = table(&["TENANT", "NAME", "DOMAINS", "CONNECTIONS", "LOGIN"]);
    for record in records {
        let domains: Vec<String> = record
            .tenant
            .domains
            .iter()
            .map(
                |known| {
                    if known.verified { known.domain.to_string() } else { format!("({})", known.domain) }
                },
            )
            .collect();
        let usable = record.tenant.connections.iter().filter(|known| known.state.usable()).count();
        let connections = match (usable, record.tenant.connections.len()) {
            (usable, all) if usable == all => all.to_string(),
            (usable, all) => format!("{usable} of {all}"),
        };
        let login = record.settings.slug.as_ref().map(|slug| format!("/login/{slug}"));
        table.add_row([
            record.tenant.organization.to_string(),
            plain(&record.tenant.name),
            domains.join(" "),
            connections,
            login.unwrap_or_default(),
        ]);
    }
    lines(&table)
}

pub(super) fn json(record: &TenantRecord) -> Value {
    let TenantRecord { tenant, gate, settings, .. } = record;
    let connection = |known: &domain::tenant::TenantConnection| {
        let own = settings.connections.get(&known.id);
        json!({
            "id": known.id,
            "name": known.name,
            "connection_type": known.connection_type,
            "state": known.state,
            "usable": known.state.usable(),
            "label": own.and_then(|own| own.label.as_ref()),
            "domains": own.map(|own| own.domains.as_slice()).unwrap_or_default(),
        })
    };
    json!({
        "organization": tenant.organization,
        "name": tenant.name,
        "domains": tenant.domains,
        "connections": tenant.connections.iter().map(connection).collect::<Vec<_>>(),
        "slug": settings.slug,
        "hosts": settings.hosts,
        "branding": settings.branding,
        "policy": gate.policy,
        "sessions_generation": gate.generation,
        "refreshed_at": tenant.refreshed_at.rfc3339(),
    })
}

pub(super) fn show(record: &TenantRecord, public_url: Option<&str>) -> String {
    let TenantRecord { tenant, gate, settings, .. } = record;
    let mut out = format!("{}  {}\n", plain(&tenant.name), tenant.organization);
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            out.push_str(&format!("  {name:<16}{value}\n"));
        }
    };
    let address = |path: String| public_url.map_or(path.clone(), |origin| format!("{origin}{path}"));
    let own = settings.slug.as_ref().map(|slug| address(format!("/login/{slug}")));
    let usual = address(format!("/login?organization={}", tenant.organization));
    line("login address", own.unwrap_or(usual));
    line("hosts", join(&settings.hosts));
    line("data of", utc(tenant.refreshed_at));
    for (n, known) in tenant.domains.iter().enumerate() {
        let state = if known.verified { "verified" } else { "not verified" };
        line(if n == 0 { "domains" } else { "" }, format!("{} ({state})", known.domain));
    }
    for (n, known) in tenant.connections.iter().enumerate() {
        let own = settings.connections.get(&known.id);
        let label = own.and_then(|own| own.label.as_ref()).map(|label| format!(", called “{label}”"));
        let domains = own.map(|own| join(&own.domains)).filter(|domains| !domains.is_empty());
        line(
            if n == 0 { "connections" } else { "" },
            format!(
                "{} {} ({}){}{}",
                known.id,
                plain(&known.display_name()),
                known.state.as_str(),
                label.unwrap_or_default(),
                domains.map(|domains| format!(", for {domains}")).unwrap_or_default(),
            ),
        );
    }
    branding(settings, &mut line);
    policy(&gate.policy, &mut line);
    out.trim_end().to_owned()
}

fn branding(settings: &TenantSettings, line: &mut impl FnMut(&str, String)) {
    let branding = &settings.branding;
    line("logo", branding.logo.as_ref().map(ToString::to_string).unwrap_or_default());
    let colour = |colour: Option<domain::tenant_settings::Colour>, used: bool| {
        colour.map(
            |colour| if used { colour.to_string() } else { format!("{colour} (cannot be read, not used)") },
        )
    };
    line("colour", colour(branding.accent, branding.light().is_some()).unwrap_or_default());
    line("dark colour", colour(branding.accent_dark, branding.dark().is_some()).unwrap_or_default());
    line("support", branding.support.as_ref().map(ToString::to_string).unwrap_or_default());
}

fn policy(policy: &TenantPolicy, line: &mut impl FnMut(&str, String)) {
    let word = |value: Option<Value>| {
        value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default()
    };
    line("unverified", word(policy.unverified_domains.map(|policy| json!(policy))));
    line("IdP-initiated", word(policy.idp_initiated.map(|policy| json!(policy))));
    line("idle seconds", word(policy.session_idle_seconds.map(|seconds| json!(seconds))));
    line("longest session", word(policy.session_absolute_seconds.map(|seconds| json!(seconds))));
    line(
        "new accounts",
        word(policy.just_in_time_users.map(|is| json!(if is { "at sign-in" } else { "provisioned only" }))),
    );
    let providers = policy.providers.as_ref().map(|admitted| {
        let names: Vec<&str> = admitted.iter().map(domain::Provider::as_str).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    });
    line("providers", providers.unwrap_or_default());
    let map: BTreeMap<String, String> = policy.attributes.clone().into();
    let pairs: Vec<String> =
        map.into_iter().map(|(field, attribute)| format!("{field}={attribute}")).collect();
    line("attributes", pairs.join(", "));
}

fn join(domains: &[Domain]) -> String {
    domains.iter().map(Domain::as_str).collect::<Vec<_>>().join(" ")
}

pub(super) fn synced(report: &SyncReport) -> String {
    let mut out = String::new();
    for synced in &report.tenants {
        let line = match synced {
            Synced::Added { organization, name } => format!("added    {organization}  {}", plain(name)),
            Synced::Changed { organization, name, what } => {
                format!("changed  {organization}  {}: {}", plain(name), plain(&what.join("; ")))
            }
            Synced::Gone { organization, closed: true } => format!("closed   {organization}"),
            Synced::Gone { organization, closed: false } => {
                format!("gone     {organization}  WorkOS has it no more; sync --close closes it here")
            }
            Synced::Unchanged { .. } => continue,
        };
        out.push_str(&line);
        out.push('\n');
    }
    let SyncReport { added, changed, unchanged, gone, .. } = report;
    out.push_str(&format!("{added} added, {changed} changed, {unchanged} unchanged, {gone} gone"));
    out
}

/// A block for each tenant: how it is, what was looked at, and under each worry the command that mends it.
pub(super) fn health(reports: &[HealthReport]) -> String {
    let mut out = String::new();
    for report in reports {
        let verdict = match report.severity {
            Severity::Fine => style("fine").green(),
            Severity::Attention => style("something to do").yellow(),
            Severity::Broken => style("people cannot sign in").red().bold(),
        };
        out.push_str(&format!("{}  {}  {verdict}\n", plain(&report.name), report.organization));
        let last = report.last_sign_in.as_deref().unwrap_or("none within fourteen days");
        let subject = |check: &Check| plain(&check.subject);
        let width = report.checks.iter().map(|check| subject(check).chars().count()).max().unwrap_or(0);
        for check in &report.checks {
            let mark = match check.severity {
                Severity::Fine => style("ok    ").green(),
                Severity::Attention => style("look  ").yellow(),
                Severity::Broken => style("BROKEN").red().bold(),
            };
            out.push_str(&format!("  {mark}  {:<width$}  {}\n", subject(check), plain(&check.finding)));
            if let Some(next) = &check.next {
                out.push_str(&format!("          {}\n", style(format!("→ {next}")).dim()));
            }
        }
        out.push_str(&format!("          last sign-in: {last}\n\n"));
    }
    let count = |severity| reports.iter().filter(|report| report.severity == severity).count();
    let (fine, attention, broken) =
        (count(Severity::Fine), count(Severity::Attention), count(Severity::Broken));
    out.push_str(&format!(
        "{fine} fine, {attention} with something to do, {broken} where people cannot sign in"
    ));
    out
}

pub(super) fn moved(report: &MoveReport) -> String {
    let MoveReport { people, moved, already, left, dry_run, from, to, .. } = report;
    let verb = if *dry_run { "would be moved" } else { "moved" };
    let mut out = format!(
        "{people} people came through {from}: {moved} {verb} to {to}, {already} are there already, {} stay.",
        left.len()
    );
    for one in left {
        out.push_str(&format!("\n  {}  {}", one.user, one.why));
    }
    out
}
