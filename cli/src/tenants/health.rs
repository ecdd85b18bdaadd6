//! `tenants health`: what will stop a customer's people from signing in, today or soon.
//!
//! Asked of WorkOS as it is now, not of our copy: certificates expire and connections are switched off without a word.
//! Where WorkOS cannot be asked the report says so, and what our copy says.

use std::time::Duration;

use domain::tenant::ConnectionState;
use domain::{OrganizationId, Tenant, Timestamp};
use net::Deadline;
use serde::Serialize;
use store::TenantRecord;
use workos::CertificateNotice;

use super::{ASK, Tenants};

/// How far back certificate notices are looked for: as far as one request to WorkOS may reach.
const NOTICES: Duration = Duration::from_secs(30 * 24 * 3600);
const DAY: u64 = 24 * 3600;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Fine,
    /// Something to do, sooner or later.
    Attention,
    /// People cannot sign in.
    Broken,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub severity: Severity,
    /// `connection conn_…`, `domain acme.com`, `data`.
    pub subject: String,
    pub finding: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HealthReport {
    pub organization: OrganizationId,
    pub name: String,
    pub severity: Severity,
    /// When somebody last signed in, as far back as login traces go.
    pub last_sign_in: Option<String>,
    pub checks: Vec<Check>,
}

impl HealthReport {
    /// Names the deployment in the commands that are proposed, so that they can be copied.
    pub(super) fn with_flags(mut self, flags: &str) -> Self {
        for next in self.checks.iter_mut().filter_map(|check| check.next.as_mut()) {
            if next.starts_with("vestibule ") {
                *next = format!("{next} {flags}");
            }
        }
        self
    }
}

impl Tenants {
    /// Looks at one tenant. Never fails: what could not be asked is a finding.
    pub async fn health(&self, known: &TenantRecord) -> HealthReport {
        let organization = known.tenant.organization.clone();
        let now = self.clock.now();
        let since = now.minus(NOTICES);
        let (fetched, notices, last_sign_in) = tokio::join!(
            self.fetch(&organization),
            self.workos.certificate_notices(&self.api_key, &organization, since, Deadline::after(ASK)),
            self.store.last_success(&organization, now),
        );
        let mut checks = Vec::new();
        let tenant = match fetched {
            Ok(Some(tenant)) => tenant,
            Ok(None) => {
                checks.push(Check {
                    severity: Severity::Broken,
                    subject: "organization".to_owned(),
                    finding: "WorkOS does not have it any more".to_owned(),
                    next: Some(format!("vestibule tenants sync {organization} --close")),
                });
                known.tenant.clone()
            }
            Err(error) => {
                checks.push(Check {
                    severity: Severity::Attention,
                    subject: "WorkOS".to_owned(),
                    finding: format!(
                        "could not be asked ({error}); this is what was stored {}",
                        known.tenant.refreshed_at.rfc3339()
                    ),
                    next: None,
                });
                known.tenant.clone()
            }
        };
        connections(&tenant, &mut checks);
        domains(&tenant, &mut checks);
        match notices {
            Ok(notices) => certificates(&tenant, &notices, now, &mut checks),
            Err(error) => checks.push(Check {
                severity: Severity::Attention,
                subject: "certificates".to_owned(),
                finding: format!("could not be asked for ({error})"),
                next: None,
            }),
        }
        if tenant.connection_states() != known.tenant.connection_states()
            || tenant.domains != known.tenant.domains
        {
            checks.push(Check {
                severity: Severity::Attention,
                subject: "data".to_owned(),
                finding: format!("our copy is of {} and differs", known.tenant.refreshed_at.rfc3339()),
                next: Some(format!("vestibule tenants sync {organization}")),
            });
        }
        let last_sign_in = last_sign_in.unwrap_or_else(|error| {
            checks.push(Check {
                severity: Severity::Attention,
                subject: "sign-ins".to_owned(),
                finding: format!("could not be looked for ({error})"),
                next: None,
            });
            None
        });
        let severity = checks.iter().map(|check| check.severity).max().unwrap_or(Severity::Fine);
        let last_sign_in = last_sign_in.map(Timestamp::rfc3339);
        HealthReport { organization, name: tenant.name, severity, last_sign_in, checks }
    }
}

fn connections(tenant: &Tenant, checks: &mut Vec<Check>) {
    let organization = &tenant.organization;
    let usable = tenant.connections.iter().any(|known| known.state.usable());
    if tenant.connections.is_empty() {
        checks.push(Check {
            severity: Severity::Broken,
            subject: "connections".to_owned(),
            finding: "none: nobody can sign in through this organization".to_owned(),
            next: Some(format!("vestibule tenants portal-link {organization} --intent sso")),
        });
    }
    for known in &tenant.connections {
        let (severity, next) = match &known.state {
            ConnectionState::Active => (Severity::Fine, None),
            ConnectionState::Validating => {
                (Severity::Fine, Some("becomes active with its first sign-in".to_owned()))
            }
            ConnectionState::Deleting => (Severity::Attention, None),
            ConnectionState::Inactive
            | ConnectionState::Draft
            | ConnectionState::RequiresType
            | ConnectionState::Unknown(_) => (
                if usable { Severity::Attention } else { Severity::Broken },
                Some(format!("vestibule tenants portal-link {organization} --intent sso")),
            ),
        };
        checks.push(Check {
            severity,
            subject: format!("connection {}", known.id),
            finding: format!("{} ({})", known.state.as_str(), known.display_name()),
            next,
        });
    }
}

fn domains(tenant: &Tenant, checks: &mut Vec<Check>) {
    let portal = || {
        Some(format!("vestibule tenants portal-link {} --intent domain_verification", tenant.organization))
    };
    if !tenant.has_verified_domain() {
        checks.push(Check {
            severity: Severity::Attention,
            subject: "domains".to_owned(),
            finding: "none is verified: sign-in by e-mail address does not find this company".to_owned(),
            next: portal(),
        });
    }
    for known in &tenant.domains {
        let (severity, finding, next) = if known.verified {
            (Severity::Fine, "verified", None)
        } else {
            (Severity::Attention, "not verified", portal())
        };
        checks.push(Check {
            severity,
            subject: format!("domain {}", known.domain),
            finding: finding.to_owned(),
            next,
        });
    }
}

/// The last notice of each connection counts: a renewal ends the worry.
fn certificates(tenant: &Tenant, notices: &[CertificateNotice], now: Timestamp, checks: &mut Vec<Check>) {
    for known in &tenant.connections {
        let last = notices.iter().rev().find(|notice| notice.connection == known.id.as_str());
        let Some(expires) = last.and_then(|notice| notice.expires) else { continue };
        let days = expires.since(now).as_secs() / DAY;
        let (severity, finding) = if expires <= now {
            (Severity::Broken, format!("the certificate expired {}", expires.rfc3339()))
        } else {
            (Severity::Attention, format!("the certificate expires in {days} days, {}", expires.rfc3339()))
        };
        checks.push(Check {
            severity,
            subject: format!("connection {}", known.id),
            finding,
            next: Some(format!(
                "vestibule tenants portal-link {} --intent certificate_renewal",
                tenant.organization
            )),
        });
    }
}
