//! The app hears of every change: signed, at least once, and in an order that it can tell.
//!
//! Changes are applied as every source of changes applies them; the function is woken by the engine's own stream or by
//! its schedule; the app is a server that a test makes refuse, fail or redirect.

mod app;

use std::collections::BTreeSet;
use std::time::Duration;

use app::{App, function, record, secrets};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use e2e::{Stack, at};
use outbox::Event;
use serde_json::{Value, json};
use store::{OUTBOX_SHARDS, OutboxNotice};
use vestibule::dev::APP_WEBHOOK_SECRET;

use crate::joining::Directory;

async fn stream(stack: &Stack) {
    stack.running.outbox.as_ref().unwrap().deliver().await.unwrap();
}

/// The schedule, a minute later.
async fn sweep(stack: &Stack) {
    stack.advance(60);
    stack.running.outbox.as_ref().unwrap().sweep().await.unwrap();
}

async fn owed(stack: &Stack) -> Vec<OutboxNotice> {
    let mut all = Vec::new();
    let ever = stack.clock.now().plus(Duration::from_secs(20 * 24 * 3600));
    for part in 0..OUTBOX_SHARDS {
        all.extend(stack.running.store.owed_notices(part, ever, 100).await.unwrap());
    }
    all
}

/// One message for each change, signed for the app, with an id and a growing number.
#[tokio::test]
async fn changes_reach_the_app_signed_and_in_order() {
    let app = App::start().await;
    let stack = Stack::with(&[("APP_WEBHOOK_URL", &app.url)]).await;
    let directory = Directory::of(&stack);
    directory.hires("ada", "ada@acme.com").await;
    directory.fires("ada", "ada@acme.com").await;
    stream(&stack).await;
    let heard = app.heard();
    let kinds: Vec<_> = heard.iter().map(|message| message.body()["type"].clone()).collect();
    assert_eq!(kinds, ["user.created", "user.deactivated"]);
    for message in &heard {
        let body = message.body();
        assert_eq!(
            secrets(&stack).verify(
                &message.id,
                &message.timestamp,
                &message.signature,
                &message.raw,
                stack.clock.now()
            ),
            Ok(())
        );
        assert_eq!(
            (body["id"].as_str(), message.content_type.as_str()),
            (Some(message.id.as_str()), "application/json")
        );
        assert_eq!(body["organization_id"], "org_01SANDBOXACME");
        assert_eq!(body["subject"], body["data"]["id"]);
        assert!(Timestamp::parse_rfc3339(body["timestamp"].as_str().unwrap()).is_some());
    }
    let order = |message: &app::Message| message.body()["order"].as_u64().unwrap();
    assert!(order(&heard[0]) < order(&heard[1]));
    assert_eq!(heard[0].body()["data"]["email"], "ada@acme.com");
    assert_eq!(
        (heard[0].body()["data"]["active"].clone(), heard[1].body()["data"]["active"].clone()),
        (true.into(), false.into())
    );

    // Whatever wakes the function again, the app has it.
    stream(&stack).await;
    sweep(&stack).await;
    assert_eq!((app.heard().len(), owed(&stack).await.len()), (2, 0));
    assert_eq!((stack.counted("outbox_delivered", None), stack.counted("outbox_failed", None)), (2, 0));
}

/// The stream only makes it quick: what it did not bring about, the schedule finds.
#[tokio::test]
async fn a_sweep_finds_what_the_stream_lost() {
    let app = App::start().await;
    let stack = Stack::with(&[("APP_WEBHOOK_URL", &app.url)]).await;
    Directory::of(&stack).hires("ada", "ada@acme.com").await;
    stack.running.outbox.as_ref().unwrap().sweep().await.unwrap();
    assert!(app.heard().is_empty(), "what is seconds old is the stream's");
    sweep(&stack).await;
    assert_eq!(app.heard().len(), 1);
}

