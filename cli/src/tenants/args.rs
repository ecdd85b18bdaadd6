//! What can be typed after `vestibule tenants`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use domain::directory::AttributeMap;
use domain::login::Provider;
use domain::tenant::{IdpInitiated, UnverifiedDomainPolicy};
use domain::tenant_settings::{Colour, Contact, HttpsUrl, Label, Slug};
use domain::{ConnectionId, Domain, OrganizationId};
use workos::PortalIntent;

use super::import::Format;
use super::moves::MatchBy;
use super::settings::Change;
use crate::args::DeploymentArgs;

/// The customers of a deployment.
#[derive(Debug, Subcommand)]
pub enum TenantsVerb {
    /// Make an organization at WorkOS and store it as a tenant; typed twice it makes one
    Create(CreateArgs),
    /// List tenants, or those that verified a domain
    List(ListArgs),
    /// Show all of one tenant
    Show(OneArgs),
    /// Bring tenants up to date with WorkOS
    Sync(SyncArgs),
    /// Make thousands of tenants from a CSV or JSON Lines file; may be interrupted, goes on where it stopped
    Import(ImportArgs),
    /// Change a tenant's login address, labels, branding and policy
    Set(Box<SetArgs>),
    /// Say what keeps a customer's people from signing in, today or soon; fails where they cannot
    Health(HealthArgs),
    /// Open a customer's set-up pages at WorkOS; the link lives for five minutes
    PortalLink(PortalLinkArgs),
    /// Let the people of one connection keep their accounts at another
    MoveConnection(MoveArgs),
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// Name of the company
    #[arg(long)]
    pub name: String,
    /// E-mail domain of the company; may be given several times
    #[arg(long = "domain", value_name = "DOMAIN", value_parser = domain)]
    pub domains: Vec<Domain>,
    /// You vouch that the domains are the company's; else WorkOS waits for their proof in DNS
    #[arg(long)]
    pub verified: bool,
    /// Your own id of the customer
    #[arg(long)]
    pub external_id: Option<String>,
    /// Last part of the tenant's login address, /login/SLUG
    #[arg(long)]
    pub slug: Option<Slug>,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// Only tenants that verified this domain
    #[arg(long, value_parser = domain, conflicts_with_all = ["after", "limit", "all"])]
    pub domain: Option<Domain>,
    /// Begin after this organization
    #[arg(long, value_name = "ORG", value_parser = organization)]
    pub after: Option<OrganizationId>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub limit: u16,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub all: bool,
}

#[derive(Debug, Args)]
pub struct OneArgs {
    /// Organization id or slug
    #[arg(value_name = "ORG")]
    pub tenant: String,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
}

#[derive(Debug, Args)]
pub struct SyncArgs {
    /// Organization ids or slugs [default: the whole environment]
    #[arg(value_name = "ORG")]
    pub tenants: Vec<String>,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// Close tenants whose organization is gone at WorkOS: nobody enters, and their sessions end
    #[arg(long)]
    pub close: bool,
    /// Do not ask before something is closed
    #[arg(long, requires = "close")]
    pub yes: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Columns (CSV with a header line) or fields (JSON Lines):\n  \
name          of the company; required unless organization is given\n  \
domains       e-mail domains, separated by spaces, commas or semicolons; in JSON a list\n  \
verified      true: you vouch for the domains; else WorkOS waits for their proof\n  \
external_id   your own id of the customer, unique\n  \
organization  org_… of an organization that exists at WorkOS already\n  \
slug, logo, color, color_dark, support: as for `tenants set`\n\n\
What is done is noted in FILE.journal; running the same command again goes on.")]
pub struct ImportArgs {
    /// File of customers
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// [default: by the file's name, .csv or .jsonl]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// Only read and check every line
    #[arg(long)]
    pub dry_run: bool,
    /// Import the good lines although there are bad ones
    #[arg(long)]
    pub skip_bad: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "A value of `none` takes a setting away; then the environment's own counts.")]
pub struct SetArgs {
    /// Organization id or slug
    #[arg(value_name = "ORG")]
    pub tenant: String,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    #[command(flatten)]
    pub settings: SettingArgs,
}

