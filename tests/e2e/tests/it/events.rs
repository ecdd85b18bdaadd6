//! Every sample event, through the functions' own binaries: what `cargo lambda invoke` and `sam local invoke` do.
//!
//! The binaries are built when this runs, or are those in the directory that `VESTIBULE_BOOTSTRAPS` names: release
//! builds, one folder for each function with a `bootstrap` in it. Each event meets fresh tables with fresh fixtures, a
//! process that was never asked before, and the settings of `events/env.json`. What it did to the tables counts as
//! much as what it answered.

mod functions;
mod webhooks;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use e2e::runtime_api::Function;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use vestibule::dev::events::environment;
use vestibule::dev::fixtures::{Fixtures, REFUSED_STATE, STATE};
use vestibule::dev::{Options, Running, start};

use crate::template::binaries;

/// What an event must come to.
struct Expected {
    event: &'static str,
    function: &'static str,
    answer: Answer,
    /// What happened in the tables: `+` added, `-` gone, `~` changed. More than three alike are counted.
    changes: &'static [&'static str],
}

enum Answer {
    Http {
        status: u16,
        /// Beginning of `Location`.
        location: &'static str,
        /// Cookies by the beginning of their names: set, or cleared.
        set: &'static [&'static str],
        cleared: &'static [&'static str],
        /// In the body.
        says: &'static str,
    },
    /// An authorizer's.
    Verdict(bool),
    /// Nothing of the batch comes again.
    Handled,
    /// Each of these came to its end.
    Done(&'static [&'static str]),
}

const SESSION: &str = "__Host-session";
const FLOW: &str = "__Host-login-";

const fn page(status: u16, says: &'static str) -> Answer {
    Answer::Http { status, location: "", set: &[], cleared: &[], says }
}

fn samples() -> impl Iterator<Item = &'static Expected> + Clone {
    functions::EXPECTED.iter().chain(&webhooks::EXPECTED)
}

fn events() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

