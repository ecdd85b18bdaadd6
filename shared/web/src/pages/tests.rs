use super::*;

use domain::login::Provider;
use domain::routing::{Choice, Company};
use domain::tenant_settings::{Branding, Colour, Contact, HttpsUrl};
use domain::{ConnectionId, EmailAddress, OrganizationId, SessionId, Timestamp};
use http::header::{CONTENT_TYPE, REFERRER_POLICY};

use crate::config::tests::site;
use crate::context::tests::ctx;
use crate::problem::tests::body;

const REQUEST_ID: &str = "01JTEST0000000000000000000";

const NOW: Timestamp = Timestamp::from_seconds(1_764_059_400);

fn ago(seconds: u64) -> Timestamp {
    NOW.minus(Duration::from_secs(seconds))
}

fn restart() -> Link {
    Link::path("/login").with("organization", "org_1").with("return_to", "https://app.example.com/?a=1&b=2")
}

fn account(notice: Option<AccountNotice>) -> Page {
    let session = |id: &str, device: &str, started, last_seen, current| AccountSession {
        id: SessionId::parse(id).unwrap(),
        device: device.to_owned(),
        started: ago(started),
        last_seen: ago(last_seen),
        current,
    };
    Page::Account(Account {
        name: Some("Ada <b>Lovelace</b>".to_owned()),
        email: "ada@acme.example".to_owned(),
        company: "Acme Corp".to_owned(),
        sessions: vec![
            session(
                "sess_1",
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.6 Safari/605.1.15",
                4000,
                20,
                true,
            ),
            session(
                "sess_2",
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6) Version/18.6 Mobile Safari/604.1",
                90_000,
                7300,
                false,
            ),
            session("sess_3", "", 200_000, 3700, false),
        ],
        notice,
        now: NOW,
        end_one: Link::path("/auth/account/end"),
        end_others: Link::path("/auth/account/end-others"),
        sign_out: Link::path("/auth/logout"),
    })
}

fn email_form(email: &str, invalid: bool) -> EmailForm {
    EmailForm {
        action: Link::path("/login"),
        return_to: Some("https://app.example.com/?a=1&b=2".to_owned()),
        email: email.to_owned(),
        invalid,
        providers: vec![Provider::parse("GoogleOAuth").unwrap()],
    }
}

fn company(id: &str, name: &str) -> Company {
    Company { organization: OrganizationId::parse(id).unwrap(), name: name.to_owned() }
}

fn connections() -> Picker {
    let choice = |id: &str, label: &str| Choice::Connection {
        connection: ConnectionId::parse(id).unwrap(),
        label: label.to_owned(),
    };
    let choices = [
        choice("conn_1", "Staff <Okta>"),
        choice("conn_2", "Contractors"),
        Choice::Provider(Provider::parse("GoogleOAuth").unwrap()),
    ];
    let email = EmailAddress::parse("ada@acme.example").unwrap();
    let along =
        Along { email: Some(&email), return_to: Some("https://app.example.com/"), ..Along::default() };
    Picker::of_connections(&company("org_1", "Acme Corp"), &choices, &along, Link::path("/login"))
}

fn companies() -> Picker {
    let all = [company("org_1", "Northwind Traders"), company("org_2", "Northwind Retail")];
    let along = Along { login_hint: Some("nora@northwind.example"), ..Along::default() };
    Picker::of_companies(&all, None, &along, Link::path("/login"))
}

fn welcome_back() -> Page {
    let known = |id: &str, name: &str| {
        let along = Along { return_to: Some("https://app.example.com/"), ..Along::default() };
        KnownCompany::of(&company(id, name), &ConnectionId::parse("conn_1").unwrap(), &along)
    };
    Page::WelcomeBack {
        companies: vec![known("org_1", "Acme <b>Corp</b>"), known("org_2", "Globex")],
        other: Link::path("/login").with("another", "1"),
    }
}

