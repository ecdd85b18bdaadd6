//! The database fails at every call that an event makes: no event is lost, and none counts twice.
//!
//! Each trial has tables of its own. The event is delivered while one call, or that call and all that follow, go wrong;
//! WorkOS is told 503 or, where the trouble passed, 200. Then the database is well again and the event comes once more,
//! as WorkOS sends it. In the end the tables hold what they hold after one undisturbed delivery.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use e2e::dsync::{ACME, directory, group, person, with};
use e2e::runtime_api::Function;
use e2e::{Browser, DatabaseProxy, Fault, Item, Stack, at};
use serde_json::{Value, json};

/// An event's type and how its data is made.
type Sent = (&'static str, fn() -> Value);

/// An event that ends in one verb of the store.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    /// The verb, as the function's source calls it.
    verb: &'static str,
    kind: &'static str,
    data: fn() -> Value,
    /// What has happened before.
    before: &'static [Sent],
    /// Whether Ada is signed in.
    signed_in: bool,
    /// Whether it stays unanswered in the end: nobody knows the directory.
    homeless: bool,
}

const CASE: Case = Case {
    name: "",
    verb: "apply_event",
    kind: "dsync.user.created",
    data: ada,
    before: &[],
    signed_in: false,
    homeless: false,
};

const CASES: [Case; 10] = [
    Case { name: "a person of a new directory", ..CASE },
    Case {
        name: "a leaver",
        kind: "dsync.user.deleted",
        before: &[("dsync.activated", directory), ("dsync.user.created", ada)],
        ..CASE
    },
    Case {
        name: "a directory that ends",
        kind: "dsync.deleted",
        data: directory,
        before: &[("dsync.activated", directory), ("dsync.user.created", ada)],
        ..CASE
    },
    Case {
        name: "a membership",
        kind: "dsync.group.user_added",
        data: membership,
        before: &[
            ("dsync.activated", directory),
            ("dsync.user.created", ada),
            ("dsync.group.created", makers),
        ],
        ..CASE
    },
    Case { name: "a type that nobody knows", verb: "mark_event", kind: "flag.created", data: flag, ..CASE },
    Case { name: "poison", verb: "mark_event", data: poison, ..CASE },
    Case {
        name: "a certificate",
        verb: "mark_event_with",
        kind: "connection.saml_certificate_renewal_required",
        data: certificate,
        signed_in: true,
        ..CASE
    },
    Case {
        name: "a connection that is switched off",
        verb: "apply_tenant_event",
        kind: "connection.deactivated",
        data: connection,
        signed_in: true,
        ..CASE
    },
    Case {
        name: "an organization that ends",
        verb: "apply_tenant_event",
        kind: "organization.deleted",
        data: organization,
        signed_in: true,
        ..CASE
    },
    Case { name: "an event without a home", verb: "note_failure", data: homeless, homeless: true, ..CASE },
];

fn ada() -> Value {
    person("ADA1", "ada@acme.com")
}

fn makers() -> Value {
    group("MAKERS", "Makers")
}

fn membership() -> Value {
    json!({"directory_id": e2e::dsync::DIRECTORY, "user": ada(), "group": makers()})
}

fn flag() -> Value {
    json!({"x": 1})
}

fn poison() -> Value {
    json!({"id": "directory_user_1"})
}

fn homeless() -> Value {
    with(ada(), &json!({"organization_id": null}))
}

/// Its organization has to be looked up.
fn certificate() -> Value {
    json!({"connection": {"id": "conn_01SANDBOXACMEOKTA"}, "certificate": {"certificate_type": "ResponseSigning"}})
}

fn connection() -> Value {
    json!({"id": "conn_01SANDBOXACMEOKTA", "organization_id": ACME, "name": "Okta", "connection_type": "OktaSAML",
           "state": "inactive"})
}

fn organization() -> Value {
    json!({"id": ACME, "name": "Acme"})
}

/// A case in front of its event, with a proxy before the database.
struct Scene {
    case: Case,
    stack: Stack,
    proxy: DatabaseProxy,
    door: Browser,
    event: Value,
}

impl Scene {
    async fn set(case: Case) -> Self {
        let stack = Stack::start().await;
        if case.signed_in {
            stack.browser().signed_in(at::OKTA, "ada@acme.com").await;
        }
        for (n, (kind, data)) in case.before.iter().enumerate() {
            stack.advance(1);
            stack.delivered(&stack.event(&format!("B{n}"), kind, data())).await;
        }
        stack.advance(120);
        let proxy = stack.proxy().await;
        let door = stack.behind(&proxy, &[]).await.visited_by(&stack.browser());
        let event = stack.event("THIS", case.kind, (case.data)());
        proxy.forget();
        Self { case, stack, proxy, door, event }
    }

    async fn deliver(&self) -> u16 {
        self.stack.deliver_to(&self.door, &self.event).await.status
    }

