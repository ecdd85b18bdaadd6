//! A stand-in for AWS Secrets Manager, enough for the real SDK client: create, get, put, and move `AWSCURRENT` from one
//! version to another, by name or ARN. Values live in memory and, where a file is given, survive a restart.
//! For the local stack alone: it checks no signature.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use domain::{Clock, Rng};
use http::{HeaderMap, HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const PENDING: &str = "AWSPENDING";

/// Named secrets. Clones share them.
#[derive(Clone)]
pub struct LocalSecrets {
    inner: Arc<Mutex<BTreeMap<String, Stored>>>,
    file: Option<Arc<PathBuf>>,
    clock: Clock,
    rng: Rng,
}

#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    current: Version,
    previous: Option<Version>,
    /// Stored, and not current yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<Version>,
}

impl Stored {
    fn make_current(&mut self, version: Version) {
        self.previous = Some(std::mem::replace(&mut self.current, version));
    }

    fn at(&self, stage: &str) -> Option<&Version> {
        match stage {
            CURRENT => Some(&self.current),
            PREVIOUS => self.previous.as_ref(),
            PENDING => self.pending.as_ref(),
            _ => None,
        }
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Version {
    id: String,
    value: String,
    created: i64,
}

/// The file of secrets cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the local secrets in {file}: {why}")]
pub struct LocalSecretsError {
    file: String,
    why: String,
}

impl LocalSecrets {
    /// # Errors
    /// When the file exists but cannot be read.
    pub fn open(file: Option<PathBuf>, clock: Clock, rng: Rng) -> Result<Self, LocalSecretsError> {
        let mut known = BTreeMap::new();
        if let Some(file) = file.as_ref().filter(|file| file.exists()) {
            let fail = |why: String| LocalSecretsError { file: file.display().to_string(), why };
            let text = std::fs::read_to_string(file).map_err(|why| fail(why.to_string()))?;
            known = serde_json::from_str(&text).map_err(|why| fail(why.to_string()))?;
        }
        Ok(Self { inner: Arc::new(Mutex::new(known)), file: file.map(Arc::new), clock, rng })
    }

    pub fn get(&self, name: &str) -> Option<String> {
        let known = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(name_of(name)).map(|stored| stored.current.value.clone())
    }

    /// Sets the current value; the one before becomes `AWSPREVIOUS`. The same value again changes nothing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put(&self, name: &str, value: &str) -> Result<(), LocalSecretsError> {
        if self.get(name).as_deref() != Some(value) {
            self.add(name, value, CURRENT)?;
        }
        Ok(())
    }

    /// Stores a version under a stage; gives its id.
    fn add(&self, name: &str, value: &str, stage: &str) -> Result<String, LocalSecretsError> {
        let now = self.clock.now();
        let id = self.rng.ulid(now).unwrap_or_else(|_| now.millis().to_string());
        let version = Version { id: id.clone(), value: value.to_owned(), created: now.seconds() };
        let mut known = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        match (known.get_mut(name_of(name)), stage) {
            (Some(stored), PENDING) => stored.pending = Some(version),
            (Some(stored), _) => stored.make_current(version),
            (None, _) => {
                let stored = Stored { current: version, previous: None, pending: None };
                known.insert(name_of(name).to_owned(), stored);
            }
        }
        self.save(&known)?;
        Ok(id)
    }

    /// Makes the pending version the current one. `None` when the versions are not these.
    fn promote(&self, name: &str, from: &str, to: &str) -> Result<Option<()>, LocalSecretsError> {
        let mut known = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stored) = known.get_mut(name_of(name)) else { return Ok(None) };
        let Some(pending) = stored.pending.take_if(|pending| pending.id == to && stored.current.id == from)
        else {
            return Ok(None);
        };
        stored.make_current(pending);
        self.save(&known).map(Some)
    }

    fn save(&self, known: &BTreeMap<String, Stored>) -> Result<(), LocalSecretsError> {
        let Some(file) = &self.file else { return Ok(()) };
        let fail = |why: String| LocalSecretsError { file: file.display().to_string(), why };
        let text = serde_json::to_string_pretty(known).map_err(|why| fail(why.to_string()))?;
        write_private(file, text.as_bytes()).map_err(|why| fail(why.to_string()))
    }

