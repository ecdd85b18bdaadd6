//! Which connection does this login go to?
//!
//! One pure function answers, from what the request asks for and what is known of the tenants in question. It names
//! exactly one way, or says what to ask the person; it never takes the first of several (R16), and nothing leads from
//! one tenant's address or domain to a connection of another. What a browser remembers is a hint that anybody can
//! write into a cookie: it counts only where it names one of the ways that fit anyway.
//!
//! To whoever asks by e-mail address a domain that nobody has and a domain without single sign-on are the same
//! [`Decision::NotSetUp`] (R15).

use crate::email::{Domain, EmailAddress};
use crate::ids::{ConnectionId, OrganizationId};
use crate::login::{Provider, Selector};
use crate::tenant::{Gate, Tenant};
use crate::tenant_settings::TenantSettings;

/// What a login request asks for, parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// The tenant whose own login address was opened: `/login/{slug}` or its own host.
    pub place: Option<OrganizationId>,
    pub organization: Option<OrganizationId>,
    pub connection: Option<ConnectionId>,
    pub provider: Option<Provider>,
    /// The address that the person typed.
    pub typed: Option<EmailAddress>,
    /// For the IdP; with an e-mail address in it also a way to find the tenant.
    pub login_hint: Option<String>,
    pub domain_hint: Option<Domain>,
    /// The person wants to choose: nothing that the browser remembers decides.
    pub choose: bool,
}

/// A sign-in that worked in this browser before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    pub organization: OrganizationId,
    pub connection: ConnectionId,
}

/// What has to be read before [`decide`] can answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seek {
    Nothing,
    /// The tenants that worked in this browser before.
    Remembered,
    Tenant(OrganizationId),
    /// Every tenant that verified this domain.
    Domain(Domain),
}

/// A tenant as far as routing goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub organization: OrganizationId,
    pub name: String,
    /// Verified ones only.
    pub domains: Vec<Domain>,
    pub ways: Vec<Way>,
    /// The public providers of the environment that this tenant admits.
    pub providers: Vec<Provider>,
}

/// One connection of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    pub connection: ConnectionId,
    /// As the tenant calls it.
    pub label: String,
    pub usable: bool,
    /// The domains it is for; empty: for all of the tenant's.
    pub domains: Vec<Domain>,
}

/// Where the browser goes, and what it tells the IdP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    pub selector: Selector,
    /// The tenant, where it is known before the person comes back.
    pub organization: Option<OrganizationId>,
    pub login_hint: Option<String>,
    pub domain_hint: Option<Domain>,
}

/// One button of the connection picker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    Connection { connection: ConnectionId, label: String },
    Provider(Provider),
}

/// One button of the company picker, or of the page for somebody who was here before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Company {
    pub organization: OrganizationId,
    pub name: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Go(Destination),
    /// The tenant is certain, the way is not.
    PickConnection {
        company: Company,
        choices: Vec<Choice>,
    },
    /// Several companies share the domain of an address that was given.
    PickCompany(Vec<Company>),
    /// Companies that this browser signed in to before, latest first.
    WelcomeBack(Vec<(Company, ConnectionId)>),
    AskEmail,
    /// Nothing leads anywhere, and nothing is said about why.
    NotSetUp,
    Conflict(Conflict),
}

/// The request contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("several of organization, connection and provider are given")]
    SeveralSelectors,
    #[error("a provider needs the organization to sign in to")]
    ProviderWithoutOrganization,
    #[error("the provider is not allowed here")]
    ProviderNotAllowed,
    #[error("login_hint and domain_hint name different domains")]
    HintsDisagree,
    #[error("the login address belongs to another organization than the one asked for")]
    OtherTenant,
}

impl Conflict {
    /// Stable word for logs and traces.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SeveralSelectors => "several_selectors",
            Self::ProviderWithoutOrganization => "provider_without_organization",
            Self::ProviderNotAllowed => "provider_not_allowed",
            Self::HintsDisagree => "hints_disagree",
            Self::OtherTenant => "other_tenant",
        }
    }
}

impl Asked {
    /// The domain that the person's address is in, typed or hinted.
    ///
    /// # Errors
    /// When the hints name two domains. What was typed is the person's own word and outweighs any hint.
    fn domain(&self) -> Result<Option<Domain>, Conflict> {
        if let Some(typed) = &self.typed {
            return Ok(Some(typed.domain().clone()));
        }
        match (self.hinted_address().map(|address| address.domain().clone()), &self.domain_hint) {
            (Some(one), Some(other)) if one != *other => Err(Conflict::HintsDisagree),
            (Some(domain), _) => Ok(Some(domain)),
            (None, hint) => Ok(hint.clone()),
        }
    }

    /// A login hint may be any user name; only an address says something about the tenant.
    fn hinted_address(&self) -> Option<EmailAddress> {
        self.login_hint.as_deref().and_then(|hint| EmailAddress::parse(hint).ok())
    }

    /// What was given of the person is a whole address, not a domain alone.
    fn gives_address(&self) -> bool {
        self.typed.is_some() || self.hinted_address().is_some()
    }

