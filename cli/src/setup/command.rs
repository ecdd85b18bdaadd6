//! The terminal side of `vestibule setup`.

use std::io::{self, Read};
use std::path::Path;

use domain::{Clock, Rng};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{Store, StoreError};
use web::Vars;
use workos::{
    ApiKey, BaseUrl, Client, ClientId, Environment, InvalidApiKey, InvalidWebhookSecret, WebhookSecret,
};

use super::{ApiKeyChange, ApiKeyPlace, KeyCheckError, Wanted, WebhookChange, WebhookPlace, check};
use crate::args::SetupArgs;
use crate::dev::WEBHOOK_SECRET_VALUE;
use crate::keys::{FirstKey, KeyName, Keys, KeysError};
use crate::operator::OperatorError;
use crate::secret_store::{SecretStore, SecretStoreError};
use crate::stack::{Stack, StackError};
use crate::target::{self, TargetError};
use crate::terminal::{ask_secret, note, say, say_json, somebody_is_there};

/// Why a stack was not set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] net::BuildError),
    #[error(
        "no WorkOS API key: set WORKOS_API_KEY, give --api-key-file FILE (- for standard input), \
         or run this at a terminal, where it is asked for"
    )]
    NoApiKey,
    #[error("{place}: {why}")]
    InvalidApiKey { place: String, why: InvalidApiKey },
    #[error("{place}: {why}")]
    InvalidWebhookSecret { place: String, why: InvalidWebhookSecret },
    #[error(
        "no new webhook secret: set WORKOS_WEBHOOK_SECRET_VALUE, give --webhook-secret-file FILE (- for standard input), \
         or run this at a terminal, where it is asked for"
    )]
    NoWebhookSecret,
    #[error("--api-key-file and --webhook-secret-file cannot both be standard input")]
    OneStandardInput,
    #[error("cannot read {place}: {why}")]
    SecretFile { place: String, why: io::Error },
    #[error("{0}: {1}")]
    BaseUrl(&'static str, String),
    #[error(transparent)]
    Check(#[from] KeyCheckError),
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// Sets a stack up and says what to do next.
///
/// # Errors
/// With what is in the way, and the flag or command that clears it.
pub async fn run(args: &SetupArgs, vars: &Vars) -> Result<(), SetupError> {
    if [&args.api_key_file, &args.webhook_secret_file].iter().all(|file| is_standard_input(file.as_deref())) {
        return Err(SetupError::OneStandardInput);
    }
    let http = net::client()?;
    let (config, stack) = target::stack(&http, &args.stack).await?;
    let secrets = SecretStore::new(&config);
    let (clock, rng) = (Clock::system(), Rng::system());

    let place = ApiKeyPlace { secrets: secrets.clone(), secret: stack.api_key_secret.clone() };
    let stored = place.stored().await?;
    let (change, environment) = match stored {
        Some(kept) if !args.rotate_api_key => (ApiKeyChange::Kept, kept.environment()),
        _ => {
            let (from, text) = api_key(args, vars)?;
            let key = ApiKey::parse(text.expose_secret())
                .map_err(|why| SetupError::InvalidApiKey { place: from, why })?;
            if !args.no_verify {
                check(&workos(&stack, vars, http.clone(), &clock, &rng)?, &key).await?;
            }
            (place.store(&text).await?, key.environment())
        }
    };
    let place = WebhookPlace { secrets: secrets.clone(), secret: stack.webhook_secret.clone() };
    let webhook = webhook(args, vars, &place).await?;
    let keys = Keys {
        store: Store::new(&config, stack.tables(), rng.clone()),
        secrets,
        secret: stack.signing_keys_secret.clone(),
        clock,
        rng,
    };
    let (key, first) = keys.create(args.algorithm.into()).await?;
    let mut warnings = warnings(args, vars, change, environment, &key);
    if webhook == WebhookChange::KeptAnother {
        let stays = "another webhook secret is stored and stays; --rotate-webhook-secret puts the given one in its place";
        warnings.push(stays.to_owned());
    }
    if args.json {
        say_json(&json!({
            "stack": stack.name,
            "public_url": stack.public_url,
            "redirect_uri": stack.redirect_uri,
            "sign_in_endpoint": stack.sign_in_endpoint,
            "jwks_url": stack.jwks_url,
            "webhook_url": stack.webhook_url,
            "api_key": change,
            "webhook_secret": webhook,
            "signing_key": { "change": first, "kid": key.kid, "algorithm": key.algorithm },
            "warnings": warnings,
        }))?;
    } else {
        report(&stack, change, webhook, &key, first)?;
        for warning in warnings {
            note(&format!("warning: {warning}"))?;
        }
    }
    Ok(())
}

fn workos(
    stack: &Stack,
    vars: &Vars,
    http: reqwest::Client,
    clock: &Clock,
    rng: &Rng,
) -> Result<Client, SetupError> {
    // What the functions use counts; the environment helps where only outputs are known.
    let base = match &stack.workos_api_base_url {
        Some(url) => {
            BaseUrl::parse(url).map_err(|why| SetupError::BaseUrl("WorkosApiBaseUrl", why.to_string()))?
        }
        None => BaseUrl::from_settings(|name| vars.get(name).map(str::to_owned))
            .map_err(|why| SetupError::BaseUrl(why.name, why.reason.to_string()))?,
    };
    // No call made here sends it.
    let client_id = stack.workos_client_id.as_deref().unwrap_or("client_unknown");
    let client_id =
        ClientId::parse(client_id).map_err(|why| SetupError::BaseUrl("WorkosClientId", why.to_string()))?;
    Ok(Client::new(http, base, client_id, clock.clone(), rng.clone()))
}

/// The key, and where it is from.
fn api_key(args: &SetupArgs, vars: &Vars) -> Result<(String, SecretString), SetupError> {
    if let Some(file) = &args.api_key_file {
        return from_file(file);
    }
    if let Some(key) = vars.get("WORKOS_API_KEY") {
        return Ok(("WORKOS_API_KEY".to_owned(), key.to_owned().into()));
    }
    if !somebody_is_there() {
        return Err(SetupError::NoApiKey);
    }
    Ok(("the API key".to_owned(), ask_secret("WorkOS API key (not shown): ")?))
}

/// What a file or the standard input holds, and where it is from.
fn from_file(file: &Path) -> Result<(String, SecretString), SetupError> {
    let standard_input = is_standard_input(Some(file));
    let place = if standard_input { "standard input".to_owned() } else { file.display().to_string() };
    let mut text = String::new();
    let read = if standard_input {
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    let text = read.map_err(|why| SetupError::SecretFile { place: place.clone(), why })?;
    Ok((place, text.trim().to_owned().into()))
}

fn is_standard_input(file: Option<&Path>) -> bool {
    file.is_some_and(|file| file.as_os_str() == "-")
}

/// Stores the webhook's secret where one is given. Without one everything but directory sync works.
async fn webhook(args: &SetupArgs, vars: &Vars, place: &WebhookPlace) -> Result<WebhookChange, SetupError> {
    let asked = "the webhook secret";
    let given = match (&args.webhook_secret_file, vars.get(WEBHOOK_SECRET_VALUE)) {
        (Some(file), _) => Some(from_file(file)?),
        (None, Some(text)) => Some((WEBHOOK_SECRET_VALUE.to_owned(), text.to_owned().into())),
        (None, None) if args.rotate_webhook_secret && !somebody_is_there() => {
            return Err(SetupError::NoWebhookSecret);
        }
        (None, None) if args.rotate_webhook_secret => {
            Some((asked.to_owned(), ask_secret("New WorkOS webhook secret (not shown): ")?))
        }
        (None, None) if somebody_is_there() && !place.is_set().await? => {
            let question = "WorkOS webhook secret, for directory sync (not shown; empty for none yet): ";
            let text = ask_secret(question)?;
            (!text.expose_secret().is_empty()).then(|| (asked.to_owned(), text))
        }
        (None, None) => None,
    };
    if let Some((from, text)) = &given {
        WebhookSecret::parse(text.expose_secret())
            .map_err(|why| SetupError::InvalidWebhookSecret { place: from.clone(), why })?;
    }
    let wanted =
        Wanted { rotate: args.rotate_webhook_secret, forget_previous: args.forget_previous_webhook_secret };
    Ok(place.set(given.as_ref().map(|(_, text)| text), wanted).await?)
}

fn warnings(
    args: &SetupArgs,
    vars: &Vars,
    change: ApiKeyChange,
    environment: Option<Environment>,
    key: &KeyName,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if environment == Some(Environment::Test) {
        let staging = "the API key is one of a staging environment (sk_test_…): right for a stack to try things in, \
                       wrong for one that customers use";
        warnings.push(staging.to_owned());
    }
    let given = args.api_key_file.is_some() || vars.get("WORKOS_API_KEY").is_some();
    if change == ApiKeyChange::Kept && given {
        warnings.push(
            "the stored API key stays, the one given was not looked at; --rotate-api-key replaces it"
                .to_owned(),
        );
    }
    if key.algorithm != args.algorithm.into() {
        warnings.push(format!(
            "the signing key is {}; `vestibule keys rotate --algorithm …` follows it with one of another kind",
            key.algorithm
        ));
    }
    warnings
}

fn report(
    stack: &Stack,
    change: ApiKeyChange,
    webhook: WebhookChange,
    key: &KeyName,
    first: FirstKey,
) -> Result<(), SetupError> {
    let api_key = match change {
        ApiKeyChange::Stored => "stored",
        ApiKeyChange::Replaced => "replaced; functions use the new one within five minutes",
        ApiKeyChange::Kept => "was there already and stays",
    };
    let webhook = match webhook {
        WebhookChange::None => "none; directory sync needs one",
        WebhookChange::Stored => "stored",
        WebhookChange::Kept | WebhookChange::KeptAnother => "was there already and stays",
        WebhookChange::Rotated => "rotated; the one before counts as well until it is forgotten",
        WebhookChange::Forgotten => "only the current one counts within five minutes",
    };
    let made = match first {
        FirstKey::Created => "made and published",
        FirstKey::Kept => "was there already and stays",
        FirstKey::Republished => "was there already and is published again",
    };
    let dns = stack.custom_domain_target.as_ref().map_or(String::new(), |target| {
        let host = stack.public_url.split_once("://").map_or(stack.public_url.as_str(), |(_, host)| host);
        format!("\n  {host} must point to\n    {target}\n")
    });
    say(&format!(
        "{name} is set up.\n\n  \
         API key         {api_key}\n  \
         Signing key     {kid} ({algorithm}) {made}\n  \
         Webhook secret  {webhook}\n{dns}\n\
         In the WorkOS dashboard, under Redirects, register\n  \
         redirect URI       {redirect}\n  \
         sign-in endpoint   {start}\n\
         and for directory sync, under Webhooks\n  \
         endpoint           {hook}\n\n\
         Then\n  \
         1. open {start}?organization=org_… with the id of an organization that has a connection;\n  \
         2. give {jwks} to whoever verifies session tokens;\n  \
         3. rotate the signing key from time to time: vestibule keys rotate --stack {name}",
        name = stack.name,
        kid = key.kid,
        algorithm = key.algorithm,
        redirect = stack.redirect_uri,
        start = stack.sign_in_endpoint,
        hook = stack.webhook_url,
        jwks = stack.jwks_url,
    ))?;
    Ok(())
}
