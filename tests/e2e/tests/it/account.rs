//! The account page: one's own sessions, and nobody else's.

use e2e::{Browser, SESSION, Stack, at};

async fn signed_in(stack: &Stack, selector: &str, email: &str) -> (Browser, String) {
    let browser = stack.browser();
    browser.signed_in(selector, email).await;
    let id = browser.session().await.json()["session"]["id"].as_str().unwrap().to_owned();
    (browser, id)
}

fn listed(body: &str) -> usize {
    body.matches("<li>").count()
}

/// R36: the page lists the living sessions of this person, with the present one marked.
#[tokio::test]
async fn people_see_where_they_are_signed_in() {
    let stack = Stack::start().await;
    let (idle, _) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    stack.advance(28_000);
    let (one, own) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    let (_other, other) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    let (_ben, foreign) = signed_in(&stack, at::OKTA, "ben.fischer@acme.com").await;
    assert_eq!(listed(&one.get("/auth/account").await.body), 3);
    stack.advance(800);
    let page = one.get("/auth/account").await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("Ada Okafor") && page.body.contains("ada@acme.com"));
    assert!(page.body.contains("Connected to") && page.body.contains("Acme Corp"));
    assert_eq!(listed(&page.body), 2, "an idle session is over");
    assert_eq!(page.body.matches("This one").count(), 1);
    assert!(page.body.contains(&format!(r#"value="{other}""#)));
    assert!(!page.body.contains(&format!(r#"value="{own}""#)) && !page.body.contains(&foreign));
    assert!(page.cookies().is_empty());
    assert_eq!(idle.session().await.code(), "session_idle");

    let nobody = stack.browser().get("/auth/account").await;
    assert_eq!((nobody.status, nobody.code().as_str()), (401, "not_signed_in"));
}

/// R36, R35: one session is ended from another; it is dead at its next request.
#[tokio::test]
async fn people_end_one_session() {
    let stack = Stack::start().await;
    let (one, _) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    let (other, id) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    let answer = one.post_form("/auth/account/end", &[("session", &id)]).await;
    assert_eq!((answer.status, answer.location()), (303, stack.url("/auth/account?notice=ended")));
    assert!(one.get(answer.location().as_str()).await.body.contains("The session was ended."));
    assert_eq!(other.session().await.code(), "session_gone");
    assert_eq!(other.get("/dashboard").await.status, 401);
    assert_eq!(one.session().await.status, 200);
    let ended: Vec<_> =
        stack.audit().await.into_iter().filter(|event| event.text("action") == "session.ended").collect();
    assert_eq!(ended.len(), 1);
    // Again, from a tab that was left open: it is gone, which is what was wanted, and no log tells of it twice.
    let again = one.post_form("/auth/account/end", &[("session", &id)]).await;
    assert_eq!((again.status, again.location()), (303, stack.url("/auth/account?notice=gone")));
    assert!(one.get(again.location().as_str()).await.body.contains("That session is not there any more."));
    assert_eq!(stack.audit().await.iter().filter(|event| event.text("action") == "session.ended").count(), 1);
}

/// R36: all others at once.
#[tokio::test]
async fn people_end_all_other_sessions() {
    let stack = Stack::start().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(signed_in(&stack, at::OKTA, "ada@acme.com").await.0);
    }
    let (ben, _) = signed_in(&stack, at::OKTA, "ben.fischer@acme.com").await;
    let (one, _) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    let answer = one.post_form("/auth/account/end-others", &[]).await;
    assert_eq!((answer.status, answer.location()), (303, stack.url("/auth/account?notice=others_ended")));
    for other in &others {
        assert_eq!(other.session().await.code(), "user_revoked");
    }
    assert_eq!((one.session().await.status, ben.session().await.status), (200, 200));
    assert_eq!(listed(&one.get("/auth/account").await.body), 1);
    // The next login is not born dead.
    let (new, _) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    assert_eq!((new.session().await.status, one.session().await.status), (200, 200));
}

/// Ending the present session is signing out.
#[tokio::test]
async fn ending_the_present_session_signs_out() {
    let stack = Stack::start().await;
    let (one, id) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    let answer = one.post_form("/auth/account/end", &[("session", &id)]).await;
    assert_eq!((answer.status, answer.location()), (303, stack.url("/auth/logout")));
    assert!(answer.cookie(SESSION).unwrap().clears());
    assert!(one.get("/auth/logout").await.body.contains("You are signed out"));
}

/// R47: the id of somebody else's session is as good as one that never was: same answer, nothing ended, nothing told.
#[tokio::test]
async fn foreign_sessions_are_out_of_reach() {
    let stack = Stack::start().await;
    let (ada, _) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    let (colleague, same_tenant) = signed_in(&stack, at::OKTA, "ben.fischer@acme.com").await;
    let (stranger, other_tenant) = signed_in(&stack, at::GLOBEX, "hank@globex.com").await;
    let made_up = "sess_01AAAAAAAAAAAAAAAAAAAAAAAA";
    for id in [same_tenant.as_str(), &other_tenant, made_up] {
        let answer = ada.post_form("/auth/account/end", &[("session", id)]).await;
        assert_eq!((answer.status, answer.location()), (303, stack.url("/auth/account?notice=gone")), "{id}");
        assert!(answer.body.is_empty() && answer.cookies().is_empty(), "{id}");
    }
    assert_eq!((colleague.session().await.status, stranger.session().await.status), (200, 200));
    assert_eq!(stack.sessions().await.len(), 3);
    assert!(!stack.audit().await.iter().any(|event| event.text("action") == "session.ended"));
}

/// R47, R24: ids that are none are refused before anything is read with them.
#[tokio::test]
async fn spoiled_ids_are_refused() {
    let stack = Stack::start().await;
    let (ada, _) = signed_in(&stack, at::OKTA, "ada@acme.com").await;
    let user = ada.session().await.json()["user"]["id"].as_str().unwrap().to_owned();
    for id in [
        "",
        "sess_",
        "META",
        "S#x",
        "../x",
        "sess_%",
        "sess_a#b",
        "sess_a\r\nb",
        "sess_\u{0}",
        &user,
        &"sess_a".repeat(500),
    ] {
        let page = ada.post_form("/auth/account/end", &[("session", id)]).await;
        assert_eq!((page.status, page.code().as_str()), (400, "bad_request"), "{id:?}");
    }
    for fields in [&[][..], &[("sid", "sess_a")], &[("session", "sess_a"), ("session", "sess_b")]] {
        assert_eq!(ada.post_form("/auth/account/end", fields).await.status, 400, "{fields:?}");
    }
    let own = stack.origin();
    let json = ada
        .ask("POST", "/auth/account/end")
        .header("origin", &own)
        .header("content-type", "application/json");
    assert_eq!(json.send().await.status, 400);
    assert_eq!(ada.session().await.status, 200);
}
