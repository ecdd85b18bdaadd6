//! What people see: one card, one heading, two sentences, one thing to do next, an id to quote.
//!
//! Every page is a variant of [`Page`], so that words, status and code of all of them are in one room. Templates escape
//! by themselves; the only text passed through as it is is our own stylesheet. A page never shows upstream text and
//! never says whether an e-mail address or a company exists. An error page is also a JSON problem: a client that did
//! not ask for HTML gets that instead.

mod account;
mod brand;
mod choose;
mod device;
mod link;
mod reasons;
#[cfg(test)]
mod tests;
mod words;

use std::borrow::Cow;
use std::time::Duration;

use askama::Template;
use axum::response::Response;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, REFRESH, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

pub use account::{Account, AccountNotice, AccountSession};
pub use brand::Brand;
pub use choose::{Along, EmailForm, KnownCompany, Picker, PickerButton};
pub use device::device_name;
pub use link::Link;
pub use reasons::{BadLink, Refusal, SignInFailure, Unavailable};

use crate::config::{Site, SupportContact};
use crate::context::{Answer, Ctx};
use crate::headers;
use crate::problem::{self, Problem};

/// The whole stylesheet. Allowed by its hash in the content security policy, `headers::STYLE_HASH`.
pub(crate) const STYLE: &str = include_str!("../templates/style.css");

/// A page with what it needs to be written.
#[derive(Debug, Clone)]
pub enum Page {
    /// Nobody was named to sign in with. With a default, one button goes there.
    SignIn {
        start: Option<Link>,
    },
    /// Nobody is named to sign in with: the e-mail address finds the company.
    AskEmail(EmailForm),
    /// The company is certain, and has several ways to sign in.
    PickConnection {
        company: String,
        picker: Picker,
    },
    /// The address may belong to several companies.
    PickCompany(Picker),
    /// Somebody who was here before.
    WelcomeBack {
        companies: Vec<KnownCompany>,
        other: Link,
    },
    /// The address leads nowhere; the same for a company that is not here and for one without single sign-on (R15).
    NotSetUp {
        again: Link,
    },
    /// The state is missing, used, expired or of another browser (R02, R03, R07).
    InvalidState {
        restart: Link,
    },
    /// The sign-in worked and the answer is still no.
    AccessRefused {
        reason: Refusal,
        restart: Option<Link>,
    },
    /// The sign-in itself did not work.
    SignInFailed {
        reason: SignInFailure,
        restart: Link,
    },
    /// The IdP's tile cannot open the app (R06).
    StartFromHere {
        start: Option<Link>,
    },
    /// A sign-in link that cannot work.
    BadLink {
        reason: BadLink,
        start: Option<Link>,
    },
    /// Come back later: a limit of ours (429) or trouble behind us (503).
    TryLater {
        reason: Unavailable,
        wait: Duration,
        retry: Option<Link>,
    },
    /// A page for signed-in people.
    NotSignedIn {
        sign_in: Link,
    },
    SignedOut {
        sign_in: Link,
    },
    /// Signing out needs a POST: a link scanner or a prefetch must not do it.
    ConfirmSignOut {
        action: Link,
        email: String,
        company: String,
    },
    Account(Account),
    /// A state-changing request that another site may have sent (R23).
    CrossSite {
        back: Link,
    },
    BadRequest,
    NotFound,
    MethodNotAllowed,
    ServerError,
}

/// What the card offers to do.
#[derive(Debug)]
enum Action {
    Go { label: Cow<'static, str>, link: Link },
    Send { label: &'static str, to: Link },
}

impl Page {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::SignIn { .. }
            | Self::AskEmail(EmailForm { invalid: false, .. })
            | Self::PickConnection { .. }
            | Self::PickCompany(_)
            | Self::WelcomeBack { .. }
            | Self::SignedOut { .. }
            | Self::ConfirmSignOut { .. }
            | Self::Account(_) => StatusCode::OK,
            Self::AskEmail(EmailForm { invalid: true, .. })
            | Self::InvalidState { .. }
            | Self::StartFromHere { .. }
            | Self::BadLink { .. }
            | Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::NotSignedIn { .. } => StatusCode::UNAUTHORIZED,
            Self::AccessRefused { .. } | Self::CrossSite { .. } => StatusCode::FORBIDDEN,
            Self::NotFound | Self::NotSetUp { .. } => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            Self::SignInFailed { reason, .. } => reason.status(),
            Self::TryLater { reason, .. } => reason.status(),
        }
    }