    pub fn router(&self) -> Router {
        Router::new().route("/", post(answer)).with_state(self.clone())
    }
}

/// Writes a file that only its owner may read, whole or not at all.
fn write_private(file: &std::path::Path, content: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let draft = file.with_extension("new");
    let mut open =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    open.write_all(content)?;
    open.sync_all()?;
    std::fs::rename(draft, file)
}

/// `arn:aws:secretsmanager:local:000000000000:secret:NAME` and `NAME` mean the same.
fn name_of(id: &str) -> &str {
    id.rsplit_once(":secret:").map_or(id, |(_, name)| name)
}

async fn answer(State(secrets): State<LocalSecrets>, headers: HeaderMap, body: String) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let request: Value = serde_json::from_str(&body).unwrap_or_default();
    let field = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    let id = field("SecretId");
    let done = match target.rsplit_once('.').map_or(target, |(_, verb)| verb) {
        "GetSecretValue" => return get(&secrets, id, field("VersionStage")),
        "CreateSecret" if secrets.get(field("Name")).is_some() => {
            return fault(StatusCode::BAD_REQUEST, "ResourceExistsException", "the secret exists");
        }
        "CreateSecret" => secrets.add(field("Name"), field("SecretString"), CURRENT),
        "PutSecretValue" | "UpdateSecretVersionStage" if secrets.get(id).is_none() => {
            return fault(StatusCode::BAD_REQUEST, "ResourceNotFoundException", "no such secret");
        }
        "PutSecretValue" => {
            let stage = request.pointer("/VersionStages/0").and_then(Value::as_str).unwrap_or(CURRENT);
            secrets.add(id, field("SecretString"), stage)
        }
        "UpdateSecretVersionStage" if field("VersionStage") == CURRENT => {
            match secrets.promote(id, field("RemoveFromVersionId"), field("MoveToVersionId")) {
                Ok(None) => {
                    let why = "the staging label is not on that version";
                    return fault(StatusCode::BAD_REQUEST, "InvalidParameterException", why);
                }
                moved => moved.map(|_| field("MoveToVersionId").to_owned()),
            }
        }
        _ => {
            return fault(
                StatusCode::BAD_REQUEST,
                "InvalidRequestException",
                "not something the local stand-in does",
            );
        }
    };
    match done {
        Ok(version) => {
            let name = name_of(if id.is_empty() { field("Name") } else { id });
            json_answer(json!({"ARN": arn(name), "Name": name, "VersionId": version}))
        }
        Err(why) => fault(StatusCode::INTERNAL_SERVER_ERROR, "InternalServiceError", &why.to_string()),
    }
}

fn get(secrets: &LocalSecrets, id: &str, stage: &str) -> Response {
    let stage = if stage.is_empty() { CURRENT } else { stage };
    let known = secrets.inner.lock().unwrap_or_else(PoisonError::into_inner);
    match known.get(name_of(id)).and_then(|stored| stored.at(stage)) {
        Some(version) => json_answer(json!({
            "ARN": arn(name_of(id)), "Name": name_of(id), "SecretString": version.value,
            "VersionId": version.id, "VersionStages": [stage], "CreatedDate": version.created,
        })),
        None => fault(StatusCode::BAD_REQUEST, "ResourceNotFoundException", "no such secret"),
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:local:000000000000:secret:{name}")
}

fn json_answer(body: Value) -> Response {
    ([(http::header::CONTENT_TYPE, "application/x-amz-json-1.1")], Json(body).into_response().into_body())
        .into_response()
}

fn fault(status: StatusCode, kind: &str, why: &str) -> Response {
    let mut response = (status, Json(json!({"__type": kind, "message": why}))).into_response();
    if let Ok(value) = kind.parse() {
        response.headers_mut().insert(HeaderName::from_static("x-amzn-errortype"), value);
    }
    response
}
