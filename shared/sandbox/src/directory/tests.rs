use http::StatusCode;
use serde_json::{Value, json};

use crate::testing::{Bench, Inbox, OKTA};

const ACME: &str = "org_01SANDBOXACME";
const DIRECTORY: &str = "directory_01SANDBOXACME";

fn kinds(answer: &Value) -> Vec<&str> {
    answer["events"].as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap()).collect()
}

async fn user(bench: &Bench, email: &str) -> Option<Value> {
    let found =
        bench.api("GET", &format!("/directory_users?directory={DIRECTORY}&email={email}"), "").await.json();
    found["data"].as_array().unwrap().first().cloned()
}

/// The bodies of all events so far, oldest first.
async fn events(bench: &Bench) -> Vec<Value> {
    let answer = bench.api("GET", "/events?limit=100&order=asc", "").await.json();
    answer["data"].as_array().unwrap().clone()
}

/// What a directory says of a person and what their sign-in says meet in `idp_id`.
#[tokio::test]
async fn everybody_in_a_seeded_directory_has_the_idp_id_of_their_sign_in() {
    let bench = Bench::new();
    let listed = bench.api("GET", "/directories?limit=100", "").await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 6);
    let acme = bench.api("GET", &format!("/directories/{DIRECTORY}"), "").await.json();
    assert_eq!(
        (&acme["state"], &acme["type"], &acme["organization_id"], &acme["domain"]),
        (&json!("linked"), &json!("okta scim v2.0"), &json!(ACME), &json!("acme.com"))
    );
    // Dana, who may not sign in any more, is not there.
    assert_eq!(acme["metadata"]["users"], json!({ "active": 6, "inactive": 0 }));
    for email in ["ada@acme.com", "mei.lin@acme.com", "casey@contractor.example"] {
        let profile = bench.sign_in(OKTA, email).await.json()["profile"].clone();
        let user = user(&bench, email).await.unwrap();
        assert_eq!(user["idp_id"], profile["idp_id"], "{email}");
        assert_eq!(user["custom_attributes"], profile["custom_attributes"]);
        assert_eq!((&user["raw_attributes"], &user["groups"]), (&json!({}), &json!([])));
    }
    let mei = user(&bench, "mei.lin@acme.com").await.unwrap();
    let path = format!("/directory_groups?user={}&limit=100", mei["id"].as_str().unwrap());
    let groups = bench.api("GET", &path, "").await.json();
    assert_eq!(groups["data"].as_array().unwrap().len(), 100);
    assert!(groups["list_metadata"]["after"].is_string());
}

