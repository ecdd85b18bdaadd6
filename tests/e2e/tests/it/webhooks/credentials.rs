//! Who is believed: nobody but the holder of the secret, now, from where they may come from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use domain::Timestamp;
use e2e::dsync::{WEBHOOK, person};
use e2e::{Answer, Browser, Stack, WEBHOOK_SECRET};
use lambda_http::Context;
use serde_json::{Value, json};
use workos::{SIGNATURE_HEADER, WebhookSecret};

const USERS: &str = "/scim/v2/Users";

fn event(stack: &Stack) -> String {
    stack.event("01", "dsync.user.created", person("ADA1", "ada@acme.com")).to_string()
}

async fn post(
    door: &Browser,
    path: &str,
    signature: Option<&str>,
    token: Option<&str>,
    body: &str,
) -> Answer {
    let mut request = door.ask("POST", path);
    if let Some(signature) = signature {
        request = request.header(SIGNATURE_HEADER, signature);
    }
    if let Some(token) = token {
        request = request.header("authorization", token);
    }
    request.body("application/json", body).send().await
}

/// An answer without what differs each time.
fn bare(answer: &Answer) -> (u16, String, Vec<(String, String)>) {
    let id = answer.header("x-request-id").to_owned();
    let names = answer.headers.iter().filter(|(name, _)| !matches!(name.as_str(), "x-request-id" | "date"));
    let mut headers: Vec<_> =
        names.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
    headers.sort();
    (answer.status, answer.body.replace(&id, "ID"), headers)
}

