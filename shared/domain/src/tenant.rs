//! A tenant: our record of one WorkOS organization, and the rules for who may enter through it.
//!
//! [`Tenant`] is what WorkOS says of the organization; [`Gate`] is the small item that every login and every
//! strict session check reads. [`admit`] is the door itself: it compares what came back from the IdP with
//! what was asked for and with the tenant, and knows every reason to refuse.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::{AttributeMap, DirectoryState};
use crate::email::{Domain, EmailAddress};
use crate::ids::{ConnectionId, DirectoryId, OrganizationId, ProfileId};
use crate::login::{Provider, Selector};

/// Tenant data older than this is refreshed beside the code exchange.
pub const TENANT_FRESH_FOR: Duration = Duration::from_secs(3600);
/// While WorkOS cannot be asked, tenant data this old still serves.
pub const TENANT_USABLE_FOR: Duration = Duration::from_secs(24 * 3600);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    pub organization: OrganizationId,
    pub name: String,
    pub domains: Vec<TenantDomain>,
    pub connections: Vec<TenantConnection>,
    /// When WorkOS was last asked.
    pub refreshed_at: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantDomain {
    pub domain: Domain,
    /// WorkOS says `verified` or `legacy_verified`. Pending and failed domains prove nothing.
    pub verified: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantConnection {
    pub id: ConnectionId,
    pub name: String,
    /// `OktaSAML`, `EntraIdOIDC`, …: an open list.
    pub connection_type: String,
    pub state: ConnectionState,
}

/// State of a connection at WorkOS. A new connection stays `validating` until its first successful login, so
/// that state must be able to sign in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ConnectionState {
    Active,
    Validating,
    Inactive,
    Deleting,
    Draft,
    RequiresType,
    /// A state this version does not know. Not usable: refusing is safe and visible, admitting is not.
    Unknown(String),
}

impl ConnectionState {
    pub fn usable(&self) -> bool {
        match self {
            Self::Active | Self::Validating => true,
            Self::Inactive | Self::Deleting | Self::Draft | Self::RequiresType | Self::Unknown(_) => false,
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Validating => "validating",
            Self::Inactive => "inactive",
            Self::Deleting => "deleting",
            Self::Draft => "draft",
            Self::RequiresType => "requires_type",
            Self::Unknown(other) => other,
        }
    }
}

impl From<String> for ConnectionState {
    fn from(text: String) -> Self {
        match text.as_str() {
            "active" => Self::Active,
            "validating" => Self::Validating,
            "inactive" => Self::Inactive,
            "deleting" => Self::Deleting,
            "draft" => Self::Draft,
            "requires_type" => Self::RequiresType,
            _ => Self::Unknown(text),
        }
    }
}

impl From<ConnectionState> for String {
    fn from(state: ConnectionState) -> Self {
        state.as_str().to_owned()
    }
}

/// The tenant's gate: at most 4 KB, read by every login and every strict session check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub organization: OrganizationId,
    /// Sessions remember the generation they were made under; raising it ends them all.
    pub generation: u64,
    /// State of each connection by id.
    #[serde(default)]
    pub connections: BTreeMap<ConnectionId, ConnectionState>,
    /// State of each directory by id. The people of one that is not here, or not live, are not active.
    #[serde(default)]
    pub directories: BTreeMap<DirectoryId, DirectoryState>,
    #[serde(default)]
    pub policy: TenantPolicy,
}

impl Gate {
    /// The gate of a tenant that nobody has entered yet.
    pub fn new(organization: OrganizationId) -> Self {
        Self {
            organization,
            generation: 0,
            connections: BTreeMap::new(),
            directories: BTreeMap::new(),
            policy: TenantPolicy::default(),
        }
    }
}

/// What a tenant decides differently from the environment's settings. Absent means: as the settings say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TenantPolicy {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified_domains: Option<UnverifiedDomainPolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idp_initiated: Option<IdpInitiated>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_idle_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_absolute_seconds: Option<u64>,
    /// Whether somebody who never was here gets an account by signing in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub just_in_time_users: Option<bool>,
    /// Whether a person may be joined to a directory's record by a verified e-mail address; yes when absent (R42).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link_by_email: Option<bool>,
    /// Which custom attributes of a directory are kept, and under which names.
    #[serde(skip_serializing_if = "AttributeMap::is_empty")]
    pub attributes: AttributeMap,
    /// Public providers that may lead into this tenant; those of the environment that are not named may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub providers: Option<Vec<Provider>>,
}

