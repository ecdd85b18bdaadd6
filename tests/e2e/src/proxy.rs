//! Between the functions and their database: calls are counted, held back or lost.
//!
//! Holding one operation back puts a test between two steps of a request, where races live. A lost call ends the
//! connection without an answer, as a network does.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::HOST;
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::sync::oneshot;

use crate::Traffic;
use crate::stack::serve;

/// A proxy in front of a database.
#[derive(Clone)]
pub struct DatabaseProxy {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

/// How calls go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks before the call arrives.
    Cut,
    /// The call happens, and the connection breaks before the answer.
    AnswerCut,
    /// 500, and nothing happened.
    ServerError,
    /// Too many calls, and nothing happened.
    Throttled,
    /// Others write the same items in the same moment. Of transactions only; reads are answered.
    Conflict,
    /// No answer, ever.
    Silence,
}

struct Inner {
    database: String,
    http: reqwest::Client,
    lost: Loss,
    /// From this call on, counted since [`DatabaseProxy::forget`], and how many of them.
    broken: Option<(usize, usize, Fault)>,
    /// Operations in the order of their calls.
    order: Vec<String>,
    traffic: Traffic,
    holding: Option<(String, oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

#[derive(Clone, PartialEq, Eq)]
enum Loss {
    Nothing,
    Everything,
    Operation(String),
    /// The operation happens; only its answer is lost.
    Answer {
        operation: String,
        once: bool,
    },
}

impl Inner {
    /// What happens to a call of this operation.
    fn meet(&mut self, operation: &str) -> Loss {
        let met = match &self.lost {
            Loss::Everything => true,
            Loss::Operation(wanted) | Loss::Answer { operation: wanted, .. } => wanted == operation,
            Loss::Nothing => false,
        };
        let loss = if met { self.lost.clone() } else { Loss::Nothing };
        if matches!(loss, Loss::Answer { once: true, .. }) {
            self.lost = Loss::Nothing;
        }
        loss
    }
}

/// One call that waits at the proxy.
pub struct Held {
    arrived: Option<oneshot::Receiver<()>>,
    go_on: oneshot::Sender<()>,
}

impl Held {
    /// Until the call is there.
    ///
    /// # Panics
    /// When the proxy is gone.
    pub async fn arrived(&mut self) {
        if let Some(arrived) = self.arrived.take() {
            arrived.await.expect("the held call arrives");
        }
    }

    pub fn let_go(self) {
        let _ = self.go_on.send(());
    }
}

impl DatabaseProxy {
    pub(crate) async fn start(database: &str, http: reqwest::Client) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            database: database.to_owned(),
            http,
            lost: Loss::Nothing,
            broken: None,
            order: Vec::new(),
            traffic: Traffic::default(),
            holding: None,
        }));
        let url = serve(Router::new().fallback(forward).with_state(inner.clone())).await;
        Self { url, inner }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// From now on nothing is answered.
    pub fn lose_everything(&self) {
        self.inner().lost = Loss::Everything;
    }

    /// From now on this operation is not answered: `PutItem`.
    pub fn lose(&self, operation: &str) {
        self.inner().lost = Loss::Operation(operation.to_owned());
    }

    /// From now on this operation happens and nobody is told.
    pub fn lose_answer(&self, operation: &str) {
        self.inner().lost = Loss::Answer { operation: operation.to_owned(), once: false };
    }

    /// The next call of this operation happens and nobody is told.
    pub fn lose_one_answer(&self, operation: &str) {
        self.inner().lost = Loss::Answer { operation: operation.to_owned(), once: true };
    }

    pub fn heal(&self) {
        let mut inner = self.inner();
        inner.lost = Loss::Nothing;
        inner.broken = None;
    }

    /// So many calls go wrong, beginning with this one, counted from zero since [`DatabaseProxy::forget`].
    pub fn break_from(&self, call: usize, times: usize, fault: Fault) {
        self.inner().broken = Some((call, times, fault));
    }

    /// Operations in the order of their calls since [`DatabaseProxy::forget`].
    pub fn order(&self) -> Vec<String> {
        self.inner().order.clone()
    }

    /// The next call of this operation waits.
    pub fn hold(&self, operation: &str) -> Held {
        let (arrived, arrives) = oneshot::channel();
        let (go_on, goes_on) = oneshot::channel();
        self.inner().holding = Some((operation.to_owned(), arrived, goes_on));
        Held { arrived: Some(arrives), go_on }
    }

    /// Calls by operation since [`DatabaseProxy::forget`].
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.inner().traffic.calls.clone()
    }

    /// Calls, and the items they named, since [`DatabaseProxy::forget`].
    pub fn traffic(&self) -> Traffic {
        self.inner().traffic.clone()
    }

    pub fn forget(&self) {
        let mut inner = self.inner();
        inner.traffic = Traffic::default();
        inner.order.clear();
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn forward(
    State(inner): State<Arc<Mutex<Inner>>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit_once('.').map_or(target, |(_, operation)| operation).to_owned();
    let (held, loss, fault, url, http) = {
        let mut inner = lock(&inner);
        let number = inner.order.len();
        inner.order.push(operation.clone());
        let hit =
            |(from, times, _): &(usize, usize, Fault)| (*from..from.saturating_add(*times)).contains(&number);
        let fault = inner.broken.filter(hit).map(|(_, _, fault)| fault);
        inner.traffic.note(&operation, &body);
        let wanted = inner.holding.as_ref().is_some_and(|(held, ..)| *held == operation);
        let held = if wanted { inner.holding.take() } else { None };
        let loss = inner.meet(&operation);
        (held, loss, fault, format!("{}{uri}", inner.database), inner.http.clone())
    };
    if let Some((_, arrived, goes_on)) = held {
        let _ = arrived.send(());
        let _ = goes_on.await;
    }
    if matches!(loss, Loss::Everything | Loss::Operation(_)) {
        return Body::new(Cut).into_response();
    }
    match fault {
        Some(Fault::Cut) => return Body::new(Cut).into_response(),
        Some(Fault::ServerError) => return refusal(500, "InternalServerError", "{}"),
        Some(Fault::Throttled) => return refusal(400, "ThrottlingException", "{}"),
        Some(Fault::Conflict) if operation == "TransactWriteItems" => {
            let reasons = r#"{"CancellationReasons":[{"Code":"TransactionConflict"}],"Message":"cancelled"}"#;
            return refusal(400, "TransactionCanceledException", reasons);
        }
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::Conflict | Fault::AnswerCut) | None => {}
    }
    headers.remove(HOST);
    let answered = http.request(method, url).headers(headers).body(body).send().await;
    if matches!(loss, Loss::Answer { .. }) || fault == Some(Fault::AnswerCut) {
        return Body::new(Cut).into_response();
    }
    match answered {
        Ok(answer) => {
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = answer.bytes().await.unwrap_or_default();
            (status, headers, body).into_response()
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

/// An error as the database spells it.
fn refusal(status: u16, kind: &str, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = body.replacen('{', &format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","#), 1);
    let body = body.replace(",}", "}");
    (status, [("content-type", "application/x-amz-json-1.0")], body).into_response()
}

/// A body that fails before its first byte: the connection closes without an answer.
struct Cut;

impl http_body::Body for Cut {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
    }
}
