use serde_json::json;

use super::*;
use crate::testing::{Bench, OKTA};

const HOSTILE: &str = "\"'><script>alert(1)</script>&amp;{{7*7}}";

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn all_pages(bench: &Bench) -> Vec<(&'static str, crate::testing::Answer)> {
    let flow = bench.authorize(OKTA).await.location().to_owned();
    bench.control("settings", json!({ "consent": true })).await;
    bench.form(&flow, &[("email", "ada@acme.com")]).await;
    vec![
        ("home", bench.get("/").await),
        ("log", bench.get("/_sandbox/log").await),
        ("directory", bench.get("/_sandbox/directory").await),
        ("idp", bench.get(&flow).await),
        ("consent", bench.get(&format!("{flow}/consent")).await),
        ("signed out", bench.get("/idp/signed-out").await),
        ("bad request", bench.get("/sso/authorize").await),
    ]
}

#[tokio::test]
async fn every_page_has_the_banner_a_policy_and_no_script() {
    let bench = Bench::new();
    for (name, page) in all_pages(&bench).await {
        assert!(page.body.contains("Sandbox: no real identity provider"), "{name}");
        assert!(page.body.contains("<html lang=\"en\">"), "{name}");
        assert!(!page.body.contains("<script"), "{name}");
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{name}"
        );
        assert_eq!(page.headers["cache-control"], "no-store", "{name}");
        let style = page.body.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = STANDARD.encode(digest::digest(&digest::SHA256, style.as_bytes()));
        assert!(policy.contains(&hash), "{name}: the stylesheet is not the one that the policy allows");
        // Nothing is loaded from anywhere.
        for external in ["src=\"http", "url(http", "<link rel=\"stylesheet", "@import"] {
            assert!(!page.body.contains(external), "{name} {external}");
        }
    }
    assert!(STYLE.len() < 8 * 1024);
}

/// R10 for the sandbox's own pages: hints, states and addresses are attacker's text.
#[tokio::test]
async fn hostile_text_is_escaped_everywhere() {
    let bench = Bench::new();
    let text = encoded(HOSTILE);
    let flow = bench.authorize(&format!("{OKTA}&login_hint={text}")).await.location().to_owned();
    let start = "/sso/authorize?client_id=client_sandbox&response_type=code&redirect_uri=";
    bench.get(&format!("/nowhere/{text}?search={text}")).await;
    let pages = [
        bench.get(&flow).await,
        bench.form(&flow, &[("email", HOSTILE)]).await,
        bench.get(&format!("{start}{text}&{OKTA}")).await,
        bench.get("/_sandbox/log").await,
    ];
    for page in pages {
        assert!(!page.body.contains("<script"), "{}", page.body);
        assert!(
            page.body.contains("&#60;script&#62;") || page.body.contains("%3Cscript%3E"),
            "{}",
            page.body
        );
    }
    bench.control("organizations", json!({ "id": "org_01SANDBOXACME", "name": HOSTILE })).await;
    bench.control("auto", json!({ "error": HOSTILE })).await;
    assert!(!bench.get("/").await.body.contains("<script"));
    let hostile = json!({ "action": "update", "email": "ada@acme.com", "first_name": HOSTILE, "job_title": HOSTILE,
        "groups": [HOSTILE] });
    bench.directory(hostile).await;
    for query in ["", &format!("?q={text}"), &format!("?organization={text}")] {
        let page = bench.get(&format!("/_sandbox/directory{query}")).await;
        assert!(page.status.is_success() && !page.body.contains("<script"), "{query}");
    }
    // The state is never shown, only echoed.
    bench.control("reset", json!({})).await;
    let flow =
        bench.get(&format!("{start}http://localhost/cb&{OKTA}&state={text}")).await.location().to_owned();
    assert!(!bench.get(&flow).await.body.contains("7*7"));
    assert_eq!(
        bench.form(&flow, &[("email", "ada@acme.com")]).await.param("state").as_deref(),
        Some(HOSTILE)
    );
}

