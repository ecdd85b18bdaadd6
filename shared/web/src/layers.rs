//! What happens to every request, whatever the route: context in, security headers and log line out.
//!
//! The layers are one function, read from top to bottom. A panic in a handler becomes an ordinary 500 answer, with
//! the same shape and headers as any other error (R76): the process lives on, and nothing of the panic's text leaves
//! it. The log line carries the route's pattern, never the path or the query, which hold codes and states (R73).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::Method;
use tokio::time::Instant;
use tracing::Instrument;

use domain::{Clock, Rng};

use crate::config::Site;
use crate::context::Ctx;
use crate::headers;
use crate::metrics::Metrics;
use crate::pages::{Page, Unavailable};
use crate::problem::{shape, without_body};
use crate::telemetry::request_span;

/// When to come back after a request that took too long.
const LATER: Duration = Duration::from_secs(5);

/// What the layers need. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    site: Site,
    clock: Clock,
    rng: Rng,
    metrics: Metrics,
    /// Whether a request was served already.
    warm: AtomicBool,
}

impl Shared {
    pub fn new(site: Site, clock: Clock, rng: Rng, metrics: Metrics) -> Self {
        Self(Arc::new(Inner { site, clock, rng, metrics, warm: AtomicBool::new(false) }))
    }

    pub fn site(&self) -> &Site {
        &self.0.site
    }

    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub fn rng(&self) -> &Rng {
        &self.0.rng
    }

    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }
}

/// Puts the layers around a complete router. Unknown paths and methods get the same pages and headers as everything
/// else (R26), so the router must not have a fallback of its own.
pub fn layers(router: Router, shared: &Shared) -> Router {
    router.layer(from_fn_with_state(shared.clone(), each_request))
}

async fn each_request(State(shared): State<Shared>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let cold_start = !shared.0.warm.swap(true, Ordering::Relaxed);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let ctx = Ctx::of(request.extensions(), request.headers(), &shared.0.clock, &shared.0.rng);
    let span = request_span(&ctx, request.extensions(), cold_start);
    request.extensions_mut().insert(ctx.clone());
    if cold_start {
        shared.0.metrics.cold_start();
    }

    let site = &shared.0.site;
    // Calls have limits of their own within the deadline; this one is for what they add up to (R61).
    let handled = catch_panic(next.run(request)).instrument(span.clone());
    let answered = tokio::time::timeout(ctx.deadline.remaining(), handled).await;
    let mut response = span.in_scope(|| {
        let response = match answered {
            Ok(Ok(response)) => response,
            Ok(Err(Panicked)) => Page::ServerError.respond(site, &ctx),
            Err(_) => {
                tracing::error!("the request's time was over");
                Page::TryLater { reason: Unavailable::Down, wait: LATER, retry: None }.respond(site, &ctx)
            }
        };
        shape(response, site, &ctx)
    });
    headers::apply(&mut response, &ctx);
    if method == Method::HEAD {
        response = without_body(response);
    }

    span.in_scope(|| {
        tracing::info!(
            http.method = %known(&method),
            http.route = route.as_deref().unwrap_or("none"),
            http.status = response.status().as_u16(),
            http.millis = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            client.limited_as = ctx.client.limit_key(),
            "answered"
        );
    });
    response
}

/// A method is any word of the caller's choice; the log shows the ones that exist.
fn known(method: &Method) -> &str {
    match method.as_str() {
        name @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => name,
        _ => "other",
    }
}

struct Panicked;

async fn catch_panic<F: Future>(future: F) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    // Unwind safety: after a panic nothing of this request is used again, and what requests share is behind locks.
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(_) => Poll::Ready(Err(Panicked)),
    })
    .await
}

#[cfg(test)]
pub(crate) mod tests;