/// An app that is down loses nothing: the same message comes again, later, under the same id and freshly signed.
#[tokio::test]
async fn what_an_app_did_not_take_comes_again() {
    let app = App::start().await;
    let stack = Stack::with(&[("APP_WEBHOOK_URL", &app.url)]).await;
    let directory = Directory::of(&stack);
    for (n, status) in [500, 503, 400, 404, 410, 429].into_iter().enumerate() {
        app.answers(status);
        directory.hires(&format!("{n}"), &format!("person{n}@acme.com")).await;
        stream(&stack).await;
        let first = app.heard();
        assert_eq!(first.len(), 1, "{status}");
        assert_eq!(owed(&stack).await[0].attempts, 1, "{status}");
        app.answers(204);
        stack.running.outbox.as_ref().unwrap().sweep().await.unwrap();
        assert_eq!(app.heard().len(), 1, "not before it is due");
        sweep(&stack).await;
        let all = app.heard();
        assert_eq!((all.len(), owed(&stack).await.len()), (2, 0), "{status}");
        assert_eq!((&all[0].id, &all[0].raw), (&all[1].id, &all[1].raw));
        assert_ne!((&all[0].timestamp, &all[0].signature), (&all[1].timestamp, &all[1].signature));
        app.forget();
    }
    assert_eq!(stack.counted("outbox_failed", Some("app_error")), 3);
    assert_eq!(stack.counted("outbox_failed", Some("refused")), 3);
    assert!(stack.counted("outbox_age", None) > 0);
}

/// R57: a message that the app never takes is parked after ten tries, holds up nobody, and can be sent again.
#[tokio::test]
async fn what_is_never_taken_is_parked_and_can_be_redriven() {
    let app = App::start().await;
    let stack = Stack::with(&[("APP_WEBHOOK_URL", &app.url)]).await;
    app.answers(400);
    let directory = Directory::of(&stack);
    directory.hires("ada", "ada@acme.com").await;
    stream(&stack).await;
    for _ in 0..12 {
        stack.advance(25 * 3600);
        sweep(&stack).await;
    }
    assert_eq!(app.heard().len(), 10);
    assert_eq!((owed(&stack).await.len(), stack.counted("outbox_parked", None)), (0, 1));
    let store = &stack.running.store;
    let parked = store.parked_notices(stack.clock.now(), 10).await.unwrap();
    assert_eq!(parked.iter().map(|notice| notice.attempts).collect::<Vec<_>>(), [10]);
    assert_eq!(
        store.oldest_owed().await.unwrap().map(Timestamp::seconds),
        Some(parked[0].occurred_at.seconds())
    );

    app.answers(204);
    app.forget();
    directory.fires("ada", "ada@acme.com").await;
    stream(&stack).await;
    assert_eq!(app.heard()[0].body()["type"], "user.deactivated");
    assert!(store.redrive_notice(&parked[0], stack.clock.now()).await.unwrap());
    assert!(!store.redrive_notice(&parked[0], stack.clock.now()).await.unwrap());
    sweep(&stack).await;
    let late = app.heard();
    assert_eq!((late.len(), late[1].id.as_str()), (2, parked[0].id.as_str()));
    assert!(
        late[1].body()["order"].as_u64() < late[0].body()["order"].as_u64(),
        "the app can tell that it is older"
    );
    assert_eq!(store.oldest_owed().await.unwrap(), None);
}

/// An outage of the app does not use up the tries of everything that is owed.
#[tokio::test]
async fn a_round_ends_when_the_app_is_down() {
    let app = App::start().await;
    let stack = Stack::with(&[("APP_WEBHOOK_URL", &app.url)]).await;
    let directory = Directory::of(&stack);
    for n in 0..40 {
        directory.hires(&format!("{n}"), &format!("person{n}@acme.com")).await;
    }
    app.answers(503);
    sweep(&stack).await;
    let tried = app.heard().len();
    assert!((5..=12).contains(&tried), "{tried}: five that fail end it, and what was under way with them");
    assert_eq!(owed(&stack).await.iter().filter(|notice| notice.attempts == 0).count(), 40 - tried);
    app.answers(204);
    app.forget();
    stack.advance(600);
    sweep(&stack).await;
    let ids: BTreeSet<_> = app.heard().into_iter().map(|message| message.id).collect();
    assert_eq!((ids.len(), app.heard().len(), owed(&stack).await.len()), (40, 40, 0));
}

/// An answer cannot choose where the names of people are sent.
#[tokio::test]
async fn redirects_are_not_followed() {
    let (app, elsewhere) = (App::start().await, App::start().await);
    let stack = Stack::with(&[("APP_WEBHOOK_URL", &app.url)]).await;
    app.redirects(&elsewhere.url);
    Directory::of(&stack).hires("ada", "ada@acme.com").await;
    stream(&stack).await;
    assert_eq!((app.heard().len(), elsewhere.heard().len(), owed(&stack).await.len()), (1, 0, 1));
    assert_eq!(stack.counted("outbox_failed", Some("refused")), 1);
}