impl TenantPolicy {
    /// Of the environment's providers those that this tenant admits.
    pub fn providers(&self, environment: &[Provider]) -> Vec<Provider> {
        let admitted =
            |provider: &&Provider| self.providers.as_ref().is_none_or(|admitted| admitted.contains(provider));
        environment.iter().filter(admitted).cloned().collect()
    }
}

/// What to do with an e-mail address outside the tenant's verified domains.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UnverifiedDomainPolicy {
    #[default]
    Refuse,
    /// Allow only while the tenant has no verified domain at all.
    AllowWithoutVerifiedDomains,
    Allow,
}

/// What to do with a code that nobody here asked for: a click on a tile in the IdP's own portal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IdpInitiated {
    /// Say where to start.
    #[default]
    Refuse,
    /// Throw the code away and start a login of our own with the same connection, once a minute at most.
    Restart,
}

/// The text is none of the documented words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of: {0}")]
pub struct UnknownWord(&'static str);

impl FromStr for UnverifiedDomainPolicy {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "allow-without-verified-domains" => Ok(Self::AllowWithoutVerifiedDomains),
            "allow" => Ok(Self::Allow),
            _ => Err(UnknownWord("refuse, allow-without-verified-domains, allow")),
        }
    }
}

impl FromStr for IdpInitiated {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "refuse" => Ok(Self::Refuse),
            "restart" => Ok(Self::Restart),
            _ => Err(UnknownWord("refuse, restart")),
        }
    }
}

/// What one connection says of one person, with its e-mail address parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    pub id: ProfileId,
    pub connection: ConnectionId,
    pub connection_type: String,
    /// `None` for environment-level OAuth connections.
    pub organization: Option<OrganizationId>,
    pub idp_id: String,
    pub email: EmailAddress,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    /// Role slugs that the IdP's role assignment gives, if any.
    pub roles: Vec<String>,
}

/// Why a person with a valid code may not enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the profile belongs to another organization than the login asked for")]
    OrganizationMismatch,
    #[error("the profile belongs to another connection than the login asked for")]
    ConnectionMismatch,
    #[error("the connection is not one of the organization's")]
    ConnectionUnknown,
    #[error("the connection is not in use")]
    ConnectionUnusable,
    #[error("the provider is not allowed here")]
    ProviderNotAllowed,
    #[error("the e-mail address is outside the organization's verified domains")]
    EmailOutsideDomains,
}

/// Which tenant a profile may enter: the one the login asked for. Decided before any tenant data is read.
///
/// # Errors
/// When profile and selector do not belong together: a mix-up (RFC 9700 section 4.4) or a swapped code.
pub fn organization_of(profile: &Profile, selector: &Selector) -> Result<OrganizationId, Refusal> {
    match selector {
        Selector::Organization(wanted) => match &profile.organization {
            Some(organization) if organization == wanted => Ok(wanted.clone()),
            _ => Err(Refusal::OrganizationMismatch),
        },
        Selector::Connection(wanted) if profile.connection != *wanted => Err(Refusal::ConnectionMismatch),
        Selector::Connection(_) => profile.organization.clone().ok_or(Refusal::OrganizationMismatch),
        // An OAuth profile names no organization; one that does must not name another.
        Selector::Provider { organization: wanted, .. } => match &profile.organization {
            Some(organization) if organization != wanted => Err(Refusal::OrganizationMismatch),
            _ => Ok(wanted.clone()),
        },
    }
}

/// What a tenant and its environment decided about who may enter.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules<'a> {
    pub unverified: UnverifiedDomainPolicy,
    /// The public providers that lead into the tenant.
    pub providers: &'a [Provider],
    /// The domains that the profile's connection is for; empty: any that the tenant admits.
    pub domains: &'a [Domain],
}

