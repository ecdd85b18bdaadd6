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
