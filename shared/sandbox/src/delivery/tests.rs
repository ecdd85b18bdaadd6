use std::collections::HashSet;

use http::StatusCode;
use serde_json::{Value, json};

use super::signature;
use crate::testing::{Bench, Inbox};

fn rename(name: &str) -> Value {
    json!({ "action": "update", "email": "ada@acme.com", "first_name": name })
}

/// What became of the only event of an action.
fn standing(answer: &Value) -> &str {
    answer["events"][0]["delivery"].as_str().unwrap()
}

fn first_names(letters: &[crate::testing::Letter]) -> Vec<String> {
    letters.iter().map(|letter| letter.event()["data"]["first_name"].as_str().unwrap().to_owned()).collect()
}

async fn retried(bench: &Bench, how: Value) -> usize {
    let answer = bench.control("deliveries/retry", how).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()["deliveries"].as_array().unwrap().len()
}

/// HMAC-SHA256 over `t`, a dot and the body, keyed with the secret as it is written. Checked against OpenSSL.
#[test]
fn the_signature_is_workoss() {
    let body = br#"{"object":"event"}"#;
    assert_eq!(
        signature("whsec_golden", 1_800_000_000_123, body),
        "t=1800000000123, v1=6f02ccd50c252229c11d549b389d6532060e4050674e151cf8662c7bd0ca7bbc"
    );
}

#[tokio::test]
async fn an_event_is_signed_at_the_time_it_is_sent() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    let answer = bench.directory(rename("A")).await;
    assert_eq!(standing(&answer), "delivered");
    let letters = inbox.take();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].signed_at(), bench.now().millis());
    assert_eq!(letters[0].event()["id"], answer["events"][0]["id"]);
    let listed = bench.get("/_sandbox/deliveries").await.json();
    assert_eq!(listed["deliveries"], answer["events"]);
    assert_eq!(listed["deliveries"][0]["attempts"][0]["status"], 200);
}

/// Six more tries over three days, each freshly signed; then nobody tries any more but by hand.
#[tokio::test]
async fn what_is_not_accepted_is_tried_again_six_times() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    inbox.answer(&[500, 503, 401, 404, 302, 429, 500]);
    let answer = bench.directory(rename("A")).await;
    assert_eq!(standing(&answer), "retrying");
    assert_eq!(answer["events"][0]["due"], "2027-01-15T08:01:00.000Z");
    assert_eq!(retried(&bench, json!({ "due": true })).await, 0);
    let mut waited = 0;
    for wait in [60, 300, 1_500, 7_500, 37_500, 187_500] {
        bench.advance(wait - 1);
        assert_eq!(retried(&bench, json!({ "due": true })).await, 0);
        bench.advance(1);
        assert_eq!(retried(&bench, json!({ "due": true })).await, 1);
        waited += wait;
    }
    assert!((2 * 86_400..=3 * 86_400).contains(&waited));
    let listed = bench.get("/_sandbox/deliveries?delivery=given_up").await.json();
    let times: HashSet<i64> = inbox.take().iter().map(crate::testing::Letter::signed_at).collect();
    assert_eq!(times.len(), 7);
    bench.advance(1_000_000);
    assert_eq!(retried(&bench, json!({})).await, 0);
    let id = listed["deliveries"][0]["id"].as_str().unwrap();
    assert_eq!(retried(&bench, json!({ "event": id })).await, 1);
    let listed = bench.get(&format!("/_sandbox/deliveries?event={id}")).await.json();
    assert_eq!(listed["deliveries"][0]["delivery"], "delivered");
}