/// Hired, promoted, renamed, suspended, back, fired and hired again: each step is an event, a state and a sign-in.
#[tokio::test]
async fn a_working_life() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    let hired = bench
        .directory(json!({ "action": "hire", "email": "kim@acme.com", "first_name": "Kim", "last_name": "Bo",
            "job_title": "Cook", "groups": ["Everyone", "Kitchen"] }))
        .await;
    assert_eq!(
        kinds(&hired),
        ["dsync.user.created", "dsync.group.created", "dsync.group.user_added", "dsync.group.user_added"]
    );
    assert_eq!((&hired["organization_id"], &hired["deliveries"]), (&json!(ACME), &json!({ "delivered": 4 })));
    let first = hired["user"].clone();
    let profile = bench.sign_in(OKTA, "kim@acme.com").await.json()["profile"].clone();
    assert_eq!(profile["idp_id"], first["idp_id"]);
    assert_eq!(profile["groups"], json!(["Everyone", "Kitchen"]));

    bench.advance(60);
    let changed = bench
        .directory(json!({ "action": "update", "email": "kim@acme.com", "new_email": "kim.bo@acme.com",
            "job_title": "Chef", "custom_attributes": { "cost_center": "K1" }, "groups": ["Kitchen"] }))
        .await;
    assert_eq!(kinds(&changed), ["dsync.user.updated", "dsync.group.user_removed"]);
    assert_eq!(changed["user"]["id"], first["id"]);
    assert_eq!(changed["user"]["updated_at"], "2027-01-15T08:01:00.000Z");
    let told = events(&bench).await;
    let update = told.iter().find(|event| event["event"] == "dsync.user.updated").unwrap();
    assert_eq!(
        update["data"]["previous_attributes"],
        json!({ "email": "kim@acme.com", "custom_attributes": { "job_title": "Cook", "cost_center": null } })
    );
    // Memberships are told with who it is and no more, and do not touch the user.
    let removed = told.last().unwrap();
    assert_eq!(removed["data"]["user"]["custom_attributes"], json!({}));
    assert_eq!(removed["data"]["group"]["name"], "Everyone");
    // The sign-in knows the new address, and the person is the same.
    let profile = bench.sign_in(OKTA, "kim.bo@acme.com").await.json()["profile"].clone();
    assert_eq!((&profile["idp_id"], &profile["groups"]), (&first["idp_id"], &json!(["Kitchen"])));

    let same =
        bench.directory(json!({ "action": "update", "email": "kim.bo@acme.com", "job_title": "Chef" })).await;
    assert_eq!(same["events"], json!([]));
    let suspended = bench.directory(json!({ "action": "suspend", "email": "kim.bo@acme.com" })).await;
    assert_eq!(
        (kinds(&suspended), &suspended["user"]["state"]),
        (vec!["dsync.user.updated"], &json!("suspended"))
    );
    let back = bench.directory(json!({ "action": "reactivate", "email": "kim.bo@acme.com" })).await;
    assert_eq!(back["user"]["state"], "active");

    let fired = bench.directory(json!({ "action": "fire", "email": "kim.bo@acme.com" })).await;
    assert_eq!(kinds(&fired), ["dsync.user.deleted"]);
    assert!(user(&bench, "kim.bo@acme.com").await.is_none());
    let gone = bench.api("GET", &format!("/directory_users/{}", first["id"].as_str().unwrap()), "").await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    // The account at the mock IdP is another thing.
    assert_eq!(bench.sign_in(OKTA, "kim.bo@acme.com").await.status, StatusCode::OK);

    let rehired = bench.directory(json!({ "action": "rehire", "email": "kim.bo@acme.com" })).await;
    assert_eq!(kinds(&rehired), ["dsync.user.created", "dsync.group.user_added"]);
    assert_ne!(rehired["user"]["id"], first["id"]);
    assert_eq!(
        (&rehired["user"]["idp_id"], &rehired["user"]["custom_attributes"]["cost_center"]),
        (&first["idp_id"], &json!("K1"))
    );
    // What was sent is what is listed, in the same order.
    let sent: Vec<Value> = inbox.take().iter().map(crate::testing::Letter::event).collect();
    assert_eq!(sent, events(&bench).await);
}

#[tokio::test]
async fn groups_are_made_renamed_and_deleted_without_a_word_about_their_members() {
    let bench = Bench::new();
    let act = async |errand: Value| bench.directory(errand).await;
    let made = act(json!({ "action": "group_create", "organization": ACME, "group": "Cooks" })).await;
    let id = made["group"]["id"].as_str().unwrap().to_owned();
    let added = act(json!({ "action": "group_add", "email": "ada@acme.com", "group": "Cooks" })).await;
    assert_eq!(kinds(&added), ["dsync.group.user_added"]);
    let again = act(json!({ "action": "group_add", "email": "ada@acme.com", "group": id })).await;
    assert_eq!(again["events_count"], 0);
    let renamed = act(json!({ "action": "group_rename", "group": "Cooks", "new_name": "Chefs" })).await;
    assert_eq!((kinds(&renamed), &renamed["group"]["id"]), (vec!["dsync.group.updated"], &json!(id)));
    assert_eq!(renamed["group"]["idp_id"], "Cooks");
    let told = events(&bench).await;
    assert_eq!(told.last().unwrap()["data"]["previous_attributes"], json!({ "name": "Cooks" }));
    let members = bench.api("GET", &format!("/directory_users?group={id}"), "").await.json();
    assert_eq!(members["data"][0]["email"], "ada@acme.com");
    let profile = bench.sign_in(OKTA, "ada@acme.com").await.json()["profile"].clone();
    assert!(profile["groups"].as_array().unwrap().contains(&json!("Chefs")));
    let deleted = act(json!({ "action": "group_delete", "group": "Chefs" })).await;
    assert_eq!(kinds(&deleted), ["dsync.group.deleted"]);
    assert_eq!(bench.api("GET", &format!("/directory_groups/{id}"), "").await.status, StatusCode::NOT_FOUND);
    let removed =
        act(json!({ "action": "group_remove", "email": "ada@acme.com", "group": "Engineering" })).await;
    assert_eq!(kinds(&removed), ["dsync.group.user_removed"]);
}

