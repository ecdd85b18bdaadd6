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

use crate::stack::serve;

/// A proxy in front of a database.
#[derive(Clone)]
pub struct DatabaseProxy {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    database: String,
    http: reqwest::Client,
    lost: Loss,
    calls: BTreeMap<String, usize>,
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
            calls: BTreeMap::new(),
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
        self.inner().lost = Loss::Nothing;
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
        self.inner().calls.clone()
    }

    pub fn forget(&self) {
        self.inner().calls.clear();
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
    let (held, loss, url, http) = {
        let mut inner = lock(&inner);
        *inner.calls.entry(operation.clone()).or_default() += 1;
        let wanted = inner.holding.as_ref().is_some_and(|(held, ..)| *held == operation);
        let held = if wanted { inner.holding.take() } else { None };
        let loss = inner.meet(&operation);
        (held, loss, format!("{}{uri}", inner.database), inner.http.clone())
    };
    if let Some((_, arrived, goes_on)) = held {
        let _ = arrived.send(());
        let _ = goes_on.await;
    }
    if matches!(loss, Loss::Everything | Loss::Operation(_)) {
        return Body::new(Cut).into_response();
    }
    headers.remove(HOST);
    let answered = http.request(method, url).headers(headers).body(body).send().await;
    if matches!(loss, Loss::Answer { .. }) {
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