#[derive(Debug, Args)]
pub struct SettingArgs {
    /// Last part of the tenant's login address, /login/SLUG
    #[arg(long, value_parser = or_none::<Slug>)]
    slug: Option<OrNone<Slug>>,
    /// Host whose /login is this tenant's; may be given several times and replaces all
    #[arg(long = "host", value_name = "HOST", value_parser = or_none_domain)]
    hosts: Vec<OrNone<Domain>>,
    /// What the picker calls a connection; may be given several times
    #[arg(long = "label", value_name = "CONN=TEXT", value_parser = label)]
    labels: Vec<(ConnectionId, OrNone<Label>)>,
    /// The e-mail domains a connection is for, separated by commas; may be given several times
    #[arg(long = "connection-domains", value_name = "CONN=DOMAINS", value_parser = connection_domains)]
    connection_domains: Vec<(ConnectionId, Vec<Domain>)>,
    /// https URL of the company's logo
    #[arg(long, value_name = "URL", value_parser = or_none::<HttpsUrl>)]
    logo: Option<OrNone<HttpsUrl>>,
    /// Accent colour, #rrggbb; used where it can be read
    #[arg(long, value_name = "#RRGGBB", value_parser = or_none::<Colour>)]
    color: Option<OrNone<Colour>>,
    /// Accent colour of the dark theme
    #[arg(long, value_name = "#RRGGBB", value_parser = or_none::<Colour>)]
    color_dark: Option<OrNone<Colour>>,
    /// E-mail address or https URL that the company's people are sent to for help
    #[arg(long, value_name = "CONTACT", value_parser = or_none::<Contact>)]
    support: Option<OrNone<Contact>>,
    /// E-mail addresses outside the verified domains: refuse, allow-without-verified-domains, allow
    #[arg(long, value_name = "POLICY", value_parser = or_none::<UnverifiedDomainPolicy>)]
    unverified_domains: Option<OrNone<UnverifiedDomainPolicy>>,
    /// Sign-ins that begin at the IdP's portal: refuse, restart
    #[arg(long, value_name = "POLICY", value_parser = or_none::<IdpInitiated>)]
    idp_initiated: Option<OrNone<IdpInitiated>>,
    /// A session nobody uses ends after this
    #[arg(long, value_name = "SECONDS", value_parser = or_none::<u64>)]
    idle_seconds: Option<OrNone<u64>>,
    /// Any session ends after this
    #[arg(long, value_name = "SECONDS", value_parser = or_none::<u64>)]
    absolute_seconds: Option<OrNone<u64>>,
    /// Whether somebody who never was here gets an account by signing in: true, false
    #[arg(long, value_name = "BOOL", value_parser = or_none::<bool>)]
    just_in_time_users: Option<OrNone<bool>>,
    /// Public providers that may lead into this tenant, separated by commas; empty for no provider at all
    #[arg(long, value_name = "NAMES", value_parser = providers)]
    providers: Option<OrNone<Vec<Provider>>>,
    /// Which custom attributes of the directory the app gets, as FIELD=ATTRIBUTE pairs separated by commas; replaces all
    #[arg(long, value_name = "PAIRS", value_parser = attributes)]
    attributes: Option<OrNone<AttributeMap>>,
}

#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Organization ids or slugs
    #[arg(value_name = "ORG", required_unless_present = "all")]
    pub tenants: Vec<String>,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// Every tenant
    #[arg(long, conflicts_with = "tenants")]
    pub all: bool,
    /// Fail also where people can sign in and something is to be done
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub struct PortalLinkArgs {
    /// Organization id or slug
    #[arg(value_name = "ORG")]
    pub tenant: String,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// What the link is for
    #[arg(long, value_enum, default_value_t = Intent::Sso)]
    pub intent: Intent,
    /// https URL to come back to
    #[arg(long, value_name = "URL")]
    pub return_url: Option<HttpsUrl>,
    /// Print the link instead of opening it
    #[arg(long)]
    pub print: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Intent {
    Sso,
    Dsync,
    AuditLogs,
    LogStreams,
    DomainVerification,
    CertificateRenewal,
}

impl From<Intent> for PortalIntent {
    fn from(intent: Intent) -> Self {
        match intent {
            Intent::Sso => Self::Sso,
            Intent::Dsync => Self::Dsync,
            Intent::AuditLogs => Self::AuditLogs,
            Intent::LogStreams => Self::LogStreams,
            Intent::DomainVerification => Self::DomainVerification,
            Intent::CertificateRenewal => Self::CertificateRenewal,
        }
    }
}

#[derive(Debug, Args)]
pub struct MoveArgs {
    /// Organization id or slug
    #[arg(value_name = "ORG")]
    pub tenant: String,
    #[command(flatten)]
    pub deployment: DeploymentArgs,
    /// The connection whose people move
    #[arg(long, value_name = "CONN", value_parser = connection)]
    pub from: ConnectionId,
    /// The connection they move to
    #[arg(long, value_name = "CONN", value_parser = connection)]
    pub to: ConnectionId,
    /// How people are recognised there
    #[arg(long = "match", value_enum, default_value_t = Match::Email)]
    pub matched_by: Match,
    /// With --match email: days until a person must have come through the new connection
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=366))]
    pub days: u16,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before people are moved
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Match {
    /// By e-mail address, at their first sign-in through it
    Email,
    /// Both IdPs send the same id for a person
    IdpId,
}

