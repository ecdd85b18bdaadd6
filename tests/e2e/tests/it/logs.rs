//! What is written down: enough to find a request, and nothing that opens a door or names a person.

use domain::Clock;
use e2e::{Browser, SESSION, Stack, at};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt;
use web::telemetry::{JsonLog, Service, Sink};

/// What keeps the listening up.
type Listening = (tracing::Dispatch, tracing::subscriber::DefaultGuard);

/// Everything that this thread logs, from now on: the stack of a test runs on the test's own thread.
///
/// A second subscriber stays beside ours. With only one in the process, `tracing` takes it for everybody's, and what other
/// tests' threads meet first without one is then not asked for again.
fn listen() -> (Sink, Listening) {
    let second = tracing::Dispatch::new(tracing_subscriber::registry());
    let sink = Sink::memory();
    let service = Service { name: "vestibule".to_owned(), function_name: String::new(), memory_size: 0 };
    let log = JsonLog::new(service, Clock::system(), sink.clone());
    (sink, (second, tracing::subscriber::set_default(tracing_subscriber::registry().with(log))))
}

fn secrets_of(browser: &Browser, stack: &Stack) -> Vec<String> {
    let values = browser.jar().header(&stack.url("/"));
    values
        .split("; ")
        .filter_map(|cookie| cookie.split_once('='))
        // Where this browser was last: ids, which are in every line anyway.
        .filter(|(name, _)| *name != "__Host-last")
        .map(|(_, value)| value.to_owned())
        .collect()
}

/// R73: a whole run, with everything that can go wrong in it, and none of its secrets in any line.
#[tokio::test]
async fn no_line_holds_a_secret() {
    let (log, _listening) = listen();
    let stack = Stack::with(&[("UNVERIFIED_DOMAIN_POLICY", "allow"), ("IDP_INITIATED", "restart")]).await;
    let mut secrets: Vec<String> =
        ["ada@acme.com", "casey@contractor.example", "front.desk@globex.com", "Okafor", "c4n4ry"]
            .map(str::to_owned)
            .into();
    secrets.push(sandbox::DEFAULT_API_KEY.to_owned());
    let deployment = stack.deployed(&[("UNVERIFIED_DOMAIN_POLICY", "allow")]).await;
    for (door, selector, email) in [
        (stack.browser(), at::OKTA, "ada@acme.com"),
        (deployment.visited_by(&stack.browser()), at::OKTA, "casey@contractor.example"),
        (stack.browser(), at::GLOBEX, "front.desk@globex.com"),
    ] {
        let departure =
            door.depart(&format!("{selector}&login_hint={email}&return_to=/reports?token=c4n4ry")).await;
        secrets.push(departure.state.clone());
        secrets.extend(stack.logins().await.iter().map(|login| login.text("verifier").to_owned()));
        secrets.extend(secrets_of(&door, &stack));
        let callback = door.at_idp(&departure, email).await;
        secrets.push(callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned());
        assert_eq!(door.get(callback.as_str()).await.status, 303);
        secrets.extend(secrets_of(&door, &stack));
        door.get(callback.as_str()).await;
        stack.advance(100);
        for path in [
            "/auth/session",
            "/auth/account",
            "/auth/session?return_to=/x?token=c4n4ry",
            "/auth/logout",
            "/dashboard",
        ] {
            door.get(path).await;
            secrets.extend(secrets_of(&door, &stack));
        }
        // What goes wrong.
        stack.browser().get(callback.as_str()).await;
        for path in ["/auth/session", "/auth/account", "/dashboard"] {
            stack
                .browser()
                .ask("GET", path)
                .header("cookie", &format!("{SESSION}=c4n4ry.c4n4ry.c4n4ry"))
                .send()
                .await;
        }
        stack.browser().get("/auth/callback?code=c4n4ry&connection_id=conn_c4n4ry").await;
        stack.browser().get("/auth/callback?error=c4n4ry&error_description=c4n4ry").await;
        stack.browser().get("/login?organization=c4n4ry&return_to=https://c4n4ry.example/").await;
        stack.browser().get("/c4n4ry?c4n4ry=c4n4ry").await;
        stack
            .browser()
            .ask("GET", "/login")
            .header("user-agent", "c4n4ry")
            .header("referer", "https://x/c4n4ry")
            .send()
            .await;
        door.post_form("/auth/account/end", &[("session", "c4n4ry")]).await;
        for kind in ["status", "malformed", "cut", "rate_limit", "wrong_organization"] {
            stack.sandbox().fault(json!({"path": "/sso/token", "kind": kind, "count": 1})).await;
            let departure = door.depart(selector).await;
            secrets.push(departure.state.clone());
            let callback = door.at_idp(&departure, email).await;
            secrets.push(callback.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned());
            secrets.extend(secrets_of(&door, &stack));
            door.get(callback.as_str()).await;
            stack.sandbox().heal().await;
        }
        let out = door.post_form("/auth/logout", &[]).await;
        secrets.extend(out.location().query_pairs().map(|(_, value)| value.into_owned()));
    }
    // Tokens in parts too: a line that quotes a claim set is as bad as the whole.
    let parts: Vec<String> = secrets.iter().flat_map(|secret| secret.split('.').map(str::to_owned)).collect();
    secrets.extend(parts);
    // The moment a flow cookie was issued stands beside its secret, and is none.
    secrets.retain(|secret| !secret.bytes().all(|byte| byte.is_ascii_digit()));
    secrets.retain(|secret| secret.len() >= 6 && secret != "example" && secret != "contractor");
    assert!(secrets.len() > 60, "{}", secrets.len());

    let lines = log.lines();
    assert!(lines.len() > 100, "{} lines", lines.len());
    assert!(
        lines.iter().any(|line| line.contains("signed in"))
            && lines.iter().any(|line| line.contains("login refused"))
    );
    for line in lines.iter().chain(&stack.metrics.lines()) {
        for secret in &secrets {
            // Session headers are the same for all and say nothing.
            let header = secret.starts_with("eyJ0eXAi");
            assert!(header || !line.contains(secret.as_str()), "{secret} is in {line}");
        }
    }
}