/// A deleted directory is one event; whoever was in it is offboarded by that alone.
#[tokio::test]
async fn a_directory_goes_with_one_event_and_a_new_one_comes_with_one() {
    let bench = Bench::new();
    let deleted = bench.directory(json!({ "action": "directory_delete", "organization": ACME })).await;
    assert_eq!(kinds(&deleted), ["dsync.deleted"]);
    let told = events(&bench).await;
    assert_eq!((&told[0]["data"]["state"], &told[0]["data"]["id"]), (&json!("active"), &json!(DIRECTORY)));
    assert!(told[0]["data"].get("external_key").is_none());
    assert_eq!(
        bench.api("GET", &format!("/directories/{DIRECTORY}"), "").await.status,
        StatusCode::NOT_FOUND
    );
    let users = bench.api("GET", &format!("/directory_users?directory={DIRECTORY}"), "").await;
    assert_eq!(users.status, StatusCode::NOT_FOUND);

    let made = bench.directory(json!({ "action": "directory_create", "organization": ACME })).await;
    assert_eq!(kinds(&made), ["dsync.activated"]);
    assert_ne!(made["directory_id"], DIRECTORY);
    let told = events(&bench).await;
    assert_eq!(
        (&told[1]["data"]["state"], &told[1]["data"]["domains"][0]["domain"]),
        (&json!("active"), &json!("acme.com"))
    );
    let ada = bench.directory(json!({ "action": "hire", "email": "ada@acme.com" })).await;
    let profile = bench.sign_in(OKTA, "ada@acme.com").await.json()["profile"].clone();
    assert_eq!((&ada["user"]["idp_id"], &ada["user"]["first_name"]), (&profile["idp_id"], &json!("Ada")));
}

/// WorkOS's older environments keep who became inactive, and tell the memberships that end.
#[tokio::test]
async fn an_environment_may_keep_inactive_users() {
    let bench = Bench::new();
    bench.control("settings", json!({ "keep_inactive_users": true })).await;
    let fired = bench.directory(json!({ "action": "fire", "email": "ben.fischer@acme.com" })).await;
    assert_eq!(kinds(&fired), ["dsync.user.updated", "dsync.group.user_removed", "dsync.group.user_removed"]);
    assert_eq!(fired["user"]["state"], "inactive");
    let acme = bench.api("GET", &format!("/directories/{DIRECTORY}"), "").await.json();
    assert_eq!(acme["metadata"]["users"], json!({ "active": 5, "inactive": 1 }));
    let refused =
        bench.control("directory", json!({ "action": "rehire", "email": "ben.fischer@acme.com" })).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let back = bench.directory(json!({ "action": "reactivate", "email": "ben.fischer@acme.com" })).await;
    assert_eq!(back["user"]["id"], fired["user"]["id"]);
}

/// The sign-in of a leaver races the news of leaving, unless the IdP is told to look into the directory.
#[tokio::test]
async fn a_switch_lets_the_directory_decide_who_signs_in() {
    let bench = Bench::new();
    bench.directory(json!({ "action": "suspend", "email": "ada@acme.com" })).await;
    assert!(bench.choose(OKTA, "ada@acme.com").await.param("code").is_some());
    bench.control("settings", json!({ "directory_decides_sign_in": true })).await;
    assert_eq!(bench.choose(OKTA, "ada@acme.com").await.param("error").as_deref(), Some("access_denied"));
    bench.directory(json!({ "action": "reactivate", "email": "ada@acme.com" })).await;
    assert!(bench.choose(OKTA, "ada@acme.com").await.param("code").is_some());
}

