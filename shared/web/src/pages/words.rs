//! The words on the cards. Plain, short, no blame; what happened, then what to do.
//!
//! At most two sentences. Words that only we use ("SSO", "IdP", "callback") stay out; "Invalid state" is the one
//! exception, because support teams search for it.

use std::time::Duration;

use super::{BadLink, Page, Refusal, SignInFailure, Unavailable, seconds};

pub(super) struct Words {
    pub(super) heading: String,
    pub(super) text: String,
}

impl Page {
    pub(super) fn words(&self, app: &str) -> Words {
        let (heading, text) = match self {
            Self::SignIn { start: Some(_) } => (
                format!("Sign in to {app}"),
                "Continue with your company account.".to_owned(),
            ),
            Self::SignIn { start: None } => (
                format!("Sign in to {app}"),
                "Use the sign-in link that your company gave you. If you do not have one, ask your administrator for it."
                    .to_owned(),
            ),
            Self::AskEmail(_) => (
                format!("Sign in to {app}"),
                "With your work e-mail address we find your company's sign-in.".to_owned(),
            ),
            Self::PickConnection { company, .. } => (
                "How do you sign in?".to_owned(),
                format!("{company} has several ways to sign in to {app}."),
            ),
            Self::PickCompany(_) => (
                "Which company is it?".to_owned(),
                format!("Several companies with this e-mail address use {app}."),
            ),
            Self::WelcomeBack { .. } => {
                ("Welcome back".to_owned(), format!("Sign in to {app} as you did last time."))
            }
            Self::NotSetUp { .. } => (
                "Sign-in is not set up here".to_owned(),
                format!(
                    "We cannot take you to a company sign-in for {app} with this e-mail address. Check the address, or \
                     ask your administrator for your company's sign-in link."
                ),
            ),
            Self::InvalidState { .. } => (
                "Invalid state".to_owned(),
                "This sign-in took too long, was already used, or began in another browser. If it happens again, \
                 check that your browser accepts cookies from this site."
                    .to_owned(),
            ),
            Self::AccessRefused { reason, .. } => ("You do not have access".to_owned(), refusal(*reason, app)),
            Self::SignInFailed { reason, .. } => ("Sign-in did not finish".to_owned(), failure(*reason, app)),
            // A failed state check by another name: support teams search for these two words.
            Self::StartFromHere { start } => (
                "Invalid state".to_owned(),
                match start {
                    Some(_) => format!(
                        "Your company's dashboard cannot open {app} directly. Sign in here instead; you will \
                         probably not be asked for your password again."
                    ),
                    None => format!(
                        "Your company's dashboard cannot open {app} directly. Open {app} and sign in from there."
                    ),
                },
            ),
            Self::BadLink { reason, .. } => ("This link does not work".to_owned(), bad_link(*reason, app)),
            Self::TryLater { reason: Unavailable::TooMany, wait, .. } => (
                "Please wait a moment".to_owned(),
                format!("There were too many attempts in a short time. Please try again in {}.", spoken(*wait)),
            ),
            Self::TryLater { reason: Unavailable::Crowded, wait, .. } => (
                "One moment, please".to_owned(),
                format!(
                    "Many people are signing in through your company at once. This page goes on by itself in {}.",
                    spoken(*wait)
                ),
            ),
            Self::TryLater { reason: Unavailable::Down, wait, .. } => (
                "Please try again shortly".to_owned(),
                format!(
                    "Signing in is not possible right now; if you are already signed in, you stay signed in. \
                     Please try again in {}.",
                    spoken(*wait)
                ),
            ),
            Self::NotSignedIn { .. } => {
                ("You are not signed in".to_owned(), "Please sign in to see this page.".to_owned())
            }
            Self::SignedOut { .. } => (
                "You are signed out".to_owned(),
                "On a shared computer, close all windows of the browser as well.".to_owned(),
            ),
            Self::ConfirmSignOut { email, company, .. } => (
                format!("Sign out of {app}?"),
                format!("You are signed in as {email} at {company}."),
            ),
            Self::Account(_) => ("Your account".to_owned(), String::new()),
            Self::CrossSite { .. } => (
                "Please try that again here".to_owned(),
                "The request did not come from a page of this site, so nothing was changed.".to_owned(),
            ),
            Self::BadRequest => (
                "That did not work".to_owned(),
                "The request was incomplete or not understood, so nothing was changed.".to_owned(),
            ),
            Self::NotFound => {
                ("There is nothing here".to_owned(), "The address may be mistyped, or the page has moved.".to_owned())
            }
            Self::MethodNotAllowed => (
                "This does not work here".to_owned(),
                "The address exists, but not for this kind of request.".to_owned(),
            ),
            Self::ServerError => (
                "Something went wrong".to_owned(),
                "This is our fault, not yours. If it happens again, tell support the reference below.".to_owned(),
            ),
        };
        Words { heading, text }
    }
}

