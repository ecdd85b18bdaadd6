//! Any event that a gateway could hand over for what a caller wrote: it is answered by us, with our headers, and neither the
//! address nor the host nor the id is the caller's word (R25, R26, R76).

use axum::routing::get;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::context::Ctx;
use crate::event::tests::{first, second};
use crate::layers::tests::shared;

fn answered(event: &Value) -> Value {
    let who = |ctx: Ctx| async move {
        format!("{}|{}|{}|{}", ctx.client, ctx.client.limit_key(), ctx.host, ctx.request_id)
    };
    let router = Router::new().fallback(get(who));
    let mut context = Context::default();
    context.request_id = "8f507cfc".to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let answer = runtime.block_on(answer(layers(router, &shared().0), event.clone(), context));
    answer.unwrap()
}

/// Text as a caller may write it into a request, as JSON carries it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,24}", "[\u{0}-\u{7f}]{0,24}", "[a-zA-Z0-9%&=+./?#;,:@ -]{0,40}"]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "host",
            "Host",
            "x-forwarded-for",
            "X-Forwarded-Host",
            "x-forwarded-proto",
            "forwarded",
            "x-real-ip",
            "cloudfront-viewer-address",
            "x-origin-verify",
            "x-request-id",
            "cookie",
            "content-length",
            "accept",
        ])
        .prop_map(str::to_owned),
        text(),
    ]
}

proptest! {
    // Each case runs the whole layer.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_event_is_answered_by_us(
        path in text(),
        query in text(),
        headers in prop::collection::vec((name(), text()), 0..8),
        cookies in prop::collection::vec(text(), 0..4),
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW"]),
    ) {
        for (mut event, ip) in [(second(method, &path, &query), "203.0.113.7"), (first(method, &path), "203.0.113.8")] {
            for (name, value) in &headers {
                event["headers"][name] = json!(value);
                event["multiValueHeaders"][name] = json!([value, value]);
            }
            if event["version"] == "2.0" {
                event["cookies"] = json!(cookies);
            } else {
                event["multiValueQueryStringParameters"] = json!({ &query: [&query, &path] });
            }
            let answer = answered(&event);
            let headers = if event["version"] == "2.0" { &answer["headers"] } else { &answer["multiValueHeaders"] };
            let id = &headers["x-request-id"];
            prop_assert!(*id == "8f507cfc" || *id == json!(["8f507cfc"]), "{}", answer);
            prop_assert!(headers["strict-transport-security"].is_string() || headers["strict-transport-security"].is_array());
            let status = answer["statusCode"].as_u64().unwrap();
            prop_assert!(status < 500, "{}", answer);
            if method == "GET" && status == 200 {
                let said = answer["body"].as_str().unwrap();
                prop_assert_eq!(said, format!("{ip}|{ip}|auth.example.com|8f507cfc"));
            }
        }
    }

    /// R64: the gateway's word for the source is an address, or the client is unknown; never part of a key as it stands.
    #[test]
    fn a_source_that_is_no_address_is_unknown(source in "\\PC{0,40}|[0-9a-f:.]{0,40}") {
        let mut event = second("GET", "/", "");
        event["requestContext"]["http"]["sourceIp"] = json!(source);
        let body = answered(&event)["body"].as_str().unwrap().to_owned();
        let [client, key, ..] = body.split('|').collect::<Vec<_>>()[..] else { panic!("{body}") };
        match source.parse::<std::net::IpAddr>() {
            Ok(ip) => prop_assert_eq!(client, ip.to_canonical().to_string()),
            Err(_) => prop_assert_eq!((client, key), ("unknown", "unknown")),
        }
    }

    /// R64: two IPv6 addresses are one client when they share their first 64 bits, and only then; an IPv4 address is itself in
    /// either spelling.
    #[test]
    fn one_subscriber_has_one_key(network: u64, other: u64, hosts: (u64, u64), v4: [u8; 4]) {
        let key = |ip: String| {
            let mut event = second("GET", "/", "");
            event["requestContext"]["http"]["sourceIp"] = json!(ip);
            answered(&event)["body"].as_str().unwrap().split('|').nth(1).unwrap().to_owned()
        };
        let v6 = |network: u64, host: u64| std::net::Ipv6Addr::from(u128::from(network) << 64 | u128::from(host));
        // ::ffff:0:0/96 is IPv4.
        prop_assume!(network != 0 && other != 0);
        prop_assert_eq!(key(v6(network, hosts.0).to_string()), key(v6(network, hosts.1).to_string()));
        let same = key(v6(network, hosts.0).to_string()) == key(v6(other, hosts.0).to_string());
        prop_assert_eq!(same, network == other);
        let v4 = std::net::Ipv4Addr::from(v4);
        prop_assert_eq!(key(v4.to_string()), v4.to_string());
        prop_assert_eq!(key(v4.to_ipv6_mapped().to_string()), v4.to_string());
    }
}
