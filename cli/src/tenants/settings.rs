//! `tenants set`: labels, domains of connections, branding, login address, policy. Checked as a whole before anything is
//! written; a change over somebody else's is made anew on what they left.

use domain::audit::AuditAction;
use domain::directory::AttributeMap;
use domain::login::Provider;
use domain::tenant::{IdpInitiated, TenantPolicy, UnverifiedDomainPolicy};
use domain::tenant_settings::{Colour, Contact, HttpsUrl, Label, MOST_CONNECTION_SETTINGS, MOST_HOSTS, Slug};
use domain::{ConnectionId, Domain, RngError, TenantSettings};
use store::{SettingsOutcome, StoreError, TenantRecord};

use super::Tenants;

/// A session that may idle less than three times a token's usual life would end under an active person.
const LEAST_IDLE_SECONDS: u64 = 900;
/// Rounds of read and conditional write.
const ROUNDS: usize = 3;

/// What to change. The outer `None` leaves a setting as it is, the inner one takes it away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    pub slug: Option<Option<Slug>>,
    pub hosts: Option<Vec<Domain>>,
    pub labels: Vec<(ConnectionId, Option<Label>)>,
    pub connection_domains: Vec<(ConnectionId, Vec<Domain>)>,
    pub logo: Option<Option<HttpsUrl>>,
    pub accent: Option<Option<Colour>>,
    pub accent_dark: Option<Option<Colour>>,
    pub support: Option<Option<Contact>>,
    pub unverified_domains: Option<Option<UnverifiedDomainPolicy>>,
    pub idp_initiated: Option<Option<IdpInitiated>>,
    pub idle_seconds: Option<Option<u64>>,
    pub absolute_seconds: Option<Option<u64>>,
    pub just_in_time_users: Option<Option<bool>>,
    pub providers: Option<Option<Vec<Provider>>>,
    /// Which custom attributes of the directory are kept, all anew.
    pub attributes: Option<AttributeMap>,
}

/// Why settings were not saved.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("{0} is not one of the tenant's connections")]
    ForeignConnection(ConnectionId),
    #[error("the slug is another tenant's")]
    SlugTaken,
    #[error("the host {0} is another tenant's")]
    HostTaken(Domain),
    #[error(
        "at most {MOST_HOSTS} hosts and {MOST_CONNECTION_SETTINGS} connections with settings of their own"
    )]
    TooMany,
    #[error(
        "a session must be allowed to idle for at least {LEAST_IDLE_SECONDS} seconds: three times a token's life"
    )]
    IdleTooShort,
    #[error("the longest session must not be shorter than the longest idle time")]
    AbsoluteTooShort,
    #[error("somebody else keeps changing this tenant; try again")]
    Contended,
    #[error("the tenant is gone")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Random(#[from] RngError),
}

/// What was saved, and what is odd about it.
#[derive(Debug)]
pub struct SettingsReport {
    pub record: TenantRecord,
    pub warnings: Vec<String>,
}

impl Change {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The settings and policy as they become.
    fn apply(&self, read: &TenantRecord) -> Result<(TenantSettings, TenantPolicy), SettingsError> {
        let (mut settings, mut policy) = (read.settings.clone(), read.gate.policy.clone());
        let own = |id: &ConnectionId| match read.tenant.connection(id) {
            Some(_) => Ok(()),
            None => Err(SettingsError::ForeignConnection(id.clone())),
        };
        for (id, label) in &self.labels {
            own(id)?;
            settings.connections.entry(id.clone()).or_default().label.clone_from(label);
        }
        for (id, domains) in &self.connection_domains {
            own(id)?;
            settings.connections.entry(id.clone()).or_default().domains.clone_from(domains);
        }
        // What says nothing, or speaks of a connection that is gone, is not kept.
        settings
            .connections
            .retain(|id, own| *own != Default::default() && read.tenant.connection(id).is_some());
        set(&mut settings.slug, &self.slug);
        if let Some(hosts) = &self.hosts {
            settings.hosts.clone_from(hosts);
            settings.hosts.sort_unstable();
            settings.hosts.dedup();
        }
        set(&mut settings.branding.logo, &self.logo);
        set(&mut settings.branding.accent, &self.accent);
        set(&mut settings.branding.accent_dark, &self.accent_dark);
        set(&mut settings.branding.support, &self.support);
        set(&mut policy.unverified_domains, &self.unverified_domains);
        set(&mut policy.idp_initiated, &self.idp_initiated);
        set(&mut policy.session_idle_seconds, &self.idle_seconds);
        set(&mut policy.session_absolute_seconds, &self.absolute_seconds);
        set(&mut policy.just_in_time_users, &self.just_in_time_users);
        set(&mut policy.providers, &self.providers);
        if let Some(attributes) = &self.attributes {
            policy.attributes.clone_from(attributes);
        }
        if settings.hosts.len() > MOST_HOSTS || settings.connections.len() > MOST_CONNECTION_SETTINGS {
            return Err(SettingsError::TooMany);
        }
        if policy.session_idle_seconds.is_some_and(|idle| idle < LEAST_IDLE_SECONDS) {
            return Err(SettingsError::IdleTooShort);
        }
        match (policy.session_idle_seconds, policy.session_absolute_seconds) {
            (Some(idle), Some(absolute)) if absolute < idle => return Err(SettingsError::AbsoluteTooShort),
            (None, Some(absolute)) if absolute < LEAST_IDLE_SECONDS => {
                return Err(SettingsError::AbsoluteTooShort);
            }
            _ => {}
        }
        Ok((settings, policy))
    }