/// Whether the profile may enter its tenant. Call after [`organization_of`].
///
/// # Errors
/// With the first reason to refuse.
pub fn admit(
    profile: &Profile,
    selector: &Selector,
    tenant: &Tenant,
    rules: &Rules<'_>,
) -> Result<(), Refusal> {
    let vouched = tenant.vouches_for(profile.email.domain());
    match selector {
        Selector::Provider { provider, .. } => {
            if !rules.providers.contains(provider) || profile.connection_type != provider.as_str() {
                return Err(Refusal::ProviderNotAllowed);
            }
            // Anybody can have a Google account: only the verified domain ties it to the tenant.
            if vouched { Ok(()) } else { Err(Refusal::EmailOutsideDomains) }
        }
        Selector::Organization(_) | Selector::Connection(_) => {
            let connection = tenant.connection(&profile.connection).ok_or(Refusal::ConnectionUnknown)?;
            if !connection.state.usable() {
                return Err(Refusal::ConnectionUnusable);
            }
            let named = rules.domains.is_empty() || rules.domains.contains(profile.email.domain());
            let allowed = match rules.unverified {
                UnverifiedDomainPolicy::Refuse => vouched,
                UnverifiedDomainPolicy::AllowWithoutVerifiedDomains => {
                    vouched || !tenant.has_verified_domain()
                }
                UnverifiedDomainPolicy::Allow => true,
            };
            if allowed && named { Ok(()) } else { Err(Refusal::EmailOutsideDomains) }
        }
    }
}

impl TenantConnection {
    /// What to call it when the tenant says nothing else.
    pub fn display_name(&self) -> String {
        [&self.name, &self.connection_type]
            .into_iter()
            .find(|name| !name.trim().is_empty())
            .map_or_else(|| self.id.to_string(), Clone::clone)
    }
}

impl Tenant {
    /// An organization that an event has named and nobody has asked WorkOS about: due for a refresh, good for nothing.
    pub fn unmet(organization: OrganizationId) -> Self {
        Self {
            organization,
            name: String::new(),
            domains: Vec::new(),
            connections: Vec::new(),
            refreshed_at: Timestamp::from_seconds(0),
        }
    }

    /// The connection, if there is exactly one: then idp ids are one name space.
    pub fn only_connection(&self) -> Option<&ConnectionId> {
        match &self.connections[..] {
            [only] => Some(&only.id),
            _ => None,
        }
    }

    pub fn connection(&self, id: &ConnectionId) -> Option<&TenantConnection> {
        self.connections.iter().find(|connection| connection.id == *id)
    }

    /// Whether the domain is one of the verified ones. Subdomains need their own proof.
    pub fn vouches_for(&self, domain: &Domain) -> bool {
        self.domains.iter().any(|known| known.verified && known.domain == *domain)
    }

    pub fn has_verified_domain(&self) -> bool {
        self.domains.iter().any(|known| known.verified)
    }

    pub fn fresh(&self, now: Timestamp) -> bool {
        now.since(self.refreshed_at) <= TENANT_FRESH_FOR
    }

    pub fn usable(&self, now: Timestamp) -> bool {
        now.since(self.refreshed_at) <= TENANT_USABLE_FOR
    }