#[tokio::test]
async fn the_login_hint_is_first_and_prefilled() {
    let bench = Bench::new();
    let flow = bench.authorize(&format!("{OKTA}&login_hint=MEI.LIN@acme.com")).await.location().to_owned();
    let page = bench.get(&flow).await.body;
    assert!(page.contains(r#"value="MEI.LIN@acme.com""#));
    let hinted = page.find("person hinted").unwrap();
    assert!(page[hinted..].starts_with("person hinted\" name=\"email\" value=\"mei.lin@acme.com\""));
    assert!(page.find("ada@acme.com").unwrap() > hinted);
}

#[tokio::test]
async fn home_shows_switches_as_they_are() {
    let bench = Bench::new();
    bench.control("auto", json!({ "email": "ada@acme.com" })).await;
    bench
        .control(
            "faults",
            json!({ "path": "/sso/token", "kind": "rate_limit", "retry_after": 9, "count": 3 }),
        )
        .await;
    let page = bench.get("/").await.body;
    assert!(page.contains("They complete by themselves as ada@acme.com."));
    assert!(page.contains("rate_limit on /sso/token · Retry-After 9 s · 3 more"));
    for word in [
        "Acme Corp",
        "Globex",
        "Initech",
        "Wayfarer Labs",
        "300 groups",
        "blocked",
        "acme-labs.com · pending",
    ] {
        assert!(page.contains(word), "{word}");
    }
    assert!(page.contains("/tile/conn_01SANDBOXACMEOKTA") && !page.contains("/tile/conn_01SANDBOXACMEENTRA"));
}

/// The hidden fields and buttons of a form, as a browser without scripts would send them.
fn fields(form: &str) -> Vec<(String, String)> {
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split_once(&format!(" {name}=\""))?.1;
        Some(rest.split_once('"')?.0.replace("&#38;", "&"))
    };
    let tags = form.split('<').filter(|tag| tag.starts_with("input") || tag.starts_with("button"));
    tags.filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
        .collect()
}

/// The form of the directory page whose text holds this, sent with these fields over its own.
async fn press(bench: &Bench, holds: &str, typed: &[(&str, &str)]) -> crate::testing::Answer {
    let page = bench.get("/_sandbox/directory?organization=org_01SANDBOXACME").await.body;
    let form =
        page.split("<form ").skip(1).find(|form| form.split("</form>").next().unwrap().contains(holds));
    let form = form.unwrap_or_else(|| panic!("no form with {holds}")).split_once("</form>").unwrap().0;
    let action = form.split_once("action=\"").unwrap().1.split_once('"').unwrap().0;
    let mut sent: Vec<(String, String)> = fields(form);
    sent.retain(|(name, _)| !typed.iter().any(|(known, _)| known == name));
    sent.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let sent: Vec<(&str, &str)> = sent.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = bench.form(action, &sent).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{holds}: {}", answer.body);
    assert_eq!(answer.location(), "/_sandbox/directory?organization=org_01SANDBOXACME");
    answer
}

/// Every button of the directory console does what it says, and comes back to the same company.
#[tokio::test]
async fn the_directory_console_works_by_forms_alone() {
    let bench = Bench::new();
    let shows = async |text: &str| {
        let page = bench.get("/_sandbox/directory?organization=org_01SANDBOXACME").await.body;
        page.contains(text)
    };
    press(
        &bench,
        "kim@acme.com",
        &[("email", "kim@acme.com"), ("first_name", "007"), ("groups", "Cooks, Staff")],
    )
    .await;
    assert!(shows("kim@acme.com").await && shows("Cooks").await && shows("dsync.group.user_added").await);
    let kim = "aria-label=\"Fire 007\"";
    press(&bench, "aria-label=\"Suspend 007\"", &[]).await;
    press(&bench, "aria-label=\"Reactivate 007\"", &[]).await;
    press(&bench, "value=\"007\"", &[("last_name", "Bond"), ("new_email", "bond@acme.com")]).await;
    assert!(shows("007 Bond").await && shows("bond@acme.com").await && !shows(kim).await);
    press(&bench, "aria-label=\"Fire 007 Bond\"", &[]).await;
    assert!(!shows("aria-label=\"Fire 007 Bond\"").await);
    press(&bench, "aria-label=\"Rehire bond@acme.com\"", &[]).await;
    assert!(shows("aria-label=\"Fire 007 Bond\"").await && !shows("Rehire bond@acme.com").await);

    press(&bench, "New group", &[("group", "Ämter")]).await;
    press(&bench, "New name of Staff", &[("new_name", "Crew")]).await;
    press(&bench, "member of Crew", &[("email", "ada@acme.com"), ("action", "group_add")]).await;
    press(&bench, "member of Crew", &[("email", "ada@acme.com"), ("action", "group_remove")]).await;
    press(&bench, "aria-label=\"Delete Crew\"", &[]).await;
    assert!(!shows("member of Crew").await);

    for label in [
        "Twice",
        "Lost",
        "Late",
        "Turned around",
        "Stale",
        "Old signature on retries",
        "Signed ten minutes ago",
    ] {
        let pressed = |on: &str| format!("aria-label=\"{label}\" aria-pressed=\"{on}\"");
        press(&bench, &pressed("false"), &[]).await;
        press(&bench, &pressed("true"), &[]).await;
        assert!(shows(&pressed("false")).await);
    }
    for label in ["Keep inactive users", "The directory decides who signs in"] {
        press(&bench, &format!("aria-label=\"{label}\" aria-pressed=\"false\""), &[]).await;
        assert!(shows(&format!("aria-label=\"{label}\" aria-pressed=\"true\"")).await);
    }
    press(&bench, "Tell of everybody", &[]).await;
    press(&bench, "Send 10,000 people", &[("people", "40"), ("group_count", "2")]).await;
    assert!(shows("The first 15 of 47.").await);
    press(&bench, "Delete the directory", &[]).await;
    assert!(shows("No directory").await);
    press(&bench, "Connect a directory", &[]).await;
    assert!(shows("Nobody").await && shows("dsync.activated").await);
}

#[tokio::test]
async fn the_directory_console_shows_what_waits_and_sends_it() {
    let bench = Bench::new();
    let inbox = crate::testing::Inbox::of(&bench).await;
    inbox.answer(&[500]);
    bench.directory(json!({ "action": "suspend", "email": "ada@acme.com" })).await;
    let page = bench.get("/_sandbox/directory").await.body;
    for text in ["retrying", "again 08:01:00", "(500)", "Send the 1 that wait", "/webhooks/workos"] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains(crate::testing::SECRET));
    press(&bench, "that wait", &[]).await;
    assert!(bench.get("/_sandbox/directory").await.body.contains("delivered"));
    // Whoever is not understood comes back to the same page, and a form cannot lead elsewhere.
    let wrong = [("from", "/_sandbox/directory?organization=org_01SANDBOXACME"), ("action", "hire")];
    let page = bench.form("/_sandbox/directory", &wrong).await;
    assert!(page.body.contains("href=\"/_sandbox/directory?organization=org_01SANDBOXACME\""));
    let elsewhere = [("from", "//evil.example/"), ("action", "reactivate"), ("email", "ada@acme.com")];
    assert_eq!(bench.form("/_sandbox/directory", &elsewhere).await.status, StatusCode::OK);
}