    /// What to read. `remembered`: whether the browser brought anything.
    ///
    /// # Errors
    /// When the request contradicts itself; then nothing needs to be read.
    pub fn seek(&self, remembered: bool) -> Result<Seek, Conflict> {
        let named = [self.organization.is_some(), self.connection.is_some()];
        if named == [true, true] || (self.connection.is_some() && self.provider.is_some()) {
            return Err(Conflict::SeveralSelectors);
        }
        if let (Some(place), Some(organization)) = (&self.place, &self.organization)
            && place != organization
        {
            return Err(Conflict::OtherTenant);
        }
        if let Some(tenant) = self.place.as_ref().or(self.organization.as_ref()) {
            return Ok(Seek::Tenant(tenant.clone()));
        }
        if self.connection.is_some() {
            return Ok(Seek::Nothing);
        }
        match (self.domain()?, &self.provider) {
            (Some(domain), _) => Ok(Seek::Domain(domain)),
            (None, Some(_)) => Err(Conflict::ProviderWithoutOrganization),
            (None, None) if remembered && !self.choose => Ok(Seek::Remembered),
            (None, None) => Ok(Seek::Nothing),
        }
    }

    /// Hints as they were given: for a way that the request itself names.
    fn go(&self, selector: Selector, organization: Option<OrganizationId>) -> Decision {
        let typed = self.typed.as_ref().map(EmailAddress::to_string);
        Decision::Go(Destination {
            selector,
            organization,
            login_hint: typed.or_else(|| self.login_hint.clone()),
            domain_hint: self.domain_hint.clone(),
        })
    }
}

impl Candidate {
    /// `providers` are the ones of the environment; the tenant may admit fewer, never more.
    pub fn of(tenant: &Tenant, gate: &Gate, settings: &TenantSettings, providers: &[Provider]) -> Self {
        let own = |id: &ConnectionId| settings.connections.get(id);
        let ways = tenant.connections.iter().map(|known| Way {
            connection: known.id.clone(),
            label: own(&known.id)
                .and_then(|own| own.label.as_ref().map(ToString::to_string))
                .unwrap_or_else(|| known.display_name()),
            usable: known.state.usable(),
            domains: own(&known.id).map(|own| own.domains.clone()).unwrap_or_default(),
        });
        Self {
            organization: tenant.organization.clone(),
            name: tenant.name.clone(),
            domains: tenant
                .domains
                .iter()
                .filter(|known| known.verified)
                .map(|known| known.domain.clone())
                .collect(),
            ways: ways.collect(),
            providers: gate.policy.providers(providers),
        }
    }

    fn company(&self) -> Company {
        Company { organization: self.organization.clone(), name: self.name.clone() }
    }

    fn vouches_for(&self, domain: &Domain) -> bool {
        self.domains.contains(domain)
    }

    fn has(&self, connection: &ConnectionId) -> bool {
        self.ways.iter().any(|way| way.connection == *connection)
    }

    /// The usable ways for an address in this domain: those made for it, else those made for no domain in particular.
    fn fitting(&self, domain: Option<&Domain>) -> Vec<&Way> {
        let usable: Vec<&Way> = self.ways.iter().filter(|way| way.usable).collect();
        let Some(domain) = domain else { return usable };
        let own: Vec<&Way> = usable.iter().copied().filter(|way| way.domains.contains(domain)).collect();
        if own.is_empty() { usable.into_iter().filter(|way| way.domains.is_empty()).collect() } else { own }
    }

    /// The buttons for these ways, and for the providers that can lead into this tenant: a public account is tied to it
    /// by a verified domain alone.
    fn choices(&self, ways: &[&Way]) -> Vec<Choice> {
        let connections = ways
            .iter()
            .map(|way| Choice::Connection { connection: way.connection.clone(), label: way.label.clone() });
        let providers = self.providers.iter().filter(|_| !self.domains.is_empty());
        let mut choices: Vec<Choice> = connections.collect();
        choices.sort_by(|one, other| one.order().cmp(&other.order()));
        choices.extend(providers.cloned().map(Choice::Provider));
        choices
    }
}

impl Choice {
    fn order(&self) -> (&str, &str) {
        match self {
            Self::Connection { connection, label } => (label, connection.as_str()),
            Self::Provider(provider) => (provider.as_str(), ""),
        }
    }
}

/// Where the login goes. `candidates` are what [`Asked::seek`] asked for, in any order; more do no harm.
pub fn decide(asked: &Asked, candidates: &[Candidate], remembered: &[Remembered]) -> Decision {
    let seek = match asked.seek(!remembered.is_empty()) {
        Ok(seek) => seek,
        Err(conflict) => return Decision::Conflict(conflict),
    };
    match seek {
        Seek::Nothing => match &asked.connection {
            Some(connection) => asked.go(Selector::Connection(connection.clone()), None),
            None => Decision::AskEmail,
        },
        Seek::Remembered => welcome_back(candidates, remembered),
        Seek::Tenant(organization) => {
            let tenant = candidates.iter().find(|known| known.organization == organization);
            named(asked, &organization, tenant, remembered)
        }
        Seek::Domain(domain) => by_domain(asked, &domain, candidates, remembered),
    }
}