impl From<Match> for MatchBy {
    fn from(matched_by: Match) -> Self {
        match matched_by {
            Match::Email => Self::Email,
            Match::IdpId => Self::IdpId,
        }
    }
}

/// A value, or the word that takes the setting away.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OrNone<T> {
    Value(T),
    Nothing,
}

impl<T> From<OrNone<T>> for Option<T> {
    fn from(value: OrNone<T>) -> Self {
        match value {
            OrNone::Value(value) => Some(value),
            OrNone::Nothing => None,
        }
    }
}

const NONE: &str = "none";

fn or_none<T>(text: &str) -> Result<OrNone<T>, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    if text == NONE {
        return Ok(OrNone::Nothing);
    }
    text.parse().map(OrNone::Value).map_err(|why: T::Err| why.to_string())
}

fn domain(text: &str) -> Result<Domain, String> {
    Domain::parse(text).map_err(|why| why.to_string())
}

fn organization(text: &str) -> Result<OrganizationId, String> {
    OrganizationId::parse(text).map_err(|why| why.to_string())
}

fn connection(text: &str) -> Result<ConnectionId, String> {
    ConnectionId::parse(text).map_err(|why| why.to_string())
}

fn or_none_domain(text: &str) -> Result<OrNone<Domain>, String> {
    if text == NONE { Ok(OrNone::Nothing) } else { domain(text).map(OrNone::Value) }
}

fn connection_and(text: &str) -> Result<(ConnectionId, &str), String> {
    let (id, value) = text.split_once('=').ok_or("needs conn_…=VALUE")?;
    Ok((connection(id)?, value))
}

fn label(text: &str) -> Result<(ConnectionId, OrNone<Label>), String> {
    let (id, value) = connection_and(text)?;
    Ok((id, or_none(value)?))
}

fn connection_domains(text: &str) -> Result<(ConnectionId, Vec<Domain>), String> {
    let (id, value) = connection_and(text)?;
    let domains = value.split(',').map(str::trim).filter(|text| !text.is_empty() && *text != NONE);
    Ok((id, domains.map(domain).collect::<Result<_, _>>()?))
}

fn providers(text: &str) -> Result<OrNone<Vec<Provider>>, String> {
    if text == NONE {
        return Ok(OrNone::Nothing);
    }
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let names: Result<_, _> = names.map(Provider::parse).collect();
    names.map(OrNone::Value).map_err(|why| why.to_string())
}

fn attributes(text: &str) -> Result<OrNone<AttributeMap>, String> {
    if text == NONE {
        return Ok(OrNone::Nothing);
    }
    let pair = |text: &str| {
        let (field, attribute) = text.split_once('=').ok_or("needs FIELD=ATTRIBUTE")?;
        Ok((field.trim().to_owned(), attribute.trim().to_owned()))
    };
    let pairs: Result<_, String> = text.split(',').map(pair).collect();
    AttributeMap::new(pairs?).map(OrNone::Value).map_err(|why| why.to_string())
}

impl SettingArgs {
    pub(super) fn change(&self) -> Change {
        fn given<T: Clone>(value: &Option<OrNone<T>>) -> Option<Option<T>> {
            value.clone().map(Into::into)
        }
        let hosts: Vec<Domain> = self.hosts.iter().cloned().filter_map(Into::into).collect();
        Change {
            slug: given(&self.slug),
            hosts: (!self.hosts.is_empty()).then_some(hosts),
            labels: self.labels.iter().cloned().map(|(id, label)| (id, label.into())).collect(),
            connection_domains: self.connection_domains.clone(),
            logo: given(&self.logo),
            accent: given(&self.color),
            accent_dark: given(&self.color_dark),
            support: given(&self.support),
            unverified_domains: given(&self.unverified_domains),
            idp_initiated: given(&self.idp_initiated),
            idle_seconds: given(&self.idle_seconds),
            absolute_seconds: given(&self.absolute_seconds),
            just_in_time_users: given(&self.just_in_time_users),
            providers: given(&self.providers),
            attributes: given(&self.attributes).map(Option::unwrap_or_default),
        }
    }
}