/// Every page, by the name of its snapshot.
fn all() -> Vec<(String, Page)> {
    let start = || Some(Link::path("/login").with("organization", "org_1"));
    let minute = Duration::from_secs(60);
    let mut pages = vec![
        ("sign_in", Page::SignIn { start: None }),
        ("sign_in_default", Page::SignIn { start: start() }),
        ("ask_email", Page::AskEmail(email_form("", false))),
        ("ask_email_invalid", Page::AskEmail(email_form("ada@", true))),
        ("pick_connection", Page::PickConnection { company: "Acme Corp".to_owned(), picker: connections() }),
        ("pick_company", Page::PickCompany(companies())),
        ("welcome_back", welcome_back()),
        ("not_set_up", Page::NotSetUp { again: Link::path("/login") }),
        ("invalid_state", Page::InvalidState { restart: restart() }),
        ("start_from_here", Page::StartFromHere { start: None }),
        ("start_from_here_default", Page::StartFromHere { start: start() }),
        ("too_many", Page::TryLater { reason: Unavailable::TooMany, wait: minute, retry: None }),
        ("crowded", Page::TryLater { reason: Unavailable::Crowded, wait: minute, retry: Some(restart()) }),
        (
            "try_later",
            Page::TryLater {
                reason: Unavailable::Down,
                wait: Duration::from_secs(5),
                retry: Some(restart()),
            },
        ),
        ("not_signed_in", Page::NotSignedIn { sign_in: Link::path("/login") }),
        ("signed_out", Page::SignedOut { sign_in: Link::path("/login") }),
        (
            "confirm_sign_out",
            Page::ConfirmSignOut {
                action: Link::path("/auth/logout"),
                email: "ada@acme.example".to_owned(),
                company: "Acme Corp".to_owned(),
            },
        ),
        ("account", account(None)),
        ("account_ended", account(Some(AccountNotice::Ended))),
        ("account_failed", account(Some(AccountNotice::Failed))),
        ("cross_site", Page::CrossSite { back: Link::path("/auth/account") }),
        ("bad_request", Page::BadRequest),
        ("not_found", Page::NotFound),
        ("method_not_allowed", Page::MethodNotAllowed),
        ("server_error", Page::ServerError),
    ]
    .into_iter()
    .map(|(name, page)| (name.to_owned(), page))
    .collect::<Vec<_>>();
    for reason in Refusal::ALL {
        pages.push((
            format!("refused_{}", reason.code()),
            Page::AccessRefused { reason, restart: Some(restart()) },
        ));
    }
    for reason in SignInFailure::ALL {
        pages.push((format!("failed_{}", reason.code()), Page::SignInFailed { reason, restart: restart() }));
    }
    for reason in BadLink::ALL {
        pages.push((format!("bad_link_{}", reason.code()), Page::BadLink { reason, start: None }));
    }
    pages
}

/// The HTML of each page, reviewed by eye when it changes. The stylesheet has a file and a hash of its own.
#[test]
fn pages_are_as_reviewed() {
    for (name, page) in all() {
        let html = page.render(&site(), REQUEST_ID).unwrap();
        insta::assert_snapshot!(name, html.replace(STYLE, "…"));
    }
}

/// What everybody needs to read a page: language, viewport, one heading, the id to quote; and no script.
#[test]
fn every_page_is_accessible_and_quiet() {
    for (name, page) in all() {
        let html = page.render(&site(), REQUEST_ID).unwrap();
        assert!(html.contains("<html lang=\"en\">"), "{name}");
        assert!(html.contains("name=\"viewport\""), "{name}");
        assert_eq!(html.matches("<h1>").count(), 1, "{name}");
        assert!(html.contains(REQUEST_ID), "{name}");
        assert!(html.contains("mailto:help@example.com"), "{name}");
        assert_eq!(
            html.contains("role=\"alert\""),
            page.code().is_some() || name == "account_failed",
            "{name}"
        );
        for word in ["<script", "javascript:", "style=", "onclick", "Vestibule", "vestibule", "IdP", "SSO"] {
            assert!(!html.contains(word), "{word} on {name}");
        }
        if page.code().is_some() || !name.starts_with("account") {
            let text = page.words("Harbor").text;
            let sentences = text.split(['.', '?']).filter(|sentence| !sentence.trim().is_empty()).count();
            assert!(sentences <= 2, "{name}: {text}");
        }
    }
}

/// R10, R74: text from elsewhere is text.
#[test]
fn text_is_escaped() {
    let mut hostile = site();
    hostile.app_name = "<img src=x onerror=alert(1)>\"'&".to_owned();
    for (name, page) in all() {
        let html = page.render(&hostile, "\"><script>").unwrap();
        for raw in ["<img src=x", "<script", "<b>"] {
            assert!(!html.contains(raw), "{raw} on {name}");
        }
    }
    let html = account(None).render(&site(), REQUEST_ID).unwrap();
    assert!(html.contains("Ada &#60;b&#62;Lovelace&#60;/b&#62;"), "{html}");
}