/// The request names the tenant. What is not known here yet goes to WorkOS, which knows; so does a tenant of which
/// only unusable connections are known, since the one that was switched on a minute ago must work.
fn named(
    asked: &Asked,
    organization: &OrganizationId,
    tenant: Option<&Candidate>,
    remembered: &[Remembered],
) -> Decision {
    let here = || Some(organization.clone());
    if let Some(connection) = &asked.connection {
        // Only the tenant's own address gets here: a connection beside an organization is a conflict.
        return match tenant {
            Some(tenant) if tenant.has(connection) => {
                asked.go(Selector::Connection(connection.clone()), here())
            }
            _ => Decision::Conflict(Conflict::OtherTenant),
        };
    }
    if let Some(provider) = &asked.provider {
        return match tenant {
            Some(tenant) if !tenant.providers.contains(provider) => {
                Decision::Conflict(Conflict::ProviderNotAllowed)
            }
            _ => asked.go(
                Selector::Provider { provider: provider.clone(), organization: organization.clone() },
                here(),
            ),
        };
    }
    let domain = asked.domain().ok().flatten();
    let ways = tenant.map(|tenant| {
        let fitting = tenant.fitting(domain.as_ref());
        // An address that no connection is for narrows nothing down: the tenant was named.
        if fitting.is_empty() { tenant.fitting(None) } else { fitting }
    });
    match (tenant, ways.as_deref()) {
        (None, _) | (_, None | Some([])) => asked.go(Selector::Organization(organization.clone()), here()),
        (Some(tenant), Some(ways)) => match one_of(asked, tenant, ways, remembered) {
            Some(way) => asked.go(Selector::Connection(way.connection.clone()), here()),
            None => Decision::PickConnection { company: tenant.company(), choices: tenant.choices(ways) },
        },
    }
}

fn by_domain(
    asked: &Asked,
    domain: &Domain,
    candidates: &[Candidate],
    remembered: &[Remembered],
) -> Decision {
    let go = |selector, organization: &OrganizationId| match asked.go(selector, Some(organization.clone())) {
        Decision::Go(to) => Decision::Go(Destination { domain_hint: Some(domain.clone()), ..to }),
        other => other,
    };
    let open = |tenant: &&Candidate| {
        tenant.vouches_for(domain)
            && match &asked.provider {
                Some(provider) => tenant.providers.contains(provider),
                None => !tenant.fitting(Some(domain)).is_empty(),
            }
    };
    let mut tenants: Vec<&Candidate> = candidates.iter().filter(open).collect();
    tenants.sort_by_key(|tenant| (&tenant.name, &tenant.organization));
    tenants.dedup_by_key(|tenant| &tenant.organization);
    match (tenants.as_slice(), &asked.provider) {
        ([], _) => Decision::NotSetUp,
        ([tenant], Some(provider)) => go(
            Selector::Provider { provider: provider.clone(), organization: tenant.organization.clone() },
            &tenant.organization,
        ),
        ([tenant], None) => {
            let ways = tenant.fitting(Some(domain));
            match one_of(asked, tenant, &ways, remembered) {
                Some(way) => go(Selector::Connection(way.connection.clone()), &tenant.organization),
                None => {
                    Decision::PickConnection { company: tenant.company(), choices: tenant.choices(&ways) }
                }
            }
        }
        (several, _) if asked.gives_address() => {
            Decision::PickCompany(several.iter().map(|tenant| tenant.company()).collect())
        }
        // Which companies share a domain is for those who say who they are.
        _ => Decision::AskEmail,
    }
}

/// The only way, or of several the one that worked in this browser last.
fn one_of<'a>(
    asked: &Asked,
    tenant: &Candidate,
    ways: &[&'a Way],
    remembered: &[Remembered],
) -> Option<&'a Way> {
    match ways {
        [way] => Some(way),
        _ if asked.choose => None,
        several => {
            let last = remembered.iter().find(|known| known.organization == tenant.organization)?;
            several.iter().copied().find(|way| way.connection == last.connection)
        }
    }
}

fn welcome_back(candidates: &[Candidate], remembered: &[Remembered]) -> Decision {
    let alive = |known: &Remembered| {
        let tenant = candidates.iter().find(|tenant| tenant.organization == known.organization)?;
        let way = tenant.ways.iter().find(|way| way.connection == known.connection && way.usable)?;
        Some((tenant.company(), way.connection.clone()))
    };
    let mut companies: Vec<(Company, ConnectionId)> = Vec::new();
    for (company, connection) in remembered.iter().filter_map(alive) {
        if !companies.iter().any(|(known, _)| known.organization == company.organization) {
            companies.push((company, connection));
        }
    }
    if companies.is_empty() { Decision::AskEmail } else { Decision::WelcomeBack(companies) }
}

#[cfg(test)]
mod tests;