/// R70: a rotated secret is picked up, and meanwhile either of the two verifies.
#[tokio::test]
async fn both_secrets_sign_during_a_rotation() {
    let app = App::start().await;
    let stack = Stack::with(&[("APP_WEBHOOK_URL", &app.url)]).await;
    let old = stack.running.secrets.get(APP_WEBHOOK_SECRET).unwrap();
    let old: Value = serde_json::from_str(&old).unwrap();
    let new = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let directory = Directory::of(&stack);
    directory.hires("ada", "ada@acme.com").await;
    stream(&stack).await;
    let both = json!({ "current": new, "previous": old["current"] }).to_string();
    stack.running.secrets.put(APP_WEBHOOK_SECRET, &both).unwrap();
    stack.advance(301);
    directory.fires("ada", "ada@acme.com").await;
    stream(&stack).await;
    let last = app.heard().pop().unwrap();
    assert_eq!(last.signature.split(' ').count(), 2);
    for secret in [new, old["current"].as_str().unwrap()] {
        let one = tokens::WebhookSecrets::parse(&json!({ "current": secret }).to_string()).unwrap();
        assert_eq!(
            one.verify(&last.id, &last.timestamp, &last.signature, &last.raw, stack.clock.now()),
            Ok(())
        );
    }
}

/// Without the secret nothing leaves, nothing is lost, and no try is counted.
#[tokio::test]
async fn nothing_leaves_unsigned() {
    let app = App::start().await;
    let stack = Stack::with(&[("APP_WEBHOOK_URL", &app.url)]).await;
    let good = stack.running.secrets.get(APP_WEBHOOK_SECRET).unwrap();
    stack.running.secrets.put(APP_WEBHOOK_SECRET, "{}").unwrap();
    Directory::of(&stack).hires("ada", "ada@acme.com").await;
    stream(&stack).await;
    assert_eq!((app.heard().len(), owed(&stack).await[0].attempts), (0, 0));
    assert_eq!(stack.counted("outbox_failed", Some("secret")), 1);
    stack.running.secrets.put(APP_WEBHOOK_SECRET, &good).unwrap();
    stack.advance(301);
    sweep(&stack).await;
    assert_eq!(app.heard().len(), 1);
}

/// R57: when the database fails, the records come again: at least once, and under the same id.
#[tokio::test]
async fn records_come_again_when_the_database_fails() {
    let app = App::start().await;
    let stack = Stack::start().await;
    Directory::of(&stack).hires("ada", "ada@acme.com").await;
    let proxy = stack.proxy().await;
    let deps = function(&stack, &proxy.url, &[("APP_WEBHOOK_URL", &app.url)]).await;
    let notice = owed(&stack).await.pop().unwrap();
    let wake = || async {
        let event: Event = serde_json::from_value(json!({"Records": [record(&notice)]})).unwrap();
        let ends = stack.clock.now().plus(Duration::from_secs(60));
        serde_json::to_value(outbox::handle(&deps, event, ends).await.unwrap()).unwrap()
    };
    for operation in ["GetItem", "UpdateItem"] {
        proxy.lose(operation);
        assert_eq!(wake().await, json!({"batchItemFailures": [{"itemIdentifier": "7"}]}), "{operation}");
        proxy.heal();
    }
    assert_eq!((app.heard().len(), owed(&stack).await.len()), (1, 1), "sent, and not known to be");
    assert_eq!(wake().await, json!({"batchItemFailures": []}));
    let ids: BTreeSet<_> = app.heard().into_iter().map(|message| message.id).collect();
    assert_eq!((app.heard().len(), ids.len(), owed(&stack).await.len()), (2, 1, 0));
    assert_eq!(wake().await, json!({"batchItemFailures": []}));
    assert_eq!(app.heard().len(), 2, "a record that comes late means nothing");
}

