//! A tenant's own login address: `/login/{slug}`, and a host of the product that is one tenant's.

use domain::{ConnectionId, Domain};
use e2e::{Answer, Deployment, Stack, at};
use serde_json::json;
use vestibule::dev::gateway::invoke_event;

use super::{GLOBEX, OKTA, buttons, decide, heading, parameters, press};

const ACME_ORG: &str = "org_01SANDBOXACME";
const GLOBEX_ORG: &str = "org_01SANDBOXGLOBEX";

async fn stack() -> Stack {
    let stack = Stack::with_tenants(&[]).await;
    for (id, slug, host) in [(ACME_ORG, "acme", "login.acme.com"), (GLOBEX_ORG, "globex", "login.globex.com")]
    {
        decide(&stack, id, |_, settings| {
            settings.slug = Some(slug.parse().unwrap());
            settings.hosts = vec![Domain::parse(host).unwrap()];
        })
        .await;
    }
    stack
}

/// R16: the address of one company leads into that company alone, whatever else the link says.
#[tokio::test]
async fn a_companys_own_address_leads_into_it_alone() {
    let stack = stack().await;
    let browser = stack.browser();
    let sent = parameters(&browser.get("/login/globex?login_hint=hank@globex.com").await.location());
    assert_eq!((sent["connection"].as_str(), sent["login_hint"].as_str()), (GLOBEX, "hank@globex.com"));
    let page = browser.get("/login/acme").await;
    assert_eq!((page.status, heading(&page)), (200, "How do you sign in?"));
    assert!(page.body.contains("Acme Corp has several ways"), "{}", page.body);
    assert_eq!(parameters(&press(&browser, &page, "Acme Okta").await.location())["connection"], OKTA);
    let own = browser.get(format!("/login/acme?{}", at::OKTA)).await;
    assert_eq!(parameters(&own.location())["connection"], OKTA);
    // An address of elsewhere narrows nothing down and leads nowhere else.
    let page = browser.get("/login/acme?login_hint=hank@globex.com").await;
    assert_eq!((page.status, buttons(&page).len()), (200, 3));
    for query in [at::GLOBEX.to_owned(), format!("connection={GLOBEX}"), "connection=conn_nobody".to_owned()]
    {
        let page = browser.get(format!("/login/acme?{query}")).await;
        assert_eq!((page.status, page.code().as_str()), (400, "other_tenant"), "{query}");
        assert!(page.cookies().is_empty() && !page.body.contains("Globex"), "{query}");
    }
}

/// R47: an address that is nobody's is an unknown page; it tells nothing of who is here.
#[tokio::test]
async fn an_unknown_address_is_an_unknown_page() {
    let stack = stack().await;
    for path in [
        "/login/nobody",
        "/login/Globex",
        "/login/globex%20",
        "/login/globex%2facme",
        "/login/-globex",
        "/login/org_01SANDBOXGLOBEX",
        "/login/globex/",
        "/login/globex/x",
    ] {
        let page = stack.browser().get(path).await;
        assert_eq!(page.status, 404, "{path}: {}", page.body);
        assert_eq!(page.code(), "not_found", "{path}");
        assert!(page.cookies().is_empty() && !page.body.contains("globex"), "{path}: {}", page.body);
    }
    assert_eq!(stack.logins().await.len(), 0);
}

/// Where a company's address, name or way has changed, the old one leads nowhere.
#[tokio::test]
async fn an_address_that_was_given_back_leads_nowhere() {
    let stack = stack().await;
    decide(&stack, GLOBEX_ORG, |_, settings| settings.slug = None).await;
    assert_eq!(stack.browser().get("/login/globex").await.code(), "not_found");
    decide(&stack, ACME_ORG, |_, settings| settings.slug = Some("globex".parse().unwrap())).await;
    assert!(stack.browser().get("/login/globex").await.body.contains("Acme Corp"));
}

/// A GET that API Gateway received under this host.
async fn under(stack: &Stack, deployment: &Deployment, host: &str, path: &str, query: &str) -> Answer {
    let event = json!({
        "version": "2.0",
        "routeKey": format!("ANY {path}"),
        "rawPath": path,
        "rawQueryString": query,
        "headers": { "accept": "text/html", "host": host, "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "domainName": host,
            "domainPrefix": "local",
            "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7", "userAgent": "" },
            "requestId": "under-another-host",
            "routeKey": format!("ANY {path}"),
            "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1_767_225_600_000_i64,
        },
        "isBase64Encoded": false,
    });
    let answer = invoke_event(deployment.function("login"), event).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Answer { url: stack.url(path), status: parts.status.as_u16(), headers: parts.headers, body }
}

/// A host that is one company's sends its people to the host of the sessions, for that company: a login's cookie must live
/// where the IdP sends the browser back to. A host that is nobody's is another name of the product, and sends nobody round
/// in circles.
#[tokio::test]
async fn a_companys_own_host_leads_into_it() {
    let stack = stack().await;
    let deployment = stack.deployed(&[]).await;
    let answer = under(&stack, &deployment, "login.globex.com", "/login", "return_to=/dashboard").await;
    assert_eq!(answer.status, 303);
    let onward = answer.location();
    assert_eq!(onward.origin(), stack.url("/").origin());
    assert_eq!(onward.path(), "/login");
    let named = parameters(&onward);
    assert_eq!((named["organization"].as_str(), named["return_to"].as_str()), (GLOBEX_ORG, "/dashboard"));
    assert!(answer.cookies().is_empty());
    assert_eq!(parameters(&stack.browser().get(onward.as_str()).await.location())["connection"], GLOBEX);

    for query in [at::ACME.to_owned(), format!("connection={OKTA}")] {
        let page = under(&stack, &deployment, "login.globex.com", "/login", &query).await;
        let page = match page.status {
            303 => stack.browser().get(page.location().as_str()).await,
            _ => page,
        };
        assert_eq!((page.status, page.code().as_str()), (400, "other_tenant"), "{query}");
    }
    let page = under(&stack, &deployment, "other.example.com", "/login", "").await;
    assert_eq!((page.status, heading(&page)), (200, "Sign in to Vestibule demo"));
    let answer = under(&stack, &deployment, "api.execute-api.example.com", "/login", at::OKTA).await;
    assert_eq!(parameters(&answer.location())["connection"], OKTA);
    assert_eq!(answer.cookies().len(), 1, "a login begins");
}

/// What the company looks like is what its people see at its own address; an unreadable colour is not used.
#[tokio::test]
async fn a_companys_own_address_wears_its_colours() {
    let stack = stack().await;
    decide(&stack, ACME_ORG, |_, settings| {
        settings.branding.logo = Some("https://cdn.acme.com/logo.svg".parse().unwrap());
        settings.branding.accent = Some("#0b5fff".parse().unwrap());
        settings.branding.support = Some("it@acme.com".parse().unwrap());
        let okta = settings.connections.entry(ConnectionId::parse(OKTA).unwrap()).or_default();
        okta.label = Some("Staff <& friends>".parse().unwrap());
    })
    .await;
    let page = stack.browser().get("/login/acme").await;
    for part in ["https://cdn.acme.com/logo.svg", "#0b5fff", "it@acme.com", "Staff &#60;&#38; friends&#62;"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    assert!(page.header("content-security-policy").matches("'sha256-").count() == 2);
    let plain = stack.browser().get("/login").await;
    assert!(!plain.body.contains("acme.com"), "{}", plain.body);
}
