//! One login address for every customer: which IdP an e-mail address leads to, and what is asked where that is not clear.
//!
//! The decision itself is a pure function with a table of its own (`domain::routing`). Here it is seen from outside: what
//! a browser sends, where it goes, and what it is shown, over a deployment that knows the sandbox's organizations.

mod growth;
mod nothing;
mod places;
mod remembered;
mod requests;
mod told;
mod wait;

use std::collections::BTreeMap;

use domain::tenant::TenantPolicy;
use domain::{ConnectionId, Domain, OrganizationId, TenantSettings, Timestamp, UserId};
use e2e::{Answer, Browser, SESSION, Stack, at};
use serde_json::json;
use store::SettingsOutcome;
use url::Url;
use vestibule::dev::Running;

const OKTA: &str = "conn_01SANDBOXACMEOKTA";
const ENTRA: &str = "conn_01SANDBOXACMEENTRA";
const GLOBEX: &str = "conn_01SANDBOXGLOBEXGOOGLE";

fn organization(id: &str) -> OrganizationId {
    OrganizationId::parse(id).unwrap()
}

fn parameters(url: &Url) -> BTreeMap<String, String> {
    url.query_pairs().into_owned().collect()
}

/// Types the address into the form of `/login`.
async fn typed(browser: &Browser, email: &str) -> Answer {
    browser.post_form("/login", &[("email", email)]).await
}

/// The form behind the button with this label: where it goes, and what it sends.
fn form(page: &Answer, label: &str) -> (String, Vec<(String, String)>) {
    let plain = |text: &str| {
        text.replace("&#38;", "&").replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<")
    };
    let attribute = |tag: &str, name: &str| {
        let (_, rest) = tag.split_once(&format!(" {name}=\"")).unwrap_or_else(|| panic!("no {name}: {tag}"));
        plain(rest.split('"').next().unwrap())
    };
    let forms = page.body.split("<form ").skip(1).map(|rest| rest.split("</form>").next().unwrap());
    let wanted = format!(">{label}</button>");
    let form = forms.into_iter().find(|form| form.contains(&wanted));
    let form = form.unwrap_or_else(|| panic!("no button {label}: {}", page.body));
    let inputs = form.split("<input ").skip(1).map(|rest| format!(" {}", rest.split('>').next().unwrap()));
    let fields = inputs.map(|tag| (attribute(&tag, "name"), attribute(&tag, "value")));
    (attribute(&format!(" {form}"), "action"), fields.collect())
}

/// Presses the button with this label.
async fn press(browser: &Browser, page: &Answer, label: &str) -> Answer {
    let (action, fields) = form(page, label);
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    browser.post_form(action, &fields).await
}

/// The labels of all buttons of forms, in the order of the page.
fn buttons(page: &Answer) -> Vec<String> {
    let buttons = page.body.split("</button>").filter_map(|before| before.rsplit_once("<button "));
    buttons.filter_map(|(_, button)| Some(button.split_once('>')?.1.to_owned())).collect()
}

fn heading(page: &Answer) -> &str {
    let from = page.body.split_once("<h1>").map(|(_, rest)| rest);
    from.and_then(|rest| rest.split("</h1>").next()).unwrap_or_default()
}

/// Changes what a tenant decided, as an operator does.
async fn decide(stack: &Stack, id: &str, change: impl FnOnce(&mut TenantPolicy, &mut TenantSettings)) {
    decide_at(&stack.running, stack.clock.now(), id, change).await;
}

pub(crate) async fn decide_at(
    running: &Running,
    now: Timestamp,
    id: &str,
    change: impl FnOnce(&mut TenantPolicy, &mut TenantSettings),
) {
    let record = running.store.tenant(&organization(id)).await.unwrap().unwrap();
    let (mut policy, mut settings) = (record.gate.policy.clone(), record.settings.clone());
    change(&mut policy, &mut settings);
    let event = domain::audit::AuditEvent {
        id: domain::Rng::system().ulid(now).unwrap(),
        organization: organization(id),
        action: domain::audit::AuditAction::TenantChanged,
        actor: UserId::parse("user_operator").unwrap().into(),
        session: None,
        context: domain::audit::AuditContext {
            location: "test".into(),
            user_agent: String::new(),
            request_id: String::new(),
        },
        details: Default::default(),
        occurred_at: now,
    };
    let outcome = running.store.change_settings(&record, &settings, &policy, &event).await.unwrap();
    assert_eq!(outcome, SettingsOutcome::Saved);
}

