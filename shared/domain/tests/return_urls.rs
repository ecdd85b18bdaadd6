//! Return URLs against a corpus of hostile and legitimate ones, and against generated spellings (R08, R09, R24).
//!
//! The corpus files say what they hold and how they are written; other tests read them too. Each hostile URL has
//! to be caught by the rule that its section names, so that no rule hides behind another.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeSet;

use domain::{Origin, RefusedReturnUrl, ReturnPolicy, ReturnUrl};
use proptest::prelude::*;
use proptest::sample::select;
use url::Url;

const HOSTILE: &str = include_str!("corpus/return_urls_hostile.txt");
const LEGITIMATE: &str = include_str!("corpus/return_urls_legitimate.txt");

/// A deployed product and a local one: the public origin and another that is allowed.
const DEPLOYED: [&str; 2] = ["https://app.example.com", "https://admin.example.com:8443"];
const LOCAL: [&str; 2] = ["http://localhost:8080", "http://localhost:3000"];

fn policy([public, other]: [&str; 2]) -> ReturnPolicy {
    let [public, other] = [public, other].map(|text| Origin::parse(text).unwrap());
    ReturnPolicy::new(public, vec![other], None).unwrap()
}

fn check(text: &str) -> Result<ReturnUrl, RefusedReturnUrl> {
    policy(DEPLOYED).check(text)
}

/// The URLs of a corpus file, each under the name of the rule that its section gives.
fn corpus(file: &str, [public, other]: [&str; 2]) -> Vec<(String, String)> {
    let host = public.split_once("://").unwrap().1;
    let mut rule = String::new();
    let mut urls = Vec::new();
    for line in file.lines() {
        if let Some(name) = line.strip_prefix("# refused as: ") {
            name.clone_into(&mut rule);
        } else if !line.is_empty() && !line.starts_with('#') {
            let line = line
                .replace("{origin}", public)
                .replace("{ORIGIN}", &public.to_uppercase())
                .replace("{host}", host)
                .replace("{other}", other);
            urls.push((rule.clone(), unescape(&line)));
        }
    }
    urls
}

fn unescape(line: &str) -> String {
    let mut text = String::new();
    let mut rest = line;
    while let Some((before, escape)) = rest.split_once('\\') {
        text.push_str(before);
        let (code, after) = if let Some(after) = escape.strip_prefix('\\') {
            ("5c", after)
        } else if let Some(escape) = escape.strip_prefix('x') {
            escape.split_at(2)
        } else if let Some(escape) = escape.strip_prefix("u{") {
            escape.split_once('}').unwrap()
        } else {
            panic!("unknown escape in {line}")
        };
        text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
        rest = after;
    }
    text + rest
}

/// What a `Location` header relies on, for whatever was accepted.
fn assert_stays_home(origins: [&str; 2], text: &str, accepted: &ReturnUrl) {
    let sent = accepted.as_str();
    assert!(sent.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?} became {sent:?}");
    assert!(sent.len() <= 2048);
    let home =
        origins.iter().any(|origin| sent.strip_prefix(origin).is_some_and(|rest| rest.starts_with('/')));
    assert!(home, "{text:?} became {sent:?}");
    // What came in leads to the same place for a browser that reads it on a page of ours.
    let page = Url::parse(origins[0]).unwrap().join("/auth/callback?code=01").unwrap();
    assert_eq!(page.join(text).unwrap().as_str(), sent, "{text:?}");
    assert_eq!(page.join(sent).unwrap().as_str(), sent, "{text:?}");
    // What was stored passes again, unchanged.
    assert_eq!(policy(origins).check(sent).as_ref(), Ok(accepted), "{text:?}");
}

/// Accepted or not, it must not leave.
fn assert_harmless(text: &str) {
    for origins in [DEPLOYED, LOCAL] {
        if let Ok(accepted) = policy(origins).check(text) {
            assert_stays_home(origins, text, &accepted);
        }
    }
}

/// R08, R24: each hostile URL is refused, and by the rule that is there for it.
#[test]
fn the_hostile_corpus_is_refused() {
    let urls = corpus(HOSTILE, DEPLOYED);
    let wrong: Vec<String> = urls
        .iter()
        .map(|(rule, url)| (rule, url, check(url)))
        .filter(|(rule, _, result)| {
            result.as_ref().err().map(|why| format!("{why:?}")).as_ref() != Some(rule)
        })
        .map(|(rule, url, result)| format!("{url:?}: {result:?}, not {rule}"))
        .collect();
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));

    for (_, url) in corpus(HOSTILE, LOCAL) {
        assert!(policy(LOCAL).check(&url).is_err(), "{url:?} was accepted");
    }
    let distinct: BTreeSet<_> = urls.iter().map(|(_, url)| url).collect();
    assert_eq!(distinct.len(), urls.len(), "a URL is in the corpus twice");
    assert!(distinct.len() >= 220, "only {} hostile URLs", distinct.len());
}

