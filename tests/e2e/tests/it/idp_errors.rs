//! What comes back instead of a code: every documented error, unknown ones, and texts that are attacks.

use e2e::{Answer, SESSION, Stack, at};
use url::form_urlencoded::byte_serialize;

/// Upstream's code, ours, and the status.
const DOCUMENTED: [(&str, &str, u16); 14] = [
    ("access_denied", "access_denied", 403),
    ("ambiguous_connection_selector", "sign_in_not_set_up", 400),
    ("connection_domain_invalid", "sign_in_not_set_up", 400),
    ("connection_invalid", "sign_in_not_set_up", 400),
    ("connection_strategy_invalid", "sign_in_not_set_up", 400),
    ("connection_unlinked", "sign_in_not_set_up", 400),
    ("domain_connection_selector_not_allowed", "sign_in_not_set_up", 400),
    ("idp_initiated_sso_disabled", "sign_in_not_set_up", 400),
    ("invalid_connection_selector", "sign_in_not_set_up", 400),
    ("organization_invalid", "sign_in_not_set_up", 400),
    ("oauth_failed", "provider_failed", 400),
    ("profile_not_allowed_outside_organization", "outside_company", 403),
    ("server_error", "provider_down", 503),
    ("signin_consent_denied", "consent_denied", 403),
];

/// Part of every hostile text, so that no spelling of it slips through.
const CANARY: &str = "c4n4ry";

fn hostile() -> Vec<String> {
    let texts = [
        "<script>c4n4ry(1)</script>",
        "\"><img src=x onerror=c4n4ry(1)>",
        "'><svg/onload=c4n4ry(1)>",
        "</title><script>c4n4ry</script>",
        "</style><script>c4n4ry</script>",
        "<!--c4n4ry-->",
        "<a href=\"javascript:c4n4ry\">x</a>",
        "javascript:c4n4ry//",
        "data:text/html,<script>c4n4ry</script>",
        "{{c4n4ry}}",
        "${c4n4ry}",
        "#{c4n4ry}",
        "<%= c4n4ry %>",
        "%3Cscript%3Ec4n4ry%3C/script%3E",
        "&lt;script&gt;c4n4ry&lt;/script&gt;",
        "c4n4ry\r\nSet-Cookie: c4n4ry=1",
        "c4n4ry\r\n\r\n<html>c4n4ry",
        "c4n4ry\u{0}",
        "c4n4ry\u{2028}\u{2029}\u{202e}",
        "\u{feff}c4n4ry\u{200b}",
        "c4n4ry\u{1b}[31m",
        "Ω≈ç√∫˜µ≤≥÷ c4n4ry 田中さん 👩‍👩‍👧 ﷽",
        "'; DROP TABLE users; -- c4n4ry",
        "() { :; }; echo c4n4ry",
        "../../../../etc/passwd c4n4ry",
        "access_denied c4n4ry",
        "ACCESS_DENIED_c4n4ry",
        "null c4n4ry",
        "{\"code\":\"c4n4ry\"}",
        "https://evil.example/c4n4ry",
    ];
    let mut all: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
    all.push(CANARY.repeat(500));
    all
}

fn encode(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

fn assert_not_reflected(answer: &Answer, text: &str) {
    assert!(!answer.body.contains(CANARY), "{text:?} is in the body");
    let headers = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    for (name, value) in headers {
        assert!(!String::from_utf8_lossy(value).contains(CANARY), "{text:?} is in {name}");
    }
}

/// R10: each documented code is plain words, a stable code, and a way back into the same login.
#[tokio::test]
async fn documented_errors_have_pages_of_their_own() {
    let stack = Stack::start().await;
    for (error, code, status) in DOCUMENTED {
        let browser = stack.browser();
        stack.sandbox().fails(error, &format!("{CANARY} text of the IdP")).await;
        let page = browser.sign_in(at::OKTA, "").await;
        assert_eq!((page.status, page.code().as_str()), (status, code), "{error}");
        assert!(page.is_page(), "{error}");
        assert_not_reflected(&page, error);
        assert!(error == code || !page.body.contains(error), "{error} is upstream's word");
        assert!(page.cookie(SESSION).is_none() && browser.flows().is_empty(), "{error}");
        assert_eq!(page.button().query_pairs().next().unwrap().1, "conn_01SANDBOXACMEOKTA", "{error}");
        assert_eq!(stack.counted("login_failure", Some(error)), 1, "{error}");
        assert_eq!(stack.logins().await.len(), 0, "{error}");
    }
    assert_eq!(stack.sandbox().calls("/sso/token").await, 0);
    assert_eq!((stack.sessions().await.len(), stack.users().await.len()), (0, 0));
}

/// R10: what nobody documented is one class, in metrics too, so that a link cannot make up new ones.
#[tokio::test]
async fn unknown_errors_are_one_class() {
    let stack = Stack::start().await;
    for error in ["temporarily_unavailable", "a_code_of_next_year", CANARY] {
        stack.sandbox().fails(error, "").await;
        let page = stack.browser().sign_in(at::OKTA, "").await;
        assert_eq!((page.status, page.code().as_str()), (400, "provider_failed"), "{error}");
    }
    assert_eq!(stack.counted("login_failure", Some("unknown")), 3);
    assert_eq!(stack.counted("login_failure", None), 3);
}

/// R10, R24: no text that comes with an error is shown or sent back, in no spelling, as page or as JSON, with a login or without one.
#[tokio::test]
async fn hostile_texts_are_never_reflected() {
    let stack = Stack::with(&[("INVALID_STATE_PER_MINUTE", "1000")]).await;
    let browser = stack.browser();
    for text in hostile() {
        let text_ = encode(&text);
        let departure = browser.depart(at::OKTA).await;
        let state = &departure.state;
        let extras = format!("error_description={text_}&error_uri={text_}&{text_}={text_}");
        for query in [
            format!("error={text_}&{extras}"),
            format!("error=access_denied&{extras}"),
            format!("error={text_}&state={text_}&{extras}"),
            format!("code={text_}&state={text_}&{extras}"),
            format!("code={text_}&connection_id={text_}&{extras}"),
            format!("error={text_}&state={state}&{extras}"),
        ] {
            for json in [true, false] {
                let url = format!("/auth/callback?{query}");
                let answer = if json { browser.get_json(&url).await } else { browser.get(&url).await };
                assert!((400..=403).contains(&answer.status), "{text:?}: {}", answer.status);
                assert_not_reflected(&answer, &text);
            }
        }
        let start = format!("/login?organization={text_}&login_hint={text_}&return_to={text_}");
        assert_not_reflected(&browser.get(&start).await, &text);
    }
    assert_eq!(stack.sandbox().calls("/sso/token").await, 0);
}

/// R16: a person that the IdP blocks, and one who declines, are told so and may try again.
#[tokio::test]
async fn the_idp_says_no() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let page = browser.sign_in(at::OKTA, "dana.reyes@acme.com").await;
    assert_eq!((page.status, page.code().as_str()), (403, "access_denied"));
    assert!(page.body.contains("Try again"));
    let page = browser.sign_in(at::INITECH, "peter@initech.example").await;
    assert_eq!((page.status, page.code().as_str()), (400, "sign_in_not_set_up"));
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(stack.users().await.len(), 1);
}
