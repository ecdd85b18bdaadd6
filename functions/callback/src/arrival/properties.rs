//! What holds for any query that a link, a browser, WorkOS or an attacker may bring to the callback: only one code with one
//! state and no error can end in a session, whatever is said twice decides nothing, and no text of the query is shown.

use domain::ConnectionId;
use proptest::prelude::*;
use web::config::Reader;
use web::{Link, Site, Vars};

use super::{Arrival, LONGEST};
use crate::failure::Failure;
use crate::upstream::KNOWN;

/// What the callback reads, and names that are nearly so.
const NAMES: [&str; 12] = [
    "code",
    "state",
    "error",
    "connection_id",
    "Code",
    "code[]",
    "state ",
    "codé",
    "error_description",
    "iss",
    "session_state",
    "",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-z0-9_.~-]{1,43}",
        2 => "\\PC{0,20}",
        1 => "[\u{0}-\u{1f}\u{7f}\u{202e}\u{2028}<>\"'&=%;+#]{0,12}",
        1 => prop::sample::select(&KNOWN[..]).prop_map(str::to_owned),
        1 => "conn_[A-Za-z0-9_<-]{0,30}",
        1 => Just(String::new()),
        1 => (LONGEST - 2..LONGEST + 3).prop_map(|length| "x".repeat(length)),
        1 => (LONGEST / 2 - 1..LONGEST / 2 + 2).prop_map(|length| "é".repeat(length)),
        1 => Just("y".repeat(8 * LONGEST)),
    ]
}

fn pair() -> impl Strategy<Value = (&'static str, String)> {
    (prop_oneof![3 => prop::sample::select(&NAMES[..4]), 1 => prop::sample::select(&NAMES[..])], value())
}