/// R08: every rule has hostile URLs of its own, but for `TooLong`, which does not fit in a line.
#[test]
fn every_rule_is_in_the_hostile_corpus() {
    let rules = "ControlCharacter Whitespace Invisible Backslash Relative ProtocolRelative Scheme Slashes UserInfo \
                 Host Unparsable Origin EncodedControl AmbiguousPath OwnEndpoint";
    let expected: BTreeSet<_> = rules.split(' ').map(str::to_owned).collect();
    let found: BTreeSet<_> = corpus(HOSTILE, DEPLOYED).into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(found, expected);
}

/// R08: what people need still works, on a deployed origin and on localhost.
#[test]
fn the_legitimate_corpus_is_accepted() {
    for origins in [DEPLOYED, LOCAL] {
        let urls = corpus(LEGITIMATE, origins);
        for (_, url) in &urls {
            match policy(origins).check(url) {
                Ok(accepted) => assert_stays_home(origins, url, &accepted),
                Err(why) => panic!("{url:?}: {why}"),
            }
        }
        let distinct: BTreeSet<_> = urls.iter().map(|(_, url)| url).collect();
        assert_eq!(distinct.len(), urls.len(), "a URL is in the corpus twice");
        assert!(distinct.len() >= 30, "only {} legitimate URLs", distinct.len());
    }
}

#[test]
fn accepted_urls_are_absolute_and_serialised() {
    for (text, expected) in [
        ("/", "https://app.example.com/"),
        ("/a?b#c", "https://app.example.com/a?b#c"),
        ("/a/../b/./c", "https://app.example.com/b/c"),
        ("/caf\u{e9}?q=\u{e9}#\u{e9}", "https://app.example.com/caf%C3%A9?q=%C3%A9#%C3%A9"),
        ("https://app.example.com", "https://app.example.com/"),
        ("https://app.example.com?x", "https://app.example.com/?x"),
        ("HTTPS://APP.example.COM:443/A", "https://app.example.com/A"),
        ("https://admin.example.com:8443/a", "https://admin.example.com:8443/a"),
    ] {
        assert_eq!(check(text).as_ref().map(ReturnUrl::as_str), Ok(expected), "{text}");
    }
    // An address that names the parser's idea of the host is still not the origin as it is listed.
    let local = policy(["http://127.0.0.1:8080", "http://localhost:3000"]);
    assert!(local.check("http://127.0.0.1:8080/a").is_ok());
    for other_spelling in ["http://2130706433:8080/a", "http://0x7f.1:8080/a", "http://127.1:8080/a"] {
        assert_eq!(local.check(other_spelling), Err(RefusedReturnUrl::Host), "{other_spelling}");
    }
}

/// R08: the default obeys the same list.
#[test]
fn the_default_is_checked_too() {
    let with = |default| ReturnPolicy::new(Origin::parse(DEPLOYED[0]).unwrap(), vec![], default);
    assert_eq!(with(None).unwrap().default().as_str(), "https://app.example.com/");
    assert_eq!(with(Some("/home")).unwrap().default().as_str(), "https://app.example.com/home");
    assert_eq!(with(Some("https://admin.example.com/")).unwrap_err(), RefusedReturnUrl::Origin);
    assert_eq!(with(Some("/logout")).unwrap_err(), RefusedReturnUrl::OwnEndpoint);
}

#[test]
fn a_person_lands_on_the_default_when_nothing_else_is_allowed() {
    let policy = policy(DEPLOYED);
    assert_eq!(policy.check_or_default(None), *policy.default());
    assert_eq!(policy.check_or_default(Some("//evil.example")), *policy.default());
    assert_eq!(policy.check_or_default(Some("/a")).as_str(), "https://app.example.com/a");
}

/// R09: a URL that was allowed when it was stored is refused once the list is shorter.
#[test]
fn a_stored_url_is_checked_again_when_it_is_used() {
    let stored = serde_json::to_string(&check("https://admin.example.com:8443/x").unwrap()).unwrap();
    let text: String = serde_json::from_str(&stored).unwrap();
    assert_eq!(check(&text).unwrap().as_str(), text);

    let shorter = ReturnPolicy::new(Origin::parse(DEPLOYED[0]).unwrap(), vec![], None).unwrap();
    assert_eq!(shorter.check(&text), Err(RefusedReturnUrl::Origin));
}