    /// The trouble is over, and the event comes again.
    async fn redeliver(&self, why: &str) {
        self.proxy.heal();
        for _ in 0..2 {
            let status = self.deliver().await;
            assert_eq!(status, if self.case.homeless { 503 } else { 200 }, "{why}");
        }
    }

    /// What the tables hold, without what is invented anew each time.
    async fn census(&self) -> Vec<String> {
        let mut census: Vec<String> = self.stack.everything().await.iter().filter_map(essence).collect();
        census.sort();
        census
    }
}

/// What an item says, without ids that are random and without counters of requests.
fn essence(item: &Item) -> Option<String> {
    let (pk, sk) = (item.text("pk"), item.text("sk"));
    if pk.starts_with("R#") || pk.starts_with("T#") || pk.starts_with("L#") {
        return None;
    }
    // How often an event failed says how often it failed.
    if pk.starts_with("F#") {
        return Some("failure".to_owned());
    }
    let random = ["user_01", "sess_01", "01"];
    let place: Vec<&str> = pk
        .split('#')
        .chain(sk.split('#'))
        .map(|part| if random.iter().any(|start| part.starts_with(start)) { "…" } else { part })
        .collect();
    let told: BTreeMap<&str, &Value> = [
        "status",
        "state",
        "generation",
        "revision",
        "version",
        "outcome",
        "reason",
        "kind",
        "order",
        "present",
        "action",
        "connections",
        "directories",
        "domains",
    ]
    .into_iter()
    .filter_map(|name| Some((name, item.0.get(name)?)))
    .collect();
    Some(format!("{} {told:?}", place.join("#")))
}

/// One delivery without any trouble: the calls it makes and what it leaves.
async fn undisturbed(case: Case) -> (Vec<String>, Vec<String>) {
    let scene = Scene::set(case).await;
    let status = scene.deliver().await;
    assert_eq!(status, if case.homeless { 503 } else { 200 }, "{}", case.name);
    let calls = scene.proxy.order();
    scene.redeliver(case.name).await;
    (calls, scene.census().await)
}

fn writes(calls: &[String]) -> usize {
    calls.iter().filter(|call| !matches!(call.as_str(), "GetItem" | "BatchGetItem" | "Query")).count()
}

/// R53: every call of every kind of event, broken in every way, once and for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_event_is_lost_or_counts_twice_whatever_call_fails() {
    for case in CASES {
        let (calls, expected) = undisturbed(case).await;
        assert_eq!(writes(&calls), 1, "{}: all of it is one write: {calls:?}", case.name);
        for (call, operation) in calls.iter().enumerate() {
            let mut trials = Vec::new();
            for fault in [Fault::Cut, Fault::AnswerCut, Fault::ServerError, Fault::Throttled, Fault::Conflict]
            {
                if fault == Fault::Conflict && operation != "TransactWriteItems" {
                    continue;
                }
                trials.extend([(fault, 1), (fault, usize::MAX)]);
            }
            let trials = trials.into_iter().map(|(fault, times)| {
                let (expected, operation) = (expected.clone(), operation.clone());
                tokio::spawn(async move {
                    let why = format!("{}: call {call} ({operation}), {fault:?} × {times}", case.name);
                    let scene = Scene::set(case).await;
                    scene.proxy.break_from(call, times, fault);
                    let status = scene.deliver().await;
                    // What passes in a moment nobody has to notice.
                    let allowed: &[u16] = if times == 1 && !case.homeless { &[200, 503] } else { &[503] };
                    assert!(allowed.contains(&status), "{why}: {status}");
                    scene.redeliver(&why).await;
                    assert_eq!(scene.census().await, expected, "{why}");
                })
            });
            for trial in trials.collect::<Vec<_>>() {
                trial.await.unwrap();
            }
        }
    }
}

/// R53: the database says nothing at all. The request's own time is over before WorkOS's, and the answer is 503.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_database_is_answered_in_time() {
    let mut trials = Vec::new();
    for case in CASES {
        let (calls, expected) = undisturbed(case).await;
        for call in 0..calls.len() {
            let expected = expected.clone();
            trials.push(tokio::spawn(async move {
                let why = format!("{}: call {call}", case.name);
                let scene = Scene::set(case).await;
                scene.proxy.break_from(call, usize::MAX, Fault::Silence);
                assert_eq!(scene.deliver().await, 503, "{why}");
                scene.redeliver(&why).await;
                assert_eq!(scene.census().await, expected, "{why}");
            }));
        }
    }
    for trial in trials {
        trial.await.unwrap();
    }
}

/// R53: the function ends between two of its calls, at each of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_ends_half_way_leaves_nothing_half_done() {
    for case in CASES {
        let (calls, expected) = undisturbed(case).await;
        for (call, operation) in calls.iter().enumerate() {
            let why = format!("{}: call {call} ({operation})", case.name);
            let scene = Scene::set(case).await;
            let before = scene.census().await;
            scene.proxy.break_from(call, usize::MAX, Fault::Silence);
            {
                let delivery = scene.stack.deliver_to(&scene.door, &scene.event);
                let reached = async {
                    while scene.proxy.order().len() <= call {
                        tokio::task::yield_now().await;
                    }
                };
                tokio::select! {
                    answer = delivery => panic!("{why}: answered {}", answer.status),
                    () = reached => {}
                }
            }
            assert_eq!(scene.census().await, before, "{why}");
            scene.redeliver(&why).await;
            assert_eq!(scene.census().await, expected, "{why}");
        }
    }
}