#[tokio::test]
async fn nobody_there_is_no_trouble() {
    let bench = Bench::new();
    // Port 9 is "discard", and nobody has it.
    let nobody = json!({ "webhook": { "url": "http://127.0.0.1:9/webhooks/workos", "secret": "s" } });
    bench.control("settings", nobody).await;
    let answer = bench.directory(rename("A")).await;
    assert_eq!(standing(&answer), "retrying");
    assert_eq!(answer["events"][0]["attempts"][0]["status"], Value::Null);
    bench.control("settings", json!({ "webhook": null })).await;
    assert_eq!(standing(&bench.directory(rename("B")).await), "no_endpoint");
    assert_eq!(retried(&bench, json!({})).await, 1);
    // Nobody is told any more, so nobody is tried again.
    let listed = bench.get("/_sandbox/deliveries?delivery=no_endpoint").await.json();
    assert_eq!(listed["deliveries"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_switch_sends_each_twice_under_one_id() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    bench.control("delivery", json!({ "duplicate": true, "count": 1 })).await;
    bench.directory(rename("A")).await;
    bench.directory(rename("B")).await;
    assert_eq!(first_names(&inbox.take()), ["A", "A", "B"]);
    // A copy that is refused does not undo the first.
    bench.control("delivery", json!({ "duplicate": true })).await;
    inbox.answer(&[200, 500]);
    assert_eq!(standing(&bench.directory(rename("C")).await), "delivered");
}

/// What was thrown away is still in the Events API.
#[tokio::test]
async fn a_switch_drops_events_for_good() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    bench.control("delivery", json!({ "drop": true })).await;
    assert_eq!(standing(&bench.directory(rename("A")).await), "dropped");
    bench.control("delivery", json!({ "clear": true })).await;
    assert_eq!(retried(&bench, json!({})).await, 0);
    assert!(inbox.take().is_empty());
    let listed = bench.api("GET", "/events?events=dsync.user.updated", "").await.json();
    assert_eq!(listed["data"][0]["data"]["first_name"], "A");
}

#[tokio::test]
async fn a_switch_sends_later() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    bench.control("delivery", json!({ "delay_seconds": 300 })).await;
    assert_eq!(standing(&bench.directory(rename("A")).await), "delayed");
    bench.advance(299);
    assert_eq!(retried(&bench, json!({ "due": true })).await, 0);
    bench.advance(1);
    assert_eq!(retried(&bench, json!({ "due": true })).await, 1);
    assert_eq!(inbox.take()[0].signed_at(), bench.now().millis());
    bench.directory(rename("B")).await;
    assert_eq!(retried(&bench, json!({})).await, 1);
}

#[tokio::test]
async fn a_switch_turns_the_order_around() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    bench.control("delivery", json!({ "reorder": 3 })).await;
    assert_eq!(standing(&bench.directory(rename("A")).await), "held");
    assert_eq!(standing(&bench.directory(rename("B")).await), "held");
    assert_eq!(standing(&bench.directory(rename("C")).await), "delivered");
    assert_eq!(first_names(&inbox.take()), ["C", "B", "A"]);
    bench.directory(rename("D")).await;
    assert_eq!(retried(&bench, json!({})).await, 1);
}

/// The older one comes after the newer one about the same person; other people are not waited for.
#[tokio::test]
async fn a_switch_makes_events_stale() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    bench.control("delivery", json!({ "stale": true })).await;
    assert_eq!(standing(&bench.directory(rename("A")).await), "held");
    let other = json!({ "action": "update", "email": "mei.lin@acme.com", "first_name": "M" });
    assert_eq!(standing(&bench.directory(other).await), "held");
    assert_eq!(standing(&bench.directory(rename("B")).await), "delivered");
    assert_eq!(first_names(&inbox.take()), ["B", "A"]);
    assert_eq!(retried(&bench, json!({})).await, 1);
    assert_eq!(first_names(&inbox.take()), ["M"]);
}

