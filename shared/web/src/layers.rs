//! What happens to every request, whatever the route: context in, security headers and log line out.
//!
//! The layers are one function, read from top to bottom. A panic in a handler becomes an ordinary 500 answer, with
//! the same shape and headers as any other error (R76): the process lives on, and nothing of the panic's text leaves
//! it. The log line carries the route's pattern, never the path or the query, which hold codes and states (R73). Where
//! a distribution in front is trusted, what did not come through it is refused here, before any handler (R25).

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
use http::{Method, StatusCode};
use tokio::time::Instant;
use tracing::Instrument;

use domain::{Clock, Rng};

use crate::config::Site;
use crate::context::{ClientAddress, Ctx};
use crate::edge::{Edge, NotThroughEdge, ORIGIN_VERIFY};
use crate::headers;
use crate::metrics::Metrics;
use crate::pages::{Page, Unavailable};
use crate::problem::{Problem, shape, without_body};
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
    edge: Option<Edge>,
    /// Whether a request was served already.
    warm: AtomicBool,
}

impl Shared {
    pub(crate) fn new(site: Site, clock: Clock, rng: Rng, metrics: Metrics, edge: Option<Edge>) -> Self {
        Self(Arc::new(Inner { site, clock, rng, metrics, edge, warm: AtomicBool::new(false) }))
    }

    /// Fetches during the init phase what the layers themselves need.
    pub(crate) async fn prefetch(&self) {
        if let Some(edge) = &self.0.edge {
            edge.prefetch().await;
        }
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
    let mut ctx = Ctx::of(request.extensions(), request.headers(), &shared.0.clock, &shared.0.rng);
    let passage = match &shared.0.edge {
        Some(edge) => {
            let viewer = edge.admit(request.headers()).await;
            // No handler has any business with it.
            request.headers_mut().remove(ORIGIN_VERIFY);
            viewer.map(|viewer| {
                // The gateway's name is what the distribution calls it, and not what the browser asked for.
                ctx.host.clear();
                if let Some(ip) = viewer {
                    ctx.client = ClientAddress::seen_by_edge(ip);
                }
            })
        }
        None => Ok(()),
    };
    let span = request_span(&ctx, request.extensions(), cold_start);
    request.extensions_mut().insert(ctx.clone());
    if cold_start {
        shared.0.metrics.cold_start();
    }

    let site = &shared.0.site;
    let later = || Page::TryLater { reason: Unavailable::Down, wait: LATER, retry: None }.respond(site, &ctx);
    let response = match passage {
        Err(error) => span.in_scope(|| refused(&error, site, &ctx).unwrap_or_else(later)),
        Ok(()) => {
            // Calls have limits of their own within the deadline; this one is for what they add up to (R61).
            let handled = catch_panic(next.run(request)).instrument(span.clone());
            let answered = tokio::time::timeout(ctx.deadline.remaining(), handled).await;
            span.in_scope(|| match answered {
                Ok(Ok(response)) => response,
                Ok(Err(Panicked)) => Page::ServerError.respond(site, &ctx),
                Err(_) => {
                    tracing::error!("the request's time was over");
                    later()
                }
            })
        }
    };
    let mut response = span.in_scope(|| shape(response, site, &ctx));
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

/// The answer to what did not come through the distribution. `None` when that cannot be told: trouble of ours.
fn refused(error: &NotThroughEdge, site: &Site, ctx: &Ctx) -> Option<Response> {
    match error {
        NotThroughEdge::Unproven => {
            tracing::warn!("refused: {error}");
            // JSON for everybody: no person comes here but by mistake.
            let message = format!("This address is closed. Open {} instead.", site.public_url);
            Some(Problem::new(StatusCode::FORBIDDEN, "not_through_the_edge", message).respond(ctx))
        }
        NotThroughEdge::Secret(_) => {
            tracing::error!(error = %error, "{error}");
            None
        }
    }
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
