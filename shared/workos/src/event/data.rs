//! What an event's data means, as values of the domain.

use domain::directory::{
    DirectoryChange, DirectoryRecord, DirectorySource, DirectoryState, DirectoryUserState, GroupRecord,
    Origin, UserRecord, custom_attributes,
};
use domain::tenant::{TenantConnection, TenantDomain};
use domain::{
    ConnectionId, DirectoryGroupId, DirectoryId, DirectoryUserId, Domain, OrganizationId, TenantChange,
    Timestamp,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{EventKind, Message, Unreadable};
use crate::connection::Connection;
use crate::lenient;
use crate::organization::{Organization, OrganizationDomain};

/// WorkOS warns that a connection's certificate runs out, or has run out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateDue {
    pub connection: ConnectionId,
    pub organization: Option<OrganizationId>,
    /// `ResponseSigning`, …; empty when the event names none.
    pub kind: String,
    pub expires: Option<Timestamp>,
    pub expired: bool,
}

/// A directory user, of an event or of `GET /directory_users`.
#[derive(Deserialize)]
pub(crate) struct UserData {
    pub(crate) id: DirectoryUserId,
    pub(crate) directory_id: Option<DirectoryId>,
    pub(crate) organization_id: Option<OrganizationId>,
    idp_id: Option<String>,
    email: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    emails: Vec<OldEmail>,
    first_name: Option<String>,
    last_name: Option<String>,
    /// Missing is not active: a person must not be let in for want of a word.
    #[serde(default, deserialize_with = "lenient::or_default")]
    state: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    custom_attributes: Map<String, Value>,
}

