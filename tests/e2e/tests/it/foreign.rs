//! One tenant's person with another tenant's ids: in every route, in every place where an id can be, and in the token.
//!
//! An id of somebody else's must do what an id of nobody's does, to the byte: then it tells not even that it exists. The
//! routes are the deployment template's, so that a new one is tried as well. `/login` is for everybody and leads where it
//! is told; there nothing of a person may come out.

use domain::{OrganizationId, SessionId, UserId};
use e2e::{API_KEY_SECRET, Answer, Browser, SESSION, Stack, at};
use vestibule::dev::template::{TEMPLATE, Template};

use crate::authorizer::{cookie, forged, reason};

/// A parameter with the id of a person or thing of Acme's, and with one of the same kind that is nobody's.
struct Id {
    name: &'static str,
    foreign: String,
    nobodys: String,
}

/// Ada of Acme is signed in and on the way once more; Hank of Globex is the one who tries.
struct Scene {
    stack: Stack,
    ada: Browser,
    hank: Browser,
    ids: Vec<Id>,
    /// What of Acme must not come out.
    secrets: Vec<String>,
}

impl Scene {
    async fn set() -> Self {
        let stack = Stack::with_tenants(&[]).await;
        let (ada, hank) = (stack.browser(), stack.browser());
        ada.signed_in(at::OKTA, "ada@acme.com").await;
        let pending = ada.depart(at::OKTA).await;
        hank.signed_in(at::GLOBEX, "hank@globex.com").await;
        let told = ada.session().await.json();
        let text = |pointer: &str| told.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        let (user, session) = (text("/user/id"), text("/session/id"));
        let profile = stack.sessions().await.into_iter().find(|item| item.text("id") == session).unwrap();
        let id = |name, foreign: &str, nobodys: &str| Id {
            name,
            foreign: foreign.to_owned(),
            nobodys: nobodys.to_owned(),
        };
        let (nobody, never) = ("user_01J00000000000000000000000", "sess_01J00000000000000000000000");
        let ids = vec![
            id("organization", "org_01SANDBOXACME", "org_01NOBODY"),
            id("organization_id", "org_01SANDBOXACME", "org_01NOBODY"),
            id("connection", "conn_01SANDBOXACMEOKTA", "conn_01NOBODY"),
            id("connection_id", "conn_01SANDBOXACMEOKTA", "conn_01NOBODY"),
            id("user", &user, nobody),
            id("user_id", &user, nobody),
            id("session", &session, never),
            id("sid", &session, never),
            id("profile_id", profile.text("profile"), "prof_01NOBODY"),
            id("state", &pending.state, &"x".repeat(43)),
        ];
        let secrets = [
            "Acme",
            "ada@",
            "Okafor",
            &ada.session_token().unwrap(),
            &stack.running.secrets.get(API_KEY_SECRET).unwrap(),
        ];
        let secrets = secrets.map(str::to_owned).to_vec();
        Self { stack, ada, hank, ids, secrets }
    }

    /// What Hank sends: one id, and what some routes want beside it.
    fn attempts(&self) -> Vec<(Vec<(&'static str, &'static str)>, &Id)> {
        let with = |beside: &[(&'static str, &'static str)], name: &str| {
            let ids = self.ids.iter().filter(move |id| name.is_empty() || id.name == name);
            ids.map(|id| (beside.to_vec(), id)).collect::<Vec<_>>()
        };
        let mut all = with(&[], "");
        all.extend(with(&[("code", "c")], "state"));
        all.extend(with(&[("error", "access_denied")], "state"));
        all.extend(with(&[("error", "idp_initiated_sso_disabled")], "connection_id"));
        all
    }

    async fn send(&self, path: &str, how: &str, fields: &[(&str, &str)]) -> Answer {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let link = format!("{path}?{query}");
        match how {
            "GET" => self.hank.get(link).await,
            _ => self.hank.post_form(path, fields).await,
        }
    }

    /// Hank is signed in, whatever he did before.
    async fn again(&self) {
        if self.hank.session().await.status != 200 {
            self.hank.jar().forget(SESSION);
            self.hank.signed_in(at::GLOBEX, "hank@globex.com").await;
        }
    }
}

/// An answer without what differs from request to request, and with one word for the id that was sent.
fn bare(answer: &Answer, sent: &str) -> (u16, Vec<(String, String)>, String) {
    let request = answer.header("x-request-id").to_owned();
    let plain = |text: &str| {
        // What ends the IdP's session is made anew for each asker.
        let text = text.split_once("/sso/logout?token=").map_or(text, |(before, _)| before);
        text.replace(sent, "ID").replace(&request, "REQUEST")
    };
    let differs = ["x-request-id", "date", "content-length", "set-cookie"];
    let headers = answer.headers.iter().filter(|(name, _)| !differs.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| (name.to_string(), plain(value.to_str().unwrap())));
    // A session's token is signed anew each time; that it is set at all is compared.
    let cookies =
        answer.cookies().into_iter().map(|cookie| (cookie.name.clone(), format!("{:?}", cookie.scope())));
    (answer.status, headers.chain(cookies).collect(), plain(&answer.body))
}

