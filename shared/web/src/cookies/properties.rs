//! What holds for any `Cookie` header a browser, a neighbour on the host or an attacker may send: ours are read back as they
//! were set, among whatever else is there, and nothing that is not of our form is ever read as ours.

use std::time::Duration;

use domain::routing::Remembered;
use domain::{ConnectionId, Domain, OrganizationId, Rng, Timestamp};
use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;
use crate::config::CookieScope;

const START: i64 = 1_764_059_400;

/// Cookies of something else on the host: pairs, pieces and bytes.
fn foreign() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_-]{1,12}=[!-:<-~]{0,20}",
        "[a-zA-Z0-9_-]{0,8}",
        "[a-z]{1,5}=\"[^\";\u{0}-\u{1f}\u{7f}]{0,10}\"",
        "=[a-z]{0,5}",
        "__host-session=[A-Za-z0-9_.-]{1,20}",
        "__%48ost-session=[A-Za-z0-9_.-]{1,20}",
        "__Host-session%20=[A-Za-z0-9_.-]{1,20}",
        "__Host-login-[a-z]{11,14}=[A-Za-z0-9_.-]{1,20}",
        "\\PC{0,12}",
    ]
}

/// Whether the text can stand in a header at all.
fn sendable(text: &str) -> bool {
    !text.contains(';') && HeaderValue::from_bytes(text.as_bytes()).is_ok()
}

/// What a browser sends back for this `Set-Cookie`.
fn kept(cookie: &SetCookie) -> String {
    cookie.header().to_str().unwrap().split(';').next().unwrap().to_owned()
}

fn header(cookies: &[String]) -> RequestCookies {
    let mut headers = HeaderMap::new();
    headers.append(COOKIE, HeaderValue::from_bytes(cookies.join("; ").as_bytes()).unwrap());
    RequestCookies::from_headers(&headers)
}

fn id(prefix: &'static str) -> impl Strategy<Value = String> {
    proptest::string::string_regex("[A-Za-z0-9_-]{1,120}")
        .unwrap()
        .prop_map(move |rest| format!("{prefix}{rest}"))
}

fn remembered() -> impl Strategy<Value = Remembered> {
    (id("org_"), id("conn_")).prop_map(|(organization, connection)| Remembered {
        organization: OrganizationId::parse(&organization).unwrap(),
        connection: ConnectionId::parse(&connection).unwrap(),
    })
}

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_-]{1,400}\\.[A-Za-z0-9_-]{1,600}\\.[A-Za-z0-9_-]{1,500}"
}

fn sessions() -> [SessionCookie; 2] {
    let shared = CookieScope::Domain(Domain::parse("example.com").unwrap());
    [SessionCookie::new(CookieScope::Host), SessionCookie::new(shared)]
}