/// Where an address leads.
enum Leads {
    /// To this connection, with this address as the hint.
    To(&'static str, &'static str),
    /// To a question, with these answers.
    Asks(&'static str, &'static [&'static str]),
    Nowhere,
}

/// R16, R43: each address ends at its own company's IdP, at a question where there is more than one way, or nowhere; never
/// at the first of several. However it is spelled, and whether it is typed or hinted.
#[tokio::test]
async fn every_address_leads_to_its_own_company() {
    use Leads::{Asks, Nowhere, To};
    let stack = Stack::with_tenants(&[]).await;
    let ways = &["Acme Entra ID", "Acme Okta", "Continue with Google"];
    let companies = &["Northwind Retail", "Northwind Traders"];
    for (email, leads) in [
        ("hank@globex.com", To(GLOBEX, "hank@globex.com")),
        ("Hank@GLOBEX.com", To(GLOBEX, "Hank@globex.com")),
        // An address that nobody has: the IdP is the one to say so.
        ("no.one+tag@globex.com", To(GLOBEX, "no.one+tag@globex.com")),
        // A connection that nobody came through yet is a way in.
        ("ines@wayfarer.example", To("conn_01SANDBOXWAYFARERJUMPCLOUD", "ines@wayfarer.example")),
        (
            "sofia@shop.northwind.example",
            To("conn_01SANDBOXNORTHWINDRETAILENTRA", "sofia@shop.northwind.example"),
        ),
        ("ada@acme.com", Asks("How do you sign in?", ways)),
        ("nora@northwind.example", Asks("Which company is it?", companies)),
        // Switched off, not verified, nobody's, and a part of another name.
        ("peter@initech.example", Nowhere),
        ("jo@acme-labs.com", Nowhere),
        ("robin.gray@mail.example", Nowhere),
        ("eve@sub.globex.com", Nowhere),
        ("eve@globex.com.evil.example", Nowhere),
    ] {
        let hinted = url::form_urlencoded::byte_serialize(email.as_bytes()).collect::<String>();
        let browser = stack.browser();
        let answers =
            [typed(&browser, email).await, browser.get(format!("/login?login_hint={hinted}")).await];
        for (answer, how) in answers.iter().zip(["typed", "hinted"]) {
            match &leads {
                To(connection, hint) => {
                    assert_eq!(answer.status, 303, "{email} {how}: {}", answer.body);
                    let sent = parameters(&answer.location());
                    assert_eq!(sent["connection"], *connection, "{email} {how}");
                    let domain = hint.rsplit_once('@').unwrap().1;
                    assert_eq!(sent["domain_hint"], domain, "{email} {how}");
                    // What an app hinted goes on as it was written.
                    assert_eq!(
                        sent["login_hint"],
                        if how == "typed" { *hint } else { email },
                        "{email} {how}"
                    );
                    assert!(!sent.contains_key("organization") && !sent.contains_key("provider"), "{email}");
                }
                Asks(question, labels) => {
                    assert_eq!((answer.status, heading(answer)), (200, *question), "{email} {how}");
                    assert_eq!(buttons(answer), *labels, "{email} {how}");
                    assert!(answer.cookies().is_empty(), "{email} {how}");
                }
                Nowhere => {
                    assert_eq!((answer.status, answer.code().as_str()), (404, "not_set_up"), "{email} {how}");
                    assert!(answer.cookies().is_empty(), "{email} {how}");
                }
            }
        }
    }
}

/// R43: look-alikes and addresses with something in them are no addresses; the person is asked again, nothing is looked up.
#[tokio::test]
async fn what_is_no_address_is_asked_for_again() {
    let stack = Stack::with_tenants(&[]).await;
    let proxy = stack.proxy().await;
    let browser = stack.behind(&proxy, &[]).await.visited_by(&stack.browser());
    let long = format!("{}@globex.com", "x".repeat(5000));
    for text in [
        "globex.com",
        "hank@",
        "@globex.com",
        "hank@evil@globex.com",
        "hank@evil.example\r\n@globex.com",
        "hank@globex.com.",
        "hank@\u{ff47}lobex.com",
        "hank@glob\u{ad}ex.com",
        "\"hank\"@globex.com",
        "<script>alert(1)</script>@globex.com",
        "hank@globex.com, eve@evil.example",
        long.as_str(),
    ] {
        let page = typed(&browser, text).await;
        assert_eq!((page.status, page.code().as_str()), (400, "invalid_email"), "{text}");
        assert!(page.body.contains("That is not an e-mail address"), "{text}");
        assert!(!page.body.contains("<script>") && page.body.len() < 12_000, "{text}");
    }
    assert_eq!(proxy.calls(), BTreeMap::new());
    // A hint that is no address is still one for the IdP, and finds nobody.
    let page = browser.get("/login?login_hint=hank").await;
    assert_eq!((page.status, heading(&page)), (200, "Sign in to Vestibule demo"));
}

/// R16: a domain alone leads where it leads only once; who shares a domain is told to those who say who they are.
#[tokio::test]
async fn a_domain_alone_opens_no_list_of_companies() {
    let stack = Stack::with_tenants(&[]).await;
    let browser = stack.browser();
    let sent = parameters(&browser.depart("domain_hint=GLOBEX.com").await.authorize);
    assert_eq!((sent["connection"].as_str(), sent["domain_hint"].as_str()), (GLOBEX, "globex.com"));
    assert!(!sent.contains_key("login_hint"));
    let page = browser.get("/login?domain_hint=northwind.example").await;
    assert_eq!((page.status, heading(&page)), (200, "Sign in to Vestibule demo"));
    assert!(!page.body.contains("Northwind"), "{}", page.body);
    let page = browser.get("/login?domain_hint=nobody.example").await;
    assert_eq!((page.status, page.code().as_str()), (404, "not_set_up"));
}

/// R16: the pickers lead on: each button to what it says, with the address, the way home and the wish for a fresh sign-in.
#[tokio::test]
async fn the_pickers_lead_where_they_say() {
    let stack = Stack::with_tenants(&[]).await;
    let browser = stack.browser();
    let along =
        [("email", "raj@northwind.example"), ("return_to", "/dashboard?tab=2&x=%26"), ("prompt", "login")];
    let page = browser.post_form("/login", &along).await;
    let answer = press(&browser, &page, "Northwind Retail").await;
    let sent = parameters(&answer.location());
    assert_eq!(sent["connection"], "conn_01SANDBOXNORTHWINDRETAILENTRA");
    assert_eq!((sent["login_hint"].as_str(), sent["prompt"].as_str()), ("raj@northwind.example", "login"));
    let idp = browser.get(answer.location().as_str()).await.location();
    let callback = browser.post_form(idp.as_str(), &[("email", "raj@northwind.example")]).await.location();
    let back = browser.get(callback.as_str()).await;
    assert_eq!(back.location(), stack.url("/dashboard?tab=2&x=%26"));

    let page = browser.post_form("/login", &[("email", "ada@acme.com")]).await;
    for (label, name, value) in [
        ("Acme Okta", "connection", OKTA),
        ("Acme Entra ID", "connection", ENTRA),
        ("Continue with Google", "provider", "GoogleOAuth"),
    ] {
        let sent = parameters(&press(&browser, &page, label).await.location());
        assert_eq!((sent[name].as_str(), sent["login_hint"].as_str()), (value, "ada@acme.com"), "{label}");
    }
    // The way out asks for the address anew.
    let other = page.body.split_once("<p class=\"way\"><a href=\"").unwrap().1.split('"').next().unwrap();
    assert_eq!(heading(&browser.get(other.replace("&#38;", "&")).await), "Sign in to Vestibule demo");
}

/// R16: what a link names outweighs an address; what contradicts itself is an error that says so, and starts nothing.
#[tokio::test]
async fn a_name_outweighs_a_hint_and_contradictions_are_errors() {
    let stack = Stack::with_tenants(&[]).await;
    let browser = stack.browser();
    let sent =
        parameters(&browser.depart(&format!("{}&login_hint=hank@globex.com", at::OKTA)).await.authorize);
    assert_eq!((sent["connection"].as_str(), sent["login_hint"].as_str()), (OKTA, "hank@globex.com"));
    let sent = parameters(&browser.depart(&format!("{}&domain_hint=acme.com", at::GLOBEX)).await.authorize);
    assert_eq!((sent["connection"].as_str(), sent["domain_hint"].as_str()), (GLOBEX, "acme.com"));
    let page = browser.get(format!("/login?{}", at::ACME)).await;
    assert_eq!((page.status, heading(&page)), (200, "How do you sign in?"));

    for (query, status, code) in [
        (format!("{}&{}", at::ACME, at::OKTA), 400, "several_selectors"),
        (format!("{}&provider=GoogleOAuth", at::OKTA), 400, "several_selectors"),
        ("provider=GoogleOAuth".to_owned(), 400, "provider_without_organization"),
        ("login_hint=ada@acme.com&domain_hint=globex.com".to_owned(), 400, "hints_disagree"),
        ("provider=MicrosoftOAuth&organization=org_01SANDBOXACME".to_owned(), 403, "provider_not_allowed"),
        ("organization=acme".to_owned(), 400, "invalid_selector"),
        ("connection=org_1".to_owned(), 400, "invalid_selector"),
        (format!("{}&organization=org_01SANDBOXGLOBEX", at::ACME), 400, "invalid_parameter"),
    ] {
        let page = browser.get(format!("/login?{query}")).await;
        assert_eq!((page.status, page.code().as_str()), (status, code), "{query}");
        assert!(page.is_page() && page.cookies().is_empty(), "{query}");
    }
    assert_eq!(stack.logins().await.len(), 2, "only the two that began");
}

/// R16, R42: a public provider leads into a tenant that admits it and vouches for the address, and nowhere else.
#[tokio::test]
async fn a_provider_button_still_needs_the_company() {
    let stack = Stack::with_tenants(&[("ALLOWED_PROVIDERS", "GoogleOAuth,MicrosoftOAuth")]).await;
    let browser = stack.browser();
    let page = browser.get("/login").await;
    assert_eq!(buttons(&page), ["Continue", "Continue with Google", "Continue with Microsoft"]);
    let by = |email: &'static str| {
        let browser = stack.browser();
        async move { browser.post_form("/login", &[("email", email), ("provider", "GoogleOAuth")]).await }
    };
    let sent = parameters(&by("ada@acme.com").await.location());
    assert_eq!((sent["provider"].as_str(), sent["login_hint"].as_str()), ("GoogleOAuth", "ada@acme.com"));
    // Also where the company's own connection is switched off, if it admits the provider.
    assert_eq!(parameters(&by("peter@initech.example").await.location())["provider"], "GoogleOAuth");
    assert_eq!(by("robin.gray@mail.example").await.code(), "not_set_up");
    decide(&stack, "org_01SANDBOXACME", |policy, _| policy.providers = Some(vec![])).await;
    assert_eq!(by("ada@acme.com").await.code(), "not_set_up");
    assert_eq!(heading(&by("nora@northwind.example").await), "Which company is it?");
    let page = browser.get(format!("/login?{}", at::ACME_BY_GOOGLE)).await;
    assert_eq!((page.status, page.code().as_str()), (403, "provider_not_allowed"));
    let page = browser.get(format!("/login?{}", at::ACME)).await;
    assert_eq!(buttons(&page), ["Acme Entra ID", "Acme Okta"]);
}

/// A connection that is for some of the tenant's domains is the way for those, and for no others.
#[tokio::test]
async fn a_connections_own_domains_decide() {
    let stack = Stack::with_tenants(&[]).await;
    let domains = json!([{ "domain": "acme.com", "state": "verified" }, { "domain": "acme-labs.com", "state": "verified" }]);
    stack.sandbox().organization(json!({ "id": "org_01SANDBOXACME", "domains": domains })).await;
    let tenant =
        stack.running.store.tenant(&organization("org_01SANDBOXACME")).await.unwrap().unwrap().tenant;
    let mut known = tenant.clone();
    known.domains.iter_mut().for_each(|domain| domain.verified = true);
    known.refreshed_at = stack.clock.now().plus(std::time::Duration::from_secs(1));
    stack.running.store.refresh_tenant(&tenant, &known).await.unwrap();
    decide(&stack, "org_01SANDBOXACME", |_, settings| {
        let labs = settings.connections.entry(ConnectionId::parse(ENTRA).unwrap()).or_default();
        labs.domains = vec![Domain::parse("acme-labs.com").unwrap()];
        labs.label = Some("For the labs".parse().unwrap());
    })
    .await;
    let browser = stack.browser();
    let to = |answer: Answer| parameters(&answer.location())["connection"].clone();
    assert_eq!(to(typed(&browser, "jo@acme-labs.com").await), ENTRA);
    assert_eq!(to(typed(&browser, "ada@acme.com").await), OKTA);
    let page = browser.get(format!("/login?{}", at::ACME)).await;
    assert_eq!(buttons(&page), ["Acme Okta", "For the labs", "Continue with Google"]);
}

/// R12: whoever comes back from another company's connection than the address led to is not let in.
#[tokio::test]
async fn an_address_that_led_to_one_company_signs_in_to_no_other() {
    let stack = Stack::with_tenants(&[]).await;
    for kind in ["wrong_connection", "wrong_organization"] {
        let browser = stack.browser();
        let authorize = typed(&browser, "hank@globex.com").await.location();
        let idp = browser.get(authorize.as_str()).await.location();
        let callback = browser.post_form(idp.as_str(), &[("email", "hank@globex.com")]).await.location();
        stack.sandbox().fault(json!({ "path": "/sso/token", "kind": kind, "count": 1 })).await;
        let page = browser.get(callback.as_str()).await;
        assert_eq!((page.status, page.code().as_str()), (403, "other_company"), "{kind}");
        assert!(page.cookie(SESSION).is_none(), "{kind}");
    }
    assert!(stack.sessions().await.is_empty());
}
