//! The client against a scripted server. Real sockets and real, tiny limits; nothing sleeps.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Timestamp;
use domain::tenant::ConnectionState;
use serde_json::{Value, json};

use super::*;
use crate::error::Kind;
use crate::fake::{Answer, Fake, ok, status};

const KEY: &str = "sk_test_canary-key";
const CODE: &str = "canary-code";
const VERIFIER: &str = "canary-verifier";

fn client_at(base: &str) -> Client {
    let clock = Clock::manual(Timestamp::parse_rfc3339("2026-11-25T08:00:00.980Z").unwrap());
    let base = BaseUrl::parse(base).unwrap();
    Client::new(net::client().unwrap(), base, ClientId::parse("client_01").unwrap(), clock, Rng::seeded(11))
}

async fn scripted(script: impl IntoIterator<Item = Answer>) -> (Fake, Client) {
    let fake = Fake::start(script).await;
    let client = client_at(&fake.base);
    (fake, client)
}

fn key() -> ApiKey {
    ApiKey::parse(KEY).unwrap()
}

fn plenty() -> Deadline {
    Deadline::after(Duration::from_millis(4500))
}

fn acme() -> OrganizationId {
    OrganizationId::parse("org_acme").unwrap()
}

fn exchanged() -> Value {
    json!({
        "token_type": "Bearer", "access_token": "canary-token", "expires_in": 600,
        "profile": {"id": "prof_01", "connection_id": "conn_01", "idp_id": "1", "email": "ada@acme.com"}
    })
}

async fn exchange(client: &Client, deadline: Deadline) -> Result<TokenResponse, Error> {
    client.exchange_code(&key(), CODE, VERIFIER, deadline).await
}

async fn organization(client: &Client, deadline: Deadline) -> Result<Organization, Error> {
    client.organization(&key(), &acme(), deadline).await
}

/// All log lines of this thread for as long as the guard lives.
///
/// A second subscriber stays beside ours: with only one in the process, `tracing` takes it for everybody's, and what other
/// tests' threads meet first without one is then not asked for again.
fn logged() -> (Arc<Mutex<Vec<u8>>>, (tracing::Dispatch, tracing::subscriber::DefaultGuard)) {
    let second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    #[derive(Clone)]
    struct Sink(Arc<Mutex<Vec<u8>>>);
    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let lines: Arc<Mutex<Vec<u8>>> = Arc::default();
    let sink = Sink(lines.clone());
    let subscriber = tracing_subscriber::fmt().with_writer(move || sink.clone()).finish();
    (lines, (second, tracing::subscriber::set_default(subscriber)))
}

fn text(lines: &Arc<Mutex<Vec<u8>>>) -> String {
    String::from_utf8(lines.lock().unwrap().clone()).unwrap()
}

/// Handlers that await these calls are moved between threads.
#[tokio::test]
async fn calls_can_be_sent_to_another_thread() {
    fn movable(_: &impl Send) {}
    let (_fake, client) = scripted([]).await;
    let (key, organization, connection) = (key(), acme(), ConnectionId::parse("conn_1").unwrap());
    movable(&client.exchange_code(&key, CODE, VERIFIER, plenty()));
    movable(&client.connections(&key, &organization, plenty()));
    movable(&client.connection(&key, &connection, plenty()));
    movable(&client.logout_authorize(&key, &ProfileId::parse("prof_01").unwrap(), plenty()));
}

#[tokio::test]
async fn the_exchange_is_the_documented_one() {
    let (fake, client) = scripted([ok(exchanged())]).await;
    let answer = exchange(&client, plenty()).await.unwrap();
    assert_eq!(answer.profile.email, "ada@acme.com");
    assert!(answer.access_token.is_some());
    let requests = fake.requests();
    assert_eq!((requests[0].method.as_str(), requests[0].target.as_str()), ("POST", "/sso/token"));
    assert_eq!(
        serde_json::from_str::<Value>(&requests[0].body).unwrap(),
        json!({
            "grant_type": "authorization_code", "client_id": "client_01", "client_secret": KEY,
            "code": CODE, "code_verifier": VERIFIER
        })
    );
    assert!(requests[0].headers.contains("content-type: application/json"), "{}", requests[0].headers);
    assert!(!requests[0].headers.contains("authorization"), "{}", requests[0].headers);
}