/// R51: whatever is wrong with a signature, the answer is the same to the last byte, and nothing was read or written.
#[tokio::test]
async fn every_forgery_gets_the_same_answer() {
    let stack = Stack::start().await;
    let proxy = stack.proxy().await;
    let door = stack.behind(&proxy, &[]).await.visited_by(&stack.browser());
    let (secret, now, body) = (stack.webhook_secret(), stack.clock.now(), event(&stack));
    let other = WebhookSecret::parse("whsec_somebody_elses").unwrap();
    let genuine = secret.sign(body.as_bytes(), now);
    let reserialised = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&body).unwrap()).unwrap();
    let stale = |millis: i64| secret.sign(body.as_bytes(), Timestamp::from_millis(now.millis() + millis));
    proxy.forget();
    let mut answers = Vec::new();
    for (why, signature, body) in [
        ("none", None, body.as_str()),
        ("empty", Some(String::new()), &body),
        ("another secret", Some(other.sign(body.as_bytes(), now)), &body),
        ("another body", Some(genuine.clone()), "{}"),
        ("written anew", Some(genuine.clone()), &reserialised),
        ("too old", Some(stale(-180_001)), &body),
        ("too new", Some(stale(180_001)), &body),
        ("a component more", Some(format!("{genuine}, v2=0")), &body),
        ("a component less", Some(genuine.split(", ").next().unwrap().to_owned()), &body),
        ("twice", Some(format!("{genuine}, {genuine}")), &body),
        ("huge", Some(format!("{genuine}{}", " ".repeat(6000))), &body),
    ] {
        let answer = post(&door, WEBHOOK, signature.as_deref(), None, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{why}");
        answers.push(bare(&answer));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:#?}");
    assert_eq!(proxy.calls().len(), 0, "{:?}", proxy.calls());
    for (reason, times) in
        [("no_credential", 1), ("signature_forged", 3), ("signature_stale", 2), ("signature_malformed", 5)]
    {
        assert_eq!(stack.counted("webhook_refused", Some(reason)), times, "{reason}");
    }
    assert_eq!(post(&door, WEBHOOK, Some(&genuine), None, &body).await.status, 200);
    assert_eq!(post(&door, WEBHOOK, Some(&stale(-180_000)), None, &body).await.status, 200);
}

/// R51: the table of credentials, over HTTP, on both paths.
#[tokio::test]
async fn the_table_of_credentials() {
    let stack = Stack::start().await;
    let door = stack.browser();
    let body = event(&stack);
    let genuine = stack.webhook_secret().sign(body.as_bytes(), stack.clock.now());
    let forged = genuine.replace("v1=", "v1=0").replace("v1=00", "v1=0");
    let (good, bad, token) = (Some(genuine.as_str()), Some(forged.as_str()), Some("Bearer scim_01_secret"));
    for (path, signature, authorization, status, code) in [
        (WEBHOOK, good, None, 200, ""),
        (WEBHOOK, bad, None, 401, "unauthorized"),
        (WEBHOOK, good, token, 400, "ambiguous_credentials"),
        (WEBHOOK, bad, token, 400, "ambiguous_credentials"),
        (WEBHOOK, None, token, 401, "unauthorized"),
        (WEBHOOK, None, None, 401, "unauthorized"),
        (USERS, good, None, 200, ""),
        (USERS, bad, None, 401, "unauthorized"),
        (USERS, good, token, 400, "ambiguous_credentials"),
        (USERS, bad, token, 400, "ambiguous_credentials"),
        (USERS, None, token, 401, "scim"),
        (USERS, None, Some("Basic x"), 401, "scim"),
        (USERS, None, Some(""), 401, "scim"),
        (USERS, None, None, 401, "unauthorized"),
    ] {
        let answer = post(&door, path, signature, authorization, &body).await;
        let why = format!("{path} {signature:?} {authorization:?}: {}", answer.body);
        assert_eq!(answer.status, status, "{why}");
        match code {
            "" => {}
            "scim" => {
                assert_eq!(answer.header("content-type"), "application/scim+json", "{why}");
                assert_eq!(answer.json()["status"], "401", "{why}");
                assert_eq!(answer.header("www-authenticate"), "Bearer", "{why}");
            }
            code => assert_eq!(answer.code(), code, "{why}"),
        }
    }
    // A signature opens no other door.
    for path in ["/auth/session", "/scim/v2/Groups"] {
        let answer = door.ask("GET", path).header(SIGNATURE_HEADER, &genuine).send().await;
        assert!([401, 404].contains(&answer.status), "{path} {}", answer.status);
    }
    assert_eq!(stack.users().await.len(), 1);
}

/// R51, R70: a rotated secret counts without a deployment, both count meanwhile, and the old one ends when it is dropped.
#[tokio::test]
async fn the_secret_is_rotated_without_a_deployment() {
    let stack = Stack::start().await;
    let door = stack.browser();
    let body = event(&stack);
    let old = stack.webhook_secret();
    let new = WebhookSecret::parse("whsec_the_next_one_of_them").unwrap();
    let send = async |secret: &WebhookSecret| {
        let signature = secret.sign(body.as_bytes(), stack.clock.now());
        post(&door, WEBHOOK, Some(&signature), None, &body).await.status
    };
    assert_eq!((send(&old).await, send(&new).await), (200, 401));
    let document: Value = serde_json::from_str(&stack.running.secrets.get(WEBHOOK_SECRET).unwrap()).unwrap();
    let both = json!({"current": "whsec_the_next_one_of_them", "previous": document["current"]});
    stack.running.secrets.put(WEBHOOK_SECRET, &both.to_string()).unwrap();
    stack.advance(11);
    assert_eq!((send(&new).await, send(&old).await), (200, 200));
    stack
        .running
        .secrets
        .put(WEBHOOK_SECRET, &json!({"current": "whsec_the_next_one_of_them"}).to_string())
        .unwrap();
    stack.advance(301);
    assert_eq!((send(&new).await, send(&old).await), (200, 401));
    // What somebody wrote by mistake does not shut the door.
    stack.running.secrets.put(WEBHOOK_SECRET, "{}").unwrap();
    stack.advance(301);
    assert_eq!(send(&new).await, 200);
}

/// Without its secret the function says 503, and WorkOS sends the event again.
#[tokio::test]
async fn without_the_secret_events_come_again() {
    let stack = Stack::start().await;
    let deployment = stack.deployed(&[("WORKOS_WEBHOOK_SECRET", "elsewhere/webhook")]).await;
    let door = deployment.visited_by(&stack.browser());
    let event = stack.event("01", "dsync.user.created", person("ADA1", "ada@acme.com"));
    let answer = stack.deliver_to(&door, &event).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "try_later"));
    // What the template makes: a placeholder that is no secret.
    stack.running.secrets.put("elsewhere/webhook", r#"{"placeholder":"0123456789abcdef"}"#).unwrap();
    assert_eq!(stack.deliver_to(&door, &event).await.status, 503);
    let real = stack.running.secrets.get(WEBHOOK_SECRET).unwrap();
    stack.running.secrets.put("elsewhere/webhook", &real).unwrap();
    stack.advance(301);
    assert_eq!(stack.deliver_to(&door, &event).await.status, 200);
}

