use super::*;

use axum::Form;
use axum::body::Body;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use domain::Timestamp;
use http::StatusCode;
use serde_json::Value;
use tower::ServiceExt;
use tracing_subscriber::layer::SubscriberExt;

use crate::config::tests::site;
use crate::context::tests::gateway;
use crate::headers::X_REQUEST_ID;
use crate::problem::tests::body;
use crate::telemetry::{JsonLog, Service, Sink};

pub(crate) fn shared() -> (Shared, Sink) {
    let clock = Clock::manual(Timestamp::from_seconds(1_764_059_400));
    let sink = Sink::memory();
    let service = Service { name: "test".to_owned(), function_name: String::new(), memory_size: 0 };
    let metrics = Metrics::new(service, clock.clone(), sink.clone());
    (Shared::new(site(), clock, Rng::seeded(1), metrics, None), sink)
}

#[derive(serde::Deserialize)]
struct Number {
    number: u8,
}

fn router() -> Router {
    Router::new()
        .route("/fine/{id}", get(|| async { "fine" }))
        .route(
            "/panics",
            get(|| async {
                if true {
                    panic!("canary-{}", "secret")
                }
            }),
        )
        .route("/fails", get(|| async { (StatusCode::BAD_GATEWAY, "canary-upstream").into_response() }))
        .route("/never", get(std::future::pending::<&'static str>))
        .route("/form", post(|Form(Number { number }): Form<Number>| async move { number.to_string() }))
}

struct Answered {
    response: Response,
    log: Vec<Value>,
}

/// Sends one request through the layers, with a log of its own.
async fn send(shared: &Shared, request: http::request::Builder, text: &str) -> Answered {
    // With only one subscriber in the process, `tracing` takes it for everybody's, and what other tests' threads meet first
    // without one is then not asked for again.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let sink = Sink::memory();
    let service = Service { name: "test".to_owned(), function_name: String::new(), memory_size: 0 };
    let registry =
        tracing_subscriber::registry().with(JsonLog::new(service, shared.clock().clone(), sink.clone()));
    let guard = tracing::subscriber::set_default(registry);
    let request = request.body(Body::from(text.to_owned())).unwrap();
    let response = layers(router(), shared).oneshot(request).await.unwrap();
    drop(guard);
    let log = sink.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    Answered { response, log }
}

fn browser(method: &str, path: &str) -> http::request::Builder {
    http::Request::builder()
        .method(method)
        .uri(path)
        .header("accept", "text/html")
        .extension(gateway("203.0.113.7"))
}

fn program(method: &str, path: &str) -> http::request::Builder {
    http::Request::builder().method(method).uri(path)
}

/// R26: the same headers, whatever the answer.
#[tokio::test]
async fn unknown_paths_and_methods_look_like_everything_else() {
    let (shared, _) = shared();
    let form = ("content-type", "application/x-www-form-urlencoded");
    let cases = [
        (browser("GET", "/fine/1"), 200, "fine"),
        (browser("GET", "/nothing"), 404, "There is nothing here"),
        (browser("GET", "//"), 404, "There is nothing here"),
        (browser("DELETE", "/fine/1"), 405, "This does not work here"),
        (browser("OPTIONS", "/fine/1"), 405, "This does not work here"),
        (browser("BREW", "/fine/1"), 405, "This does not work here"),
        (browser("GET", "/fails"), 502, "Something went wrong"),
        (browser("POST", "/form").header(form.0, form.1), 422, "That did not work"),
        (program("POST", "/form").header(form.0, form.1), 422, "\"code\":\"bad_request\""),
        (program("PUT", "/fine/1"), 405, "\"code\":\"method_not_allowed\""),
        (program("GET", "/nothing"), 404, "\"code\":\"not_found\""),
    ];
    for (request, status, words) in cases {
        let Answered { response, .. } = send(&shared, request, "number=canary").await;
        assert_eq!(response.status(), status, "{words}");
        let headers = response.headers().clone();
        for name in
            ["strict-transport-security", "content-security-policy", "referrer-policy", "cache-control"]
        {
            assert!(headers.contains_key(name), "{name} {words}");
        }
        let text = body(response).await;
        assert!(text.contains(words), "{text}");
        assert!(!text.contains("canary"), "{text}");
        if status >= 400 {
            assert!(text.contains(headers[X_REQUEST_ID].to_str().unwrap()), "{text}");
        }
    }
}

#[tokio::test]
async fn a_refused_method_names_the_allowed_ones() {
    let answered = send(&shared().0, browser("DELETE", "/fine/1"), "").await;
    assert_eq!(answered.response.headers()["allow"], "GET,HEAD");
}

/// R76: a panic is a 500 answer like any other, and the next request is served.
#[tokio::test]
async fn a_panic_is_an_ordinary_error() {
    let (shared, _) = shared();
    for (request, words) in [
        (browser("GET", "/panics"), "Something went wrong"),
        (program("GET", "/panics"), "\"code\":\"server_error\""),
    ] {
        let Answered { response, log } = send(&shared, request, "").await;
        assert_eq!(response.status(), 500);
        assert!(response.headers().contains_key("strict-transport-security"));
        let text = body(response).await;
        assert!(text.contains(words) && !text.contains("canary"), "{text}");
        assert!(!log.iter().any(|line| line.to_string().contains("canary")), "{log:?}");
    }
    assert_eq!(send(&shared, browser("GET", "/fine/1"), "").await.response.status(), 200);
}

/// R13: a HEAD request gets headers, also where the answer was written by the layers.
#[tokio::test]
async fn head_has_no_body() {
    for path in ["/fine/1", "/nothing", "/panics"] {
        let Answered { response, .. } = send(&shared().0, browser("HEAD", path), "").await;
        assert!(response.headers().contains_key(X_REQUEST_ID));
        assert_eq!(body(response).await, "", "{path}");
    }
}

/// R73: the log has the route's pattern; codes and states are in what it does not have.
#[tokio::test]
async fn the_access_line_has_no_path_and_no_query() {
    let request = browser("GET", "/fine/canary-path?code=canary-code&state=canary-state");
    let request =
        request.header("cookie", "__Host-session=canary-cookie").header("user-agent", "canary-agent");
    let Answered { response, log } = send(&shared().0, request, "").await;
    assert_eq!(log.len(), 1);
    let line = &log[0];
    assert_eq!(line["message"], "answered");
    assert_eq!(line["http.method"], "GET");
    assert_eq!(line["http.route"], "/fine/{id}");
    assert_eq!(line["http.status"], 200);
    assert_eq!(line["client.limited_as"], "203.0.113.7");
    assert_eq!(line["correlation_id"], response.headers()[X_REQUEST_ID].to_str().unwrap());
    assert!(line["http.millis"].is_u64());
    assert!(!line.to_string().contains("canary"), "{line}");
    let odd = send(&shared().0, browser("BREW", "/canary"), "").await.log;
    assert_eq!((&odd[0]["http.method"], &odd[0]["http.route"]), (&"other".into(), &"none".into()));
}

#[tokio::test]
async fn the_first_request_of_a_process_is_its_cold_start() {
    let (shared, sink) = shared();
    let first = send(&shared, browser("GET", "/fine/1"), "").await;
    let second = send(&shared, browser("GET", "/fine/1"), "").await;
    assert_eq!((&first.log[0]["cold_start"], &second.log[0]["cold_start"]), (&true.into(), &false.into()));
    assert_eq!(sink.lines().len(), 1);
    assert!(sink.lines()[0].contains("\"ColdStart\":1"));
}

/// R61: however many calls a handler makes, somebody gets an answer in time, and it is "later", not "no".
#[tokio::test(start_paused = true)]
async fn a_request_without_end_is_answered_in_time() {
    let (shared, _) = shared();
    let started = Instant::now();
    let Answered { response, .. } = send(&shared, browser("GET", "/never"), "").await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers().get("retry-after").unwrap(), "5");
    assert!(started.elapsed() <= Duration::from_secs(5));
}