#[tokio::test]
async fn an_exchange_without_optional_fields_is_good() {
    let least = json!({"profile": {"id": "prof_01", "connection_id": "conn_01", "idp_id": "1"}});
    let odd_token =
        json!({"profile": exchanged()["profile"], "access_token": "not a token", "token_type": null});
    let (_fake, client) = scripted([ok(least), ok(odd_token)]).await;
    for _ in 0..2 {
        assert!(exchange(&client, plenty()).await.unwrap().access_token.is_none());
    }
}

/// R61: the code exchange is sent once, whatever happens to it.
#[tokio::test]
async fn an_exchange_is_never_repeated() {
    let refused = json!({"error": "invalid_grant", "error_description": "canary-code has expired"});
    for (answer, kind) in [
        (status(500, "{}"), Kind::Unavailable { status: 500 }),
        (status(503, "busy").with("retry-after", 0), Kind::Unavailable { status: 503 }),
        (status(429, "\"Ratelimited\"").with("retry-after", 0), Kind::RateLimited),
        (status(400, refused), Kind::Rejected { status: 400, code: Some("invalid_grant".to_owned()) }),
        (ok("{\"profile\":"), Kind::Malformed),
        (ok("{}"), Kind::Malformed),
        (ok("<html>"), Kind::Malformed),
        (Answer::Cut, Kind::Interrupted),
        (Answer::CutInBody, Kind::Interrupted),
    ] {
        let (fake, client) = scripted([answer]).await;
        let error = exchange(&client, plenty()).await.unwrap_err();
        assert_eq!((error.kind.clone(), error.operation), (kind.clone(), "exchange_code"));
        assert_eq!(fake.requests().len(), 1, "{kind:?}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    for answer in [Answer::Hang, Answer::HangInBody] {
        let (fake, client) = scripted([answer]).await;
        let error = exchange(&client, Deadline::after(Duration::from_millis(300))).await.unwrap_err();
        assert_eq!(error.kind, Kind::Timeout);
        assert_eq!(fake.requests().len(), 1);
    }
}

/// R61: only where no connection was made, nothing can have been exchanged; then once more.
#[tokio::test]
async fn an_exchange_that_never_left_is_tried_once_more() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let client = client_at(&format!("http://{closed}"));
    let (lines, _guard) = logged();
    let error = exchange(&client, plenty()).await.unwrap_err();
    assert_eq!((error.kind, error.request_id), (Kind::Connect, None));
    assert_eq!(text(&lines).lines().count(), 2, "{}", text(&lines));
}

/// R61: a read is repeated at most twice.
#[tokio::test]
async fn a_read_is_tried_three_times_and_no_more() {
    let acme = json!({"id": "org_acme", "name": "Acme Corp"});
    let (fake, client) = scripted([status(500, "{}"), Answer::Cut, ok(&acme)]).await;
    assert_eq!(organization(&client, plenty()).await.unwrap().name, "Acme Corp");
    assert_eq!(fake.requests().len(), 3);

    let (fake, client) = scripted((0..5).map(|n| status(502, n))).await;
    let error = organization(&client, plenty()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable { status: 502 });
    assert_eq!(error.request_id.as_deref(), Some("req_fake"));
    assert_eq!(fake.requests().len(), 3);

    for refusal in [400, 401, 403, 404, 422] {
        let (fake, client) = scripted([status(refusal, json!({"message": "no"}))]).await;
        let error = organization(&client, plenty()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Rejected { status: refusal, code: None });
        assert_eq!(fake.requests().len(), 1);
    }
}