/// R25: where addresses are listed, only those may send, and what a header says of the address is nobody's word.
#[tokio::test]
async fn only_listed_addresses_may_send() {
    let stack = Stack::start().await;
    let deployment = stack.deployed(&[("WEBHOOK_ALLOWED_IPS", "workos, 198.51.100.0/24")]).await;
    let body = event(&stack);
    let signature = stack.webhook_secret().sign(body.as_bytes(), stack.clock.now());
    for (address, status) in [
        ("3.217.146.166", 200),
        ("174.129.36.47", 200),
        ("198.51.100.200", 200),
        ("198.51.101.1", 401),
        ("203.0.113.7", 401),
        ("2001:db8::1", 401),
    ] {
        let door = deployment.visited_from(address, &stack.browser());
        let request = door.ask("POST", WEBHOOK).header(SIGNATURE_HEADER, &signature);
        let request = request.header("x-forwarded-for", "3.217.146.166").header("x-real-ip", "3.217.146.166");
        let answer = request.body("application/json", &body).send().await;
        assert_eq!(answer.status, status, "{address}: {}", answer.body);
    }
    assert_eq!(stack.counted("webhook_refused", Some("address")), 3);
}

/// R52: the body counts as it was sent, whichever way API Gateway hands it over, and too much of it is not looked at.
#[tokio::test]
async fn bodies_are_decoded_and_bounded() {
    let stack = Stack::start().await;
    let deployment = stack.deployed(&[]).await;
    let event =
        stack.event("01", "dsync.user.created", person("ZOË".replace('Ë', "E").as_str(), "zoë@acme.com"));
    let body = event.to_string();
    let signature = stack.webhook_secret().sign(body.as_bytes(), stack.clock.now());
    let invocation = |body: &str, encoded: bool| {
        json!({
            "version": "2.0", "routeKey": "ANY /webhooks/workos", "rawPath": WEBHOOK, "rawQueryString": "",
            "headers": {"content-type": "application/json", "workos-signature": signature},
            "requestContext": {"http": {"method": "POST", "path": WEBHOOK, "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7", "userAgent": "WorkOS"}, "requestId": "r", "stage": "$default",
                "time": "", "timeEpoch": 0, "accountId": "1", "apiId": "a", "domainName": "d", "domainPrefix": "d"},
            "body": body, "isBase64Encoded": encoded,
        })
    };
    let call = async |event: Value| {
        web::lambda::answer(deployment.function("scim"), event, Context::default()).await.unwrap()
    };
    let answer = call(invocation(&BASE64.encode(&body), true)).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(
        call(invocation(&body, false)).await["body"].as_str().unwrap().matches("duplicate").count(),
        1
    );
    assert_eq!(call(invocation(&BASE64.encode(&body), false)).await["statusCode"], 401);

    let door = stack.browser();
    for (size, status) in [(256 * 1024, 200), (256 * 1024 + 1, 413), (2 * 1024 * 1024, 413)] {
        let mut event = stack.event("02", "flag.created", json!({"padding": ""}));
        let padding = size - event.to_string().len();
        event["data"]["padding"] = " ".repeat(padding).into();
        let answer = stack.deliver_to(&door, &event).await;
        assert_eq!(answer.status, status, "{size}: {}", answer.body);
    }
    assert_eq!(stack.counted("webhook_refused", Some("too_large")), 2);
}

/// The deprecated envelope: on the old path alone, and with the same signature as any webhook.
#[tokio::test]
async fn the_old_envelope_needs_the_same_signature() {
    let stack = Stack::start().await;
    let door = stack.browser();
    let now = |stack: &Stack| stack.clock.now();
    let body = |operation: &str, at: Timestamp| {
        json!({"operation": operation, "created_at": at.rfc3339(), "data": person("ADA1", "ada@acme.com")})
            .to_string()
    };
    let create = body("create", now(&stack));
    assert_eq!(post(&door, USERS, None, None, &create).await.status, 401);
    let other = WebhookSecret::parse("whsec_somebody_elses").unwrap().sign(create.as_bytes(), now(&stack));
    assert_eq!(post(&door, USERS, Some(&other), None, &create).await.status, 401);
    let signed = |text: &str| stack.webhook_secret().sign(text.as_bytes(), now(&stack));
    let refused = post(&door, WEBHOOK, Some(&signed(&create)), None, &create).await;
    assert_eq!((refused.status, refused.code().as_str()), (400, "invalid_event"));
    assert_eq!(stack.users().await.len(), 0);

    for (operation, outcome) in
        [("create", "applied"), ("create", "duplicate"), ("replace", "no_change"), ("delete", "applied")]
    {
        if outcome != "duplicate" && operation != "create" {
            stack.advance(1);
        }
        let text = if operation == "create" { create.clone() } else { body(operation, now(&stack)) };
        let answer = post(&door, USERS, Some(&signed(&text)), None, &text).await;
        assert_eq!(
            (answer.status, answer.json()["outcome"].as_str().unwrap()),
            (200, outcome),
            "{operation}"
        );
    }
    assert_eq!(stack.users().await[0].text("status"), "inactive");
}