    /// The state of each connection, as the gate keeps it.
    pub fn connection_states(&self) -> BTreeMap<ConnectionId, ConnectionState> {
        self.connections.iter().map(|known| (known.id.clone(), known.state.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn organization(id: &str) -> OrganizationId {
        OrganizationId::parse(id).unwrap()
    }

    fn connection(id: &str) -> ConnectionId {
        ConnectionId::parse(id).unwrap()
    }

    fn tenant(state: ConnectionState, verified: bool) -> Tenant {
        Tenant {
            organization: organization("org_acme"),
            name: "Acme Corp".into(),
            domains: vec![TenantDomain { domain: Domain::parse("acme.com").unwrap(), verified }],
            connections: vec![TenantConnection {
                id: connection("conn_okta"),
                name: "Okta".into(),
                connection_type: "OktaSAML".into(),
                state,
            }],
            refreshed_at: Timestamp::from_seconds(0),
        }
    }

    fn profile(org: Option<&str>, conn: &str, kind: &str, email: &str) -> Profile {
        Profile {
            id: ProfileId::parse("prof_1").unwrap(),
            connection: connection(conn),
            connection_type: kind.into(),
            organization: org.map(organization),
            idp_id: "00u1".into(),
            email: EmailAddress::parse(email).unwrap(),
            first_name: None,
            last_name: None,
            roles: vec![],
        }
    }

    fn google() -> Selector {
        "provider=GoogleOAuth&organization=org_acme".parse().unwrap()
    }

    /// R12: a profile of another organization or connection than the login asked for is a mix-up.
    #[test]
    fn profile_must_match_what_was_asked_for() {
        let okta = profile(Some("org_acme"), "conn_okta", "OktaSAML", "ada@acme.com");
        let foreign = profile(Some("org_evil"), "conn_okta", "OktaSAML", "ada@acme.com");
        let homeless = profile(None, "conn_okta", "OktaSAML", "ada@acme.com");
        let by_organization = Selector::Organization(organization("org_acme"));
        let by_connection = Selector::Connection(connection("conn_okta"));
        let by_other = Selector::Connection(connection("conn_entra"));

        assert_eq!(organization_of(&okta, &by_organization), Ok(organization("org_acme")));
        assert_eq!(organization_of(&okta, &by_connection), Ok(organization("org_acme")));
        assert_eq!(organization_of(&okta, &by_other), Err(Refusal::ConnectionMismatch));
        for wrong in [&foreign, &homeless] {
            assert_eq!(organization_of(wrong, &by_organization), Err(Refusal::OrganizationMismatch));
        }
        assert_eq!(organization_of(&homeless, &by_connection), Err(Refusal::OrganizationMismatch));
        assert_eq!(organization_of(&homeless, &google()), Ok(organization("org_acme")));
        assert_eq!(organization_of(&foreign, &google()), Err(Refusal::OrganizationMismatch));
    }

    /// R44: unknown and unusable connections are refused even with a valid code.
    #[test]
    fn only_a_usable_connection_of_the_tenant_admits() {
        let okta = profile(Some("org_acme"), "conn_okta", "OktaSAML", "ada@acme.com");
        let other = profile(Some("org_acme"), "conn_gone", "OktaSAML", "ada@acme.com");
        let selector = Selector::Organization(organization("org_acme"));
        let try_state = |state: &str, who: &Profile| {
            admit(who, &selector, &tenant(state.to_owned().into(), true), &Rules::default())
        };
        for state in ["active", "validating"] {
            assert_eq!(try_state(state, &okta), Ok(()), "{state}");
        }
        for state in ["inactive", "deleting", "draft", "requires_type", "something_new"] {
            assert_eq!(try_state(state, &okta), Err(Refusal::ConnectionUnusable), "{state}");
        }
        assert_eq!(try_state("active", &other), Err(Refusal::ConnectionUnknown));
    }

    /// R43, R42: the e-mail's domain must be verified for this tenant, by policy.
    #[test]
    fn unverified_domains_follow_the_policy() {
        use UnverifiedDomainPolicy::{Allow, AllowWithoutVerifiedDomains, Refuse};
        let selector = Selector::Organization(organization("org_acme"));
        let outside = Err(Refusal::EmailOutsideDomains);
        for (email, verified, policy, expected) in [
            ("ada@acme.com", true, Refuse, Ok(())),
            ("ada@sub.acme.com", true, Refuse, outside),
            ("ada@elsewhere.com", true, Refuse, outside),
            ("ada@acme.com", false, Refuse, outside),
            ("ada@acme.com", false, AllowWithoutVerifiedDomains, Ok(())),
            ("ada@elsewhere.com", true, AllowWithoutVerifiedDomains, outside),
            ("ada@elsewhere.com", true, Allow, Ok(())),
        ] {
            let who = profile(Some("org_acme"), "conn_okta", "OktaSAML", email);
            let tenant = tenant(ConnectionState::Active, verified);
            let rules = Rules { unverified: policy, ..Rules::default() };
            assert_eq!(admit(&who, &selector, &tenant, &rules), expected, "{email} {policy:?}");
        }
    }

    /// A connection that is for some domains lets nobody else in, whatever the policy says of unverified ones.
    #[test]
    fn a_connections_own_domains_narrow_it() {
        let selector = Selector::Organization(organization("org_acme"));
        let tenant = tenant(ConnectionState::Active, true);
        let decide = |email: &str, domains: &[&str], unverified| {
            let domains: Vec<Domain> = domains.iter().map(|domain| Domain::parse(domain).unwrap()).collect();
            let who = profile(Some("org_acme"), "conn_okta", "OktaSAML", email);
            admit(&who, &selector, &tenant, &Rules { unverified, providers: &[], domains: &domains })
        };
        use UnverifiedDomainPolicy::{Allow, Refuse};
        assert_eq!(decide("ada@acme.com", &["acme.com"], Refuse), Ok(()));
        for unverified in [Refuse, Allow] {
            let elsewhere = decide("ada@acme.com", &["labs.acme.com"], unverified);
            assert_eq!(elsewhere, Err(Refusal::EmailOutsideDomains));
        }
        // The list names domains; it proves none.
        assert_eq!(decide("eve@else.com", &["else.com"], Refuse), Err(Refusal::EmailOutsideDomains));
        assert_eq!(decide("eve@else.com", &["else.com"], Allow), Ok(()));
    }

    /// R42: an OAuth account enters only through an allowed provider and a verified domain, whatever the policy.
    #[test]
    fn provider_logins_need_an_allowed_provider_and_a_verified_domain() {
        let allowed = [Provider::parse("GoogleOAuth").unwrap()];
        let tenant = tenant(ConnectionState::Active, true);
        let decide = |kind: &str, email: &str, providers: &[Provider]| {
            let who = profile(None, "conn_google", kind, email);
            let rules = Rules { unverified: UnverifiedDomainPolicy::Allow, providers, domains: &[] };
            admit(&who, &google(), &tenant, &rules)
        };
        assert_eq!(decide("GoogleOAuth", "ada@acme.com", &allowed), Ok(()));
        assert_eq!(decide("GoogleOAuth", "ada@gmail.com", &allowed), Err(Refusal::EmailOutsideDomains));
        assert_eq!(decide("GitHubOAuth", "ada@acme.com", &allowed), Err(Refusal::ProviderNotAllowed));
        assert_eq!(decide("GoogleOAuth", "ada@acme.com", &[]), Err(Refusal::ProviderNotAllowed));
    }

    /// States are kept under WorkOS's words; a new word is not lost and admits nobody.
    #[test]
    fn states_of_connections_keep_their_words() {
        for (word, state) in [
            ("active", ConnectionState::Active),
            ("validating", ConnectionState::Validating),
            ("inactive", ConnectionState::Inactive),
            ("deleting", ConnectionState::Deleting),
            ("draft", ConnectionState::Draft),
            ("requires_type", ConnectionState::RequiresType),
            ("entangled", ConnectionState::Unknown("entangled".into())),
        ] {
            assert_eq!(ConnectionState::from(word.to_owned()), state);
            assert_eq!((state.as_str(), String::from(state.clone()).as_str()), (word, word));
        }
        let states = tenant(ConnectionState::Draft, true).connection_states();
        assert_eq!(states, BTreeMap::from([(connection("conn_okta"), ConnectionState::Draft)]));
    }

    /// A setting that is misspelt is an error and not the default.
    #[test]
    fn policies_are_read_by_their_words() {
        for (word, policy) in [
            ("refuse", Some(UnverifiedDomainPolicy::Refuse)),
            ("allow-without-verified-domains", Some(UnverifiedDomainPolicy::AllowWithoutVerifiedDomains)),
            ("allow", Some(UnverifiedDomainPolicy::Allow)),
            ("Allow", None),
            ("", None),
        ] {
            assert_eq!(word.parse().ok(), policy, "{word}");
        }
        for (word, policy) in [
            ("refuse", Some(IdpInitiated::Refuse)),
            ("restart", Some(IdpInitiated::Restart)),
            ("allow", None),
        ] {
            assert_eq!(word.parse().ok(), policy, "{word}");
        }
    }

    /// R12: a provider's profile that names the organization of the login belongs to it.
    #[test]
    fn a_providers_profile_may_name_its_organization() {
        let named = profile(Some("org_acme"), "conn_google", "GoogleOAuth", "ada@acme.com");
        assert_eq!(organization_of(&named, &google()), Ok(organization("org_acme")));
    }
}
