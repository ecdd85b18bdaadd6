use http::StatusCode;

use super::*;
use crate::testing::{Bench, CALLBACK, GLOBEX, OKTA};

async fn refused(bench: &Bench, verb: &str, body: Value) -> String {
    let answer = bench.control(verb, body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.body);
    answer.json()["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn people_lists_who_there_is_and_how_the_idp_calls_them() {
    let bench = Bench::new();
    let world = bench.get("/_sandbox/people").await.json();
    let acme = &world["organizations"][0];
    assert_eq!((&acme["id"], &acme["name"]), (&json!("org_01SANDBOXACME"), &json!("Acme Corp")));
    assert_eq!(acme["domains"][1], json!({ "domain": "acme-labs.com", "state": "pending" }));
    assert_eq!(acme["connections"][0]["id"], "conn_01SANDBOXACMEOKTA");
    let ada = &acme["people"][0];
    assert_eq!((&ada["email"], &ada["blocked"]), (&json!("ada@acme.com"), &json!(false)));
    assert_eq!(ada["connection_ids"][0], "conn_01SANDBOXACMEOKTA");
    assert_eq!(ada["idp_id"], ada["identities"][0]["idp_id"]);
    let profile = bench.sign_in(OKTA, "ada@acme.com").await.json()["profile"].clone();
    assert_eq!(profile["idp_id"], ada["identities"][0]["idp_id"]);
    assert_eq!(profile["id"], ada["identities"][0]["profile_id"]);
    let find = |email: &str| {
        acme["people"].as_array().unwrap().iter().find(|known| known["email"] == email).cloned().unwrap()
    };
    assert_eq!(find("mei.lin@acme.com")["groups_count"], 300);
    assert_eq!(find("dana.reyes@acme.com")["blocked"], true);
    assert_eq!(find("casey@contractor.example")["outside_verified_domains"], true);
    assert_eq!(world["environment"]["people"][0]["email"], "robin.gray@mail.example");
}

/// R41: the same address at two organizations is two people.
#[tokio::test]
async fn one_address_in_two_organizations_is_two_people() {
    let bench = Bench::new();
    let email = "casey@contractor.example";
    let acme = bench.sign_in(OKTA, email).await.json()["profile"].clone();
    let globex = bench.sign_in(GLOBEX, email).await.json()["profile"].clone();
    assert_ne!(acme["organization_id"], globex["organization_id"]);
    assert_ne!((&acme["id"], &acme["idp_id"]), (&globex["id"], &globex["idp_id"]));
}

#[tokio::test]
async fn people_can_be_blocked_renamed_and_added() {
    let bench = Bench::new();
    bench.control("people", json!({ "email": "ada@acme.com", "blocked": true })).await;
    assert_eq!(bench.choose(OKTA, "ada@acme.com").await.param("error").as_deref(), Some("access_denied"));

    // R46: another address, the same person.
    let before = bench.sign_in(OKTA, "ben.fischer@acme.com").await.json()["profile"].clone();
    bench
        .control(
            "people",
            json!({ "email": "ben.fischer@acme.com", "new_email": "ben@acme.com", "first_name": "Benjamin" }),
        )
        .await;
    let after = bench.sign_in(OKTA, "ben@acme.com").await.json()["profile"].clone();
    assert_eq!((&before["id"], &before["idp_id"]), (&after["id"], &after["idp_id"]));
    assert_eq!(
        (&after["email"], &after["first_name"], &after["last_name"]),
        (&json!("ben@acme.com"), &json!("Benjamin"), &json!("Fischer"))
    );

    let new =
        json!({ "email": "new@globex.com", "organization_id": "org_01SANDBOXGLOBEX", "groups": ["A", "B"] });
    assert_eq!(bench.control("people", new).await.json()["people"][0]["groups_count"], 2);
    assert_eq!(bench.sign_in(GLOBEX, "new@globex.com").await.json()["profile"]["groups"], json!(["A", "B"]));

    assert!(
        refused(&bench, "people", json!({ "email": "nobody@acme.com" })).await.contains("organization_id")
    );
    let elsewhere = json!({ "email": "x@acme.com", "organization_id": "org_nobody" });
    assert!(refused(&bench, "people", elsewhere).await.contains("organization_id"));
    let taken = json!({ "email": "ben@acme.com", "new_email": "mei.lin@acme.com" });
    assert!(refused(&bench, "people", taken).await.contains("already"));
    assert!(refused(&bench, "people", json!({ "email": "not an address" })).await.contains("e-mail"));
}

#[tokio::test]
async fn connections_and_organizations_can_be_changed() {
    let bench = Bench::new();
    let entra = "conn_01SANDBOXACMEENTRA";
    let answer = bench.control("connections", json!({ "id": entra, "state": "inactive" })).await.json();
    assert_eq!((&answer["state"], &answer["status"]), (&json!("inactive"), &json!("unlinked")));
    // With one usable connection left, the organization is a selector again.
    assert!(bench.authorize("organization=org_01SANDBOXACME").await.location().starts_with("/idp/"));

    bench.advance(60);
    let domains = json!([{ "domain": "acme.org", "state": "verified" }]);
    let changed = json!({ "id": "org_01SANDBOXACME", "name": "Acme Ltd", "domains": domains });
    bench.control("organizations", changed).await;
    let acme = bench.api("GET", "/organizations/org_01SANDBOXACME", "").await.json();
    assert_eq!((&acme["name"], &acme["domains"][0]["domain"]), (&json!("Acme Ltd"), &json!("acme.org")));
    assert_ne!(acme["updated_at"], acme["created_at"]);

    assert!(
        refused(&bench, "connections", json!({ "id": entra, "state": "broken" })).await.contains("active")
    );
    assert!(refused(&bench, "connections", json!({ "id": "conn_nobody" })).await.contains("no such"));
    assert!(refused(&bench, "organizations", json!({ "id": "org_nobody" })).await.contains("no such"));
    let odd = json!({ "id": "org_01SANDBOXACME", "domains": [{ "domain": "acme.org", "state": "odd" }] });
    assert!(refused(&bench, "organizations", odd).await.contains("odd"));
}

#[tokio::test]
async fn control_input_is_checked() {
    let bench = Bench::new();
    assert!(
        refused(&bench, "auto", json!({ "email": "nobody@acme.com" })).await.contains("/_sandbox/people")
    );
    assert!(
        refused(&bench, "auto", json!({ "email": "ada@acme.com", "error": "x" })).await.contains("not both")
    );
    assert!(refused(&bench, "auto", json!({ "mail": "ada@acme.com" })).await.contains("mail"));
    assert!(refused(&bench, "auto", json!({ "error": "x".repeat(5000) })).await.contains("4096"));
    assert!(refused(&bench, "settings", json!({ "consent": "yes" })).await.contains("boolean"));
    assert!(
        refused(&bench, "settings", json!({ "sign_in_endpoint": "/login" }))
            .await
            .contains("sign_in_endpoint")
    );
    let broken = bench.send("POST", "/_sandbox/auto", &[], "{").await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    // Undocumented codes are allowed and marked.
    let odd = bench.control("auto", json!({ "error": "brand_new", "error_description": "<b>" })).await.json();
    assert_eq!(
        odd,
        json!({ "auto": { "error": "brand_new", "error_description": "<b>" }, "documented": false })
    );
    // What curl sends without a content type is JSON all the same.
    let curl = [("content-type", "application/x-www-form-urlencoded")];
    let answer = bench.send("POST", "/_sandbox/auto", &curl, r#"{"email": null}"#).await;
    assert_eq!(answer.json(), json!({ "auto": null }));
}

#[tokio::test]
async fn the_pages_forms_come_back_to_the_page() {
    let bench = Bench::new();
    let form = |verb: &'static str, fields: &'static [(&'static str, &'static str)]| {
        let path = format!("/_sandbox/{verb}");
        let bench = &bench;
        async move { bench.form(&path, fields).await }
    };
    for (verb, fields, back) in [
        ("auto", &[("from", "page"), ("email", "ada@acme.com")][..], "/"),
        ("settings", &[("from", "page"), ("consent", "true")], "/"),
        ("connections", &[("from", "page"), ("id", "conn_01SANDBOXACMEOKTA"), ("state", "draft")], "/"),
        (
            "faults",
            &[("from", "page"), ("path", "/sso/token"), ("kind", "status"), ("status", "503"), ("count", "")],
            "/",
        ),
        ("faults/clear", &[("from", "page")], "/"),
        ("requests/clear", &[("from", "page")], "/_sandbox/log"),
    ] {
        let answer = form(verb, fields).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, back), "{verb}");
    }
    assert_eq!(bench.get("/_sandbox/auto").await.json(), json!({ "auto": { "email": "ada@acme.com" } }));
    assert_eq!(bench.get("/_sandbox/settings").await.json()["consent"], true);
    let wrong = form("faults", &[("from", "page"), ("path", "/x"), ("kind", "delay")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body.contains("Back to the sandbox"));
    // A form that only says where it comes from turns automatic sign-in off.
    form("auto", &[("from", "page")]).await;
    assert_eq!(bench.get("/_sandbox/auto").await.json(), json!({ "auto": null }));
}

#[tokio::test]
async fn a_reset_forgets_everything() {
    let bench = Bench::new();
    let code = bench.code(OKTA, "ada@acme.com").await;
    let signed_in = bench.sign_in(OKTA, "ada@acme.com").await.json();
    bench.control("people", json!({ "email": "ada@acme.com", "blocked": true })).await;
    bench.control("connections", json!({ "id": "conn_01SANDBOXACMEOKTA", "state": "inactive" })).await;
    bench.control("settings", json!({ "consent": true, "idp_initiated": false })).await;
    bench.control("auto", json!({ "error": "server_error" })).await;
    bench.control("faults", json!({ "path": "/connections", "kind": "status" })).await;
    assert_eq!(bench.control("reset", json!({})).await.json(), json!({ "reset": true }));

    assert_eq!(bench.get("/_sandbox/requests").await.json(), json!({ "requests": [] }));
    assert_eq!(bench.get("/_sandbox/faults").await.json(), json!({ "faults": [] }));
    assert_eq!(bench.exchange(json!({ "code": code })).await.json()["error"], "invalid_grant");
    let token = format!("Bearer {}", signed_in["access_token"].as_str().unwrap());
    let profile = bench.send("GET", "/sso/profile", &[("authorization", &token)], "").await;
    assert_eq!(profile.status, StatusCode::UNAUTHORIZED);
    // The same world, down to the ids.
    assert_eq!(bench.sign_in(OKTA, "ada@acme.com").await.json()["profile"], signed_in["profile"]);
}

#[tokio::test]
async fn the_log_tells_what_arrived_and_keeps_no_secret() {
    let bench = Bench::new();
    let answer = bench.sign_in(OKTA, "ada@acme.com").await;
    bench.get("/nowhere?token=secret-1").await;
    bench.get("/").await;
    let log = bench.get("/_sandbox/requests").await;
    let entries = log.json()["requests"].as_array().unwrap().clone();
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| format!("{} {} {}", entry["method"], entry["path"], entry["status"]).replace('"', ""))
        .collect();
    assert_eq!(lines[0], "GET /sso/authorize 302");
    assert!(lines[1].starts_with("POST /idp/") && lines[1].ends_with("302"));
    assert_eq!(lines[2..], ["POST /sso/token 200", "GET /nowhere 404"]);
    assert_eq!(entries[2]["request_id"], answer.headers["x-request-id"].to_str().unwrap());
    assert_eq!(entries[2]["at"], "2027-01-15T08:00:00Z");

    let query = entries[0]["query"].as_str().unwrap();
    assert!(query.contains("connection=conn_01SANDBOXACMEOKTA") && query.contains("state=…"), "{query}");
    for secret in ["state-1", "secret-1", "sk_test_sandbox", "ada@acme.com"] {
        assert!(!log.body.contains(secret), "{secret}");
    }
    bench.send("DELETE", "/_sandbox/requests", &[], "").await;
    assert_eq!(bench.get("/_sandbox/requests").await.json(), json!({ "requests": [] }));
}

#[tokio::test]
async fn the_log_keeps_the_last_thousand() {
    let bench = Bench::new();
    for n in 0..1005 {
        bench.get(&format!("/nowhere/{n}")).await;
    }
    let entries = bench.get("/_sandbox/requests").await.json()["requests"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 1000);
    assert_eq!((&entries[0]["path"], &entries[999]["path"]), (&json!("/nowhere/5"), &json!("/nowhere/1004")));
}

#[tokio::test]
async fn an_error_can_carry_a_hostile_text_to_the_callback() {
    let bench = Bench::new();
    let text = "\"><script>alert(1)</script>\r\nX: y";
    bench.control("auto", json!({ "error": "oops", "error_description": text })).await;
    let answer = bench.authorize(OKTA).await;
    assert!(answer.location().starts_with(CALLBACK));
    assert_eq!(answer.param("error_description").as_deref(), Some(text));
}
