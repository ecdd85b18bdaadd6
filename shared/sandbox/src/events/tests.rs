use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{Bench, GLOBEX, Inbox};

const WAYFARER: &str = "connection=conn_01SANDBOXWAYFARERJUMPCLOUD";

async fn list(bench: &Bench, query: &str) -> Value {
    let answer = bench.api("GET", &format!("/events?{query}"), "").await;
    assert_eq!(answer.status, StatusCode::OK, "{query}: {}", answer.body);
    answer.json()
}

fn ids(page: &Value) -> Vec<String> {
    page["data"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn kinds(page: &Value) -> Vec<&str> {
    page["data"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect()
}

async fn happen(bench: &Bench, times: usize) {
    for n in 0..times {
        let errand = json!({ "action": "update", "email": "ada@acme.com", "first_name": format!("Ada {n} {}", bench.now().millis()) });
        bench.directory(errand).await;
    }
}

/// Later events have greater ids, although the clock stands still: products order by them.
#[tokio::test]
async fn following_the_cursor_reaches_every_event_once_and_in_order() {
    let bench = Bench::new();
    happen(&bench, 25).await;
    let (mut seen, mut cursor) = (vec![], String::new());
    loop {
        let page = list(&bench, &format!("events=dsync.user.updated&limit=10{cursor}")).await;
        seen.extend(ids(&page));
        match page["list_metadata"]["after"].as_str() {
            Some(after) => cursor = format!("&after={after}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted() && seen.windows(2).all(|pair| pair[0] != pair[1]));
    // At the tail there is nothing, and no cursor: whoever stores that starts over.
    let tail = list(&bench, &format!("after={}", seen[24])).await;
    assert_eq!((&tail["data"], &tail["list_metadata"]), (&json!([]), &json!({ "after": null })));
    happen(&bench, 1).await;
    assert_eq!(ids(&list(&bench, &format!("after={}", seen[24])).await).len(), 1);
    let before = list(&bench, &format!("before={}&limit=2", seen[2])).await;
    assert_eq!(ids(&before), seen[..2]);
}

/// The real one ignores `order`; a setting obeys it.
#[tokio::test]
async fn order_is_ignored_unless_a_setting_obeys_it() {
    let bench = Bench::new();
    happen(&bench, 3).await;
    let oldest_first = ids(&list(&bench, "").await);
    assert_eq!(ids(&list(&bench, "order=desc").await), oldest_first);
    bench.control("settings", json!({ "events_obey_order": true })).await;
    assert_eq!(ids(&list(&bench, "order=asc").await), oldest_first);
    let newest = list(&bench, "limit=1").await;
    assert_eq!(ids(&newest), oldest_first[2..]);
    let next = list(&bench, &format!("limit=1&after={}", oldest_first[2])).await;
    assert_eq!(ids(&next), oldest_first[1..2]);
}

#[tokio::test]
async fn events_are_found_by_type_organization_and_time() {
    let bench = Bench::new();
    bench.directory(json!({ "action": "hire", "email": "kim@acme.com", "groups": ["Everyone"] })).await;
    bench.directory(json!({ "action": "suspend", "email": "hank@globex.com" })).await;
    let created = list(&bench, "events=dsync.user.created,dsync.group.user_added").await;
    assert_eq!(kinds(&created), ["dsync.user.created", "dsync.group.user_added"]);
    let array = list(&bench, "events%5B%5D=dsync.user.created&events%5B%5D=dsync.user.updated").await;
    assert_eq!(kinds(&array), ["dsync.user.created", "dsync.user.updated"]);
    let globex = list(&bench, "organization_id=org_01SANDBOXGLOBEX").await;
    assert_eq!(kinds(&globex), ["dsync.user.updated"]);
    bench.advance(86_400);
    bench.directory(json!({ "action": "reactivate", "email": "hank@globex.com" })).await;
    // 2027-01-15T08:00:00Z is when the bench begins.
    let day = list(&bench, "range_start=2027-01-16T00:00:00Z").await;
    assert_eq!(ids(&day).len(), 1);
    let first = list(&bench, "range_end=2027-01-15T08:00:00.000Z").await;
    assert_eq!(ids(&first).len(), 3);
}

/// 30 days at most in one question, 90 in all; a cursor that is too old is refused.
#[tokio::test]
async fn events_age() {
    let bench = Bench::new();
    happen(&bench, 1).await;
    let old = ids(&list(&bench, "").await)[0].clone();
    bench.advance(31 * 86_400);
    happen(&bench, 1).await;
    assert_eq!(ids(&list(&bench, "").await).len(), 1);
    // From the beginning on means 30 days from then on; the rest is another question.
    assert_eq!(ids(&list(&bench, "range_start=2027-01-01T00:00:00Z").await), std::slice::from_ref(&old));
    assert_eq!(ids(&list(&bench, &format!("after={old}")).await).len(), 1);
    bench.advance(60 * 86_400);
    assert!(ids(&list(&bench, "range_start=2027-01-01T00:00:00Z").await).is_empty());
    let refused = bench.api("GET", &format!("/events?after={old}"), "").await;
    assert_eq!((refused.status, refused.json()["message"].is_string()), (StatusCode::BAD_REQUEST, true));
}

#[tokio::test]
async fn wrong_questions_are_refused() {
    let bench = Bench::new();
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("order=up", "order"),
        ("events=dsync.user.create", "events"),
        ("events=nonsense", "events"),
        ("range_start=yesterday", "range_start"),
        ("range_start=2027-01-02T00:00:00Z&range_end=2027-01-01T00:00:00Z", "range_end"),
        ("range_start=2027-01-01T00:00:00Z&range_end=2027-02-01T00:00:00Z", "range_end"),
        ("after=event_1&range_start=2027-01-01T00:00:00Z", "after"),
        ("after=event_1&before=event_2", "before"),
    ] {
        let answer = bench.api("GET", &format!("/events?{query}"), "").await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{query}");
    }
    let unknown = bench.api("GET", "/events?after=event_unknown", "").await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert_eq!(bench.send("GET", "/events", &[], "").await.status, StatusCode::UNAUTHORIZED);
    let wide = "authentication.sso_succeeded,user.created,dsync.deleted";
    assert!(ids(&list(&bench, &format!("events={wide}")).await).is_empty());
}

/// Whatever changes an organization, its domains or its connections is told, over the API as from the pages.
#[tokio::test]
async fn organizations_domains_and_connections_are_told() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    let draft = json!({ "name": "Hooli", "domain_data": [{ "domain": "hooli.com" }] }).to_string();
    let made = bench.api("POST", "/organizations", &draft).await.json();
    let (id, domain) = (made["id"].as_str().unwrap(), made["domains"][0]["id"].as_str().unwrap());
    bench.api("POST", &format!("/organization_domains/{domain}/verify"), "").await;
    bench.api("PUT", &format!("/organizations/{id}"), &json!({ "name": "Hooli XYZ" }).to_string()).await;
    let new = json!({ "domain": "hooli.net", "organization_id": id }).to_string();
    let new = bench.api("POST", "/organization_domains", &new).await.json();
    bench.api("DELETE", &format!("/organization_domains/{}", new["id"].as_str().unwrap()), "").await;
    bench.api("DELETE", &format!("/organizations/{id}"), "").await;
    let expected = [
        "organization.created",
        "organization_domain.created",
        "organization_domain.verified",
        "organization.updated",
        "organization_domain.created",
        "organization_domain.deleted",
        "organization.deleted",
    ];
    let told = list(&bench, &format!("organization_id={id}")).await;
    assert_eq!(kinds(&told), expected);
    // WorkOS sends these after it has answered; a retry waits for what is on its way.
    bench.control("deliveries/retry", json!({})).await;
    let mut sent = inbox.kinds();
    sent.sort();
    let mut expected: Vec<String> = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(sent, expected);

    let state = json!({ "id": "conn_01SANDBOXACMEOKTA", "state": "inactive" });
    bench.control("connections", state).await;
    bench.control("connections", json!({ "id": "conn_01SANDBOXACMEOKTA", "state": "active" })).await;
    bench.control("connections", json!({ "id": "conn_01SANDBOXACMEOKTA", "idp_initiated": false })).await;
    assert_eq!(inbox.kinds(), ["connection.deactivated", "connection.activated"]);
    bench.control("organizations", json!({ "id": "org_01SANDBOXGLOBEX", "domains": [] })).await;
    assert_eq!(inbox.kinds(), ["organization_domain.deleted", "organization.updated"]);

    // The first sign-in through a new connection activates it.
    bench.sign_in(WAYFARER, "ines@wayfarer.example").await;
    bench.sign_in(GLOBEX, "hank@globex.com").await;
    bench.api("DELETE", "/organizations/org_01SANDBOXWAYFARER", "").await;
    let told = list(&bench, "organization_id=org_01SANDBOXWAYFARER").await;
    assert_eq!(
        kinds(&told),
        ["connection.activated", "dsync.deleted", "connection.deleted", "organization.deleted"]
    );
    let deleted = &told["data"][2]["data"];
    assert_eq!((&deleted["state"], deleted.get("status")), (&json!("active"), None));
    let gone = bench.api("DELETE", "/connections/conn_01SANDBOXGLOBEXGOOGLE", "").await;
    assert_eq!(gone.status, StatusCode::ACCEPTED);
    assert_eq!(
        kinds(&list(&bench, "events=connection.deleted&organization_id=org_01SANDBOXGLOBEX").await).len(),
        1
    );
}
