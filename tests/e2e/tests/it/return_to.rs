//! Where a login may lead: checked when it starts, and again when it ends.

use aws_sdk_dynamodb::types::AttributeValue;
use e2e::{Stack, at};
use url::form_urlencoded::byte_serialize;

const HOSTILE: &str = include_str!("../../../../shared/domain/tests/corpus/return_urls_hostile.txt");
const LEGITIMATE: &str = include_str!("../../../../shared/domain/tests/corpus/return_urls_legitimate.txt");
const OTHER: &str = "https://admin.example.com:8443";

/// The URLs of a corpus file for this origin; the files say how they are written.
fn corpus(file: &str, origin: &str) -> Vec<String> {
    let host = origin.split_once("://").unwrap().1;
    let urls = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    urls.map(|line| {
        let line = line.replace("{origin}", origin).replace("{ORIGIN}", &origin.to_uppercase());
        unescape(&line.replace("{host}", host).replace("{other}", OTHER))
    })
    .collect()
}

fn unescape(line: &str) -> String {
    let (mut text, mut rest) = (String::new(), line);
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let (code, after) = match escape.as_bytes()[0] {
            b'\\' => ("5c", &escape[1..]),
            b'x' => escape[1..].split_at(2),
            _ => escape[2..].split_once('}').unwrap(),
        };
        text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        rest = after;
    }
    text + rest
}

fn link(return_to: &str) -> String {
    let encoded: String = byte_serialize(return_to.as_bytes()).collect();
    format!("/login?{}&return_to={encoded}", at::OKTA)
}

/// R08, R24: no link of the hostile corpus starts a login, and nothing of it is in a header of the answer.
#[tokio::test]
async fn hostile_return_urls_start_nothing() {
    let stack = Stack::with(&[("ALLOWED_RETURN_ORIGINS", OTHER)]).await;
    let browser = stack.browser();
    let urls = corpus(HOSTILE, &stack.origin());
    assert!(urls.len() >= 200, "{} URLs", urls.len());
    for url in urls {
        let page = browser.get(link(&url)).await;
        assert_eq!((page.status, page.code().as_str()), (400, "invalid_return_url"), "{url:?}");
        assert!(!page.headers.contains_key("location") && page.cookies().is_empty(), "{url:?}");
    }
    assert_eq!(stack.logins().await.len(), 0);
}

/// R08: every legitimate one is where the login ends.
#[tokio::test]
async fn legitimate_return_urls_are_reached() {
    let stack = Stack::with(&[("ALLOWED_RETURN_ORIGINS", OTHER)]).await;
    let urls = corpus(LEGITIMATE, &stack.origin());
    assert!(urls.len() >= 30, "{} URLs", urls.len());
    stack.sandbox().auto("ada@acme.com").await;
    for url in urls {
        let browser = stack.browser();
        let start = browser.get(link(&url)).await;
        assert_eq!(start.status, 303, "{url:?}");
        let callback = browser.get(start.location().as_str()).await.location();
        let end = browser.get(callback.as_str()).await;
        assert_eq!(end.status, 303, "{url:?}: {}", end.body);
        assert_eq!(end.location(), stack.url(&url), "{url:?}");
        assert!(end.header("location").bytes().all(|byte| byte.is_ascii_graphic()), "{url:?}");
    }
}

/// R09: an origin that left the list between start and end leads to the default.
#[tokio::test]
async fn a_return_url_is_checked_again_when_it_is_used() {
    let stack = Stack::start().await;
    let before = stack.deployed(&[("ALLOWED_RETURN_ORIGINS", OTHER)]).await;
    let after = stack.deployed(&[]).await;
    let browser = stack.browser();
    let departure =
        before.visited_by(&browser).depart(&format!("{}&return_to={OTHER}/reports", at::OKTA)).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    let answer = after.visited_by(&browser).get(callback.as_str()).await;
    assert_eq!((answer.status, answer.location()), (303, stack.url("/dashboard")));

    // The same for what the session remembers, when the callback is loaded again.
    let departure =
        before.visited_by(&browser).depart(&format!("{}&return_to={OTHER}/reports", at::OKTA)).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    let answer = before.visited_by(&browser).get(callback.as_str()).await;
    assert_eq!(answer.location().as_str(), format!("{OTHER}/reports"));
    let again = before.visited_by(&browser).get(callback.as_str()).await;
    assert_eq!(again.location().as_str(), format!("{OTHER}/reports"));
    let again = after.visited_by(&browser).get(callback.as_str()).await;
    assert_eq!((again.status, again.location()), (303, stack.url("/dashboard")));
}

/// R09, R24: not even somebody who writes into the table chooses where a browser goes.
#[tokio::test]
async fn a_record_that_was_tampered_with_leads_to_the_default() {
    let stack = Stack::start().await;
    for hostile in
        ["https://evil.example/", "//evil.example", "/x\r\nset-cookie: a=b", "javascript:alert(1)", ""]
    {
        let browser = stack.browser();
        let departure = browser.depart(at::OKTA).await;
        let [login] = <[_; 1]>::try_from(stack.logins().await).unwrap();
        stack.set(&login, "return_to", AttributeValue::S(hostile.to_owned())).await;
        let callback = browser.at_idp(&departure, "ada@acme.com").await;
        let answer = browser.get(callback.as_str()).await;
        assert_eq!((answer.status, answer.location()), (303, stack.url("/dashboard")), "{hostile:?}");
        assert!(answer.cookies().iter().all(|cookie| cookie.name.starts_with("__Host-")));
    }
}

/// A login keeps the page that somebody wanted, also over a failure in between.
#[tokio::test]
async fn the_button_after_a_failure_leads_back_to_the_same_page() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    stack.sandbox().fails("server_error", "").await;
    let page = browser.sign_in(&format!("{}&return_to=/reports?year=2026%26x=1", at::OKTA), "").await;
    assert_eq!((page.status, page.code().as_str()), (503, "provider_down"));
    stack.sandbox().manual().await;
    let again = browser.get(page.button().as_str()).await;
    assert_eq!(again.status, 303, "{}", page.body);
    stack.sandbox().auto("ada@acme.com").await;
    let callback = browser.get(again.location().as_str()).await.location();
    assert_eq!(browser.get(callback.as_str()).await.location(), stack.url("/reports?year=2026&x=1"));
}