proptest! {
    /// R02, R17: all cookies of ours come back from a header in which they stand anywhere between foreign ones.
    #[test]
    fn ours_come_back_among_foreign_ones(
        noise in prop::collection::vec(foreign(), 0..8),
        states in prop::collection::vec("\\PC{1,40}", 1..5),
        token in token(),
        last in prop::collection::vec(remembered(), 1..5),
        seed: u64,
        order in any::<prop::sample::Index>(),
    ) {
        let (rng, now) = (Rng::seeded(seed), Timestamp::from_seconds(START));
        let flows: Vec<FlowCookie> =
            states.iter().map(|state| FlowCookie::create(state, &rng, now).unwrap()).collect();
        // The same state twice is the same cookie: a browser keeps the later one.
        prop_assume!(flows.iter().map(|flow| kept(&flow.set())).all(|one| {
            let name = one.split('=').next().unwrap().to_owned();
            flows.iter().filter(|flow| kept(&flow.set()).starts_with(&format!("{name}="))).count() == 1
        }));
        let mut known: Vec<Remembered> = Vec::new();
        for one in &last {
            known = RememberedCookie::read(&header(&[kept(&RememberedCookie::set(&known, one))]));
        }
        let ours = flows.iter().map(|flow| kept(&flow.set()));
        let mut all: Vec<String> = noise.into_iter().filter(|text| sendable(text)).chain(ours).collect();
        all.push(kept(&RememberedCookie::set(&known[1..], &known[0])));
        for session in sessions() {
            all.push(kept(&session.set(&token, Duration::from_secs(60)).unwrap()));
        }
        let places = all.len();
        all.rotate_left(order.index(places));

        let cookies = header(&all);
        for (state, flow) in states.iter().zip(&flows) {
            let found = FlowCookie::find(&cookies, state);
            prop_assert_eq!(found.map(|found| found.browser_hash()), Some(flow.browser_hash()));
        }
        prop_assert!(FlowCookies::from_request(&cookies, now).alive() >= flows.len());
        prop_assert_eq!(RememberedCookie::read(&cookies), known);
        for session in sessions() {
            match session.read(&cookies) {
                Presented::Token(read) => prop_assert_eq!(read.expose_secret(), token.as_str()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    /// R02, R30: no header of any bytes yields what is not of our form.
    #[test]
    fn nothing_else_is_read_as_ours(
        bytes in prop::collection::vec(prop_oneof![0x20..0x7f_u8, 0x80..=0xff_u8, Just(b'\t')], 0..200),
        name in prop::sample::select(vec!["__Host-session", "__Secure-session", "__Host-last", "__Host-login-"]),
        state in "\\PC{0,20}",
    ) {
        let now = Timestamp::from_seconds(START);
        let flow_name = kept(&FlowCookie::create(&state, &Rng::seeded(1), now).unwrap().set());
        let flow_name = flow_name.split('=').next().unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for line in [text.clone(), format!("{name}={text}"), format!("{flow_name}={text}"), format!("a=1; {name}{text}")] {
            if !HeaderValue::from_bytes(line.as_bytes()).is_ok_and(|value| value.len() == line.len()) {
                continue;
            }
            let cookies = header(std::slice::from_ref(&line));
            for session in sessions() {
                if let Presented::Token(token) = session.read(&cookies) {
                    let token = token.expose_secret();
                    prop_assert!(token.len() <= 1536 && token.split('.').count() == 3, "{}", token);
                    prop_assert!(token.split('.').all(is_plain), "{}", token);
                    prop_assert!(line.contains(&format!("{}=", session.name())), "{}", line);
                }
            }
            if let Some(flow) = FlowCookie::find(&cookies, &state) {
                let value = kept(&flow.set());
                let (issued, secret) = value.split_once('=').unwrap().1.split_once('.').unwrap();
                prop_assert!(issued.len() <= 11 && secret.len() == 43 && is_plain(secret), "{}", value);
                prop_assert!(line.contains(secret), "{}", line);
            }
            let known = RememberedCookie::read(&cookies);
            prop_assert!(known.len() <= 3);
            if let Some(first) = known.first() {
                // What was read can be written, and then reads the same.
                let again = RememberedCookie::set(&known[1..], first);
                let read = RememberedCookie::read(&header(&[kept(&again)]));
                prop_assert!(read.first() == Some(first) && read.iter().all(|one| known.contains(one)));
            }
        }
    }

    /// R05, R19, R24: what is cleared was sent under that very name, with our prefix, and the header that clears it is one
    /// cookie and nothing more.
    #[test]
    fn only_cookies_of_ours_are_cleared(
        names in prop::collection::vec("(__Host-login-)?[!-~]{0,14}", 0..12),
        values in prop::collection::vec("[!-:<-~]{0,50}", 12),
        later in 0_u64..2000,
    ) {
        let sent: Vec<String> = names.iter().zip(&values).map(|(name, value)| format!("{name}={value}")).collect();
        let flows = FlowCookies::from_request(
            &header(&sent),
            Timestamp::from_seconds(START).plus(Duration::from_secs(later)),
        );
        for cleared in flows.to_evict() {
            let text = cleared.header().to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            prop_assert_eq!(rest, "; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=0");
            prop_assert!(name.strip_prefix("__Host-login-").is_some_and(is_plain), "{}", name);
            prop_assert!(sent.iter().any(|one| one.contains(name)), "{} of {:?}", name, sent);
        }
    }
}
