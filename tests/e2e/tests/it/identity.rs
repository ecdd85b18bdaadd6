//! Who somebody is: organization, connection and the IdP's id for them, and never an e-mail address.

use e2e::{Browser, SESSION, Stack, at};
use serde_json::{Value, json};

async fn who(browser: &Browser) -> Value {
    browser.session().await.json()
}

/// R41: one address in two organizations is two people, and neither sees the other.
#[tokio::test]
async fn one_address_in_two_organizations_is_two_users() {
    let stack = Stack::with(&[("UNVERIFIED_DOMAIN_POLICY", "allow")]).await;
    let (acme, globex) = (stack.browser(), stack.browser());
    acme.signed_in(at::OKTA, "casey@contractor.example").await;
    globex.signed_in(at::GLOBEX, "casey@contractor.example").await;
    let (one, other) = (who(&acme).await, who(&globex).await);
    assert_eq!(one["user"]["email"], other["user"]["email"]);
    assert_ne!(one["user"]["id"], other["user"]["id"]);
    assert_eq!(
        (&one["organization"]["name"], &other["organization"]["name"]),
        (&json!("Acme Corp"), &json!("Globex"))
    );
    assert_eq!(stack.users().await.len(), 2);
    for page in [acme.get("/auth/account").await, globex.get("/auth/account").await] {
        assert_eq!(page.body.matches("<li>").count(), 1, "{}", page.body);
    }
}

/// R45: a person who comes by another connection of the same company is another user: connections do not inherit people.
#[tokio::test]
async fn another_connection_is_another_identity() {
    let stack = Stack::start().await;
    let (okta, entra) = (stack.browser(), stack.browser());
    okta.signed_in(at::OKTA, "ada@acme.com").await;
    entra.signed_in(at::ENTRA, "ada@acme.com").await;
    assert_ne!(who(&okta).await["user"]["id"], who(&entra).await["user"]["id"]);
    assert_eq!((stack.users().await.len(), stack.links().await.len()), (2, 2));

    // The link carries the connection: under another one the same idp_id leads to nobody.
    let link = stack.links().await.into_iter().find(|link| link.text("pk").contains("ACMEOKTA")).unwrap();
    assert!(link.text("pk").starts_with("O#org_01SANDBOXACME#I#conn_01SANDBOXACMEOKTA#"));
}

/// R46: a new address is the same user, noted in the audit log; the old address leads whoever has it now to a user of their own.
#[tokio::test]
async fn a_changed_address_keeps_the_user() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let before = who(&browser).await["user"]["id"].clone();
    stack.sandbox().person(json!({"email": "ada@acme.com", "new_email": "ada.lovelace@acme.com"})).await;
    stack.advance(1);
    browser.signed_in(at::OKTA, "ada.lovelace@acme.com").await;
    let after = who(&browser).await;
    assert_eq!(after["user"]["id"], before);
    assert_eq!(after["user"]["email"], "ada.lovelace@acme.com");
    let changed: Vec<_> = stack
        .audit()
        .await
        .into_iter()
        .filter(|event| event.text("action") == "user.email_changed")
        .collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(before, changed[0].text("actor"));

    let newcomer = json!({"email": "ada@acme.com", "organization_id": "org_01SANDBOXACME", "first_name": "Ada", "last_name": "Other"});
    stack.sandbox().person(newcomer).await;
    let other = stack.browser();
    other.signed_in(at::OKTA, "ada@acme.com").await;
    assert_ne!(who(&other).await["user"]["id"], before);
    assert_eq!(stack.users().await.len(), 2);
}

/// R27: every login is a new session id, and the one before in this browser is dead, also for somebody who copied it.
#[tokio::test]
async fn a_new_login_is_a_new_session() {
    let stack = Stack::start().await;
    let browser = stack.browser();
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let (first, stolen) = (who(&browser).await["session"]["id"].clone(), browser.session_token().unwrap());
    browser.signed_in(at::OKTA, "ada@acme.com").await;
    let second = who(&browser).await["session"]["id"].clone();
    assert_ne!(first, second);
    let thief = stack.browser();
    thief.jar().plant(&stack.url("/"), SESSION, &stolen);
    let answer = thief.session().await;
    assert_eq!((answer.status, answer.code().as_str()), (401, "session_gone"));
    assert_eq!(thief.get("/dashboard").await.status, 401);
    assert_eq!(stack.sessions().await.len(), 1);

    // The same for another person and another company in the same browser.
    browser.signed_in(at::GLOBEX, "hank@globex.com").await;
    assert_eq!(who(&browser).await["organization"]["name"], "Globex");
    assert_eq!(stack.sessions().await.len(), 1);
}

/// R27: a session that somebody put into the browser beforehand does not become the victim's (session fixation).
#[tokio::test]
async fn a_planted_session_is_replaced() {
    let stack = Stack::start().await;
    let attacker = stack.browser();
    attacker.signed_in(at::OKTA, "ben.fischer@acme.com").await;
    let planted = attacker.session_token().unwrap();
    let victim = stack.browser();
    victim.jar().plant(&stack.url("/"), SESSION, &planted);
    victim.signed_in(at::OKTA, "ada@acme.com").await;
    assert_eq!(who(&victim).await["user"]["email"], "ada@acme.com");
    // What the attacker still holds is over, and was never the victim's.
    assert_eq!(attacker.session().await.code(), "session_gone");
    assert_eq!(stack.sessions().await.len(), 1);
}

/// Roles come from the IdP's assignment; everybody else is a member.
#[tokio::test]
async fn roles_come_from_the_assignment() {
    let stack = Stack::start().await;
    for (selector, email, roles) in [
        (at::OKTA, "ada@acme.com", json!(["admin"])),
        (at::OKTA, "ben.fischer@acme.com", json!(["member"])),
        (at::GLOBEX, "front.desk@globex.com", json!(["member"])),
    ] {
        let browser = stack.browser();
        browser.signed_in(selector, email).await;
        assert_eq!(who(&browser).await["roles"], roles, "{email}");
    }
}
