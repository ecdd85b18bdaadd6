//! Both event formats of API Gateway: a whole login by events alone, with every cookie in its place.

use e2e::{Browser, Deployment, SESSION, SetCookie, Stack, at};
use lambda_http::Context;
use serde_json::{Value, json};
use url::Url;

/// Payload 2.0, as an HTTP API sends it.
fn second(method: &str, url: &Url, cookies: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("ANY {}", url.path()),
        "rawPath": url.path(),
        "rawQueryString": url.query().unwrap_or_default(),
        "cookies": cookies.split("; ").filter(|cookie| !cookie.is_empty()).collect::<Vec<_>>(),
        "headers": {"host": "auth.example.com", "accept": "text/html", "sec-fetch-site": "same-origin"},
        "requestContext": {
            "http": {"method": method, "path": url.path(), "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "x"},
            "requestId": "gateway", "routeKey": "$default", "stage": "$default", "timeEpoch": 0
        },
        "isBase64Encoded": false
    })
}

/// Payload 1.0, as a REST API sends it.
fn first(method: &str, url: &Url, cookies: &str) -> Value {
    let query: serde_json::Map<String, Value> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), json!([value]))).collect();
    json!({
        "version": "1.0",
        "resource": "/{proxy+}",
        "path": url.path(),
        "httpMethod": method,
        "headers": {"Accept": "text/html", "Cookie": cookies},
        "multiValueHeaders": {"Accept": ["text/html"], "Cookie": [cookies], "Sec-Fetch-Site": ["same-origin"]},
        "queryStringParameters": null,
        "multiValueQueryStringParameters": query,
        "requestContext": {
            "httpMethod": method, "path": url.path(), "stage": "$default", "requestId": "gateway",
            "identity": {"sourceIp": "203.0.113.8"}
        },
        "body": null,
        "isBase64Encoded": false
    })
}

type Event = fn(&str, &Url, &str) -> Value;

/// One invocation; the browser takes the cookies from where this format has them.
async fn invoke(
    deployment: &Deployment,
    function: &str,
    event: Event,
    browser: &Browser,
    method: &str,
    url: &Url,
) -> (Value, Vec<SetCookie>) {
    let cookies = browser.jar().header(url);
    let answer =
        web::lambda::answer(deployment.function(function), event(method, url, &cookies), Context::default());
    let answer = answer.await.unwrap();
    let place = if answer.get("cookies").is_some() { "/cookies" } else { "/multiValueHeaders/set-cookie" };
    let set: Vec<SetCookie> = answer
        .pointer(place)
        .and_then(Value::as_array)
        .map(|list| list.iter().map(|cookie| SetCookie::parse(cookie.as_str().unwrap())).collect())
        .unwrap_or_default();
    for cookie in &set {
        browser.jar().take(url, cookie);
    }
    (answer, set)
}

/// Where the answer leads, in either format.
fn location(answer: &Value) -> Url {
    let single = answer.pointer("/headers/location").and_then(Value::as_str);
    let multi = answer.pointer("/multiValueHeaders/location/0").and_then(Value::as_str);
    Url::parse(single.or(multi).unwrap_or_else(|| panic!("no location: {answer}"))).unwrap()
}

async fn a_login_by(event: Event) {
    let stack = Stack::start().await;
    stack.sandbox().auto("ada@acme.com").await;
    let deployment = stack.deployed(&[]).await;
    let browser = stack.browser();
    // A login that is too old and one that is evicted, so that the sixth answer has several cookies to carry.
    for _ in 0..5 {
        let url = stack.url(&format!("/login?{}", at::OKTA));
        invoke(&deployment, "login", event, &browser, "GET", &url).await;
        stack.advance(1);
    }
    let url = stack.url(&format!("/login?{}", at::OKTA));
    let (answer, set) = invoke(&deployment, "login", event, &browser, "GET", &url).await;
    assert_eq!(answer["statusCode"], 303);
    assert_eq!(set.len(), 2, "one set, one cleared: {set:?}");
    assert_eq!(browser.flows().len(), 5);

    let callback = browser.get(location(&answer).as_str()).await.location();
    let (answer, set) = invoke(&deployment, "callback", event, &browser, "GET", &callback).await;
    assert_eq!(answer["statusCode"], 303, "{answer}");
    assert_eq!(location(&answer), stack.url("/dashboard"));
    let names: Vec<_> = set.iter().map(|cookie| (cookie.name == SESSION, cookie.clears())).collect();
    assert_eq!(set.len(), 3, "the session's, the login's, and where it was: {set:?}");
    assert!(names.contains(&(true, false)) && names.contains(&(false, true)), "{names:?}");
    assert_eq!(browser.flows().len(), 4);

    let url = stack.url("/auth/session");
    let (answer, set) = invoke(&deployment, "session", event, &browser, "GET", &url).await;
    assert_eq!((&answer["statusCode"], set.len()), (&json!(200), 1));
    let said: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
    assert_eq!(said["user"]["email"], "ada@acme.com");

    let url = stack.url("/auth/logout");
    let (answer, set) = invoke(&deployment, "session", event, &browser, "POST", &url).await;
    assert_eq!((&answer["statusCode"], set.len()), (&json!(303), 1), "{answer}");
    assert!(set[0].clears());
}

/// R20: payload 2.0 carries each cookie in `cookies`.
#[tokio::test]
async fn payload_two_carries_every_cookie() {
    a_login_by(second).await;
}

/// R20: payload 1.0 carries each cookie in `multiValueHeaders`.
#[tokio::test]
async fn payload_one_carries_every_cookie() {
    a_login_by(first).await;
}
