//! The control API under `/_sandbox`: whatever a person can switch on the pages, a test can switch over HTTP.
//!
//! JSON in, JSON out; the pages' forms go to the same endpoints and come back to the page. Input that is not
//! understood is refused with a sentence: a fault that was never set makes a test pass for the wrong reason.

mod deliveries;
mod directory;
mod input;
mod tokens;
mod world;

use axum::extract::{Query, State};
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::EmailAddress;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::delivery::WebhookEndpoint;
use crate::errors::{REDIRECT_ERRORS, description};
use crate::faults::Fault;
use crate::flow::Auto;
use crate::guard;
use crate::options::{loopback, web_url};
use crate::pages;
use crate::state::Sandbox;
pub(crate) use directory::PAGE as DIRECTORY_PAGE;
use input::{Empty, Refused, Verb};

/// Longest error text that an automatic failure may carry: enough for a test of capping, not for a flood.
const MAX_ERROR_TEXT: usize = 4096;

const HOME: &str = "/";
const LOG: &str = "/_sandbox/log";

pub(crate) fn routes(sandbox: &Sandbox) -> Router<Sandbox> {
    Router::new()
        .route(LOG, get(pages::log))
        .route("/_sandbox/people", get(world::people).post(world::change_person))
        .route("/_sandbox/connections", post(world::change_connection))
        .route("/_sandbox/organizations", post(world::change_organization))
        .route("/_sandbox/auto", get(auto).post(set_auto))
        .route("/_sandbox/settings", get(settings).post(change_settings))
        .route("/_sandbox/faults", get(faults).post(set_fault).delete(clear_faults))
        .route("/_sandbox/faults/clear", post(clear_faults_by_form))
        .route("/_sandbox/requests", get(requests).delete(clear_requests))
        .route("/_sandbox/requests/clear", post(clear_requests_by_form))
        .route("/_sandbox/tokens", post(tokens::mint))
        .route("/_sandbox/directory", get(pages::directory).post(directory::change))
        .route("/_sandbox/events", post(directory::emit))
        .route("/_sandbox/delivery", get(deliveries::switches).post(deliveries::change_switches))
        .route("/_sandbox/deliveries", get(deliveries::list))
        .route("/_sandbox/deliveries/retry", post(deliveries::retry))
        .route("/_sandbox/reset", post(reset))
        .layer(from_fn_with_state(sandbox.clone(), guard::same_site_only))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AutoSpec {
    email: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

fn auto_json(sandbox: &Sandbox) -> Value {
    json!({ "auto": sandbox.state().auto })
}

async fn auto(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(auto_json(&sandbox))
}

/// The next authorization requests complete by themselves: as this person, or with this error; with neither, no more.
async fn set_auto(State(sandbox): State<Sandbox>, verb: Verb<AutoSpec>) -> Result<Response, Refused> {
    let spec = &verb.value;
    let auto = match (&spec.email, &spec.error) {
        (Some(_), Some(_)) => return Err(verb.refuse("Give email or error, not both.")),
        (None, None) => None,
        (Some(text), None) => {
            let email = EmailAddress::parse(text).map_err(|error| verb.refuse(&error.to_string()))?;
            let known =
                sandbox.state().world.people.iter().any(|person| person.email.folded() == email.folded());
            if !known {
                return Err(
                    verb.refuse("Nobody in the sandbox has this e-mail address. See GET /_sandbox/people.")
                );
            }
            Some(Auto::Person { email })
        }
        (None, Some(error)) => {
            let text = spec.error_description.clone().unwrap_or_else(|| description(error).to_owned());
            if error.is_empty() || error.len().max(text.len()) > MAX_ERROR_TEXT {
                return Err(
                    verb.refuse("error must not be empty, and no text may be longer than 4096 bytes.")
                );
            }
            Some(Auto::Error { error: error.clone(), error_description: text })
        }
    };
    // Undocumented codes are welcome, since WorkOS may invent some; but a typing error should be seen.
    let documented = match &auto {
        Some(Auto::Error { error, .. }) => Some(REDIRECT_ERRORS.iter().any(|(known, _)| known == error)),
        Some(Auto::Person { .. }) | None => None,
    };
    sandbox.state().auto = auto;
    let mut answer = auto_json(&sandbox);
    if let (Some(documented), Some(fields)) = (documented, answer.as_object_mut()) {
        fields.insert("documented".to_owned(), json!(documented));
    }
    Ok(verb.answer(answer, HOME))
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct SettingsChange {
    consent: Option<bool>,
    enforce_domains: Option<bool>,
    idp_initiated: Option<bool>,
    /// Absent: as it is. Null: none.
    #[serde(deserialize_with = "given")]
    sign_in_endpoint: Option<Option<String>>,
    /// Absent: as it is. Null: no limit.
    #[serde(deserialize_with = "given")]
    logins_per_minute: Option<Option<u32>>,
    /// As above.
    #[serde(deserialize_with = "given")]
    requests_per_minute: Option<Option<u32>>,
    /// As above.
    #[serde(deserialize_with = "given")]
    directory_requests_per_second: Option<Option<u32>>,
    keep_inactive_users: Option<bool>,
    directory_decides_sign_in: Option<bool>,
    events_obey_order: Option<bool>,
    /// Absent: as it is. Null: nobody is told.
    #[serde(deserialize_with = "given")]
    webhook: Option<Option<Webhook>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Webhook {
    url: String,
    secret: String,
}

impl Webhook {
    /// On this machine, or where the sandbox was told at its start: what is made up here is nothing to send to others.
    fn endpoint(&self, sandbox: &Sandbox) -> Option<WebhookEndpoint> {
        let url = web_url(&self.url)?;
        let first = sandbox.first_webhook().and_then(|first| web_url(&first.url));
        let known = loopback(&url) || first.is_some_and(|first| first.origin() == url.origin());
        let endpoint = WebhookEndpoint { url: self.url.clone(), secret: self.secret.clone() };
        (known && !self.secret.is_empty()).then_some(endpoint)
    }
}

fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

async fn settings(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(settings_json(&sandbox))
}

/// The secret stays here.
fn settings_json(sandbox: &Sandbox) -> Value {
    let state = sandbox.state();
    let mut answer = json!(state.settings);
    if let Some(fields) = answer.as_object_mut() {
        let url = state.webhook.as_ref().map(|webhook| json!({ "url": webhook.url }));
        fields.insert("webhook".to_owned(), json!(url));
    }
    answer
}

async fn change_settings(
    State(sandbox): State<Sandbox>,
    verb: Verb<SettingsChange>,
) -> Result<Response, Refused> {
    let change = &verb.value;
    if change.sign_in_endpoint.iter().flatten().any(|url| web_url(url).is_none()) {
        return Err(verb.refuse("sign_in_endpoint must be an absolute http or https URL, or null."));
    }
    let webhook = match &change.webhook {
        None => None,
        Some(None) => Some(None),
        Some(Some(given)) => {
            let text = "webhook needs an http or https url on this machine and a secret that is not empty, or is null.";
            Some(Some(given.endpoint(&sandbox).ok_or_else(|| verb.refuse(text))?))
        }
    };
    {
        let mut state = sandbox.state();
        if let Some(webhook) = webhook {
            state.webhook = webhook;
        }
        let settings = &mut state.settings;
        settings.consent = change.consent.unwrap_or(settings.consent);
        settings.enforce_domains = change.enforce_domains.unwrap_or(settings.enforce_domains);
        settings.idp_initiated = change.idp_initiated.unwrap_or(settings.idp_initiated);
        if let Some(endpoint) = &change.sign_in_endpoint {
            settings.sign_in_endpoint.clone_from(endpoint);
        }
        settings.logins_per_minute = change.logins_per_minute.unwrap_or(settings.logins_per_minute);
        settings.requests_per_minute = change.requests_per_minute.unwrap_or(settings.requests_per_minute);
        settings.directory_requests_per_second =
            change.directory_requests_per_second.unwrap_or(settings.directory_requests_per_second);
        settings.keep_inactive_users = change.keep_inactive_users.unwrap_or(settings.keep_inactive_users);
        settings.directory_decides_sign_in =
            change.directory_decides_sign_in.unwrap_or(settings.directory_decides_sign_in);
        settings.events_obey_order = change.events_obey_order.unwrap_or(settings.events_obey_order);
    }
    Ok(verb.answer(settings_json(&sandbox), HOME))
}

fn faults_json(sandbox: &Sandbox) -> Value {
    json!({ "faults": sandbox.state().faults.list() })
}

async fn faults(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(faults_json(&sandbox))
}

async fn set_fault(State(sandbox): State<Sandbox>, verb: Verb<Fault>) -> Result<Response, Refused> {
    verb.value.check().map_err(|error| verb.refuse(&format!("{error}.")))?;
    sandbox.state().faults.set(verb.value.clone());
    Ok(verb.answer(faults_json(&sandbox), HOME))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    path: Option<String>,
}

async fn clear_faults(State(sandbox): State<Sandbox>, Query(which): Query<Which>) -> Json<Value> {
    sandbox.state().faults.clear(which.path.as_deref());
    Json(faults_json(&sandbox))
}

async fn clear_faults_by_form(State(sandbox): State<Sandbox>, verb: Verb<Empty>) -> Response {
    sandbox.state().faults.clear(None);
    verb.answer(faults_json(&sandbox), HOME)
}

fn requests_json(sandbox: &Sandbox) -> Value {
    json!({ "requests": sandbox.state().log.entries().collect::<Vec<_>>() })
}

async fn requests(State(sandbox): State<Sandbox>) -> Json<Value> {
    Json(requests_json(&sandbox))
}

async fn clear_requests(State(sandbox): State<Sandbox>) -> Json<Value> {
    sandbox.state().log.clear();
    Json(requests_json(&sandbox))
}

async fn clear_requests_by_form(State(sandbox): State<Sandbox>, verb: Verb<Empty>) -> Response {
    sandbox.state().log.clear();
    verb.answer(requests_json(&sandbox), LOG)
}

/// Seed, settings, faults, automatic sign-in, log, codes and tokens: everything as at start.
async fn reset(State(sandbox): State<Sandbox>, verb: Verb<Empty>) -> Response {
    sandbox.reset();
    verb.answer(json!({ "reset": true }), HOME)
}

#[cfg(test)]
mod tests;
