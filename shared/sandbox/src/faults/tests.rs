use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::testing::{Bench, GLOBEX, OKTA};

async fn set(bench: &Bench, fault: Value) {
    let answer = bench.control("faults", fault).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn a_status_fault_answers_instead_of_the_endpoint() {
    let bench = Bench::new();
    set(&bench, json!({ "path": "/sso/token", "kind": "status", "status": 503, "retry_after": 7 })).await;
    let code = bench.code(OKTA, "ada@acme.com").await;
    let answer = bench.exchange(json!({ "code": code })).await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"7".parse().unwrap())
    );
    assert!(answer.headers.contains_key("x-request-id"));
    // The endpoint never ran: the code is still good.
    bench.send("DELETE", "/_sandbox/faults", &[], "").await;
    assert_eq!(bench.exchange(json!({ "code": code })).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let bench = Bench::new();
    set(&bench, json!({ "path": "/connections", "kind": "rate_limit" })).await;
    let answer = bench.api("GET", "/connections/conn_01SANDBOXACMEOKTA", "").await;
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"2".parse().unwrap())
    );
    assert_eq!(answer.json(), json!({ "message": "Too many requests." }));
    assert_eq!(bench.api("GET", "/organizations", "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn malformed_json_comes_with_status_200_and_the_code_is_spent() {
    let bench = Bench::new();
    set(&bench, json!({ "path": "/sso/token", "kind": "malformed", "count": 1 })).await;
    let code = bench.code(OKTA, "ada@acme.com").await;
    let answer = bench.exchange(json!({ "code": code })).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("application/json"));
    assert!(serde_json::from_str::<Value>(&answer.body).is_err());
    assert_eq!(bench.exchange(json!({ "code": code })).await.json()["error"], "invalid_grant");
}

#[tokio::test]
async fn a_profile_can_name_another_tenant() {
    let bench = Bench::new();
    for (kind, selector, email) in [
        ("wrong_organization", OKTA, "ada@acme.com"),
        ("wrong_organization", GLOBEX, "hank@globex.com"),
        ("wrong_organization", "provider=GoogleOAuth", "ada@acme.com"),
        ("wrong_connection", OKTA, "ada@acme.com"),
        ("wrong_connection", GLOBEX, "hank@globex.com"),
    ] {
        let right = bench.sign_in(selector, email).await.json()["profile"].clone();
        set(&bench, json!({ "path": "/sso", "kind": kind, "count": 1 })).await;
        let wrong = bench.sign_in(selector, email).await.json();
        let (field, same) = match kind {
            "wrong_organization" => ("organization_id", "connection_id"),
            _ => ("connection_id", "organization_id"),
        };
        assert_ne!(wrong["profile"][field], right[field], "{kind} {selector}");
        assert!(wrong["profile"][field].is_string());
        assert_eq!(wrong["profile"][same], right[same]);
        // Only the answer lied, and only once.
        let token = format!("Bearer {}", wrong["access_token"].as_str().unwrap());
        assert_eq!(bench.send("GET", "/sso/profile", &[("authorization", &token)], "").await.json(), right);
    }
}

#[tokio::test(start_paused = true)]
async fn a_delay_waits_and_then_answers_as_usual() {
    let bench = Bench::new();
    set(&bench, json!({ "path": "/sso/token", "kind": "delay", "delay_ms": 9_000 })).await;
    let before = tokio::time::Instant::now();
    assert_eq!(bench.sign_in(OKTA, "ada@acme.com").await.status, StatusCode::OK);
    assert_eq!(before.elapsed().as_millis() / 1000, 9);
}

