//! A sandbox on a bench: requests go through the router, time is moved by hand, randomness repeats.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::post;
use domain::{Clock, Rng, Timestamp, sha256};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;
use url::form_urlencoded::Serializer;

use crate::{DEFAULT_API_KEY, DEFAULT_CLIENT_ID, Options, RedirectUris, Sandbox, router};

pub(crate) const CALLBACK: &str = "http://localhost:8080/auth/callback";
pub(crate) const OKTA: &str = "connection=conn_01SANDBOXACMEOKTA";
pub(crate) const GLOBEX: &str = "organization=org_01SANDBOXGLOBEX";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) struct Bench {
    clock: Clock,
    router: Router,
    pub(crate) sandbox: Sandbox,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.body))
    }

    pub(crate) fn location(&self) -> &str {
        self.headers["location"].to_str().unwrap()
    }

    /// A parameter of the redirect's query.
    pub(crate) fn param(&self, name: &str) -> Option<String> {
        let base = Url::parse(CALLBACK).unwrap();
        let url = base.join(self.location()).unwrap();
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_seconds(1_800_000_000));
        let sandbox = Sandbox::new(Options {
            base_url: "http://localhost:8081".into(),
            client_id: DEFAULT_CLIENT_ID.into(),
            api_key: DEFAULT_API_KEY.into(),
            redirect_uris: RedirectUris::AnyLoopback { default: CALLBACK.into() },
            clock: clock.clone(),
            rng: Rng::seeded(1),
            webhook: None,
        })
        .unwrap();
        Self { clock, router: router(sandbox.clone()), sandbox }
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes().to_vec())
            .unwrap_or_else(|_| b"(broken)".to_vec());
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body).unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// With the API key.
    pub(crate) async fn api(&self, method: &str, path: &str, body: &str) -> Answer {
        let headers = [("authorization", "Bearer sk_test_sandbox"), ("content-type", "application/json")];
        self.send(method, path, &headers, body).await
    }

    /// A control verb with a JSON body.
    pub(crate) async fn control(&self, verb: &str, body: Value) -> Answer {
        let path = format!("/_sandbox/{verb}");
        self.send("POST", &path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send("POST", path, &[("content-type", "application/x-www-form-urlencoded")], &body).await
    }

    /// `GET /sso/authorize` with PKCE and the state `state-1`, for this selector and these further parameters.
    pub(crate) async fn authorize(&self, selector: &str) -> Answer {
        let challenge = sha256(VERIFIER);
        self.get(&format!(
            "/sso/authorize?client_id=client_sandbox&response_type=code&redirect_uri={CALLBACK}&state=state-1\
             &code_challenge={challenge}&code_challenge_method=S256&{selector}"
        ))
        .await
    }

    /// From the authorization request through the IdP's page to the redirect back.
    pub(crate) async fn choose(&self, selector: &str, email: &str) -> Answer {
        let flow = self.authorize(selector).await.location().to_owned();
        self.form(&flow, &[("email", email)]).await
    }

    pub(crate) async fn code(&self, selector: &str, email: &str) -> String {
        self.choose(selector, email).await.param("code").unwrap()
    }

    pub(crate) async fn exchange(&self, changes: Value) -> Answer {
        let mut body = json!({
            "client_id": DEFAULT_CLIENT_ID,
            "client_secret": DEFAULT_API_KEY,
            "grant_type": "authorization_code",
            "code_verifier": VERIFIER,
        });
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.send("POST", "/sso/token", &[("content-type", "application/json")], &body.to_string()).await
    }

    /// The whole way to the token answer.
    pub(crate) async fn sign_in(&self, selector: &str, email: &str) -> Answer {
        let code = self.code(selector, email).await;
        self.exchange(json!({ "code": code })).await
    }

    /// `POST /_sandbox/directory`, which has to be understood.
    pub(crate) async fn directory(&self, errand: Value) -> Value {
        let answer = self.control("directory", errand).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        answer.json()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

pub(crate) const SECRET: &str = "whsec_bench";

/// A webhook endpoint that writes down what comes, and answers as it is told.
#[derive(Clone, Default)]
pub(crate) struct Inbox(Arc<Mutex<InboxState>>);

#[derive(Default)]
struct InboxState {
    letters: Vec<Letter>,
    answers: VecDeque<u16>,
}

#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) signature: String,
    pub(crate) body: String,
}

impl Letter {
    pub(crate) fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.event()["event"].as_str().unwrap().to_owned()
    }

    /// The `t` of a signature that is right.
    pub(crate) fn signed_at(&self) -> i64 {
        let t = self.signature.strip_prefix("t=").unwrap().split_once(", ").unwrap().0.parse().unwrap();
        assert_eq!(self.signature, crate::signature(SECRET, t, self.body.as_bytes()));
        t
    }
}

impl Inbox {
    /// On a port of its own; the sandbox is told of it.
    pub(crate) async fn of(bench: &Bench) -> Self {
        let inbox = Self::default();
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://127.0.0.1:{}/webhooks/workos", listener.local_addr().unwrap().port());
        let take = async |State(inbox): State<Inbox>, headers: HeaderMap, body: String| {
            let signature = headers["workos-signature"].to_str().unwrap().to_owned();
            assert_eq!(headers["content-type"], "application/json");
            let mut inbox = inbox.0.lock().unwrap();
            inbox.letters.push(Letter { signature, body });
            StatusCode::from_u16(inbox.answers.pop_front().unwrap_or(200)).unwrap()
        };
        let router = Router::new().fallback(post(take)).with_state(inbox.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let answer = bench.control("settings", json!({ "webhook": { "url": url, "secret": SECRET } })).await;
        assert_eq!(answer.json()["webhook"], json!({ "url": url }));
        inbox
    }

    /// The next answers; 200 after them.
    pub(crate) fn answer(&self, statuses: &[u16]) {
        self.0.lock().unwrap().answers.extend(statuses);
    }

    /// What came since the last look.
    pub(crate) fn take(&self) -> Vec<Letter> {
        std::mem::take(&mut self.0.lock().unwrap().letters)
    }

    /// Comes back once something has come.
    pub(crate) async fn arrival(&self) {
        while self.0.lock().unwrap().letters.is_empty() {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn kinds(&self) -> Vec<String> {
        self.take().iter().map(Letter::kind).collect()
    }
}