/// R61: an attempt that hangs leaves time for another.
#[tokio::test]
async fn a_read_that_hangs_is_tried_again() {
    let (fake, mut client) =
        scripted([Answer::Hang, Answer::HangInBody, ok(json!({"id": "org_acme"}))]).await;
    client.transport.limits.attempt = Duration::from_millis(300);
    assert!(organization(&client, plenty()).await.is_ok());
    assert_eq!(fake.requests().len(), 3);
}

/// R61: the smaller of the call's own limit and what remains of the request.
#[tokio::test]
async fn a_call_ends_with_its_limit_or_the_deadline() {
    let (_fake, client) = scripted([Answer::Hang, Answer::Hang, Answer::Hang]).await;
    let started = tokio::time::Instant::now();
    let error = organization(&client, Deadline::after(Duration::from_millis(80))).await.unwrap_err();
    assert_eq!(error.kind, Kind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

    let (_fake, mut client) = scripted([Answer::Hang]).await;
    client.transport.limits.call = Duration::from_millis(80);
    let started = tokio::time::Instant::now();
    assert_eq!(exchange(&client, plenty()).await.unwrap_err().kind, Kind::Timeout);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());

    let (fake, client) = scripted([ok(exchanged())]).await;
    assert_eq!(exchange(&client, Deadline::after(Duration::ZERO)).await.unwrap_err().kind, Kind::Timeout);
    assert!(fake.requests().is_empty(), "something was sent after the deadline");
}

/// R63: what `Retry-After` asks for is waited out. The clock stands 20 ms before the date.
#[tokio::test]
async fn retry_after_is_waited_out() {
    let date = "Wed, 25 Nov 2026 08:00:01 GMT";
    let limited = status(429, "\"Ratelimited\"").with("retry-after", date);
    let (fake, client) = scripted([limited, ok(json!({"id": "org_acme"}))]).await;
    organization(&client, plenty()).await.unwrap();
    let requests = fake.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests[1].at - requests[0].at >= Duration::from_millis(20));
}

