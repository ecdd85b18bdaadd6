//! Who may come in with a valid code: the right company, a connection in use, an address the company vouches for.

use e2e::{Answer, Browser, SESSION, Stack, at};
use serde_json::json;

async fn assert_refused(stack: &Stack, browser: &Browser, answer: &Answer, code: &str, why: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (403, code), "{why}");
    assert!(answer.is_page() && answer.cookie(SESSION).is_none(), "{why}");
    assert!(browser.session_token().is_none() && browser.flows().is_empty(), "{why}");
    assert_eq!((stack.sessions().await.len(), stack.users().await.len()), (0, 0), "{why}");
}

/// R12: a profile of another organization or connection than the one asked for makes no session and no user.
#[tokio::test]
async fn a_mixed_up_profile_is_refused() {
    let stack = Stack::start().await;
    for (kind, selector, email, code) in [
        ("wrong_organization", at::GLOBEX, "hank@globex.com", "other_company"),
        ("wrong_organization", at::OKTA, "ada@acme.com", "connection_closed"),
        ("wrong_connection", at::OKTA, "ada@acme.com", "other_company"),
        ("wrong_connection", at::ENTRA, "ada@acme.com", "other_company"),
        ("wrong_connection", at::GLOBEX, "hank@globex.com", "other_company"),
    ] {
        let browser = stack.browser();
        stack.sandbox().fault(json!({"path": "/sso/token", "kind": kind, "count": 1})).await;
        let answer = browser.sign_in(selector, email).await;
        let why = format!("{kind} {selector}");
        assert_refused(&stack, &browser, &answer, code, &why).await;
    }
}

/// R44: what was switched off while somebody was at the IdP lets nobody in, on the tenant's first login and on a later one.
#[tokio::test]
async fn a_connection_that_is_not_in_use_is_refused() {
    for state in ["inactive", "deleting", "draft", "requires_type"] {
        let stack = Stack::start().await;
        let browser = stack.browser();
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.at_idp(&departure, "ada@acme.com").await;
        stack.sandbox().connection("conn_01SANDBOXACMEOKTA", state).await;
        let answer = browser.get(callback.as_str()).await;
        assert_refused(&stack, &browser, &answer, "connection_closed", state).await;

        stack.sandbox().connection("conn_01SANDBOXACMEOKTA", "active").await;
        stack.advance(3601);
        browser.signed_in(at::OKTA, "ada@acme.com").await;
        // An hour later the tenant's record is stale, and WorkOS is asked beside the exchange.
        stack.advance(3601);
        let browser = stack.browser();
        let departure = browser.depart(at::OKTA).await;
        let callback = browser.at_idp(&departure, "ada@acme.com").await;
        stack.sandbox().connection("conn_01SANDBOXACMEOKTA", state).await;
        let answer = browser.get(callback.as_str()).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "connection_closed"), "{state}");
        assert!(answer.cookie(SESSION).is_none(), "{state}");
        assert_eq!(stack.sessions().await.len(), 1, "{state}");
    }
}

/// R44: an organization that WorkOS does not know any more has no door.
#[tokio::test]
async fn an_organization_that_is_gone_is_refused() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    let departure = browser.depart(at::OKTA).await;
    let callback = browser.at_idp(&departure, "ada@acme.com").await;
    stack.sandbox().fault(json!({"path": "/organizations", "kind": "status", "status": 404})).await;
    let answer = browser.get(callback.as_str()).await;
    assert_refused(&stack, &browser, &answer, "company_closed", "gone").await;
    assert_eq!(stack.tenants().await.len(), 0);
}

/// The e-mail's domain has to be one that the company has verified; a pending domain proves nothing.
#[tokio::test]
async fn addresses_outside_verified_domains_are_refused() {
    let stack = Stack::start().await;
    for email in ["casey@contractor.example", "jo@acme-labs.com"] {
        let browser = stack.browser();
        let answer = browser.sign_in(at::OKTA, email).await;
        assert_refused(&stack, &browser, &answer, "email_domain_not_allowed", email).await;
        assert!(!answer.body.contains(email), "a page does not show the address");
        stack.advance(1);
    }
    // A domain verified a moment ago counts, though the tenant's record is fresh; WorkOS is not asked again within ten seconds.
    stack.advance(11);
    let domains = json!([{"domain": "acme.com", "state": "verified"}, {"domain": "acme-labs.com", "state": "verified"}]);
    stack.sandbox().organization(json!({"id": "org_01SANDBOXACME", "domains": domains})).await;
    stack.browser().signed_in(at::OKTA, "jo@acme-labs.com").await;
}

