//! The pages on which a person says who they are: the e-mail form, the pickers, and "welcome back".
//!
//! Each button is a form of its own, sent with POST, because an e-mail address must not get into an address bar, a
//! history or a log. What is chosen is checked by the login function as if nobody had offered it.

use domain::login::Provider;
use domain::routing::{Choice, Company};
use domain::{ConnectionId, EmailAddress};

use super::link::Link;

/// The e-mail form.
#[derive(Debug, Clone)]
pub struct EmailForm {
    /// Takes the POST.
    pub action: Link,
    /// Where the login is to go, when the request said.
    pub return_to: Option<String>,
    /// What was typed before, or hinted.
    pub email: String,
    /// What was typed is no address.
    pub invalid: bool,
    /// Public providers that may be chosen instead of the company's own sign-in.
    pub providers: Vec<Provider>,
}

/// A question with a button for each answer.
#[derive(Debug, Clone)]
pub struct Picker {
    pub action: Link,
    pub buttons: Vec<PickerButton>,
    /// The way out: another address.
    pub other: Link,
}

#[derive(Debug, Clone)]
pub struct PickerButton {
    pub label: String,
    /// Names and values that the button sends.
    pub fields: Vec<(&'static str, String)>,
}

/// A company that this browser signed in to before.
#[derive(Debug, Clone)]
pub struct KnownCompany {
    pub name: String,
    pub link: Link,
}

/// What every button sends along.
#[derive(Debug, Clone, Default)]
pub struct Along<'a> {
    pub email: Option<&'a EmailAddress>,
    pub login_hint: Option<&'a str>,
    pub return_to: Option<&'a str>,
    pub prompt_login: bool,
}

impl Along<'_> {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let email = self.email.map(|email| ("email", email.to_string()));
        let hint =
            self.login_hint.filter(|_| self.email.is_none()).map(|hint| ("login_hint", hint.to_owned()));
        let return_to = self.return_to.map(|url| ("return_to", url.to_owned()));
        let prompt = self.prompt_login.then(|| ("prompt", "login".to_owned()));
        [email, hint, return_to, prompt].into_iter().flatten().collect()
    }

    fn link(&self, link: Link) -> Link {
        self.fields().iter().fold(link, |link, (name, value)| link.with(name, value))
    }
}

impl Picker {
    /// The ways into one tenant.
    pub fn of_connections(company: &Company, choices: &[Choice], along: &Along<'_>, other: Link) -> Self {
        let button = |choice: &Choice| {
            let (label, own) = match choice {
                Choice::Connection { connection, label } => {
                    (label.clone(), vec![("connection", connection.to_string())])
                }
                Choice::Provider(provider) => (
                    format!("Continue with {}", provider.name()),
                    vec![
                        ("provider", provider.as_str().to_owned()),
                        ("organization", company.organization.to_string()),
                    ],
                ),
            };
            PickerButton { label, fields: own.into_iter().chain(along.fields()).collect() }
        };
        Self { action: Link::path("/login"), buttons: choices.iter().map(button).collect(), other }
    }

    /// The companies that an address may belong to.
    pub fn of_companies(
        companies: &[Company],
        provider: Option<&Provider>,
        along: &Along<'_>,
        other: Link,
    ) -> Self {
        let button = |company: &Company| {
            let own = ("organization", company.organization.to_string());
            let provider = provider.map(|provider| ("provider", provider.as_str().to_owned()));
            let fields = [Some(own), provider].into_iter().flatten().chain(along.fields());
            PickerButton { label: company.name.clone(), fields: fields.collect() }
        };
        Self { action: Link::path("/login"), buttons: companies.iter().map(button).collect(), other }
    }
}

impl KnownCompany {
    pub fn of(company: &Company, connection: &ConnectionId, along: &Along<'_>) -> Self {
        let link = Link::path("/login").with("connection", connection.as_str());
        Self { name: company.name.clone(), link: along.link(link) }
    }
}
