//! An app that listens, and does as a test says; and the outbox function put together once more.

use std::sync::{Arc, Mutex};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use e2e::Stack;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use store::OutboxNotice;
use tokens::WebhookSecrets;
use vestibule::dev::APP_WEBHOOK_SECRET;
use web::config::AwsSettings;
use web::{Platform, Vars};

/// What the app got.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) timestamp: String,
    pub(super) signature: String,
    pub(super) content_type: String,
    pub(super) raw: Bytes,
}

impl Message {
    pub(super) fn body(&self) -> Value {
        serde_json::from_slice(&self.raw).unwrap()
    }
}

#[derive(Clone)]
pub(super) struct App {
    pub(super) url: String,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    status: StatusCode,
    location: String,
    body: String,
    heard: Vec<Message>,
}

impl App {
    pub(super) async fn start() -> Self {
        let inner =
            Inner { status: StatusCode::OK, location: String::new(), body: String::new(), heard: Vec::new() };
        let inner = Arc::new(Mutex::new(inner));
        let router = Router::new().fallback(post(receive)).with_state(inner.clone());
        Self { url: format!("{}/hooks", serve(router).await), inner }
    }

    pub(super) fn origin(&self) -> String {
        self.url.replace("/hooks", "")
    }

    pub(super) fn answers(&self, status: u16) {
        self.inner.lock().unwrap().status = StatusCode::from_u16(status).unwrap();
    }

    pub(super) fn redirects(&self, to: &str) {
        self.answers(307);
        self.inner.lock().unwrap().location = to.to_owned();
    }

    pub(super) fn says(&self, body: &str) {
        self.inner.lock().unwrap().body = body.to_owned();
    }

    pub(super) fn heard(&self) -> Vec<Message> {
        self.inner.lock().unwrap().heard.clone()
    }

    pub(super) fn forget(&self) {
        self.inner.lock().unwrap().heard.clear();
    }
}

async fn receive(State(app): State<Arc<Mutex<Inner>>>, headers: HeaderMap, raw: Bytes) -> Response {
    let header = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let message = Message {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signature: header("webhook-signature"),
        content_type: header("content-type"),
        raw,
    };
    let mut app = app.lock().unwrap();
    app.heard.push(message);
    let headers = [(LOCATION, app.location.clone()), (CONTENT_TYPE, "application/x-amz-json-1.1".to_owned())];
    (app.status, headers, app.body.clone()).into_response()
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

/// The app's half of the secret.
pub(super) fn secrets(stack: &Stack) -> WebhookSecrets {
    WebhookSecrets::parse(&stack.running.secrets.get(APP_WEBHOOK_SECRET).unwrap()).unwrap()
}

/// The function over the same state, with settings and ways of its own. `BUS` is where EventBridge is.
pub(super) async fn function(stack: &Stack, database: &str, settings: &[(&str, &str)]) -> outbox::Deps {
    let bus = settings.iter().find(|(name, _)| *name == "BUS").map(|(_, url)| (*url).to_owned());
    let database = if bus.is_some() { &stack.running.urls.dynamodb } else { database };
    let mut endpoints = vec![
        ("DynamoDB", database.to_owned()),
        ("Secrets Manager", serve(stack.running.secrets.router()).await),
    ];
    endpoints.extend(bus.map(|bus| ("EventBridge", bus)));
    let aws =
        AwsSettings { region: "us-east-1".to_owned(), endpoint_url: None, service_endpoints: endpoints };
    let http = net::client().unwrap();
    let credentials = Credentials::new("local", "local", None, None, "end-to-end tests");
    let platform = Platform {
        aws: web::aws::sdk_config(&aws, net::SdkHttp::new(http.clone()))
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build(),
        http,
        clock: stack.clock.clone(),
        rng: domain::Rng::system(),
        metrics: stack.metrics.clone(),
    };
    let usual = [("IDENTITY_TABLE", "vestibule-identity"), ("APP_WEBHOOK_SECRET", APP_WEBHOOK_SECRET)];
    let vars: Vars = usual.into_iter().chain(settings.iter().copied()).collect();
    outbox::Deps::new(&vars, &platform).unwrap()
}

/// The record of the stream that a new notice makes.
pub(super) fn record(notice: &OutboxNotice) -> Value {
    json!({
        "eventID": "1",
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {
                "pk": {"S": format!("O#{}#E#{}", notice.organization, notice.id)},
                "sk": {"S": "NOTICE"},
            },
            "SequenceNumber": "7",
        },
    })
}
