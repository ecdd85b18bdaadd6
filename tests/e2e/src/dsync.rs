//! WorkOS as the sender of webhooks: events of the test's choice, signed as it would sign them, at the stack's time.

use domain::Timestamp;
use serde_json::{Value, json};
use workos::{SIGNATURE_HEADER, WebhookSecret};

use crate::{Answer, Browser, Stack, WEBHOOK_SECRET};

/// Where webhooks go.
pub const WEBHOOK: &str = "/webhooks/workos";
/// Acme's directory, as the events of these tests name it.
pub const DIRECTORY: &str = "directory_01ACME";
/// Organization of the sandbox's seed.
pub const ACME: &str = "org_01SANDBOXACME";

impl Stack {
    /// The secret that counts now.
    ///
    /// # Panics
    /// When there is none.
    pub fn webhook_secret(&self) -> WebhookSecret {
        let document = self.running.secrets.get(WEBHOOK_SECRET).expect("the stack has a webhook secret");
        let document: Value = serde_json::from_str(&document).expect("the secret is JSON");
        WebhookSecret::parse(document["current"].as_str().unwrap_or_default()).expect("a secret")
    }

    /// An event of this moment: its id, its type, its data.
    pub fn event(&self, id: &str, kind: &str, data: Value) -> Value {
        event_at(self.clock.now(), id, kind, data)
    }

    /// Delivers an event over HTTP.
    pub async fn deliver(&self, event: &Value) -> Answer {
        self.deliver_to(&self.browser(), event).await
    }

    /// Delivers an event by somebody's way to the product.
    pub async fn deliver_to(&self, door: &Browser, event: &Value) -> Answer {
        let body = event.to_string();
        let signature = self.webhook_secret().sign(body.as_bytes(), self.clock.now());
        let request = door.ask("POST", WEBHOOK).header(SIGNATURE_HEADER, &signature);
        request.body("application/json", &body).send().await
    }

    /// Delivers an event that has to be taken. Gives the outcome.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn delivered(&self, event: &Value) -> String {
        let answer = self.deliver(event).await;
        assert_eq!(answer.status, 200, "{}: {}", event["event"], answer.body);
        answer.json()["outcome"].as_str().unwrap_or_default().to_owned()
    }
}

/// An event of another moment.
pub fn event_at(at: Timestamp, id: &str, kind: &str, data: Value) -> Value {
    json!({
        "object": "event", "id": format!("event_{id}"), "event": kind, "created_at": at.rfc3339(), "data": data,
        "context": {"client_id": sandbox::DEFAULT_CLIENT_ID},
    })
}

/// A person of Acme's directory.
pub fn person(id: &str, email: &str) -> Value {
    json!({
        "object": "directory_user", "id": format!("directory_user_{id}"), "directory_id": DIRECTORY,
        "organization_id": ACME, "idp_id": format!("idp-{id}"), "email": email, "first_name": "Ada",
        "last_name": "Okafor", "state": "active", "custom_attributes": {"department_name": "Platform"},
        "raw_attributes": {}, "emails": [],
    })
}

/// A group of Acme's directory.
pub fn group(id: &str, name: &str) -> Value {
    json!({
        "object": "directory_group", "id": format!("directory_group_{id}"), "directory_id": DIRECTORY,
        "organization_id": ACME, "idp_id": name, "name": name, "raw_attributes": {},
    })
}

/// One person in one group, in the words of an event.
pub fn membership(person: &Value, group: &Value) -> Value {
    json!({"directory_id": DIRECTORY, "user": person, "group": group})
}

/// Acme's directory itself.
pub fn directory() -> Value {
    json!({
        "object": "directory", "id": DIRECTORY, "organization_id": ACME, "name": "Acme Okta", "state": "active",
        "type": "okta scim v2.0", "external_key": "x", "domains": [],
    })
}

/// The same with some fields changed.
///
/// # Panics
/// When the changes are no object.
pub fn with(mut value: Value, changes: &Value) -> Value {
    for (name, change) in changes.as_object().expect("an object of changes") {
        value[name] = change.clone();
    }
    value
}
