//! The directory function alone: its own binary as a process, called as Lambda calls it.
//!
//! What it takes by itself is seen here only: everywhere else it shares a process with the database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use domain::Clock;
use e2e::dsync::WEBHOOK;
use e2e::runtime_api::Function;
use e2e::{WEBHOOK_SECRET, measure};
use serde_json::{Value, json};
use vestibule::dev::events::environment;
use vestibule::dev::{Options, start};
use workos::{SIGNATURE_HEADER, WebhookSecret, WebhookSecrets};

use crate::company::Company;

/// After so many events nothing is new to the process.
const WARM: usize = 100;

/// The function's binary, of the profile that this program was built with.
fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("this program");
    let folder = own.parent().expect("a folder");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", "scim", "--profile", profile, "--target-dir"]);
    let target = folder.parent().expect("a folder of profiles");
    let built = cargo.arg(target).current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo");
    assert!(built.success(), "the function does not build");
    folder.join("scim")
}

/// What API Gateway hands over.
fn call(secret: &WebhookSecret, event: &Value) -> Value {
    let body = event.to_string();
    // The process has no clock but the machine's.
    let signature = secret.sign(body.as_bytes(), Clock::system().now());
    json!({
        "version": "2.0", "routeKey": format!("ANY {WEBHOOK}"), "rawPath": WEBHOOK, "rawQueryString": "",
        "headers": {"content-type": "application/json", "host": "localhost", (SIGNATURE_HEADER): signature},
        "requestContext": {
            "accountId": "123456789012", "apiId": "api", "domainName": "localhost", "domainPrefix": "localhost",
            "http": {
                "method": "POST", "path": WEBHOOK, "protocol": "HTTP/1.1", "sourceIp": "3.217.146.166", "userAgent": "WorkOS",
            },
            "requestId": "benchmark", "routeKey": format!("ANY {WEBHOOK}"), "stage": "$default",
            "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64,
        },
        "body": body, "isBase64Encoded": false,
    })
}

/// Everything of this section, in Markdown.
pub(crate) async fn measured(people: usize) -> String {
    let binary = tokio::task::spawn_blocking(binary).await.expect("a thread");
    let options = Options { deps_only: true, streams: false, ..Options::in_memory() };
    let running = start(options).await.expect("the stack starts");
    let document = running.secrets.get(WEBHOOK_SECRET).expect("a webhook secret");
    let secrets = WebhookSecrets::from_secret(&document).expect("a webhook secret");
    let settings = environment(&running.urls, &BTreeMap::new()).expect("settings");
    let settings = settings.get("ScimFunction").expect("the function's settings");
    let mut function = Function::start(&binary, "scim", settings).await;
    let process = function.process().to_string();
    let (company, at) = (Company { people }, Clock::system().now());
    let (mut processor, mut peak) = (0.0, 0);
    for n in 0..company.events() {
        if n == WARM {
            (processor, peak) = (measure::processor_seconds(&process), measure::peak_kib(&process));
        }
        let answer = function.invoke(&call(secrets.current(), &company.event(at, n))).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
    }
    let processor = measure::processor_seconds(&process) - processor;
    let grown = measure::peak_kib(&process);
    function.stop().await;
    format!(
        "**The function alone**, its own binary as a process, called as Lambda calls it, one event after another: {:.2} ms of \
         processor time an event. Peak memory {:.1} MB after {WARM} events and {:.1} MB after {}: it keeps nothing of them.\n\n",
        processor * 1000.0 / (company.events() - WARM) as f64,
        peak as f64 / 1024.0,
        grown as f64 / 1024.0,
        company.events(),
    )
}
