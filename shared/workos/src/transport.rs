//! One call on the wire: time, retries, size, log line.
//!
//! Everything that leaves for WorkOS leaves here. A secret goes into a header marked sensitive or into the
//! body; the URL is built from ids alone. Every attempt writes one log line with WorkOS's request id and
//! never a body: answers hold people, requests hold secrets, and messages of a JSON parser quote what they
//! choke on.

use std::time::Duration;

use domain::{Clock, Rng};
use net::Deadline;
use reqwest::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER};
use reqwest::{Method, Response};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;

use crate::error::{self, Error, Kind};
use crate::retry::{self, Repeat};

/// How long calls may take, whatever the request's deadline allows. Connecting has the limit of
/// `net::client`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// One call with its retries.
    pub(crate) call: Duration,
    /// One attempt of a call that may be repeated.
    pub(crate) attempt: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { call: Duration::from_secs(4), attempt: Duration::from_secs(2) }
    }
}

/// Answers of this API are a few kilobytes; a page of a hundred connections is 60 KB.
const LARGEST_ANSWER: usize = 1024 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct Transport {
    pub(crate) http: reqwest::Client,
    pub(crate) clock: Clock,
    pub(crate) rng: Rng,
    pub(crate) limits: Limits,
}

/// One call. Not `Debug`: it holds secrets.
pub(crate) struct Call<'a> {
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) bearer: Option<&'a str>,
    pub(crate) body: Option<Value>,
    pub(crate) repeat: Repeat,
}

/// What came back, as far as an error or a log line wants to know.
#[derive(Default)]
struct Seen {
    status: Option<u16>,
    request_id: Option<String>,
    retry_after: Option<Duration>,
}

/// A failed attempt: the kind for the caller, the cause for the log.
struct Failure {
    kind: Kind,
    cause: String,
}

impl Transport {
    /// `accept` makes the result of a success's body, or says why that body is no answer to what was asked.
    pub(crate) async fn call<A: DeserializeOwned, T>(
        &self,
        call: &Call<'_>,
        deadline: Deadline,
        accept: impl Fn(A) -> Result<T, &'static str>,
    ) -> Result<T, Error> {
        let deadline = deadline.within(self.limits.call);
        let mut attempt = 0;
        loop {
            let error = match self.attempt(call, attempt, deadline, &accept).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match retry::wait(call.repeat, attempt, &error, deadline.remaining(), &self.rng) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
            attempt += 1;
        }
    }

    async fn attempt<A: DeserializeOwned, T>(
        &self,
        call: &Call<'_>,
        attempt: u32,
        deadline: Deadline,
        accept: impl Fn(A) -> Result<T, &'static str>,
    ) -> Result<T, Error> {
        let started = Instant::now();
        let mut seen = Seen::default();
        let result = self.send(call, deadline, &mut seen).await.and_then(|body| understand(&body, accept));
        let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (operation, request_id) = (call.operation, seen.request_id.as_deref());
        match result {
            Ok(answer) => {
                tracing::info!(
                    workos.operation = operation,
                    workos.request_id = request_id,
                    workos.attempt = attempt + 1,
                    http.status = seen.status,
                    duration_ms,
                    "WorkOS answered {operation} (request {})",
                    request_id.unwrap_or("without id"),
                );
                Ok(answer)
            }
            Err(Failure { kind, cause }) => {
                let error =
                    Error { kind, operation, request_id: seen.request_id, retry_after: seen.retry_after };
                tracing::warn!(
                    workos.operation = operation,
                    workos.request_id = error.request_id.as_deref(),
                    workos.attempt = attempt + 1,
                    workos.code = error.code(),
                    http.status = seen.status,
                    duration_ms,
                    cause,
                    "{error}",
                );
                Err(error)
            }
        }
    }

    /// The body of a success.
    async fn send(&self, call: &Call<'_>, deadline: Deadline, seen: &mut Seen) -> Result<Vec<u8>, Failure> {
        let limit = match call.repeat {
            Repeat::Idempotent => deadline.cap(self.limits.attempt),
            Repeat::Once => deadline.remaining(),
        };
        if limit.is_zero() {
            return Err(Failure { kind: Kind::Timeout, cause: "no time was left to ask".to_owned() });
        }
        let mut request = self.http.request(call.method.clone(), call.url.clone()).timeout(limit);
        if let Some(token) = call.bearer {
            request = request.header(AUTHORIZATION, bearer(token)?);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }

        let mut response = request.send().await.map_err(broken)?;
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        *seen = Seen {
            status: Some(status.as_u16()),
            request_id: header("x-request-id").and_then(error::identifier),
            retry_after: header(RETRY_AFTER.as_str())
                .and_then(|value| retry::retry_after(value, &self.clock)),
        };
        let body = read(&mut response).await;
        if status.is_success() {
            return body;
        }
        let kind = error::classify(status.as_u16(), body.as_deref().ok());
        Err(Failure { kind, cause: "the answer's status".to_owned() })
    }
}

fn understand<A: DeserializeOwned, T>(
    body: &[u8],
    accept: impl Fn(A) -> Result<T, &'static str>,
) -> Result<T, Failure> {
    let malformed = |cause| Failure { kind: Kind::Malformed, cause };
    let answer = serde_json::from_slice(body).map_err(|error| {
        malformed(format!(
            "JSON {:?} error, line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        ))
    })?;
    accept(answer).map_err(|cause| malformed(cause.to_owned()))
}

fn bearer(token: &str) -> Result<HeaderValue, Failure> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}"))
        .map_err(|_| Failure { kind: Kind::Malformed, cause: "the token fits no header".to_owned() })?;
    value.set_sensitive(true);
    Ok(value)
}

async fn read(response: &mut Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(Failure {
                kind: Kind::Malformed,
                cause: format!("more than {LARGEST_ANSWER} bytes"),
            });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Why no whole answer came. Connect first: a connection that took too long is still one that was never made.
fn broken(error: reqwest::Error) -> Failure {
    let kind = if error.is_connect() {
        Kind::Connect
    } else if error.is_timeout() {
        Kind::Timeout
    } else {
        Kind::Interrupted
    };
    let error = error.without_url();
    let mut cause = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        cause = format!("{cause}: {error}");
        source = error.source();
    }
    Failure { kind, cause }
}
