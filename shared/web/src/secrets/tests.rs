use super::*;

use std::sync::atomic::{AtomicUsize, Ordering};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use secrecy::ExposeSecret;

/// Secrets Manager on the wire: answers every call with the present status and body.
#[derive(Clone, Debug)]
struct Wire {
    answer: Arc<StdMutex<(u16, String)>>,
    calls: Arc<AtomicUsize>,
}

impl HttpClient for Wire {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Wire {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let (status, body) = self.answer.lock().unwrap().clone();
        HttpConnectorFuture::new(async move {
            // Lets others run meanwhile, as a real call does.
            tokio::task::yield_now().await;
            let answer = http::Response::builder().status(status).body(body.into()).unwrap();
            Ok(HttpResponse::try_from(answer).unwrap())
        })
    }
}

impl Wire {
    fn new() -> Self {
        let wire = Self { answer: Arc::default(), calls: Arc::default() };
        wire.holds("sk_one");
        wire
    }

    fn holds(&self, value: &str) {
        *self.answer.lock().unwrap() = (200, serde_json::json!({ "SecretString": value }).to_string());
    }

    fn refuses(&self, status: u16, code: &str) {
        *self.answer.lock().unwrap() = (status, serde_json::json!({ "__type": code }).to_string());
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn secrets(&self, clock: &Clock) -> Secrets {
        let credentials = Credentials::new("AKIDEXAMPLE", "example", None, None, "test");
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .http_client(self.clone())
            .sleep_impl(TokioSleep::new())
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .build();
        Secrets::new(&config, clock.clone())
    }
}

const ID: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:vestibule/workos-AbCdEf";

fn start() -> Clock {
    Clock::manual(Timestamp::from_seconds(1_764_059_400))
}

async fn value(secrets: &Secrets) -> String {
    secrets.get(ID).await.unwrap().expose_secret().to_owned()
}

/// R70: a rotation is picked up without a deployment, and a warm request makes no call.
#[tokio::test]
async fn a_value_is_fetched_once_in_five_minutes() {
    let (wire, clock) = (Wire::new(), start());
    let secrets = wire.secrets(&clock);
    assert_eq!(value(&secrets).await, "sk_one");
    wire.holds("sk_two");
    clock.advance(Duration::from_secs(299));
    assert_eq!(value(&secrets).await, "sk_one");
    assert_eq!(wire.calls(), 1);
    clock.advance(Duration::from_secs(1));
    assert_eq!(value(&secrets).await, "sk_two");
    assert_eq!(wire.calls(), 2);
}

/// R70: what WorkOS refuses may have been rotated a moment ago.
#[tokio::test]
async fn a_refused_key_is_asked_for_again_but_not_for_every_request() {
    let (wire, clock) = (Wire::new(), start());
    let secrets = wire.secrets(&clock);
    assert_eq!(value(&secrets).await, "sk_one");
    wire.holds("sk_two");
    clock.advance(Duration::from_secs(10));
    for _ in 0..5 {
        assert_eq!(secrets.refresh(ID).await.unwrap().expose_secret(), "sk_two");
    }
    assert_eq!(wire.calls(), 2);
}

#[tokio::test]
async fn an_outage_is_bridged_for_an_hour() {
    let (wire, clock) = (Wire::new(), start());
    let secrets = wire.secrets(&clock);
    assert_eq!(value(&secrets).await, "sk_one");
    wire.refuses(500, "InternalServiceError");
    clock.advance(Duration::from_secs(600));
    for _ in 0..20 {
        assert_eq!(value(&secrets).await, "sk_one");
    }
    assert_eq!(wire.calls(), 2, "the outage is asked about once in thirty seconds");
    clock.advance(Duration::from_secs(30));
    assert_eq!(value(&secrets).await, "sk_one");
    assert_eq!(wire.calls(), 3);
    clock.advance(Duration::from_secs(3600));
    let error = secrets.get(ID).await.unwrap_err();
    let code = "InternalServiceError".to_owned();
    assert_eq!(error, SecretsError::Unavailable { id: ID.to_owned(), code });
    wire.holds("sk_two");
    assert_eq!(value(&secrets).await, "sk_two");
}

#[tokio::test]
async fn many_callers_make_one_call() {
    let (wire, clock) = (Wire::new(), start());
    let secrets = wire.secrets(&clock);
    let mut callers = JoinSet::new();
    for _ in 0..50 {
        let secrets = secrets.clone();
        callers.spawn(async move { value(&secrets).await });
    }
    assert!(callers.join_all().await.iter().all(|value| value == "sk_one"));
    assert_eq!(wire.calls(), 1);
}

#[tokio::test]
async fn a_failing_prefetch_is_made_good_by_the_first_request() {
    let (wire, clock) = (Wire::new(), start());
    let secrets = wire.secrets(&clock);
    wire.refuses(400, "AccessDeniedException");
    secrets.prefetch(&[ID, "other"]).await;
    assert_eq!(wire.calls(), 2);
    wire.holds("sk_one");
    assert_eq!(value(&secrets).await, "sk_one");
    secrets.prefetch(&[ID]).await;
    assert_eq!(wire.calls(), 3);
}

/// R73: the cause is named, the value never.
#[tokio::test]
async fn errors_say_what_to_mend() {
    let (wire, clock) = (Wire::new(), start());
    let secrets = wire.secrets(&clock);
    for (status, code, words) in [
        (400, "ResourceNotFoundException", "does not exist"),
        (400, "AccessDeniedException", "the role may not read"),
        (400, "DecryptionFailure", "(DecryptionFailure)"),
        (503, "whatever", "(whatever)"),
    ] {
        wire.refuses(status, code);
        let error = secrets.get(ID).await.unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(ID), "{error}");
    }
    *wire.answer.lock().unwrap() = (200, "{}".to_owned());
    assert_eq!(secrets.get(ID).await.unwrap_err(), SecretsError::NotText { id: ID.to_owned() });
    wire.holds("sk_canary");
    assert_eq!(value(&secrets).await, "sk_canary");
    assert!(!format!("{secrets:?}").contains("sk_canary"));
}

/// R70: a warm request parses nothing; a broken new version does not take a working one down.
#[tokio::test]
async fn a_new_version_that_cannot_be_read_does_not_replace_a_good_one() {
    let (wire, clock) = (Wire::new(), start());
    wire.holds("7");
    let number = Secret::new(wire.secrets(&clock), ID, str::parse::<u8>);
    let first = number.get().await.unwrap();
    assert!(Arc::ptr_eq(&first, &number.get().await.unwrap()));
    clock.advance(Duration::from_secs(600));
    wire.holds("sk_canary");
    assert!(Arc::ptr_eq(&first, &number.get().await.unwrap()));
    clock.advance(Duration::from_secs(600));
    wire.holds("8");
    assert_eq!(*number.refresh().await.unwrap(), 8);

    wire.holds("sk_canary");
    let fresh = Secret::new(wire.secrets(&clock), ID, str::parse::<u8>);
    let error = fresh.get().await.unwrap_err().to_string();
    assert!(error.contains(ID) && !error.contains("canary"), "{error}");
    assert!(!format!("{fresh:?}").contains("canary"));
}