/// R09: a stored record cannot become a `ReturnUrl` by being read.
#[test]
fn a_return_url_cannot_be_deserialized() {
    // Compiles only while one of the two impls applies; with `Deserialize` both would, and `_` be ambiguous.
    trait NotDeserialize<Marker> {
        fn holds() {}
    }
    struct Deserializes;
    impl<T> NotDeserialize<()> for T {}
    impl<T: serde::de::DeserializeOwned> NotDeserialize<Deserializes> for T {}
    <ReturnUrl as NotDeserialize<_>>::holds();
}

/// R08: the sign-in addresses are refused on our own origin only; another app may well have a `/login`.
#[test]
fn own_endpoints_are_those_of_our_own_origin() {
    assert_eq!(check("https://app.example.com/login"), Err(RefusedReturnUrl::OwnEndpoint));
    assert!(check("https://admin.example.com:8443/login").is_ok());
}

/// R24: the limit holds for what is sent, where one letter may take twelve bytes, not only for what came.
#[test]
fn the_limit_counts_what_is_sent() {
    let fits = format!("/{}", "a".repeat(2048 - "https://app.example.com/".len()));
    assert_eq!(check(&fits).unwrap().as_str().len(), 2048);
    assert_eq!(check(&format!("{fits}a")), Err(RefusedReturnUrl::TooLong));
    assert_eq!(check(&format!("/{}", "\u{1f642}".repeat(170))), Err(RefusedReturnUrl::TooLong));
    // Refused by its length before anything reads it.
    assert_eq!(check(&"\\".repeat(2049)), Err(RefusedReturnUrl::TooLong));
}

/// R73: what apps put in a query stays out of logs.
#[test]
fn debug_output_has_no_query() {
    let url = check("/a?token=secret#secret").unwrap();
    assert_eq!(format!("{url:?}"), "https://app.example.com/a");
}

/// Percent-encodes a byte that many times over: `%2f`, `%252f`, ...
fn encoded(byte: u8, times: usize) -> String {
    let mut text = char::from(byte).to_string();
    for _ in 0..times {
        text = if text.len() == 1 { format!("%{byte:02x}") } else { text.replace('%', "%25") };
    }
    text
}

fn flip_case(text: &str, flips: &[bool]) -> String {
    text.chars()
        .zip(flips.iter().cycle())
        .map(|(c, flip)| match (flip, c.is_ascii_lowercase()) {
            (false, _) => c,
            (true, true) => c.to_ascii_uppercase(),
            (true, false) => c.to_ascii_lowercase(),
        })
        .collect()
}

/// Inserts at a place anywhere in the text, both ends included.
fn insert(text: &str, place: prop::sample::Index, what: &str) -> String {
    let mut chars: Vec<String> = text.chars().map(String::from).collect();
    chars.insert(place.index(chars.len() + 1), what.to_owned());
    chars.concat()
}

fn any_of(file: &'static str) -> impl Strategy<Value = String> {
    select(corpus(file, DEPLOYED)).prop_map(|(_, url)| url)
}

/// What URLs are made of when somebody means harm, written as in the corpus.
const PIECES: &str = concat!(
    r"/ / / // \\ \x09 \x0a \x0d \x00 \x20 \u{a0} \u{200b} \u{feff} % %2f %2F %5c %09 %0a %0d%0a %00 %20 %2e %252f ",
    r"%255c %25 %c0%af %ff %40 %3a %23 %3f . .. @ : : ? # ; & = [ ] * | ' < https: http: HTTPS: https:// ",
    r"javascript: data: app.example.com app.example.com admin.example.com:8443 localhost:8080 127.0.0.1 ",
    r"https://app.example.com evil.example :443 :8443 \u{ff0f} \u{3002} \u{430} \u{e9} login auth logout a"
);

fn piece() -> impl Strategy<Value = String> {
    select(PIECES.split(' ').map(unescape).collect::<Vec<_>>())
}