#[tokio::test]
async fn faults_reach_the_browser_too() {
    let bench = Bench::new();
    set(&bench, json!({ "path": "/sso/authorize", "kind": "status", "status": 500 })).await;
    assert_eq!(bench.authorize(OKTA).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    set(&bench, json!({ "path": "/idp", "kind": "status", "status": 502 })).await;
    assert_eq!(bench.get("/idp/whatever").await.status, StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn the_control_api_and_the_home_page_are_never_spoilt() {
    let bench = Bench::new();
    set(&bench, json!({ "path": "/", "kind": "status" })).await;
    assert_eq!(bench.get("/organizations").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(bench.get("/").await.status, StatusCode::OK);
    assert_eq!(bench.get("/_sandbox/people").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_count_runs_out_and_a_path_can_be_cleared_alone() {
    let bench = Bench::new();
    set(&bench, json!({ "path": "/organizations", "kind": "status", "count": 2 })).await;
    set(&bench, json!({ "path": "/connections", "kind": "status" })).await;
    for expected in [500, 500, 200] {
        assert_eq!(bench.api("GET", "/organizations", "").await.status, expected);
    }
    let listed = bench.get("/_sandbox/faults").await.json();
    assert_eq!(listed, json!({ "faults": [{ "path": "/connections", "kind": "status" }] }));
    bench.send("DELETE", "/_sandbox/faults?path=/sso/token", &[], "").await;
    assert_eq!(bench.api("GET", "/connections", "").await.status, 500);
    bench.send("DELETE", "/_sandbox/faults?path=/connections", &[], "").await;
    assert_eq!(bench.api("GET", "/connections", "").await.status, 200);
}

#[tokio::test]
async fn a_prefix_matches_whole_segments() {
    assert!(covers("/sso", "/sso/token") && covers("/sso/", "/sso/token") && covers("/", "/sso"));
    assert!(covers("/sso/logout", "/sso/logout/authorize") && !covers("/sso/to", "/sso/token"));
}

#[tokio::test]
async fn faults_that_cannot_work_are_refused_with_a_reason() {
    let bench = Bench::new();
    for (fault, word) in [
        (json!({ "path": "/sso/tokens", "kind": "delay" }), "path"),
        (json!({ "path": "sso/token", "kind": "delay" }), "path"),
        (json!({ "path": "/_sandbox", "kind": "delay" }), "path"),
        (json!({ "path": "/sso/token", "kind": "explode" }), "explode"),
        (json!({ "path": "/sso/token", "kind": "status", "status": 200 }), "status"),
        (json!({ "path": "/sso/token", "kind": "cut", "status": 500 }), "status"),
        (json!({ "path": "/sso/token", "kind": "cut", "retry_after": 1 }), "retry_after"),
        (json!({ "path": "/sso/token", "kind": "delay", "delay_ms": 1_000_000 }), "delay_ms"),
        (json!({ "path": "/sso/token", "kind": "delay", "count": 0 }), "count"),
        (json!({ "path": "/organizations", "kind": "wrong_organization" }), "/sso/profile"),
        (json!({ "path": "/sso/token", "kind": "delay", "times": 3 }), "times"),
        (json!({ "kind": "delay" }), "path"),
    ] {
        let answer = bench.control("faults", fault.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{fault}");
        assert!(answer.json()["message"].as_str().unwrap().contains(word), "{fault}: {}", answer.body);
    }
    assert_eq!(bench.get("/_sandbox/faults").await.json(), json!({ "faults": [] }));
}

#[tokio::test]
async fn a_cut_connection_ends_without_a_byte() {
    let bench = Bench::new();
    set(&bench, json!({ "path": "/organizations", "kind": "cut", "count": 1 })).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = hyper_util::service::TowerToHyperService::new(bench.router());
    let server = tokio::spawn(async move {
        for _ in 0..2 {
            let (stream, _) = listener.accept().await.unwrap();
            let io = hyper_util::rt::TokioIo::new(stream);
            // The cut shows here as an error of the connection; that is the point.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service.clone()).await;
        }
    });
    let call = async || {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = "GET /organizations HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sk_test_sandbox\r\nconnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let _ =
            tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut answer)).await.unwrap();
        answer
    };
    assert_eq!(call().await, "");
    assert!(call().await.starts_with("HTTP/1.1 200 OK"));
    server.await.unwrap();

    let log = bench.get("/_sandbox/requests").await.json()["requests"].clone();
    assert_eq!((&log[0]["status"], &log[0]["faults"]), (&Value::Null, &json!(["cut"])));
    assert_eq!((&log[1]["status"], log[1].get("faults")), (&json!(200), None));
}
