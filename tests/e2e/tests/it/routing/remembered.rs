//! What a browser remembers of its last sign-in: one click for whoever was here, and proof of nothing.

use e2e::{Browser, SESSION, Stack};

use super::{ENTRA, GLOBEX, OKTA, buttons, decide, heading, parameters, typed};

const LAST: &str = "__Host-last";

fn plant(stack: &Stack, browser: &Browser, value: &str) {
    browser.jar().plant(&stack.url("/"), LAST, value);
}

/// The second visit is one click; "not you?" forgets and asks.
#[tokio::test]
async fn whoever_was_here_comes_back_with_one_click() {
    let stack = Stack::with_tenants(&[]).await;
    let browser = stack.browser();
    assert_eq!(heading(&browser.get("/login").await), "Sign in to Vestibule demo");
    browser.signed_in(&format!("connection={OKTA}"), "ada@acme.com").await;
    browser.jar().forget(SESSION);
    let page = browser.get("/login?return_to=/dashboard?tab=2").await;
    assert_eq!((page.status, heading(&page)), (200, "Welcome back"));
    assert!(page.body.contains("Continue to Acme Corp") && !page.body.contains("ada@"), "{}", page.body);
    let back = browser.get(page.button().as_str()).await;
    assert_eq!(parameters(&back.location())["connection"], OKTA);

    let other = page.body.split_once("<p class=\"way\"><a href=\"").unwrap().1.split('"').next().unwrap();
    let form = browser.get(other.replace("&#38;", "&")).await;
    assert_eq!((form.status, heading(&form)), (200, "Sign in to Vestibule demo"));
    assert!(form.body.contains("/dashboard?tab=2"), "{}", form.body);
    assert!(browser.jar().value(&stack.url("/"), LAST).is_none(), "it is forgotten");
    assert_eq!(heading(&browser.get("/login").await), "Sign in to Vestibule demo");
}

/// R16: of several ways that fit an address, the one that worked here last is taken; whoever asks to choose may.
#[tokio::test]
async fn the_last_way_decides_among_those_that_fit() {
    let stack = Stack::with_tenants(&[]).await;
    let browser = stack.browser();
    browser.signed_in(&format!("connection={ENTRA}"), "ada@acme.com").await;
    assert_eq!(parameters(&typed(&browser, "ben.fischer@acme.com").await.location())["connection"], ENTRA);
    let chooses = browser.post_form("/login", &[("email", "ada@acme.com"), ("another", "1")]).await;
    assert_eq!(buttons(&chooses).len(), 3);
    // Another company's address is not led astray by it.
    assert_eq!(parameters(&typed(&browser, "hank@globex.com").await.location())["connection"], GLOBEX);
    let page = typed(&browser, "nora@northwind.example").await;
    assert_eq!(heading(&page), "Which company is it?");
}

/// R16, R47: anybody can write into their own cookies: what is there must be a way that exists, is open, and belongs where it
/// says; it decides nothing else and is shown to nobody else.
#[tokio::test]
async fn a_made_up_memory_leads_nowhere() {
    let stack = Stack::with_tenants(&[]).await;
    let initech = "org_01SANDBOXINITECH.conn_01SANDBOXINITECHONELOGIN".to_owned();
    for value in [
        format!("org_01SANDBOXACME.{GLOBEX}"),
        format!("org_nobody.{OKTA}"),
        "org_01SANDBOXACME.conn_nobody".to_owned(),
        initech,
        "org_01SANDBOXACME".to_owned(),
        "<script>".to_owned(),
        "x".repeat(3000),
    ] {
        let browser = stack.browser();
        plant(&stack, &browser, &value);
        let page = browser.get("/login").await;
        assert_eq!((page.status, heading(&page)), (200, "Sign in to Vestibule demo"), "{value}");
        assert!(!page.body.contains("Acme") && !page.body.contains("Initech"), "{value}");
        let page = typed(&browser, "ada@acme.com").await;
        assert_eq!(heading(&page), "How do you sign in?", "{value}");
    }
    // Repeated and reordered, one company is one button.
    let browser = stack.browser();
    plant(
        &stack,
        &browser,
        &format!("org_01SANDBOXACME.{OKTA}~org_01SANDBOXGLOBEX.{GLOBEX}~org_01SANDBOXACME.{ENTRA}"),
    );
    let page = browser.get("/login").await;
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.body.matches("Continue to ").count(), 2);
}

/// The page for one remembered company wears its colours; for several it wears nobody's.
#[tokio::test]
async fn one_company_is_greeted_in_its_colours() {
    let stack = Stack::with_tenants(&[]).await;
    decide(&stack, "org_01SANDBOXACME", |_, settings| {
        settings.branding.accent = Some("#0b5fff".parse().unwrap());
    })
    .await;
    let browser = stack.browser();
    plant(&stack, &browser, &format!("org_01SANDBOXACME.{OKTA}"));
    assert!(browser.get("/login").await.body.contains("#0b5fff"));
    plant(&stack, &browser, &format!("org_01SANDBOXACME.{OKTA}~org_01SANDBOXGLOBEX.{GLOBEX}"));
    assert!(!browser.get("/login").await.body.contains("#0b5fff"));
}