/// Every file is expected to come to something, and for each function one succeeds and one is refused.
#[test]
fn every_sample_event_has_an_expectation() {
    let names =
        std::fs::read_dir(events()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<_> = names.filter(|name| name.ends_with(".json") && name != "env.json").collect();
    files.sort();
    let mut expected: Vec<_> = samples().map(|expected| expected.event).collect();
    expected.sort_unstable();
    assert_eq!(files, expected);
    for function in binaries() {
        let of_function = samples().filter(|expected| expected.function == function);
        let succeeded = of_function.clone().filter(|expected| match expected.answer {
            Answer::Http { status, .. } => status < 400,
            Answer::Verdict(allowed) => allowed,
            Answer::Handled | Answer::Done(_) => true,
        });
        let (all, fine) = (of_function.count(), succeeded.count());
        // These answer nobody who could be refused.
        let alone = ["outbox", "reconcile"].contains(&function.as_str());
        assert!(fine > 0 && (fine < all || alone), "{function}: {fine} of {all} succeed");
    }
}

/// R20, R38, R76 and the rest of what an answer owes, by the binaries that are deployed.
#[tokio::test(flavor = "multi_thread")]
async fn every_sample_event_goes_through_its_binary() {
    for expected in samples() {
        run(expected).await;
    }
}

async fn run(expected: &Expected) {
    let event = expected.event;
    let running = start(Options { deps_only: true, ..Options::in_memory() }).await.unwrap();
    let fixtures = running.seed().await.unwrap().unwrap();
    let text = std::fs::read_to_string(events().join(event)).unwrap();
    let sent = signed(&running, event, &fixtures.fill(&text, "localhost:8080"));

    let before = tables(&running).await;
    let settings = settings(&running, expected.function);
    let mut function = Function::start(&bootstrap(expected.function), expected.function, &settings).await;
    let answer = function.invoke(&sent).await;
    let after = tables(&running).await;

    match &expected.answer {
        Answer::Verdict(allowed) => verdict(event, &answer, *allowed, &fixtures),
        Answer::Http { .. } => response(expected, &answer, &running),
        Answer::Handled => assert_eq!(answer, json!({"batchItemFailures": []}), "{event}"),
        Answer::Done(parts) => {
            let answer = answer.as_object().unwrap();
            assert_eq!(answer.keys().collect::<Vec<_>>(), *parts, "{event}");
            assert!(answer.values().all(|part| part["stop"] == "done"), "{event}: {answer:?}");
        }
    }
    assert_eq!(changes(&before, &after), expected.changes, "{event}: {answer}");
    log(event, &function.stop().await, &fixtures);
}

/// As `vestibule events sign --new` signs it; what has no signature has none.
fn signed(running: &Running, name: &str, text: &str) -> Value {
    let event: Value = serde_json::from_str(text).unwrap();
    if event["headers"].get(workos::SIGNATURE_HEADER).is_none() {
        return event;
    }
    let document = running.secrets.get(e2e::WEBHOOK_SECRET).unwrap();
    let secret = workos::WebhookSecrets::from_secret(&document).unwrap();
    let now = domain::Clock::system().now();
    vestibule::events_sign::sign(name, text, secret.current(), now, Some("event_01NEW")).unwrap()
}

fn verdict(event: &str, answer: &Value, allowed: bool, fixtures: &Fixtures) {
    let context = json!({
        "kind": "session", "sub": fixtures.user, "org": fixtures.organization, "sid": fixtures.session,
        "roles": answer["context"]["roles"], "amr": ["sso"], "auth_time": answer["context"]["auth_time"],
    });
    let expected = if allowed {
        json!({ "isAuthorized": true, "context": context })
    } else {
        json!({ "isAuthorized": false })
    };
    assert_eq!(*answer, expected, "{event}");
}

fn response(expected: &Expected, answer: &Value, running: &Running) {
    let Answer::Http { status, location, set, cleared, says } = &expected.answer else { return };
    let event = expected.event;
    let header = |name: &str| answer["headers"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(answer["statusCode"], *status, "{event}: {answer}");
    let location = location.replace("{sandbox}", running.urls.sandbox.as_deref().unwrap_or_default());
    assert!(header("location").starts_with(&location), "{event}: {answer}");
    assert_eq!(header("location").is_empty(), location.is_empty(), "{event}: {answer}");

    let none = Vec::new();
    let cookies = answer["cookies"].as_array().unwrap_or(&none);
    let cookies: Vec<&str> = cookies.iter().map(|cookie| cookie.as_str().unwrap()).collect();
    let (mut gone, mut there): (Vec<&str>, Vec<&str>) =
        cookies.iter().partition(|cookie| cookie.ends_with("; Max-Age=0"));
    for cookie in &cookies {
        assert!(cookie.contains("; HttpOnly; SameSite=Lax; Secure; Path=/"), "{event}: {cookie}");
    }
    for (wanted, found) in [(set, &mut there), (cleared, &mut gone)] {
        assert_eq!(wanted.len(), found.len(), "{event}: {cookies:?}");
        for prefix in wanted.iter() {
            assert!(found.iter().any(|cookie| cookie.starts_with(prefix)), "{event}: {cookies:?}");
        }
    }
    let body = answer["body"].as_str().unwrap_or_default();
    assert!(body.to_lowercase().contains(&says.to_lowercase()), "{event}: {body}");
    assert!(!body.contains("Nobody should ever see this text"), "{event}: {body}");
    assert!(!header("x-request-id").is_empty(), "{event}: {answer}");
    assert!(header("cache-control").contains(if event.contains("-jwks") || event.contains("-openid") {
        "max-age=300"
    } else {
        "no-store"
    }));
    assert_eq!(header("x-content-type-options"), "nosniff", "{event}: {answer}");
}

/// R73, R74: every line is one JSON object of one shape, and none holds a secret.
fn log(event: &str, lines: &[String], fixtures: &Fixtures) {
    let mut metrics = 0;
    for line in lines {
        let parsed: Value = serde_json::from_str(line).unwrap_or_else(|why| panic!("{event}: {why}: {line}"));
        if parsed.get("_aws").is_some() {
            metrics += 1;
        } else {
            assert!(parsed["level"].is_string() && parsed["timestamp"].is_string(), "{event}: {line}");
            assert_ne!(parsed["level"], "ERROR", "{event}: {line}");
        }
        for secret in [fixtures.token.expose_secret(), &fixtures.code, STATE, REFUSED_STATE, "globex.com"] {
            assert!(!line.contains(secret), "{event}: {line}");
        }
    }
    let silent = ["authorizer", "outbox-purge"].iter().any(|name| event.starts_with(name));
    assert!(metrics > 0 || silent, "{event}: no metrics");
}

type Table = BTreeMap<(String, String), Value>;

async fn tables(running: &Running) -> Table {
    let mut all = Table::new();
    for table in ["vestibule-identity", "vestibule-ephemeral"] {
        let scan =
            running.store.client().scan().table_name(table).consistent_read(true).send().await.unwrap();
        for item in scan.items.unwrap_or_default() {
            let item: Value = serde_dynamo::from_item(item).unwrap();
            let key = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
            all.insert((key("pk"), key("sk")), item);
        }
    }
    all
}

fn changes(before: &Table, after: &Table) -> Vec<String> {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let change = |key: &&(String, String)| match (before.get(*key), after.get(*key)) {
        (None, Some(_)) => Some(format!("+{}", kind(key))),
        (Some(_), None) => Some(format!("-{}", kind(key))),
        // Whether somebody was counted in this minute before is chance.
        (Some(old), Some(new)) if old != new && kind(key) == "counter" => Some("+counter".to_owned()),
        (Some(old), Some(new)) if old != new => Some(format!("~{}", kind(key))),
        _ => None,
    };
    let mut changes: Vec<_> = keys.iter().filter_map(change).collect();
    changes.sort();
    let alike = changes.chunk_by(|one, next| one == next);
    alike
        .flat_map(|run| if run.len() > 3 { vec![format!("{} {}", run.len(), run[0])] } else { run.to_vec() })
        .collect()
}

fn kind((pk, sk): &(String, String)) -> &'static str {
    match sk.as_str() {
        "" if pk.starts_with("V#") => "seen",
        "" if pk.starts_with("F#") => "failure",
        "PTR" if pk.starts_with("D#") => "directory_pointer",
        "META" if pk.contains("#D#") && pk.contains("#U#") => "directory_user",
        "META" if pk.contains("#D#") && pk.contains("#G#") => "directory_group",
        "META" if pk.contains("#D#") => "directory",
        _ if pk.contains("#D#") && pk.contains("#M#") => "membership",
        _ if pk.ends_with("#UX") || pk.ends_with("#GX") => "directory_list",
        "JOB" => "job",
        "CLAIM" => "claim",
        "NOTICE" => "notice",
        _ if pk == "X#tenants" => "tenant_list",
        _ if pk.starts_with("M#") => "domain",
        "" if pk.starts_with("L#") => "login",
        "" if pk.starts_with("R#") => "counter",
        "" if pk.starts_with("T#") => "trace_pointer",
        "META" if pk.contains("#U#") => "user",
        "META" => "tenant",
        "GATE" => "gate",
        "LINK" => "identity",
        _ if sk.starts_with("S#") => "session",
        _ if pk.contains("#T#") => "trace",
        _ if pk.contains("#A#") => "audit",
        _ if pk.contains("#P#") => "connection_person",
        _ => "something else",
    }
}

/// The settings that `events/env.json` gives this function, with the addresses of this stack.
fn settings(running: &Running, function: &str) -> BTreeMap<String, String> {
    let mut letters = function.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase()).into_iter();
    let logical_id: String = first.chain(letters).chain("Function".chars()).collect();
    environment(&running.urls, &BTreeMap::new()).unwrap().remove(&logical_id).unwrap()
}