/// R36, R47: in every route an id of another tenant is what an id of nobody is, and nothing of that tenant comes out or changes.
#[tokio::test]
async fn another_tenants_ids_are_nobodys_ids() {
    let scene = Scene::set().await;
    let acme = OrganizationId::parse("org_01SANDBOXACME").unwrap();
    let before = (
        scene.stack.running.store.tenant(&acme).await.unwrap(),
        scene.stack.sessions().await.into_iter().filter(|item| item.text("pk").contains("ACME")).count(),
        scene.stack.audit().await.into_iter().filter(|item| item.text("pk").contains("ACME")).count(),
    );
    let routes = Template::parse(TEMPLATE).unwrap().routes().unwrap();
    assert!(routes.len() >= 12);
    let mut tried = 0;
    for route in &routes {
        let path = route.key.split_once(' ').map_or("/unrouted", |(_, path)| path);
        let everybodys = ["/login", "/auth/login"].contains(&path);
        for (beside, id) in scene.attempts() {
            for how in ["GET", "POST"] {
                let mut seen = Vec::new();
                for value in [&id.foreign, &id.nobodys] {
                    let path = match path.split_once('{') {
                        Some((start, _)) => format!("{start}{value}"),
                        None => path.to_owned(),
                    };
                    let mut fields = beside.clone();
                    fields.push((id.name, value));
                    let answer = scene.send(&path, how, &fields).await;
                    let what = format!("{how} {path} {}", id.name);
                    assert!(answer.status < 500 || answer.status == 501, "{what}: {}", answer.status);
                    let text = format!("{:?} {}", answer.headers, answer.body);
                    for secret in &scene.secrets {
                        // A company that is named is asked about by its name.
                        let named = everybodys && secret == "Acme";
                        assert!(named || !text.contains(secret.as_str()), "{what} tells {secret}: {text}");
                    }
                    seen.push(bare(&answer, value));
                    if how == "POST" {
                        scene.again().await;
                    }
                    tried += 1;
                }
                if !everybodys {
                    assert_eq!(seen[0], seen[1], "{how} {path} {}", id.name);
                }
            }
        }
    }
    assert!(tried > 600, "{tried}");
    let after = (
        scene.stack.running.store.tenant(&acme).await.unwrap(),
        scene.stack.sessions().await.into_iter().filter(|item| item.text("pk").contains("ACME")).count(),
        scene.stack.audit().await.into_iter().filter(|item| item.text("pk").contains("ACME")).count(),
    );
    assert_eq!(after, before);
    assert_eq!(scene.ada.session().await.json()["user"]["email"], "ada@acme.com");
}

/// R47: a token that our own key signed over ids of two tenants opens nothing, and ends nothing.
#[tokio::test]
async fn a_token_of_mixed_tenants_opens_nothing() {
    let Scene { stack, ada, hank, .. } = Scene::set().await;
    let deployment = stack.deployed(&[]).await;
    let told = ada.session().await.json();
    let text = |pointer: &str| told.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let (organization, user, session) = (
        OrganizationId::parse(&text("/organization/id")).unwrap(),
        UserId::parse(&text("/user/id")).unwrap(),
        SessionId::parse(&text("/session/id")).unwrap(),
    );
    let own = hank.session_token().unwrap();
    for mix in 1..7_u8 {
        let foreign = |bit: u8| mix & bit != 0;
        let token = forged(&stack, &own, |claims| {
            if foreign(1) {
                claims.org = organization.clone();
            }
            if foreign(2) {
                claims.sub = user.clone();
            }
            if foreign(4) {
                claims.sid = session.clone();
            }
        });
        assert_ne!(reason(&deployment, &cookie(&token)).await, "allowed", "{mix}");
        let browser = stack.browser();
        let with = || browser.jar().plant(&stack.url("/"), SESSION, &token);
        let fields = [("session", session.as_str())];
        for (method, path) in [
            ("GET", "/auth/session"),
            ("GET", "/auth/account"),
            ("POST", "/auth/account/end"),
            ("POST", "/auth/account/end-others"),
            ("GET", "/auth/logout"),
            ("POST", "/auth/logout"),
        ] {
            with();
            let answer = match method {
                "GET" => browser.get(path).await,
                _ => browser.post_form(path, &fields).await,
            };
            if !path.ends_with("logout") {
                assert_eq!(answer.status, 401, "{mix} {path}");
            }
            for secret in ["Acme", "Globex", "ada@", "hank@"] {
                assert!(!answer.body.contains(secret), "{mix} {path}: {}", answer.body);
            }
        }
    }
    assert_eq!((ada.session().await.status, hank.session().await.status), (200, 200));
}
