//! DynamoDB, Secrets Manager, WorkOS and the app's webhook as far as the functions call them, each with a fixed delay.
//!
//! An engine would be truer and less steady: it works on the same two cores as the function. So the tables remember
//! what is put while they are filled, and from then on acknowledge writes without doing them: every invocation meets
//! the same state, and a login can be taken any number of times. Every call is noted with its time, which tells how
//! much of an invocation was the stubs' and how many calls had to wait for one another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use crate::calls::{Call, Service};
use crate::{Result, tls};

/// What everything outside the functions answers, and what it was asked.
#[derive(Clone, Default)]
pub(crate) struct Stubs {
    inner: Arc<Mutex<Inner>>,
    handshakes: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Inner {
    filled: bool,
    items: HashMap<(String, String, String), Value>,
    secrets: HashMap<String, String>,
    token_answer: Value,
    calls: Vec<Call>,
}

/// Base URLs of the running stubs.
#[derive(Clone, Debug)]
pub(crate) struct Urls {
    pub(crate) dynamodb: String,
    pub(crate) secrets: String,
    pub(crate) workos: String,
    pub(crate) app: String,
}

#[derive(Clone)]
struct Door {
    stubs: Stubs,
    service: Service,
}

impl Stubs {
    pub(crate) async fn serve(&self) -> Result<Urls> {
        let door = |service| {
            let router = Router::new().fallback(answer).with_state(Door { stubs: self.clone(), service });
            tls::serve(router, self.handshakes.clone())
        };
        Ok(Urls {
            dynamodb: door(Service::DynamoDb).await?,
            secrets: door(Service::Secrets).await?,
            workos: door(Service::WorkOs).await?,
            app: door(Service::App).await?,
        })
    }

    pub(crate) fn put_secret(&self, id: &str, value: &str) {
        self.inner().secrets.insert(id.to_owned(), value.to_owned());
    }

    /// What `POST /sso/token` answers.
    pub(crate) fn set_token_answer(&self, answer: Value) {
        self.inner().token_answer = answer;
    }

    /// From now on writes are acknowledged and forgotten.
    pub(crate) fn filled(&self) {
        self.inner().filled = true;
    }

    /// The calls since it was last asked, and the TLS handshakes.
    pub(crate) fn take_calls(&self) -> (Vec<Call>, usize) {
        (std::mem::take(&mut self.inner().calls), self.handshakes.swap(0, Ordering::Relaxed))
    }

    /// Partition and sort key of the first item whose partition key says that it is one.
    pub(crate) fn find(&self, part: &str) -> Option<(String, String)> {
        let inner = self.inner();
        inner.items.keys().find(|(_, pk, _)| pk.contains(part)).map(|(_, pk, sk)| (pk.clone(), sk.clone()))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(door): State<Door>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let start = Instant::now();
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit_once('.').map_or(target, |(_, operation)| operation).to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let answered = {
        let mut inner = door.stubs.inner();
        match door.service {
            Service::DynamoDb => inner.table(&operation, &request),
            Service::Secrets => inner.secret(&request),
            Service::WorkOs if uri.path() == "/events" => {
                Some(json!({"data": [], "list_metadata": {"after": null}}))
            }
            Service::WorkOs => Some(inner.token_answer.clone()),
            Service::App => Some(Value::Null),
        }
    };
    // The runtime's own timer counts whole milliseconds, which is too coarse for three of them.
    let left = door.service.delay().saturating_sub(start.elapsed());
    let _ = tokio::task::spawn_blocking(move || std::thread::sleep(left)).await;
    door.stubs.inner().calls.push(Call { service: door.service, start, end: Instant::now() });
    let kind = match door.service {
        Service::DynamoDb => "application/x-amz-json-1.0",
        Service::Secrets => "application/x-amz-json-1.1",
        Service::WorkOs | Service::App => "application/json; charset=utf-8",
    };
    match answered {
        Some(body) => ([(CONTENT_TYPE, kind)], body.to_string()).into_response(),
        None => {
            (StatusCode::BAD_REQUEST, [(CONTENT_TYPE, kind)], json!({"__type": "NotAnswered"}).to_string())
                .into_response()
        }
    }
}

impl Inner {
    fn secret(&self, request: &Value) -> Option<Value> {
        let id = text(request, "SecretId");
        let value = self.secrets.get(&id)?;
        Some(
            json!({"ARN": id, "Name": id, "SecretString": value, "VersionId": "v1", "VersionStages": ["AWSCURRENT"]}),
        )
    }

    fn table(&mut self, operation: &str, request: &Value) -> Option<Value> {
        let table = text(request, "TableName");
        let key =
            |table: &str, key: Option<&Value>| (table.to_owned(), attribute(key, "pk"), attribute(key, "sk"));
        Some(match operation {
            "PutItem" => {
                self.put(&table, request.get("Item"));
                json!({})
            }
            "TransactWriteItems" => {
                for write in array(request.get("TransactItems")) {
                    if let Some(put) = write.get("Put") {
                        self.put(&text(put, "TableName"), put.get("Item"));
                    }
                }
                json!({})
            }
            // The lists that are asked for have nobody in them: whom they could name is found by key.
            "Query" => json!({"Items": [], "Count": 0, "ScannedCount": 0}),
            "UpdateItem" => json!({"Attributes": {"n": {"N": "1"}, "v": {"N": "1"}}}),
            "DeleteItem" => match self.items.get(&key(&table, request.get("Key"))) {
                Some(item) => json!({"Attributes": item}),
                None => json!({}),
            },
            "GetItem" => match self.items.get(&key(&table, request.get("Key"))) {
                Some(item) => json!({"Item": item}),
                None => json!({}),
            },
            "BatchGetItem" => {
                let requested = request.get("RequestItems").and_then(Value::as_object)?;
                let found = requested.iter().map(|(table, wanted)| {
                    let keys = array(wanted.get("Keys"));
                    let items = keys.filter_map(|wanted| self.items.get(&key(table, Some(wanted))));
                    (table.clone(), items.cloned().collect::<Value>())
                });
                json!({"Responses": found.collect::<serde_json::Map<_, _>>(), "UnprocessedKeys": {}})
            }
            _ => return None,
        })
    }

    fn put(&mut self, table: &str, item: Option<&Value>) {
        if !self.filled
            && let Some(item) = item
        {
            let key = (table.to_owned(), attribute(Some(item), "pk"), attribute(Some(item), "sk"));
            self.items.insert(key, item.clone());
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A string attribute of an item; empty where there is none.
fn attribute(item: Option<&Value>, name: &str) -> String {
    item.and_then(|item| item.get(name)).map(|value| text(value, "S")).unwrap_or_default()
}

fn array(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

impl Service {
    pub(crate) fn delay(self) -> Duration {
        Duration::from_millis(match self {
            Self::DynamoDb | Self::Secrets => 3,
            Self::WorkOs | Self::App => 20,
        })
    }
}