#[tokio::test]
async fn errors_are_pages_for_browsers_and_problems_for_programs() {
    let page = Page::InvalidState { restart: restart() };
    let html = page.clone().respond(&site(), &ctx(Answer::Page));
    assert_eq!(
        (html.status(), &html.headers()[CONTENT_TYPE]),
        (StatusCode::BAD_REQUEST, &HeaderValue::from_static("text/html; charset=utf-8"))
    );
    assert!(body(html).await.contains("<h1>Invalid state</h1>"));
    let json = page.respond(&site(), &ctx(Answer::Json));
    assert_eq!(json.status(), 400);
    let text = body(json).await;
    assert!(
        text.starts_with("{\"code\":\"invalid_state\",\"message\":\"Invalid state. This sign-in took"),
        "{text}"
    );
    let account = account(None).respond(&site(), &ctx(Answer::Json));
    assert_eq!(account.headers()[CONTENT_TYPE], "text/html; charset=utf-8");
}

/// A tenant's page shows its logo, its colours and its contact, and its policy allows exactly that stylesheet.
#[tokio::test]
async fn a_tenants_page_is_in_its_colours() {
    let branding = Branding {
        logo: Some(HttpsUrl::parse("https://cdn.acme.example/logo.svg?a=1&b=\"><script>").unwrap()),
        accent: Some(Colour::parse("#0b5fff").unwrap()),
        accent_dark: Some(Colour::parse("#8ab4ff").unwrap()),
        support: Some(Contact::parse("it@acme.example").unwrap()),
    };
    let brand = Brand::of("Acme \"Corp\"", &branding).unwrap();
    let page = || Page::PickConnection { company: "Acme Corp".to_owned(), picker: connections() };
    let html = page().render_as(&site(), REQUEST_ID, Some(&brand)).unwrap();
    insta::assert_snapshot!("branded", html.replace(STYLE, "…"));
    assert!(!html.contains("help@example.com") && !html.contains("<script"), "{html}");
    let response = page().respond_as(&site(), &ctx(Answer::Page), Some(&brand));
    let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    let hash = brand.style_hash().unwrap();
    assert!(policy.contains(&format!("style-src {hash} 'sha256-")), "{policy}");
    assert!(policy.ends_with("form-action 'self' https:"), "{policy}");
    // A page without a form that leads elsewhere keeps to its own site.
    let refused = Page::AccessRefused { reason: Refusal::EmailDomain, restart: None };
    let response = refused.respond_as(&site(), &ctx(Answer::Page), Some(&brand));
    let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap();
    assert!(policy.contains(&hash) && policy.ends_with("form-action 'self'"), "{policy}");
}

/// R63: whoever must wait is told how long, in words and for machines.
#[tokio::test]
async fn waiting_is_said_twice() {
    for (reason, status) in [(Unavailable::TooMany, 429), (Unavailable::Down, 503)] {
        for answer in [Answer::Page, Answer::Json] {
            let page = Page::TryLater { reason, wait: Duration::from_millis(29_100), retry: None };
            let response = page.respond(&site(), &ctx(answer));
            assert_eq!(
                (response.status().as_u16(), &response.headers()[RETRY_AFTER]),
                (status, &HeaderValue::from(30))
            );
            assert!(body(response).await.contains("in 30 seconds"));
        }
    }
}

/// R23: a form of ours can prove where it comes from, also in browsers that know only `Origin`.
#[tokio::test]
async fn pages_with_forms_send_their_origin() {
    for (name, page) in all() {
        let has_form = page.render(&site(), REQUEST_ID).unwrap().contains("<form");
        let response = page.respond(&site(), &ctx(Answer::Page));
        let policy = response.headers().get(REFERRER_POLICY).map(|value| value.to_str().unwrap());
        assert_eq!(policy, has_form.then_some("same-origin"), "{name}");
    }
}

/// R21: only a page whose form ends at an IdP may send its form elsewhere.
#[tokio::test]
async fn only_forms_that_end_at_an_idp_may_lead_to_another_site() {
    let leading = ["confirm_sign_out", "ask_email", "ask_email_invalid", "pick_connection", "pick_company"];
    for (name, page) in all() {
        let response = page.respond(&site(), &ctx(Answer::Page));
        let policy = response.headers().get(CONTENT_SECURITY_POLICY).map(|value| value.to_str().unwrap());
        if leading.contains(&name.as_str()) {
            assert!(policy.unwrap().ends_with("form-action 'self' https:"), "{policy:?}");
        } else {
            assert_eq!(policy, None, "{name}");
        }
    }
}