/// R53: killed for good, as a process, between the signature's check and the write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_loses_no_event() {
    let scene = Scene::set(CASES[1]).await;
    let urls = &scene.stack.running.urls;
    let all = vestibule::dev::events::environment(urls, &BTreeMap::new()).unwrap();
    let mut settings = all["ScimFunction"].clone();
    settings.insert("AWS_ENDPOINT_URL_DYNAMODB".into(), scene.proxy.url.clone());
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let secrets = format!("http://{}", listener.local_addr().unwrap());
    let router = scene.stack.running.secrets.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    settings.insert("AWS_ENDPOINT_URL_SECRETS_MANAGER".into(), secrets);
    let binary = crate::events::bootstrap("scim");
    let invocation = || {
        let now = domain::Clock::system().now();
        let body = scene.event.to_string();
        vestibule::events_sign::sign("event", &body, &scene.stack.webhook_secret(), now, None).unwrap()
    };
    let mut held = scene.proxy.hold("TransactWriteItems");
    let mut doomed = Function::start(&binary, "scim", &settings).await;
    let sent = invocation();
    tokio::select! {
        answer = doomed.invoke(&sent) => panic!("answered {answer}"),
        () = held.arrived() => {}
    }
    drop(doomed);
    // Whether the write still arrives is the network's affair: it is one event either way.
    held.let_go();
    for outcomes in [&["applied", "duplicate"][..], &["duplicate"]] {
        let mut next = Function::start(&binary, "scim", &settings).await;
        let answer = next.invoke(&invocation()).await;
        let body = answer["body"].as_str().unwrap_or_default();
        assert!(outcomes.iter().any(|outcome| body.contains(outcome)), "{answer}");
    }
    let [user] = <[_; 1]>::try_from(scene.stack.users().await).unwrap();
    assert_eq!((user.text("status"), user.number("generation")), ("inactive", 1));
}

/// The cases are all there are: every verb of the store that the function calls, and every place of the projection that
/// writes, as the sources have them. A new one has to be broken here as well, or be named as none of the webhook's.
#[test]
fn the_sites_are_those_of_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let sources = |dir: &str| -> Vec<(String, String)> {
        let files = std::fs::read_dir(root.join(dir)).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|kind| kind == "rs"));
        let mut sources: Vec<_> = files
            .map(|file| {
                let text = std::fs::read_to_string(&file).unwrap();
                let text = text.split("#[cfg(test)]").next().unwrap().replace(char::is_whitespace, "");
                (file.file_name().unwrap().to_str().unwrap().to_owned(), text)
            })
            .collect();
        sources.sort();
        sources
    };
    let mut called = BTreeSet::new();
    let function = sources("functions/scim/src").into_iter();
    for (_, text) in function.chain(sources("shared/intake/src")) {
        for owner in [".store.", ".applier."] {
            for (at, _) in text.match_indices(owner) {
                let rest = &text[at + owner.len()..];
                let verb: String =
                    rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if rest[verb.len()..].starts_with('(') {
                    called.insert(verb);
                }
            }
        }
    }
    // A read: of the certificate's case.
    assert!(called.remove("organization_of"));
    let tried: BTreeSet<String> = CASES.iter().map(|case| case.verb.to_owned()).collect();
    assert_eq!(called, tried);

    let mut sites = Vec::new();
    for (file, text) in sources("shared/store/src/directory") {
        for call in [
            "put_item()",
            "update_item()",
            "delete_item()",
            "transact_write_items()",
            "batch_write_item()",
            "transact(",
        ] {
            let calls = text.matches(&format!(".{call}")).count();
            sites.extend(std::iter::repeat_n(
                (file.clone(), call.trim_end_matches("()").trim_end_matches('(')),
                calls,
            ));
        }
    }
    let applier = std::fs::read_to_string(root.join("shared/store/src/directory.rs")).unwrap();
    assert_eq!(applier.matches(".transact(").count(), 1, "apply_event");
    let named = |sites: &[(String, &str)]| {
        sites.iter().map(|(file, call)| format!("{file} {call}")).collect::<Vec<_>>()
    };
    assert_eq!(
        named(&sites),
        [
            // `count_failure`, of the one that reads events in order; `note_failure`.
            "failures.rs update_item",
            "failures.rs update_item",
            // The outbox's own, once a notice is on its way.
            "outbox.rs update_item",
            // `forget_event`, an operator's; `mark_event` and `mark_event_with`.
            "seen.rs delete_item",
            "seen.rs transact",
            // `apply_tenant_event`.
            "tenants.rs transact",
        ]
    );
}