/// A signature that is too old, from the future, or repeated by a retry.
#[tokio::test]
async fn switches_spoil_the_time_of_the_signature() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    let start = bench.now().millis();
    bench.control("delivery", json!({ "t_age_seconds": 600, "count": 1 })).await;
    inbox.answer(&[401]);
    bench.directory(rename("A")).await;
    assert_eq!(inbox.take()[0].signed_at(), start - 600_000);
    // The next try is signed afresh.
    retried(&bench, json!({})).await;
    assert_eq!(inbox.take()[0].signed_at(), start);
    bench.control("delivery", json!({ "t_age_seconds": -600, "count": 1 })).await;
    bench.directory(rename("B")).await;
    assert_eq!(inbox.take()[0].signed_at(), start + 600_000);

    bench.control("delivery", json!({ "keep_t": true, "count": 1 })).await;
    inbox.answer(&[500]);
    bench.directory(rename("C")).await;
    bench.advance(60);
    retried(&bench, json!({ "due": true })).await;
    let letters = inbox.take();
    assert_eq!((letters[0].signed_at(), letters[1].signed_at()), (start, start));
    assert_eq!(letters[0].signature, letters[1].signature);
}

#[tokio::test]
async fn switches_are_checked_and_reset() {
    let bench = Bench::new();
    for wrong in [
        json!({ "reorder": 1 }),
        json!({ "delay_seconds": 7_776_001 }),
        json!({ "count": 0 }),
        json!({ "drop": "yes" }),
        json!({ "lose": true }),
    ] {
        assert_eq!(bench.control("delivery", wrong).await.status, StatusCode::BAD_REQUEST);
    }
    bench.control("delivery", json!({ "drop": true, "reorder": 2 })).await;
    bench.control("delivery", json!({ "reorder": null })).await;
    let switches = bench.get("/_sandbox/delivery").await.json();
    assert_eq!((&switches["drop"], &switches["reorder"]), (&json!(true), &Value::Null));
    bench.control("reset", json!({})).await;
    assert_eq!(bench.get("/_sandbox/delivery").await.json()["drop"], false);
    let elsewhere = json!({ "webhook": { "url": "https://example.com/hook", "secret": "s" } });
    assert_eq!(bench.control("settings", elsewhere).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        bench.control("deliveries/retry", json!({ "event": "event_x" })).await.status,
        StatusCode::BAD_REQUEST
    );
}

/// Nothing in flight is mistaken for something new after a reset.
#[tokio::test]
async fn a_reset_forgets_events_but_not_their_numbers() {
    let bench = Bench::new();
    let before = bench.directory(rename("A")).await["events"][0]["id"].clone();
    bench.control("reset", json!({})).await;
    assert_eq!(bench.get("/_sandbox/deliveries").await.json()["deliveries"], json!([]));
    let after = bench.directory(rename("B")).await["events"][0]["id"].clone();
    assert!(after.as_str() > before.as_str());
}

/// Events of any kind, and about things that are not there.
#[tokio::test]
async fn any_event_can_be_sent() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    let expiring = json!({ "event": "connection.saml_certificate_renewal_required", "organization": "org_01SANDBOXACME",
        "data": { "connection": { "id": "conn_01SANDBOXACMEOKTA" }, "days_until_expiry": 7 } });
    let answer = bench.control("events", expiring).await.json();
    assert_eq!(answer["deliveries"], json!({ "delivered": 1 }));
    bench.control("events", json!({ "event": "pet.adopted", "data": {} })).await;
    assert_eq!(inbox.kinds(), ["connection.saml_certificate_renewal_required", "pet.adopted"]);
    for wrong in
        [json!({ "event": "", "data": {} }), json!({ "event": "Pet", "data": {} }), json!({ "event": "x" })]
    {
        assert_eq!(bench.control("events", wrong).await.status, StatusCode::BAD_REQUEST);
    }
}

/// Where nobody asks, the background task sends what is due, and nothing before.
#[tokio::test]
async fn the_background_task_sends_what_is_due() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    inbox.answer(&[500]);
    bench.directory(rename("A")).await;
    bench.control("delivery", json!({ "delay_seconds": 86_400 })).await;
    bench.directory(rename("B")).await;
    inbox.take();
    bench.advance(60);
    tokio::select! {
        () = bench.sandbox.clone().keep_delivering() => {}
        () = inbox.arrival() => {}
    }
    bench.sandbox.settled().await;
    assert_eq!(first_names(&inbox.take()), ["A"]);
}