    /// The names of what is changed, for the audit log.
    fn names(&self) -> String {
        let names = [
            ("slug", self.slug.is_some()),
            ("hosts", self.hosts.is_some()),
            ("labels", !self.labels.is_empty()),
            ("connection domains", !self.connection_domains.is_empty()),
            ("logo", self.logo.is_some()),
            ("colour", self.accent.is_some()),
            ("dark colour", self.accent_dark.is_some()),
            ("support", self.support.is_some()),
            ("unverified domains", self.unverified_domains.is_some()),
            ("idp-initiated", self.idp_initiated.is_some()),
            ("idle seconds", self.idle_seconds.is_some()),
            ("absolute seconds", self.absolute_seconds.is_some()),
            ("just-in-time users", self.just_in_time_users.is_some()),
            ("providers", self.providers.is_some()),
            ("attributes", self.attributes.is_some()),
        ];
        let changed: Vec<&str> = names.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        changed.join(", ")
    }
}

fn set<T: Clone>(setting: &mut Option<T>, change: &Option<Option<T>>) {
    if let Some(value) = change {
        setting.clone_from(value);
    }
}

impl Tenants {
    /// Changes a tenant's settings and policy.
    ///
    /// # Errors
    /// When the change is not possible; nothing is written then.
    pub async fn change_settings(
        &self,
        read: TenantRecord,
        change: &Change,
    ) -> Result<SettingsReport, SettingsError> {
        let organization = read.tenant.organization.clone();
        let mut read = read;
        for _ in 0..ROUNDS {
            let (settings, policy) = change.apply(&read)?;
            // What is as it should be is neither written nor audited.
            if settings == read.settings && policy == read.gate.policy {
                return Ok(SettingsReport { warnings: warnings(&read), record: read });
            }
            let event =
                self.audit(&organization, AuditAction::TenantChanged, [("changed", change.names())])?;
            match self.store.change_settings(&read, &settings, &policy, &event).await? {
                SettingsOutcome::Saved => {
                    let record = self.store.tenant(&organization).await?.ok_or(SettingsError::Gone)?;
                    return Ok(SettingsReport { warnings: warnings(&record), record });
                }
                SettingsOutcome::SlugTaken => return Err(SettingsError::SlugTaken),
                SettingsOutcome::HostTaken(host) => return Err(SettingsError::HostTaken(host)),
                SettingsOutcome::Changed => {
                    read = self.store.tenant(&organization).await?.ok_or(SettingsError::Gone)?;
                }
            }
        }
        Err(SettingsError::Contended)
    }
}

/// What is allowed and probably not meant.
fn warnings(record: &TenantRecord) -> Vec<String> {
    let mut warnings = Vec::new();
    let branding = &record.settings.branding;
    for (colour, used, theme) in [
        (branding.accent, branding.light(), "light"),
        (branding.accent_dark.or(branding.accent), branding.dark(), "dark"),
    ] {
        if let (Some(colour), None) = (colour, used) {
            warnings.push(format!(
                "{colour} cannot be read on the {theme} pages (contrast below 4.5:1); our own colour is used there"
            ));
        }
    }
    for (id, own) in &record.settings.connections {
        for domain in own.domains.iter().filter(|domain| !record.tenant.vouches_for(domain)) {
            warnings.push(format!("{id} is for {domain}, which the tenant has not verified"));
        }
    }
    let usable: Vec<_> = record.tenant.connections.iter().filter(|known| known.state.usable()).collect();
    let for_some = |id: &ConnectionId| record.settings.connections.get(id).map(|own| &own.domains);
    let all_narrow = !usable.is_empty()
        && usable.iter().all(|known| for_some(&known.id).is_some_and(|domains| !domains.is_empty()));
    for known in record.tenant.domains.iter().filter(|known| known.verified && all_narrow) {
        let served = usable
            .iter()
            .any(|usable| for_some(&usable.id).is_some_and(|domains| domains.contains(&known.domain)));
        if !served {
            warnings.push(format!("no connection is for {}: its people find no way in", known.domain));
        }
    }
    warnings
}
