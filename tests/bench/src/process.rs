//! One start of one function: the process, the Lambda Runtime API that it talks to, and what the kernel says of it.
//!
//! Processor time is the scheduler's own count in nanoseconds, of all threads of the process. It is read a moment after
//! the process asked for its next event, when it sleeps: everything up to there is then counted.

use std::fs::{File, read_to_string};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc};

use crate::Result;

const PATIENCE: Duration = Duration::from_secs(10);
const SETTLE: Duration = Duration::from_millis(3);

/// How to start a function.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) command: Vec<PathBuf>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) log: PathBuf,
}

/// A running function, waiting for an event.
pub(crate) struct Function {
    child: Child,
    api: Arc<Api>,
    asked: mpsc::Receiver<Instant>,
    answered: mpsc::Receiver<(Instant, Result<Bytes>)>,
    events: mpsc::Sender<String>,
    server: tokio::task::JoinHandle<()>,
    cpu: Duration,
    log: PathBuf,
    pub(crate) init: Spent,
}

/// What something took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

struct Api {
    asked: mpsc::Sender<Instant>,
    answered: mpsc::Sender<(Instant, Result<Bytes>)>,
    events: AsyncMutex<mpsc::Receiver<String>>,
    delivered: Mutex<Instant>,
}

impl Function {
    /// Starts it and waits until it asks for its first event.
    pub(crate) async fn start(program: &Program) -> Result<Self> {
        let (asked, hear_asked) = mpsc::channel(1);
        let (answered, hear_answered) = mpsc::channel(1);
        let (events, hear_events) = mpsc::channel(1);
        let delivered = Mutex::new(Instant::now());
        let api = Arc::new(Api { asked, answered, events: AsyncMutex::new(hear_events), delivered });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let router = runtime_api(api.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let (first, arguments) = program.command.split_first().ok_or("an empty command")?;
        let log = File::create(&program.log)?;
        let mut command = Command::new(first);
        command
            .args(arguments)
            .env_clear()
            .envs(program.env.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let start = Instant::now();
        let child = command.spawn().map_err(|why| format!("{}: {why}", first.display()))?;
        let mut function = Self {
            child,
            api,
            asked: hear_asked,
            answered: hear_answered,
            events,
            server,
            cpu: Duration::ZERO,
            log: program.log.clone(),
            init: Spent { wall: Duration::ZERO, cpu: Duration::ZERO },
        };
        let wall = function.wait_for_request().await?.duration_since(start);
        function.init = Spent { wall, cpu: function.cpu_since_last().await? };
        Ok(function)
    }

    /// One event and its answer.
    pub(crate) async fn invoke(&mut self, event: &str) -> Result<(Value, Spent)> {
        self.events.send(event.to_owned()).await?;
        let answered = tokio::time::timeout(PATIENCE, self.answered.recv()).await;
        let (at, body) = answered.map_err(|_| self.trouble("no answer"))?.ok_or("the runtime API is gone")?;
        let wall = at.duration_since(*self.api.delivered.lock().unwrap_or_else(PoisonError::into_inner));
        let body = body.map_err(|why| self.trouble(&why.to_string()))?;
        self.wait_for_request().await?;
        let spent = Spent { wall, cpu: self.cpu_since_last().await? };
        Ok((serde_json::from_slice(&body)?, spent))
    }

    /// Peak resident memory in KiB.
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(peak.trim().trim_end_matches(" kB").trim().parse()?)
    }

    pub(crate) fn stop(mut self) -> Result<()> {
        self.server.abort();
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    async fn wait_for_request(&mut self) -> Result<Instant> {
        match tokio::time::timeout(PATIENCE, self.asked.recv()).await {
            Ok(Some(at)) => Ok(at),
            Ok(None) => Err("the runtime API is gone".into()),
            Err(_) => Err(self.trouble("it does not ask for an event").into()),
        }
    }

    async fn cpu_since_last(&mut self) -> Result<Duration> {
        tokio::time::sleep(SETTLE).await;
        let mut total = Duration::ZERO;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end between the listing and the reading.
            let Ok(schedstat) = read_to_string(task?.path().join("schedstat")) else { continue };
            let running = schedstat.split_whitespace().next().ok_or("an empty schedstat")?;
            total += Duration::from_nanos(running.parse()?);
        }
        let since = total.saturating_sub(self.cpu);
        self.cpu = total;
        Ok(since)
    }

    fn trouble(&self, what: &str) -> String {
        let log = read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = log.lines().rev().take(5).collect();
        format!("{what}; the end of {}, newest first:\n{}", self.log.display(), last.join("\n"))
    }
}

fn runtime_api(api: Arc<Api>) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answer))
        .fallback(|| async { StatusCode::ACCEPTED })
        .with_state(api)
}

async fn next(State(api): State<Arc<Api>>) -> Response {
    let _ = api.asked.send(Instant::now()).await;
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        ("lambda-runtime-deadline-ms", "4102444800000"),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:123456789012:function:bench"),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0"),
        ("content-type", "application/json"),
    ];
    *api.delivered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    (headers, event).into_response()
}

async fn answer(
    State(api): State<Arc<Api>>,
    Path((_, outcome)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let at = Instant::now();
    let outcome = match outcome.as_str() {
        "response" => Ok(body),
        _ => Err(format!("it answers with an error: {}", String::from_utf8_lossy(&body)).into()),
    };
    let _ = api.answered.send((at, outcome)).await;
    StatusCode::ACCEPTED
}
