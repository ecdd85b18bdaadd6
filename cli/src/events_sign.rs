//! `vestibule events sign`: a sample event as WorkOS would sign it this very minute.
//!
//! A webhook's signature is good for three minutes, so no file can hold one that is. This puts a new one on a sample of
//! `events/` or on the bare body of a webhook, and gives what API Gateway would hand to the function: ready for
//! `cargo lambda invoke` and `sam local invoke`.

use std::io;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::{Args, Subcommand};
use domain::{Clock, Rng, Timestamp};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use workos::{InvalidWebhookSecret, SIGNATURE_HEADER, WebhookSecret, WebhookSecrets};

use crate::dev::{self, RunningFileError};
use crate::secret_store::{SecretStore, SecretStoreError};
use crate::terminal::say;

const WEBHOOK: &str = "/webhooks/workos";

#[derive(Debug, Subcommand)]
pub enum EventsVerb {
    /// Sign a sample event anew, and print the event to invoke the function with
    Sign(SignArgs),
}

#[derive(Debug, Args)]
pub struct SignArgs {
    /// A sample of events/, or a file that holds the body of a webhook
    pub file: PathBuf,
    /// File with the webhook's secret: the secret alone, or the JSON that Secrets Manager holds
    #[arg(long, value_name = "FILE", required_unless_present = "local", conflicts_with = "local")]
    pub secret_file: Option<PathBuf>,
    /// Sign with the secret of the running `vestibule dev`
    #[arg(long)]
    pub local: bool,
    /// With --local: its data directory
    #[arg(long, default_value = ".vestibule", conflicts_with = "secret_file")]
    pub data_dir: PathBuf,
    /// Make it a new event of this moment, with an id of its own; the same event twice is a duplicate
    #[arg(long)]
    pub new: bool,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("cannot read {file}: {why}")]
    File { file: String, why: io::Error },
    #[error("{file}: {why}")]
    Secret { file: String, why: InvalidWebhookSecret },
    #[error("{0}: neither an event of API Gateway nor a JSON body")]
    NotAnEvent(String),
    #[error("{0}: the event's body is not what it says it is")]
    Body(String),
    #[error(transparent)]
    Local(#[from] RunningFileError),
    #[error(transparent)]
    Secrets(#[from] SecretStoreError),
    #[error("the HTTP client does not start: {0}")]
    Client(#[from] net::BuildError),
    #[error(transparent)]
    Random(#[from] domain::RngError),
    #[error("the terminal: {0}")]
    Terminal(#[from] io::Error),
}

/// # Errors
/// With what is in the way.
pub async fn run(verb: &EventsVerb) -> Result<(), SignError> {
    let EventsVerb::Sign(args) = verb;
    let place = args.file.display().to_string();
    let text = read(&args.file)?;
    let secret = match &args.secret_file {
        Some(file) => {
            secret(&read(file)?).map_err(|why| SignError::Secret { file: file.display().to_string(), why })?
        }
        None => local_secret(args).await?,
    };
    let (now, rng) = (Clock::system().now(), Rng::system());
    let fresh = if args.new { Some(format!("event_{}", rng.ulid(now)?)) } else { None };
    let signed = sign(&place, &text, &secret, now, fresh.as_deref())?;
    say(&serde_json::to_string_pretty(&signed).map_err(io::Error::other)?)?;
    Ok(())
}

fn read(file: &PathBuf) -> Result<String, SignError> {
    std::fs::read_to_string(file).map_err(|why| SignError::File { file: file.display().to_string(), why })
}

async fn local_secret(args: &SignArgs) -> Result<WebhookSecret, SignError> {
    let local = dev::running(&args.data_dir)?;
    let secrets = SecretStore::new(&local.sdk_config(net::client()?));
    let stored = secrets.read(dev::WEBHOOK_SECRET).await?;
    let place = || SignError::Secret { file: "the local stack".to_owned(), why: InvalidWebhookSecret };
    secret(stored.text.expose_secret()).map_err(|_| place())
}

fn secret(text: &str) -> Result<WebhookSecret, InvalidWebhookSecret> {
    let text = text.trim();
    match WebhookSecrets::from_secret(text) {
        Ok(secrets) => Ok(secrets.current().clone()),
        Err(_) => WebhookSecret::parse(text),
    }
}

/// The event of API Gateway with a signature of this moment. `fresh` is the id of the new event that it becomes.
///
/// # Errors
/// When the text is neither an event of API Gateway nor a JSON body.
pub fn sign(
    place: &str,
    text: &str,
    secret: &WebhookSecret,
    now: Timestamp,
    fresh: Option<&str>,
) -> Result<Value, SignError> {
    let not_an_event = || SignError::NotAnEvent(place.to_owned());
    let parsed: Value = serde_json::from_str(text).map_err(|_| not_an_event())?;
    let Value::Object(parsed) = parsed else { return Err(not_an_event()) };
    let mut event = if parsed.contains_key("requestContext") { parsed } else { invocation(text.trim()) };
    let mut body = body(&event).ok_or_else(|| SignError::Body(place.to_owned()))?;
    if let Some(id) = fresh {
        body = renewed(&body, id, now).ok_or_else(|| SignError::Body(place.to_owned()))?;
    }
    let headers = event.entry("headers").or_insert_with(|| json!({}));
    let headers = headers.as_object_mut().ok_or_else(not_an_event)?;
    headers.retain(|name, _| !name.eq_ignore_ascii_case(SIGNATURE_HEADER));
    headers.insert(SIGNATURE_HEADER.to_owned(), secret.sign(&body, now).into());
    if let Some(context) = event.get_mut("requestContext").and_then(Value::as_object_mut) {
        context.insert("timeEpoch".to_owned(), now.millis().into());
    }
    let (text, encoded) = match String::from_utf8(body) {
        Ok(text) => (text, false),
        Err(bytes) => (BASE64.encode(bytes.as_bytes()), true),
    };
    event.insert("body".to_owned(), text.into());
    event.insert("isBase64Encoded".to_owned(), encoded.into());
    Ok(Value::Object(event))
}

/// The bytes that are signed.
fn body(event: &Map<String, Value>) -> Option<Vec<u8>> {
    let text = event.get("body")?.as_str()?;
    if event.get("isBase64Encoded").and_then(Value::as_bool) == Some(true) {
        BASE64.decode(text).ok()
    } else {
        Some(text.as_bytes().to_vec())
    }
}

/// The same as a new event of this moment.
fn renewed(body: &[u8], id: &str, now: Timestamp) -> Option<Vec<u8>> {
    let mut event: Map<String, Value> = serde_json::from_slice(body).ok()?;
    if event.contains_key("event") {
        event.insert("id".to_owned(), id.into());
    }
    event.insert("created_at".to_owned(), now.rfc3339().into());
    serde_json::to_vec(&event).ok()
}

/// What API Gateway makes of a webhook with this body.
fn invocation(body: &str) -> Map<String, Value> {
    let event = json!({
        "version": "2.0",
        "routeKey": format!("ANY {WEBHOOK}"),
        "rawPath": WEBHOOK,
        "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost:8080", "user-agent": "WorkOS"},
        "requestContext": {
            "accountId": "123456789012", "apiId": "fixtureapi", "domainName": "localhost:8080",
            "domainPrefix": "localhost",
            "http": {
                "method": "POST", "path": WEBHOOK, "protocol": "HTTP/1.1", "sourceIp": "3.217.146.166",
                "userAgent": "WorkOS",
            },
            "requestId": "fixture-signed", "routeKey": format!("ANY {WEBHOOK}"), "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 0,
        },
        "body": body,
        "isBase64Encoded": false,
    });
    match event {
        Value::Object(event) => event,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Published with the samples; `events/README.md` names it.
    const SAMPLE_SECRET: &str = "whsec_sample_of_the_events_folder";
    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn secrets() -> WebhookSecrets {
        WebhookSecrets::new(WebhookSecret::parse(SAMPLE_SECRET).unwrap(), None)
    }

    fn samples() -> Vec<(String, String)> {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events");
        let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let mut samples: Vec<_> = files
            .map(|file| (file.file_name().unwrap().to_str().unwrap().to_owned(), file))
            .filter(|(name, _)| name.starts_with("scim-"))
            .map(|(name, file)| (name, std::fs::read_to_string(file).unwrap()))
            .collect();
        samples.sort();
        samples
    }

    fn verified(event: &Value, at: Timestamp) -> bool {
        let Some(signature) = event["headers"][SIGNATURE_HEADER].as_str() else { return false };
        let body = event["body"].as_str().unwrap();
        secrets().verify(signature.as_bytes(), body.as_bytes(), at).is_ok()
    }

    /// R51: the samples are golden vectors: each was signed with the published secret at its own moment, and with that
    /// secret again it is the same file.
    #[test]
    fn samples_are_signed_with_the_published_secret() {
        let samples = samples();
        let mut signed = 0;
        for (name, text) in &samples {
            let event: Value = serde_json::from_str(text).unwrap();
            if event["headers"].get(SIGNATURE_HEADER).is_none() {
                continue;
            }
            signed += 1;
            let at = Timestamp::from_millis(event["requestContext"]["timeEpoch"].as_i64().unwrap());
            assert!(verified(&event, at), "{name}");
            assert_eq!(sign(name, text, secrets().current(), at, None).unwrap(), event, "{name}");
            assert!(verified(&sign(name, text, secrets().current(), NOW, None).unwrap(), NOW), "{name}");
        }
        assert!(signed > 25 && signed < samples.len());
    }

    /// Every type of event that means something here has a sample, and one that means nothing has one too.
    #[test]
    fn every_type_of_event_has_a_sample() {
        let types: Vec<String> = samples()
            .iter()
            .filter_map(|(_, text)| {
                let event: Value = serde_json::from_str(text).unwrap();
                let body: Value = serde_json::from_str(event["body"].as_str()?).unwrap();
                Some(body["event"].as_str()?.to_owned())
            })
            .collect();
        for known in workos::EventKind::KNOWN {
            assert!(types.iter().any(|kind| kind == known), "{known}");
        }
        assert!(types.iter().any(|kind| kind == "flag.created"));
    }

    #[test]
    fn a_bare_body_becomes_an_event_and_a_new_one_is_of_this_moment() {
        let body = "{ \"id\": \"event_1\",\n  \"event\": \"dsync.deleted\", \"created_at\": \"2026-01-01T00:00:00Z\", \"data\": {} }\n";
        let event = sign("body.json", body, secrets().current(), NOW, None).unwrap();
        assert_eq!(event["body"], body.trim());
        assert!(verified(&event, NOW));
        let event = sign("body.json", body, secrets().current(), NOW, Some("event_2")).unwrap();
        let inner: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
        assert_eq!(
            (inner["id"].as_str(), inner["created_at"].as_str()),
            (Some("event_2"), Some("2027-01-15T08:00:00Z"))
        );
        assert!(verified(&event, NOW));
        let encoded = json!({"requestContext": {}, "headers": {"WorkOS-Signature": "old"}, "isBase64Encoded": true,
                             "body": BASE64.encode("{\"operation\":\"create\"}")});
        let event = sign("x", &encoded.to_string(), secrets().current(), NOW, Some("event_2")).unwrap();
        assert!(verified(&event, NOW) && event["headers"].as_object().unwrap().len() == 1);
        assert!(!event["body"].as_str().unwrap().contains("event_2"), "the old envelope has no id");
        for wrong in ["", "[]", "x", "{\"requestContext\": {}}"] {
            assert!(sign("x", wrong, secrets().current(), NOW, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_file_holds_the_secret_or_its_document() {
        for fine in [
            format!("{SAMPLE_SECRET}\n"),
            format!(r#"{{"current":"{SAMPLE_SECRET}","previous":"whsec_the_one_before_it"}}"#),
        ] {
            assert_eq!(secret(&fine).unwrap().sign(b"x", NOW), secrets().current().sign(b"x", NOW));
        }
        assert!(secret("short").is_err());
    }
}