/// `UNVERIFIED_DOMAIN_POLICY` relaxes the rule for the environment, a tenant's own policy for itself.
#[tokio::test]
async fn the_domain_policy_can_be_relaxed() {
    let stack = Stack::with(&[("UNVERIFIED_DOMAIN_POLICY", "allow")]).await;
    stack.browser().signed_in(at::OKTA, "casey@contractor.example").await;

    let stack = Stack::with(&[("UNVERIFIED_DOMAIN_POLICY", "allow-without-verified-domains")]).await;
    let answer = stack.browser().sign_in(at::OKTA, "casey@contractor.example").await;
    assert_eq!(answer.code(), "email_domain_not_allowed", "the company has a verified domain");
    stack.sandbox().organization(json!({"id": "org_01SANDBOXACME", "domains": []})).await;
    stack.advance(3601);
    stack.browser().signed_in(at::OKTA, "casey@contractor.example").await;

    let stack = Stack::start().await;
    stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
    stack.set_policy(json!({ "unverified_domains": "allow" })).await;
    stack.browser().signed_in(at::OKTA, "casey@contractor.example").await;
}

/// A provider of the environment vouches for nobody's company: only a verified domain ties an account to it, whatever the policy.
#[tokio::test]
async fn a_provider_lets_verified_domains_in_and_nobody_else() {
    for policy in ["refuse", "allow"] {
        let stack = Stack::with(&[("UNVERIFIED_DOMAIN_POLICY", policy)]).await;
        for email in
            ["robin.gray@mail.example", "hank@globex.com", "jo@acme-labs.com", "casey@contractor.example"]
        {
            let browser = stack.browser();
            let answer = browser.sign_in(at::ACME_BY_GOOGLE, email).await;
            assert_refused(&stack, &browser, &answer, "email_domain_not_allowed", email).await;
            stack.advance(1);
        }
        let browser = stack.browser();
        browser.signed_in(at::ACME_BY_GOOGLE, "ada@acme.com").await;
        assert_eq!(browser.session().await.json()["organization"]["id"], "org_01SANDBOXACME");
        // The same person at the company's own IdP is another identity, hence another user (R41).
        stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
        assert_eq!(stack.users().await.len(), 2);
    }
}

/// A connection that was set up a minute ago waits for its first login, and gets it.
#[tokio::test]
async fn a_new_connection_takes_its_first_login() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::WAYFARER, "ines@wayfarer.example").await;
    assert_eq!(browser.session().await.json()["organization"]["name"], "Wayfarer Labs");
}

/// R18: the cookie stays small for somebody in 300 groups, and for somebody whose names are long and four bytes a letter.
#[tokio::test]
async fn the_cookie_is_small_for_everybody() {
    let stack = Stack::start().await;
    for email in ["mei.lin@acme.com", "alexandra@acme.com", "ada@acme.com"] {
        let browser = stack.browser();
        let cookie = browser.signed_in(at::OKTA, email).await.cookie(SESSION).unwrap();
        assert!(cookie.header.len() <= 1536, "{email}: {} bytes", cookie.header.len());
        let fresh = browser.session().await.cookie(SESSION).unwrap();
        assert!(fresh.header.len() <= 1536, "{email}: {} bytes", fresh.header.len());
    }
}

/// Names of any script come through whole, and so does an account without one.
#[tokio::test]
async fn names_come_through() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "alexandra@acme.com").await;
    let user = browser.session().await.json()["user"].clone();
    assert_eq!(user["first_name"], "𝓐𝓵𝓮𝔁𝓪𝓷𝓭𝓻𝓪 🦊 Wilhelmina-Theodosia");
    assert!(user["last_name"].as_str().unwrap().starts_with("𠮷田-Österreicher-Nguyễn"), "{user}");
    let page = browser.get("/auth/account").await;
    assert!(page.body.contains("𝓐𝓵𝓮𝔁𝓪𝓷𝓭𝓻𝓪 🦊 Wilhelmina-Theodosia"), "{}", page.body);

    let browser = stack.browser();
    browser.signed_in(at::GLOBEX, "front.desk@globex.com").await;
    let user = browser.session().await.json()["user"].clone();
    assert_eq!((&user["name"], &user["first_name"]), (&json!("front.desk@globex.com"), &json!(null)));

    stack
        .sandbox()
        .person(json!({"email": "ben.fischer@acme.com", "first_name": "<b>Ben</b>", "last_name": "\"'&"}))
        .await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ben.fischer@acme.com").await;
    for path in ["/auth/account", "/auth/logout", "/dashboard"] {
        assert!(!browser.get(path).await.body.contains("<b>Ben"), "{path}");
    }
}