#[tokio::test]
async fn an_initial_sync_tells_everybody_who_is_new() {
    let bench = Bench::new();
    let inbox = Inbox::of(&bench).await;
    let errand =
        json!({ "action": "sync", "organization": ACME, "people": 60, "group_count": 3, "group_size": 20 });
    let answer = bench.directory(errand).await;
    assert_eq!((&answer["events_count"], &answer["deliveries"]), (&json!(123), &json!({ "delivered": 123 })));
    let kinds = inbox.kinds();
    let count = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!(
        (count("dsync.user.created"), count("dsync.group.created"), count("dsync.group.user_added")),
        (60, 3, 60)
    );
    // Everybody is in one group, and new people come after those.
    let user = user(&bench, "person00066@acme.com").await.unwrap();
    let path = format!("/directory_groups?user={}", user["id"].as_str().unwrap());
    assert_eq!(bench.api("GET", &path, "").await.json()["data"].as_array().unwrap().len(), 1);
    let more =
        bench.directory(json!({ "action": "sync", "organization": ACME, "people": 2, "wait": true })).await;
    assert_eq!(more["events_count"], 2);
    // Whoever of them shall sign in has the idp_id that the directory told.
    bench.control("people", json!({ "email": "person00066@acme.com", "organization_id": ACME })).await;
    let profile = bench.sign_in(OKTA, "person00066@acme.com").await.json()["profile"].clone();
    assert_eq!(profile["idp_id"], user["idp_id"]);

    let globex = json!({ "action": "sync", "organization": "org_01SANDBOXGLOBEX" });
    let all = bench.directory(globex).await;
    assert_eq!(all["events"][0]["event"], "dsync.activated");
    let told = inbox.take();
    // Four people, four groups of theirs, and who is in them.
    assert_eq!(told.iter().filter(|letter| letter.kind() == "dsync.user.created").count(), 2 + 4);
    assert_eq!(told.iter().filter(|letter| letter.kind() == "dsync.group.created").count(), 4);
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_with_a_sentence() {
    let bench = Bench::new();
    for (errand, word) in [
        (json!({ "action": "promote" }), "variant"),
        (json!({ "action": "hire" }), "organization"),
        (json!({ "action": "hire", "email": "ada@acme.com" }), "already"),
        (json!({ "action": "hire", "email": "x@nowhere.example" }), "organization"),
        (json!({ "action": "hire", "email": "x@northwind.example" }), "Several"),
        (json!({ "action": "fire", "email": "casey@contractor.example" }), "Several"),
        (json!({ "action": "fire", "email": "nobody@acme.com" }), "organization"),
        (json!({ "action": "fire", "email": "nobody@acme.com", "organization": ACME }), "Nobody"),
        (json!({ "action": "rehire", "email": "ada@acme.com", "organization": ACME }), "hire"),
        (json!({ "action": "update", "email": "ada@acme.com", "new_email": "mei.lin@acme.com" }), "already"),
        (json!({ "action": "group_delete", "group": "Nobody" }), "organization"),
        (json!({ "action": "group_create", "group": "Everyone", "organization": ACME }), "already"),
        (json!({ "action": "directory_create", "organization": ACME }), "no directory"),
        (json!({ "action": "sync", "organization": ACME, "people": 60_000 }), "50000"),
        (json!({ "action": "fire", "email": "ada@acme.com", "colour": 1 }), "colour"),
    ] {
        let answer = bench.control("directory", errand.clone()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{errand}: {}", answer.body);
        let message = answer.json()["message"].as_str().unwrap().to_owned();
        assert!(message.contains(word), "{errand}: {message}");
    }
    assert!(events(&bench).await.is_empty());
}

/// Whoever asks too often is told to wait, in WorkOS's odd words.
#[tokio::test]
async fn users_of_a_directory_may_be_asked_for_only_so_often() {
    let bench = Bench::new();
    bench.control("settings", json!({ "directory_requests_per_second": 2 })).await;
    let path = format!("/directory_users?directory={DIRECTORY}");
    for _ in 0..2 {
        assert_eq!(bench.api("GET", &path, "").await.status, StatusCode::OK);
    }
    let refused = bench.api("GET", &path, "").await;
    assert_eq!(
        (refused.status, refused.body.as_str(), &refused.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, "\"Ratelimited\"", &"1".parse().unwrap())
    );
    let other = bench.api("GET", "/directory_users?directory=directory_01SANDBOXGLOBEX", "").await;
    assert_eq!(other.status, StatusCode::OK);
    bench.advance(1);
    assert_eq!(bench.api("GET", &path, "").await.status, StatusCode::OK);

    bench.control("settings", json!({ "requests_per_minute": 1 })).await;
    assert_eq!(bench.api("GET", "/connections", "").await.status, StatusCode::OK);
    let refused = bench.api("GET", "/organizations", "").await;
    assert_eq!(
        (refused.status, &refused.headers["retry-after"]),
        (StatusCode::TOO_MANY_REQUESTS, &"59".parse().unwrap())
    );
}

#[tokio::test]
async fn lists_of_ten_thousand_are_walked_page_by_page() {
    let bench = Bench::new();
    let errand = json!({ "action": "sync", "organization": ACME, "people": 2_000 });
    assert_eq!(bench.directory(errand).await["deliveries"], json!({ "no_endpoint": 2_000 }));
    let (mut seen, mut after) = (std::collections::HashSet::new(), String::new());
    loop {
        let path = format!("/directory_users?directory={DIRECTORY}&limit=100&order=asc{after}");
        let page = bench.api("GET", &path, "").await.json();
        for user in page["data"].as_array().unwrap() {
            assert!(seen.insert(user["id"].as_str().unwrap().to_owned()));
        }
        match page["list_metadata"]["after"].as_str() {
            Some(id) => after = format!("&after={id}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 2_006);
    let wrong =
        ["/directory_users?email=ada@acme.com", "/directory_users?limit=0", "/directory_groups?after=x"];
    for path in wrong {
        assert_eq!(bench.api("GET", path, "").await.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    for path in ["/directory_users?directory=directory_x", "/directory_groups?user=x", "/directory_users/x"] {
        assert_eq!(bench.api("GET", path, "").await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