/// The same as events of EventBridge, beside the webhook; one that the bus refuses is owed.
#[tokio::test]
async fn an_event_bus_hears_the_same() {
    let bus = App::start().await;
    let stack = Stack::start().await;
    let directory = Directory::of(&stack);
    directory.hires("ada", "ada@acme.com").await;
    let deps = function(&stack, &bus.origin(), &[("EVENT_BUS_NAME", "people"), ("BUS", &bus.origin())]).await;
    let sweep = || async {
        stack.advance(60);
        let ends = stack.clock.now().plus(Duration::from_secs(60));
        let event: Event = serde_json::from_value(json!({"sweep": true})).unwrap();
        outbox::handle(&deps, event, ends).await.unwrap();
    };
    bus.says(r#"{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow down"}]}"#);
    sweep().await;
    assert_eq!((bus.heard().len(), owed(&stack).await[0].attempts), (1, 1));
    bus.says(r#"{"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}"#);
    sweep().await;
    let heard = bus.heard();
    assert_eq!((heard.len(), owed(&stack).await.len()), (2, 0));
    let entry = heard[1].body()["Entries"][0].clone();
    assert_eq!(
        (&entry["Source"], &entry["DetailType"], &entry["EventBusName"]),
        (&json!("vestibule"), &json!("user.created"), &json!("people"))
    );
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    assert_eq!((&detail["type"], &detail["data"]["email"]), (&json!("user.created"), &json!("ada@acme.com")));
}

/// Whoever left and was forgotten leaves one line in the audit log, however often the stream repeats itself.
#[tokio::test]
async fn a_purge_is_told_by_the_audit_log() {
    let stack = Stack::start().await;
    let directory = Directory::of(&stack);
    directory.hires("ada", "ada@acme.com").await;
    directory.fires("ada", "ada@acme.com").await;
    let users = stack.users().await;
    let user = users.iter().find(|user| user.text("id").starts_with("user_")).unwrap();
    stack.set(user, "expires_at", AttributeValue::N("1".to_owned())).await;
    // The engine sweeps by itself, once a second.
    let purged = loop {
        stream(&stack).await;
        let audit = stack.audit().await;
        let purged: Vec<_> = audit.into_iter().filter(|one| one.text("action") == "user.purged").collect();
        if !purged.is_empty() {
            break purged;
        }
    };
    assert_eq!(purged.len(), 1);
    assert_eq!(purged[0].0["details"]["user"], user.0["id"]);
    let deps = function(&stack, &stack.running.urls.dynamodb, &[]).await;
    let removed = json!({
        "eventID": purged[0].0["context"]["request_id"],
        "eventName": "REMOVE",
        "userIdentity": {"type": "Service", "principalId": "dynamodb.amazonaws.com"},
        "dynamodb": {
            "ApproximateCreationDateTime": purged[0].number("occurred_at") as f64 / 1000.0,
            "Keys": {"pk": {"S": user.text("pk")}, "sk": {"S": "META"}},
            "OldImage": {"organization": {"S": "org_01SANDBOXACME"}, "id": {"S": user.text("id")}},
            "SequenceNumber": "7",
        },
    });
    let mut foreign = removed.clone();
    foreign["dynamodb"]["OldImage"]["organization"]["S"] = "org_01SANDBOXGLOBEX".into();
    foreign["eventID"] = "another".into();
    let mut by_hand = removed.clone();
    by_hand["userIdentity"]["principalId"] = "AIDAEXAMPLE".into();
    by_hand["eventID"] = "a third".into();
    let event = serde_json::from_value(json!({"Records": [removed, foreign, by_hand]})).unwrap();
    let answer = outbox::handle(&deps, event, stack.clock.now().plus(Duration::from_secs(60))).await.unwrap();
    assert_eq!(answer, outbox::Response::default());
    let audit = stack.audit().await;
    assert_eq!(audit.iter().filter(|one| one.text("action") == "user.purged").count(), 1);
}

/// The demo app's list of people: what the webhook told, of one's own company, and nothing that is not signed.
#[tokio::test]
async fn the_demo_app_lists_whom_it_was_told_of() {
    let stack = Stack::start().await;
    assert_eq!(stack.browser().get("/people").await.status, 401);
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ben.fischer@acme.com").await;
    assert!(browser.get("/people").await.body.contains("Nobody yet"));
    let directory = Directory::of(&stack);
    directory.hires("ada", "ada@acme.com").await;
    stream(&stack).await;
    let page = browser.get("/people").await;
    assert!(page.body.contains("Ada Okafor") && page.body.contains("ada@acme.com"), "{}", page.body);
    assert!(page.body.contains(">Active<") && !page.body.contains(">Left<"));
    directory.fires("ada", "ada@acme.com").await;
    stream(&stack).await;
    assert!(browser.get("/people").await.body.contains(">Left<"));

    let other = stack.browser();
    other.signed_in(at::GLOBEX, "hank@globex.com").await;
    assert!(!other.get("/people").await.body.contains("ada@acme.com"));
    let forged = stack.browser().ask("POST", "/webhooks/vestibule").header("webhook-id", "1").send().await;
    assert_eq!(forged.status, 401);
}