    /// The stable word for clients, logs and metrics; `None` when the page is no error.
    pub fn code(&self) -> Option<&'static str> {
        match self {
            Self::SignIn { .. }
            | Self::AskEmail(EmailForm { invalid: false, .. })
            | Self::PickConnection { .. }
            | Self::PickCompany(_)
            | Self::WelcomeBack { .. }
            | Self::SignedOut { .. }
            | Self::ConfirmSignOut { .. }
            | Self::Account(_) => None,
            Self::AskEmail(EmailForm { invalid: true, .. }) => Some("invalid_email"),
            Self::NotSetUp { .. } => Some("not_set_up"),
            Self::InvalidState { .. } => Some("invalid_state"),
            Self::AccessRefused { reason, .. } => Some(reason.code()),
            Self::SignInFailed { reason, .. } => Some(reason.code()),
            Self::StartFromHere { .. } => Some("start_from_here"),
            Self::BadLink { reason, .. } => Some(reason.code()),
            Self::TryLater { reason, .. } => Some(reason.code()),
            Self::NotSignedIn { .. } => Some("not_signed_in"),
            Self::CrossSite { .. } => Some("cross_site_request"),
            Self::BadRequest => Some("bad_request"),
            Self::NotFound => Some("not_found"),
            Self::MethodNotAllowed => Some("method_not_allowed"),
            Self::ServerError => Some("server_error"),
        }
    }

    /// The answer to this request: HTML, or for an error the JSON problem when the client did not ask for HTML.
    pub fn respond(self, site: &Site, ctx: &Ctx) -> Response {
        self.respond_as(site, ctx, None)
    }

    /// As [`Page::respond`], in a tenant's colours.
    pub fn respond_as(self, site: &Site, ctx: &Ctx, brand: Option<&Brand>) -> Response {
        let status = self.status();
        let mut response = match (self.code(), ctx.answer) {
            (Some(code), Answer::Json) => Problem { status, code, message: self.message(site) }.respond(ctx),
            _ => match self.render_as(site, &ctx.request_id, brand) {
                Ok(html) => problem::shaped(status, "text/html; charset=utf-8", html),
                Err(error) => {
                    tracing::error!(error.cause = %error, "a page could not be written");
                    Problem::server_error().respond(ctx)
                }
            },
        };
        let wait = match &self {
            Self::TryLater { wait, .. } => Some(*wait),
            // Trouble behind us is over sooner or later.
            _ => (status == StatusCode::SERVICE_UNAVAILABLE).then_some(OUTAGE),
        };
        if let Some(wait) = wait {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds(wait)));
        }
        if let Some(refresh) = self.goes_on().filter(|_| ctx.answer == Answer::Page) {
            response.headers_mut().insert(REFRESH, refresh);
        }
        let leads_elsewhere = self.form_leads_elsewhere();
        let brand_style = brand.and_then(Brand::style_hash);
        if let Some(policy) = headers::policy_of_page(site, leads_elsewhere, brand_style.as_deref()) {
            response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
        }
        if leads_elsewhere || matches!(self, Self::Account(_)) {
            send_origin(&mut response);
        }
        response
    }

    /// The header with which a page goes on by itself: browsers heed it without a script.
    fn goes_on(&self) -> Option<HeaderValue> {
        match self {
            Self::TryLater { reason: Unavailable::Crowded, wait, retry: Some(link) } => {
                HeaderValue::try_from(format!("{}; url={link}", seconds(*wait))).ok()
            }
            _ => None,
        }
    }

    /// Whether a form of this page ends in a redirect to an IdP.
    fn form_leads_elsewhere(&self) -> bool {
        matches!(
            self,
            Self::AskEmail(_)
                | Self::PickConnection { .. }
                | Self::PickCompany(_)
                | Self::ConfirmSignOut { .. }
        )
    }

    /// The HTML alone.
    ///
    /// # Errors
    /// When the template fails, which needs a broken formatter.
    pub fn render(&self, site: &Site, request_id: &str) -> Result<String, askama::Error> {
        self.render_as(site, request_id, None)
    }

    fn render_as(
        &self,
        site: &Site,
        request_id: &str,
        brand: Option<&Brand>,
    ) -> Result<String, askama::Error> {
        let frame = Frame {
            app_name: &site.app_name,
            support: site.support.as_ref(),
            home: &site.home,
            request_id,
            code: self.code(),
            brand,
        };
        let words = self.words(&site.app_name);
        match self {
            Self::Account(account) => return AccountPage { frame, account }.render(),
            Self::AskEmail(form) => return SignInPage { frame, words, form }.render(),
            Self::PickConnection { picker, .. } | Self::PickCompany(picker) => {
                return PickerPage { frame, words, picker }.render();
            }
            Self::WelcomeBack { companies, other } => {
                return WelcomeBackPage { frame, words, companies, other }.render();
            }
            _ => {}
        }
        let (action, other) = self.actions(site);
        Card { frame, words, alert: self.code().is_some(), action, other }.render()
    }

    fn message(&self, site: &Site) -> String {
        let words = self.words(&site.app_name);
        format!("{}. {}", words.heading.trim_end_matches('?'), words.text)
    }

    /// The one thing to do next, and for a question the other answer.
    fn actions(&self, site: &Site) -> (Option<Action>, Option<(&'static str, Link)>) {
        let go =
            |label: &'static str, link: &Link| Some(Action::Go { label: label.into(), link: link.clone() });
        let home =
            || Some(Action::Go { label: format!("Go to {}", site.app_name).into(), link: site.home.clone() });
        let action = match self {
            Self::SignIn { start: Some(link) } => go("Continue", link),
            Self::SignIn { start: None } | Self::StartFromHere { start: None } => {
                go("Back to the app", &site.home)
            }
            Self::InvalidState { restart } => go("Sign in again", restart),
            Self::AccessRefused { restart, .. } => {
                restart.as_ref().and_then(|link| go("Use another account", link))
            }
            Self::SignInFailed { restart, .. } => go("Try again", restart),
            Self::StartFromHere { start } | Self::BadLink { start, .. } => {
                start.as_ref().map_or_else(home, |link| go("Sign in", link))
            }
            Self::TryLater { retry, .. } => retry.as_ref().and_then(|link| go("Try again", link)),
            Self::NotSignedIn { sign_in } => go("Sign in", sign_in),
            Self::SignedOut { sign_in } => go("Sign in again", sign_in),
            Self::ConfirmSignOut { action, .. } => {
                Some(Action::Send { label: "Sign out", to: action.clone() })
            }
            Self::CrossSite { back } => go("Go back", back),
            Self::BadRequest | Self::NotFound | Self::MethodNotAllowed | Self::ServerError => home(),
            Self::NotSetUp { again } => go("Try another address", again),
            Self::AskEmail(_)
            | Self::PickConnection { .. }
            | Self::PickCompany(_)
            | Self::WelcomeBack { .. }
            | Self::Account(_) => None,
        };
        let other = match self {
            Self::ConfirmSignOut { .. } => Some(("Stay signed in", site.home.clone())),
            _ => None,
        };
        (action, other)
    }
}

