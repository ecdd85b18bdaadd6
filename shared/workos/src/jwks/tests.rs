//! The memory of keys against a scripted WorkOS. Time is moved by hand; how often it was asked is what counts.

use domain::{Clock, Rng};
use serde_json::json;

use super::*;
use crate::access_token::tests::jwks_of;
use crate::base_url::BaseUrl;
use crate::credentials::ClientId;
use crate::fake::{Answer, Fake, ok, status};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

fn plenty() -> Deadline {
    Deadline::after(Duration::from_millis(4500))
}

async fn scripted(script: impl IntoIterator<Item = Answer>) -> (Fake, Jwks) {
    let fake = Fake::start(script).await;
    let base = BaseUrl::parse(&fake.base).unwrap();
    let client_id = ClientId::parse("client_sandbox").unwrap();
    let http = net::client().unwrap();
    let client = Client::new(http, base, client_id, Clock::manual(at(0)), Rng::seeded(3));
    (fake, Jwks::new(client, JwksFreshness::default()))
}

fn good(kid: &str) -> Answer {
    ok(jwks_of(kid))
}

/// An outage that the client itself does not try again.
fn outage() -> Answer {
    status(404, r#"{"message":"not found"}"#)
}

fn kids(keys: &IssuerKeys) -> String {
    format!("{keys:?}")
}

/// Lesson 14: ten minutes without a call, then one.
#[tokio::test]
async fn keys_are_believed_for_ten_minutes() {
    let (fake, jwks) = scripted([good("one"), good("two")]).await;
    for (second, kid) in [(0, "one"), (1, "one"), (599, "one"), (600, "two"), (601, "two")] {
        let keys = jwks.get(at(second), plenty()).await.unwrap();
        assert!(kids(&keys).contains(kid), "second {second}: {keys:?}");
    }
    let requests = fake.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(
        (requests[0].method.as_str(), requests[0].target.as_str()),
        ("GET", "/sso/jwks/client_sandbox")
    );
    assert!(!requests[0].headers.contains("authorization"));
}

/// R33: made-up key ids cause one call per cooldown, however many there are, and clones count together.
#[tokio::test]
async fn an_unknown_key_is_asked_for_once_per_cooldown() {
    let (fake, jwks) = scripted([good("one"), good("two"), good("three")]).await;
    jwks.get(at(0), plenty()).await.unwrap();
    for second in [1, 5, 9] {
        jwks.clone().again(at(second), plenty()).await.unwrap();
    }
    assert_eq!(fake.requests().len(), 1);
    for _ in 0..20 {
        assert!(kids(&jwks.again(at(10), plenty()).await.unwrap()).contains("two"));
    }
    assert_eq!(fake.requests().len(), 2);
}

#[tokio::test]
async fn one_call_serves_all_who_wait() {
    let (fake, jwks) = scripted([good("one")]).await;
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let jwks = jwks.clone();
            tokio::spawn(async move { jwks.get(at(0), plenty()).await })
        })
        .collect();
    for one in waiting {
        assert!(one.await.unwrap().is_ok());
    }
    assert_eq!(fake.requests().len(), 1);
}

/// An outage costs one call per cooldown and no token, for a day; after that nobody is believed.
#[tokio::test]
async fn old_keys_serve_for_a_day_while_nobody_answers() {
    let (fake, jwks) = scripted([good("one"), outage(), outage(), outage(), outage()]).await;
    jwks.get(at(0), plenty()).await.unwrap();
    for second in [600, 605, 609] {
        assert!(kids(&jwks.get(at(second), plenty()).await.unwrap()).contains("one"));
        assert!(jwks.again(at(second), plenty()).await.is_ok());
    }
    assert_eq!(fake.requests().len(), 2);
    let day = 24 * 60 * 60;
    assert!(jwks.get(at(day - 1), plenty()).await.is_ok());
    let error = jwks.get(at(day), plenty()).await.unwrap_err();
    assert_eq!(error.operation, "jwks");
    assert_eq!(fake.requests().len(), 3, "the cooldown holds for failures as well");
    assert!(jwks.get(at(day + 8), plenty()).await.is_err());
    assert_eq!(fake.requests().len(), 3);
    assert!(jwks.get(at(day + 9), plenty()).await.is_err());
    assert_eq!(fake.requests().len(), 4, "and no longer");
    assert!(format!("{jwks:?}").contains("JwksFreshness"));
}

/// A set without keys, or something that is no set, never replaces a good one.
#[tokio::test]
async fn an_answer_without_keys_is_an_outage() {
    for bad in [json!({ "keys": [] }), json!({ "keys": [{ "kty": "EC" }] }), json!("maintenance")] {
        let (_fake, jwks) = scripted([good("one"), ok(&bad)]).await;
        jwks.get(at(0), plenty()).await.unwrap();
        assert!(kids(&jwks.get(at(600), plenty()).await.unwrap()).contains("one"), "{bad}");
        let (_fake, jwks) = scripted([ok(bad)]).await;
        assert_eq!(jwks.get(at(0), plenty()).await.unwrap_err().kind, Kind::Malformed);
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_their_request_has() {
    let (fake, jwks) = scripted([Answer::Hang, Answer::Hang]).await;
    let short = || Deadline::after(Duration::from_millis(50));
    let (first, second) = tokio::join!(jwks.get(at(0), short()), jwks.get(at(0), short()));
    for refused in [first, second] {
        assert_eq!(refused.unwrap_err().kind, Kind::Timeout);
    }
    assert_eq!(fake.requests().len(), 1);
}

#[test]
fn freshness_is_a_minute_to_a_day() {
    for (text, seconds) in
        [("60", Some(60)), ("86400", Some(86_400)), ("59", None), ("86401", None), ("ten", None)]
    {
        let read = text.parse::<JwksFreshness>().ok();
        assert_eq!(read, seconds.map(|seconds| JwksFreshness(Duration::from_secs(seconds))), "{text}");
    }
}