#[derive(Deserialize)]
struct OldEmail {
    #[serde(default, deserialize_with = "lenient::or_default")]
    primary: bool,
    value: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct GroupData {
    pub(crate) id: DirectoryGroupId,
    pub(crate) directory_id: Option<DirectoryId>,
    pub(crate) organization_id: Option<OrganizationId>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    name: String,
    idp_id: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    raw_attributes: Map<String, Value>,
}

/// Of a person in a membership's event only the id counts: the rest is a part of a record, and parts clear nothing.
#[derive(Deserialize)]
struct MembershipData {
    directory_id: Option<DirectoryId>,
    user: MemberData,
    group: GroupData,
}

#[derive(Deserialize)]
struct MemberData {
    id: DirectoryUserId,
    directory_id: Option<DirectoryId>,
    organization_id: Option<OrganizationId>,
}

#[derive(Deserialize)]
pub(crate) struct DirectoryData {
    pub(crate) id: DirectoryId,
    pub(crate) organization_id: Option<OrganizationId>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    name: String,
    #[serde(default, rename = "type", deserialize_with = "lenient::or_default")]
    kind: String,
    #[serde(default, deserialize_with = "lenient::or_default")]
    state: String,
}

#[derive(Deserialize)]
struct CertificateData {
    connection: CertificateConnection,
    #[serde(default, deserialize_with = "lenient::or_default")]
    certificate: Certificate,
}

#[derive(Deserialize)]
struct CertificateConnection {
    id: ConnectionId,
    organization_id: Option<OrganizationId>,
}

#[derive(Default, Deserialize)]
struct Certificate {
    #[serde(default, deserialize_with = "lenient::or_default")]
    certificate_type: String,
    expiry_date: Option<String>,
    #[serde(default, deserialize_with = "lenient::or_default")]
    is_expired: bool,
}

#[derive(Deserialize)]
struct DomainData {
    organization_id: OrganizationId,
    #[serde(flatten)]
    domain: OrganizationDomain,
}

#[derive(Deserialize)]
struct DomainFailure {
    organization_domain: DomainData,
}

impl UserData {
    pub(crate) fn record(self) -> UserRecord {
        let primary = self.emails.iter().find(|email| email.primary).or_else(|| self.emails.first());
        let primary = primary.and_then(|email| email.value.clone());
        let email = self.email.filter(|email| !email.trim().is_empty()).or(primary);
        let known = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
        UserRecord {
            id: self.id,
            idp_id: known(self.idp_id),
            email: email.as_deref().and_then(UserRecord::address),
            first_name: known(self.first_name),
            last_name: known(self.last_name),
            state: DirectoryUserState::from_word(&self.state),
            custom: custom_attributes(&self.custom_attributes),
        }
    }
}

impl GroupData {
    /// WorkOS puts the display name into `idp_id`; where the IdP's own id is known, that is the better one.
    pub(crate) fn record(self) -> GroupRecord {
        let external = self.raw_attributes.get("externalId").and_then(Value::as_str).map(str::to_owned);
        let idp_id = external.or(self.idp_id).filter(|id| !id.is_empty());
        GroupRecord { id: self.id, name: self.name, idp_id }
    }
}

impl DirectoryData {
    pub(crate) fn record(self) -> DirectoryRecord {
        // No state is no reason to call it broken.
        let state = if self.state.is_empty() { "active".to_owned() } else { self.state };
        DirectoryRecord { name: self.name, kind: self.kind, state: DirectoryState::from(state) }
    }
}

pub(super) fn read(kind: &EventKind, data: &Map<String, Value>) -> Result<Message, Unreadable> {
    use DirectoryChange as Change;
    match kind {
        EventKind::UserCreated | EventKind::UserUpdated => user(data, Change::UpsertUser),
        EventKind::UserDeleted => {
            user(data, |record| Change::DeleteUser { user: record.id.clone(), record: Some(record) })
        }
        EventKind::GroupCreated | EventKind::GroupUpdated => group(data, Change::UpsertGroup),
        EventKind::GroupDeleted => group(data, |record| Change::DeleteGroup { group: record.id }),
        EventKind::MemberAdded => membership(data, |group, user| Change::AddMember { group, user }),
        EventKind::MemberRemoved => membership(data, |group, user| Change::RemoveMember { group, user }),
        EventKind::DirectoryActivated => directory(data, Change::DirectoryActivated),
        EventKind::DirectoryDeactivated => directory(data, |_| Change::DirectoryDeactivated),
        EventKind::DirectoryDeleted => directory(data, |_| Change::DirectoryDeleted),
        EventKind::ConnectionActivated | EventKind::ConnectionDeactivated => connection(data, |connection| {
            TenantChange::Connection(TenantConnection {
                id: connection.id,
                name: connection.name,
                connection_type: connection.connection_type.into(),
                state: connection.state,
            })
        }),
        EventKind::ConnectionDeleted => {
            connection(data, |connection| TenantChange::ConnectionDeleted(connection.id))
        }
        EventKind::OrganizationCreated | EventKind::OrganizationUpdated => organization(data),
        EventKind::OrganizationDeleted => {
            let Identified { id } = parse(data, "the organization has no id")?;
            Ok(Message::Tenant { organization: id, change: TenantChange::OrganizationDeleted })
        }
        EventKind::DomainCreated | EventKind::DomainUpdated | EventKind::DomainVerified => {
            domain(parse(data, NO_DOMAIN)?, TenantChange::Domain)
        }
        EventKind::DomainVerificationFailed => {
            let DomainFailure { organization_domain } = parse(data, NO_DOMAIN)?;
            domain(organization_domain, |known| {
                TenantChange::Domain(TenantDomain { verified: false, ..known })
            })
        }
        EventKind::DomainDeleted => {
            domain(parse(data, NO_DOMAIN)?, |known| TenantChange::DomainDeleted(known.domain))
        }
        EventKind::CertificateRenewalRequired => certificate(parse(data, "the connection has no id")?),
        EventKind::CertificateRenewed | EventKind::TokenCreated | EventKind::TokenRevoked => {
            Ok(Message::Nothing)
        }
        EventKind::Other(_) => Ok(Message::Unknown),
    }
}

const NO_DOMAIN: &str = "the domain or its organization cannot be read";
const NO_DIRECTORY: &str = "it names no directory";

#[derive(Deserialize)]
struct Identified {
    id: OrganizationId,
}

fn parse<T: DeserializeOwned>(data: &Map<String, Value>, why: &'static str) -> Result<T, Unreadable> {
    serde_json::from_value(Value::Object(data.clone())).map_err(|_| Unreadable(why))
}

fn origin(
    directory: Option<DirectoryId>,
    organization: Option<OrganizationId>,
) -> Result<Origin, Unreadable> {
    let directory = directory.ok_or(Unreadable(NO_DIRECTORY))?;
    Ok(Origin { directory, organization, source: DirectorySource::Dsync })
}

fn user(
    data: &Map<String, Value>,
    change: impl Fn(UserRecord) -> DirectoryChange,
) -> Result<Message, Unreadable> {
    let user: UserData = parse(data, "the directory user cannot be read")?;
    let origin = origin(user.directory_id.clone(), user.organization_id.clone())?;
    Ok(Message::Directory { origin, change: change(user.record()) })
}

fn group(
    data: &Map<String, Value>,
    change: impl Fn(GroupRecord) -> DirectoryChange,
) -> Result<Message, Unreadable> {
    let group: GroupData = parse(data, "the directory group cannot be read")?;
    let origin = origin(group.directory_id.clone(), group.organization_id.clone())?;
    Ok(Message::Directory { origin, change: change(group.record()) })
}

/// Everything that names a directory or an organization must name the same one.
fn membership(
    data: &Map<String, Value>,
    change: impl Fn(DirectoryGroupId, DirectoryUserId) -> DirectoryChange,
) -> Result<Message, Unreadable> {
    let MembershipData { directory_id, user, group } = parse(data, "the membership cannot be read")?;
    let directories = [directory_id, user.directory_id, group.directory_id];
    let directory = one_of(directories, "it names two directories")?;
    let organization = one_of([user.organization_id, group.organization_id], "it names two organizations")?;
    Ok(Message::Directory { origin: origin(directory, organization)?, change: change(group.id, user.id) })
}

fn one_of<T: PartialEq>(
    named: impl IntoIterator<Item = Option<T>>,
    two: &'static str,
) -> Result<Option<T>, Unreadable> {
    let mut named = named.into_iter().flatten();
    let first = named.next();
    if named.all(|other| Some(&other) == first.as_ref()) { Ok(first) } else { Err(Unreadable(two)) }
}

fn directory(
    data: &Map<String, Value>,
    change: impl Fn(DirectoryRecord) -> DirectoryChange,
) -> Result<Message, Unreadable> {
    let directory: DirectoryData = parse(data, "the directory cannot be read")?;
    let origin = origin(Some(directory.id.clone()), directory.organization_id.clone())?;
    Ok(Message::Directory { origin, change: change(directory.record()) })
}

/// Connections of the whole environment belong to no tenant.
fn connection(
    data: &Map<String, Value>,
    change: impl Fn(Connection) -> TenantChange,
) -> Result<Message, Unreadable> {
    let connection: Connection = parse(data, "the connection cannot be read")?;
    let Some(organization) = connection.organization_id.clone() else { return Ok(Message::Nothing) };
    Ok(Message::Tenant { organization, change: change(connection) })
}

fn organization(data: &Map<String, Value>) -> Result<Message, Unreadable> {
    let organization: Organization = parse(data, "the organization cannot be read")?;
    let domains = organization.domains.iter().filter_map(proof).collect();
    let domains = data.get("domains").is_some_and(Value::is_array).then_some(domains);
    let change = TenantChange::Organization { name: organization.name, domains };
    Ok(Message::Tenant { organization: organization.id, change })
}

/// A domain that does not parse can vouch for nobody and is left out, as when an organization is read whole.
fn domain(data: DomainData, change: impl Fn(TenantDomain) -> TenantChange) -> Result<Message, Unreadable> {
    let Some(known) = proof(&data.domain) else { return Ok(Message::Nothing) };
    Ok(Message::Tenant { organization: data.organization_id, change: change(known) })
}

fn proof(known: &OrganizationDomain) -> Option<TenantDomain> {
    let domain = Domain::parse(&known.domain).ok()?;
    Some(TenantDomain { domain, verified: known.state.is_verified() })
}

fn certificate(data: CertificateData) -> Result<Message, Unreadable> {
    let word = |text: String| text.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
    Ok(Message::Certificate(CertificateDue {
        connection: data.connection.id,
        organization: data.connection.organization_id,
        kind: word(data.certificate.certificate_type),
        expires: data.certificate.expiry_date.as_deref().and_then(Timestamp::parse_rfc3339),
        expired: data.certificate.is_expired,
    }))
}