const LOOK_ALIKES: [(char, &[char]); 6] = [
    ('a', &['\u{430}', '\u{ff41}', '\u{251}', '\u{e0}', '\u{1d41a}']),
    ('e', &['\u{435}', '\u{ff45}', '\u{e9}', '\u{212f}']),
    ('p', &['\u{440}', '\u{ff50}', '\u{1d429}']),
    ('m', &['\u{ff4d}', '\u{217f}']),
    ('c', &['\u{441}', '\u{ff43}', '\u{217d}']),
    ('.', &['\u{3002}', '\u{ff0e}', '\u{ff61}', '\u{2024}']),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// R08, R24: no text at all makes it panic or leave.
    #[test]
    fn any_text_is_harmless(text in "\\PC{0,40}", any in any::<String>()) {
        assert_harmless(&text);
        assert_harmless(&any);
        assert_harmless(&format!("/{text}"));
        assert_harmless(&format!("https://app.example.com{text}"));
    }

    /// R08: nor does any heap of the pieces that hostile URLs are made of.
    #[test]
    fn any_heap_of_hostile_pieces_is_harmless(pieces in prop::collection::vec(piece(), 1..10)) {
        assert_harmless(&pieces.concat());
    }

    /// R08: hostile URLs stay harmless with other capitals, another piece somewhere, or something before or behind.
    #[test]
    fn mutated_hostile_urls_are_harmless(
        url in any_of(HOSTILE),
        place in any::<prop::sample::Index>(),
        piece in piece(),
        flips in prop::collection::vec(any::<bool>(), 1..8),
        tail in any_of(LEGITIMATE),
    ) {
        assert_harmless(&flip_case(&url, &flips));
        assert_harmless(&insert(&url, place, &piece));
        assert_harmless(&format!("{url}{tail}"));
        assert_harmless(&format!("{tail}{url}"));
    }

    /// R24: one control character, space, invisible character or backslash spoils a URL, wherever it is.
    #[test]
    fn one_bad_character_is_enough(
        url in any_of(LEGITIMATE),
        place in any::<prop::sample::Index>(),
        control in prop_oneof![0_u32..0x20, 0x7f_u32..0xa0],
        other in select(vec!["\\", " ", "\u{a0}", "\u{2028}", "\u{3000}", "\u{200b}", "\u{202e}", "\u{feff}", "\u{ad}"]),
    ) {
        let control = char::from_u32(control).unwrap().to_string();
        prop_assert_eq!(check(&insert(&url, place, &control)), Err(RefusedReturnUrl::ControlCharacter));
        prop_assert!(check(&insert(&url, place, other)).is_err());
    }

    /// R24: encoding a control character does not carry it through a path.
    #[test]
    fn encoded_controls_are_refused_in_paths(
        before in "[a-z/]{0,8}", byte in prop_oneof![0_u8..0x20, Just(0x7f)], times in 1_usize..4, after in "[a-zA-Z:/=]{0,12}",
    ) {
        let url = format!("/app/{before}{}{after}", encoded(byte, times));
        prop_assert_eq!(check(&url), Err(RefusedReturnUrl::EncodedControl), "{}", url);
    }

    /// R08: two or more leading slashes of whatever kind and encoding never pass.
    #[test]
    fn leading_slashes_are_refused(
        origin in select(vec!["", DEPLOYED[0], DEPLOYED[1]]),
        slashes in prop::collection::vec(
            (select(vec![b'/', b'\\']), 0_usize..4).prop_map(|(byte, times)| encoded(byte, times)), 1..6,
        ),
        dots in select(vec!["", "./", "../", "a/../", "%2e/", "%2e%2e/"]),
        rest in "(evil\\.example|@evil\\.example|app\\.example\\.com)?(/[a-z]{0,4}){0,2}",
    ) {
        let url = format!("{origin}/{dots}{}{rest}", slashes.concat());
        prop_assert!(check(&url).is_err(), "{:?} was accepted", url);
    }

    /// R08: no user name, however it is made up, and whichever side of the `@` is ours.
    #[test]
    fn userinfo_is_refused(user in "[!-~&&[^/?#\\\\]]{0,16}", rest in "(/[a-z]{0,6})?") {
        for url in [
            format!("https://{user}@app.example.com{rest}"),
            format!("https://app.example.com{user}@evil.example{rest}"),
            format!("https://app.example.com:{user}@evil.example{rest}"),
            format!("https://app.example.com@{user}{rest}"),
        ] {
            prop_assert_eq!(check(&url), Err(RefusedReturnUrl::UserInfo), "{}", url);
        }
    }

    /// R08: the port belongs to the origin; 443 is the only one that may be left out or written.
    #[test]
    fn other_ports_are_another_origin(port in any::<u32>(), zeros in 0_usize..4, rest in "(/[a-z]{0,6})?") {
        let url = format!("https://app.example.com:{}{port}{rest}", "0".repeat(zeros));
        prop_assert_eq!(check(&url).is_ok(), port == 443 && zeros == 0, "{}", url);
        let plain = format!("https://app.example.com:443{rest}");
        prop_assert!(check(&plain).is_ok());
        let other = format!("https://admin.example.com:{port}{rest}");
        prop_assert_eq!(check(&other).is_ok(), port == 8443, "{}", other);
    }

    /// R08: a host with one character more, less or other is another host.
    #[test]
    fn similar_hosts_are_refused(
        place in any::<prop::sample::Index>(), character in "[!-~&&[^/?#]]", rest in "(/[a-z]{0,6})?",
    ) {
        let host = "app.example.com";
        let longer = insert(host, place, &character);
        let mut shorter = host.to_owned();
        shorter.remove(place.index(host.len()));
        let mut other = host.to_owned();
        let at = place.index(host.len());
        other.replace_range(at..=at, &character);
        for changed in [longer, shorter, other] {
            let url = format!("https://{changed}{rest}");
            prop_assert!(changed.eq_ignore_ascii_case(host) || check(&url).is_err(), "{:?} was accepted", url);
        }
        let url = format!("https://{character}app.example.com{rest}");
        prop_assert!(check(&url).is_err(), "{:?} was accepted", url);
    }

    /// R08: letters that look like ours, or that IDNA maps to ours, are not ours.
    #[test]
    fn look_alike_hosts_are_refused(
        (letter, others) in select(&LOOK_ALIKES[..]), which in any::<prop::sample::Index>(), rest in "(/[a-z]{0,6})?",
    ) {
        let host = "app.example.com".replacen(letter, &which.get(others).to_string(), 1);
        let url = format!("https://{host}{rest}");
        prop_assert_eq!(check(&url), Err(RefusedReturnUrl::Host), "{}", url);
        if let Ok(ascii) = idna::domain_to_ascii(&host) && ascii != "app.example.com" {
            let url = format!("https://{ascii}{rest}");
            prop_assert_eq!(check(&url), Err(RefusedReturnUrl::Origin), "{}", url);
        }
    }

    /// R08: a percent-encoded host is refused even where a parser would decode it to ours.
    #[test]
    fn encoded_hosts_are_refused(which in any::<prop::sample::Index>(), times in 1_usize..3) {
        let host = "app.example.com";
        let at = which.index(host.len());
        let url = format!("https://{}{}{}/", &host[..at], encoded(host.as_bytes()[at], times), &host[at + 1..]);
        prop_assert_eq!(check(&url), Err(RefusedReturnUrl::Host), "{}", url);
    }

    /// R08: the sign-in addresses are recognised in capitals, encoded, with more slashes and with any query.
    #[test]
    fn own_endpoints_are_recognised_in_any_spelling(
        path in select(vec!["/login", "/auth/login", "/auth/callback", "/auth/logout", "/logout"]),
        flips in prop::collection::vec(any::<bool>(), 16),
        times in prop::collection::vec(0_usize..4, 16),
        slashes in "/{0,3}",
        tail in "([?#][a-z=/&]{0,12})?",
    ) {
        let spelled: String = flip_case(path, &flips)
            .bytes()
            .zip(&times)
            .enumerate()
            .map(|(at, (byte, times))| encoded(byte, if at == 0 { 0 } else { *times }))
            .collect();
        for url in [format!("{spelled}{slashes}{tail}"), format!("https://app.example.com{spelled}{slashes}{tail}")] {
            prop_assert_eq!(check(&url), Err(RefusedReturnUrl::OwnEndpoint), "{}", url);
        }
    }

    /// R08: what apps really use is accepted, so that the rules above do not win by refusing everything.
    #[test]
    fn plain_urls_are_accepted(
        origin in select(vec!["", DEPLOYED[0], DEPLOYED[1], "HTTPS://APP.EXAMPLE.COM", "https://app.example.com:443"]),
        path in "/app(/[a-zA-Z0-9_~@:;,+!$&'()*=.-]{0,6}[a-z0-9]){0,4}/?",
        query in "(\\?[a-zA-Z0-9%_~@:;/?=&.+-]{0,20})?",
        fragment in "(#[a-zA-Z0-9_~@:;/?=&.!-]{0,20})?",
    ) {
        prop_assume!(!query.contains("%00"));
        let url = format!("{origin}{path}{query}{fragment}");
        match check(&url) {
            Ok(accepted) => assert_stays_home(DEPLOYED, &url, &accepted),
            Err(why) => prop_assert!(false, "{}: {}", url, why),
        }
    }

    /// R08: any text that an app puts properly encoded into a query comes through.
    #[test]
    fn encoded_text_in_a_query_comes_through(text in "[^\\x00]{0,30}") {
        let query: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let accepted = check(&format!("/search?q={query}"));
        prop_assert!(accepted.is_ok(), "{}: {:?}", query, accepted);
    }
}
