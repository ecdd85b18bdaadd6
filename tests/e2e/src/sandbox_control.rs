//! The sandbox's control API: who signs in, what breaks, and what arrived.

use reqwest::Method;
use serde_json::{Value, json};

/// Switches of a running sandbox.
#[derive(Clone)]
pub struct SandboxControl {
    base: String,
    http: reqwest::Client,
}

/// A request that reached the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub method: String,
    pub path: String,
    /// `None` when nothing was answered.
    pub status: Option<u16>,
}

impl SandboxControl {
    pub(crate) fn new(base: String, http: reqwest::Client) -> Self {
        Self { base, http }
    }

    async fn call(&self, method: Method, verb: &str, body: Option<Value>) -> Value {
        let mut request = self.http.request(method, format!("{}/_sandbox/{verb}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.expect("the sandbox answers");
        let status = answer.status();
        let text = answer.text().await.expect("the sandbox answers");
        assert!(status.is_success(), "the sandbox refuses {verb}: {text}");
        serde_json::from_str(&text).expect("the sandbox answers JSON")
    }

    async fn post(&self, verb: &str, body: Value) -> Value {
        self.call(Method::POST, verb, Some(body)).await
    }

    /// The next authorization requests complete by themselves as this person.
    pub async fn auto(&self, email: &str) {
        self.post("auto", json!({ "email": email })).await;
    }

    /// The next authorization requests fail with this error.
    pub async fn fails(&self, error: &str, description: &str) {
        self.post("auto", json!({ "error": error, "error_description": description })).await;
    }

    /// Sign-ins show the IdP's page again.
    pub async fn manual(&self) {
        self.post("auto", Value::Null).await;
    }

    /// `{"path", "kind", "status", "retry_after", "delay_ms", "count"}`.
    pub async fn fault(&self, fault: Value) {
        self.post("faults", fault).await;
    }

    pub async fn heal(&self) {
        self.call(Method::DELETE, "faults", None).await;
    }

    /// Changes a person, or adds one with `organization_id`.
    pub async fn person(&self, change: Value) {
        self.post("people", change).await;
    }

    pub async fn connection(&self, id: &str, state: &str) {
        self.post("connections", json!({ "id": id, "state": state })).await;
    }

    /// `{"id", "name", "domains": [{"domain", "state"}]}`.
    pub async fn organization(&self, change: Value) {
        self.post("organizations", change).await;
    }

    /// `{"webhook": null, "directory_requests_per_second": null, …}`.
    pub async fn settings(&self, change: Value) {
        self.post("settings", change).await;
    }

    /// An event of any type, with any data.
    pub async fn event(&self, kind: &str, data: Value) -> Value {
        self.post("events", json!({ "event": kind, "data": data })).await
    }

    /// How webhooks are delivered from now on.
    pub async fn delivery(&self, switches: Value) {
        self.post("delivery", switches).await;
    }

    /// What an administrator does in a directory: `{"action": "hire", "email", …}`.
    pub async fn directory(&self, errand: Value) -> Value {
        self.post("directory", errand).await
    }

    /// A list of WorkOS's API, page by page.
    ///
    /// # Panics
    /// When it cannot be had.
    pub async fn list(&self, path: &str) -> Vec<Value> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let url = format!("{}{path}{join}limit=100&order=asc{after}", self.base);
            let sent = self.http.get(url).bearer_auth(sandbox::DEFAULT_API_KEY).send().await;
            let text = sent.expect("the sandbox answers").text().await.expect("the sandbox answers");
            let page: Value = serde_json::from_str(&text).expect("a list");
            all.extend(page["data"].as_array().expect("a list").iter().cloned());
            match page["list_metadata"]["after"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return all,
            }
        }
    }

    /// What arrived since [`SandboxControl::forget`], oldest first.
    pub async fn requests(&self) -> Vec<Arrived> {
        let answer = self.call(Method::GET, "requests", None).await;
        let entries = answer["requests"].as_array().cloned().unwrap_or_default();
        let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        entries
            .iter()
            .map(|entry| Arrived {
                method: text(entry, "method"),
                path: text(entry, "path"),
                status: entry["status"].as_u64().and_then(|status| u16::try_from(status).ok()),
            })
            .collect()
    }

    /// How often a path below this one was asked for.
    pub async fn calls(&self, path: &str) -> usize {
        let below = format!("{path}/");
        self.requests().await.iter().filter(|own| own.path == path || own.path.starts_with(&below)).count()
    }

    pub async fn forget(&self) {
        self.call(Method::DELETE, "requests", None).await;
    }
}