/// R63: a wait that does not fit is answered at once, with what WorkOS asked for.
#[tokio::test]
async fn retry_after_beyond_the_deadline_ends_the_call() {
    for status_code in [429, 503] {
        let (fake, client) = scripted([status(status_code, "{}").with("retry-after", 30)]).await;
        let started = tokio::time::Instant::now();
        let error = organization(&client, plenty()).await.unwrap_err();
        assert_eq!(error.retry_after, Some(Duration::from_secs(30)));
        assert!(error.is_transient());
        assert_eq!(fake.requests().len(), 1);
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test]
async fn an_answer_is_read_up_to_a_megabyte() {
    let padded = |length: usize| {
        let frame = r#"{"id":"org_acme","padding":""}"#.len();
        format!(r#"{{"id":"org_acme","padding":"{}"}}"#, "x".repeat(length - frame))
    };
    let (_fake, client) = scripted([ok(padded(1024 * 1024))]).await;
    assert_eq!(organization(&client, plenty()).await.unwrap().id.as_str(), "org_acme");
    let large = padded(1024 * 1024 + 1);
    let (fake, client) = scripted([ok(&large), status(500, &large), status(404, &large)]).await;
    assert_eq!(organization(&client, plenty()).await.unwrap_err().kind, Kind::Malformed);
    assert_eq!(fake.requests().len(), 1);
    let error = exchange(&client, plenty()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable { status: 500 });
    let error = exchange(&client, plenty()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Unavailable { status: 404 }, "half a body refuses nothing");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (other, _) = scripted([ok(exchanged())]).await;
    let redirect = status(307, "").with("location", format!("{}/sso/token", other.base));
    let (_fake, client) = scripted([redirect]).await;
    assert_eq!(exchange(&client, plenty()).await.unwrap_err().kind, Kind::Unavailable { status: 307 });
    assert!(other.requests().is_empty(), "the key went where a redirect pointed");
}

/// R73: the key, the code, the verifier and the token are in no URL, log line or error; the request id is in
/// both.
#[tokio::test]
async fn secrets_leave_only_where_they_must() {
    let echo = json!({"error": "invalid_grant", "error_description": format!("{CODE} {KEY} {VERIFIER}")});
    let profile = exchanged()["profile"].clone();
    let (fake, client) = scripted([
        ok(exchanged()),
        ok(profile),
        status(400, echo),
        status(401, json!({"message": KEY})),
        ok(json!({"id": "org_acme", "domains": KEY})),
        ok(json!({"logout_url": "https://auth.workos.com/sso/logout?token=canary-logout"})),
    ])
    .await;
    let (lines, guard) = logged();
    let token = exchange(&client, plenty()).await.unwrap();
    client.profile(token.access_token.as_ref().unwrap(), plenty()).await.unwrap();
    let one = exchange(&client, plenty()).await.unwrap_err();
    let two = organization(&client, plenty()).await.unwrap_err();
    let three = organization(&client, plenty()).await.unwrap_err();
    let profile = ProfileId::parse("prof_01").unwrap();
    let logout = client.logout_authorize(&key(), &profile, plenty()).await.unwrap();
    drop(guard);

    let lines = text(&lines);
    assert_eq!(lines.lines().count(), 6, "{lines}");
    assert!(lines.lines().all(|line| line.contains("workos.request_id=\"req_fake\"")), "{lines}");
    assert!(lines.lines().all(|line| line.contains("(request req_fake)")), "{lines}");
    assert!(
        lines.contains("workos.operation=\"exchange_code\"") && lines.contains("http.status=400"),
        "{lines}"
    );
    for error in [&one, &two, &three] {
        assert_eq!(error.request_id.as_deref(), Some("req_fake"));
    }
    let requests = fake.requests();
    let urls: String = requests.iter().map(|request| request.target.as_str()).collect();
    let said = format!(
        "{lines} {one} {one:?} {two} {two:?} {three} {three:?} {client:?} {token:?} {logout:?} {urls}"
    );
    assert!(!said.contains("canary") && !said.contains("ada@"), "{said}");
    assert!(requests[1].headers.contains("authorization: Bearer canary-token"));
    assert!(requests[3].headers.contains(&format!("authorization: Bearer {KEY}")));
}

#[tokio::test]
async fn the_request_id_is_a_word_or_absent() {
    let script = [
        Answer::Http {
            status: 404,
            headers: vec![("x-request-id", "a b".to_owned())],
            body: "{}".to_owned(),
        },
        Answer::Http { status: 404, headers: vec![], body: "{}".to_owned() },
        Answer::Http {
            status: 404,
            headers: vec![("X-Request-ID", "fra1::x-1".to_owned())],
            body: "{}".to_owned(),
        },
    ];
    let (_fake, client) = scripted(script).await;
    for expected in [None, None, Some("fra1::x-1")] {
        let error = organization(&client, plenty()).await.unwrap_err();
        assert_eq!(error.request_id.as_deref(), expected);
    }
}

#[tokio::test]
async fn connections_come_page_by_page_and_only_the_organizations_own() {
    let page = |ids: &[&str], after: Value| {
        let data: Vec<Value> = ids
            .iter()
            .map(|id| json!({"id": id, "organization_id": "org_acme", "state": "active", "name": "Okta"}))
            .collect();
        ok(json!({"object": "list", "data": data, "list_metadata": {"before": null, "after": after}}))
    };
    let last = json!({"data": [{"id": "conn_3"}, {"id": "conn_4", "organization_id": "org_globex"}]});
    let script = [page(&["conn_1"], json!("conn_1&x=1")), page(&["conn_2"], json!("conn_2")), ok(last)];
    let (fake, client) = scripted(script).await;
    let connections = client.connections(&key(), &acme(), plenty()).await.unwrap();
    let ids: Vec<&str> = connections.iter().map(|connection| connection.id.as_str()).collect();
    assert_eq!(ids, ["conn_1", "conn_2", "conn_3"]);
    assert_eq!(connections[0].state, ConnectionState::Active);
    let targets: Vec<String> = fake.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(
        targets,
        [
            "/connections?organization_id=org_acme&limit=100",
            "/connections?organization_id=org_acme&limit=100&after=conn_1%26x%3D1",
            "/connections?organization_id=org_acme&limit=100&after=conn_2",
        ]
    );

    let (fake, client) = scripted((0..9).map(|_| page(&["conn_1"], json!("conn_1")))).await;
    let error = client.connections(&key(), &acme(), plenty()).await.unwrap_err();
    assert_eq!((error.kind, fake.requests().len()), (Kind::Malformed, 5));
    let (_fake, client) = scripted([page(&[], json!("conn_1")), ok(json!({"object": "list"}))]).await;
    assert!(client.connections(&key(), &acme(), plenty()).await.unwrap().is_empty());
    let error = client.connections(&key(), &acme(), plenty()).await.unwrap_err();
    assert_eq!(error.kind, Kind::Malformed, "no list is not an empty list");
}

#[tokio::test]
async fn an_answer_about_something_else_is_no_answer() {
    let other = [ok(json!({"id": "org_globex"})), ok(json!({"id": "conn_2"})), ok(json!({"id": "conn_1"}))];
    let (fake, client) = scripted(other).await;
    let error = organization(&client, plenty()).await.unwrap_err();
    assert_eq!((error.kind, error.request_id.as_deref()), (Kind::Malformed, Some("req_fake")));
    let wanted = ConnectionId::parse("conn_1").unwrap();
    assert_eq!(client.connection(&key(), &wanted, plenty()).await.unwrap_err().kind, Kind::Malformed);
    assert_eq!(client.connection(&key(), &wanted, plenty()).await.unwrap().id, wanted);
    let targets: Vec<String> = fake.requests().into_iter().map(|request| request.target).collect();
    assert_eq!(targets, ["/organizations/org_acme", "/connections/conn_1", "/connections/conn_1"]);
}

#[tokio::test]
async fn a_logout_url_is_https_or_on_this_machine() {
    let profile = ProfileId::parse("prof_01").unwrap();
    for good in ["https://auth.workos.com/sso/logout?token=t", "http://localhost:8081/sso/logout?token=t"] {
        let (fake, client) = scripted([status(201, json!({"logout_url": good, "logout_token": "t"}))]).await;
        let url = client.logout_authorize(&key(), &profile, plenty()).await.unwrap();
        assert_eq!(url.expose(), good);
        let shown = format!("{url:?}");
        assert!(shown.ends_with(", [redacted])") && !shown.contains("token"), "{shown}");
        let requests = fake.requests();
        assert_eq!(
            (requests[0].method.as_str(), requests[0].target.as_str()),
            ("POST", "/sso/logout/authorize")
        );
        assert_eq!(requests[0].body, r#"{"profile_id":"prof_01"}"#);
    }
    for bad in ["http://auth.workos.com/sso/logout", "javascript:alert(1)", "/sso/logout", ""] {
        let (_fake, client) = scripted([ok(json!({"logout_url": bad}))]).await;
        let error = client.logout_authorize(&key(), &profile, plenty()).await.unwrap_err();
        assert_eq!(error.kind, Kind::Malformed, "{bad}");
    }
    let refused = json!({"error": "connection_invalid", "error_description": "no"});
    let (fake, client) = scripted([status(400, refused)]).await;
    let error = client.logout_authorize(&key(), &profile, plenty()).await.unwrap_err();
    assert_eq!(error.code(), Some("connection_invalid"));
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_key_is_checked_without_changing_anything() {
    let script = [
        ok(json!({"object": "list", "data": []})),
        status(401, json!({"message": "Unauthorized"})),
        ok(json!({})),
    ];
    let (fake, client) = scripted(script).await;
    assert!(client.check_key(&key(), plenty()).await.is_ok());
    let request = &fake.requests()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/organizations?limit=1"));
    assert_eq!(
        client.check_key(&key(), plenty()).await.unwrap_err().kind,
        Kind::Rejected { status: 401, code: None }
    );
    assert_eq!(client.check_key(&key(), plenty()).await.unwrap_err().kind, Kind::Malformed);
}