/// Whoever deploys mends all settings at once, not one per attempt; and nothing starts half configured.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_with_wrong_settings_names_all_of_them_and_exits() {
    let shared = ["IDENTITY_TABLE", "PUBLIC_URL"];
    for (name, own) in [
        ("authorizer", &["AUTHORIZER_MODE"][..]),
        ("outbox", &["APP_WEBHOOK_URL"]),
        (
            "reconcile",
            &[
                "DEACTIVATED_USER_RETENTION_DAYS",
                "EPHEMERAL_TABLE",
                "WORKOS_API_BASE_URL",
                "WORKOS_API_KEY_SECRET",
                "WORKOS_CLIENT_ID",
            ],
        ),
        ("login", &["CALLBACKS_PER_MINUTE", "EPHEMERAL_TABLE", "WORKOS_API_BASE_URL", "WORKOS_CLIENT_ID"]),
        (
            "callback",
            &[
                "CALLBACKS_PER_MINUTE",
                "EPHEMERAL_TABLE",
                "SIGNING_KEYS_SECRET",
                "WORKOS_API_BASE_URL",
                "WORKOS_API_KEY_SECRET",
                "WORKOS_CLIENT_ID",
            ],
        ),
        (
            "session",
            &[
                "EPHEMERAL_TABLE",
                "SIGNING_KEYS_SECRET",
                "WORKOS_API_BASE_URL",
                "WORKOS_API_KEY_SECRET",
                "WORKOS_CLIENT_ID",
            ],
        ),
        (
            "scim",
            &[
                "DEACTIVATED_USER_RETENTION_DAYS",
                "EPHEMERAL_TABLE",
                "WEBHOOK_ALLOWED_IPS",
                "WORKOS_CLIENT_ID",
                "WORKOS_WEBHOOK_SECRET",
            ],
        ),
    ] {
        let settings = [
            ("AWS_REGION", "us-east-1"),
            ("AUTHORIZER_MODE", "canary-lenient"),
            ("APP_WEBHOOK_URL", "http://canary.example.com"),
            ("CALLBACKS_PER_MINUTE", "canary-many"),
            ("DEACTIVATED_USER_RETENTION_DAYS", "canary-ever"),
            ("WEBHOOK_ALLOWED_IPS", "canary-everybody"),
            ("WORKOS_API_BASE_URL", "http://canary.example.com"),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let ended = Function::start(&bootstrap(name), name, &settings).await.ended().await;
        assert!(!ended.status.success() && !ended.asked, "{name}: {:?}", ended.output);
        let lines = ended.output.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let problems = lines.filter_map(|line| Some(line["settings.problem"].as_str()?.to_owned()));
        let mut named: Vec<_> =
            problems.map(|problem| problem.split(':').next().unwrap_or_default().to_owned()).collect();
        named.sort();
        // Nobody comes to these, so they need not know where the product is.
        let inward = ["outbox", "reconcile"].contains(&name);
        let shared = shared.iter().filter(|shared| !inward || **shared != "PUBLIC_URL");
        let mut expected: Vec<_> = shared.chain(own).copied().collect();
        expected.sort_unstable();
        assert_eq!(named, expected, "{name}: {:?}", ended.output);
        assert!(!ended.output.iter().any(|line| line.contains("canary")), "{name}: {:?}", ended.output);
    }
}

/// The function's binary: a given one, or built now.
pub(crate) fn bootstrap(function: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let given = web::Vars::from_process().get("VESTIBULE_BOOTSTRAPS").map(PathBuf::from);
        // A test runs in its package's folder; whoever names a directory means one seen from the workspace.
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        given.map_or_else(build, |folder| workspace.join(folder))
    });
    let deployed = folder.join(function).join("bootstrap");
    if deployed.is_file() { deployed } else { folder.join(function) }
}

/// Builds the functions in the profile of this test, beside it. Cargo itself takes care that two do not build at once.
fn build() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let folder = test.parent().and_then(Path::parent).unwrap();
    let profile = match folder.file_name().and_then(|name| name.to_str()).unwrap() {
        "debug" => "dev",
        profile => profile,
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--profile", profile, "--target-dir"]).arg(folder.parent().unwrap());
    for function in binaries() {
        cargo.args(["-p", &function]);
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap();
    assert!(built.success(), "the functions do not build");
    folder.to_owned()
}