fn refusal(reason: Refusal, app: &str) -> String {
    match reason {
        Refusal::ConnectionClosed => format!(
            "Your company's sign-in for {app} is switched off at the moment. Your administrator can switch it on again."
        ),
        Refusal::CompanyClosed => {
            format!(
                "Access to {app} is not open for your company at the moment. Please ask your administrator."
            )
        }
        Refusal::EmailDomain => format!(
            "The e-mail address of this account is not from a domain that your company has confirmed for {app}. \
             Use your work account, or ask your administrator."
        ),
        Refusal::NotProvisioned => format!(
            "Your company gives accounts for {app} to named people, and there is none for you yet. Your administrator \
             can add you."
        ),
        Refusal::Deactivated => {
            format!("Your access to {app} is switched off. If that is a mistake, ask your administrator.")
        }
        Refusal::OtherCompany => {
            "The account belongs to another company than this sign-in was started for. Start again from your \
             company's own link."
                .to_owned()
        }
        Refusal::Provider => {
            format!(
                "This way of signing in is not open for {app}. Use the sign-in link that your company gave you."
            )
        }
    }
}

fn failure(reason: SignInFailure, app: &str) -> String {
    match reason {
        SignInFailure::Denied => format!(
            "Your company's sign-in service did not let you through to {app}. Your administrator can give you access."
        ),
        SignInFailure::ConsentDenied => {
            "You chose not to continue. You can try again whenever you like.".to_owned()
        }
        SignInFailure::NotSetUp => format!(
            "Signing in to {app} is not set up correctly for this link. Please ask your administrator to check it."
        ),
        SignInFailure::OutsideCompany => {
            "This account does not belong to the company you are signing in to. Try again with your work account."
                .to_owned()
        }
        SignInFailure::ProviderFailed => {
            "Your company's sign-in service could not complete the sign-in. Please try again.".to_owned()
        }
        SignInFailure::CodeRefused => {
            "This sign-in took too long or was already used. Please try again; it usually works at once.".to_owned()
        }
        SignInFailure::ProviderDown => {
            "The sign-in service does not answer at the moment. Please try again in a minute.".to_owned()
        }
    }
}

fn bad_link(reason: BadLink, app: &str) -> String {
    match reason {
        BadLink::Selector => format!(
            "It does not say which company to sign in to {app} with. Use the sign-in link that your company gave you."
        ),
        BadLink::ReturnUrl => format!(
            "It would lead to an address outside {app} after signing in. Open {app} and sign in from there."
        ),
        BadLink::Conflict(_) => format!(
            "It names several ways to sign in to {app}, and they do not agree. Enter your e-mail address instead, or use \
             the sign-in link that your company gave you."
        ),
        BadLink::Parameter => {
            "A part of it is not understood. Use the sign-in link that your company gave you.".to_owned()
        }
    }
}

/// `30 seconds`, `2 minutes`.
fn spoken(wait: Duration) -> String {
    let seconds = seconds(wait);
    let (number, unit) = if seconds < 60 { (seconds, "second") } else { (seconds.div_ceil(60), "minute") };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_said_as_people_say_them() {
        for (millis, words) in [
            (0, "1 second"),
            (1000, "1 second"),
            (29_100, "30 seconds"),
            (60_000, "1 minute"),
            (61_000, "2 minutes"),
        ] {
            assert_eq!(spoken(Duration::from_millis(millis)), words);
        }
    }
}