/// One of the spellings of a text in a query; `spelling` chooses it, byte by byte.
fn written(text: &str, spelling: &[u8]) -> String {
    let mut chosen = spelling.iter().cycle();
    let mut out = String::new();
    for byte in text.bytes() {
        let how = chosen.next().unwrap() % 4;
        match byte {
            b' ' if how < 2 => out.push('+'),
            // Everything that may stand for itself, which is more than RFC 3986 allows.
            b'!' | b'$'..=b'*' | b','..=b'<' | b'?'..=b'~' if how < 2 && byte != b'&' && byte != b'%' => {
                out.push(char::from(byte));
            }
            _ if how == 3 => out.push_str(&format!("%{byte:02x}")),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn query(pairs: &[(&str, String)], spelling: &[u8]) -> String {
    let written =
        |(name, value): &(&str, String)| format!("{}={}", written(name, spelling), written(value, spelling));
    pairs.iter().map(written).collect::<Vec<_>>().join("&")
}

/// Anything at all, with what parsers of queries stumble over.
fn raw() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,60}",
        "(iss=[a-z%]{0,4}&)?code=[A-Z0-9%]{1,26}&(x&)?state=[A-Za-z0-9_-]{1,43}(&[a-z%=]{0,6})?",
        "((c|%63|%6)ode|state|error|connection_id|[a-z%&=+;]{0,6})(=|%3D|)[a-z0-9%&=+;\u{0}\r\n]{0,20}",
        "(&+(code|state|error)=?(%[0-9a-fA-F]{0,2}|%u0041|%ff|%00|%%|[a-z]){0,6}){0,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    /// R02, R06: whatever the spelling, a login goes on only with one code and one state and no error, and with exactly
    /// the text that was sent; what is known twice, or is too long, makes the whole query unusable.
    #[test]
    fn one_code_one_state_and_nothing_else_is_an_answer(
        pairs in prop::collection::vec(pair(), 0..6),
        spelling in prop::collection::vec(any::<u8>(), 1..16),
    ) {
        let arrival = Arrival::parse(&query(&pairs, &spelling));
        let known = ["code", "state", "error", "connection_id"].map(|wanted| {
            let values = pairs.iter().filter(|(name, _)| *name == wanted).map(|(_, value)| value.clone());
            values.collect::<Vec<_>>()
        });
        if known.iter().any(|values| values.len() > 1 || values.iter().any(|value| value.len() > LONGEST)) {
            prop_assert_eq!(arrival, Arrival::Unusable);
            return Ok(());
        }
        // An empty value is none.
        let [code, state, error, connection] = known.map(|values| values.concat());
        let connection = ConnectionId::parse(&connection).ok();
        match (code.is_empty(), state.is_empty(), error.is_empty()) {
            (false, false, true) => prop_assert_eq!(arrival, Arrival::Code { code, state }),
            (false, _, false) | (true, _, true) => prop_assert_eq!(arrival, Arrival::Unusable),
            (true, false, false) => prop_assert_eq!(arrival, Arrival::Error { error, state }),
            (false, true, true) => prop_assert_eq!(arrival, Arrival::Unsolicited { connection }),
            (true, true, false) if error == "idp_initiated_sso_disabled" => {
                prop_assert_eq!(arrival, Arrival::Unsolicited { connection });
            }
            (true, true, false) => prop_assert_eq!(arrival, Arrival::Stray { error }),
        }
    }

    /// R02: nobody who can lengthen a link changes what it says: a second code, state or error ends it, in any spelling of
    /// the name, before or behind; anything else changes nothing.
    #[test]
    fn what_is_added_ends_it_or_changes_nothing(
        text in raw(),
        name in prop::sample::select(&NAMES[..]),
        value in value(),
        spelling in prop::collection::vec(any::<u8>(), 1..16),
    ) {
        let arrival = Arrival::parse(&text);
        let more = query(&[(name, value)], &spelling);
        for longer in [format!("{text}&{more}"), format!("{more}&{text}"), format!("{text}&&{more}&")] {
            let lengthened = Arrival::parse(&longer);
            match (&arrival, name) {
                (Arrival::Code { code, state }, _) => {
                    prop_assert!([code, state].iter().all(|part| (1..=LONGEST).contains(&part.len())));
                    match name {
                        "code" | "state" => prop_assert_eq!(lengthened, Arrival::Unusable),
                        // An empty error is none.
                        "error" | "connection_id" => {
                            prop_assert!(lengthened == Arrival::Unusable || lengthened == arrival);
                        }
                        _ => prop_assert_eq!(&lengthened, &arrival),
                    }
                }
                (_, "code" | "state" | "error" | "connection_id") => {}
                _ => prop_assert_eq!(&lengthened, &arrival),
            }
        }
    }

    /// R10: an error is one of WorkOS's words or `unknown`, in the log as in the metrics, and the page has nothing of it.
    #[test]
    fn no_text_of_an_error_is_shown(
        error in prop_oneof![raw(), value(), "<[a-z]{1,8}[ a-z=\"'/]{0,20}>", "javascript:[a-z()]{1,12}"],
        state in prop::option::of("[A-Za-z0-9_-]{43}"),
        spelling in prop::collection::vec(any::<u8>(), 1..16),
    ) {
        let mut pairs = vec![("error", error.clone()), ("error_description", error)];
        pairs.extend(state.map(|state| ("state", state)));
        let arrival = Arrival::parse(&query(&pairs, &spelling));
        let (Arrival::Error { error, .. } | Arrival::Stray { error }) = arrival else { return Ok(()) };
        let failure = Failure::upstream(&error);
        prop_assert!(failure.reason() == "unknown" || failure.reason() == error);
        prop_assert!(failure.reason() == "unknown" || KNOWN.contains(&failure.reason()));
        let logged = format!("WorkOS sent the browser back with the error {}", failure.reason());
        prop_assert_eq!(failure.to_string(), logged);
        // The same page, to the letter, as for the word alone.
        prop_assert_eq!(page(Failure::upstream(failure.reason())), page(failure));
    }
}

fn page(failure: Failure) -> String {
    let vars = Vars::from_iter([("PUBLIC_URL", "https://auth.example.com")]);
    let site = Site::read(&mut Reader::new(&vars)).unwrap();
    failure.page(Link::path("/login")).render(&site, "8f507cfc").unwrap()
}
