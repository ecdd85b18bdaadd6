//! What the directory's functions are asked: a webhook about somebody known, a record of the table's stream, and what the
//! schedule says.

use domain::Clock;
use domain::directory::Retention;
use serde_json::{Value, json};
use store::{Applier, Store};
use workos::{Message, WebhookSecret};

use crate::Result;
use crate::stubs::Stubs;

pub(crate) const WEBHOOK_SECRET: &str = "bench/workos-webhook";
pub(crate) const APP_SECRET: &str = "bench/app-webhook";
const SECRET: &str = "whsec_benchmarkbenchmarkbenchmark";
/// Stands for the signature in the envelope.
const SIGNATURE: &str = "signature of this moment";

const ACTIVATED: &str = include_str!("../../../events/scim-dsync-activated.json");
const CREATED: &str = include_str!("../../../events/scim-dsync-user-created.json");
const UPDATED: &str = include_str!("../../../events/scim-dsync-user-updated.json");
const STREAM: &str = include_str!("../../../events/outbox-stream.json");
/// What EventBridge hands over, as far as the function reads it.
pub(crate) const SCHEDULED: &str =
    r#"{"source":"aws.scheduler","detail-type":"Scheduled Event","detail":{}}"#;

/// An event, ready or to be made for the moment in which it is sent.
pub(crate) enum Event {
    Fixed(String),
    Webhook(Webhook),
}

/// A webhook's signature is good for minutes: each is signed when it is sent.
pub(crate) struct Webhook {
    envelope: String,
    body: String,
    secret: WebhookSecret,
}

impl Event {
    pub(crate) fn now(&self) -> String {
        match self {
            Self::Fixed(text) => text.clone(),
            Self::Webhook(webhook) => webhook.signed(),
        }
    }
}

impl Webhook {
    fn new() -> Result<Self> {
        let mut envelope: Value = serde_json::from_str(UPDATED)?;
        let mut body = body(UPDATED)?;
        // Newer than what is known, or it would change nothing.
        set(&mut body, "/created_at", json!(Clock::system().now().rfc3339()))?;
        set(&mut envelope, "/headers/workos-signature", json!(SIGNATURE))?;
        set(&mut envelope, "/body", json!(body.to_string()))?;
        Ok(Self {
            envelope: envelope.to_string(),
            body: body.to_string(),
            secret: WebhookSecret::parse(SECRET)?,
        })
    }

    fn signed(&self) -> String {
        let signature = self.secret.sign(self.body.as_bytes(), Clock::system().now());
        self.envelope.replace(SIGNATURE, &signature)
    }
}

/// The webhook and the stream's record.
pub(crate) async fn fill(stubs: &Stubs, store: &Store) -> Result<(Event, Event)> {
    stubs.put_secret(WEBHOOK_SECRET, &json!({"current": SECRET}).to_string());
    let secret = "whsec_YmVuY2htYXJrLWJlbmNobWFyay1iZW5jaG1hcms=";
    stubs.put_secret(APP_SECRET, &json!({"current": secret}).to_string());
    let applier = Applier::new(store.clone(), Retention::days(90));
    for sample in [ACTIVATED, CREATED] {
        let event = workos::Event::from_value(body(sample)?)?;
        let Ok(Message::Directory { origin, change }) = event.read() else {
            return Err("a sample is no event of a directory".into());
        };
        applier.apply(&origin, &change, &event.stamp(), Clock::system().now()).await?;
    }
    let (pk, sk) = stubs.find("#E#").ok_or("no notice was written")?;
    let mut record: Value = serde_json::from_str(STREAM)?;
    set(&mut record, "/Records/0/dynamodb/Keys", json!({"pk": {"S": pk}, "sk": {"S": sk}}))?;
    Ok((Event::Webhook(Webhook::new()?), Event::Fixed(record.to_string())))
}

/// What a sample's webhook says.
fn body(sample: &str) -> Result<Value> {
    let envelope: Value = serde_json::from_str(sample)?;
    let body = envelope.get("body").and_then(Value::as_str).ok_or("a sample has no body")?;
    Ok(serde_json::from_str(body)?)
}

/// Sets what the sample has there.
fn set(sample: &mut Value, place: &str, value: Value) -> Result<()> {
    *sample.pointer_mut(place).ok_or_else(|| format!("a sample has no {place}"))? = value;
    Ok(())
}
