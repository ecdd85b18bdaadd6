//! Logs: one JSON object on one line for each event, in the key set of Powertools for AWS Lambda.
//!
//! Text from outside ends up in log lines; written by a JSON serializer, it cannot start a line or a key of its own
//! (R74). What must never be logged (codes, states, tokens, cookies, e-mails; R73) is kept out by those who log; this
//! file adds nothing of the request but its id and its route. Libraries are heard from `WARN` up: below that they
//! describe requests and answers.

mod fields;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};
use tracing::field::Empty;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Span, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use domain::Clock;
use fields::Fields;

use crate::config::Vars;
use crate::context::Ctx;

/// Where lines go: the log, or a test.
#[derive(Clone, Debug)]
pub enum Sink {
    /// The function's log.
    Stdout,
    /// A file: the local stack has a terminal to look after.
    File(Arc<Mutex<File>>),
    /// Kept, for tests to read.
    Memory(Arc<Mutex<Vec<String>>>),
    /// Nowhere.
    Discard,
}

impl Sink {
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// A new file; what one of this name held is gone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn file(path: &Path) -> io::Result<Self> {
        Ok(Self::File(Arc::new(Mutex::new(File::create(path)?))))
    }

    pub(crate) fn write(&self, mut line: String) {
        match self {
            Self::Stdout => {
                line.push('\n');
                // A log that cannot be written cannot be complained about either.
                let _ = io::stdout().lock().write_all(line.as_bytes());
            }
            Self::File(file) => {
                line.push('\n');
                let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
            }
            Self::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line),
            Self::Discard => {}
        }
    }

    /// The lines kept so far.
    pub fn lines(&self) -> Vec<String> {
        match self {
            Self::Memory(lines) => lines.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            Self::Stdout | Self::File(_) | Self::Discard => Vec::new(),
        }
    }
}

/// Which function this is, as logs and metrics name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub name: String,
    /// Empty outside Lambda.
    pub function_name: String,
    /// In MB; zero outside Lambda.
    pub memory_size: u32,
}

impl Service {
    /// Never fails: what is wrong with the settings must be logged.
    pub fn from_vars(vars: &Vars) -> Self {
        let function_name = vars.get("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
        let name = vars.get("SERVICE_NAME").or_else(|| vars.get("POWERTOOLS_SERVICE_NAME"));
        let fallback = if function_name.is_empty() { "vestibule" } else { function_name };
        Self {
            name: name.unwrap_or(fallback).to_owned(),
            function_name: function_name.to_owned(),
            memory_size: vars
                .get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
                .and_then(|mb| mb.parse().ok())
                .unwrap_or(0),
        }
    }
}

/// Starts the log of a process.
pub fn start(service: Service, sink: Sink) {
    let registry = tracing_subscriber::registry().with(JsonLog::new(service, Clock::system(), sink));
    // Fails when the process has a log already; then that one serves.
    let _ = tracing::subscriber::set_global_default(registry);
}

/// Starts the log of a function. The first line of every `main`.
pub fn init(vars: &Vars) {
    start(Service::from_vars(vars), Sink::Stdout);
    std::panic::set_hook(Box::new(|info| {
        // The place only: a panic's text may quote the very data it stumbled over (R73).
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.location = place, "a panic");
    }));
}

/// The span around one request: its fields are on every line logged inside.
pub(crate) fn request_span(ctx: &Ctx, extensions: &http::Extensions, cold_start: bool) -> Span {
    let span = tracing::info_span!(
        "request",
        cold_start,
        correlation_id = ctx.request_id,
        function_request_id = Empty,
        function_arn = Empty,
        xray_trace_id = Empty,
        gateway.request_id = Empty,
    );
    if let Some(lambda) = extensions.get::<lambda_http::Context>() {
        span.record("function_request_id", &lambda.request_id);
        span.record("function_arn", &lambda.invoked_function_arn);
        // `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=…;Sampled=1`
        let root = lambda
            .xray_trace_id
            .as_deref()
            .and_then(|id| id.split(';').find_map(|part| part.strip_prefix("Root=")));
        if let Some(root) = root {
            span.record("xray_trace_id", root);
        }
    }
    let gateway = match extensions.get::<lambda_http::request::RequestContext>() {
        Some(lambda_http::request::RequestContext::ApiGatewayV2(context)) => context.request_id.as_deref(),
        Some(lambda_http::request::RequestContext::ApiGatewayV1(context)) => context.request_id.as_deref(),
        _ => None,
    };
    if let Some(id) = gateway {
        span.record("gateway.request_id", id);
    }
    span
}

/// Writes events as JSON lines.
pub struct JsonLog {
    service: Service,
    clock: Clock,
    sink: Sink,
}

impl JsonLog {
    pub fn new(service: Service, clock: Clock, sink: Sink) -> Self {
        Self { service, clock, sink }
    }

    fn line(&self, metadata: &Metadata<'_>, spans: Map<String, Value>, event: Fields) -> String {
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
        put("level", metadata.level().as_str().into());
        put("message", event.message.into());
        put("timestamp", self.clock.now().rfc3339().into());
        put("service", self.service.name.as_str().into());
        put("location", format!("{}:{}", metadata.target(), metadata.line().unwrap_or_default()).into());
        // Outside a request it is the init phase, which only a cold start has.
        put("cold_start", true.into());
        if !self.service.function_name.is_empty() {
            put("function_name", self.service.function_name.as_str().into());
            put("function_memory_size", self.service.memory_size.into());
        }
        // An event may add keys of its own, never replace one of these.
        for (key, value) in event.rest {
            line.entry(key).or_insert(value);
        }
        line.extend(spans);
        escaped(Value::Object(line).to_string())
    }
}

/// JSON must escape only what is below a space. Terminals and log viewers also obey the other control characters, line
/// separators and direction marks; in JSON text all of these can only stand inside a string.
fn escaped(json: String) -> String {
    let obeyed = |char: char| {
        char.is_control()
            || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !json.contains(obeyed) {
        return json;
    }
    json.chars().fold(String::with_capacity(json.len()), |mut text, char| {
        if obeyed(char) {
            text.push_str(&format!("\\u{:04x}", u32::from(char)));
        } else {
            text.push(char);
        }
        text
    })
}

/// Crates whose `INFO` is ours to read.
const OWN: [&str; 16] = [
    "authorizer",
    "callback",
    "domain",
    "intake",
    "login",
    "net",
    "outbox",
    "reconcile",
    "sandbox",
    "scim",
    "session",
    "store",
    "tokens",
    "vestibule",
    "web",
    "workos",
];

fn is_heard(metadata: &Metadata<'_>) -> bool {
    let own = metadata.target().split("::").next().is_some_and(|krate| OWN.contains(&krate));
    *metadata.level() <= if own { Level::INFO } else { Level::WARN }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLog {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        is_heard(metadata)
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().replace(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut spans = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                spans.extend(fields.rest.clone());
            }
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        self.sink.write(self.line(event.metadata(), spans, fields));
    }
}

#[cfg(test)]
mod tests;
