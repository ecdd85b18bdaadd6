//! A Lambda Runtime API on this machine: runs a function's own binary as a process, hands it events, takes its answers.
//!
//! What is tested this way is the artefact that is deployed: its `main`, its settings from the environment, its log on
//! standard output, its exit when it cannot start. The process gets the environment that Lambda would give it and
//! nothing of ours. Source: Lambda developer guide, "Using the Lambda runtime API for custom runtimes".

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::Clock;
use http::StatusCode;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

/// A function that neither answers nor ends for so long is broken.
const PATIENCE: Duration = Duration::from_secs(30);

type Lines = Arc<Mutex<Vec<String>>>;
type Answer = Result<Value, Value>;

/// What a function is told it has, as in the deployment template.
fn timeout(function: &str) -> Duration {
    Duration::from_secs(match function {
        "outbox" => 60,
        "reconcile" => 240,
        _ => 8,
    })
}

struct Event {
    id: String,
    body: Value,
}

#[derive(Clone)]
struct Api {
    timeout: Duration,
    events: Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Event>>>,
    waiting: Arc<Mutex<HashMap<String, oneshot::Sender<Answer>>>>,
    asked: Arc<Mutex<bool>>,
}

/// A function's process. Ends when this is dropped.
pub struct Function {
    child: Option<Child>,
    readers: Vec<thread::JoinHandle<()>>,
    events: mpsc::UnboundedSender<Event>,
    api: Api,
    output: Lines,
    sent: usize,
}

/// How a process ended that was given no event.
pub struct Ended {
    pub status: ExitStatus,
    /// Lines on standard output and standard error.
    pub output: Vec<String>,
    /// Whether it went so far as to ask for an event.
    pub asked: bool,
}

impl Function {
    /// Starts a binary with these settings.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn start(binary: &Path, name: &str, settings: &BTreeMap<String, String>) -> Self {
        let (events, received) = mpsc::unbounded_channel();
        let api = Api {
            timeout: timeout(name),
            events: Arc::new(tokio::sync::Mutex::new(received)),
            waiting: Arc::default(),
            asked: Arc::default(),
        };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .route("/2018-06-01/runtime/init/error", post(|| async { StatusCode::ACCEPTED }))
            .with_state(api.clone());
        let base = crate::stack::serve(router).await;
        let mut child = Command::new(binary)
            .env_clear()
            .envs(settings)
            .env("AWS_LAMBDA_RUNTIME_API", base.trim_start_matches("http://"))
            .env("AWS_LAMBDA_FUNCTION_NAME", format!("vestibule-{name}"))
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/vestibule-{name}"))
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[$LATEST]0")
            .env("POWERTOOLS_SERVICE_NAME", name)
            .env("_HANDLER", "bootstrap")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("{} does not start: {why}", binary.display()));
        let output = Lines::default();
        let readers = [collect(child.stdout.take(), &output), collect(child.stderr.take(), &output)];
        let readers = readers.into_iter().flatten().collect();
        Self { child: Some(child), readers, events, api, output, sent: 0 }
    }

    /// Hands the function an event and gives its answer.
    ///
    /// # Panics
    /// When it reports an error, dies, or takes for ever; with what it wrote.
    pub async fn invoke(&mut self, event: &Value) -> Value {
        self.sent += 1;
        let id = format!("00000000-0000-4000-8000-{:012}", self.sent);
        let (done, answer) = oneshot::channel();
        self.api.waiting.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), done);
        self.events.send(Event { id, body: event.clone() }).expect("the API takes events");
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(Ok(answer))) => answer,
            Ok(Ok(Err(error))) => panic!("the function failed: {error}\n{}", self.output().join("\n")),
            Ok(Err(_)) | Err(_) => panic!("the function did not answer:\n{}", self.output().join("\n")),
        }
    }

    /// Its process, as the kernel numbers it.
    ///
    /// # Panics
    /// When it was waited for.
    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("a process").id()
    }

    /// What the function wrote so far, line by line.
    pub fn output(&self) -> Vec<String> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the process and gives all that it wrote: what is in the pipe when the answer arrives is not lost.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(mut self) -> Vec<String> {
        if let Some(child) = &mut self.child {
            drop(child.kill());
        }
        self.ended().await.output
    }

    /// Waits for a process that is to end by itself.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ended(mut self) -> Ended {
        let mut child = self.child.take().expect("the process was not waited for before");
        let readers = std::mem::take(&mut self.readers);
        let waiting = tokio::task::spawn_blocking(move || {
            let status = child.wait();
            readers.into_iter().for_each(|reader| drop(reader.join()));
            status
        });
        let Ok(Ok(Ok(status))) = tokio::time::timeout(PATIENCE, waiting).await else {
            panic!("the process does not end:\n{}", self.output().join("\n"));
        };
        let asked = *self.api.asked.lock().unwrap_or_else(PoisonError::into_inner);
        Ended { status, output: self.output(), asked }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn collect(from: Option<impl Read + Send + 'static>, output: &Lines) -> Option<thread::JoinHandle<()>> {
    let (from, output) = (from?, output.clone());
    Some(thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            output.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    }))
}

async fn next(State(api): State<Api>) -> Response {
    *api.asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let deadline = Clock::system().now().plus(api.timeout).millis();
    let headers = [
        ("lambda-runtime-aws-request-id", event.id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:vestibule:live".to_owned(),
        ),
        ("lambda-runtime-trace-id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0".to_owned()),
    ];
    (headers, Json(event.body)).into_response()
}

// The runtime client names no content type, so the bodies are read as they are.
async fn answered(State(api): State<Api>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    serde_json::from_slice(&body).map_or(StatusCode::BAD_REQUEST, |answer| settle(&api, &id, Ok(answer)))
}

async fn failed(State(api): State<Api>, UrlPath(id): UrlPath<String>, body: Bytes) -> StatusCode {
    let error = serde_json::from_slice(&body);
    settle(&api, &id, Err(error.unwrap_or_else(|_| String::from_utf8_lossy(&body).into_owned().into())))
}

fn settle(api: &Api, id: &str, answer: Answer) -> StatusCode {
    let waiting = api.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    let told = waiting.is_some_and(|waiting| waiting.send(answer).is_ok());
    if told { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST }
}
