//! What a login request says, parsed: no text of a stranger goes further than this.
//!
//! The query of a link and the body of our own form hold the same parameters. Nothing reaches WorkOS under its own
//! name except the hints (R14).

use domain::login::{InvalidSelector, Provider};
use domain::routing::{Asked, Conflict};
use domain::{ConnectionId, Domain, EmailAddress, OrganizationId, ReturnUrl, Selector};
use serde::Deserialize;
use url::form_urlencoded;
use web::pages::Link;

use crate::Deps;
use crate::failure::Failure;

/// Longest login hint: the longest e-mail address.
const LONGEST_HINT: usize = 254;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parameters {
    #[serde(alias = "organization_id")]
    organization: Option<String>,
    /// WorkOS's own "initiate login" redirect says `connection_id`.
    #[serde(alias = "connection_id")]
    connection: Option<String>,
    provider: Option<String>,
    /// What the person typed into our form.
    email: Option<String>,
    domain_hint: Option<String>,
    login_hint: Option<String>,
    prompt: Option<String>,
    return_to: Option<String>,
    /// "Not you?": the person wants to choose.
    another: Option<String>,
}

/// A request that can be answered.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) asked: Asked,
    /// Where the login ends.
    pub(crate) target: ReturnUrl,
    /// The same, where the request said so: our own pages carry it along.
    pub(crate) return_to: Option<String>,
    pub(crate) prompt_login: bool,
}

fn given(value: &Option<String>) -> Option<&str> {
    value.as_deref().filter(|value| !value.is_empty())
}

impl Parameters {
    /// The text typed as an e-mail address, if it is none; then the form is shown again, with as much of it as it takes.
    pub(crate) fn mistyped(&self) -> Option<String> {
        let text = given(&self.email).filter(|text| typed(text).is_none())?;
        Some(text.chars().take(LONGEST_HINT).collect())
    }

    /// # Errors
    /// With the first parameter that is not what it must be.
    pub(crate) fn parse(&self, deps: &Deps) -> Result<Request, Failure> {
        let returns = &deps.shared.site().returns;
        let return_to = given(&self.return_to);
        let target = match return_to {
            Some(text) => returns.check(text).map_err(Failure::ReturnUrl)?,
            None => returns.default().clone(),
        };
        let organization = given(&self.organization)
            .map(OrganizationId::parse)
            .transpose()
            .map_err(|_| Failure::Selector(InvalidSelector::Organization))?;
        let connection = given(&self.connection)
            .map(ConnectionId::parse)
            .transpose()
            .map_err(|_| Failure::Selector(InvalidSelector::Connection))?;
        let provider = given(&self.provider).map(Provider::parse).transpose().map_err(Failure::Selector)?;
        if provider.as_ref().is_some_and(|provider| !deps.settings.providers.contains(provider)) {
            return Err(Failure::Conflict(Conflict::ProviderNotAllowed));
        }
        let login_hint = given(&self.login_hint);
        if login_hint.is_some_and(|hint| hint.len() > LONGEST_HINT || hint.chars().any(char::is_control)) {
            return Err(Failure::Parameter("login_hint"));
        }
        let domain_hint = given(&self.domain_hint)
            .map(Domain::parse)
            .transpose()
            .map_err(|_| Failure::Parameter("domain_hint"))?;
        let prompt_login = match given(&self.prompt) {
            None => false,
            Some("login") => true,
            Some(_) => return Err(Failure::Parameter("prompt")),
        };
        let asked = Asked {
            place: None,
            organization,
            connection,
            provider,
            typed: given(&self.email).and_then(typed),
            login_hint: login_hint.map(str::to_owned),
            domain_hint,
            choose: given(&self.another).is_some(),
        };
        Ok(Request { asked, return_to: return_to.map(str::to_owned), target, prompt_login })
    }
}

/// People leave blanks around what they paste.
fn typed(text: &str) -> Option<EmailAddress> {
    EmailAddress::parse(text.trim()).ok()
}

impl Request {
    /// Nobody and nothing is named.
    pub(crate) fn is_bare(&self) -> bool {
        let Asked { place, organization, connection, provider, typed, login_hint: _, domain_hint, choose: _ } =
            &self.asked;
        let named = place.is_some() || organization.is_some() || connection.is_some() || provider.is_some();
        !named && typed.is_none() && domain_hint.is_none() && self.hinted().is_none()
    }

    /// The address that a link brought along.
    pub(crate) fn hinted(&self) -> Option<EmailAddress> {
        self.asked.login_hint.as_deref().and_then(|hint| EmailAddress::parse(hint).ok())
    }

    /// As if the request had named the selector itself.
    pub(crate) fn with(&self, selector: &Selector) -> Asked {
        let asked = self.asked.clone();
        match selector.clone() {
            Selector::Organization(id) => Asked { organization: Some(id), ..asked },
            Selector::Connection(id) => Asked { connection: Some(id), provider: None, ..asked },
            Selector::Provider { provider, organization } => {
                Asked { provider: Some(provider), organization: Some(organization), ..asked }
            }
        }
    }

    /// The login page, to the same end.
    pub(crate) fn start(&self) -> Link {
        let start = Link::path("/login");
        match &self.return_to {
            Some(url) => start.with("return_to", url),
            None => start,
        }
    }

    /// The request as the query of a link, without what was typed. The tenant whose address was opened is named; of a
    /// connection beside it we know already that it is the tenant's.
    pub(crate) fn to_query(&self) -> String {
        let Asked { place, organization, connection, provider, typed: _, login_hint, domain_hint, choose } =
            &self.asked;
        let tenant = organization.as_ref().or(place.as_ref()).filter(|_| connection.is_none());
        let pairs = [
            ("organization", tenant.map(ToString::to_string)),
            ("connection", connection.as_ref().map(ToString::to_string)),
            ("provider", provider.as_ref().map(|provider| provider.as_str().to_owned())),
            ("login_hint", login_hint.clone()),
            ("domain_hint", domain_hint.as_ref().map(ToString::to_string)),
            ("prompt", self.prompt_login.then(|| "login".to_owned())),
            ("return_to", self.return_to.clone()),
            ("another", choose.then(|| "1".to_owned())),
        ];
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in pairs {
            if let Some(value) = value {
                query.append_pair(name, &value);
            }
        }
        query.finish()
    }

    /// What the request named, for its trace: ids and domains, no address.
    pub(crate) fn named(&self) -> String {
        let Asked { place, organization, connection, provider, typed, login_hint: _, domain_hint, choose: _ } =
            &self.asked;
        let domain = typed.clone().or_else(|| self.hinted()).map(|address| address.domain().clone());
        let named = [
            place.as_ref().map(|id| format!("address of {id}")),
            organization.as_ref().map(|id| format!("organization {id}")),
            connection.as_ref().map(|id| format!("connection {id}")),
            provider.as_ref().map(|provider| format!("provider {}", provider.as_str())),
            domain.or_else(|| domain_hint.clone()).map(|domain| format!("domain {domain}")),
        ];
        let named: Vec<String> = named.into_iter().flatten().collect();
        if named.is_empty() { "nobody".to_owned() } else { named.join(", ") }
    }
}