/// R74: each event is one line of JSON under one schema, whatever the request tried to write into the log.
#[tokio::test]
async fn no_request_writes_lines_of_its_own() {
    let (log, _listening) = listen();
    let stack = Stack::start().await;
    let browser = stack.browser();
    let forged = "%0a%7B%22level%22%3A%22FORGED%22%7D%0d%0a%1b[31m%e2%80%a8%e2%80%ae%00";
    for path in ["/login", "/auth/callback", "/auth/session", "/auth/account", "/nothing"] {
        for query in [
            format!("error={forged}"),
            format!("code={forged}&state={forged}"),
            format!("organization={forged}"),
            format!("return_to={forged}"),
        ] {
            let request = browser.ask("GET", format!("{path}?{query}")).navigating();
            request
                .header("x-forwarded-for", "\t{\"level\":\"FORGED\"}")
                .header("x-request-id", "FORGED")
                .send()
                .await;
        }
    }
    stack.sandbox().fails("x\n{\"level\":\"FORGED\"}", "y\n{\"level\":\"FORGED\"}").await;
    browser.sign_in(at::OKTA, "").await;
    let lines = log.lines();
    assert!(lines.len() >= 20);
    for line in &lines {
        assert!(!line.contains(char::is_control) && !line.contains(['\u{2028}', '\u{202e}']), "{line:?}");
        assert!(!line.contains("FORGED"), "{line}");
        let entry: Value = serde_json::from_str(line).unwrap();
        for key in ["level", "message", "timestamp", "service", "location"] {
            assert!(entry[key].is_string(), "{key} is missing: {line}");
        }
        assert!(["INFO", "WARN", "ERROR"].contains(&entry["level"].as_str().unwrap()), "{line}");
    }
    // R76: the id of an answer finds its lines.
    let answer = browser.get("/auth/callback?code=x&state=y").await;
    let id = answer.header("x-request-id");
    let found = log.lines().into_iter().filter(|line| line.contains(id)).count();
    assert!(found >= 2, "{found}");
}