/// After which another try is worth it when nobody said.
const OUTAGE: Duration = Duration::from_secs(60);

/// Whole seconds, rounded up: nobody may come back too early.
fn seconds(wait: Duration) -> u64 {
    wait.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX).max(1)
}

/// Lets the browser name our own origin in the `Origin` header of this page's form.
///
/// Under `no-referrer` a browser sends `Origin: null` even to the page's own site, and a browser without
/// `Sec-Fetch-Site` could then not prove where its POST comes from (R23). Other sites still learn nothing.
fn send_origin(response: &mut Response) {
    response.headers_mut().insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
}

/// What surrounds every page.
struct Frame<'a> {
    app_name: &'a str,
    support: Option<&'a SupportContact>,
    home: &'a Link,
    request_id: &'a str,
    code: Option<&'a str>,
    brand: Option<&'a Brand>,
}

impl Frame<'_> {
    fn style(&self) -> &'static str {
        STYLE
    }

    fn brand_style(&self) -> Option<&str> {
        self.brand.and_then(|brand| brand.style.as_deref())
    }

    fn logo(&self) -> Option<(&str, &str)> {
        self.brand.and_then(|brand| Some((brand.logo.as_deref()?, brand.company.as_str())))
    }

    /// The tenant's own contact knows its people; ours is for everybody else's.
    fn support(&self) -> Option<&SupportContact> {
        self.brand.and_then(|brand| brand.support.as_ref()).or(self.support)
    }

    /// Stands for a logo.
    fn initial(&self) -> String {
        let first = self.app_name.chars().find(|char| char.is_alphanumeric());
        first.map_or_else(|| "·".to_owned(), |char| char.to_uppercase().collect())
    }
}

#[derive(Template)]
#[template(path = "card.html")]
struct Card<'a> {
    frame: Frame<'a>,
    words: words::Words,
    alert: bool,
    action: Option<Action>,
    other: Option<(&'static str, Link)>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage<'a> {
    frame: Frame<'a>,
    words: words::Words,
    form: &'a EmailForm,
}

#[derive(Template)]
#[template(path = "picker.html")]
struct PickerPage<'a> {
    frame: Frame<'a>,
    words: words::Words,
    picker: &'a Picker,
}

#[derive(Template)]
#[template(path = "welcome_back.html")]
struct WelcomeBackPage<'a> {
    frame: Frame<'a>,
    words: words::Words,
    companies: &'a [KnownCompany],
    other: &'a Link,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    frame: Frame<'a>,
    account: &'a Account,
}
